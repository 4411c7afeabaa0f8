"""A case opened from what a library or an incident says, with its evidence frozen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from anomaly import Alert
from anomaly.case_table import Stage
from anomaly.cases import Case, Evidence, Task, Value, Window
from anomaly.engine import WatchState
from anomaly.incident import Incident, IncidentState
from anomaly.trend import TrendState
from anomaly.trending import TrendKit
from controller.cases.judging import frozen
from controller.cases.kit import CaseKit
from plant_io import Snapshot

_CHANCE, _UNKNOWN = " probability [1]", "unknown"
_URGENCY = ("low", "medium", "high")


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What one cycle gives to cases."""

    line: Snapshot
    """The line, virtual tags included."""
    watches: WatchState
    """Memory of the watches after this cycle."""
    alerts: tuple[Alert, ...]
    """Conditions that began or ended."""
    told: tuple[Incident, ...]
    """Incidents of which something became."""
    incidents: IncidentState
    """Memory of the incidents after this cycle."""


@dataclass(frozen=True, slots=True)
class Call:
    """Something that is a reason for a case."""

    incident: str
    """Incident it belongs to; empty where there is none yet."""
    alerts: tuple[Alert, ...]
    """What speaks for it, the leading one first."""

    @property
    def watches(self) -> tuple[str, ...]:
        """Watches that speak, the leading one first."""
        return tuple(dict.fromkeys(alert.watch for alert in self.alerts))


def calls(seen: Seen, kit: CaseKit) -> Iterator[Call]:
    """Give every call of a library, and every incident that is told to QA, that is new in this cycle."""
    libraries = {one.name for one in kit.trends}
    covered = set[str]()
    members = {one.id: one.members for one in seen.incidents.standing}
    for one in seen.told:
        own = members.get(one.id, ())
        if one.closed is None and own and ("qa" in one.routes or libraries & set(one.watches)):
            covered |= {alert.watch for alert in own}
            yield Call(one.id, _led(own, libraries))
    for alert in seen.alerts:
        # Where incidents are made, they say who is told; a library needs no incident.
        mine = alert.watch in libraries or (not kit.folds and alert.route == "qa")
        if alert.active and mine and alert.watch not in covered:
            yield Call("", (alert,))


def _led(alerts: Iterable[Alert], libraries: set[str]) -> tuple[Alert, ...]:
    """Return alerts with the newest of a library first, then by urgency."""
    order = {name: i for i, name in enumerate(_URGENCY)}
    return tuple(sorted(alerts, key=lambda one: (one.watch not in libraries, -order[one.priority])))


def opened(call: Call, seen: Seen, number: int, kit: CaseKit) -> Case:
    """Return a new case with its evidence frozen.

    Parameters
    ----------
    call
        Why it is opened.
    seen
        What the cycle gives.
    number
        Number of the case in the run [1].
    kit
        How cases are followed up.
    """
    at, lead = seen.line.at, call.alerts[0]
    evidence = evidence_of(call, seen, kit)
    return Case(
        id=f"{kit.line}-OOT-{at:.0f}-{number}",
        stage=Stage.RAISED,
        change="opened",
        at=at,
        opened=at,
        incident=call.incident,
        evidence=evidence,
        digest=frozen(evidence),
        steps=tuple(_tasks(lead, at, kit)),
    )


def evidence_of(call: Call, seen: Seen, kit: CaseKit) -> Evidence:
    """Return what is known now, to be frozen."""
    lead, at = call.alerts[0], seen.line.at
    window = _window(lead.watch, seen.watches, kit)
    channels = () if window is None else window.tags
    signs = tuple({sign.tag: sign for alert in reversed(call.alerts) for sign in alert.signs}.values())
    tags = dict.fromkeys((*(sign.tag for sign in lead.signs), *(sign.tag for sign in signs), *channels))
    return Evidence(
        at=at,
        onset=lead.at if lead.onset is None else lead.onset,
        what=lead.what,
        watches=call.watches,
        score=lead.score,
        limit=lead.limit,
        priority=lead.priority,
        routes=tuple(dict.fromkeys(alert.route for alert in call.alerts)),
        entry=lead.entry,
        named=" and ".join(one.name for one in kit.entries(lead.watch, lead.entry)),
        matched=kit.trend(lead.watch) is not None,
        signs=tuple(sorted(signs, key=lambda sign: -abs(sign.z))),
        chances=_chances(lead),
        facts={key: value for key, value in lead.evidence.items() if not key.endswith(_CHANCE)},
        values=tuple(_value(tag, seen.line, kit) for tag in tags if tag in seen.line),
        window=window,
        hashes=kit.hashes(call.watches, lead.entry),
    )


def _chances(alert: Alert) -> dict[str, float]:
    found = {k.removesuffix(_CHANCE): value for k, value in alert.evidence.items() if k.endswith(_CHANCE)}
    return {"" if name == _UNKNOWN else name: value for name, value in found.items()}


def _value(tag: str, line: Snapshot, kit: CaseKit) -> Value:
    sample = line[tag]
    return Value(tag, sample.value, kit.units[tag], sample.quality.name.lower(), sample.source)


def _window(watch: str, watches: WatchState, kit: CaseKit) -> Window | None:
    for one, state in zip(kit.trends, watches.trends, strict=True):
        if one.name == watch:
            return window(one, state)
    return None


def window(one: TrendKit, state: TrendState) -> Window:
    """Return the points a library looks at."""
    every_s, channels = one.declared.every_s, one.declared.channels
    return Window(
        tags=tuple(channels),
        units=one.units,
        scales=tuple(channel.scale for channel in channels.values()),
        every_s=every_s,
        ends=(state.slot or 0) * every_s,
        points=state.points,
        normal=state.base,
        sd=tuple(channel.sd for channel in channels.values()),
    )


def _tasks(lead: Alert, at: float, kit: CaseKit) -> Iterator[Task]:
    meanings = [entry.meaning for entry in kit.entries(lead.watch, lead.entry)]
    tests, sops = "; ".join(one.confirm for one in meanings), "; ".join(one.sop for one in meanings if one.sop)
    for name, step in kit.steps(lead.watch, lead.entry).items():
        own = step.confirms and bool(tests)
        yield Task(
            name=name,
            what=f"{step.what}: {tests}" if own else step.what,
            owner=step.owner,
            due=at + step.within_s,
            sop=(own and sops) or step.sop,
            escalates=step.escalates,
            confirms=step.confirms,
        )


def covers(cases: Sequence[Case], call: Call) -> Case | None:
    """Return the open case something belongs to already: of its incident, of its watches, or told alike just so."""
    lead, alive = call.alerts[0], [case for case in reversed(cases) if case.stage is not Stage.CLOSED]
    same = [case for case in alive if case.incident and case.incident == call.incident]
    free = [case for case in alive if not case.incident or not call.incident]
    near = [case for case in free if set(case.evidence.watches) & set(call.watches)]
    alike = [case for case in alive if (case.evidence.watches[0], case.evidence.entry) == (lead.watch, lead.entry)]
    return next(iter(same or near or alike), None)
