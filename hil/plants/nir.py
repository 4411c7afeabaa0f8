"""Near-infrared spectra of a powder or of granules, drawn from their composition."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, sqrt
from types import MappingProxyType

import numpy as np
from numpy.random import Generator

from hil.plants.ops import BY_ROW, Floats, one_by_one
from plant_io.sums import applied, product, solution

WAVELENGTHS_NM: Floats = np.linspace(1100.0, 2100.0, 64)
"""Wavelength of each channel, shape ``(64,)`` [nm]."""

BANDS: Mapping[str, tuple[tuple[float, float, float], ...]] = MappingProxyType(
    {
        "API": ((1140.0, 20.0, 0.15), (1665.0, 22.0, 0.9), (1690.0, 18.0, 0.35), (2060.0, 35.0, 0.4)),
        "EXC": ((1200.0, 40.0, 0.3), (1490.0, 60.0, 0.5), (1580.0, 45.0, 0.25), (2090.0, 60.0, 0.6)),
        "LUB": ((1210.0, 15.0, 0.6), (1395.0, 12.0, 0.3), (1730.0, 14.0, 1.2), (1765.0, 14.0, 0.8)),
        "WATER": ((1450.0, 35.0, 1.0), (1940.0, 40.0, 2.2)),
        "unknown": ((1620.0, 25.0, 0.7), (1885.0, 20.0, 0.5)),
    }
)
"""Absorption bands by component: centre [nm], standard width [nm], absorbance per unit of mass fraction [1]."""

FILM: Mapping[str, float] = MappingProxyType({"API": 9.37, "EXC": 86.63, "LUB": 1.0, "WATER": 3.0})
"""Composition of the powder film that fouls the window [%w/w]: a blend of the start-up, poor in API."""

_GAIN_SD, _OFFSET_SD, _SLOPE_SD, _CHANNEL_SD, _SAMPLING_SD = 0.04, 0.02, 0.008, 4e-4, 0.2
_TILT: Floats = (WAVELENGTHS_NM - 1600.0) / 500.0


@dataclass(frozen=True, slots=True)
class Optics:
    """Condition of probe and spectrometer."""

    fouling: float = 0.0
    """Share of the light that sees the film on the window instead of the blend [1]."""
    shift: float = 0.0
    """Error of the wavelength axis [nm]."""
    depth: float = 1.0
    """How far the light goes into what it meets, over how far it usually goes [1]; coarse granules let it deeper."""
    film: Mapping[str, float] = field(default_factory=lambda: FILM)
    """Composition of the film on the window [%w/w]."""


CLEAN = Optics()
"""A clean window and a true wavelength axis."""


def _bell(away: Floats) -> Floats:
    return one_by_one(exp, -0.5 * away**2)


def _pure(shift: float) -> Floats:
    lam = WAVELENGTHS_NM - shift
    return np.array([sum(top * _bell((lam - at) / width) for at, width, top in bands) for bands in BANDS.values()])


_PURE: Floats = _pure(0.0)


def absorbance(composition: Mapping[str, float], shift: float = 0.0) -> Floats:
    """Return the noiseless absorbance of a blend by the law of Beer and Lambert, shape ``(64,)`` [1].

    Parameters
    ----------
    composition
        Mass share by component of `BANDS` [%w/w]; what is not named is absent.
    shift
        Error of the wavelength axis [nm].

    Raises
    ------
    ValueError
        If a component is not in `BANDS`.

    Examples
    --------
    >>> round(float(absorbance({"WATER": 100.0}).max()), 1)
    2.2
    """
    if not composition.keys() <= BANDS.keys():
        raise ValueError(f"unknown components {sorted(composition.keys() - BANDS.keys())}, expected {sorted(BANDS)}")
    pure = _pure(shift) if shift else _PURE
    share = np.array([composition.get(name, 0.0) / 100.0 for name in BANDS])
    return np.asarray(np.einsum(BY_ROW, share, pure))


def spectrum(
    composition: Mapping[str, float], rng: Generator, scans: int = 1, optics: Optics = CLEAN, noise: float = 1.0
) -> Floats:
    """Return one drawn spectrum, the mean of some scans, shape ``(64,)`` [1].

    Scatter (gain, offset, slope), channel noise and the sampling of API against excipient vary from scan to scan.
    Every call draws the same number of values, whatever the noise.

    Parameters
    ----------
    composition
        Mass share by component of `BANDS` [%w/w].
    rng
        Source of randomness.
    scans
        Number of scans averaged.
    optics
        Condition of probe and spectrometer.
    noise
        Multiplier of every standard deviation [1].

    Raises
    ------
    ValueError
        If a component is not in `BANDS`.

    Examples
    --------
    >>> spectrum({"API": 10.0, "EXC": 86.0, "LUB": 1.0, "WATER": 3.0}, np.random.default_rng(1)).shape
    (64,)
    """
    drawn = rng.standard_normal(68) * (noise / sqrt(scans))
    (gain, offset, slope, sampling), channel = drawn[:4].tolist(), drawn[4:]
    astray = _SAMPLING_SD * sampling
    seen = {**composition, "API": composition.get("API", 0.0) + astray, "EXC": composition.get("EXC", 0.0) - astray}
    scatter = _OFFSET_SD * offset + _SLOPE_SD * slope * _TILT + _CHANNEL_SD * channel
    blend = optics.depth * (1.0 + _GAIN_SD * gain) * absorbance(seen, optics.shift) + scatter
    if optics.fouling == 0.0:
        return np.asarray(blend)
    return np.asarray((1.0 - optics.fouling) * blend + optics.fouling * absorbance(optics.film, optics.shift))


def misread(composition: Mapping[str, float], optics: Optics) -> dict[str, float]:
    """Return by how much an analyser errs that looks through `optics` and takes them for clean, by component [%w/w].

    Its calibration is classical least squares on the pure bands with offset and slope, and its results add up to 100 %.

    Parameters
    ----------
    composition
        Mass share by component of `BANDS` [%w/w], 100 in all.
    optics
        Condition of probe and spectrometer.

    Raises
    ------
    ValueError
        If a component is not in `BANDS`.

    References
    ----------
    D. M. Haaland, E. V. Thomas, "Partial least-squares methods for spectral analyses. 1", Anal. Chem. 60(11), 1988,
    doi:10.1021/ac00162a020.

    Examples
    --------
    >>> round(misread({"API": 20.0, "EXC": 80.0}, Optics(fouling=0.5))["API"], 2)
    -6.06
    """
    names = list(composition)
    blend, film = absorbance(composition, optics.shift), absorbance(optics.film, optics.shift)
    seen = (1.0 - optics.fouling) * blend + optics.fouling * film
    pure = [absorbance({name: 100.0}) for name in names]
    terms = np.array([*pure, np.ones_like(_TILT), _TILT])
    shares = solution(product(terms, terms.T), applied(terms, seen))[: len(names)]
    shown = (100.0 * shares / shares.sum()).tolist()
    return {name: value - composition[name] for name, value in zip(names, shown, strict=True)}
