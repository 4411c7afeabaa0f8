"""Horizontal blender: three tanks in series whose hold-up follows throughput and paddle speed."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from hil.plants.noise import kept
from hil.plants.powder import EMPTY, Masses, added, scaled, washed

TAU_S = 75.0
"""Mean residence time at reference flow and speed [s]."""

_FLOW_REF = 20.0 / 3600.0
_SPEED_REF = 250.0
_SPEED_POWER = 0.6
_HOLDUP_POWER = 0.6
_FLOW_POWER = 1.0 / _HOLDUP_POWER
_DRIVE_TAU_S = 2.0
_TANKS = 3
_DEAD_TAU_S = 600.0


def reference_mass(tau_s: float, speed: float) -> float:
    """Return the hold-up of one tank at the reference flow [kg].

    Parameters
    ----------
    tau_s
        Mean residence time at reference flow and speed [s].
    speed
        Paddle speed [rpm].
    """
    return float(tau_s * _FLOW_REF / _TANKS * (_SPEED_REF / speed) ** _SPEED_POWER)


def outflow(mass: float, reference: float) -> float:
    """Return the flow out of one tank [kg/s].

    Parameters
    ----------
    mass
        Hold-up of the tank [kg].
    reference
        Its hold-up at the reference flow [kg].
    """
    return float(_FLOW_REF * (mass / reference) ** _FLOW_POWER)


class Blender:
    """The blender with its powder, at a steady state from the start.

    Parameters
    ----------
    tau_s
        True mean residence time at reference flow and speed [s].
    fed
        Component flows at the start [kg/s].
    speed
        Paddle speed at the start [rpm].
    """

    __slots__ = ("_drive", "_reference", "_tau_s", "dead", "speed", "tanks")

    def __init__(self, tau_s: float, fed: Masses, speed: float) -> None:
        self._tau_s = tau_s
        self._drive = (1.0, kept(_DRIVE_TAU_S, 1.0))  # of one step: its length, and what is left of a change of speed
        self._reference = (speed, reference_mass(tau_s, max(speed, 1.0)))
        flow = sum(fed)
        held = reference_mass(tau_s, speed) * (flow / _FLOW_REF) ** _HOLDUP_POWER
        self.tanks: list[Masses] = [scaled(fed, held / flow)] * _TANKS
        """Powder in each tank, in the order of flow [kg]."""
        self.dead = EMPTY
        """Powder that stagnates beside the middle tank [kg]."""
        self.speed = speed
        """Paddle speed [rpm]."""

    def step(self, dt: float, fed: Masses, setpoint: float, hit: Mapping[str, float]) -> Masses:
        """Mix for one step and return the powder that left in it [kg].

        Parameters
        ----------
        dt
            Step [s].
        fed
            Component masses entering during the step [kg].
        setpoint
            Paddle speed wanted [rpm].
        hit
            Severity by fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        if dt != self._drive[0]:
            self._drive = (dt, kept(_DRIVE_TAU_S, dt))
        wanted = setpoint * hit.get("F10", 1.0)
        self.speed = wanted + (self.speed - wanted) * self._drive[1]
        if self.speed != self._reference[0]:
            self._reference = (self.speed, reference_mass(self._tau_s, max(self.speed, 1.0)))
        reference = self._reference[1]
        for i, tank in enumerate(self.tanks):
            mass = sum(tank)
            ratio = outflow(mass, reference) * dt / mass if mass > 0.0 else 0.0
            self.tanks[i], fed = washed(tank, fed, ratio)
        if "F11" in hit or self.dead is not EMPTY:
            self._stagnate(dt, hit.get("F11", 0.0))
        if not isfinite(sum(fed)):
            raise FloatingPointError(f"BLD: discharge {sum(fed)} kg, paddle speed {self.speed} rpm")
        return fed

    def _stagnate(self, dt: float, share: float) -> None:
        """Exchange powder between the middle tank and a dead zone.

        Parameters
        ----------
        dt
            Step [s].
        share
            Share of the hold-up that stagnates in the end [1].
        """
        middle, reach = self.tanks[1], dt / _DEAD_TAU_S
        wanted = share * sum(map(sum, self.tanks))
        taken = scaled(middle, min(reach * wanted / sum(middle), 1.0)) if sum(middle) > 0.0 else EMPTY
        given = scaled(self.dead, reach)
        self.tanks[1] = added(added(middle, scaled(taken, -1.0)), given)
        self.dead = added(added(self.dead, scaled(given, -1.0)), taken)
