"""Pretreatment of spectra: a declared list of steps, fitted once and then plain numbers.

References
----------
R. J. Barnes, M. S. Dhanoa, S. J. Lister, "Standard normal variate transformation and de-trending of near-infrared
diffuse reflectance spectra", Appl. Spectrosc. 43(5), 1989, doi:10.1366/0003702894202201.
P. Geladi, D. MacDougall, H. Martens, "Linearization and scatter-correction for near-infrared reflectance spectra of
meat", Appl. Spectrosc. 39(3), 1985, doi:10.1366/0003702854248656.
A. Savitzky, M. J. E. Golay, "Smoothing and differentiation of data by simplified least squares procedures", Anal. Chem.
36(8), 1964, doi:10.1021/ac60214a047.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from plant_io.signals import Floats
from plant_io.sums import applied, product, solution
from policies.words import Declared, Row


class Snv(Declared):
    """Standard normal variate: every spectrum with mean 0 and standard deviation 1."""

    kind: Literal["snv"] = "snv"
    """Form of the step."""


class Msc(Declared):
    """Multiplicative scatter correction: offset and gain against a reference spectrum taken out."""

    kind: Literal["msc"] = "msc"
    """Form of the step."""
    reference: Row | None = None
    """Reference, as it comes out of the steps before, shape ``(n_channels,)`` [1]; the mean of the training if none."""


class SavitzkyGolay(Declared):
    """A polynomial through each window of channels: smoothed, or its derivative per channel."""

    kind: Literal["savitzky_golay"] = "savitzky_golay"
    """Form of the step."""
    window: Annotated[int, Field(ge=3, le=51)]
    """Channels of the window, an odd number [1]."""
    order: Annotated[int, Field(ge=1, le=5)] = 2
    """Order of the polynomial [1]."""
    derivative: Annotated[int, Field(ge=0, le=3)] = 0
    """Which derivative is taken [1]; 0 smooths."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.window % 2 == 0 or not self.derivative <= self.order < self.window:
            raise ValueError("expected an odd window that is larger than the order, and an order up to the derivative")
        return self


class Detrend(Declared):
    """A polynomial over the whole spectrum taken out."""

    kind: Literal["detrend"] = "detrend"
    """Form of the step."""
    order: Annotated[int, Field(ge=0, le=5)] = 2
    """Order of the polynomial [1]."""


Step = Annotated[Snv | Msc | SavitzkyGolay | Detrend, Field(discriminator="kind")]
"""Any step of a pretreatment."""


@dataclass(frozen=True, slots=True, eq=False)
class Treatment:
    """A pretreatment made ready for spectra of some length."""

    steps: tuple[Step, ...]
    """Its steps, in order."""
    tables: tuple[Floats | None, ...]
    """What each is made with, such as the matrix of a linear one, shape ``(n_channels, n_channels)`` [1]."""

    @classmethod
    def of(cls, steps: Sequence[Step], n_channels: int) -> Treatment:
        """Return `steps` made ready for spectra of `n_channels` channels.

        Raises
        ------
        ValueError
            If a step does not fit them, or is not fitted.
        """
        return cls(tuple(steps), tuple(_table(step, n_channels) for step in steps))

    def __call__(self, spectra: Floats) -> Floats:
        """Return spectra after all steps, of the same shape.

        Parameters
        ----------
        spectra
            Absorbance, shape ``(..., n_channels)`` [1].
        """
        for step, table in zip(self.steps, self.tables, strict=True):
            if isinstance(step, Snv) or table is None:
                spectra = snv(spectra)
            elif isinstance(step, Msc):
                spectra = _msc(spectra, table)
            elif spectra.ndim == 1:
                spectra = applied(table, spectra)
            else:
                spectra = product(spectra, table.T)
        return spectra


def fitted(steps: Sequence[Step], spectra: Floats) -> tuple[Step, ...]:
    """Return steps with what they take from the training spectra filled in.

    Parameters
    ----------
    steps
        Steps as declared.
    spectra
        Training spectra, shape ``(n, n_channels)`` [1].

    Raises
    ------
    ValueError
        If a step does not fit the spectra.
    """
    done: list[Step] = []
    for step in steps:
        ready = step
        if isinstance(step, Msc) and step.reference is None:
            ready = Msc(reference=tuple(spectra.mean(axis=0).tolist()))
        done.append(ready)
        spectra = Treatment.of([ready], spectra.shape[-1])(spectra)
    return tuple(done)


def snv(spectra: Floats) -> Floats:
    """Return spectra with mean 0 and standard deviation 1 each (standard normal variate).

    Parameters
    ----------
    spectra
        Absorbance, shape ``(..., n_channels)`` [1].

    Examples
    --------
    >>> snv(np.array([1.0, 2.0, 3.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    # What `mean` and `std` do, bit for bit, with one mean.
    n = spectra.shape[-1]
    centred = spectra - np.add.reduce(spectra, axis=-1, keepdims=True) / n
    scaled: Floats = centred / np.sqrt(np.add.reduce(centred * centred, axis=-1, keepdims=True) / (n - 1))
    return scaled


def _msc(spectra: Floats, reference: Floats) -> Floats:
    shape = reference - reference.mean()
    centred = spectra - spectra.mean(axis=-1, keepdims=True)
    gain = (centred * shape).sum(axis=-1, keepdims=True) / (shape * shape).sum()
    corrected: Floats = centred / gain + reference.mean()
    return corrected


def _table(step: Step, n: int) -> Floats | None:
    match step:
        case Snv():
            return None
        case Msc(reference=reference):
            if reference is None or len(reference) != n:
                found = "none" if reference is None else f"{len(reference)} channels"
                raise ValueError(f"the reference of the scatter correction has {found}, expected {n} channels")
            return np.array(reference)
        case SavitzkyGolay():
            return _savitzky_golay(step, n)
        case Detrend(order=order):
            place = np.linspace(-1.0, 1.0, n)
            powers = np.vander(place, order + 1, increasing=True)
            return np.eye(n) - product(powers, _pseudo(powers))


def _savitzky_golay(step: SavitzkyGolay, n: int) -> Floats:
    """Return the matrix of the filter; the ends take the polynomial of the first and the last whole window."""
    if n < step.window:
        raise ValueError(f"found {n} channels, expected at least the {step.window} of the Savitzky-Golay window")
    half, k = step.window // 2, step.derivative
    coefficients = _pseudo(np.vander(np.arange(-half, half + 1.0), step.order + 1, increasing=True))
    matrix = np.zeros((n, n))
    for i in range(n):
        centre = min(max(i, half), n - 1 - half)
        at = float(i - centre)
        weights = [factorial(p) / factorial(p - k) * at ** (p - k) if p >= k else 0.0 for p in range(step.order + 1)]
        matrix[i, centre - half : centre + half + 1] = applied(coefficients.T, np.array(weights))
    return matrix


def _pseudo(powers: Floats) -> Floats:
    """Return the matrix that gives the least-squares coefficients, shape ``(n_powers, n)``, whatever the processor."""
    square = product(powers.T, powers)
    return np.array([solution(square, row) for row in powers]).T
