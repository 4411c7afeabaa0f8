"""The record of one control cycle, and the state carried to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from anomaly import Alert
from anomaly.cases import Case, CaseAct
from anomaly.incident import Incident
from controller.alarms.state import Alarm, AlarmChange
from controller.material.batches import Batch
from controller.material.phases import PhaseChange
from controller.material.state import Container, Diversion
from controller.notices.state import Notice
from controller.plan import Plan, Problem
from plant_io import Receipt, Setpoint, Snapshot
from plant_io.values import quick


class Mode(StrEnum):
    """Who moves a loop; the mode people ask for."""

    OFF = "off"
    """Nobody here: nothing is computed for the loop."""
    SHADOW = "shadow"
    """The PLC; the controller computes and writes nothing."""
    ADVISORY = "advisory"
    """An operator accepts each move."""
    AUTO = "auto"
    """The controller."""


class Phase(StrEnum):
    """How far a loop is in service."""

    OFF = "off"
    """Not in service, and could not be: off, or its evidence is not complete yet."""
    READY = "ready"
    """Could go into service when asked."""
    REQUEST = "request"
    """Asked the PLCs for remote setpoints; moves nothing yet."""
    INIT = "init"
    """Has the setpoints of the PLCs, leaves them where they are, and waits for a plan that begins there."""
    ACTIVE = "active"
    """Moves the plant."""
    HOLD = "hold"
    """Keeps the setpoints where they are."""
    SHED = "shed"
    """Gave the loop back to the PLC by itself; it must be armed again."""


class Cause(StrEnum):
    """Why a loop changes its mode."""

    ASKED_OFF = "a person asks for off"
    ASKED_SHADOW = "a person asks for shadow"
    ASKED_ADVISORY = "a person asks for advisory"
    ASKED_AUTO = "a person asks for auto"
    RESTARTED = "a PLC was restarted"
    LAPSED = "a PLC fell back because it lost the heartbeat"
    SUPERSEDED = "another controller holds a PLC"
    TAKEN_BACK = "a PLC took its setpoints back"
    UNHEARD = "a PLC no longer echoes the heartbeat"
    BLIND = "evidence was missing for too long"
    NO_PLAN = "no plan came for too long"
    NOT_FOLLOWED = "a PLC did not follow what was written"


@dataclass(frozen=True, slots=True)
class Trip:
    """One cause in the order in which they came when a loop was released; the first is the first-out."""

    release: int
    """Which release of the loop since the start, from 1 [1]."""
    sequence: int
    """1 for the first-out, more for what came after it, its consequences [1]."""
    at: float
    """When it was seen, POSIX time [s]."""
    cause: Cause
    """The cause."""


@dataclass(frozen=True, slots=True)
class SetMode:
    """Put a loop in a mode."""

    loop: str
    """Name of the loop."""
    mode: Mode
    """Mode wanted."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Let the controller make the move it proposed in ADVISORY."""

    loop: str
    """Name of the loop."""
    proposed_at: float
    """When the accepted proposal was made, POSIX time [s]; another one is not accepted by mistake."""


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Keep a moved or controlled variable within narrower limits than the policy's, or within those again."""

    loop: str
    """Name of the loop."""
    name: str
    """Name of the variable; a moved one goes before a controlled one of the same name."""
    limits: tuple[float, float] | None
    """Lowest and highest value, in the unit the policy gives for it; None for those of the policy."""


@dataclass(frozen=True, slots=True)
class SetTarget:
    """Hold a controlled variable elsewhere than the policy says, or there again."""

    loop: str
    """Name of the loop."""
    name: str
    """Name of the controlled variable."""
    target: float | None
    """Wanted value, in the unit the policy gives for it; None for that of the policy."""


class Attention(StrEnum):
    """What a person does to an alarm."""

    ACKNOWLEDGE = "acknowledge"
    """Says that they saw it; also while its condition stands."""
    RESET = "reset"
    """Lets go of one that latched."""
    SHELVE = "shelve"
    """Keeps it from people for a time."""
    UNSHELVE = "unshelve"
    """Ends that."""
    REMOVE = "remove"
    """Takes it out of service."""
    RESTORE = "restore"
    """Puts it back into service."""


@dataclass(frozen=True, slots=True)
class HandleAlarm:
    """Acknowledge an alarm, shelve it, take it out of service, or undo that."""

    alarm: str
    """Name of the alarm."""
    attention: Attention
    """What is done to it."""
    for_s: float | None = None
    """How long it is shelved [s]; None for anything else."""
    raised: float | None = None
    """When the alarm that was seen was raised, POSIX time [s]; raised anew, it is not meant; None for any."""


@dataclass(frozen=True, slots=True)
class CarryAlarms:
    """Go on with the alarms of an earlier run."""

    alarms: tuple[Alarm, ...]
    """Alarms as it left them."""


class Directive(StrEnum):
    """What a person lets the line know; its own control starts and stops it."""

    SHUT_DOWN = "shut down"
    """It is being shut down."""
    GO_ON = "go on"
    """It goes on after all."""
    END_BATCH = "end batch"
    """What leaves the line from now on belongs to the next batch."""


@dataclass(frozen=True, slots=True)
class DirectLine:
    """Tell the controller what becomes of the line, so that it holds the limits of that phase."""

    directive: Directive
    """What becomes of it."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """What came of one attempt to send a notice; the shell reports it, people never do."""

    receiver: str
    """Receiver, by its name in the policy."""
    key: str
    """Key of the notice, the same in every attempt."""
    attempt: int
    """Which attempt it was, from 1 [1]."""
    delivered: bool
    """Whether the receiver took it."""
    status: str
    """What the receiver said, or why nothing was heard of it."""
    final: bool
    """Whether no further attempt is made."""


LoopAct = SetMode | Accept | SetLimits | SetTarget
"""What people may ask of a loop."""
AlarmAct = HandleAlarm | CarryAlarms | Delivered
"""What may be asked of alarms, or reported of telling people of them."""
Act = LoopAct | AlarmAct | CaseAct | DirectLine
"""Anything people may ask for."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a person, or the shell on the project's own behalf, asked of the controller."""

    who: str
    """Identity of the person; ``system`` for the shell, ``material`` for a turndown."""
    why: str
    """Reason given, kept for the audit trail."""
    act: Act
    """What is to be done."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Moves an operator may accept."""

    loop: str
    """Name of the loop."""
    at: float
    """When they were offered, POSIX time [s]; an acceptance names it."""
    moves: Mapping[str, float]
    """Wanted value by tag, each in the unit of its tag."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something worth keeping that is not a measurement."""

    at: float
    """When, POSIX time [s]."""
    what: str
    """One sentence."""
    who: str = "controller"
    """Who caused it."""


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """Everything one cycle concludes, but for the state it leaves."""

    setpoints: tuple[Setpoint, ...]
    """Setpoints that passed the guard."""
    handshake: tuple[Setpoint, ...]
    """Arm words and heartbeats, written after the setpoints so that a beat proves them."""
    confirmed: tuple[Setpoint, ...]
    """Earlier setpoints whose read-back now agrees."""
    proposals: tuple[Offer, ...]
    """Moves operators may accept."""
    problems: tuple[Problem, ...]
    """Control problems to be solved, to come back as plans."""
    alerts: tuple[Alert, ...]
    """Conditions that began or ended."""
    events: tuple[Event, ...]
    """What to keep in the audit trail."""
    armed: frozenset[str]
    """Connections whose PLC was asked for remote setpoints and does not show yet that it has them back."""
    modes: Mapping[str, tuple[Mode, Phase]]
    """Mode and phase of each loop."""
    trips: Mapping[str, tuple[Trip, ...]]
    """Why each loop that was released was, the first-out first; until it is armed again."""
    soft: Mapping[str, tuple[float, float, int]]
    """Virtual tags: value and standard deviation in the unit of the tag, and quality."""
    substituted: Mapping[str, tuple[float, float, float]]
    """What stood in for bad values, by tag: value in its unit, and when it was taken and arrived, POSIX times [s]."""
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Variables each loop does without, where it does."""
    limits: Mapping[str, Mapping[str, tuple[float, float]]] = field(
        default_factory=dict[str, Mapping[str, tuple[float, float]]]
    )
    """Limits people have set, by loop and variable, in the unit the policy gives them in."""
    targets: Mapping[str, Mapping[str, float]] = field(default_factory=dict[str, Mapping[str, float]])
    """Targets people have set, by loop and controlled variable, in the unit the policy gives them in."""
    incidents: tuple[Incident, ...] = ()
    """Incidents that opened, changed or closed; the alerts above are the evidence."""
    diversions: tuple[Diversion, ...] = ()
    """Diversions of material that began or ended."""
    containers: tuple[Container, ...] = ()
    """Containers of product that are full."""
    batches: tuple[Batch, ...] = ()
    """Batches that ended."""
    line_phases: tuple[PhaseChange, ...] = ()
    """Steps of the line from phase to phase."""
    notices: tuple[Notice, ...] = ()
    """What is to be sent to people beyond the screen."""
    alarms: tuple[AlarmChange, ...] = ()
    """Alarms that went from one state of their life cycle to another, in this order."""
    cases: tuple[Case, ...] = ()
    """Cases of which something became, as they stand."""
    own: tuple[Order, ...] = ()
    """Orders the controller gave itself in the last cycle and obeyed in this one, before those of people."""


@quick
@dataclass(frozen=True, slots=True)
class Cycle:
    """One turn of the loop, complete: enough to show it, store it, explain it or replay it."""

    number: int
    """Count of cycles since the start of the run [1]."""
    snapshot: Snapshot
    """What was read; virtual tags are still empty."""
    orders: tuple[Order, ...]
    """What people asked."""
    plans: tuple[Plan, ...]
    """What the solvers answered since the last cycle."""
    decision: Decision
    """What was concluded."""
    receipts: Sequence[Receipt]
    """What the plant made of the writes."""
    timing: Mapping[str, float] = field(default_factory=dict[str, float])
    """Wall times of the parts of the cycle [s]; never an input of a decision."""

    @property
    def obeyed(self) -> tuple[Order, ...]:
        """Return every order that counted in it, those the controller gave itself first."""
        return (*self.decision.own, *self.orders)
