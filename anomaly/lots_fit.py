"""How large the effects of lots, products and covariates are, fitted to batches whose results are known.

The logarithm of every standard deviation and of every fading is sought that makes the results likeliest, each result
given those before it, with its interval where it is censored or rounded. A guess holds them back: a factor of e away
from it costs half a unit of the log likelihood.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import sqrt
from typing import Protocol, cast

import numpy as np

from anomaly.lots import Batch, LotModel, covariance, interval, likelihood, taught
from plant_io.signals import Floats
from policies.sentences import counted


class _Found(Protocol):
    x: Floats


def fitted(guess: LotModel, batches: Sequence[Batch], values: Sequence[float], tries: int = 900) -> LotModel:
    """Return the model with standard deviations and fadings that fit the results of batches.

    Parameters
    ----------
    guess
        Parts, and about how large they are.
    batches
        Batches in the order of their results.
    values
        Their results, in the unit of the result.
    tries
        Models tried at most [1].

    Raises
    ------
    ValueError
        If there are fewer than ten batches.
    """
    from scipy.optimize import minimize  # noqa: PLC0415  # takes a while to import

    if len(batches) < _FEWEST:
        raise ValueError(
            f"found {counted(len(batches), 'batch')} to fit effects of lots to, expected {_FEWEST} or more"
        )
    begin = _numbers(guess)
    units = [_unit(guess, i, batches) for i in range(len(guess.parts))]
    places = np.array([batch.place for batch in batches])
    apart = np.abs(places[:, None] - places[None, :])

    def cost(numbers: Floats) -> float:
        model = _changed(guess, numbers)
        whole = np.eye(len(batches)) * model.noise**2
        for part, unit in zip(model.parts, units, strict=True):
            one = part.sd**2 * unit
            whole += one if part.fades is None else one * np.exp(-apart / part.fades)
        return _unlikely(model, whole, values) + 0.5 * float(((numbers - begin) ** 2).sum())

    seek = cast("Callable[..., _Found]", minimize)
    options = {"maxfun": tries, "eps": 1e-3, "ftol": 1e-4}
    return _changed(guess, seek(cost, begin, method="L-BFGS-B", options=options).x)


_FEWEST = 10


def _unit(model: LotModel, place: int, batches: Sequence[Batch]) -> Floats:
    alone = model.parts[place].model_copy(update={"sd": 1.0, "fades": None})
    one = model.model_copy(update={"parts": (alone,), "noise": 1.0})
    return covariance(one, batches) - np.eye(len(batches))


def _unlikely(model: LotModel, whole: Floats, values: Sequence[float]) -> float:
    """Return minus the log likelihood of results, each given those before it [1]; `whole` is used up."""
    means, total, begin = np.zeros(len(values)), 0.0, min(_TAUGHT, len(values) // 4)
    for i, value in enumerate(values):
        mean, sd = float(means[i]), sqrt(max(float(whole[i, i]), _TINY))
        low, high = interval(value, model)
        ends = (low - mean) / sd, (high - mean) / sd
        if i >= begin:
            total -= likelihood(*ends)
        share, white = taught(*ends, model)
        rest = whole[i + 1 :, i] * (share / sd)
        means[i + 1 :] += rest * white
        whole[i + 1 :, i + 1 :] -= rest[:, None] * rest
    return total


_TINY = 1e-12
_TAUGHT = 30


def _numbers(model: LotModel) -> Floats:
    fades = [part.fades for part in model.parts if part.fades is not None]
    return np.log([*(part.sd for part in model.parts), *fades, model.noise])


def _changed(model: LotModel, numbers: Floats) -> LotModel:
    found: list[float] = np.exp(numbers).tolist()
    sds, noise = found[: len(model.parts)], found[-1]
    fades = iter(found[len(model.parts) : -1])
    parts = tuple(
        part.model_copy(update={"sd": sd} | ({} if part.fades is None else {"fades": next(fades)}))
        for part, sd in zip(model.parts, sds, strict=True)
    )
    return model.model_copy(update={"parts": parts, "noise": noise})
