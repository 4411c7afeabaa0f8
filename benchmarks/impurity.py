"""Impurity trends: how soon they are told, whether under their name, and how often without reason.

Simulated: 16 channels with autocorrelated noise, a library of eight entries, trends of 2 to 4 standard deviations whose
directions are off by a fifth. Limits of all charts are set on the same normal points for the same rate of false
episodes, and what they then realise is counted on fresh ones. The library is that of the lines, not of the benchmark:
`anomaly.trending` reads every window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import inf
from time import process_time
from typing import cast

import numpy as np
from numpy.random import Generator

from anomaly.confusion import noise
from anomaly.match import match
from anomaly.trending import BOTH, UNKNOWN, TrendKit, read
from benchmarks import impurity_lines, impurity_tablets
from benchmarks import impurity_world as worlds
from benchmarks.impurity_world import FAMILY, FOREIGN, MEMORY, RIVALS, WINDOW, World
from benchmarks.tablets import folder
from benchmarks.tool import Result, main
from plant_io.changes import replace
from plant_io.signals import Floats

PER_FALSE = 2000
"""Normal points to one false episode [1]."""

AFTER, ONSET, LENGTH = 15, 90, 210
CLEAR = 0.7
Limits = tuple[float, float]


def scores(rows: Floats, kit: TrendKit) -> Floats:
    """Return the ratio of any trend and of the best entry at each point of a run, shape ``(n_points, 2)`` [1]."""
    found = np.zeros((len(rows), 2))
    for k in range(WINDOW, len(rows) + 1):
        seen = match(rows[k - WINDOW : k], kit.noise, kit.courses, kit.signatures)
        found[k - 1] = seen.free, seen.entries.max()
    return found


def false_told(found: Floats, limits: Limits) -> int:
    """Return how often a run of normal points is told as a trend [1]."""
    share = (found / np.array(limits)).max(axis=1)
    return worlds.episodes(share >= 1.0, share < CLEAR)


def calibrated(found: Floats, wanted: float) -> Limits:
    """Return the limits that tell so many false episodes, each of both the same share of the points."""
    low, high = 0.0, 0.02
    for _ in range(40):
        share = 0.5 * (low + high)
        limits = tuple(float(np.quantile(found[:, i], 1.0 - share)) for i in (0, 1))
        low, high = (low, share) if false_told(found, (limits[0], limits[1])) > wanted else (share, high)
    first, second = (float(np.quantile(found[:, i], 1.0 - low)) for i in (0, 1))
    return first, second


def chart_limit(found: Floats, wanted: float) -> float:
    """Return the limit of a chart that tells so many false episodes [1]."""
    low, high = 0.0, float(found.max()) * 1.01
    for _ in range(40):
        limit = 0.5 * (low + high)
        told = worlds.episodes(found >= limit, found < CLEAR * limit)
        low, high = (limit, high) if told > wanted else (low, limit)
    return high


def trend(rng: Generator, one: Floats, shapes: Sequence[str]) -> tuple[Floats, str, int]:
    """Return a trend in a direction: 2 to 4 standard deviations, a shape of some."""
    return rng.uniform(2.0, 4.0) * worlds.jittered(rng, one), shapes[int(rng.integers(len(shapes)))], ONSET


def runs(world: World, trials: int, seed: int, shapes: Sequence[str]) -> Iterator[tuple[int, Floats]]:
    """Give the entry and the points of each run; below 0 for a trend like none of the library."""
    for i in [*range(len(world.directions)), *([-1] * (len(world.directions) // 2))]:
        for k in range(trials):
            rng = np.random.default_rng((seed, i + 1, k))
            one = world.directions[i] if i >= 0 else worlds.stranger(rng, world.directions, 0.7)
            yield i, worlds.run(rng, LENGTH, [trend(rng, one, shapes)])


def first(over: Sequence[bool]) -> float:
    """Return the points from the onset to the first alarm; infinite without any [1]."""
    return next((float(k + 1) for k, up in enumerate(over[ONSET:]) if up), inf)


def delays(found: Floats, limits: Limits) -> float:
    """Return the points from the onset to the first alarm of the library [1]."""
    return first(((found / np.array(limits)).max(axis=1) >= 1.0).tolist())


def auroc(known: Sequence[float], unknown: Sequence[float]) -> float:
    """Return how often a known trend is explained better than an unknown one [1]."""
    a, b = np.array(known)[:, None], np.array(unknown)[None, :]
    return float(((a > b) + 0.5 * (a == b)).mean())


def named(world: World, limits: Limits, trials: int, seed: int, how: Named) -> dict[str, float]:
    """Return how trends are named some points after they are told, and how soon they are [1]."""
    kit = limited(world.kit, limits)
    right: list[bool] = []
    caught: list[bool] = []
    explained: tuple[list[float], list[float]] = ([], [])
    late = list[float]()
    for i, rows in runs(world, trials, seed, how[0]):
        shown = how[1](rows, np.random.default_rng((seed, 77, len(late))))
        delay = delays(scores(shown[: ONSET + 110], kit), limits)
        if i >= 0:
            late.append(delay)
        if delay == inf:
            continue
        end = min(ONSET + int(delay) + AFTER, LENGTH)
        seen = read(shown[end - WINDOW : end], kit, None)
        (explained[0] if i >= 0 else explained[1]).append(_share(shown[end - WINDOW : end], kit))
        (right if i >= 0 else caught).append(seen.name == (f"e{i}" if i >= 0 else UNKNOWN))
    shares = explained
    return {
        "top1": float(np.mean(right)),
        "unknown_caught": float(np.mean(caught)),
        "unknown_auroc": auroc(*shares),
        "median_delay_points": float(np.median(late)),
        "missed": sum(one == inf for one in late) / len(late),
    }


Spoil = Callable[[Floats, Generator], Floats]
Named = tuple[Sequence[str], Spoil]


def as_it_is(rows: Floats, _: Generator) -> Floats:
    """Return a run as it is."""
    return rows


def missed(rows: Floats, rng: Generator) -> Floats:
    """Return a run in which one injection in twenty is missing."""
    spoilt = rows.copy()
    spoilt[rng.random(len(rows)) < 0.05] = np.nan
    return spoilt


def shifted(rows: Floats, rng: Generator) -> Floats:
    """Return a run in which two peaks leave their windows of retention for 20 results each, one after the other."""
    spoilt = rows.copy()
    for start in (ONSET + 5, ONSET + 30):
        spoilt[start : start + 20, int(rng.integers(worlds.CHANNELS))] = np.nan
    return spoilt


def _share(window: Floats, kit: TrendKit) -> float:
    """Return how much of a trend the best entry explains and how little it leaves, as one number [1]."""
    found = match(window, kit.noise, kit.courses, kit.signatures)
    best = int(found.entries.argmax())
    return float(found.entries[best] / max(found.entries[best] + max(found.astray[best] - len(kit.units) / 2, 0), 1.0))


def limited(kit: TrendKit, limits: Limits) -> TrendKit:
    """Return the library with other limits."""
    return replace(kit, declared=kit.declared.model_copy(update={"limit": limits[0], "known": limits[1]}))


def two(world: World, limits: Limits, trials: int, seed: int) -> dict[str, float]:
    """Return how often both of two trends are named, and how often a second one is where there is none [1]."""
    kit = limited(world.kit, limits)
    both: list[bool] = []
    extra: list[bool] = []
    for k in range(trials):
        rng = np.random.default_rng((seed, 2, k))
        a, b = rng.choice(len(world.directions), 2, replace=False).tolist()
        one, other = (trend(rng, world.directions[i], FAMILY) for i in (a, b))
        rows = worlds.run(rng, LENGTH, [one, (other[0], other[1], ONSET + int(rng.integers(0, 20)))])
        end = ONSET + 55
        name = read(rows[end - WINDOW : end], kit).name or ""
        both.append(set(name.split(BOTH)) == {f"e{a}", f"e{b}"})
        alone = worlds.run(rng, LENGTH, [one])
        extra.append(BOTH in (read(alone[end - WINDOW : end], kit).name or ""))
    return {"both_of_two": float(np.mean(both)), "second_where_there_is_none": float(np.mean(extra))}


def update_ms(seed: int) -> float:
    """Return the processor time of one update with 30 entries, all of them weighed, while a known trend stands [ms]."""
    big = worlds.world(seed, 30)
    rng, kit = np.random.default_rng(seed), big.kit
    windows = [worlds.run(rng, WINDOW, [(3.0 * big.directions[3], "ramp", 20)]) for _ in range(60)]
    read(windows[0], kit)
    taken: list[float] = []
    for window in windows:
        begin = process_time()
        read(window, kit)
        taken.append(process_time() - begin)
    return 1000.0 * float(np.median(taken))


def run(quick: bool) -> Result:  # noqa: FBT001  # the command line says so
    """Tell simulated impurity trends, name them, and count what is told without reason."""
    seed, points, trials = 11, 6000 if quick else 24_000, 4 if quick else 25
    result, world = Result("impurity"), worlds.world(seed)
    wanted = points / PER_FALSE
    normal, fresh = (noise(np.random.default_rng((seed, i)), MEMORY, points) for i in (3, 4))
    limits = calibrated(scores(normal, world.kit), wanted)
    realised = {"library": false_told(scores(fresh, world.kit), limits) / wanted}
    cases = {
        "": (FAMILY, as_it_is),
        "unseen_": (FOREIGN, as_it_is),
        "missed_": (FAMILY, missed),
        "rrt_": (FAMILY, shifted),
    }
    for prefix, how in cases.items():
        result.figures |= {prefix + k: v for k, v in named(world, limits, trials, seed, how).items()}
    result.figures |= two(world, limits, 10 * trials, seed) | {"update_ms": update_ms(seed)}
    for plan in (impurity_lines.B, impurity_lines.C):
        some = replace(plan, cases=plan.cases[3:4], pairs=plan.pairs[:1], quiet_s=3600.0) if quick else plan
        seeds = (701,) if quick else (701, 702, 703)
        result.figures[f"line_{plan.line}"] = impurity_lines.figures(some, seeds, seeds)
    _tablets(result, quick=quick)
    rows = [one for i, one in runs(world, trials, seed, FAMILY) if i >= 0]
    ours = cast("float", result.figures["median_delay_points"])
    for kind, settings in RIVALS.items():
        best = _best(settings, normal, wanted, rows)
        result.baselines |= {
            f"{kind}_median_delay_points": best[0],
            f"{kind}_missed": best[1],
            f"{kind}_setting": best[2],
        }
        realised[kind] = _realised(settings[best[2]], (normal, fresh), wanted)
        result.ratios[f"delay_vs_{kind}"] = ours / best[0]
    result.figures["realised_over_promised"] = realised
    result.config |= {"limits": limits, "points": points, "trials": trials, "points_per_false_episode": PER_FALSE}
    result.seeds = (seed,)
    return result


def _tablets(result: Result, *, quick: bool) -> None:
    root = folder()
    if root is None:
        result.config["tablets"] = {"skipped": "no development data; set STEADYLINE_DATA"}
        return
    ours, rivals, chosen = impurity_tablets.figures(root, tries=60 if quick else 900)
    result.figures["tablets"] = ours
    result.baselines["tablets"] = rivals
    result.config["tablets"] = chosen


def _best(
    settings: Mapping[str, worlds.Score], normal: Floats, wanted: float, rows: Sequence[Floats]
) -> tuple[float, float, str]:
    found: list[tuple[float, float, str]] = []
    for name, score in settings.items():
        limit = chart_limit(score(normal), wanted)
        over = [(score(one) >= limit).tolist() for one in rows]
        late = [first(cast("list[bool]", one)) for one in over]
        found.append((float(np.median(late)), sum(one == inf for one in late) / len(late), name))
    return min(found)


def _realised(score: worlds.Score, rows: tuple[Floats, Floats], wanted: float) -> float:
    limit, seen = chart_limit(score(rows[0]), wanted), score(rows[1])
    return worlds.episodes(seen >= limit, seen < CLEAR * limit) / wanted


if __name__ == "__main__":
    main(run)
