"""How many values go by until a chart speaks: after how long without reason, and how soon after a shift.

CUSUM and EWMA are Markov chains once their value is cut into cells; runs are counted by playing them.

References
----------
D. Brook, D. A. Evans, "An approach to the probability distribution of cusum run length", Biometrika 59(3), 1972,
doi:10.1093/biomet/59.3.539. J. M. Lucas, M. S. Saccucci, "Exponentially weighted moving average control schemes",
Technometrics 32(1), 1990, doi:10.1080/00401706.1990.10484583.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from anomaly.charts import Memory, take
from plant_io.signals import Floats
from policies.charts import Averaging, Chart, Rule, Summing

_CELLS = 201
_LONGEST = 100_000


def cusum(declared: Summing, shift: float = 0.0) -> float:
    """Return the average run length of the two-sided CUSUM chart from its start [1].

    Parameters
    ----------
    declared
        Numbers of the chart.
    shift
        Shift of the mean, in standard deviations [1].
    """
    sides = [_one_sided(declared, side * shift) for side in (1.0, -1.0)]
    return 1.0 / sum(1.0 / side for side in sides)


def _one_sided(declared: Summing, shift: float) -> float:
    from scipy.special import ndtr  # noqa: PLC0415  # takes a while to import

    width = 2.0 * declared.limit / (2 * _CELLS - 1)
    middles = width * np.arange(_CELLS)
    upper = middles[None, :] + 0.5 * width - middles[:, None] + declared.slack - shift
    below: Floats = np.asarray(ndtr(upper))
    moves = below - np.asarray(ndtr(upper - width))
    moves[:, 0] = below[:, 0]
    return _length(moves, 0)


def ewma(declared: Averaging, shift: float = 0.0) -> float:
    """Return the average run length of the EWMA chart, its limits as they are in the long run [1].

    Parameters
    ----------
    declared
        Numbers of the chart.
    shift
        Shift of the mean, in standard deviations [1].
    """
    from scipy.special import ndtr  # noqa: PLC0415  # takes a while to import

    weight = declared.weight
    limit = declared.limit * sqrt(weight / (2.0 - weight))
    width = 2.0 * limit / _CELLS
    middles = -limit + width * (np.arange(_CELLS) + 0.5)
    upper = (middles[None, :] + 0.5 * width - (1.0 - weight) * middles[:, None]) / weight - shift
    moves = np.asarray(ndtr(upper)) - np.asarray(ndtr(upper - width / weight))
    return _length(moves, _CELLS // 2)


def _length(moves: Floats, start: int) -> float:
    return float(np.linalg.solve(np.eye(len(moves)) - moves, np.ones(len(moves)))[start])


def played(declared: Chart, seed: int, runs: int = 400, shift: float = 0.0) -> tuple[float, float]:
    """Return the average run length of a chart with all its rules, by the very code that watches, and its error [1].

    Parameters
    ----------
    declared
        The chart; residuals are drawn, so its reference and memory have no part.
    seed
        Seed of the residuals [1].
    runs
        Runs played [1].
    shift
        Shift of the mean, in standard deviations [1].
    """
    rng = np.random.default_rng(seed)
    lengths = [_run(declared, rng, shift) for _ in range(runs)]
    return float(np.mean(lengths)), float(np.std(lengths)) / sqrt(runs)


def _run(declared: Chart, rng: np.random.Generator, shift: float) -> int:
    memory, broken, count = Memory(), tuple[Rule, ...](), 0
    while not broken and count < _LONGEST:
        for z in (rng.standard_normal(64) + shift).tolist():
            memory, broken = take(memory, z, declared)
            count += 1
            if broken:
                break
    return count
