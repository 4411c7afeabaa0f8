"""All that one cycle leaves to the next; replaying from it gives the same decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING

from anomaly.cases import CaseState
from anomaly.incident import IncidentState
from controller.alarms.state import AlarmMemory
from controller.cycle import Mode, Phase, Trip
from controller.material.state import MaterialState
from controller.notices.state import NoticeMemory
from controller.plan import Plan
from controller.trail import Trail
from plant_io import Setpoint
from plant_io.values import quick

if TYPE_CHECKING:
    from anomaly.engine import WatchState
    from controller.estimates import Estimate
    from controller.soft import SoftState
    from controller.substitute import SubstituteState


@quick
@dataclass(frozen=True, slots=True)
class Pending:
    """A setpoint whose read-back has not agreed yet."""

    setpoint: Setpoint
    """What was asked."""
    since: float
    """When the plant was first asked and did not move, POSIX time [s]."""
    shown: float
    """What the read-back showed then, in the unit of the tag; not a number if nothing."""


@quick
@dataclass(frozen=True, slots=True)
class Scan:
    """Scan counter of a PLC."""

    count: float
    """Newest value [1]."""
    since: float
    """When it last changed, POSIX time [s]."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Moves offered to an operator in ADVISORY."""

    at: float
    """When they were offered, POSIX time [s]."""
    moves: Mapping[str, float]
    """Wanted value by tag, each in the unit of its tag."""
    accepted: bool = False
    """Whether the operator took them."""


@dataclass(frozen=True, slots=True)
class Absence:
    """Something a loop does without, or takes back."""

    since: float
    """Since when, POSIX time [s]."""
    why: str
    """What is wrong with it, or was."""
    sound: int = 0
    """Cycles in a row in which nothing has been wrong with it [1]."""
    back: float | None = None
    """Since when it has been part of the problem again, POSIX time [s]; None while it is not."""
    shown: float = nan
    """What a controlled variable showed when it came back, units of the model."""


@dataclass(frozen=True, slots=True)
class Closed:
    """How far a PLC lets an input go."""

    low: float | None = None
    """Lowest value it takes, in the unit of the tag; None where nothing is known."""
    high: float | None = None
    """Highest value it takes, in the unit of the tag; None where nothing is known."""
    stuck: bool = False
    """Whether it takes nothing at all."""
    tried: float = 0.0
    """When more was last asked for, POSIX time [s]."""


@quick
@dataclass(frozen=True, slots=True)
class LoopState:
    """Memory of one loop."""

    mode: Mode = Mode.SHADOW
    """Mode asked for."""
    phase: Phase = Phase.OFF
    """How far the loop is in service."""
    settled: int = 0
    """Cycles in a row with full evidence, counted as far as they are wanted [1]."""
    blind_since: float | None = None
    """Since when evidence has been missing, POSIX time [s]."""
    requested_at: float | None = None
    """Since when remote setpoints have been asked for, POSIX time [s]."""
    granted_at: float | None = None
    """Since when every PLC has taken remote setpoints, POSIX time [s]; None outside INIT."""
    trips: tuple[Trip, ...] = ()
    """Why the loop was released, the first-out first; empty once it is armed again."""
    releases: int = 0
    """Times the loop was released since the start [1]."""
    resume: Mode = Mode.SHADOW
    """Mode the loop was in when it was released."""
    reentries: int = 0
    """Times the loop has armed itself again since a person did [1]."""
    estimated_at: float | None = None
    """When the estimate was last brought up to date, POSIX time [s]."""
    estimate: Estimate | None = None
    """What the estimator believes."""
    sources: Mapping[str, float] = field(default_factory=dict[str, float])
    """Source time of the last value used of each measurement, POSIX time [s]."""
    stamps: Mapping[str, float] = field(default_factory=dict[str, float])
    """What told the time of the last sample used of each measurement that comes late, in its own unit."""
    filtered: Estimate | None = None
    """What the filter alone believes, where what was read is weighed again besides."""
    borne: Mapping[str, float] = field(default_factory=dict[str, float])
    """Inputs as a second witness bore them out last, by name, units of the model; empty until one did."""
    trail: Trail = field(default_factory=Trail)
    """What was read and believed lately, where something comes late or is weighed again."""
    inputs: tuple[float, ...] | None = None
    """Inputs in force when last read back, units of the model."""
    known: tuple[float, ...] | None = None
    """Known inputs when last read, units of the model."""
    lost: Mapping[str, float] = field(default_factory=dict[str, float])
    """Since when tags of controlled variables have been no evidence where that may be bridged, POSIX times [s]."""
    targets: Mapping[str, float] = field(default_factory=dict[str, float])
    """Targets shown by tags when last read, by controlled variable, units of the model."""
    count: float | None = None
    """Sample of the plant up to which is estimated, where a tag counts them [1]."""
    posed: float | None = None
    """Sample of the plant for which a problem was posed last, where a tag counts them [1]."""
    plan: Plan | None = None
    """Newest plan that was solved."""
    number: int = 0
    """Problems posed so far [1]."""
    next_at: float | None = None
    """When the next problem is due, POSIX time [s]."""
    anchors: Mapping[str, float] = field(default_factory=dict[str, float])
    """Inputs found at take-over by name, units of the model."""
    pending: tuple[Pending, ...] = ()
    """Setpoints waiting for their read-back."""
    absent: Mapping[str, Absence] = field(default_factory=dict[str, Absence])
    """Controlled variables the loop does without, or that have just come back, by name."""
    idle: Mapping[str, Absence] = field(default_factory=dict[str, Absence])
    """Inputs the loop does without, or that have just come back, by name."""
    away: frozenset[str] = frozenset()
    """Connections whose inputs the loop all does without."""
    took: frozenset[str] = frozenset()
    """Inputs whose PLC has taken a value since the loop took over."""
    closed: Mapping[str, Closed] = field(default_factory=dict[str, Closed])
    """How far PLCs let inputs go, by name of the input, where they do not let them go further."""
    limits: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Limits people have set by name, moved or controlled, in the unit the policy gives them in."""
    wished: Mapping[str, float] = field(default_factory=dict[str, float])
    """Targets people have set by controlled variable, in the unit the policy gives them in."""
    waits_since: float | None = None
    """Since when it has been asked to serve and has not, POSIX time [s]."""
    alarmed: bool = False
    """Whether people have been told that it cannot serve."""
    proposal: Proposal | None = None
    """Moves on offer."""
    said: frozenset[str] = frozenset()
    """Conditions already told."""


@quick
@dataclass(frozen=True, slots=True)
class State:
    """Memory of the whole controller."""

    soft: SoftState
    """Memory of the soft sensors."""
    watches: WatchState
    """Memory of the watches; learners in it may be mutable, so the state passed in is consumed."""
    loops: Mapping[str, LoopState]
    """Memory of each loop, by name."""
    substitutes: SubstituteState
    """Memory of what stands in for bad values."""
    scans: Mapping[str, Scan] = field(default_factory=dict[str, "Scan"])
    """Newest scan counter of each PLC, by connection."""
    armed: frozenset[str] = frozenset()
    """Connections whose PLC was asked for remote setpoints and has not been told otherwise."""
    claims: Mapping[str, float] = field(default_factory=dict[str, float])
    """Number claimed last, by connection [1]."""
    beat: int = 0
    """Newest heartbeat written [1]."""
    standing: Mapping[str, float] = field(default_factory=dict[str, float])
    """Read-back seen last of each setpoint under a lease, by tag, in its unit."""
    echoes: Mapping[str, Scan] = field(default_factory=dict[str, "Scan"])
    """Newest echo of the heartbeat of each PLC that takes remote setpoints, by connection."""
    incidents: IncidentState = field(default_factory=IncidentState)
    """Memory of the incidents."""
    material: MaterialState = field(default_factory=MaterialState)
    """Memory of the material in the line."""
    alarms: AlarmMemory = field(default_factory=AlarmMemory)
    """Memory of the alarms."""
    notices: NoticeMemory = field(default_factory=NoticeMemory)
    """Memory of what was sent to people and waits to be."""
    cases: CaseState = field(default_factory=CaseState)
    """Memory of the cases."""
