"""What the controller is measured against: the same line on the same day without control, and under a PI loop.

The PI loop sees what the controller sees, through the same PLCs and the same soft sensor, and moves the API feeder
against the excipient feeder at constant total. It is the loop a good engineer would have put there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp

from controller import soft
from controller.lease import claim_after
from hil.plants.faults import Fault
from hil.plants.noise import Mismatch
from hil.plc.lines import blueprint
from hil.rig.memory import Memory
from hil.rig.play import EPOCH
from hil.rig.truth import Truth, TruthLog
from plant_io import Setpoint, Snapshot
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy

_BEATS = 2**16
_CLAIM = claim_after(granted=0.0, station=1)

Act = Callable[[Snapshot], Sequence[Setpoint]]
"""Gives the setpoints of one cycle."""


@dataclass(frozen=True, slots=True)
class Day:
    """One stretch of plant time, the same for every way to run the line."""

    seed: int
    """Seed of the plant [1]."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, and when."""
    for_s: float = 3600.0
    """How long it lasts [s]."""
    mismatch: Mismatch = 1.0
    """Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1]."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """A PI loop from API content to API feeder setpoint."""

    gain: float
    """Proportional gain [kg/h per %]."""
    reset_s: float
    """Integral time [s]."""
    filter_s: float
    """Time constant of the measurement filter [s]."""
    after_s: float = 180.0
    """Plant time at which the loop is closed [s]."""


def simc(gain: float, dead_s: float, lag_s: float, closed_s: float) -> tuple[float, float]:
    """Return proportional gain and integral time of a PI loop by the SIMC rules.

    Parameters
    ----------
    gain
        Process gain [% per kg/h].
    dead_s
        Dead time [s].
    lag_s
        Time constant [s].
    closed_s
        Time constant wanted of the closed loop [s].

    Returns
    -------
    tuple of float
        Gain [kg/h per %] and integral time [s].

    References
    ----------
    S. Skogestad, "Simple analytic rules for model reduction and PID controller tuning", J. Process Control 13(4), 2003,
    doi:10.1016/S0959-1524(02)00062-8.

    Examples
    --------
    >>> simc(gain=5.0, dead_s=102.0, lag_s=102.0, closed_s=102.0)
    (0.1, 102.0)
    """
    return lag_s / (gain * (closed_s + dead_s)), min(lag_s, 4.0 * (closed_s + dead_s))


TUNED = Tuning(simc(gain=5.0, dead_s=102.0, lag_s=102.0, closed_s=51.0)[0], reset_s=350.0, filter_s=5.0)
"""The best loop found: gain by SIMC, faster than its advice; integral time and filter from a sweep.

The sweep took the mean error integral on seeds 101 to 105 with a 4 % span error of the API load cell: 282 % s with the
plain rules (102 s, 102 s), 240 % s here, and no better beyond.
"""


@dataclass(slots=True)
class Pi:
    """The PI loop itself, with limits and anti-windup; told every cycle, it acts on every new spectrum."""

    tuning: Tuning
    """How it is tuned."""
    began: float
    """Instant of plant time 0, POSIX time [s]."""
    total: float = 19.8
    """Sum of the two setpoints [kg/h]."""
    nominal: float = 2.0
    """API setpoint at which it begins [kg/h]."""
    limits: tuple[float, float] = (1.6, 2.4)
    """Lowest and highest API setpoint [kg/h]."""
    target: float = 10.0
    """Content wanted [%]."""
    _seen: float | None = None
    """When the last spectrum was taken, POSIX time [s]."""
    _filtered: float = 0.0
    """Filtered content [%]."""
    _integral: float = 0.0
    """Integral part of the setpoint [kg/h]."""
    _beat: int = 0
    """Heartbeat [1]."""
    _held: float = 0.0
    """API setpoint last written [kg/h]; 0 before the first."""

    def __call__(self, snapshot: Snapshot) -> Sequence[Setpoint]:
        """Return the frame of one cycle: moved on a new spectrum, else as it was; nothing before its time."""
        if snapshot.at - self.began < self.tuning.after_s:
            return ()
        self._beat = (self._beat + 1) % _BEATS
        sample = snapshot["SOFT.API.NIR"]
        if snapshot.good("SOFT.API.NIR") is not None and self._seen != sample.source:
            self._held = self._move(sample.value, 0.0 if self._seen is None else sample.source - self._seen)
            self._seen = sample.source
        frame = {"SUP_F.CLAIM": _CLAIM, "SUP_F.ARM": 1.0, "SUP_F.HEARTBEAT": float(self._beat)}
        if self._held:
            frame = {"FDR_API.F_SP": self._held, "FDR_EXC.F_SP": self.total - self._held} | frame
        return [Setpoint(tag, value) for tag, value in frame.items()]

    def _move(self, value: float, passed: float) -> float:
        weight = 1.0 - exp(-passed / self.tuning.filter_s) if self._seen is not None and self.tuning.filter_s else 1.0
        self._filtered += weight * (value - self._filtered)
        error = self.target - self._filtered
        grown = self._integral + self.tuning.gain * error * passed / self.tuning.reset_s
        wanted = self.nominal + self.tuning.gain * error + grown
        low, high = self.limits
        if low < wanted < high:
            self._integral = grown
        return min(max(wanted, low), high)


def open_loop(policy: Policy, day: Day) -> Truth:
    """Return the truth of a day on which nobody moves anything."""
    return driven(policy, day, lambda _: ())


def under_pi(policy: Policy, day: Day, tuning: Tuning = TUNED) -> Truth:
    """Return the truth of the same day under the PI loop."""
    return driven(policy, day, Pi(tuning, EPOCH))


def driven(policy: Policy, day: Day, act: Act) -> Truth:
    """Return the truth of a day on which `act` gives the setpoints of every cycle."""
    memory = Memory(blueprint(policy.line).simulate(policy, day.seed, day.faults, day.mismatch), EPOCH)
    log, kit = TruthLog(), soft.prepare(policy)

    async def run() -> None:
        clock, state = SimClock(EPOCH, memory.advance), soft.start(kit)
        line = Line(policy, clock, memory.make)
        await line.open()
        try:
            await line.ready(5.0)
            while clock.now() < EPOCH + day.for_s:
                snapshot, state = soft.enrich(await line.read(clock.now()), state, kit)
                await line.write(act(snapshot))
                await clock.sleep_until(clock.now() + policy.period_s)
                log.add(memory.line.truth())
        finally:
            await line.close()

    asyncio.run(run())
    return log.columns()
