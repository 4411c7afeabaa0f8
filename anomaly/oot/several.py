"""Several results of a batch at once: Hotelling's T2 in the plane of principal components, and Q beside it.

References
----------
H. Hotelling, "Multivariate quality control", in "Techniques of statistical analysis", 1947. J. E. Jackson, G. S.
Mudholkar, "Control procedures for residuals associated with principal component analysis", Technometrics 21(3), 1979,
doi:10.1080/00401706.1979.10489779. N. D. Tracy, J. C. Young, R. L. Mason, "Multivariate control charts for individual
observations", J. Quality Technology 24(2), 1992.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, sqrt

import numpy as np

from anomaly.oot.limits import f_quantile, normal_quantile
from anomaly.oot.study import Found, Held, Row, Settings, need, value
from plant_io.signals import Floats

_NOTHING = 1e-12


def t2_limit(kept: int, count: int, share: float) -> float:
    """Return the limit of T2 of a new batch [1].

    Parameters
    ----------
    kept
        Components kept [1].
    count
        Batches of the history [1].
    share
        Share of normal batches within it [1].
    """
    factor = kept * (count + 1.0) * (count - 1.0) / (count * (count - kept))
    return factor * f_quantile(share, kept, count - kept)


def q_limit(powers: Floats, share: float) -> float:
    """Return the limit of Q by Jackson and Mudholkar [1]; 0 where no component is left out.

    Parameters
    ----------
    powers
        Variances of the components left out, shape ``(n,)`` [1].
    share
        Share of normal batches within it [1].
    """
    first, second, third = (float((powers**k).sum()) for k in (1, 2, 3))
    if first < _NOTHING:
        return 0.0
    h = 1.0 - 2.0 * first * third / (3.0 * second**2)
    z = normal_quantile(share)
    root = 1.0 + z * sqrt(2.0 * second * h * h) / first + second * h * (h - 1.0) / first**2
    return first * float(max(root, 0.0) ** (1.0 / h))


def t2_q(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold all columns of a batch together against those of the history."""
    columns = settings.columns
    there = [row for row in rows if all(column in row.values for column in columns)]
    table = {
        tested: np.array(
            [[value(r, c, settings) for c in columns] for r in there if (r.batch in settings.tested) is tested]
        )
        for tested in (False, True)
    }
    history = table[False]
    need(len(history), len(columns) + 2, "complete batch", "of the history")
    mean, sd = history.mean(axis=0), history.std(axis=0, ddof=1)
    if (sd <= _NOTHING * np.maximum(np.abs(mean), 1.0)).any():
        raise ValueError(f"found a history without scatter in {columns[int(np.argmin(sd))]}")
    powers, axes = np.linalg.eigh(np.corrcoef(history.T) if len(columns) > 1 else np.ones((1, 1)))
    powers, axes = np.clip(powers[::-1], 0.0, None), axes[:, ::-1]
    kept = min(int(np.searchsorted(np.cumsum(powers) / powers.sum(), settings.explained - 1e-12)) + 1, len(columns))
    limits = t2_limit(kept, len(history), settings.coverage), q_limit(powers[kept:], settings.coverage)
    found, notes = list[Held](), list[str]()
    names = [row for row in there if row.batch in settings.tested]
    for row, one in zip(names, table[True], strict=True):
        held, note = _judged(row, (one - mean) / sd, (powers[:kept], axes[:, :kept]), limits, columns)
        found += held
        notes += note
    numbers = {"components kept [1]": float(kept), "limit of T2 [1]": limits[0], "limit of Q [1]": limits[1]}
    return Found(tuple(found), numbers | {"batches of the history [1]": float(len(history))}, tuple(notes))


def _judged(
    row: Row, z: Floats, plane: tuple[Floats, Floats], limits: tuple[float, float], columns: tuple[str, ...]
) -> tuple[list[Held], list[str]]:
    powers, axes = plane
    scores = z @ axes
    rest = z - axes @ scores
    parts = {"T2 [1]": z * (axes @ (scores / powers)), "Q [1]": rest**2}
    age = nan if row.age is None else row.age
    found, notes = list[Held](), list[str]()
    for (what, shares), limit in zip(parts.items(), limits, strict=True):
        if limit == 0.0:
            continue
        size = float(shares.sum())
        found.append(Held(row.batch, age, size, 0.0, -inf, limit, size > limit, what))
        order = np.argsort(-shares)[:3].tolist()
        if size > limit:
            most = ", ".join(f"{columns[i]} {100.0 * shares[i] / size:.0f} %" for i in order)
            notes.append(f"{row.batch}: {what.split()[0]} comes from {most}.")
    return found, notes
