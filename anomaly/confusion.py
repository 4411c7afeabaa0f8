"""Whether the entries of a library can be found and told apart, by simulation before any of them is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from numpy.random import Generator

from anomaly.trending import BOTH, UNKNOWN, TrendKit, read
from plant_io.signals import Floats
from policies.library import Exponential, Ramp, Shape

TWO = "two at once"
"""Where a trend was taken for two."""

NONE = "nothing"
"""Where a trend was not told."""

FOREIGN = "unknown"
"""Where a trend was told that no entry explains."""

_WEEK_S = 604_800.0
_REACHED, _TAKEN_FOR = 0.8, 0.1
_FOUND = 2.0


@dataclass(frozen=True, slots=True)
class Told:
    """What simulated trends of one entry were told as."""

    size: float
    """Smallest size that was simulated, in moves of the signature [1]."""
    given: bool
    """Whether the library says that size, or it is the smallest that can be seen."""
    shares: Mapping[str, float]
    """Share of the trends told as each entry, or otherwise [1]."""

    @property
    def found(self) -> float:
        """Share of the trends that were told at all [1]."""
        return 1.0 - self.shares.get(NONE, 0.0)


@dataclass(frozen=True, slots=True)
class Confusion:
    """What is to be expected of a library."""

    rows: Mapping[str, Told]
    """What trends of each entry are told as."""
    false_per_week: float
    """How often something is told while nothing is wrong [1/week]."""
    points: int
    """Points of normal operation simulated [1]."""
    trials: int
    """Trends simulated of each entry [1]."""
    seed: int
    """Seed of the simulation [1]."""

    def objections(self) -> dict[str, list[str]]:
        """Return what is wrong with entries, by entry, in sentences."""
        found: dict[str, list[str]] = {}
        for key, row in self.rows.items():
            said = found.setdefault(key, [])
            if row.found < _REACHED:
                said.append(
                    f"only {100.0 * row.found:.0f} % of trends of {row.size:.3g} to {2.0 * row.size:.3g} are told"
                )
            others = ((name, share) for name, share in row.shares.items() if name in self.rows and name != key)
            said += [
                f"{100.0 * share:.0f} % are told as {name}; they cannot be told apart"
                for name, share in others
                if share > _TAKEN_FOR
            ]
        return {key: said for key, said in found.items() if said}


def simulated(kit: TrendKit, trials: int, points: int, seed: int, went: Callable[[int], None]) -> Confusion:
    """Return what is to be expected of a library, by simulation.

    Trends begin in the first half of the window with any direction and any course that the entry allows, once to twice
    its least size, in noise as the policy says it is; they are read at the end of the window.

    Parameters
    ----------
    kit
        The library.
    trials
        Trends of each entry [1].
    points
        Points of normal operation [1].
    seed
        Seed of the simulation [1].
    went
        Told of every trend and of every point that is done, with their number.
    """
    rows = {key: _told(kit, key, trials, np.random.default_rng((seed, i))) for i, key in _went(kit, trials, went)}
    false = _false(kit, points, np.random.default_rng((seed, len(kit.entries))), went)
    weeks = points * kit.declared.every_s / _WEEK_S
    return Confusion(rows, false / weeks, points, trials, seed)


def _went(kit: TrendKit, trials: int, went: Callable[[int], None]) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    for i, key in enumerate(kit.entries):
        went(i * trials)
        found.append((i, key))
    return found


def noise(rng: Generator, memory: Floats, points: int) -> Floats:
    """Return noise of normal operation, shape ``(n_points, n_channels)``, in the sd of each channel [1].

    Parameters
    ----------
    rng
        Where it comes from.
    memory
        Correlation of one point with the next, shape ``(n_channels,)`` [1].
    points
        Number of points [1].
    """
    new = rng.standard_normal((points, len(memory)))
    share = np.sqrt(1.0 - memory**2)
    for k in range(1, points):
        new[k] = memory * new[k - 1] + share * new[k]
    return new


def course(shape: Shape, ages: Floats, every_s: float) -> Floats:
    """Return how far a trend has come at some ages, 0 before its onset and 1 at the end, shape as `ages` [1].

    Parameters
    ----------
    shape
        Shape of the trend.
    ages
        Points since the onset [1].
    every_s
        Time between two points [s].
    """
    grown = np.maximum(ages, 0.0)
    if isinstance(shape, Exponential):
        return np.array([1.0 - exp(-age * every_s / shape.tau_s) for age in grown.tolist()])
    if isinstance(shape, Ramp):
        return np.asarray(grown / max(float(grown[-1]), 1.0))
    return np.asarray(np.minimum(grown, 1.0))


def _told(kit: TrendKit, key: str, trials: int, rng: Generator) -> Told:
    entry, i = kit.entries[key], tuple(kit.entries).index(key)
    size = entry.least or _visible(kit, i)
    counts: dict[str, int] = {}
    for _ in range(trials):
        seen = read(_window(kit, i, size * rng.uniform(1.0, 2.0), rng), kit).name
        name = NONE if seen is None else FOREIGN if seen == UNKNOWN else TWO if BOTH in seen else seen
        counts[name] = counts.get(name, 0) + 1
    return Told(size, entry.least is not None, {name: n / trials for name, n in counts.items()})


def _window(kit: TrendKit, place: int, size: float, rng: Generator) -> Floats:
    points = kit.declared.window
    onset = int(rng.integers(points // 4, points // 2))
    shapes = [shape for shape, may in zip(kit.courses.shapes, kit.signatures.courses[place], strict=True) if may]
    shape = shapes[int(rng.integers(len(shapes)))]
    low, high = kit.signatures.low[place], kit.signatures.high[place]
    moves: Floats = low + (high - low) * rng.random(len(low))
    grown = course(shape, np.arange(1.0 - onset, points - onset + 1.0), kit.declared.every_s)
    window: Floats = noise(rng, kit.memory, points) + size * grown[:, None] * moves
    return window * kit.sd + kit.centre


def _visible(kit: TrendKit, place: int) -> float:
    """Return the size at which the middle of a signature is worth twice the limit as a ramp over half the window."""
    middle = 0.5 * (kit.signatures.low[place] + kit.signatures.high[place])
    points = kit.declared.window
    ramp = course(Ramp(kind="ramp"), np.arange(1.0 - points // 2, points - points // 2 + 1.0), kit.declared.every_s)
    white = (ramp[1:, None] - kit.memory * ramp[:-1, None]) / np.sqrt(1.0 - kit.memory**2)
    worth = 0.5 * float(((white**2).sum(axis=0) * middle**2).sum())
    return sqrt(_FOUND * kit.declared.limit / worth)


def _false(kit: TrendKit, points: int, rng: Generator, went: Callable[[int], None]) -> int:
    rows = noise(rng, kit.memory, points + kit.declared.window) * kit.sd + kit.centre
    said: str | None = None
    episodes, before = 0, len(kit.entries)
    for k in range(points):
        now = read(rows[k : k + kit.declared.window], kit, said).name
        episodes += now is not None and said is None
        said = now
        if k % _EVERY == 0:
            went(before + k)
    return episodes


_EVERY = 200
