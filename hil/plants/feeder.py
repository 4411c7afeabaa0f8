"""Loss-in-weight feeder: screw, hopper, refill valve, load cell, and the mass-flow loop of its PLC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, exp, isfinite, pi, sqrt

from hil.plants.noise import Noise, kept

_DENSITY_TAU_S = 40.0
_LOBES = 2.0
_HOLD_S = 8.0
_DRIVE_TAU_S = 0.5
_REFILL_LIMIT_S = 30.0
_REFILL_REST_S = 120.0


@dataclass(frozen=True, slots=True)
class Design:
    """Size, habits and tuning of one feeder."""

    name: str
    """Name of the unit."""
    factor: float
    """Feed factor of a full hopper [kg per turn]."""
    fading: float
    """Share of the feed factor lost when the hopper is empty [1]."""
    fading_mass: float
    """Hopper mass over which the feed factor fades [kg]."""
    low: float
    """Hopper mass at which a refill starts [kg]."""
    high: float
    """Hopper mass at which it ends [kg]."""
    refill: float
    """Refill rate [kg/s]."""
    packing: float
    """Densification by falling powder [1/kg]."""
    packing_tau_s: float
    """Time over which it relaxes [s]."""
    density_sd: float
    """Standard deviation of the bulk density about its mean [1]."""
    pulsation: float
    """Amplitude of the screw's pulsation [1]."""
    cell_sd: float
    """Noise of the load cell [kg]."""
    top_speed: float
    """Highest screw speed [rpm]."""
    filter_s: float = 4.0
    """Time constant of the PLC's mass-flow filter [s]."""
    gain: float = 0.35
    """Gain of the PLC's loop, relative to 60 s/min over the feed factor [1]."""
    reset_s: float = 8.0
    """Integral time of the PLC's loop [s]."""


API = Design("FDR_API", 0.45e-3, 0.15, 0.35, 0.6, 1.2, 0.06, 0.13, 40.0, 0.012, 0.03, 0.10e-3, 180.0)
EXC = Design("FDR_EXC", 5.2e-3, 0.12, 1.5, 3.0, 6.0, 0.30, 0.016, 30.0, 0.005, 0.02, 0.30e-3, 150.0)
LUB = Design("FDR_LUB", 0.115e-3, 0.15, 0.15, 0.25, 0.5, 0.025, 0.25, 40.0, 0.02, 0.05, 0.05e-3, 120.0, 8.0, 0.25, 14.0)
DESIGNS = (API, EXC, LUB)
"""The feeders of line A, in the order of the components."""


def feed_factor(mass: float, factor: float, fading: float, fading_mass: float) -> float:
    """Return what one turn of the screw discharges [kg per turn].

    Parameters
    ----------
    mass
        Hopper mass [kg].
    factor
        Feed factor of a full hopper [kg per turn].
    fading
        Share of it lost when the hopper is empty [1].
    fading_mass
        Hopper mass over which it fades [kg].
    """
    return factor * (1.0 - fading * exp(-mass / fading_mass))


def pulsed(angle: float, turned: float, amplitude: float) -> float:
    """Return the mean discharge over a turn of the screw relative to a steady one [1]; exact, so no step aliases.

    Parameters
    ----------
    angle
        Angle at the start [rad].
    turned
        Angle turned [rad].
    amplitude
        Amplitude of the pulsation [1].
    """
    if turned <= 0.0:
        return 1.0
    return 1.0 + amplitude * (cos(_LOBES * angle) - cos(_LOBES * (angle + turned))) / (_LOBES * turned)


class _Rhythm:
    """What depends on the length of a step alone, worked out once for many steps of the same length.

    Parameters
    ----------
    design
        The feeder, as its maker knows it.
    dt
        Step [s].
    """

    __slots__ = ("drive", "dt", "of_flow", "of_mass", "packing", "wander", "wandering")

    def __init__(self, design: Design, dt: float) -> None:
        left, self.wander = kept(design.filter_s, dt), kept(_DENSITY_TAU_S, dt)
        self.dt = dt
        self.of_mass = 1.0 - left * left
        self.of_flow = (1.0 - left) ** 2 / dt
        self.drive, self.packing = kept(_DRIVE_TAU_S, dt), kept(design.packing_tau_s, dt)
        self.wandering = sqrt(1.0 - self.wander * self.wander) * design.density_sd


class WeightLoop:
    """What the PLC of a feeder knows and does: estimate the mass flow, hold it, refill in good time.

    During a refill and some seconds after it the PLC is blind: screw speed and flow estimate are frozen.

    Parameters
    ----------
    design
        The feeder, as its maker knows it.
    flow
        Mass flow at the start [kg/s].
    speed
        Screw speed at the start [rpm].
    """

    __slots__ = (
        "_design", "_error", "_gain", "_hold_s", "_mass", "_open_s", "_rest_s", "_rhythm", "_waited_s",
        "flow", "manual", "refilling", "running", "speed",
    )  # fmt: skip

    def __init__(self, design: Design, flow: float, speed: float) -> None:
        self._design = design
        self._gain = design.gain * 60.0 / design.factor
        self._rhythm = _Rhythm(design, 1.0)
        self._mass: float | None = None
        self._error = self._hold_s = self._open_s = self._rest_s = self._waited_s = 0.0
        self.flow = flow
        """Mass flow as estimated [kg/s]."""
        self.speed = speed
        """Screw speed wanted [rpm]."""
        self.refilling = False
        """Whether the refill valve is open."""
        self.running = True
        """Whether the PLC scans; while it does not, its outputs stand."""
        self.manual: float | None = None
        """Screw speed set by hand [rpm]; None where the loop sets it."""

    @property
    def volumetric(self) -> bool:
        """Whether the screw speed is frozen."""
        return self.refilling or self._hold_s > 0.0

    @property
    def output(self) -> float:
        """Return the output of the loop, the screw speed wanted [rpm]."""
        return self.speed

    @property
    def mode(self) -> float:
        """Return the mode as the PLC shows it: 0 volumetric, 1 gravimetric, 2 by hand [1]."""
        return 2.0 if self.manual is not None else 0.0 if self.refilling or self._hold_s > 0.0 else 1.0

    def forget(self) -> None:
        """Start without retained data: blind for a while with the screw as it turns, as after a refill."""
        self._mass = None
        self._open_s = self._rest_s = self._waited_s = 0.0
        self.refilling, self._hold_s = False, _HOLD_S

    def scan(self, dt: float, mass: float, setpoint: float) -> None:
        """Run the PLC once, if it runs.

        Parameters
        ----------
        dt
            Time since the last call [s].
        mass
            Indicated hopper mass [kg].
        setpoint
            Mass flow wanted [kg/s].
        """
        self._waited_s += dt
        if not self.running:
            return
        dt, self._waited_s = self._waited_s, 0.0
        if self.refilling or self._hold_s or self._rest_s or mass < self._design.low:
            self._watch_level(dt, mass)
        wanted = self.speed
        if self.refilling or self._hold_s > 0.0:
            self._mass = mass
        else:
            self._estimate(dt, mass)
            error = setpoint - self.flow
            grown, self._error = error - self._error, error
            wanted += self._gain * (grown + error * dt / self._design.reset_s)
        wanted = wanted if self.manual is None else self.manual
        self.speed = 0.0 if wanted < 0.0 else min(wanted, self._design.top_speed)

    def _estimate(self, dt: float, mass: float) -> None:
        if dt != self._rhythm.dt:
            self._rhythm = _Rhythm(self._design, dt)
        expected = mass if self._mass is None else self._mass - self.flow * dt
        surprise = mass - expected
        self._mass = expected + self._rhythm.of_mass * surprise
        self.flow -= self._rhythm.of_flow * surprise

    def _watch_level(self, dt: float, mass: float) -> None:
        if self._hold_s:
            self._hold_s = max(self._hold_s - dt, 0.0)
        if self._rest_s:
            self._rest_s = max(self._rest_s - dt, 0.0)
        if self.refilling:
            self._open_s += dt
            full = mass >= self._design.high
            if full or self._open_s >= _REFILL_LIMIT_S:
                self.refilling, self._hold_s, self._rest_s = False, _HOLD_S, 0.0 if full else _REFILL_REST_S
        elif mass < self._design.low and self._rest_s <= 0.0:
            self.refilling, self._open_s = True, 0.0


class Feeder:
    """One feeder with its powder, running at a steady flow from the start.

    Parameters
    ----------
    design
        The feeder, as its maker knows it.
    noise
        Source of randomness.
    flow
        Mass flow at the start [kg/s].
    mass
        Hopper mass at the start [kg].
    skew
        True over nominal feed factor [1].
    """

    __slots__ = (
        "_angle", "_cleared", "_density", "_design", "_discharged", "_factor", "_noise", "_packing", "_refilled",
        "_rhythm", "_span", "_start", "_zero", "indicated", "loop", "mass", "speed",
    )  # fmt: skip

    def __init__(self, design: Design, noise: Noise, flow: float, mass: float, skew: float) -> None:
        self._design = design
        self._noise = noise
        self._rhythm = _Rhythm(design, 1.0)
        self._factor = skew * design.factor
        self._density = design.density_sd * noise()
        self._angle = self._packing = 0.0
        self._zero: float = 0.0
        self._span: float = 1.0
        self._cleared = False
        self.mass = mass
        """True hopper mass [kg]."""
        self.indicated = mass
        """Hopper mass the load cell shows [kg]."""
        self._start = mass
        self._refilled = self._discharged = 0.0
        self.speed: float = 60.0 * flow / feed_factor(mass, self._factor, design.fading, design.fading_mass)
        """Screw speed [rpm]."""
        self.loop = WeightLoop(design, flow, self.speed)

    def step(self, dt: float, setpoint: float, hit: Mapping[str, float]) -> float:
        """Run PLC, screw, hopper and load cell for one step and return the mass discharged in it [kg].

        Parameters
        ----------
        dt
            Step [s].
        setpoint
            Mass flow wanted [kg/s].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        if dt != self._rhythm.dt:
            self._rhythm = _Rhythm(self._design, dt)
        loop = self.loop
        loop.scan(dt, self.indicated, setpoint)
        self.speed = loop.speed + (self.speed - loop.speed) * self._rhythm.drive
        refill = self._design.refill * hit.get("F06", 1.0) * dt if loop.refilling else 0.0
        self._pack(dt, refill, hit)
        fed = min(self._discharge(dt, hit), self.mass + refill)
        self.mass += refill - fed
        self._refilled += refill
        self._discharged += fed
        self._weigh(hit)
        if not isfinite(self.indicated + self.speed + fed):
            raise FloatingPointError(f"{self._design.name}: mass {self.mass} kg, screw speed {self.speed} rpm")
        return fed

    @property
    def refilled(self) -> float:
        """Return what all refills since the start have brought [kg]."""
        return self._refilled

    def missing(self) -> float:
        """Return what the mass balance of the hopper misses, zero but for rounding [kg]."""
        return self._start + self._refilled - self._discharged - self.mass

    def _pack(self, dt: float, refill: float, hit: Mapping[str, float]) -> None:
        design, rhythm, push = self._design, self._rhythm, 0.0
        if refill > 0.0:
            push = design.packing * (self._noise.scale + hit.get("F01", 1.0) - 1.0) * refill / dt * design.packing_tau_s
        self._packing = push + (self._packing - push) * rhythm.packing
        wandering = rhythm.wandering
        if hit or self._cleared:
            holed = "F03" in hit
            self._cleared = holed and (self._cleared or self.loop.refilling)
            wandering = 4.0 * wandering if holed and not self._cleared else wandering
        self._density = rhythm.wander * self._density + wandering * self._noise.draw()

    def _discharge(self, dt: float, hit: Mapping[str, float]) -> float:
        design = self._design
        turned = 2.0 * pi * self.speed / 60.0 * dt
        pulse = pulsed(self._angle, turned, design.pulsation * self._noise.scale)
        self._angle = (self._angle + turned) % (2.0 * pi)
        factor = feed_factor(self.mass, self._factor, design.fading, design.fading_mass)
        powder, hindered = (1.0 + self._density) * (1.0 + self._packing), 1.0
        if hit:
            factor *= 1.0 - hit.get("F07", 0.0)
            powder *= 1.0 + hit.get("F08", 0.0)
            hindered = hit.get("F02", 1.0) * (1.0 if self._cleared else hit.get("F03", 1.0))
        return max(factor * self.speed / 60.0 * dt * powder * hindered * pulse, 0.0)

    def _weigh(self, hit: Mapping[str, float]) -> None:
        span = 1.0 / (1.0 - hit.get("F04", 0.0)) if hit else 1.0
        if span != self._span:
            self._zero += (self._span - span) * self.mass
            self._span = span
        touch = hit.get("F05", 0.0) * 1e-3 if hit else 0.0
        self.indicated = span * self.mass + self._zero + touch + self._design.cell_sd * self._noise.draw()
