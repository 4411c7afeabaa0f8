"""A policy made ready to run: limits in the units of the tags, estimators built, files read. Nothing in it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import NamedTuple

import numpy as np

from anomaly import engine, incident
from anomaly.engine import WatchKit
from anomaly.incident import IncidentKit
from controller import beliefs, soft, substitute
from controller.alarms import kit as alarms
from controller.alarms.kit import AlarmKit
from controller.authority import Authority, authorities, witnessed
from controller.beliefs import BeliefKit
from controller.cases.kit import CaseKit, followed_up
from controller.estimates import Estimator
from controller.fits import agree, heard, refuse
from controller.guard import Fence
from controller.lease import taken
from controller.material import kit as material
from controller.material.kit import MaterialKit
from controller.models import ControlModel, check, foreign, models, plants
from controller.models.transfer import Transfer
from controller.models.variants import NoVariant
from controller.mpc.estimator import KalmanEstimator
from controller.mpc.linear_estimator import LinearEstimator
from controller.mpc.mhe import MovingHorizon
from controller.outlook import Outlook
from controller.sampled import Memory, memory
from controller.soft import SoftKit
from controller.state import LoopState, State
from controller.substitute import SubstituteKit
from controller.trail import Smoother
from plant_io.signals import Floats, TagIndex
from policies import Controlled, Handshake, Loop, Mpc, Policy, Ranked, TransferFunction
from policies.dropout import Follows
from policies.estimating import MheSettings
from policies.units import convert, difference
from policies.words import written


class Scaled(NamedTuple):
    """A tag and how its unit hangs together with that of the model: model = tag * slope + shift."""

    tag: str
    """Name of the tag."""
    slope: float
    """Unit of the model per unit of the tag."""
    shift: float
    """Model value at tag value zero, in the unit of the model."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How the unit of a tag and the unit of the model hang together: model = tag * slope + shift."""

    slope: float
    """Unit of the model per unit of the tag."""
    shift: float
    """Model value at tag value zero, in the unit of the model."""

    @classmethod
    def between(cls, tag: str, wanted: str) -> Scale:
        """Return the scale from the UCUM unit `tag` to the UCUM unit `wanted`."""
        shift = convert(0.0, tag, wanted)
        return cls(convert(1.0, tag, wanted) - shift, shift)

    def read_from(self, tag: str) -> Scaled:
        """Return how a value of `tag` is read."""
        return Scaled(tag, self.slope, self.shift)

    def to_model(self, value: float) -> float:
        """Return `value`, given in the unit of the tag, in the unit of the model."""
        return value * self.slope + self.shift

    def to_tag(self, value: float) -> float:
        """Return `value`, given in the unit of the model, in the unit of the tag."""
        return (value - self.shift) / self.slope


@dataclass(frozen=True, slots=True)
class LoopKit:
    """One loop, ready."""

    name: str
    """Name of the loop."""
    declared: Loop
    """What the policy says of it."""
    model: ControlModel | Transfer
    """Its control model."""
    estimator: Estimator
    """Its estimator."""
    fences: Mapping[str, Fence]
    """Fence of each moved input, in the unit of its tag."""
    read_backs: Mapping[str, str]
    """Tag that shows what the plant made of each moved input."""
    scales: Mapping[str, Scale]
    """Scale of every tag the loop uses."""
    low: Floats
    """Lowest inputs permitted, shape ``(n_u,)``, units of the model."""
    high: Floats
    """Highest inputs permitted, shape ``(n_u,)``, units of the model."""
    targets: Floats
    """Wanted outputs, not a number where none is written, shape ``(n_y,)``, units of the model."""
    period_s: float
    """Length of one cycle [s]."""
    connections: frozenset[str]
    """Connections it reads or moves whose PLCs must have handed it their setpoints; those of others do not matter."""
    target_tags: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags that show the wanted outputs, by controlled variable."""
    bridges: Mapping[str, float] = field(default_factory=dict[str, float])
    """Time for which the model may stand in for missing evidence, by tag [s]."""
    drops: frozenset[str] = frozenset()
    """Controlled variables the loop goes on without while there is no evidence for them."""
    spares: frozenset[str] = frozenset()
    """Inputs the loop goes on without while their PLCs do not follow."""
    homes: Mapping[str, str] = field(default_factory=dict[str, str])
    """Connection of each input, of those with a handshake."""
    follows: Mapping[str, Follows] = field(default_factory=dict[str, Follows])
    """Tag that shows whether the loop in the PLC follows, of each input that has one."""

    memory: Memory | None = None
    """What it remembers of what was read and believed; None where that is nothing."""
    smoother: Smoother | None = None
    """What weighs it again for each problem; None where what the filter believes is all."""
    outlook: Outlook | None = None
    """What problems say of the samples to come; None where that is nothing."""

    trigger: str | None = field(init=False)
    """Tag that counts the samples of the plant; None where the clock does."""
    evidence: tuple[str, ...] = field(init=False)
    """Tags without which the loop may not move: controlled variables, read-backs, and who leads the inputs."""

    measured: Mapping[str, str] = field(init=False)
    """Tag of each measurement."""
    authority: Mapping[str, Authority] = field(init=False)
    """How far each input may be corrected, units of the model; empty where that is anywhere."""
    shown: Mapping[str, Scaled] = field(init=False)
    """How each measurement is read from its tag."""
    moves: Mapping[str, Scaled] = field(init=False)
    """How each moved input is read from its read-back."""
    knows: Mapping[str, Scaled] = field(init=False)
    """How each known input is read from its tag."""
    witnessed: Mapping[str, tuple[str, ...]] = field(init=False)
    """Inputs that a measurement bears out as a second witness, by measurement."""
    reach: Floats = field(init=False)
    """Largest move of each input from one sample to the next, shape ``(n_u,)``, units of the model."""

    def __post_init__(self) -> None:
        trigger = self.declared.trigger if isinstance(self.declared, TransferFunction) else None
        modes = (follows.tag for follows in self.follows.values())
        evidence = (*(c.tag for c in self.declared.controlled.values()), *self.read_backs.values(), *modes)
        object.__setattr__(self, "trigger", trigger)
        object.__setattr__(self, "evidence", evidence)
        object.__setattr__(self, "measured", {name: one.tag for name, one in self.declared.measured.items()})
        for way, tags in (("shown", self.measured), ("moves", self.read_backs), ("knows", self.declared.known)):
            read = {name: (tag, self.scales.get(tag)) for name, tag in tags.items()}
            object.__setattr__(self, way, {n: scale.read_from(tag) for n, (tag, scale) in read.items() if scale})
        inputs = [(self.declared.moved[name], unit) for name, unit in self.model.inputs.items()]
        reach = np.array([difference(moved.max_move, moved.unit, unit) for moved, unit in inputs])
        object.__setattr__(self, "reach", reach)
        object.__setattr__(self, "authority", authorities(self.declared, self.model.inputs))
        object.__setattr__(self, "witnessed", witnessed(self.declared))


@dataclass(frozen=True, slots=True)
class Kit:
    """Everything `decide` needs besides what changes."""

    policy: Policy
    """What is permitted and wanted."""
    index: TagIndex
    """Where each tag stands in a snapshot."""
    soft: SoftKit
    """Soft sensors, ready."""
    watches: WatchKit
    """Watches, ready."""
    loops: Mapping[str, LoopKit]
    """Loops, ready."""
    substitutes: SubstituteKit
    """What stands in for bad values, ready."""
    station: int = 0
    """Number drawn at the start that tells this controller from every other, 0 to 65535 [1]."""
    takes: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Setpoints of each PLC that is leased, with their read-backs, by connection."""
    beliefs: BeliefKit = field(default_factory=BeliefKit)
    """What watches want to know of what loops believe."""
    cases: CaseKit | None = None
    """How cases are opened and followed up; None where the policy wants none."""
    incidents: IncidentKit | None = None
    """How alerts are folded into incidents; None where the policy wants none."""
    material: MaterialKit | None = None
    """How material is followed; None where the policy says nothing of it."""
    alarms: AlarmKit = field(init=False)
    """How alarms are told."""
    handshakes: Mapping[str, Handshake] = field(init=False)
    """What is said to each PLC, by connection; those without a handshake are absent."""

    def __post_init__(self) -> None:
        handshakes = {n: c.handshake for n, c in self.policy.connections.items() if c.handshake is not None}
        object.__setattr__(self, "handshakes", handshakes)
        object.__setattr__(self, "alarms", alarms.prepare(self.policy, self.index))

    def start(self) -> State:
        """Return the state of a controller that has seen nothing."""
        return State(
            soft=soft.start(self.soft),
            watches=engine.start(self.watches),
            loops={name: LoopState() for name in self.loops},
            substitutes=substitute.start(self.substitutes),
        )


def prepare(policy: Policy, station: int = 0) -> Kit:
    """Return `policy` made ready to run.

    Parameters
    ----------
    policy
        What is permitted and wanted.
    station
        Number drawn at the start that tells this controller from every other, 0 to 65535; kept in the record.

    Raises
    ------
    ValueError
        If a file the policy names does not hold what it should.
    """
    index = TagIndex.of(policy)
    loops = {name: loop(name, declared, policy) for name, declared in policy.loops.items()}
    watches = engine.prepare(policy)
    return Kit(
        policy=policy,
        index=index,
        soft=soft.prepare(policy),
        watches=watches,
        loops=loops,
        substitutes=substitute.prepare(policy, index),
        station=station,
        takes=taken(policy),
        beliefs=beliefs.prepare(
            watches, {name: (one.model, tuple(one.declared.measured)) for name, one in loops.items()}
        ),
        cases=followed_up(policy, watches),
        incidents=incident.prepare(policy),
        material=material.prepare(policy),
    )


def loop(name: str, declared: Loop, policy: Policy) -> LoopKit:
    """Return one loop of `policy`, ready.

    Raises
    ------
    ValueError
        If there is no such model, or its file or its names do not fit; the message begins with the place.
    """
    chosen, estimator, smoother = _ready(name, declared, policy)
    units = policy.units()
    scales = {m.tag: Scale.between(units[m.tag], chosen.inputs[key]) for key, m in declared.moved.items()}
    scales |= {tag: Scale.between(units[tag], chosen.known[key]) for key, tag in declared.known.items()}
    scales |= {m.tag: Scale.between(units[m.tag], chosen.measured[key]) for key, m in declared.measured.items()}
    limits = {key: [convert(x, m.unit, chosen.inputs[key]) for x in m.limits] for key, m in declared.moved.items()}
    wanted = {key: (declared.controlled[key], unit) for key, unit in chosen.controlled.items()}
    target_tags = {key: c.target for key, (c, _) in wanted.items() if isinstance(c.target, str)}
    scales |= {tag: Scale.between(units[tag], chosen.controlled[key]) for key, tag in target_tags.items()}
    targets = [convert(c.target, c.unit, u) if isinstance(c.target, float) else nan for c, u in wanted.values()]
    read_backs = {m.tag: policy.tags[m.tag].read_back or m.tag for m in declared.moved.values()}
    return LoopKit(
        name=name,
        declared=declared,
        model=chosen,
        estimator=estimator,
        fences={key: _fence(m.tag, key, declared, units) for key, m in declared.moved.items()},
        read_backs={key: read_backs[m.tag] for key, m in declared.moved.items()},
        scales=scales | {read_backs[tag]: scales[tag] for tag in read_backs},
        low=np.array([limits[key][0] for key in chosen.inputs]),
        high=np.array([limits[key][1] for key in chosen.inputs]),
        targets=np.array(targets),
        target_tags=target_tags,
        bridges={c.tag: c.bridge_s for c, _ in wanted.values() if c.bridge_s is not None},
        period_s=policy.period_s,
        connections=_used(declared, policy),
        drops=frozenset(key for key, one in declared.controlled.items() if _dropped(one, declared)),
        spares=frozenset(key for key, one in declared.moved.items() if one.on_lost == "drop"),
        homes=_homes(declared, policy),
        follows={key: one.follows for key, one in declared.moved.items() if one.follows is not None},
        memory=memory(declared, units, policy.period_s),
        smoother=smoother,
        outlook=None
        if isinstance(chosen, Transfer) or not isinstance(declared, Mpc)
        else Outlook.of(chosen, declared, units),
    )


def _dropped(one: Controlled | Ranked, declared: Loop) -> bool:
    """Return whether a loop goes on without a controlled variable; what only has limits is there to protect."""
    aimed = one.target is not None or isinstance(declared, TransferFunction)
    return one.on_bad == "drop" or (one.on_bad is None and aimed and len(declared.controlled) > 1)


def _homes(declared: Loop, policy: Policy) -> dict[str, str]:
    """Return the connection of each input, of those with a handshake."""
    homes = {key: policy.tags[one.tag].connection for key, one in declared.moved.items() if one.tag in policy.tags}
    return {key: home for key, home in homes.items() if policy.connections[home].handshake is not None}


def _ready(name: str, declared: Loop, policy: Policy) -> tuple[ControlModel | Transfer, Estimator, Smoother | None]:
    """Return the control model of a loop and what follows the line with it, or refuse for all that is wrong."""
    wrong = heard(name, declared)
    try:
        found = _modelled(name, declared, policy)
    except ValueError as error:
        raise ValueError("\n".join([*wrong, str(error)])) from None
    refuse(wrong)
    return found


def _modelled(name: str, declared: Loop, policy: Policy) -> tuple[ControlModel | Transfer, Estimator, Smoother | None]:
    """Return the control model of a loop and what follows the line with it."""
    if isinstance(declared, TransferFunction):
        units = policy.units()
        linear = Transfer(declared, {key: units[tag] for key, tag in declared.known.items()})
        return linear, LinearEstimator(linear, declared), None
    chosen = _model(name, declared, policy)
    ekf, settings = KalmanEstimator(chosen, declared, policy.period_s), declared.estimator
    if not isinstance(settings, MheSettings):
        return chosen, ekf, None
    smoother = MovingHorizon(chosen, declared, settings, policy.period_s, ekf)
    if smoother.takes_s > policy.period_s / 2.0:
        window = f"a window of {written(settings.horizon_s)}, gone through {settings.iterations} times"
        long = f"found {window}, which takes about {smoother.takes_s:.2g} s for each plan"
        raise ValueError(f"loops.{name}.estimator: {long}; expected half a period at most, {policy.period_s / 2.0:g} s")
    return chosen, ekf, smoother


def _used(declared: Loop, policy: Policy) -> frozenset[str]:
    """Return the connections that a loop reads or moves, its soft sensors included, and that have a handshake."""
    named = {
        *(one.tag for one in declared.controlled.values()),
        *(one.tag for one in declared.moved.values()),
        *(one.tag for one in declared.measured.values()),
        *declared.known.values(),
    }
    # A sensor may read those before it, so that the last one comes first.
    for name, sensor in reversed(policy.soft_sensors.items()):
        if named & set(sensor.outputs(name)):
            named |= set(sensor.inputs)
    reached = {policy.tags[tag].connection for tag in named if tag in policy.tags}
    return frozenset(name for name in reached if policy.connections[name].handshake is not None)


def _model(name: str, declared: Mpc, policy: Policy) -> ControlModel:
    if declared.model_file is None and declared.model not in models():
        raise ValueError(f"loops.{name}.model: found {declared.model!r}, expected one of {', '.join(models())}")
    try:
        chosen = plants(declared, policy.files)[0]
    except NoVariant as error:
        raise ValueError(f"loops.{name}.scenarios.parameters.{error.at}: {declared.process}: {error}") from None
    except ValueError as error:
        place, file = ("model", declared.model) if foreign(declared) else ("process", declared.process)
        raise ValueError(f"loops.{name}.{place}: {file}: {error}") from None
    agree(name, declared, chosen)
    if foreign(declared):
        _contract(name, declared, policy, chosen)
    return chosen


def _contract(name: str, declared: Mpc, policy: Policy, chosen: ControlModel) -> None:
    """See that a model somebody else wrote can be used, in the middle of what it is used in."""
    units, ranges = policy.units(), {tag: one.range for tag, one in policy.tags.items()}
    ranges |= {tag: span for key, s in policy.soft_sensors.items() for tag, (_, span) in s.outputs(key).items()}
    inputs = {key: convert(sum(one.limits) / 2.0, one.unit, chosen.inputs[key]) for key, one in declared.moved.items()}
    middle = {key: sum(ranges[tag]) / 2.0 for key, tag in declared.known.items()}
    known = {key: convert(middle[key], units[tag], chosen.known[key]) for key, tag in declared.known.items()}
    try:
        check(chosen, inputs, known)
    except ValueError as error:
        raise ValueError(f"loops.{name}.model: {declared.model}: {error}") from None


def _fence(tag: str, key: str, declared: Loop, units: Mapping[str, str]) -> Fence:
    moved, unit = declared.moved[key], units[tag]
    zero = convert(0.0, moved.unit, unit)
    return Fence(
        tag=tag,
        low=convert(moved.limits[0], moved.unit, unit),
        high=convert(moved.limits[1], moved.unit, unit),
        rate=convert(moved.max_rate, moved.unit, unit) - zero,
        tolerance=convert(moved.tolerance, moved.unit, unit) - zero,
        dead_band=0.0 if moved.dead_band is None else convert(moved.dead_band, moved.unit, unit) - zero,
    )
