"""Reconciliation of redundant measurements by weighted least squares, and which of them is off.

A witness `i` says ``y_i = a_i x + error`` of unknown quantities `x`. Off is one whose residual is beyond the limit of
the measurement test, and which explains the disagreement better than any other could: the likelihood ratio of one bias
against another is the exponential of half the difference of their squared standardised residuals. Witnesses that are
off are left out one by one, the worst first.

References
----------
C. M. Crowe, Y. A. Garcia Campos, A. Hrymak, "Reconciliation of process flow rates by matrix projection. Part I: linear
case", AIChE J. 29(6), 1983, doi:10.1002/aic.690290602.
R. S. H. Mah, A. C. Tamhane, "Detection of gross errors in process data", AIChE J. 28(5), 1982,
doi:10.1002/aic.690280519 (measurement test).
S. Narasimhan, R. S. H. Mah, "Generalized likelihood ratio method for gross error identification", AIChE J. 33(9), 1987,
doi:10.1002/aic.690330909 (likelihood ratio, serial elimination).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log

import numpy as np
from numpy.typing import NDArray

from plant_io.signals import Floats
from plant_io.sums import applied, inverse, product

MOST_OFF = 2
"""Most witnesses that are left out [1]."""

_UNTESTABLE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What witnesses say."""

    terms: Floats
    """How each depends on the quantities, shape ``(n, n_x)``, unit of the reading per unit of the quantity."""
    values: Floats
    """What each says, shape ``(n,)``, units of the readings."""
    sd: Floats
    """Standard deviation of each, shape ``(n,)``, units of the readings."""


@dataclass(frozen=True, slots=True, eq=False)
class Reconciliation:
    """What is made of it."""

    quantities: Floats
    """The quantities without those that are off, shape ``(n_x,)``, their units; not finite where nothing tells them."""
    covariance: Floats
    """Their covariance, shape ``(n_x, n_x)``, products of their units."""
    off: tuple[int, ...]
    """Which witnesses are off, the worst first."""
    undecided: bool
    """Whether they disagree, and more than one of them might be it."""
    adjustments: Floats
    """How far each is off what the others say, shape ``(n,)``, standard deviations [1]; not a number if nobody else
    speaks of it."""
    misfit: float
    """Largest adjustment with all of them, standard deviations [1]."""


def reconcile(evidence: Evidence, limit: float, likelier: float) -> Reconciliation:
    """Return the quantities that agree best with the witnesses, and who is off.

    Parameters
    ----------
    evidence
        What they say.
    limit
        Standard deviations at which one is off [1].
    likelier
        How much likelier the one that is named must be than any other [1].

    Examples
    --------
    Three scales weigh the same thing, and one is off:

    >>> found = reconcile(Evidence(np.ones((3, 1)), np.array([10.0, 10.1, 12.0]), np.full(3, 0.1)), 4.0, 20.0)
    >>> found.off, round(float(found.quantities[0]), 2), round(float(found.adjustments[2]), 1)
    ((2,), 10.05, 15.9)
    """
    off: list[int] = []
    margin, misfit, undecided = 2.0 * log(likelier), 0.0, False
    while True:
        kept = np.array([i not in off for i in range(len(evidence.values))])
        x, covariance = _fit(evidence, kept)
        far = _adjustments(evidence, kept, x, covariance)
        inside = np.where(kept & np.isfinite(far), np.abs(far), 0.0)
        worst = int(np.argmax(inside))
        misfit = misfit if off else float(inside[worst])
        if not np.isfinite(x).all() or inside[worst] <= limit:
            break
        others = np.delete(inside, worst)
        undecided = bool((inside[worst] ** 2 - others**2 < margin).any()) or len(off) == MOST_OFF
        if undecided:
            break
        off.append(worst)
    return Reconciliation(x, covariance, tuple(off), undecided, far, misfit)


def expected(evidence: Evidence, without: int) -> tuple[float, float]:
    """Return what the others let expect of one witness, and the standard deviation of that, in its unit.

    Parameters
    ----------
    evidence
        What they say.
    without
        Place of the witness that is asked for.
    """
    kept = np.arange(len(evidence.values)) != without
    x, covariance = _fit(evidence, kept)
    row = evidence.terms[without]
    return float(np.einsum("i,i->", row, x)), float(np.sqrt(np.einsum("i,ij,j->", row, covariance, row)))


def identified(terms: Floats, kept: Sequence[bool]) -> bool:
    """Return whether the witnesses that are `kept` tell every quantity.

    Parameters
    ----------
    terms
        How each depends on the quantities, shape ``(n, n_x)``, unit of the reading per unit of the quantity.
    kept
        Which speak.
    """
    return _identified(terms.tobytes(), terms.shape, tuple(kept))


@lru_cache(maxsize=256)  # witnesses are few, and mostly the same ones speak
def _identified(terms: bytes, shape: tuple[int, ...], kept: tuple[bool, ...]) -> bool:
    n, rows = shape[0], np.frombuffer(terms).reshape(shape)
    evidence = Evidence(rows, np.zeros(n), np.ones(n))
    return bool(np.isfinite(_fit(evidence, np.array(kept, dtype=bool))[0]).all())


def _fit(evidence: Evidence, kept: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    terms = evidence.terms[kept] / evidence.sd[kept, None]
    values = evidence.values[kept] / evidence.sd[kept]
    square = product(terms.T, terms)
    scale = np.sqrt(np.maximum(np.diag(square), 1e-300))
    whole = square / np.outer(scale, scale)
    n = len(whole)
    covariance = np.ascontiguousarray(inverse(whole).T) / np.outer(scale, scale)
    sound = np.isfinite(covariance).all() and bool((np.diag(covariance) * scale**2 < 1.0 / _UNTESTABLE).all())
    if not sound:
        return np.full(n, np.nan), np.full((n, n), np.nan)
    return applied(covariance, applied(terms.T, values)), covariance


def _adjustments(evidence: Evidence, kept: NDArray[np.bool_], x: Floats, covariance: Floats) -> Floats:
    """Return residuals over their standard deviations; of those left out, against what the rest predicts."""
    away = evidence.values - applied(evidence.terms, x)
    told = np.asarray(np.einsum("ni,ij,nj->n", evidence.terms, covariance, evidence.terms))
    own = evidence.sd**2
    variance = np.where(kept, own - told, own + told)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(variance > _UNTESTABLE * own, away / np.sqrt(np.abs(variance)), np.nan))
