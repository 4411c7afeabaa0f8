"""Makes a calibration of spectra: partial least squares, with the number of components found by blocked validation.

References
----------
S. Wold, M. Sjostrom, L. Eriksson, "PLS-regression: a basic tool of chemometrics", Chemom. Intell. Lab. Syst. 58(2),
2001, doi:10.1016/S0169-7439(01)00155-1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from controller.soft.pls import Calibration, Card, Pls
from controller.soft.spectra import Snv, Step, Treatment, fitted
from plant_io.signals import Floats

BLOCKS = 6
"""Consecutive parts of the calibration set that are left out in turn [1]."""

MOST_COMPONENTS = 8
"""Most components tried [1]."""

ENOUGH = 1.02
"""A smaller number of components is enough if its error is within this factor of the least [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Spectra:
    """Spectra with their reference values, in the order in which they were taken."""

    spectra: Floats
    """Absorbance, shape ``(n, n_channels)`` [1]."""
    references: Floats
    """Reference values, shape ``(n, n_results)``, in the units of the results."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What the model card says of the data beside what can be computed from them."""

    source: str
    """Where the spectra come from."""
    seed: int
    """Seed they were drawn with [1]."""
    scans: int
    """Scans averaged for one spectrum [1]."""
    ranges: Mapping[str, tuple[float, float]]
    """Lowest and highest composition calibrated, in the unit of each component."""
    pretreatment: tuple[Step, ...] = (Snv(),)
    """Steps before the regression."""


class _Regression(Protocol):
    coef_: Floats
    intercept_: Floats
    x_rotations_: Floats
    x_loadings_: Floats
    x_scores_: Floats


_Fit = tuple[Floats, Floats]


class _Pls(Protocol):
    def fit(self, x: Floats, y: Floats) -> _Regression: ...


def calibrate(
    training: Spectra, withheld: Spectra, wavelengths: Floats, units: Mapping[str, str], origin: Origin
) -> Calibration:
    """Return a calibration fitted to `training` and judged on `withheld`, which must be later.

    Parameters
    ----------
    training
        Calibration set, in time order.
    withheld
        Later set for the figures of the model card; nothing is fitted to it but the usual Q and T2.
    wavelengths
        Wavelength of each channel, shape ``(n_channels,)`` [nm].
    units
        UCUM unit of each result, the main result first.
    origin
        Where the data come from, and what is done to spectra before the regression.

    Raises
    ------
    ValueError
        If the spectra are no calibration set: too few, of another length, with gaps, or without any change.
    """
    _usable(training, wavelengths, "training")
    _usable(withheld, wavelengths, "withheld")
    errors = [_rmsecv(training, k, origin.pretreatment) for k in range(1, MOST_COMPONENTS + 1)]
    components = next(k for k, error in enumerate(errors, 1) if error <= ENOUGH * min(errors))
    steps = fitted(origin.pretreatment, training.spectra)
    treat = Treatment.of(steps, len(wavelengths))
    centre = treat(training.spectra).mean(axis=0)
    found = _regress(treat(training.spectra) - centre, training.references, components)
    raw = _raw(found, centre, treat)
    readings = [raw(spectrum) for spectrum in withheld.spectra]
    misses = np.array([reading.results for reading in readings]) - withheld.references
    q, t2 = np.array([r.q for r in readings]), np.array([r.t2 for r in readings])
    return Calibration(
        format=1,
        kind="snv_pls" if steps == (Snv(),) else "pls",
        pretreatment=() if steps == (Snv(),) else steps,
        results=tuple(units),
        units=tuple(units.values()),
        wavelengths=_row(wavelengths),
        mean=_row(raw.mean),
        intercept=_row(raw.intercept),
        coef=_rows(raw.coef),
        rotations=_rows(found.x_rotations_),
        loadings=_rows(found.x_loadings_),
        score_sd=_row(_score_sd(found)),
        q_usual=float(q.mean()),
        t2_usual=float(t2.mean()),
        card=_card(origin, (training, withheld), errors, misses, (q, t2)),
    )


def _card(origin: Origin, sets: tuple[Spectra, Spectra], errors: Sequence[float], misses: Floats, fit: _Fit) -> Card:
    training, withheld = sets
    q, t2 = fit
    return Card(
        data_sha256=_hash(training, withheld),
        source=origin.source,
        seed=origin.seed,
        scans=origin.scans,
        samples=len(training.spectra),
        withheld=len(withheld.spectra),
        ranges=dict(origin.ranges),
        rmsecv=tuple(errors),
        rmsep=_row(np.sqrt((misses**2).mean(axis=0))),
        bias=_row(misses.mean(axis=0)),
        q_99=float(np.quantile(q, 0.99) / q.mean()),
        t2_99=float(np.quantile(t2, 0.99) / t2.mean()),
    )


def _usable(data: Spectra, wavelengths: Floats, name: str) -> None:
    n, channels = data.spectra.shape
    if channels != len(wavelengths):
        raise ValueError(f"the {name} spectra have {channels} channels, expected the {len(wavelengths)} wavelengths")
    if n < BLOCKS * 2 or len(data.references) != n:
        raise ValueError(
            f"found {n} {name} spectra and {len(data.references)} references, expected {BLOCKS * 2} or more"
        )
    for values, what in ((data.spectra, "spectrum"), (data.references, "reference")):
        gaps = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(gaps):
            raise ValueError(f"the {name} {what} {gaps[0] + 1} has a value that is not a number")
    flat = np.flatnonzero(np.ptp(data.spectra, axis=1) == 0.0)
    if len(flat):
        raise ValueError(f"the {name} spectrum {flat[0] + 1} is the same in every channel")
    same = np.flatnonzero(np.ptp(data.references, axis=0) == 0.0)
    if len(same):
        raise ValueError(f"reference {same[0] + 1} is the same in every {name} sample: nothing can be learnt from it")


def _rmsecv(training: Spectra, components: int, steps: Sequence[Step]) -> float:
    raw, y = training.spectra, training.references
    misses: list[Floats] = []
    for block in np.array_split(np.arange(len(raw)), BLOCKS):
        kept = np.setdiff1d(np.arange(len(raw)), block)
        treat = Treatment.of(fitted(steps, raw[kept]), raw.shape[1])
        x = treat(raw[kept])
        centre = x.mean(axis=0)
        found = _regress(x - centre, y[kept], components)
        misses.append(found.intercept_[0] + (treat(raw[block]) - centre) @ found.coef_[0] - y[block, 0])
    return float(np.sqrt((np.concatenate(misses) ** 2).mean()))


def _regress(x: Floats, y: Floats, components: int) -> _Regression:
    from sklearn.cross_decomposition import PLSRegression  # noqa: PLC0415  # takes a second; only who calibrates needs it

    make = cast("Callable[..., _Pls]", PLSRegression)
    return make(n_components=components, scale=False).fit(x, y)


def _raw(found: _Regression, centre: Floats, treat: Treatment) -> Pls:
    sd = _score_sd(found)
    return Pls(
        treat=treat,
        mean=centre,
        intercept=found.intercept_,
        coef=found.coef_,
        rotations=found.x_rotations_ / sd,
        loadings=found.x_loadings_ * sd,
        q_usual=1.0,
        t2_usual=1.0,
    )


def _score_sd(found: _Regression) -> Floats:
    spread: Floats = found.x_scores_.std(axis=0, ddof=1)
    return spread


def _hash(*sets: Spectra) -> str:
    digest = hashlib.sha256()
    for one in sets:
        digest.update(one.spectra.astype("<f8").tobytes())
        digest.update(one.references.astype("<f8").tobytes())
    return digest.hexdigest()


def _row(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


def _rows(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(_row(row) for row in values)
