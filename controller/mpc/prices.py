"""What the limits a plan runs into cost it: multipliers, from either solver, in the same words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from controller.mpc.objective import Objective
from controller.plan import Binding, Limit
from plant_io.flags import some
from plant_io.signals import Floats

_LEAST = 1e-3
"""Price from which a limit is said to bind, in squared scales per scale [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """What one more unit of room would save, above zero at upper limits and below zero at lower ones."""

    inputs: Floats
    """Of the limits of inputs in each sample, shape ``(n, n_u)``, one over the units of the model."""
    moves: Floats
    """Of the largest moves into each sample, shape ``(n, n_u)``, one over the units of the model."""
    soft: Floats
    """Of lowest and highest acceptable output in turn, at the start of each sample, shape ``(n, 2 n_y)`` [1]."""

    @classmethod
    def none(cls, n: int, n_u: int, n_g: int) -> Prices:
        """Return no prices for `n` samples of `n_u` inputs and `n_g` soft rows."""
        return cls(np.zeros((n, n_u)), np.zeros((n, n_u)), np.zeros((n, n_g)))


def bindings(prices: Prices, aim: Objective, inputs: Sequence[str], outputs: Sequence[str]) -> tuple[Binding, ...]:
    """Return the limits that bind, by variable and in the order of time.

    Parameters
    ----------
    prices
        What they cost.
    aim
        Gives the scales.
    inputs, outputs
        Names of inputs and of controlled variables, in their order.
    """
    found = list[Binding]()
    for i, name in enumerate(inputs):
        for paid, low, high in (
            (prices.inputs, Limit.INPUT_LOW, Limit.INPUT_HIGH),
            (prices.moves, Limit.MOVE_DOWN, Limit.MOVE_UP),
        ):
            scaled = paid[:, i] * aim.u_scale[i]
            found += [*runs(name, low, -scaled), *runs(name, high, scaled)]
    for i, name in enumerate(outputs):
        found += [
            *runs(name, Limit.OUTPUT_LOW, prices.soft[:, 2 * i]),
            *runs(name, Limit.OUTPUT_HIGH, prices.soft[:, 2 * i + 1]),
        ]
    return tuple(found)


def runs(name: str, limit: Limit, paid: Floats) -> Iterator[Binding]:
    """Give every run of samples in which a limit binds; `paid` is its price in each, shape ``(n,)`` [1]."""
    if not some(paid > _LEAST):
        return
    binds = np.concatenate([[False], paid > _LEAST, [False]])
    edges = np.flatnonzero(binds[1:] != binds[:-1]).tolist()
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        yield Binding(name, limit, first, end - 1, float(paid[first:end].sum()))
