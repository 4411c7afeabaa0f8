"""Fits a model to normal operation: every number in it is known by residuals that were not used to predict them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from anomaly import evt
from anomaly.artefact import Matrix, Model, Settings, Tail, Vector
from anomaly.bank import Bank, classical
from anomaly.channels import Channels, Plane, counted, plane
from anomaly.predictor import Fit, Predictor
from plant_io.signals import Floats

_COMMON, _DAY_S = 0.99, 86_400.0
_TAIL, _DEVIATE = 0.0005, 3.2905
"""Share of a normal distribution above a deviate, and that deviate, in standard deviations [1]."""
_LEAST = 20
"""Samples there must be over the lags [1]."""
_HEARD = 0.5
"""Share of the values of a sample that must be there for it to teach anything [1]."""
_NEVER = 10**12
"""Horizon of what forgets nothing, samples [1]."""


class Training(NamedTuple):
    """What a model is fitted to."""

    tags: tuple[str, ...]
    """Tags watched: the first columns of the data."""
    inputs: tuple[str, ...] = ()
    """Tags that help to predict: the other columns."""
    period_s: float = 1.0
    """Time from one sample to the next [s]."""
    trained: tuple[float, float] = (0.0, 0.0)
    """First and last time, POSIX time [s]; zeros where unknown."""
    seed: int = 1
    """Seed of members that need one [1]."""
    least: tuple[float, ...] = ()
    """Least standard deviation that is meant of each column, in its unit; none where left out. A tag that stood still
    in training is watched only where there is one."""


class Scaled(NamedTuple):
    """Where the columns of the training data lie."""

    centre: Floats
    """Mean of each column, in its unit."""
    scale: Floats
    """Standard deviation of each column, in its unit; 0 where it stands still."""
    step: Floats
    """Smallest step of each column, in its standard deviations [1]."""


def fit(runs: Sequence[Floats], training: Training, settings: Settings | None = None) -> Model:
    """Return a model of normal operation, limited by the budget of its settings.

    Parameters
    ----------
    runs
        Stretches of normal operation without gaps, each of shape ``(samples, tags + inputs)``, in the units of the
        tags, NaN where a value is missing.
    training
        Names and times.
    settings
        How the monitor works; the usual way where it is left out.

    Raises
    ------
    ValueError
        If there are fewer samples than can be fitted, or not as many columns as names.
    """
    how = settings or Settings()
    _check(runs, training, how)
    runs = _tidy(runs)
    scaled = scaling(np.vstack(runs), how.reach, training.least)
    z = [_standard(run, scaled, how.reach) for run in runs]
    n = len(training.tags)
    fitted, left = _forward(z, training.tags + training.inputs, n, how)
    live, noise = scaled.scale[:n] > 0.0, _noise(np.vstack(left), scaled.step[:n], how)
    e = [np.clip(np.where(live, one / noise, 0.0), -how.reach, how.reach) for one in left]
    banked = np.concatenate([_followed(one, training.tags, how) for one in e])
    if len(banked) < _LEAST or not live.any():
        moved = f"{len(banked)} samples and {int(live.sum())} tags"
        raise ValueError(
            f"training data: {moved} could be judged, expected {_LEAST} or more and at least one that moves"
        )
    standard = _spread(banked, live, how)
    axes = plane(_known(e), how.shrink, how.explained)
    reached = _reached(banked, axes, standard, how)
    usual = np.quantile(reached, _COMMON, axis=0)
    model = Model(
        **_origin(runs, training),
        settings=how,
        centre=_vector(scaled.centre),
        scale=_vector(scaled.scale),
        weights=_matrix(fitted.weights),
        doubt=_matrix(fitted.doubt),
        noise=_vector(noise),
        bank=_matrix(standard),
        axes=_matrix(axes.axes),
        powers=_vector(axes.powers),
        kept=axes.kept,
        usual=_vector(np.maximum(usual, 1e-6)),
        tail=Tail(scores=(0.0,), beyond=(1.0,), scale=1.0),
        limit=1.0,
    )
    return _limited(model, reached / np.maximum(usual, 1e-6))


class _Origin(TypedDict):
    tags: tuple[str, ...]
    inputs: tuple[str, ...]
    period_s: float
    trained: tuple[float, float]
    samples: int
    seed: int
    low: Vector
    high: Vector


def _origin(runs: Sequence[Floats], training: Training) -> _Origin:
    return _Origin(
        tags=training.tags,
        inputs=training.inputs,
        period_s=training.period_s,
        trained=training.trained,
        samples=sum(map(len, runs)),
        seed=training.seed,
        low=_vector(np.nanmin(np.vstack(runs), axis=0)),
        high=_vector(np.nanmax(np.vstack(runs), axis=0)),
    )


def _limited(model: Model, distances: Floats) -> Model:
    scores = distances[:, counted(model.settings.channels, len(model.settings.rates))].max(axis=1)
    return limited(model, scores)


def limited(model: Model, scores: Floats) -> Model:
    """Return the model with the limit that keeps its budget on scores of normal operation.

    Where there are too few episodes for a tail of peaks, the tail of all scores is taken.

    Parameters
    ----------
    model
        Model that gave the scores.
    scores
        Scores in the order of time, shape ``(samples,)`` [1]; NaN where there was none.
    """
    how, known = model.settings, tail(scores[np.isfinite(scores)])
    rate = how.false_alarms_per_day / _DAY_S
    try:
        found = evt.limit(scores, rate, evt.Episodes(model.period_s, merge_s=0.0, clear=how.off)).value
    except ValueError:
        found = known.score(rate * model.period_s)
    return model.limited(found, known)


def scaling(data: Floats, reach: float, least: Sequence[float] = ()) -> Scaled:
    """Return where the columns lie, taking no value for farther away than `reach`.

    Parameters
    ----------
    data
        Samples, shape ``(samples, columns)``, in their units, NaN where one is missing.
    reach
        Distance at which a value ends, in standard deviations [1].
    least
        Least standard deviation of each column, in its unit; none where left out.
    """
    centre, scale = np.nanmean(data, axis=0), np.nanstd(data, axis=0)
    still = scale <= 1e-9 * np.maximum(np.abs(centre), 1e-300)
    inside = np.clip(data, centre - reach * scale, centre + reach * scale)
    centre, scale = np.nanmean(inside, axis=0), np.where(still, 0.0, np.nanstd(inside, axis=0))
    scale = np.maximum(scale, least) if least else scale
    steps = np.array([_step(column) for column in data.T])
    return Scaled(centre, scale, np.divide(steps, scale, out=np.zeros_like(scale), where=scale > 0.0))


def tail(scores: Floats) -> Tail:
    """Return how likely scores are: their own shares, and beyond them an exponential fall.

    The scale is the mean excess over the score that one sample in twenty exceeds.

    Parameters
    ----------
    scores
        Scores of normal samples [1].
    """
    shares = np.array([1.0, 0.9, 0.75, 0.5, 0.25, 0.1, 0.05, 0.02, 0.01])
    at = np.quantile(scores, 1.0 - shares)
    excess = scores[scores > at[6]] - at[6]
    return Tail(
        scores=_vector(at), beyond=_vector(shares), scale=max(float(excess.mean()) if len(excess) else 0.0, 1e-6)
    )


def _check(runs: Sequence[Floats], training: Training, how: Settings) -> None:
    columns = len(training.tags) + len(training.inputs)
    if not runs or any(run.ndim != 2 or run.shape[1] != columns for run in runs):  # noqa: PLR2004
        raise ValueError(f"training data: expected {columns} columns, one for each tag and input, in every run")
    samples = sum(max(len(run) - how.lags, 0) for run in runs)
    if samples < _LEAST:
        raise ValueError(f"training data: {samples} samples after the lags, expected {_LEAST} or more")


def _tidy(runs: Sequence[Floats]) -> list[Floats]:
    """Return the runs with NaN for all that is not finite, and 0 throughout in columns without any value."""
    tidy = [np.where(np.isfinite(run), run, np.nan) for run in runs]
    never = np.isnan(np.vstack(tidy)).all(axis=0)
    return [np.where(never, 0.0, run) for run in tidy]


def _step(column: Floats) -> float:
    values = np.unique(column[np.isfinite(column)])
    return float(np.diff(values).min()) if len(values) > 1 else 0.0


def _standard(run: Floats, scaled: Scaled, reach: float) -> Floats:
    z = np.divide(run - scaled.centre, scaled.scale, out=np.zeros_like(run), where=scaled.scale > 0.0)
    return np.clip(z, -reach, reach)


def _forward(z: list[Floats], names: tuple[str, ...], n: int, how: Settings) -> tuple[Fit, list[Floats]]:
    """Return the fit to all samples, and what the fit to those before it leaves of each sample but the first ones."""
    own = (np.arange(how.lags * len(names)) % len(names) < n) & (how.memory == "inputs")
    believed = np.diag(np.where(np.concatenate([[False], own]), 0.0, 1.0 / how.ridge))
    predictor = Predictor(names, Fit(np.zeros((len(believed), n)), believed), horizon=_NEVER)
    burnt = how.burn * sum(map(len, z))
    starts = np.cumsum([0, *map(len, z)])[:-1]
    left = [_run_forward(run, predictor, how.lags, burnt - start) for run, start in zip(z, starts, strict=True)]
    return predictor.fit(), left


def _run_forward(run: Floats, predictor: Predictor, lags: int, burnt: float) -> Floats:
    there = np.isfinite(run)
    heard = there.mean(axis=1) >= _HEARD
    left = np.full((max(len(run) - lags, 0), predictor.tags), np.nan)
    predictor.lay(np.nan_to_num(run[:lags]))
    for k in range(lags, len(run)):
        values = run[k] if there[k].all() else np.where(there[k], run[k], predictor.expected(-1))
        if heard[k - lags : k + 1].all():
            error = predictor.residuals(values)
            predictor.learn(error)
            if k >= burnt:
                left[k - lags] = np.where(there[k, : predictor.tags], error, np.nan)
        predictor.push(values)
    return left


def _followed(residuals: Floats, tags: tuple[str, ...], how: Settings) -> Floats:
    bank, out = Bank(tags, np.array(how.rates), how.spread_rate), list[Floats]()
    for one in residuals[np.isfinite(residuals).any(axis=1)]:
        bank.learn_array(one)
        out.append(bank.averages)
    return np.concatenate(out) if out else np.empty((0, len(how.rates) + 1, len(tags)))


def _spread(banked: Floats, live: NDArray[np.bool_], how: Settings) -> Floats:
    """Return the standard deviations of averages, no less than those of independent residuals or than tails ask for."""
    least = classical(np.array(how.rates), how.spread_rate, len(live))
    return np.where(live, np.maximum(_wide(banked), least), 0.0)


def _wide(averages: Floats) -> Floats:
    """Return the standard deviation of each, or that of a normal one with as large a tail where that is larger."""
    tails = np.quantile(np.abs(averages), 1.0 - 2.0 * _TAIL, axis=0) / _DEVIATE
    return np.asarray(np.maximum(np.sqrt((averages**2).mean(axis=0)), tails))


def _reached(banked: Floats, axes: Plane, standard: Floats, how: Settings) -> Floats:
    bank = Bank(("",) * standard.shape[1], np.array(how.rates), how.spread_rate, standard)
    return Channels(axes, len(how.rates)).distances(bank.standardised(banked))


def _noise(left: Floats, steps: Floats, how: Settings) -> Floats:
    known = np.isfinite(left)
    mean = np.where(known, left, 0.0) ** 2
    noise = np.sqrt(mean.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return np.asarray(np.maximum(noise, np.maximum(how.least_noise, steps / np.sqrt(12.0))))


def _known(residuals: list[Floats]) -> Floats:
    rows = np.vstack(residuals)
    return np.nan_to_num(rows[np.isfinite(rows).any(axis=1)])


def _vector(values: Floats) -> Vector:
    return tuple(float(one) for one in values)


def _matrix(values: Floats) -> Matrix:
    return tuple(_vector(row) for row in values)
