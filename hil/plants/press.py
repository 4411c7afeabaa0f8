"""Rotary tablet press with its hopper, chute and feed frame, and the two loops of its PLC."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isfinite, sqrt
from typing import NamedTuple

from hil.plants.noise import Noise, kept, lagged
from hil.plants.powder import API, LUB, Masses, scaled, washed
from hil.plants.sensors import Sampled
from hil.plants.tablets import STATIONS, breaking_force, bulk_density, compression_force, fill_mass, solid_fraction

HOPPER_KG = 0.35
"""Hopper mass the level loop holds [kg]."""

TABLET_KG = 0.2e-3
"""Tablet mass wanted [kg]."""

_START_DEPTH_M, _SHALLOWEST_M, _DEEPEST_M = 8.79e-3, 4e-3, 14e-3
_NARROWEST_M, _WIDEST_M = 1e-3, 6e-3
_SLOWEST_RPM, _FASTEST_RPM = 10.0, 90.0
_CHUTE_KG = _FRAME_KG = 0.10
_TANK_SKEW = 0.12
_DENSITY_SD, _DENSITY_TAU_S = 0.008, 150.0
_ACTUATOR_TAU_S, _DRIVE_TAU_S, _FORCE_FILTER_S = 1.5, 2.0, 5.0
_LEVEL_GAIN, _LEVEL_RESET = 0.02, 0.004 / 60.0
_FORCE_GAIN, _FORCE_RESET = 2e-5, 6e-6
_FORCE_SD, _HOPPER_SD_KG, _TABLET_SD_KG, _HARDNESS_SD_N = 0.005, 2e-3, 0.6e-6, 3.0
_BIAS = 0.3
_MOST_DRAWN = 0.98


class Tablet(NamedTuple):
    """The tablets made now, on average."""

    mass: float
    """Mass [kg]."""
    force: float
    """Main compression force [kN]."""
    hardness: float
    """Breaking force [N]."""


class PressLoops:
    """What the PLC of the press does: hold the hopper with the turret, and the force with the fill depth.

    Parameters
    ----------
    speed
        Turret speed at the start [rpm].
    force
        Main compression force at the start [kN].
    """

    __slots__ = ("_fill", "_filtered", "_flow", "_waited_s", "depth", "manual", "running", "speed")

    def __init__(self, speed: float, force: float) -> None:
        self._flow = STATIONS * TABLET_KG * speed / 60.0
        self._fill = _START_DEPTH_M
        self._filtered = force
        self._waited_s = 0.0
        self.running = True
        """Whether the PLC scans; while it does not, its outputs stand."""
        self.manual: float | None = None
        """Fill depth set by hand [m]; None where the loop of the force sets it."""
        self.speed = speed
        """Turret speed wanted [rpm]."""
        self.depth = _START_DEPTH_M
        """Fill depth wanted [m]."""

    @property
    def output(self) -> float:
        """Return the output of the loop of the force, the fill depth wanted [m]."""
        return self.depth

    def forget(self) -> None:
        """Start without retained data: the integrals begin where turret and fill cam stand."""
        self._flow = STATIONS * TABLET_KG * self.speed / 60.0
        self._fill = self.depth
        self._waited_s = 0.0

    def scan(self, dt: float, hopper: float, force: float, setpoint: float) -> None:
        """Run the PLC once, if it runs.

        Parameters
        ----------
        dt
            Time since the last call [s].
        hopper
            Indicated hopper mass [kg].
        force
            Indicated main compression force [kN].
        setpoint
            Force wanted [kN].
        """
        self._waited_s += dt
        if not self.running:
            return
        dt, self._waited_s = self._waited_s, 0.0
        excess = hopper - HOPPER_KG
        self._flow = max(self._flow + _LEVEL_RESET * excess * dt, 0.0)
        speed = 60.0 * (self._flow + _LEVEL_GAIN * excess) / (STATIONS * TABLET_KG)
        self.speed = min(max(speed, _SLOWEST_RPM), _FASTEST_RPM)
        self._filtered = lagged(self._filtered, force, _FORCE_FILTER_S, dt)
        error = setpoint - self._filtered
        if self.manual is not None:
            self._fill = self.manual - _FORCE_GAIN * error
        else:
            self._fill = min(max(self._fill + _FORCE_RESET * error * dt, _SHALLOWEST_M), _DEEPEST_M)
        self.depth = min(max(self._fill + _FORCE_GAIN * error, _SHALLOWEST_M), _DEEPEST_M)


class _Rhythm:
    """What depends on the length of a step alone, worked out once for many steps of the same length.

    Parameters
    ----------
    dt
        Step [s].
    """

    __slots__ = ("actuator", "drive", "dt", "wander", "wandering")

    def __init__(self, dt: float) -> None:
        self.dt = dt
        self.drive, self.actuator = kept(_DRIVE_TAU_S, dt), kept(_ACTUATOR_TAU_S, dt)
        self.wander = kept(_DENSITY_TAU_S, dt)
        self.wandering = sqrt(1.0 - self.wander * self.wander) * _DENSITY_SD


class Press:
    """The press with its powder, at a steady state from the start.

    Parameters
    ----------
    noise
        Source of the randomness of the run.
    skew
        Source of what sets this press apart from the nominal one.
    fed
        Component flows at the start [kg/s].
    gap
        Gap at the start [m].
    """

    __slots__ = (
        "_bias", "_chute_kg", "_density", "_frame_kg", "_noise", "_rhythm",
        "at_line", "depth", "force", "gap", "hopper_seen", "loops", "speed", "tablet", "tanks",
    )  # fmt: skip

    def __init__(self, noise: Noise, skew: Noise, fed: Masses, gap: float) -> None:
        flow = sum(fed)
        self._noise = noise
        self._rhythm = _Rhythm(1.0)
        self._chute_kg = _CHUTE_KG * exp(_TANK_SKEW * skew())
        self._frame_kg = _FRAME_KG * exp(_TANK_SKEW * skew())
        self._bias = (_BIAS * skew(), _BIAS * skew(), _BIAS * skew(), _BIAS * skew())
        self._density = _DENSITY_SD * noise()
        self.tanks = tuple(scaled(fed, kg / flow) for kg in (HOPPER_KG, self._chute_kg, self._frame_kg))
        """Powder in hopper, chute and feed frame [kg]."""
        self.depth: float = _START_DEPTH_M
        """Fill depth [m]."""
        self.gap = gap
        """Gap [m]."""
        self.speed: float = 60.0 * flow / (STATIONS * fill_mass(bulk_density(fed[API] / flow, 0.0), self.depth, 46.0))
        """Turret speed [rpm]."""
        self.tablet = self._compress(self._fill(self._bulk(), {}), self._bulk(), {})
        """The tablets made now."""
        self.hopper_seen = HOPPER_KG
        """Indicated hopper mass [kg]."""
        self.force = Sampled(1.0, 0.0, self.tablet.force)
        """Indicated main compression force [kN]."""
        self.at_line = Sampled(300.0, 120.0, self._weighed({}))
        """Mean mass [kg] and hardness [N] of ten tablets."""
        self.loops = PressLoops(self.speed, self.tablet.force)
        """What the PLC does."""

    def step(self, dt: float, fed: Masses, wanted: tuple[float, float], hit: Mapping[str, float]) -> Masses:
        """Make tablets for one step and return their powder [kg].

        Parameters
        ----------
        dt
            Step [s].
        fed
            Component masses entering the hopper during the step [kg].
        wanted
            Main compression force [kN] and gap [m] asked for.
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        self.loops.scan(dt, self.hopper_seen, self.force.shown.value, wanted[0])
        if dt != self._rhythm.dt:
            self._rhythm = _Rhythm(dt)
        gap, left, rhythm = min(max(wanted[1], _NARROWEST_M), _WIDEST_M), self._rhythm.actuator, self._rhythm
        self.speed = self.loops.speed + (self.speed - self.loops.speed) * rhythm.drive
        self.depth = self.loops.depth + (self.depth - self.loops.depth) * left
        self.gap = gap + (self.gap - gap) * left
        self._density = rhythm.wander * self._density + rhythm.wandering * self._noise.draw()
        made = self._run(dt, fed, hit)
        if not isfinite(sum(self.tablet) + self.speed + self.depth + self.gap + sum(made)):
            raise FloatingPointError(f"PRS: {self.tablet}, {self.speed} rpm, fill {self.depth} m, gap {self.gap} m")
        return made

    def sense(self, t: float, hit: Mapping[str, float]) -> None:
        """Read the sensors of the press.

        Parameters
        ----------
        t
            Plant time [s].
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        self.hopper_seen = sum(self.tanks[0]) + _HOPPER_SD_KG * (self._bias[0] + self._noise.draw())
        if self.force.due(t):
            error = self._bias[1] + self._scatter(hit) * self._noise.draw()
            self.force.take(t, self.tablet.force * (1.0 + _FORCE_SD * error))
        if self.at_line.due(t):
            self.at_line.take(t, self._weighed(hit))
        self.force.show(t)
        self.at_line.show(t)

    def _run(self, dt: float, fed: Masses, hit: Mapping[str, float]) -> Masses:
        bulk = self._bulk()
        filled = self._fill(bulk, hit)
        asked = filled * STATIONS * self.speed / 60.0 * dt
        hopper, chute, frame = self.tanks
        stock = sum(hopper) + sum(fed)
        drawn = min(asked, _MOST_DRAWN * stock)
        self.tablet = self._compress(filled * drawn / asked, bulk, hit)
        hopper, flow = washed(hopper, fed, drawn / (stock - drawn))
        chute, flow = washed(chute, flow, drawn / self._chute_kg)
        frame, flow = washed(frame, flow, drawn / self._frame_kg)
        self.tanks = (hopper, chute, frame)
        return flow

    def _fill(self, bulk: float, hit: Mapping[str, float]) -> float:
        return fill_mass(bulk, self.depth, self.speed) * (1.0 - hit.get("F12", 0.0))

    def _bulk(self) -> float:
        frame = self.tanks[2]
        return bulk_density(frame[API] / sum(frame), self._density)

    def _compress(self, mass: float, bulk: float, hit: Mapping[str, float]) -> Tablet:
        frame = self.tanks[2]
        hardness = breaking_force(solid_fraction(mass, self.gap), frame[LUB] / sum(frame))
        force = compression_force(mass, bulk, self.gap)
        return Tablet(mass, force, hardness * (1.0 - hit.get("F13", 0.0)))

    def _weighed(self, hit: Mapping[str, float]) -> tuple[float, float]:
        error = self._bias[2] + self._scatter(hit) * self._noise.draw()
        mass = self.tablet.mass + _TABLET_SD_KG * error
        return mass, self.tablet.hardness + _HARDNESS_SD_N * (self._bias[3] + self._noise.draw())

    def _scatter(self, hit: Mapping[str, float]) -> float:
        return 1.0 + hit.get("F12", 0.0) / 0.015
