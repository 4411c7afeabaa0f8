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
_LATEST = 8
"""Parts of the record, in the first of which dead times are tried to begin with [1]."""
_STRAIGHT = 0.9995
_FORGETS, _LEAST = 0.5, 0.1


@dataclass(frozen=True, slots=True, eq=False)
class _Case:
    """One measurement of a record, and how the record began.

    Where it began in motion, what inputs did before is unknown: rows that they may still reach through dead times are
    not compared, and what they left in lags dies out by itself, from wherever it was.
    """

    trial: Trial
    name: str
    begin: int = 0
    moving: bool = False

    @property
    def seen(self) -> Floats:
        """All measurements, the last one standing where there is none."""
        values = self.trial.outputs[self.name]
        there = np.isfinite(values)
        return values[np.maximum.accumulate(np.where(there, np.arange(len(values)), np.argmax(there)))]

    @property
    def there(self) -> Flags:
        """Where there is a measurement that is compared."""
        there = np.isfinite(self.trial.outputs[self.name])
        there[: self.begin] = False
        return there

    def whitened(self, values: Floats, noise: Floats) -> Floats:
        from scipy.signal import lfilter  # noqa: PLC0415  # slow to import

        (kept, gone), found = noise.tolist(), np.zeros(len(values))
        found[self.begin :] = lfilter([1.0, -kept], [1.0, gone], values[self.begin :])
        return found

    def moved(self, column: str, guess: Guess) -> Floats:
        """Return what an input does from the first row on."""
        return answer(guess, self.trial.inputs[column] - self.trial.inputs[column][0], self.trial.period)

    def besides(self, guesses: Sequence[Guess]) -> list[Floats]:
        """Return what there is without any move: level, slope where something integrates, what dies out."""
        since: Floats = np.arange(self.trial.rows, dtype=np.float64) * self.trial.period
        slope = [since] if any(guess.integrating for guess in guesses) else []
        lags = dict.fromkeys(lag for guess in guesses for lag in guess.lags) if self.moving else {}
        return [np.ones(self.trial.rows), *slope, *(np.exp(-since / lag) for lag in lags)]


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    case: _Case
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
    case, columns = _Case(trial, name), tuple(trial.inputs)
    starts = [_begin(case, columns, Form.LAG, noise) for noise in _NOISES]
    fit = min((_fitted(case, columns, start) for start in starts), key=lambda tried: tried.cost)
    return _told(_weeded(_refined(_ramped(_from_motion(fit)))))


def _from_motion(fit: _Fit) -> _Fit:
    """Return a fit of a record that began in motion, where that is worth it."""
    trial = fit.case.trial
    unsure = replace(fit.case, begin=_after(trial, trial.rows * trial.period), moving=True)
    starts = [_begin(unsure, fit.names, Form.LAG, noise) for noise in _NOISES]
    tried = min((_fitted(unsure, fit.names, start) for start in (*starts, fit.theta)), key=lambda one: one.cost)
    longest = max(guess.dead_time for guess in _guesses(tried.forms, tried.theta))
    case = replace(unsure, begin=_after(trial, longest))
    tried = _fitted(case, fit.names, tried.theta)
    at_rest = _fitted(replace(case, moving=False), fit.names, fit.theta)
    return tried if tried.cost < at_rest.cost - _WORTH else fit


def _after(trial: Trial, dead_time: float) -> int:
    """Return the first row that nothing before the record reaches through a dead time, in the unit of the trial."""
    return min(int(dead_time / trial.period) + 2, trial.rows // _LATEST)


def _criterion(left: Floats, numbers: int) -> float:
    """Return the Bayesian information criterion of what is left over (G. Schwarz, doi:10.1214/aos/1176344136) [1]."""
    return len(left) * log(max(float(np.mean(left**2)), 1e-300)) + numbers * log(len(left))


def _begin(case: _Case, columns: Sequence[str], form: Form, noise: Floats) -> Floats:
    """Return numbers to begin with, by trying some for one input after the other."""
    trial = case.trial
    span = trial.rows * trial.period
    taus = np.geomspace(max(trial.period, span / 300.0), span / 4.0, _TAUS).tolist() if form.lags else [0.0]
    delays = np.unique(np.concatenate([[0.0], np.geomspace(trial.period, span / _LATEST, _DELAYS - 1)])).tolist()
    guesses = {
        (float(tau), float(late)): Guess(late, (tau,) if form.lags else (), integrating=form.integrating)
        for tau, late in product(taus, delays)
    }
    places, there = list(guesses), case.there
    bank = {
        (column, *place): case.whitened(case.moved(column, guess), noise)
        for column in columns
        for place, guess in guesses.items()
    }
    wanted = case.whitened(case.seen, noise)[there]
    chosen: dict[str, tuple[float, float]] = {column: places[len(places) // 2] for column in columns}

    def cost(tried: Mapping[str, tuple[float, float]]) -> float:
        levels = [case.whitened(one, noise) for one in case.besides([guesses[place] for place in tried.values()])]
        table = np.column_stack([*(bank[column, *tried[column]] for column in columns), *levels])[there]
        return float(np.sum((wanted - table @ np.linalg.lstsq(table, wanted, rcond=None)[0]) ** 2))

    for column in list(columns) * _ROUNDS:
        options: list[dict[str, tuple[float, float]]] = [chosen | {column: place} for place in places]
        chosen = min(options, key=cost)
    numbers = [([log(tau)] if form.lags else []) + [late] for tau, late in (chosen[column] for column in columns)]
    return np.array([*(number for each in numbers for number in each), *noise])


def _fitted(case: _Case, columns: tuple[str, ...], start: Floats, forms: tuple[Form, ...] | None = None) -> _Fit:
    """Return the best lags, dead times and noise from some to begin with; gains follow from them."""
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    given = (Form.LAG,) * len(columns) if forms is None else forms
    there, trial = case.there, case.trial

    def residuals(theta: Floats) -> Floats:
        return np.asarray(_explained(case, columns, given, theta)[1][there], dtype=np.float64)

    low, high = _bounds(given, trial.period, trial.rows * trial.period)
    begun = np.clip(start, low + 1e-6, high - 1e-6)
    found = least_squares(residuals, begun, bounds=(low, high), x_scale=_scales(given, trial.period), max_nfev=200)
    gains, left = _explained(case, columns, given, np.asarray(found.x))
    cost = _criterion(left[there], len(begun) + len(gains))
    return _Fit(case, given, columns, np.asarray(found.x), gains, left, cost)


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


def _explained(case: _Case, columns: Sequence[str], forms: Sequence[Form], theta: Floats) -> tuple[Floats, Floats]:
    """Return gains followed by the level, the slope where something integrates, what dies out, and what is left."""
    table, there = _table(case, columns, forms, theta), case.there
    white = np.column_stack([case.whitened(one, theta[-2:]) for one in table.T])
    left = case.whitened(case.seen, theta[-2:])
    gains = np.asarray(np.linalg.lstsq(white[there], left[there], rcond=None)[0], dtype=np.float64)
    return gains, left - white @ gains


def _table(case: _Case, columns: Sequence[str], forms: Sequence[Form], theta: Floats) -> Floats:
    guesses = _guesses(forms, theta)
    moved = [case.moved(column, guess) for column, guess in zip(columns, guesses, strict=True)]
    return np.column_stack([*moved, *case.besides(guesses)])


def _ramped(fit: _Fit) -> _Fit:
    """Return a fit with ramps where a lag is as long as the record and ramps explain no less."""
    span = fit.case.trial.rows * fit.case.trial.period
    if all(max(guess.lags, default=0.0) < _SLOW * span for guess in _guesses(fit.forms, fit.theta)):
        return fit
    start = _begin(fit.case, fit.names, Form.RAMP, _NOISES[0])
    ramps = _fitted(fit.case, fit.names, start, (Form.RAMP,) * len(fit.names))
    return ramps if ramps.cost < fit.cost + _WORTH else fit


def _refined(fit: _Fit) -> _Fit:
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
            start = np.insert(fit.theta, at - 1, log(2.0 * fit.case.trial.period))
        tried = _fitted(fit.case, fit.names, start, forms)
        fit = tried if tried.cost < fit.cost - _WORTH else fit
    return fit


def _weeded(fit: _Fit) -> _Fit:
    """Return a fit without the inputs whose effect cannot be told from none."""
    while len(fit.names) > 1:
        numbers, at, best = [form.numbers for form in fit.forms], 0, fit
        for i, count in enumerate(numbers):
            theta = np.delete(fit.theta, np.arange(at, at + count))
            names, forms = (*fit.names[:i], *fit.names[i + 1 :]), (*fit.forms[:i], *fit.forms[i + 1 :])
            tried = _fitted(fit.case, names, theta, forms)
            best = tried if tried.cost < best.cost else best
            at += count
        if best is fit:
            return fit
        fit = best
    return fit


def _told(fit: _Fit) -> Row:
    there, spread = fit.case.there, _spread(fit)
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
    simulated = _table(fit.case, fit.names, fit.forms, fit.theta) @ fit.gains
    r2, rmse = judge(np.where(there, fit.case.seen, np.nan), simulated)
    size, (kept, gone) = float(np.std(fit.residuals[there])), fit.theta[-2:].tolist()
    sd, drift = _noises(size, kept, gone)
    row = Row(answers, simulated, np.where(there, fit.residuals, np.nan), r2, rmse, sd, drift, 0.0)
    return replace(row, white=whiteness(fit.residuals[there]))


def _spread(fit: _Fit) -> Floats:
    """Return half of the 95 % confidence intervals of gains and what stands beside them, then of the other numbers."""
    from scipy.stats import t  # noqa: PLC0415  # slow to import

    there, trial, seen = fit.case.there, fit.case.trial, fit.case.seen
    whole, n_g = np.concatenate([fit.gains, fit.theta]), len(fit.gains)
    steps = np.concatenate([np.maximum(np.abs(fit.gains), 1e-6) * 1e-4, _scales(fit.forms, trial.period) * 1e-3])

    def left(numbers: Floats) -> Floats:
        theta = numbers[n_g:]
        off = seen - _table(fit.case, fit.names, fit.forms, theta) @ numbers[:n_g]
        return np.asarray(fit.case.whitened(off, theta[-2:])[there], dtype=np.float64)

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
