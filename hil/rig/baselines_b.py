"""The yardstick of line B: two PI loops, as a good engineer would have tuned them.

Moisture moves the inlet air, size moves the liquid. The loops see the tags the controller sees and write the setpoints
it writes, through the same PLCs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import exp

from controller.lease import claim_after
from hil.rig.baselines import Day, driven, simc
from hil.rig.play import EPOCH
from hil.rig.truth import Truth
from plant_io import Setpoint, Snapshot
from policies import Policy

_BEATS = 2**16
_CLAIM = claim_after(granted=0.0, station=1)


@dataclass(frozen=True, slots=True)
class Process:
    """What a loop is tuned for: a first order with dead time."""

    gain: float
    """Gain, unit of the measurement per unit of the setpoint."""
    dead_s: float
    """Dead time [s]."""
    lag_s: float
    """Time constant [s]."""


@dataclass(frozen=True, slots=True)
class Tuned:
    """One loop from a measurement to a setpoint."""

    measured: str
    """Tag that is read."""
    moved: str
    """Tag that is written."""
    target: float
    """Value wanted, in the unit of the measurement."""
    start: float
    """Setpoint at which it begins, in the unit of the tag."""
    limits: tuple[float, float]
    """Lowest and highest setpoint, in the unit of the tag."""
    process: Process
    """What it is tuned for."""
    closed_s: float
    """Time constant wanted of the closed loop [s]."""
    filter_s: float = 0.0
    """Time constant of the measurement filter [s]."""
    smith: bool = False
    """Whether a Smith predictor takes the dead time out of the loop."""

    @property
    def settings(self) -> tuple[float, float]:
        """Return proportional gain and integral time by the SIMC rules, unit of the setpoint per unit, and [s]."""
        dead_s = self.filter_s / 2.0 if self.smith else self.process.dead_s + self.filter_s
        return simc(self.process.gain, dead_s, self.process.lag_s, self.closed_s)


@dataclass(slots=True)
class Single:
    """A PI loop with limits and anti-windup, and with a Smith predictor where it is asked for."""

    tuned: Tuned
    """How it is tuned."""
    setpoint: float = 0.0
    """Setpoint written, in the unit of its tag."""
    _seen: float | None = None
    _filtered: float = 0.0
    _integral: float = 0.0
    _quick: float = 0.0
    _slow: float = 0.0
    _moves: deque[tuple[float, float]] = field(default_factory=deque[tuple[float, float]])

    def __post_init__(self) -> None:
        self.setpoint = self.tuned.start

    def see(self, value: float, taken: float) -> None:
        """Move on a new sample.

        Parameters
        ----------
        value
            Measurement, in its unit.
        taken
            When it was taken, POSIX time [s].
        """
        if self._seen is None:
            self._seen, self._filtered = taken, value
            return
        passed = taken - self._seen
        if passed <= 0.0:
            return
        self._seen = taken
        lag_s = self.tuned.filter_s
        self._filtered += (1.0 - exp(-passed / lag_s) if lag_s else 1.0) * (value - self._filtered)
        self._move(passed, self._ahead(passed) if self.tuned.smith else 0.0)

    def _move(self, passed: float, ahead: float) -> None:
        gain, reset_s = self.tuned.settings
        error = self.tuned.target - self._filtered - ahead
        grown = self._integral + gain * error * passed / reset_s
        wanted = self.tuned.start + gain * error + grown
        low, high = self.tuned.limits
        if low < wanted < high:
            self._integral = grown
        self.setpoint = min(max(wanted, low), high)

    def _ahead(self, passed: float) -> float:
        """Return by how much the process will have moved, by its model, when the dead time is over."""
        process, at = self.tuned.process, self._seen or 0.0
        given = self.setpoint - self.tuned.start
        self._moves.append((at, given))
        while len(self._moves) > 1 and self._moves[1][0] <= at - process.dead_s:
            self._moves.popleft()
        then = self._moves[0][1] if self._moves[0][0] <= at - process.dead_s else 0.0
        weight = 1.0 - exp(-passed / process.lag_s)
        self._quick += weight * (process.gain * given - self._quick)
        self._slow += weight * (process.gain * then - self._slow)
        return self._quick - self._slow


@dataclass(slots=True)
class Pair:
    """Loops that run beside each other; told every cycle, each acts on every new sample of its own."""

    policy: Policy
    """Names tags and handshakes."""
    loops: Sequence[Single]
    """The loops."""
    after_s: float = 180.0
    """Plant time at which they are closed [s]."""
    _beat: int = 0

    def __call__(self, snapshot: Snapshot) -> Sequence[Setpoint]:
        """Return the frame of one cycle; nothing before its time."""
        if snapshot.at - EPOCH < self.after_s:
            return ()
        self._beat = (self._beat + 1) % _BEATS
        for loop in self.loops:
            value = snapshot.good(loop.tuned.measured)
            if value is not None:
                loop.see(value, snapshot.taken(loop.tuned.measured))
        moved = [Setpoint(loop.tuned.moved, loop.setpoint) for loop in self.loops]
        return [*moved, *self._handshakes()]

    def _handshakes(self) -> list[Setpoint]:
        frame: list[Setpoint] = []
        for name in {self.policy.tags[loop.tuned.moved].connection: None for loop in self.loops}:
            words = self.policy.connections[name].handshake
            if words is not None and words.claim is not None:
                frame.append(Setpoint(words.claim, _CLAIM))
                frame.append(Setpoint(words.arm, 1.0))
                frame.append(Setpoint(words.heartbeat, float(self._beat)))
        return frame


MOISTURE = Tuned("NIR_LOD", "DRY.TIN_SP", 2.0, 53.0, (40.0, 65.0), Process(-0.155, 78.0, 206.0), 30.0, 10.0)
"""Moisture by inlet air: the process by its step tests, closed-loop time constant and filter from a sweep."""

SIZE = Tuned("CAM_M.D50", "PMP.LS_SP", 400.0, 0.25, (0.17, 0.33), Process(1650.0, 190.0, 308.0), 60.0, 20.0, smith=True)
"""Size by liquid, behind a Smith predictor: the process by its step tests, the rest from a sweep.

The sweep took the sum of the times until moisture and size were back in their bands, means of seeds 101 to 105, with
the pump a fifth weak and a fifth of the liquid unseen, a humidity ramp and two lots: 6070 s with the plain SIMC rules,
4480 s with half the time constants they advise, 3970 s and 3780 s with predictors. These take the faster of each.
"""


MOISTURE_2 = Tuned(
    "NIR_LOD", "DRY.TIN_SP", 1.6, 53.0, (40.0, 65.0), Process(-0.226, 350.0, 450.0), 400.0, 10.0, smith=True
)
"""Moisture of the batches of line B2 by inlet air, behind a Smith predictor; NIR shows 0.8 of what leaves a cell."""

SIZE_2 = Tuned(
    "CAM_M.D50", "PMP.LS_SP", 300.0, 0.25, (0.17, 0.33), Process(700.0, 1080.0, 100.0), 3000.0, 60.0, smith=True
)
"""Size on line B2 by liquid, behind a Smith predictor of six turns of the cells.

Both are taken from five settings on seed 101: faster loops disturb each other through the moisture of the granules.
"""

TUNED: Mapping[str, tuple[Tuned, Tuned]] = {"B": (MOISTURE, SIZE), "B2": (MOISTURE_2, SIZE_2)}
"""Both loops by line."""


def under_pair(policy: Policy, day: Day, tuned: tuple[Tuned, Tuned] | None = None) -> Truth:
    """Return the truth of a day under two loops, those of the line if none are given."""
    moisture, size = tuned or TUNED[policy.line]
    return driven(policy, day, Pair(policy, (Single(moisture), Single(size))))
