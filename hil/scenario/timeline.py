"""What a scenario lets happen, and when: orders of people, turned setpoints, faults."""

from __future__ import annotations

from math import inf
from typing import Annotated, Literal

from pydantic import Field, model_validator

from controller.cycle import Attention, Directive, Mode
from hil.faults.course import Handled, Setup, Turn
from hil.faults.shapes import Shape
from hil.plants.faults import Fault
from policies.words import Declared, Duration, Name, Number, Word

Seed = Annotated[int, Field(ge=0)]
"""Seed of chance."""

_SPANNED = {"ramp": "ramp", "ou": "every", "random": "every", "prbs": "every"}


class Asked(Declared):
    """An order placed by itself: a mode, a target, what is done to alarms or becomes of the line, or accepted moves."""

    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start; at the start if absent [s]."""
    mode: Mode | None = None
    """Mode asked for."""
    loop: Word | None = None
    """The loop; all loops if absent."""
    accept: Literal[True] | None = None
    """Whether each move proposed from then on is accepted one period later."""
    alarms: Attention | None = None
    """What is done to alarms."""
    alarm: str | None = None
    """Name of the alarm; every alarm that is on the list then if absent."""
    line: Directive | None = None
    """What becomes of the line."""
    target: Number | Literal["policy"] | None = None
    """Target of a controlled variable, in the unit the policy gives for it, or policy for that of the policy."""
    name: Word | None = None
    """Controlled variable whose target it is; given with target and loop."""
    for_s: Duration | None = Field(default=None, alias="for")
    """How long moves are accepted, to the end if absent, or alarms are shelved [s]."""
    who: str = "scenario"
    """Who asks."""
    why: str = "as the scenario says"
    """Reason given."""

    @model_validator(mode="after")
    def _one(self) -> Asked:
        if sum(each is not None for each in (self.mode, self.accept, self.alarms, self.line, self.target)) != 1:
            raise ValueError("found several or none of mode, accept, alarms, line and target, wanted one of them")
        if (self.target is None) != (self.name is None) or (self.name is not None and self.loop is None):
            raise ValueError("found target or name alone, wanted target, loop and name together")
        shelves = self.alarms is Attention.SHELVE
        if self.for_s is not None and self.accept is None and not shelves:
            raise ValueError(
                "found for, wanted it only beside accept or alarms: shelve, others last until the next order"
            )
        if shelves and self.for_s is None:
            raise ValueError("found alarms: shelve, wanted for beside it")
        if self.alarm is not None and self.alarms is None:
            raise ValueError("found alarm, wanted alarms beside it, and what is done")
        return self

    @property
    def wanted(self) -> float | None:
        """Return the target asked for, in the unit the policy gives for it; None for that of the policy."""
        return None if self.target == "policy" else self.target


class Refusing(Declared):
    """A time in which a receiver of notices takes nothing."""

    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start at which it begins; from the start if absent [s]."""
    for_s: Duration | None = Field(default=None, alias="for")
    """How long it lasts; to the end if absent [s]."""
    status: str = "HTTP 503"
    """What it says."""


class _Shaped(Declared):
    """Something that comes in a shape."""

    ramp_s: Duration | None = Field(default=None, alias="ramp")
    """How long a ramp takes to its full size [s]."""
    every_s: Duration | None = Field(default=None, alias="every")
    """Time constant of what wanders, or time between draws of chance [s]."""

    @model_validator(mode="after")
    def _spans(self) -> _Shaped:
        shape = str(getattr(self, "shape", ""))
        needed = _SPANNED.get(shape)
        given = {"ramp": self.ramp_s, "every": self.every_s}
        for key, value in given.items():
            if key == needed and value is None:
                raise ValueError(f"found shape {shape}, wanted {key} beside it")
            if key != needed and value is not None:
                shapes = [name for name, wanted in _SPANNED.items() if wanted == key]
                raise ValueError(f"found {key}, wanted it only beside shape {' or '.join(shapes)}")
        return self

    @property
    def span_s(self) -> float:
        """Time of the shape [s]; 0 where it has none."""
        return self.ramp_s or self.every_s or 0.0


class Wrong(_Shaped):
    """One fault of the catalogue."""

    id: Annotated[str, Field(pattern=r"^([A-Z]\d\d[A-Z]?|[a-z][a-z0-9_]*)$")]
    """Name in the catalogue, for example F04 or stuck."""
    target: str
    """Unit, tag, connection or loop it strikes."""
    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start at which it begins; from the start if absent [s]."""
    for_s: Duration | None = Field(default=None, alias="for")
    """How long it lasts; to the end if absent [s]."""
    shape: Shape = "step"
    """How it comes."""
    magnitude: Number | None = None
    """Size, in the unit of the catalogue; its default if absent."""
    unit: str | None = None
    """Unit of the magnitude; that of the catalogue, or of the tag, if absent."""
    other: Name | None = Field(default=None, alias="with")
    """Tag that is shown instead, where two are swapped."""
    seed: Seed | None = None
    """Seed of chance in it; drawn from that of the run if absent [1]."""

    def fault(self, seed: int = 0) -> Fault:
        """Return the fault; `seed` is that of chance in it where none is given."""
        return Fault(
            id=self.id,
            target=self.target,
            on_s=self.after_s,
            off_s=inf if self.for_s is None else self.after_s + self.for_s,
            shape=self.shape,
            magnitude=self.magnitude,
            ramp_s=self.span_s,
            seed=seed if self.seed is None else self.seed,
            other=self.other or "",
        )


class Turned(_Shaped):
    """People at the plant turn a setpoint that is theirs, or that of a PLC that is not remote."""

    setpoint: Name
    """Setpoint they turn."""
    by: Number
    """By how much in the end, in `unit`; half the height of a binary sequence."""
    unit: str | None = None
    """Unit of `by`; that of the setpoint's tag if absent."""
    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start at which it begins [s]."""
    for_s: Duration | None = Field(default=None, alias="for")
    """How long it lasts, after which the setpoint is back; to the end if absent [s]."""
    shape: Literal["step", "ramp", "pulse", "prbs"] = "step"
    """How they turn it."""
    seed: Seed | None = None
    """Seed of the sequence; drawn from that of the run if absent [1]."""

    @model_validator(mode="after")
    def _pulse(self) -> Turned:
        if self.shape == "pulse" and self.for_s is None:
            raise ValueError("found shape pulse, wanted for beside it")
        return self

    def turn(self, seed: int) -> Turn:
        """Return it for the line; `seed` is that of its sequence where none is given."""
        return Turn(
            name=self.setpoint,
            on_s=self.after_s,
            by=self.by,
            shape=self.shape,
            off_s=inf if self.for_s is None else self.after_s + self.for_s,
            span_s=self.span_s,
            seed=seed if self.seed is None else self.seed,
        )


class Acted(Declared):
    """What an operator does at the station of a loop of a PLC, or with a value that only people set."""

    station: Name
    """Setpoint of the loop, or the value."""
    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start; at the start if absent [s]."""
    mode: Literal["MAN", "AUTO", "CAS"] | None = None
    """Mode wanted: output by hand, local setpoint, supervisory setpoint; as it is if absent."""
    setpoint: Number | None = None
    """Setpoint or value wanted, in `unit`; of a loop it counts in AUTO, or in CAS while its PLC is not remote."""
    output: Number | None = None
    """Output wanted, in `unit`, beside mode MAN; where it is if absent."""
    unit: str | None = None
    """Unit of the number above; that of its tag if absent."""

    @model_validator(mode="after")
    def _some(self) -> Acted:
        if self.mode is None and self.setpoint is None:
            raise ValueError("found neither mode nor setpoint, wanted one or both")
        if self.output is not None and self.mode != "MAN":
            raise ValueError("found output, wanted it only beside mode: MAN")
        if self.setpoint is not None and self.mode == "MAN":
            raise ValueError("found setpoint beside mode: MAN, in which it tracks the measurement; wanted output")
        return self

    def handled(self) -> Handled:
        """Return it for the line."""
        return Handled(self.station, self.after_s, self.mode or "", self.setpoint, self.output)


class PlcSetup(Declared):
    """How the PLC behind one connection is set up, where that differs from the line's own."""

    scan_s: Duration | None = Field(default=None, alias="scan")
    """Time of one scan, a whole multiple of 500 ms [s]."""
    watchdog_s: Duration | None = Field(default=None, alias="watchdog")
    """Silence of the heartbeat after which the controller counts as dead [s]."""
    start: dict[Name, Number] = Field(default_factory=dict)
    """Setpoints at the start by name, each in the unit of its tag."""
    remote: bool = True
    """Whether people at the plant permit remote setpoints."""

    def setup(self) -> Setup:
        """Return it for the line."""
        return Setup(self.scan_s, self.watchdog_s, dict(self.start), self.remote)
