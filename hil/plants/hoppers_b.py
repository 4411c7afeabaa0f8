"""The two feeders of line B, and what sets one seed of the line apart from another."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp
from types import MappingProxyType
from typing import NamedTuple

from numpy.random import Generator, SeedSequence, default_rng

from hil.plants.feeder import Design, Feeder
from hil.plants.granules import Powder
from hil.plants.noise import Mismatch, Noise, Skew

NOMINAL: Mapping[str, float] = MappingProxyType(
    {
        "FDR_API.F_SP": 3.0,
        "FDR_EXC.F_SP": 12.0,
        "PMP.LS_SP": 0.25,
        "TSG.N_SP": 700.0,
        "DRY.TIN_SP": 53.0,
        "DRY.AIR_SP": 360.0,
        "DRY.TFILL_SP": 180.0,
        "MIL.N_SP": 900.0,
    }
)
"""Nominal setpoints: flows [kg/h], liquid to dry solids [1], speeds [rpm], temperature [degC], air [m3/h], time [s]."""

API = Design("FDR_API", 0.55e-3, 0.15, 0.4, 0.8, 1.6, 0.08, 0.10, 40.0, 0.012, 0.03, 0.10e-3, 180.0)
EXC = Design("FDR_EXC", 2.6e-3, 0.12, 1.2, 2.5, 5.0, 0.25, 0.018, 30.0, 0.005, 0.02, 0.30e-3, 180.0)
DESIGNS = (API, EXC)
"""The feeders of line B."""

_FACTOR_SKEW = 0.05
_API_SHARE, _EXC_SHARE = 0.20, 0.80
_AHEAD = 4096
_SOUND: Mapping[str, float] = MappingProxyType({})


class Hoppers:
    """The two feeders, running at the nominal flows from the start.

    Parameters
    ----------
    draw
        Source of the randomness of the run.
    skew
        Source of what sets these feeders apart from the nominal ones.
    masses
        Hopper masses at the start [kg].
    """

    __slots__ = ("feeders", "flows")

    def __init__(self, draw: Noise, skew: Noise, masses: tuple[float, float]) -> None:
        self.flows = tuple(NOMINAL[f"{design.name}.F_SP"] / 3600.0 for design in DESIGNS)
        """True flows of API and excipient [kg/s]."""
        self.feeders = tuple(
            Feeder(design, draw, flow, mass, exp(_FACTOR_SKEW * skew()))
            for design, flow, mass in zip(DESIGNS, self.flows, masses, strict=True)
        )
        """Feeder of API and of excipient."""

    @property
    def seen(self) -> float:
        """Return the flow of both as their PLC sees it [kg/s]."""
        return self.feeders[0].loop.flow + self.feeders[1].loop.flow

    def step(self, dt: float, setpoints: tuple[float, float], hits: Mapping[str, Mapping[str, float]]) -> Powder[float]:
        """Feed for one step and return what was fed in it.

        Parameters
        ----------
        dt
            Step [s].
        setpoints
            Flows of API and excipient wanted [kg/h].
        hits
            Severity by target and fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state is no longer finite.
        """
        api, exc = (
            one.step(dt, wanted / 3600.0, hits.get(design.name, _SOUND))
            for one, design, wanted in zip(self.feeders, DESIGNS, setpoints, strict=True)
        )
        self.flows = (api / dt, exc / dt)
        spoiled = min(hits.get("FDR_API", _SOUND).get("N01", 0.0) / 100.0 / _API_SHARE, 1.0)
        damp = hits.get("FDR_EXC", _SOUND).get("N02", 0.0) / 100.0
        return Powder(api + exc, damp / (1.0 - damp) / _EXC_SHARE * exc, (1.0 - spoiled) * api)

    def tags(self) -> dict[str, float]:
        """Return what the PLC of the feeders shows, in the units of the tags."""
        tags: dict[str, float] = {}
        for design, one in zip(DESIGNS, self.feeders, strict=True):
            tags[f"{design.name}.W"] = one.indicated
            tags[f"{design.name}.F_PV"] = 3600.0 * one.loop.flow
            tags[f"{design.name}.N"] = one.speed
            tags[f"{design.name}.MODE"] = one.loop.mode
            tags[f"{design.name}.REFILL"] = 1.0 if one.loop.refilling else 0.0
        return tags

    def missing(self) -> dict[str, float]:
        """Return what the mass balances of the hoppers miss, zero but for rounding [kg]."""
        return {design.name: one.missing() for design, one in zip(DESIGNS, self.feeders, strict=True)}


class Chance(NamedTuple):
    """What a seed decides: the feeders, and sources of randomness for the rest of the line."""

    hoppers: Hoppers
    """The feeders."""
    draw: Noise
    """Source of the randomness of the run."""
    skew: Noise
    """Source of what sets this line apart from the nominal one."""
    spectra: Generator
    """Source of the randomness of the spectra."""
    laboratory: Generator
    """Source of the randomness of the laboratory."""


def seeded(seed: int, mismatch: Mismatch, noise: float) -> Chance:
    """Return what a seed decides.

    Parameters
    ----------
    seed
        The seed.
    mismatch
        Multiplier of what sets the line apart from the nominal one [1].
    noise
        Multiplier of all noise and disturbances [1].
    """
    skewed, phase, fed, run, spectra, laboratory = (default_rng(child) for child in SeedSequence(seed).spawn(6))
    skew = Skew(skewed, mismatch, _AHEAD)
    masses = phase.uniform(API.low, API.high), phase.uniform(EXC.low, EXC.high)
    return Chance(
        Hoppers(Noise(fed, noise, _AHEAD), skew, masses), Noise(run, noise, _AHEAD), skew, spectra, laboratory
    )
