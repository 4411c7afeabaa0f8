"""What happens on a line besides the controller: what people turn, what goes wrong, and how its PLCs are set up."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Literal

from hil.faults.shapes import bits
from hil.plants.faults import Fault
from plant_io.signals import Floats


@dataclass(frozen=True, slots=True)
class Turn:
    """People at the plant turn a setpoint."""

    name: str
    """The setpoint."""
    on_s: float
    """When they begin, plant time [s]."""
    by: float
    """By how much in the end, in the unit of the setpoint; half the height of a binary sequence."""
    shape: Literal["step", "ramp", "pulse", "prbs"] = "step"
    """How they turn it."""
    off_s: float = inf
    """When it is back again, plant time [s]."""
    span_s: float = 0.0
    """Time a ramp takes, or length of one bit of the sequence [s]."""
    seed: int = 0
    """Seed of the sequence [1]."""

    def offset(self, time: float, sequence: Floats) -> float:
        """Return by how much the setpoint is turned, in its unit.

        Parameters
        ----------
        time
            Plant time [s].
        sequence
            Bits of the sequence, shape ``(bits,)``; empty for another shape [1].
        """
        if not self.on_s <= time < self.off_s:
            return 0.0
        since_s = time - self.on_s
        if self.shape == "ramp":
            return self.by * min(since_s / self.span_s, 1.0)
        if self.shape == "prbs":
            return self.by * float(sequence[int(since_s / self.span_s) % sequence.size])
        return self.by

    def sequence(self) -> Floats:
        """Return the bits of the sequence, shape ``(1024,)``; empty for another shape [1]."""
        return bits(self.seed, 1024 if self.shape == "prbs" else 0)


@dataclass(frozen=True, slots=True)
class Handled:
    """An operator acts at the station of a loop of a PLC, or sets a value that only people set."""

    name: str
    """Setpoint of the loop, or the value."""
    at_s: float
    """When, plant time [s]."""
    mode: Literal["", "MAN", "AUTO", "CAS"] = ""
    """Mode wanted; as it is if empty."""
    setpoint: float | None = None
    """Setpoint or value wanted, in its unit; as it is if None."""
    output: float | None = None
    """Output wanted in MAN, in the unit of the station's output; as it is if None."""


@dataclass(frozen=True, slots=True)
class Setup:
    """How one PLC is set up, where it differs from the line's own."""

    scan_s: float | None = None
    """Time of one scan, a whole multiple of half a second [s]."""
    watchdog_s: float | None = None
    """Silence of the heartbeat after which the controller counts as dead [s]."""
    start: Mapping[str, float] = field(default_factory=dict[str, float])
    """Setpoints at the start by name, each in its unit."""
    permitted: bool = True
    """Whether people permit remote setpoints at the start."""


@dataclass(frozen=True, slots=True)
class Course:
    """Everything that happens on a line besides the controller."""

    faults: Sequence[Fault] = ()
    """What goes wrong."""
    turns: Sequence[Turn] = ()
    """What people turn."""
    setups: Mapping[str, Setup] = field(default_factory=dict[str, Setup])
    """How its PLCs are set up, by connection."""
    handled: Sequence[Handled] = ()
    """What operators do at the stations of loops."""

    @property
    def eventful(self) -> bool:
        """Whether anything happens at all."""
        return bool(self.faults or self.turns or self.handled)


def handled_of(text: str) -> tuple[Handled, ...]:
    """Return acts of operators written as a list of JSON objects.

    Raises
    ------
    ValueError
        If they are none.
    """
    try:
        return tuple(Handled(**each) for each in json.loads(text))
    except TypeError as error:
        raise ValueError(str(error)) from error


def turns_of(text: str) -> tuple[Turn, ...]:
    """Return turns written as a list of JSON objects.

    Raises
    ------
    ValueError
        If they are none.
    """
    try:
        return tuple(Turn(**each) for each in json.loads(text))
    except TypeError as error:
        raise ValueError(str(error)) from error


def setups_of(text: str) -> dict[str, Setup]:
    """Return how PLCs are set up, written as a JSON object by connection.

    Raises
    ------
    ValueError
        If it is none.
    """
    try:
        return {name: Setup(**each) for name, each in json.loads(text).items()}
    except TypeError as error:
        raise ValueError(str(error)) from error
