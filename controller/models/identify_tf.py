"""Transfer functions from tests on the plant: steps, binary sequences, or any moves of inputs that were recorded.

The prediction error is made small (L. Ljung, "System Identification: Theory for the User", 2nd ed. 1999, chapters 4 and
7): each measurement is the sum of what every input does, and of noise that may drift, ``(1 + c/q) / (1 - f/q)`` times
what nobody can predict. Because the noise has a model of its own and the inputs were measured, the loop may have been
closed while the data were taken (U. Forssell and L. Ljung, Automatica 35(7), 1999, doi:10.1016/S0005-1098(99)00022-9).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import inf, log

import numpy as np
from numpy.typing import NDArray

from controller.models.tf_forms import Form, Guess, answer
from controller.models.trial import Answer, Estimated, Row, Trial
from plant_io.signals import Floats

Flags = NDArray[np.bool_]
_FEWEST = 30
_TAUS, _DELAYS, _ROUNDS = 8, 9, 2
_WORTH = 10.0
"""Gain in the Bayesian information criterion that makes one more parameter worth it [1]."""
_SLOW = 1.0
"""Lag, as a share of the record, from which an answer is tried as a ramp [1]."""
_NOISES = (np.array([0.9, -0.3]), np.zeros(2))
_STRAIGHT = 0.9995
_FORGETS, _LEAST = 0.5, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    forms: tuple[Form, ...]
    names: tuple[str, ...]
    theta: Floats
    gains: Floats
    residuals: Floats
    cost: float


def identify(trial: Trial) -> dict[str, Row]:
    """Return how each measurement answers to the inputs.

    Raises
    ------
    ValueError
        If there are too few rows, an input never moves or is no number somewhere, or a measurement never changes.
    """
    _check(trial)
    return {name: _row(trial, name) for name in trial.outputs}


def predict(trial: Trial, row: Row, name: str) -> Floats:
    """Return what inputs alone make of a measurement, from its mean, shape ``(n,)``, in its unit."""
    total = np.zeros(trial.rows)
    for column, found in row.answers.items():
        lags = tuple(lag.value for lag in found.lags)
        guess = Guess(found.dead_time.value, lags, integrating=found.integrating)
        total += found.gain.value * answer(guess, trial.inputs[column] - trial.inputs[column][0], trial.period)
    return total + float(np.nanmean(trial.outputs[name] - total))


def judge(seen: Floats, explained: Floats) -> tuple[float, float]:
    """Return the share of the variance explained [1], and the root mean squared difference.

    Parameters
    ----------
    seen
        What was measured, shape ``(n,)``, in any unit; not a number where there was nothing.
    explained
        What explains it, shape ``(n,)``, in the same unit.
    """
    off, varied = seen - explained, seen - np.nanmean(seen)
    return 1.0 - float(np.nansum(off**2) / np.nansum(varied**2)), float(np.sqrt(np.nanmean(off**2)))


def _check(trial: Trial) -> None:
    if trial.rows < _FEWEST:
        raise ValueError(f"found {trial.rows} rows, expected at least {_FEWEST}")
    for name, values in trial.inputs.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: found an input that is not a number in some rows, expected one in every row")
        if np.ptp(values) == 0.0:
            raise ValueError(f"{name}: found an input that never moves, expected one that was tested")
    for name, values in trial.outputs.items():
        if np.isfinite(values).sum() < _FEWEST or np.nanmax(values) == np.nanmin(values):
            raise ValueError(f"{name}: found a measurement that never changes, expected one that answers")


def _row(trial: Trial, name: str) -> Row:
    columns = tuple(trial.inputs)
    starts = [_begin(trial, name, columns, Form.LAG, noise) for noise in _NOISES]
    fit = min((_fitted(trial, name, columns, start) for start in starts), key=lambda tried: tried.cost)
    fit = _ramped(trial, name, fit)
    fit = _refined(trial, name, fit)
    return _told(trial, name, _weeded(trial, name, fit))


def _begin(trial: Trial, name: str, columns: Sequence[str], form: Form, noise: Floats) -> Floats:
    """Return numbers to begin with, by trying some for one input after the other."""
    span = trial.rows * trial.period
    taus = np.geomspace(max(trial.period, span / 300.0), span / 4.0, _TAUS).tolist() if form.lags else [0.0]
    delays = np.unique(np.concatenate([[0.0], np.geomspace(trial.period, span / 8.0, _DELAYS - 1)])).tolist()
    places = [(float(tau), float(late)) for tau, late in product(taus, delays)]
    bank = {
        (column, tau, late): _whitened(
            _moved(trial, column, Guess(late, (tau,) if form.lags else (), integrating=form.integrating)), noise
        )
        for column in columns
        for tau, late in places
    }
    there, seen = _seen(trial, name)
    wanted = _whitened(seen, noise)[there]
    levels = [_whitened(one, noise) for one in _levels(trial, ramps=form.integrating)]
    chosen: dict[str, tuple[float, float]] = {column: places[len(places) // 2] for column in columns}

    def cost(tried: Mapping[str, tuple[float, float]]) -> float:
        table = np.column_stack([*(bank[column, *tried[column]] for column in columns), *levels])[there]
        return float(np.sum((wanted - table @ np.linalg.lstsq(table, wanted, rcond=None)[0]) ** 2))

    for column in list(columns) * _ROUNDS:
        options: list[dict[str, tuple[float, float]]] = [chosen | {column: place} for place in places]
        chosen = min(options, key=cost)
    numbers = [([log(tau)] if form.lags else []) + [late] for tau, late in (chosen[column] for column in columns)]
    return np.array([*(number for each in numbers for number in each), *noise])


def _levels(trial: Trial, *, ramps: bool) -> list[Floats]:
    slope: Floats = np.arange(trial.rows, dtype=np.float64) * trial.period
    return [np.ones(trial.rows), slope] if ramps else [np.ones(trial.rows)]


def _fitted(
    trial: Trial, name: str, columns: tuple[str, ...], start: Floats, forms: tuple[Form, ...] | None = None
) -> _Fit:
    """Return the best lags, dead times and noise from some to begin with; gains follow from them."""
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    given = (Form.LAG,) * len(columns) if forms is None else forms
    there, seen = _seen(trial, name)
    span = trial.rows * trial.period

    def residuals(theta: Floats) -> Floats:
        return np.asarray(_explained(trial, (seen, there), columns, given, theta)[1][there], dtype=np.float64)

    low, high = _bounds(given, trial.period, span)
    begun = np.clip(start, low + 1e-6, high - 1e-6)
    found = least_squares(residuals, begun, bounds=(low, high), x_scale=_scales(given, trial.period), max_nfev=200)
    gains, left = _explained(trial, (seen, there), columns, given, np.asarray(found.x))
    n, k = int(there.sum()), len(begun) + len(gains)
    cost = n * log(max(float(np.mean(left[there] ** 2)), 1e-300)) + k * log(n)
    return _Fit(given, columns, np.asarray(found.x), gains, left, cost)


def _bounds(forms: Sequence[Form], period: float, span: float) -> tuple[Floats, Floats]:
    low, high = list[float](), list[float]()
    for form in forms:
        low += [*([log(period / 20.0)] if form.lags else []), 0.0, *([0.02] if form is Form.TWO_LAGS else [])]
        high += [*([log(span * 3.0)] if form.lags else []), span / 3.0, *([0.98] if form is Form.TWO_LAGS else [])]
    return np.array([*low, 0.0, -0.98]), np.array([*high, _STRAIGHT, 0.98])


def _scales(forms: Sequence[Form], period: float) -> Floats:
    found = list[float]()
    for form in forms:
        found += [*([0.3] if form.lags else []), period, *([0.2] if form is Form.TWO_LAGS else [])]
    return np.array([*found, 0.1, 0.1])


def _guesses(forms: Sequence[Form], theta: Floats) -> list[Guess]:
    numbers, found = iter(theta.tolist()), list[Guess]()
    for form in forms:
        tau = float(np.exp(next(numbers))) if form.lags else 0.0
        late = next(numbers)
        lags = (tau, tau * next(numbers)) if form is Form.TWO_LAGS else (tau,) if form.lags else ()
        found.append(Guess(late, lags, integrating=form in {Form.RAMP, Form.LAGGED_RAMP}))
    return found


def _explained(
    trial: Trial, wanted: tuple[Floats, Flags], columns: Sequence[str], forms: Sequence[Form], theta: Floats
) -> tuple[Floats, Floats]:
    """Return gains followed by the level, and by the slope where something integrates, and what they leave over."""
    seen, there = wanted
    table = _table(trial, columns, forms, theta)
    white = np.column_stack([_whitened(one, theta[-2:]) for one in table.T])
    left = _whitened(seen, theta[-2:])
    gains = np.asarray(np.linalg.lstsq(white[there], left[there], rcond=None)[0], dtype=np.float64)
    return gains, left - white @ gains


def _table(trial: Trial, columns: Sequence[str], forms: Sequence[Form], theta: Floats) -> Floats:
    moved = [_moved(trial, column, guess) for column, guess in zip(columns, _guesses(forms, theta), strict=True)]
    return np.column_stack([*moved, *_levels(trial, ramps=any(form.integrating for form in forms))])


def _moved(trial: Trial, column: str, guess: Guess) -> Floats:
    return answer(guess, trial.inputs[column] - trial.inputs[column][0], trial.period)


def _seen(trial: Trial, name: str) -> tuple[Flags, Floats]:
    """Return where there is a measurement, and all of them, the last one standing where there is none."""
    values = trial.outputs[name]
    there = np.isfinite(values)
    last = np.maximum.accumulate(np.where(there, np.arange(len(values)), np.argmax(there)))
    return there, values[last]


def _whitened(values: Floats, noise: Floats) -> Floats:
    from scipy.signal import lfilter  # noqa: PLC0415  # slow to import

    kept, gone = noise.tolist()
    return np.asarray(lfilter([1.0, -kept], [1.0, gone], values), dtype=np.float64)


def _ramped(trial: Trial, name: str, fit: _Fit) -> _Fit:
    """Return a fit with ramps where a lag is as long as the record and ramps explain no less."""
    span = trial.rows * trial.period
    if all(max(guess.lags, default=0.0) < _SLOW * span for guess in _guesses(fit.forms, fit.theta)):
        return fit
    start = _begin(trial, name, fit.names, Form.RAMP, _NOISES[0])
    ramps = _fitted(trial, name, fit.names, start, (Form.RAMP,) * len(fit.names))
    return ramps if ramps.cost < fit.cost + _WORTH else fit


def _refined(trial: Trial, name: str, fit: _Fit) -> _Fit:
    """Return a fit with one more lag where that is worth it, for one input after the other."""
    for i in range(len(fit.names)):
        more = fit.forms[i].more
        if more is None:
            continue
        forms = (*fit.forms[:i], more, *fit.forms[i + 1 :])
        at = sum(form.numbers for form in fit.forms[: i + 1])
        if more is Form.TWO_LAGS:
            start = np.insert(fit.theta, at, 0.3)
        else:
            start = np.insert(fit.theta, at - 1, log(2.0 * trial.period))
        tried = _fitted(trial, name, fit.names, start, forms)
        fit = tried if tried.cost < fit.cost - _WORTH else fit
    return fit


def _weeded(trial: Trial, name: str, fit: _Fit) -> _Fit:
    """Return a fit without the inputs whose effect cannot be told from none."""
    while len(fit.names) > 1:
        numbers, at, best = [form.numbers for form in fit.forms], 0, fit
        for i, count in enumerate(numbers):
            theta = np.delete(fit.theta, np.arange(at, at + count))
            names, forms = (*fit.names[:i], *fit.names[i + 1 :]), (*fit.forms[:i], *fit.forms[i + 1 :])
            tried = _fitted(trial, name, names, theta, forms)
            best = tried if tried.cost < best.cost else best
            at += count
        if best is fit:
            return fit
        fit = best
    return fit


def _told(trial: Trial, name: str, fit: _Fit) -> Row:
    there, seen = _seen(trial, name)
    spread = _spread(trial, (seen, there), fit)
    guesses, at, answers = _guesses(fit.forms, fit.theta), len(fit.gains), dict[str, Answer]()
    for i, (column, form, guess) in enumerate(zip(fit.names, fit.forms, guesses, strict=True)):
        half = dict(zip(form.places, spread[at : at + form.numbers].tolist(), strict=True))
        at += form.numbers
        lags = tuple(
            Estimated(lag, lag * half["lag"] if j == 0 else guess.lags[0] * half["share"])
            for j, lag in enumerate(guess.lags)
        )
        answers[column] = Answer(
            gain=Estimated(float(fit.gains[i]), float(spread[i])),
            dead_time=Estimated(guess.dead_time, half["dead_time"]),
            lags=lags,
            integrating=form.integrating,
        )
    simulated = _table(trial, fit.names, fit.forms, fit.theta) @ fit.gains
    r2, rmse = judge(trial.outputs[name], simulated)
    size, (kept, gone) = float(np.std(fit.residuals[there])), fit.theta[-2:].tolist()
    sd, drift = _noises(size, kept, gone)
    row = Row(answers, simulated, np.where(there, fit.residuals, np.nan), r2, rmse, sd, drift, 0.0)
    return replace(row, white=whiteness(fit.residuals[there]))


def _spread(trial: Trial, wanted: tuple[Floats, Flags], fit: _Fit) -> Floats:
    """Return half of the 95 % confidence intervals of gains, level and slope, then of the other parameters."""
    from scipy.stats import t  # noqa: PLC0415  # slow to import

    seen, there = wanted
    whole, n_g = np.concatenate([fit.gains, fit.theta]), len(fit.gains)
    steps = np.concatenate([np.maximum(np.abs(fit.gains), 1e-6) * 1e-4, _scales(fit.forms, trial.period) * 1e-3])

    def left(numbers: Floats) -> Floats:
        theta = numbers[n_g:]
        off = seen - _table(trial, fit.names, fit.forms, theta) @ numbers[:n_g]
        return np.asarray(_whitened(off, theta[-2:])[there], dtype=np.float64)

    low, high = _bounds(fit.forms, trial.period, trial.rows * trial.period)
    free = np.full(n_g, inf)
    low, high = np.concatenate([-free, low]), np.concatenate([free, high])
    ends = [(np.maximum(whole - d, low), np.minimum(whole + d, high)) for d in np.diag(steps)]
    slopes = np.column_stack([(left(more) - left(less)) / float((more - less).sum()) for less, more in ends])
    degrees = max(1, int(there.sum()) - len(whole))
    variance = float(np.sum(left(whole) ** 2)) / degrees
    scaled = slopes * steps
    covariance = variance * np.linalg.pinv(scaled.T @ scaled)
    half: Floats = np.sqrt(np.maximum(np.diag(covariance), 0.0)) * steps * float(t.ppf(0.975, degrees))
    return half


def _noises(size: float, kept: float, gone: float) -> tuple[float, float]:
    """Return standard deviations of noise and of drift in one row that look like the noise model.

    As in an integrated moving average (A. C. Harvey, "Forecasting, structural time series models and the Kalman
    filter", 1989, section 2.4.1); noise that forgets quickly is taken for noise alone.
    """
    share = min(max(-gone, _LEAST), 1.0 - _LEAST) if kept > _FORGETS else 1.0 - _LEAST
    return size * share**0.5, size * (1.0 - share)


def whiteness(residuals: Floats, fitted: int = 2) -> float:
    """Return the probability that white residuals are as correlated as these (doi:10.1093/biomet/65.2.297) [1].

    Parameters
    ----------
    residuals
        What a model leaves, shape ``(n,)``, in any unit.
    fitted
        Parameters of the model of the noise that were fitted to them [1].
    """
    from scipy.stats import chi2  # noqa: PLC0415  # slow to import

    n, off = len(residuals), residuals - residuals.mean()
    lags = np.arange(1, min(20, n // 5) + 1)
    correlated = correlation(off, lags)
    value = n * (n + 2.0) * float(np.sum(correlated**2 / (n - lags)))
    return float(chi2.sf(value, max(1, len(lags) - fitted))) if value < inf else 0.0


def correlation(values: Floats, lags: NDArray[np.int_]) -> Floats:
    """Return how a series is correlated with itself some rows later, shape as `lags` [1].

    Parameters
    ----------
    values
        The series, shape ``(n,)``, in any unit.
    lags
        Rows later, each at least 1 [1].
    """
    off = values - values.mean()
    whole = float(off @ off)
    return np.array([float(off[lag:] @ off[:-lag]) / whole if whole > 0.0 else 0.0 for lag in lags.tolist()])
