"""The instruments of line B behind its feeders."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, NamedTuple, Protocol

import numpy as np

from hil.plants.gauges import Error, Gauges, Sources
from hil.plants.granules import drying_loss
from hil.plants.noise import lagged, wandered
from hil.plants.ops import Floats, Ops, Value
from hil.plants.sizes import percentile

SHARES: Mapping[str, float] = MappingProxyType({"D10": 0.1, "D50": 0.5, "D90": 0.9})
"""Share of the mass below each size that is shown [1]."""

_QUICK = {
    "TSG.N_PV": Error(0.0, 0.002),
    "TSG.TORQUE": Error(0.0, 0.02),
    "TSG.T_BARREL": Error(0.3, 0.0),
    "PMP.F_PV": Error(0.0, 0.003),
    "MIL.N_PV": Error(0.0, 0.002),
    "MIL.POWER": Error(0.0, 0.02),
    "DRY.TIN_PV": Error(0.2, 0.0),
    "DRY.AIR_PV": Error(0.0, 0.01),
    "DRY.T_OUT": Error(0.3, 0.0),
    "DRY.T_BED": Error(0.4, 0.0),
}
_HUMID = {"DRY.Y_IN": Error(0.0, 0.02), "DRY.Y_OUT": Error(0.0, 0.02)}
_NIR = {"NIR_LOD": Error(0.15, 0.0), "NIR_API": Error(0.30, 0.0)}
_WET = {"CAM_W.D10": Error(0.0, 0.05), "CAM_W.D50": Error(0.0, 0.04), "CAM_W.D90": Error(0.0, 0.06)}
_MILLED = {"CAM_M.D10": Error(0.0, 0.03), "CAM_M.D50": Error(0.0, 0.02), "CAM_M.D90": Error(0.0, 0.03)}
_QUICK_S, _HUMID_S, _WET_S, _MILLED_S = (1.0, 0.0), (5.0, 0.0), (5.0, 5.0), (10.0, 10.0)
NIR_S = (10.0, 10.0)
"""Time between samples of the NIR instrument, and from sample to display [s]."""

_HUMID_TAU_S, _HUMID_DRIFT_S = 10.0, 0.01 / 86400.0
_LOD_DRIFT_PCT_S = 0.1 / (8.0 * 3600.0)
_SAMPLE_SD, _SAMPLE_TAU_S = 0.02, 60.0


class View(NamedTuple, Generic[Value]):
    """What the instruments look at."""

    quick: Mapping[str, Value]
    """True values behind the tags that are read every second, each in the unit of its tag."""
    humidity: tuple[Value, Value]
    """Water per dry air into and out of the dryer [kg/kg]."""
    wet: Floats
    """Sizes behind the granulator, mass fractions of shape ``(..., 12)`` [1]."""
    milled: Floats
    """Sizes behind the mill, mass fractions of shape ``(..., 12)`` [1]."""
    product: tuple[Value, Value]
    """Water and API per dry solids behind the mill [kg/kg]."""


class Window(Protocol[Value]):
    """The window of the NIR instrument, and what light goes through it."""

    def glance(self, t: float, view: View[Value], hit: Mapping[str, Value]) -> tuple[Value, Value] | None:
        """Return the errors in LOD and API that come with a sample [%]; nothing if it is lost.

        Parameters
        ----------
        t
            Plant time [s].
        view
            What the instruments look at.
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        ...


def percentiles(ops: Ops[Value], sizes: Floats) -> dict[str, Value]:
    """Return the sizes below which a tenth, half and nine tenths of the mass lie, by name [um].

    Parameters
    ----------
    ops
        Operations of the run.
    sizes
        Mass fractions, shape ``(..., 12)`` [1].
    """
    found = ops.unstack(np.array([percentile(sizes, share) for share in SHARES.values()]))
    return dict(zip(SHARES, found, strict=True))


class Panel(Generic[Value]):
    """All instruments behind the feeders.

    Parameters
    ----------
    sources
        Operations and randomness.
    view
        What they look at, at the start.
    """

    __slots__ = ("_drifts", "_humid", "_humidity", "_milled", "_nir", "_quick", "_sample", "_sources", "_wet", "window")

    _sources: Sources[Value]
    _drifts: tuple[Value, Value, Value]
    _sample: dict[str, Value]
    _humidity: tuple[Value, Value]
    _quick: Gauges[Value]
    _humid: Gauges[Value]
    _wet: Gauges[Value]
    _milled: Gauges[Value]
    _nir: Gauges[Value]
    window: Window[Value] | None
    """The window of the NIR instrument; clean and without spectra if None."""

    def __init__(self, sources: Sources[Value], view: View[Value]) -> None:
        draw = sources.draw
        self._sources = sources
        self._drifts = (_LOD_DRIFT_PCT_S * draw(), _HUMID_DRIFT_S * draw(), _HUMID_DRIFT_S * draw())
        self._sample = {tag: _SAMPLE_SD * draw() for tag in _WET}
        self._humidity = view.humidity
        self._quick = Gauges(sources, _QUICK_S, _QUICK, view.quick)
        self._humid = Gauges(sources, _HUMID_S, _HUMID, self._moist(0.0, {}))
        self._wet = Gauges(sources, _WET_S, _WET, self._pictured("CAM_W", view.wet, {}))
        self._milled = Gauges(sources, _MILLED_S, _MILLED, self._pictured("CAM_M", view.milled, {}))
        self._nir = Gauges(sources, NIR_S, _NIR, self._scanned(0.0, view.product))
        self.window = None

    def look(self, dt: float, t: float, view: View[Value], hits: Mapping[str, Mapping[str, Value]]) -> None:
        """Take the samples that are due.

        Parameters
        ----------
        dt
            Time since the last look [s].
        t
            Plant time [s].
        view
            What the instruments look at.
        hits
            Severity by target and fault in force, in the units of the catalogue.
        """
        into, out_of = self._humidity
        self._humidity = (
            lagged(into, view.humidity[0], _HUMID_TAU_S, dt),
            lagged(out_of, view.humidity[1], _HUMID_TAU_S, dt),
        )
        if self._quick.due(t):
            self._quick.take(t, view.quick)
        if self._humid.due(t):
            self._humid.take(t, self._moist(t, hits.get("DRY", {})))
        if self._wet.due(t):
            self._wander()
            hit = hits.get("CAM_W", {})
            self._wet.take(t, self._pictured("CAM_W", view.wet, hit), hit.get("F53L", 1.0))
        if self._milled.due(t):
            hit = hits.get("CAM_M", {})
            self._milled.take(t, self._pictured("CAM_M", view.milled, hit), hit.get("F53L", 1.0))
        if self._nir.due(t):
            self._scan(t, view, hits.get("NIR", {}))

    def show(self, t: float) -> tuple[dict[str, Value], dict[str, float]]:
        """Return what is shown in the units of the tags, and when it was sampled [s], both by tag.

        Parameters
        ----------
        t
            Plant time [s].
        """
        tags: dict[str, Value] = {}
        taken: dict[str, float] = {}
        for gauges in (self._quick, self._humid, self._wet, self._milled, self._nir):
            gauges.show(t, tags, taken)
        return tags, taken

    def _moist(self, t: float, hit: Mapping[str, Value]) -> dict[str, Value]:
        drift_in, drift_out = 1.0 + self._drifts[1] * t, 1.0 + self._drifts[2] * t + hit.get("F33", 0.0)
        return {"DRY.Y_IN": self._humidity[0] * drift_in, "DRY.Y_OUT": self._humidity[1] * drift_out}

    def _scan(self, t: float, view: View[Value], hit: Mapping[str, Value]) -> None:
        seen = self._scanned(t, view.product)
        if self.window is not None:
            errors = self.window.glance(t, view, hit)
            if errors is None:
                self._nir.lose(t)
                return
            seen = {tag: value + error for (tag, value), error in zip(seen.items(), errors, strict=True)}
        self._nir.take(t, seen)

    def _scanned(self, t: float, product: tuple[Value, Value]) -> dict[str, Value]:
        return {"NIR_LOD": drying_loss(product[0]) + self._drifts[0] * t, "NIR_API": 100.0 * product[1]}

    def _pictured(self, place: str, sizes: Floats, hit: Mapping[str, Value]) -> dict[str, Value]:
        coarser = 1.0 + hit.get("F53", 0.0)
        seen = {f"{place}.{name}": size for name, size in percentiles(self._sources.ops, sizes).items()}
        return {tag: size * coarser * (1.0 + self._sample.get(tag, 0.0)) for tag, size in seen.items()}

    def _wander(self) -> None:
        draw = self._sources.draw
        self._sample = {
            tag: wandered(x, _SAMPLE_SD, _SAMPLE_TAU_S, _WET_S[0], draw()) for tag, x in self._sample.items()
        }
