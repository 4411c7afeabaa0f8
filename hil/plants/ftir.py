"""The in-line infrared instrument behind the coil of line C."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt

from hil.plants.noise import Noise
from hil.plants.sensors import Sampled

_PERIOD_S, _DELAY_S = 15.0, 15.0
_SM_SD, _NITRO_SD, _FLOOR_SD = 0.03, 0.01, 2.0
_BIAS = 0.3
_DRIFT_1_S = 0.01 / 3600.0


class Ftir:
    """The instrument with its chemometric model; it drifts, and whoever uses it anchors it on the UHPLC.

    Parameters
    ----------
    noise
        Source of the randomness of the run.
    skew
        Source of what sets this instrument apart from the nominal one.
    sm, nitro
        Concentrations of starting material and nitro compound at the start [mol/m3].
    """

    __slots__ = ("_bias", "_drift", "_noise", "shown")

    def __init__(self, noise: Noise, skew: Noise, sm: float, nitro: float) -> None:
        self._noise = noise
        self._bias = (_BIAS * skew(), _BIAS * skew())
        self._drift = _DRIFT_1_S * noise()
        self.shown = Sampled(_PERIOD_S, _DELAY_S, self._seen(0.0, (sm, nitro), 0.0))
        """Concentrations of starting material and nitro compound [mol/m3]."""

    def look(self, t: float, sm: float, nitro: float, hit: Mapping[str, float]) -> None:
        """Take a spectrum if one is due, and show what has been computed by now.

        Parameters
        ----------
        t
            Plant time [s].
        sm, nitro
            Concentrations of starting material and nitro compound at the window [mol/m3].
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        if self.shown.due(t):
            self.shown.take(t, self._seen(t, (sm, nitro), hit.get("C07", 0.0)))
        self.shown.show(t)

    def _seen(self, t: float, true: tuple[float, float], misread: float) -> tuple[float, float]:
        gain = 1.0 + self._drift * t + misread
        sm, nitro = (
            gain * x + sqrt((share * x) ** 2 + _FLOOR_SD**2) * (bias + self._noise())
            for x, share, bias in zip(true, (_SM_SD, _NITRO_SD), self._bias, strict=True)
        )
        return sm, nitro
