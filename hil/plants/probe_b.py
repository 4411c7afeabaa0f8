"""The NIR instrument of line B, which looks at the milled granules."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.random import Generator

from hil.plants.granules import drying_loss
from hil.plants.nir import Optics, misread, spectrum
from hil.plants.noise import Mismatch, apart
from hil.plants.panel_b import NIR_S, View
from hil.plants.sensors import Reading, Sampled
from hil.plants.sizes import percentile
from plant_io.signals import Floats

SCANS = 1
"""Scans averaged for one spectrum [1]."""

FILM: Mapping[str, float] = {"API": 18.3, "EXC": 79.4, "WATER": 2.3}
"""Composition of the film that fouls the window [%w/w]: granules of the start-up, poor in API."""

_USUAL_UM, _DEEPER = 400.0, 0.15
_BIAS_PCT = 0.3 * 0.2
_DRIFT_PCT_S = 0.1 / (8.0 * 3600.0)


def composition(lod: float, api: float) -> dict[str, float]:
    """Return what the light meets in granules [%w/w of the wet mass].

    Parameters
    ----------
    lod
        Loss on drying [%].
    api
        API in the dry mass [%w/w].

    Examples
    --------
    >>> composition(lod=2.0, api=20.0)
    {'API': 19.6, 'EXC': 78.4, 'WATER': 2.0}
    """
    solids = 1.0 - lod / 100.0
    return {"API": api * solids, "EXC": (100.0 - api) * solids, "WATER": lod}


def depth(size: float) -> float:
    """Return how far light goes into granules, over how far it goes into usual ones [1].

    Parameters
    ----------
    size
        Median size [um].
    """
    return math.pow(size / _USUAL_UM, _DEEPER)


class Probe:
    """The instrument: a spectrum each time the analyser takes a sample.

    Parameters
    ----------
    rng
        Source of its randomness; nobody else may draw from it.
    noise
        Multiplier of its noise [1].
    mismatch
        Multiplier of what sets this instrument apart from the nominal one [1].
    view
        What it looks at, at the start.
    """

    __slots__ = ("_bias", "_drift", "_noise", "_rng", "_spectra")

    def __init__(self, rng: Generator, noise: float, mismatch: Mismatch, view: View[float]) -> None:
        bias, drift = rng.standard_normal(2).tolist()
        self._rng, self._noise = rng, noise
        self._bias, self._drift = _BIAS_PCT * apart(bias, mismatch), _DRIFT_PCT_S * noise * drift
        self._spectra: Sampled[Floats] = Sampled(*NIR_S, self._scan(-NIR_S[1], view, Optics()))
        self._spectra.take(0.0, self._scan(0.0, view, Optics()))

    def glance(self, t: float, view: View[float], hit: Mapping[str, float]) -> tuple[float, float] | None:
        """Take a spectrum, and return the errors of the analyser in LOD and API [%]; nothing if the sample is lost.

        Parameters
        ----------
        t
            Plant time [s].
        view
            What the instruments look at, each number in the unit of its field.
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        optics = Optics(hit.get("F50", 0.0), hit.get("F51", 0.0), film=FILM)
        seen = self._scan(t, view, optics, 1.0 + hit.get("N03", 0.0))
        if self._rng.random() < hit.get("F52", 0.0):
            self._spectra.lose(t)
            return None
        self._spectra.take(t, seen)
        return _errors(view, optics, 1.0 + hit.get("N03", 0.0)) if hit else (0.0, 0.0)

    def show(self, t: float) -> Reading[Floats]:
        """Return the spectrum shown, absorbance of shape ``(64,)`` [1].

        Parameters
        ----------
        t
            Plant time [s].
        """
        return self._spectra.show(t)

    def _scan(self, t: float, view: View[float], optics: Optics, richer: float = 1.0) -> Floats:
        water, api = view.product
        seen = composition(drying_loss(water), 100.0 * api * richer + self._bias + self._drift * t)
        coarse = depth(float(np.asarray(percentile(view.milled, 0.5))))
        through = Optics(optics.fouling, optics.shift, coarse, optics.film)
        return spectrum(seen, self._rng, SCANS, through, self._noise)


def _errors(view: View[float], optics: Optics, richer: float) -> tuple[float, float]:
    lod, api = drying_loss(view.product[0]), 100.0 * view.product[1]
    true = composition(lod, api * richer)
    wrong = misread(true, optics)
    shown_lod = lod + wrong["WATER"]
    return wrong["WATER"], 100.0 * (true["API"] + wrong["API"]) / (100.0 - shown_lod) - api
