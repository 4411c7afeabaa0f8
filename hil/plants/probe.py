"""The NIR instrument that looks into the feed frame of a running line."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.random import Generator

from hil.plants.nir import Optics, spectrum
from hil.plants.noise import Noise, wandered
from hil.plants.powder import API, LUB, UNKNOWN, WATER, Masses
from hil.plants.sensors import Sampled
from plant_io.signals import Floats

_PERIOD_S, _DELAY_S, _SCANS = 5.0, 5.0, 2
_WATER_PCT, _WATER_SD_PCT, _WATER_TAU_S = 3.0, 0.05, 1800.0
_BIAS_PCT = 0.3 * 0.2
_DRIFT_PCT_S = 0.1 / (8.0 * 3600.0)


class Probe:
    """The instrument and the moisture it sees.

    Parameters
    ----------
    rng
        Source of the randomness of the spectra; nobody else may draw from it.
    noise
        Source of the randomness of the run.
    skew
        Source of what sets this instrument apart from the nominal one.
    powder
        Powder in front of the window at the start [kg].
    """

    __slots__ = ("_bias", "_drift", "_noise", "_rng", "_water", "spectrum")

    def __init__(self, rng: Generator, noise: Noise, skew: Noise, powder: Masses) -> None:
        self._rng = rng
        self._noise = noise
        self._bias = _BIAS_PCT * skew()
        self._drift = _DRIFT_PCT_S * noise()
        self._water = _WATER_SD_PCT * noise()
        self.spectrum: Sampled[Floats] = Sampled(_PERIOD_S, _DELAY_S, self._scan(0.0, powder, {}))
        """Absorbance, shape ``(64,)`` [1]."""

    @property
    def water(self) -> float:
        """Return the moisture of the blend, without what was taken up on the way [%w/w]."""
        return _WATER_PCT + self._water

    def look(self, t: float, powder: Masses, hit: Mapping[str, float]) -> None:
        """Take a spectrum if one is due, and show what has been computed by now.

        Parameters
        ----------
        t
            Plant time [s].
        powder
            Powder in front of the window [kg].
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        if self.spectrum.due(t):
            self._water = wandered(self._water, _WATER_SD_PCT, _WATER_TAU_S, _PERIOD_S, self._noise())
            seen = self._scan(t, powder, hit)
            if self._rng.random() < hit.get("F52", 0.0):
                self.spectrum.lose(t)
            else:
                self.spectrum.take(t, seen)
        self.spectrum.show(t)

    def _scan(self, t: float, powder: Masses, hit: Mapping[str, float]) -> Floats:
        share = 100.0 / sum(powder)
        seen = {
            "API": share * powder[API] * (1.0 + hit.get("N03", 0.0)) + self._bias + self._drift * t,
            "LUB": share * powder[LUB],
            "WATER": share * powder[WATER] + self.water,
            "unknown": share * powder[UNKNOWN],
        }
        seen["EXC"] = 100.0 - sum(seen.values())
        optics = Optics(hit.get("F50", 0.0), hit.get("F51", 0.0))
        return spectrum(seen, self._rng, _SCANS, optics, self._noise.scale)
