"""A calibration carried over to another instrument, from samples that both have measured.

References
----------
Y. Wang, D. J. Veltkamp, B. R. Kowalski, "Multivariate instrument standardization", Anal. Chem. 63(23), 1991,
doi:10.1021/ac00023a016 (piecewise direct standardisation).
Z. Wang, T. Dean, B. R. Kowalski, "Additive background correction in multivariate instrument standardization", Anal.
Chem. 67(14), 1995, doi:10.1021/ac00110a020.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter, ValidationError, model_validator

from controller.stored import refusal
from plant_io.signals import Floats
from plant_io.sums import applied
from policies.sentences import counted
from policies.words import Declared, Positive, Row

FEWEST_SLOPE, FEWEST_PIECEWISE = 5, 6
"""Fewest samples measured by both instruments [1]."""

HALF_WINDOW = 2
"""Channels to either side that make up one of the other instrument [1]."""

TOLERANCE = 0.02
"""Smallest part of the variation in a window that is used, against the largest [1]."""


class _Card(Declared):
    calibration_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash of the data of the calibration it belongs to, hexadecimal, as on its card."""
    instrument: str
    """Which instrument is carried over to which."""
    samples: Annotated[int, Field(ge=1)]
    """Samples measured by both [1]."""
    before: Positive
    """Root-mean-square difference before, of results in the unit of the first or of treated spectra [1]."""
    after: Positive
    """The same after, each sample left out of the fit in turn, in the same unit."""


class SlopeBias(_Card):
    """Straight lines from the results of the other instrument to what they are to be."""

    kind: Literal["slope_bias"] = "slope_bias"
    """Form of the transfer."""
    slope: Row
    """Slope by result, shape ``(n_results,)`` [1]."""
    bias: Row
    """What is added to each, shape ``(n_results,)``, units of the results."""

    @model_validator(mode="after")
    def _lines_are_whole(self) -> Self:
        if len(self.slope) != len(self.bias):
            raise ValueError("expected a bias for each slope")
        return self


class Piecewise(_Card):
    """Every channel of a treated spectrum made from those around it on the other instrument."""

    kind: Literal["piecewise"] = "piecewise"
    """Form of the transfer."""
    first: tuple[int, ...]
    """Where the window of each channel begins, counted from zero [1]."""
    weights: tuple[Row, ...]
    """Weights within each window [1]."""
    offset: Row
    """What is added to each channel, shape ``(n_channels,)`` [1]."""

    @model_validator(mode="after")
    def _windows_fit(self) -> Self:
        n = len(self.offset)
        if not len(self.first) == len(self.weights) == n:
            raise ValueError(f"expected a window for each of {n} channels")
        if any(at < 0 or at + len(row) > n for at, row in zip(self.first, self.weights, strict=True)):
            raise ValueError("expected windows within the channels")
        return self


Transfer = Annotated[SlopeBias | Piecewise, Field(discriminator="kind")]
"""Any transfer."""


@dataclass(frozen=True, slots=True, eq=False)
class Carrier:
    """A transfer made ready to evaluate."""

    table: Floats | None
    """What makes a treated spectrum, shape ``(n_channels, n_channels)`` [1]; None where spectra stay."""
    offset: Floats
    """What is added then, shape ``(n_channels,)`` [1]."""
    slope: Floats
    """Slope by result, shape ``(n_results,)`` or ``()`` [1]."""
    bias: Floats
    """What is added to results, of the same shape, units of the results."""

    @classmethod
    def of(cls, transfer: Transfer) -> Carrier:
        """Return `transfer` made ready."""
        if isinstance(transfer, SlopeBias):
            return cls(None, np.zeros(()), np.array(transfer.slope), np.array(transfer.bias))
        n = len(transfer.offset)
        table = np.zeros((n, n))
        for i, (at, row) in enumerate(zip(transfer.first, transfer.weights, strict=True)):
            table[i, at : at + len(row)] = row
        return cls(table, np.array(transfer.offset), np.ones(()), np.zeros(()))

    def spectrum(self, treated: Floats) -> Floats:
        """Return a treated spectrum as the calibrated instrument would have seen it.

        Parameters
        ----------
        treated
            Treated spectrum of the other instrument, shape ``(n_channels,)`` [1].
        """
        return treated if self.table is None else applied(self.table, treated) + self.offset

    def results(self, found: Floats) -> Floats:
        """Return results as the calibrated instrument would have given them.

        Parameters
        ----------
        found
            Results, shape ``(n_results,)``, in their units.
        """
        return self.slope * found + self.bias


@dataclass(frozen=True, slots=True)
class Pairing:
    """What is carried over."""

    calibration_sha256: str
    """Hash of the data of the calibration, hexadecimal, as on its card."""
    instrument: str
    """Which instrument is carried over to which."""


def read(data: bytes, name: str) -> Transfer:
    """Return the transfer in a file.

    Parameters
    ----------
    data
        What the file holds, JSON.
    name
        Name of the file, for the message.

    Raises
    ------
    ValueError
        If the file holds no transfer.
    """
    try:
        found: Transfer = TypeAdapter[Transfer](Transfer).validate_json(data)
    except ValidationError as error:
        raise refusal(error, name, "calibration transfer") from None
    return found


def slope_bias(wanted: Floats, found: Floats, pairing: Pairing) -> SlopeBias:
    """Return the straight lines that take results of another instrument to what they are to be.

    Parameters
    ----------
    wanted
        Reference values, or results of the calibrated instrument, shape ``(n, n_results)``, in their units.
    found
        Results of the other instrument on the same samples, of the same shape and units.
    pairing
        What is carried over.

    Raises
    ------
    ValueError
        If there are too few samples, a value is no number, or a result does not change.
    """
    _paired(wanted, found, FEWEST_SLOPE)
    if not (np.ptp(found, axis=0) > 0.0).all():
        raise ValueError("a result is the same for every sample: no slope can be found")
    lines = _lines(wanted, found)
    left = [wanted[i] - _on(_lines(wanted[k], found[k]), found[i]) for i, k in enumerate(_others(len(found)))]
    return SlopeBias(
        calibration_sha256=pairing.calibration_sha256,
        instrument=pairing.instrument,
        samples=len(found),
        before=_rms((wanted - found)[:, 0]),
        after=_rms(np.array(left)[:, 0]),
        slope=tuple(lines[0].tolist()),
        bias=tuple(lines[1].tolist()),
    )


def piecewise(wanted: Floats, found: Floats, pairing: Pairing) -> Piecewise:
    """Return the windows that take treated spectra of another instrument to those of the calibrated one.

    Parameters
    ----------
    wanted
        Treated spectra of the calibrated instrument, shape ``(n, n_channels)`` [1].
    found
        Treated spectra of the other one on the same samples, of the same shape [1].
    pairing
        What is carried over.

    Raises
    ------
    ValueError
        If there are too few samples, a value is no number, or the channels are more or fewer.
    """
    _paired(wanted, found, FEWEST_PIECEWISE)
    windows = [_window(i, wanted, found) for i in range(wanted.shape[1])]
    left: list[Floats] = []
    for i, keep in enumerate(_others(len(found))):
        made = [_window(c, wanted[keep], found[keep]) for c in range(wanted.shape[1])]
        there = [offset + float(row @ found[i, at : at + len(row)]) for at, row, offset in made]
        left.append(wanted[i] - np.array(there))
    return Piecewise(
        calibration_sha256=pairing.calibration_sha256,
        instrument=pairing.instrument,
        samples=len(found),
        before=_rms(wanted - found),
        after=_rms(np.array(left)),
        first=tuple(at for at, _, _ in windows),
        weights=tuple(tuple(row.tolist()) for _, row, _ in windows),
        offset=tuple(offset for _, _, offset in windows),
    )


def axis_error(treated: Floats, mean: Floats, loadings: Floats, wavelengths: Floats) -> float:
    """Return by how much the wavelength axis of a spectrum is off [nm], to first order.

    What the calibration explains by composition is left aside; the rest is compared with the slope of its mean.

    Parameters
    ----------
    treated
        Mean of some treated spectra, shape ``(n_channels,)`` [1].
    mean
        Mean treated spectrum of the calibration, shape ``(n_channels,)`` [1].
    loadings
        Loadings of the calibration, shape ``(n_channels, n_components)`` [1].
    wavelengths
        Wavelength of each channel, shape ``(n_channels,)`` [nm].
    """
    slope = np.gradient(mean, wavelengths)
    terms = np.column_stack([loadings, -slope])
    found = np.asarray(np.linalg.lstsq(terms, treated - mean, rcond=None)[0], dtype=np.float64)
    return float(found[-1])


def same_axis(found: Floats, wanted: Floats) -> None:
    """See that wavelengths in a file are those of a calibration.

    Parameters
    ----------
    found
        Wavelengths in the file, shape ``(n,)`` [nm].
    wanted
        Wavelengths of the calibration, shape ``(n_channels,)`` [nm].

    Raises
    ------
    ValueError
        If they are more, fewer, or others.
    """
    if len(found) != len(wanted):
        raise ValueError(f"found {len(found)} wavelengths, expected the {len(wanted)} of the calibration")
    off = found - wanted
    worst = int(np.argmax(np.abs(off)))
    step = float(np.min(np.abs(np.diff(wanted))))
    if not isfinite(float(off[worst])) or abs(float(off[worst])) > 1e-3 * step:
        raise ValueError(
            f"the wavelength of channel {worst + 1} is {found[worst]:g} nm, expected {wanted[worst]:g} nm as in the "
            "calibration: interpolate the spectra, or carry the calibration over"
        )


def _paired(wanted: Floats, found: Floats, fewest: int) -> None:
    if wanted.shape != found.shape:
        raise ValueError(
            f"found {found.shape} values of the other instrument, expected {wanted.shape} of the same samples"
        )
    if len(found) < fewest:
        raise ValueError(
            f"found {counted(len(found), 'sample')} measured by both instruments, expected at least {fewest}"
        )
    for values, name in ((wanted, "calibrated"), (found, "other")):
        gaps = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(gaps):
            raise ValueError(f"sample {gaps[0] + 1} of the {name} instrument has a value that is not a number")


def _others(n: int) -> NDArray[np.int_]:
    """Return for each sample which are left when it is left out, shape ``(n, n - 1)``."""
    return np.array([[k for k in range(n) if k != i] for i in range(n)])


def _lines(wanted: Floats, found: Floats) -> tuple[Floats, Floats]:
    away = found - found.mean(axis=0)
    slope = np.asarray((away * (wanted - wanted.mean(axis=0))).sum(axis=0) / (away * away).sum(axis=0))
    return slope, np.asarray(wanted.mean(axis=0) - slope * found.mean(axis=0))


def _on(lines: tuple[Floats, Floats], x: Floats) -> Floats:
    return np.asarray(lines[0] * x + lines[1])


def _window(channel: int, wanted: Floats, found: Floats) -> tuple[int, Floats, float]:
    """Return where a window begins, its weights and its offset, by regression on its principal components."""
    first = max(channel - HALF_WINDOW, 0)
    around = found[:, first : channel + HALF_WINDOW + 1]
    centre, top = around.mean(axis=0), float(wanted[:, channel].mean())
    left, sizes, right = np.linalg.svd(around - centre, full_matrices=False)
    kept = sizes > TOLERANCE * sizes[0]
    row = np.asarray(((left[:, kept].T @ (wanted[:, channel] - top)) / sizes[kept]) @ right[kept], dtype=np.float64)
    return first, row, top - float(row @ centre)


def _rms(values: Floats) -> float:
    return float(np.sqrt((values * values).mean()))
