"""Simulated results of a chromatograph with trends in them, and the charts that a matcher is held against."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from anomaly.confusion import noise
from anomaly.trending import TrendKit, prepare
from plant_io.signals import Floats
from policies import Channel, Trend
from policies.library import Entry, Governance, Library, Meaning, Ramp, Step
from policies.library import Exponential as Exp

CHANNELS, ENTRIES, WINDOW = 16, 8, 60
EVERY_S = 360.0
MEMORY = np.linspace(0.2, 0.7, CHANNELS)
JITTER, TOLERANCE = 0.2, 0.35

Score = Callable[[Floats], Floats]
"""Gives one score for each point of a run, shape ``(n_points,)``."""


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A library and what is like it, or not."""

    kit: TrendKit
    """The library."""
    directions: Floats
    """Middle of each signature, shape ``(n_entries, n_channels)``, its largest move 1 [sd]."""


def world(seed: int, entries: int = ENTRIES) -> World:
    """Return a library of random signatures, each of three to six of the channels."""
    rng = np.random.default_rng((seed, 1))
    found: list[Floats] = []
    while len(found) < entries:
        new = direction(rng)
        if all(likeness(new, old) < 0.7 for old in found):
            found.append(new)
    return World(_kit(found), np.array(found))


def direction(rng: Generator) -> Floats:
    """Return a random direction of three to six of the channels, its largest move 1 [sd]."""
    new = np.zeros(CHANNELS)
    places = rng.choice(CHANNELS, size=int(rng.integers(3, 7)), replace=False)
    new[places] = rng.uniform(0.3, 1.0, len(places)) * rng.choice([-1.0, 1.0], len(places))
    return np.asarray(new / np.abs(new).max())


def likeness(a: Floats, b: Floats) -> float:
    """Return the cosine between two directions [1]."""
    return float(a @ b / sqrt(float(a @ a) * float(b @ b)))


def stranger(rng: Generator, known: Floats, most: float) -> Floats:
    """Return a random direction that is like none that is known."""
    while True:
        new = direction(rng)
        if all(likeness(new, old) < most for old in known):
            return new


def _kit(directions: Sequence[Floats]) -> TrendKit:
    tags = [f"P.C{k}" for k in range(CHANNELS)]
    shapes = (Step(kind="step"), Ramp(kind="ramp"), Exp.model_construct(kind="exponential", tau_s=7200.0, to_s=None))
    entries = {f"e{i}": _entry(one, tags, shapes) for i, one in enumerate(directions)}
    library = Library.model_construct(library=1, line="X", revision="1", product=None, normal=None, entries=entries)
    channels = {tag: Channel(mean=0.0, sd=1.0, memory=float(m)) for tag, m in zip(tags, MEMORY, strict=True)}
    declared = Trend.model_construct(
        kind="trend", response="", library="x.library.yaml", channels=channels, every_s=EVERY_S, window=WINDOW
    )
    return prepare("x", declared, library, dict.fromkeys(tags, "%"))


def _entry(one: Floats, tags: Sequence[str], shapes: tuple[Step | Ramp | Exp, ...]) -> Entry:
    low, high = one - TOLERANCE * np.abs(one), one + TOLERANCE * np.abs(one)
    signature = {tag: (float(a), float(b)) for tag, a, b, d in zip(tags, low, high, one, strict=True) if d != 0.0}
    return Entry.model_construct(
        name="", kind="process", identity=None, expectation=None, limits=None, signature=signature, shapes=shapes,
        least=None, order=(), excluded=(), meaning=Meaning(causes=("",), confirm=""), severity="high", routing="qa",
        governance=Governance(status="draft", author="", version="1"),
    )  # fmt: skip


def jittered(rng: Generator, one: Floats) -> Floats:
    """Return a direction as it turns out, each move off by a fifth, some beyond what the signature allows."""
    return np.asarray(one * (1.0 + JITTER * rng.standard_normal(len(one))))


FAMILY = ("step", "ramp", "exponential")
FOREIGN = ("root", "bump", "spikes")


def grown(shape: str, rng: Generator, ages: Floats) -> Floats:
    """Return how far a trend has come at some ages, shape as `ages` [1].

    Parameters
    ----------
    shape
        One of the family of the library, or foreign to it.
    rng
        Where its time scale comes from.
    ages
        Points since the onset [1].
    """
    t, scale = np.maximum(ages, 0.0), rng.uniform(15.0, 40.0)
    match shape:
        case "step":
            return np.asarray((ages > 0.0).astype(float))
        case "ramp":
            return np.asarray(np.minimum(t / scale, 2.0))
        case "exponential":
            return np.asarray(1.0 - np.exp(-t / (0.5 * scale)))
        case "root":
            return np.asarray(np.sqrt(np.minimum(t / scale, 4.0)))
        case "bump":
            return np.asarray(np.sin(np.pi * np.minimum(t / (2.0 * scale), 1.0)))
        case _:
            return np.asarray(((ages > 0.0) & (rng.random(len(ages)) < 0.4)).astype(float))


def run(rng: Generator, points: int, trends: Sequence[tuple[Floats, str, int]]) -> Floats:
    """Return a run with trends in it: direction, shape and onset of each, shape ``(n_points, n_channels)`` [sd].

    Parameters
    ----------
    rng
        Where noise and time scales come from.
    points
        Length of the run [1].
    trends
        Moves [sd], shape and point of the onset of each.
    """
    found: Floats = noise(rng, MEMORY, points)
    for moves, shape, onset in trends:
        found += grown(shape, rng, np.arange(1.0 - onset, points - onset + 1.0))[:, None] * moves
    return found


def ewma(weight: float) -> Score:
    """Return the largest EWMA of one channel, in its standard deviations."""
    return lambda rows: np.asarray(np.abs(_averaged(rows, weight)).max(axis=1))


def mewma(weight: float, *, white: bool) -> Score:
    """Return the squared length of the EWMA of all channels, of raw or of whitened points."""
    return lambda rows: np.asarray((_averaged(whitened(rows) if white else rows, weight) ** 2).sum(axis=1))


def cusum(slack: float) -> Score:
    """Return the largest two-sided CUSUM of one channel."""

    def score(rows: Floats) -> Floats:
        up, down, found = np.zeros(rows.shape[1]), np.zeros(rows.shape[1]), np.zeros(len(rows))
        for k, row in enumerate(rows):
            up, down = np.maximum(up + row - slack, 0.0), np.maximum(down - row - slack, 0.0)
            found[k] = max(up.max(), down.max())
        return found

    return score


def slope(points: int) -> Score:
    """Return the largest slope of one channel over the newest points."""
    x = np.arange(points) - 0.5 * (points - 1)

    def score(rows: Floats) -> Floats:
        found = np.zeros(len(rows))
        for k in range(points, len(rows) + 1):
            found[k - 1] = np.abs(x @ rows[k - points : k]).max()
        return found

    return score


def shewhart(rows: Floats) -> Floats:
    """Return the largest distance of one channel from normal."""
    return np.asarray(np.abs(rows).max(axis=1))


def whitened(rows: Floats) -> Floats:
    """Return what is left of each point without the one before it, in its standard deviations."""
    left = (rows[1:] - MEMORY * rows[:-1]) / np.sqrt(1.0 - MEMORY**2)
    return np.vstack([rows[:1], left])


def _averaged(rows: Floats, weight: float) -> Floats:
    found, mean = np.zeros_like(rows), np.zeros(rows.shape[1])
    for k, row in enumerate(rows):
        mean = (1.0 - weight) * mean + weight * row
        found[k] = mean
    return found


RIVALS: Mapping[str, Mapping[str, Score]] = {
    "mewma": {f"mewma {w:g}": mewma(w, white=False) for w in (0.05, 0.1, 0.2, 0.3)}
    | {f"mewma {w:g} white": mewma(w, white=True) for w in (0.05, 0.1, 0.2, 0.3)},
    "ewma": {f"ewma {w:g}": ewma(w) for w in (0.1, 0.2)},
    "cusum": {f"cusum {k:g}": cusum(k) for k in (0.5, 1.0)},
    "slope": {"slope 30": slope(30)},
    "shewhart": {"shewhart": shewhart},
}
"""Charts by kind and setting; of each kind the setting that is quickest on these trends is shown."""


def episodes(over: NDArray[np.bool_], clear: NDArray[np.bool_]) -> int:
    """Return how often an alarm begins: over a limit, until clear of it [1]."""
    told, standing = 0, False
    for up, down in zip(over.tolist(), clear.tolist(), strict=True):
        told += up and not standing
        standing = up or (standing and not down)
    return told
