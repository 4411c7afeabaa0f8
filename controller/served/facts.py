"""What other systems are shown of a run: a fixed list of facts, and what each of them is after a cycle.

A fact has a path such as ``loops/blend/cv/api/value``, the same over OPC UA and MQTT. The list follows from the
policy alone, so that whoever subscribes once has everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite, nan

from anomaly import Alert
from anomaly.incident import Incident
from controller.alarms.lifecycle import KEPT, TOLD, UNSEEN, AlarmEvent
from controller.alarms.listed import listed
from controller.alarms.state import Alarm
from controller.cycle import Cycle
from controller.kit import Kit, LoopKit
from plant_io.quality import Quality
from plant_io.served.values import Fact, Shown, Value


def facts(kit: Kit) -> tuple[Fact, ...]:
    """Return everything that is shown of a run under a policy."""
    return (
        *_RUN,
        *(fact for loop in kit.loops.values() for fact in _of_loop(loop, kit.policy.units())),
        *(fact for name, unit in _virtual(kit).items() for fact in _of_sensor(name, unit)),
        *(fact for watch in _watches(kit) for fact in _of_watch(watch)),
    )


@dataclass(slots=True)
class Board:
    """What every fact is after the cycles seen so far."""

    kit: Kit
    """The policy, made ready."""
    _standing: dict[str, Alert] = field(default_factory=dict[str, Alert])
    _open: dict[str, Incident] = field(default_factory=dict[str, Incident])
    _written: dict[str, float] = field(default_factory=dict[str, float])
    _newest: str = ""
    _alarms: Mapping[str, Alarm] = field(default_factory=dict[str, Alarm])
    _raised: str = ""
    _sensors: tuple[str, ...] = field(init=False)
    _watched: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._sensors, self._watched = tuple(_virtual(self.kit)), _watches(self.kit)

    def after(self, cycle: Cycle) -> dict[str, Shown]:
        """Return what every fact is after one more cycle, by path."""
        decision, at = cycle.decision, cycle.snapshot.at
        self._standing |= {alert.watch: alert for alert in decision.alerts}
        for one in decision.incidents:
            self._open[one.id] = one
            self._newest = one.what
            if one.closed is not None:
                del self._open[one.id]
        self._alarms = listed(self._alarms, decision.alarms) if decision.alarms else self._alarms
        for change in decision.alarms:
            if change.event is AlarmEvent.RAISED:
                self._raised = change.alarm.what
        self._written |= {setpoint.tag: setpoint.value for setpoint in decision.setpoints}
        plain = dict(self._run(cycle))
        plain |= {path: value for loop in self.kit.loops.values() for path, value in _service(loop, cycle)}
        plain |= {path: value for watch in self._watched for path, value in self._watch(watch)}
        found = {path: Shown(value, Quality.GOOD, at) for path, value in plain.items()}
        for loop in self.kit.loops.values():
            found |= self._variables(loop, cycle)
        for name in self._sensors:
            value, sd, quality = decision.soft.get(name, (nan, nan, int(Quality.BAD)))
            found[f"sensors/{name}/value"] = _number(value, Quality(quality), at)
            found[f"sensors/{name}/sd"] = _number(sd, Quality(quality), at)
        return found

    def _run(self, cycle: Cycle) -> Iterable[tuple[str, Value]]:
        policy = self.kit.policy
        yield "run/line", policy.line
        yield "run/revision", policy.revision
        yield "run/policy_sha256", policy.fingerprint
        yield "run/cycle", cycle.number
        yield "run/busy", sum(cycle.timing.values())
        yield "run/incidents/open", len(self._open)
        yield "run/incidents/newest", self._newest
        yield "run/alerts/active", sum(alert.active for alert in self._standing.values())
        for name, states in (("listed", TOLD), ("unacknowledged", UNSEEN), ("kept", KEPT)):
            yield f"run/alarms/{name}", sum(alarm.state in states for alarm in self._alarms.values())
        yield "run/alarms/newest", self._raised

    def _watch(self, watch: str) -> Iterable[tuple[str, Value]]:
        alert = self._standing.get(watch)
        yield f"watches/{watch}/active", alert is not None and alert.active
        yield f"watches/{watch}/score", nan if alert is None else alert.score
        yield f"watches/{watch}/limit", nan if alert is None else alert.limit
        yield f"watches/{watch}/what", "" if alert is None else alert.what

    def _variables(self, loop: LoopKit, cycle: Cycle) -> Iterable[tuple[str, Shown]]:
        here, at = f"loops/{loop.name}", cycle.snapshot.at
        wished = cycle.decision.targets.get(loop.name, {})
        for name, one in loop.declared.controlled.items():
            yield f"{here}/cv/{name}/value", _read(one.tag, cycle)
            shown = one.target if isinstance(one.target, float) else nan
            tag = loop.target_tags.get(name)
            led = Shown(wished.get(name, shown), Quality.GOOD, at) if tag is None else _read(tag, cycle)
            yield f"{here}/cv/{name}/target", led
        for name, moved in loop.declared.moved.items():
            yield f"{here}/mv/{name}/value", _read(loop.read_backs[name], cycle)
            written = self._written.get(moved.tag, nan)
            yield f"{here}/mv/{name}/setpoint", _number(written, Quality.GOOD, at)


_RUN = (
    Fact("run/line", "text", "", "Name of the line"),
    Fact("run/revision", "text", "", "Revision of the policy"),
    Fact("run/policy_sha256", "text", "", "Fingerprint of the policy and all files it names"),
    Fact("run/cycle", "count", "", "Number of the newest cycle"),
    Fact("run/busy", "number", "s", "Time the newest cycle took, without waits"),
    Fact("run/incidents/open", "count", "", "Incidents that stand"),
    Fact("run/incidents/newest", "text", "", "What was said last of an incident"),
    Fact("run/alerts/active", "count", "", "Conditions of watches that stand"),
    Fact("run/alarms/listed", "count", "", "Alarms on the list of alarms"),
    Fact("run/alarms/unacknowledged", "count", "", "Alarms nobody has said that they saw"),
    Fact("run/alarms/kept", "count", "", "Alarms shelved, suppressed by design or out of service"),
    Fact("run/alarms/newest", "text", "", "What was said last of an alarm that was raised"),
)


def _of_loop(loop: LoopKit, units: Mapping[str, str]) -> Iterable[Fact]:
    here = f"loops/{loop.name}"
    yield Fact(f"{here}/mode", "text", "", "Mode people ask for")
    yield Fact(f"{here}/phase", "text", "", "How far it is in service")
    yield Fact(f"{here}/first_out", "text", "", "Why it was released; empty where it was not")
    yield Fact(f"{here}/without", "text", "", "Variables it does without")
    for name, one in loop.declared.controlled.items():
        led = loop.target_tags.get(name)
        yield Fact(f"{here}/cv/{name}/value", "number", units[one.tag], f"{one.tag}, controlled")
        unit = one.unit if led is None else units[led]
        yield Fact(f"{here}/cv/{name}/target", "number", unit, f"Where {one.tag} is wanted")
    for name, moved in loop.declared.moved.items():
        read = loop.read_backs[name]
        yield Fact(f"{here}/mv/{name}/value", "number", units[read], f"Read-back of {moved.tag}")
        yield Fact(f"{here}/mv/{name}/setpoint", "number", units[moved.tag], f"What was last written to {moved.tag}")


def _of_sensor(name: str, unit: str) -> Iterable[Fact]:
    yield Fact(f"sensors/{name}/value", "number", unit, f"{name}, inferred")
    yield Fact(f"sensors/{name}/sd", "number", unit, f"Standard deviation of {name}")


def _of_watch(watch: str) -> Iterable[Fact]:
    here = f"watches/{watch}"
    yield Fact(f"{here}/active", "flag", "", "Whether its condition stands")
    yield Fact(f"{here}/score", "number", "1", "Score when the condition last began or ended")
    yield Fact(f"{here}/limit", "number", "1", "Limit of that score")
    yield Fact(f"{here}/what", "text", "", "What was said of it")


def _virtual(kit: Kit) -> Mapping[str, str]:
    sensors = kit.policy.soft_sensors.items()
    return {name: unit for key, sensor in sensors for name, (unit, _) in sensor.outputs(key).items()}


def _watches(kit: Kit) -> tuple[str, ...]:
    of_loops = (f"loops.{name}.{kind}" for name in kit.loops for kind in ("released", "serves"))
    return (*kit.policy.watches, *of_loops)


def _service(loop: LoopKit, cycle: Cycle) -> Iterable[tuple[str, Value]]:
    here, decision = f"loops/{loop.name}", cycle.decision
    mode, phase = decision.modes[loop.name]
    trips = decision.trips.get(loop.name, ())
    yield f"{here}/mode", mode.value
    yield f"{here}/phase", phase.value
    yield f"{here}/first_out", trips[0].cause.value if trips else ""
    yield f"{here}/without", ", ".join(decision.without.get(loop.name, ()))


def _read(tag: str, cycle: Cycle) -> Shown:
    """Return a tag as it was read, or as it was inferred."""
    found = cycle.decision.soft.get(tag)
    if found is not None:
        return _number(found[0], Quality(found[2]), cycle.snapshot.at)
    sample = cycle.snapshot[tag]
    return _number(sample.value, sample.quality, sample.source if isfinite(sample.source) else cycle.snapshot.at)


def _number(value: float, quality: Quality, at: float) -> Shown:
    return Shown(value, quality if isfinite(value) else Quality.BAD, at)
