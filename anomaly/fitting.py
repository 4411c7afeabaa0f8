"""Fits a model to normal operation: every number in it is known by residuals that were not used to predict them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from anomaly.artefact import Matrix, Model, Settings, Tail, Vector
from anomaly.bank import Averages, Bank, Standard, classical
from anomaly.channels import CHANNELS, Channels, Plane, plane
from anomaly.predictor import Fit, lagged, ridge
from plant_io.signals import Floats

_COMMON, _RARE = 0.99, 0.999
_TAIL, _DEVIATE = 0.0005, 3.2905
"""Share of a normal distribution above a deviate, and that deviate, in standard deviations [1]."""
_LEAST = 4
"""Samples there must be for each part of the training data, over the lags [1]."""


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
    """Return a model of normal operation, limited so that one training sample in a thousand is above.

    Parameters
    ----------
    runs
        Stretches of normal operation without gaps, each of shape ``(samples, tags + inputs)``, in the units of the
        tags; rows in which a value is NaN are neither predicted nor predicted from.
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
    scaled = scaling(np.vstack(runs), how.reach, training.least)
    z = [_standard(run, scaled, how.reach) for run in runs]
    n = len(training.tags)
    fitted, left = _crossed(z, n, how)
    live, noise = scaled.scale[:n] > 0.0, _noise(np.vstack(left), scaled.step[:n], how)
    e = [np.clip(np.where(live, one / noise, 0.0), -how.reach, how.reach) for one in left]
    banked = [_followed(one, training.tags, how) for one in e]
    standard = _spread(banked, live, how)
    axes = plane(_whole(np.vstack(e)), how.shrink, how.explained)
    reached = _reached(banked, axes, standard, how)
    usual = np.quantile(reached, _COMMON, axis=0)
    model = Model(
        tags=training.tags,
        inputs=training.inputs,
        settings=how,
        period_s=training.period_s,
        trained=training.trained,
        samples=sum(map(len, runs)),
        seed=training.seed,
        centre=_vector(scaled.centre),
        scale=_vector(scaled.scale),
        low=_vector(np.nanmin(np.vstack(runs), axis=0)),
        high=_vector(np.nanmax(np.vstack(runs), axis=0)),
        weights=_matrix(fitted.weights),
        doubt=_matrix(fitted.doubt),
        noise=_vector(noise),
        bank=_matrix(standard.means),
        spread=_vector(standard.squares),
        axes=_matrix(axes.axes),
        powers=_vector(axes.powers),
        kept=axes.kept,
        usual=_vector(np.maximum(usual, 1e-6)),
        tail=Tail(scores=(0.0,), beyond=(1.0,), scale=1.0),
        limit=1.0,
    )
    return _limited(model, reached / np.maximum(usual, 1e-6))


def _limited(model: Model, distances: Floats) -> Model:
    scores = distances[:, counted(model.settings)].max(axis=1)
    return model.limited(float(np.quantile(scores, _RARE)), tail(scores))


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


def counted(settings: Settings) -> list[int]:
    """Return the positions of the distances that count for the score [1]."""
    rates = len(settings.rates)
    places = [c * rates + r for c, name in enumerate(CHANNELS[:-1]) if name in settings.channels for r in range(rates)]
    return [*places, *([4 * rates] if "spread" in settings.channels else [])]


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
    if samples < _LEAST * how.folds:
        raise ValueError(f"training data: {samples} samples after the lags, expected {_LEAST * how.folds} or more")


def _step(column: Floats) -> float:
    values = np.unique(column[np.isfinite(column)])
    return float(np.diff(values).min()) if len(values) > 1 else 0.0


def _standard(run: Floats, scaled: Scaled, reach: float) -> Floats:
    z = np.divide(run - scaled.centre, scaled.scale, out=np.zeros_like(run), where=scaled.scale > 0.0)
    return np.clip(z, -reach, reach)


def _crossed(z: list[Floats], n: int, how: Settings) -> tuple[Fit, list[Floats]]:
    """Return the fit to all samples, and residuals of fits to all but the part that a sample is in."""
    lags = [lagged(one, how.lags) for one in z]
    targets = [one[how.lags :, :n] for one in z]
    x, y = np.vstack(lags), np.vstack(targets)
    whole = np.isfinite(x).all(axis=1) & np.isfinite(y).all(axis=1)
    left, edges = np.full_like(y, np.nan), np.linspace(0, len(x), how.folds + 1).astype(int)
    for first, last in pairwise(edges):
        others = whole & ((np.arange(len(x)) < first) | (np.arange(len(x)) >= last))
        left[first:last] = y[first:last] - x[first:last] @ _fitted(x[others], y[others], n, how).weights
    cuts = np.cumsum([len(one) for one in targets])[:-1]
    return _fitted(x[whole], y[whole], n, how), np.split(left, cuts)


def _fitted(lags: Floats, targets: Floats, n: int, how: Settings) -> Fit:
    """Return the weights on the lags that may be used; on the others they are 0 and known to be."""
    columns = (lags.shape[1] - 1) // how.lags
    own = (np.arange(lags.shape[1] - 1) % columns < n) & (how.memory == "inputs")
    used = np.flatnonzero(np.concatenate([[True], ~own]))
    found = ridge(lags[:, used], targets, how.ridge)
    weights, doubt = np.zeros((lags.shape[1], n)), np.zeros((lags.shape[1],) * 2)
    weights[used], doubt[np.ix_(used, used)] = found
    return Fit(weights, doubt)


def _followed(residuals: Floats, tags: tuple[str, ...], how: Settings) -> list[Averages]:
    bank, out = Bank(tags, np.array(how.rates), how.spread_rate), list[Averages]()
    for one in residuals:
        bank.learn_array(one)
        out.append(bank.averages)
    return out


def _spread(banked: list[list[Averages]], live: NDArray[np.bool_], how: Settings) -> Standard:
    """Return the standard deviations of averages, no less than those of independent residuals or than tails ask for."""
    means = np.concatenate([one.means for run in banked for one in run])
    squares = np.concatenate([one.squares for run in banked for one in run])
    least = classical(np.array(how.rates), how.spread_rate, len(live))
    return Standard(
        np.where(live, np.maximum(_wide(means), least.means), 0.0),
        np.where(live, np.maximum(_wide(squares - 1.0), least.squares), 0.0),
    )


def _wide(averages: Floats) -> Floats:
    """Return the standard deviation of each, or that of a normal one with as large a tail where that is larger."""
    tails = np.quantile(np.abs(averages), 1.0 - 2.0 * _TAIL, axis=0) / _DEVIATE
    return np.asarray(np.maximum(np.sqrt((averages**2).mean(axis=0)), tails))


def _reached(banked: list[list[Averages]], axes: Plane, standard: Standard, how: Settings) -> Floats:
    bank = Bank(("",) * len(standard.squares), np.array(how.rates), how.spread_rate, standard)
    channels = Channels(axes, len(how.rates))
    return np.concatenate([channels.distances(bank.standardised(one)) for run in banked for one in run])


def _noise(left: Floats, steps: Floats, how: Settings) -> Floats:
    least = np.maximum(how.least_noise, steps / np.sqrt(12.0))
    return np.asarray(np.maximum(np.sqrt(np.nanmean(left**2, axis=0)), least))


def _whole(rows: Floats) -> Floats:
    return np.asarray(rows[np.isfinite(rows).all(axis=1)])


def _vector(values: Floats) -> Vector:
    return tuple(float(one) for one in values)


def _matrix(values: Floats) -> Matrix:
    return tuple(_vector(row) for row in values)
