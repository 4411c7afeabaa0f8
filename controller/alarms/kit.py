"""How the alarms of a policy are told, ready: defaults filled in, limits in the units of their tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

from controller.alarms.conditions import Condition, LimitCondition, LinkCondition, QualityCondition
from controller.alarms.state import Source
from plant_io.signals import TagIndex
from policies import Policy, Priority, Route
from policies.alarms import Alarms, Answered, Handled, Handling, LimitAlarm, Suppressed
from policies.units import convert, difference

_OF_RANGE = 0.01
_UNNAMED = Handling()
_OPERATOR: tuple[Route, ...] = ("operator",)


@dataclass(frozen=True, slots=True)
class Known:
    """An alarm there may be, by name."""

    source: Source
    """What raises it."""
    handling: Handled
    """What the policy says of it."""
    priority: Priority
    """How soon a person must act, until something says otherwise."""
    routing: tuple[Route, ...]
    """Who is told, until something says otherwise."""
    response: str = ""
    """What the person told should do, until something says otherwise."""


@dataclass(frozen=True, slots=True)
class AlarmKit:
    """Everything the alarms need besides what changes."""

    known: Mapping[str, Known]
    """Every alarm there may be but those of incidents, by name."""
    incidents: Handling
    """What the policy says of the alarms of incidents."""
    conditions: tuple[Condition, ...]
    """What only the policy raises."""
    suppressed: Mapping[str, Suppressed]
    """Conditions under which alarms are suppressed by design, by name."""
    max_shelving_s: float
    """Longest time for which an alarm may be shelved at once, where it says nothing else [s]."""

    def handling(self, name: str) -> Handled:
        """Return what the policy says of an alarm; what it does not name is one of an incident."""
        return self.known[name].handling if name in self.known else self.incidents


_UNDELIVERED = Known(
    "notice", _UNNAMED, "medium", ("maintenance",), "Look at the receiver and its network; tell people by other means."
)


def prepare(policy: Policy, index: TagIndex) -> AlarmKit:
    """Return how the alarms of a policy are told.

    Parameters
    ----------
    policy
        The policy.
    index
        Where each tag stands in a snapshot.
    """
    declared = policy.alarms
    own = dict(chain(declared.limits.items(), declared.quality.items(), declared.links.items()))
    known = {name: _known("limit", declared.limits[name]) for name in declared.limits}
    known |= {name: _known("quality", declared.quality[name]) for name in declared.quality}
    known |= {name: _known("link", declared.links[name]) for name in declared.links}
    known |= _told(policy)
    known |= {f"notices.{name}": _UNDELIVERED for name in (policy.notices.receivers if policy.notices else ())}
    suppressed = {name: one.handling.suppressed for name, one in known.items() if one.handling.suppressed is not None}
    return AlarmKit(
        known=known,
        incidents=declared.incidents,
        conditions=tuple(_condition(name, policy, index) for name in own),
        suppressed=suppressed,
        max_shelving_s=declared.max_shelving_s,
    )


def _known(source: Source, handling: Answered | Handling) -> Known:
    return Known(
        source, handling, handling.priority or "medium", handling.routing or _OPERATOR, handling.response or ""
    )


def _told(policy: Policy) -> dict[str, Known]:
    """Return the alarms of watches and loops; where alerts are folded into incidents, those the policy names."""
    watches = policy.alarms.watches
    found = {
        name: Known(
            "watch",
            said := watches.get(name, _UNNAMED),
            said.priority or watch.priority,
            said.routing or (watch.route,),
            said.response or watch.response,
        )
        for name, watch in policy.watches.items()
    }
    for loop in policy.loops:
        for name in (f"loops.{loop}.released", f"loops.{loop}.serves"):
            found[name] = _known("loop", watches.get(name, Handling(priority="high")))
    return {name: one for name, one in found.items() if policy.incidents is None or name in watches}


def _condition(name: str, policy: Policy, index: TagIndex) -> Condition:
    declared = policy.alarms
    if name in declared.limits:
        return _limit(name, declared, policy)
    if name in declared.quality:
        one = declared.quality[name]
        return QualityCondition(name, one.tags, uncertain=one.worst == "uncertain")
    connection = declared.links[name].connection
    tags = [tag for tag, said in policy.tags.items() if said.connection == connection]
    handshake = policy.connections[connection].handshake is not None
    return LinkCondition(name, connection, tuple(index.position[tag] for tag in tags), handshake=handshake)


def _limit(name: str, declared: Alarms, policy: Policy) -> LimitCondition:
    one, unit = declared.limits[name], policy.units()[declared.limits[name].tag]
    high, bound = one.high is not None, one.high if one.high is not None else one.low
    at = convert(bound or 0.0, one.unit, unit)
    back = _back(one, unit, _span(policy)[one.tag])
    return LimitCondition(name, one.tag, at, at - back if high else at + back, unit, high=high)


def _back(one: LimitAlarm, unit: str, span: tuple[float, float]) -> float:
    """Return the dead-band of a limit, in the unit of its tag."""
    return _OF_RANGE * (span[1] - span[0]) if one.dead_band is None else difference(one.dead_band, one.unit, unit)


def _span(policy: Policy) -> dict[str, tuple[float, float]]:
    spans = {tag: one.range for tag, one in policy.tags.items()}
    return spans | {tag: span for name, s in policy.soft_sensors.items() for tag, (_, span) in s.outputs(name).items()}
