"""What a simulated line is made of: one constant ``LINE`` in a file of its own makes a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hil.plants.faults import Fault
from hil.plants.noise import Mismatch
from hil.plc.guard import Rules
from hil.plc.line import SimulatedLine
from hil.plc.stations import Station
from hil.plc.truth_plant import TruthPlant
from policies import Policy


class Make(Protocol):
    """Makes a truth plant at its nominal steady state."""

    def __call__(self, seed: int, *, mismatch: Mismatch, faults: Sequence[Fault], noise: float) -> TruthPlant:
        """Return it.

        Parameters
        ----------
        seed
            Seed of noise, disturbances and of the true parameters.
        mismatch
            Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1].
        faults
            What goes wrong, and when.
        noise
            Multiplier of all noise, 0 for none [1].
        """
        ...


@dataclass(frozen=True, slots=True)
class Attribute:
    """A quality attribute of what the line makes, as its truth knows it."""

    columns: tuple[str, ...]
    """Columns of truth whose sum it is, each in `unit`."""
    unit: str
    """UCUM code."""
    target: float
    """Value wanted, in `unit`."""
    limits: tuple[float, float]
    """Lowest and highest good value, in `unit`; may be infinite."""


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One simulated line: its plant, its PLCs, and what scores are made of.

    The tags and their addresses are not here: they are the policy's.
    """

    name: str
    """Name of the line, as in ``line:`` of a policy and ``hil serve LINE``."""
    make: Make
    """Makes the truth plant."""
    rules: Mapping[str, Rules]
    """What the program of each PLC fixes, by connection."""
    local: Mapping[str, float]
    """Setpoints that only people at the plant change, by name, each in its unit."""
    targets: Mapping[str, str]
    """Kind of unit operation that faults can fall on, by name of the unit."""
    shown: Mapping[str, str] = field(default_factory=dict[str, str])
    """Tags that show a local setpoint, and the setpoint."""
    measures: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Columns of truth whose sum a tag measures, in the unit of the tag."""
    attributes: Mapping[str, Attribute] = field(default_factory=dict[str, Attribute])
    """What is scored even where no loop holds it, by name of the figure."""
    specification: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Lowest and highest good value by column of truth, each in its unit; product outside any of them is bad."""
    scans: Mapping[str, float] = field(default_factory=dict[str, float])
    """Plant time of one scan by connection, whole steps of the line; one step if absent [s]."""
    stations: Mapping[str, Station] = field(default_factory=dict[str, Station])
    """Loops of the PLCs that operators can take, by setpoint."""

    def simulate(
        self, policy: Policy, seed: int, faults: Sequence[Fault] = (), mismatch: Mismatch = 1.0, noise: float = 1.0
    ) -> SimulatedLine:
        """Return the line at its nominal steady state, its PLCs just started.

        Parameters
        ----------
        policy
            The policy that names the tags.
        seed
            Seed of noise, disturbances and of the true parameters.
        faults
            What goes wrong, and when.
        mismatch
            Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1].
        noise
            Multiplier of all noise, 0 for none [1].

        Raises
        ------
        ValueError
            If a fault does not suit the line, or the policy needs what the line does not have.
        """
        plant = self.make(seed, mismatch=mismatch, faults=tuple(faults), noise=noise)
        return SimulatedLine(
            policy, plant, self.rules, self.local, self.shown, scans=self.scans, stations=self.stations
        )
