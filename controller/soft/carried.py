"""Whether a calibration can be carried over to another instrument: judged on pairs that were withheld.

Every third pair is withheld from the fit. A transfer helps when the error (rms) of the main result on those falls by a
tenth at least, and by more than chance would have it, or where their spectra fitted so badly that nobody would believe
them and fit better, while the error does not grow by as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Literal

import numpy as np

from controller.soft.pls import Calibration, Pls
from controller.soft.transfer import Pairing, Transfer, axis_error, piecewise, slope_bias
from plant_io.signals import Floats

Method = Literal["slope_bias", "piecewise"]

EVERY = 3
"""Of so many pairs one is withheld [1]."""

HELPS = 0.9
"""Share of the error or misfit that may be left where a transfer helps [1]."""

BELIEVED = 10.0
"""Misfit beyond which a fused sensor believes no spectrum unless said otherwise, in multiples of the usual one [1]."""

AXIS_NM = 0.3
"""Largest error of a wavelength axis that is put up with [nm]."""

_SURE, _BEYOND_CHANCE = 4.0, 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Spectra of the same samples on two instruments, and what the samples hold."""

    calibrated: Floats
    """Absorbance on the calibrated instrument, shape ``(n, n_channels)`` [1]."""
    other: Floats
    """Absorbance on the other one, of the same shape [1]."""
    wanted: Floats
    """Contents, or results of the calibrated instrument, shape ``(n, n_results)``, in the units of the results."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a calibration is worth on another instrument."""

    error: float
    """Error (rms) of the main result, in its unit."""
    bias: float
    """Mean error of it, in its unit."""
    q: float
    """Mean misfit, in multiples of the usual one [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """What was found of a transfer."""

    method: Method | None
    """The one that helps, or None where none does."""
    withheld: int
    """Pairs it was judged on [1]."""
    before: Worth
    """What the calibration is worth on them without any."""
    after: Mapping[Method, Worth]
    """What it is worth with each."""
    axis_nm: float
    """How far the wavelength axis of the other instrument is off [nm]."""
    found: Mapping[str, Floats]
    """Main result of the withheld pairs, wanted, before, and after each, shape ``(n_withheld,)``, in its unit."""


def judged(calibration: Calibration, pairs: Pairs, pairing: Pairing, methods: tuple[Method, ...]) -> Carried:
    """Return what transfers are worth on the pairs that were withheld.

    Parameters
    ----------
    calibration
        The calibration.
    pairs
        What both instruments saw.
    pairing
        What is carried over.
    methods
        Ways that are tried.

    Raises
    ------
    ValueError
        If there are too few pairs, or one cannot be used.
    """
    rows = np.arange(len(pairs.other))
    kept, asked = rows[rows % EVERY != EVERY - 1], rows[rows % EVERY == EVERY - 1]
    if len(asked) < EVERY:
        raise ValueError(f"found {len(rows)} pairs of spectra, expected at least {EVERY * EVERY}, a third is withheld")
    here = Pls.of(calibration)
    wanted, seen = pairs.wanted[asked], pairs.other[asked]
    before, found = _worth(here, seen, wanted), {"wanted": wanted[:, 0], "before": _main(here, seen)}
    after = dict[Method, Worth]()
    for method in methods:
        part = Pairs(pairs.calibrated[kept], pairs.other[kept], pairs.wanted[kept])
        carried = Pls.of(calibration, made(method, calibration, part, pairing))
        after[method], found[method] = _worth(carried, seen, wanted), _main(carried, seen)
    misses = {name: (values - found["wanted"]) ** 2 for name, values in found.items()}
    nearer: list[Method] = [name for name in after if _nearer(misses["before"] - misses[name])]
    return Carried(_best(before, after, nearer), len(asked), before, after, axis_of(calibration, pairs.other)[0], found)


def made(method: Method, calibration: Calibration, pairs: Pairs, pairing: Pairing) -> Transfer:
    """Return the transfer fitted to all of some pairs."""
    here = Pls.of(calibration)
    makers: Mapping[Method, Callable[[], Transfer]] = {
        "slope_bias": lambda: slope_bias(pairs.wanted, np.array([here(x).results for x in pairs.other]), pairing),
        "piecewise": lambda: piecewise(here.treat(pairs.calibrated), here.treat(pairs.other), pairing),
    }
    return makers[method]()


def axis_of(calibration: Calibration, spectra: Floats) -> tuple[float, float]:
    """Return how far the wavelength axis of some spectra is off, and the standard error of that [nm].

    Parameters
    ----------
    calibration
        The calibration.
    spectra
        Absorbance, shape ``(n, n_channels)`` [1].
    """
    here = Pls.of(calibration)
    wavelengths, loadings = np.array(calibration.wavelengths), np.array(calibration.loadings)
    found = np.array([axis_error(here.treat(x), here.mean, loadings, wavelengths) for x in spectra])
    error = float(found.std(ddof=1)) / sqrt(len(found)) if len(found) > 1 else inf
    return float(found.mean()), error


def on_axis(calibration: Calibration, spectra: Floats) -> None:
    """See that spectra were taken on the wavelength axis of a calibration.

    Parameters
    ----------
    calibration
        The calibration.
    spectra
        Absorbance, shape ``(n, n_channels)`` [1].

    Raises
    ------
    ValueError
        If their axis is off by more than `AXIS_NM`, and by more than chance would have it.
    """
    off, error = axis_of(calibration, spectra)
    if abs(off) > AXIS_NM and abs(off) > _SURE * error:
        raise ValueError(
            f"the wavelengths of {len(spectra)} spectra are shifted by {off:+.2f} nm (standard error {error:.2f} nm), "
            f"expected within {AXIS_NM:g} nm of the calibration: see to the axis, or carry the calibration over"
        )


def _main(pls: Pls, spectra: Floats) -> Floats:
    return np.array([pls(x).results[0] for x in spectra])


def _worth(pls: Pls, spectra: Floats, wanted: Floats) -> Worth:
    readings = [pls(x) for x in spectra]
    off = np.array([one.results[0] for one in readings]) - wanted[:, 0]
    q = float(np.mean([one.q for one in readings]))
    return Worth(float(np.sqrt(np.mean(off**2))), float(np.mean(off)), q)


def _nearer(gains: Floats) -> bool:
    """Return whether squared errors fell by more than chance would have it."""
    return float(gains.mean()) > _BEYOND_CHANCE * float(gains.std(ddof=1)) / sqrt(len(gains))


def _best(before: Worth, after: Mapping[Method, Worth], nearer: Sequence[Method]) -> Method | None:
    helping: list[tuple[Method, Worth]] = [
        (name, one) for name, one in after.items() if _helps(before, one, nearer=name in nearer)
    ]
    # One that leaves spectra that nobody would believe is taken only where there is no other.
    sound: list[tuple[Method, Worth]] = [(name, one) for name, one in helping if one.q <= BELIEVED] or helping
    return min(sound, key=lambda pair: pair[1].error)[0] if sound else None


def _helps(before: Worth, after: Worth, *, nearer: bool) -> bool:
    fits = before.q > BELIEVED and after.q <= HELPS * before.q and after.error <= before.error / HELPS
    return fits or (nearer and after.error <= HELPS * before.error)
