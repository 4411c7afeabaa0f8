"""Learning curves of hybrid soft sensors on line B: against learners without physics and physics without a learner.

The truth is the simulated line with lots that differ in wettability (standard deviation 4 %) and in critical moisture
(6 %), and a room that differs by 1.5 K, all unseen; labels carry the noise of the laboratory. One draw is one line, its
designed experiments, and withheld runs within and outside their ranges. Errors are root mean squares against the truth,
medians over draws; coverage is that of results of the laboratory. Every learner without a core is tuned by the same
blocked validation as the hybrid, and the ratio is to the one that turns out best, which nobody could have known before.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.soft_runs import SETTINGS, WETTEST, Draw, draw, samples
from benchmarks.tool import Result, main
from controller.soft.few import simulated, together
from controller.soft.hybrid_fit import chosen, folded, identified, stated, train, unspoken
from controller.soft.hybrid_judge import half_of
from controller.soft.hybrid_model import NO_CORE
from controller.soft.learners import KINDS, learn
from controller.soft.recipes import Plan, Recipe
from controller.soft.samples import Samples
from hil.runs_b import LOD_SD, SIEVE_SD
from plant_io.signals import Floats

SIZES, QUICK_SIZES = (8, 12, 16, 20, 40, 64), (12, 16, 64)
DRAWS, QUICK_DRAWS = 6, 2
WITHHELD, QUICK_WITHHELD = 200, 80
COVERAGE = 0.9
FEW = 4
PLANS = {
    "lod": Plan("two_zone", ("parallel",), label_sd=LOD_SD),
    "d50": Plan("power_law", ("parallel",), label_sd=SIEVE_SD),
}


@dataclass(slots=True)
class Curve:
    """What was found at one number of runs, one entry for each draw."""

    inside: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    outside: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    covered: list[float] = field(default_factory=list[float])
    regions: list[list[float]] = field(default_factory=list[list[float]])

    def add(self, name: str, errors: tuple[float, float]) -> None:
        """Note the errors of one draw within and outside the design, unit of the result."""
        self.inside.setdefault(name, []).append(errors[0])
        self.outside.setdefault(name, []).append(errors[1])

    def best(self, *, outside: bool = False) -> tuple[str, float]:
        """Return the learner without a core whose median error is least, and that error, unit of the result."""
        found = self.outside if outside else self.inside
        medians = {name: float(np.median(errors)) for name, errors in found.items() if name.startswith("ml ")}
        return min(medians.items(), key=lambda one: one[1])


def measure(curve: Curve, result: str, one: Draw, n: int) -> None:
    """Fit everything to `n` runs of a draw and note what it is worth on the withheld ones."""
    plan, known = PLANS[result], samples(one.sets[n], result)
    kept = np.flatnonzero(one.outside.truth["lod"] < WETTEST)
    asked = (samples(one.inside, result), samples(one.outside, result, kept))
    truth = (one.inside.truth[result], one.outside.truth[result][kept])
    folds = folded(plan, known)
    found = chosen(plan, known, folds)
    said = [found.trained(each.inputs) for each in asked]
    values = [unspoken(mean, logarithm=plan.logarithm) for mean, _ in said]
    curve.add("hybrid", _errors(values, truth))
    mean, sd = said[0]
    half = half_of(found, plan, COVERAGE) * stated(sd, found.scale, mean, (plan.growth, found.middle))
    ends = (unspoken(mean - half, logarithm=plan.logarithm), unspoken(mean + half, logarithm=plan.logarithm))
    within = (ends[0] <= asked[0].labels) & (asked[0].labels <= ends[1])
    curve.covered.append(float(np.mean(within)))
    parts = np.array_split(np.argsort(values[0]), 3)
    curve.regions.append([float(np.mean(within[part])) for part in parts])
    alone = train(Recipe("mechanistic_only", plan.core, None), plan, known, folds.whole)
    cores = [unspoken(alone(each.inputs)[0], logarithm=plan.logarithm) for each in asked]
    curve.add("core alone", _errors(cores, truth))
    for kind in KINDS:
        for name, inputs in (("settings", SETTINGS), ("all sensors", ())):
            bare = chosen(Plan(NO_CORE, ("learner_only",), (kind,), inputs), known)
            curve.add(f"ml {kind}, {name}", _errors([bare.trained(each.inputs)[0] for each in asked], truth))


def few(one: Draw) -> dict[str, float]:
    """Return errors with four labels: a learner alone, the same beside simulated samples, and the core [%]."""
    whole, asked = samples(one.sets[min(one.sets)], "lod"), samples(one.inside, "lod")
    known, names = whole.rows(np.arange(FEW)), SETTINGS[:-1]
    ranges = {name: (float(asked.inputs[name].min()), float(asked.inputs[name].max())) for name in names}
    more = together(simulated("two_zone", ranges, 400, np.random.default_rng(1)), known, 10)
    core = train(Recipe("mechanistic_only", "two_zone", None), PLANS["lod"], known, identified(PLANS["lod"], known))
    table, truth = _table(asked, names), one.inside.truth["lod"]
    return {
        "learner": _rms(learn("gp", 0.0, _table(known, names), known.labels, 1)(table)[0], truth),
        "learner_with_simulated": _rms(learn("mlp", 0.1, _table(more, names), more.labels, 1)(table)[0], truth),
        "core_identified": _rms(core(asked.inputs)[0], truth),
    }


def run(quick: bool) -> Result:  # noqa: FBT001  # handed over so
    """Measure learning curves of hybrid soft sensors on line B."""
    sizes, seeds = (QUICK_SIZES, range(QUICK_DRAWS)) if quick else (SIZES, range(DRAWS))
    draws = [draw(seed, sizes, QUICK_WITHHELD if quick else WITHHELD) for seed in seeds]
    result = Result("soft_sensor", seeds=list(seeds))
    curves = _curves("lod", draws, sizes)
    _note(result, curves)
    starts = [few(one) for one in draws]
    result.figures["few_labels"] = {"n": FEW} | {k: _median([s[k] for s in starts]) for k in starts[0]}
    if not quick:
        _note_size(result, _curves("d50", draws, (12, 64)))
    result.config |= {"sizes": list(sizes), "draws": len(draws), "withheld": len(draws[0].inside.truth["lod"])}
    return result


def _curves(name: str, draws: Sequence[Draw], sizes: Sequence[int]) -> dict[int, Curve]:
    curves = {n: Curve() for n in sizes}
    for n, curve in curves.items():
        for one in draws:
            measure(curve, name, one, n)
        print(
            f"{name}, {n} runs: hybrid {_median(curve.inside['hybrid']):.3f}, best learner {curve.best()}", flush=True
        )
    return curves


def _note(result: Result, curves: Mapping[int, Curve]) -> None:
    for n, curve in curves.items():
        hybrid, beyond = _median(curve.inside["hybrid"]), _median(curve.outside["hybrid"])
        (name, least), (outer, outer_least) = curve.best(), curve.best(outside=True)
        result.figures[f"rmsep_hybrid_n{n}"] = hybrid
        result.figures[f"rmsep_hybrid_outside_n{n}"] = beyond
        result.figures[f"coverage_n{n}"] = float(np.mean(curve.covered))
        result.ratios[f"hybrid_vs_ml_n{n}"] = hybrid / least
        result.ratios[f"hybrid_vs_ml_outside_n{n}"] = beyond / outer_least
        medians = {who: [_median(curve.inside[who]), _median(curve.outside[who])] for who in curve.inside}
        result.baselines[f"n{n}"] = {"best": name, "best_outside": outer, "rmsep_inside_outside": medians}
    result.figures["coverage_90"] = float(np.mean([c for curve in curves.values() for c in curve.covered]))
    regions = np.mean([row for curve in curves.values() for row in curve.regions], axis=0).tolist()
    result.figures["coverage_90_by_region"] = dict(zip(("low", "middle", "high"), regions, strict=True))


def _note_size(result: Result, curves: Mapping[int, Curve]) -> None:
    for n, curve in curves.items():
        name, least = curve.best()
        result.figures[f"d50_um_n{n}"] = {
            "hybrid": _median(curve.inside["hybrid"]),
            "core_alone": _median(curve.inside["core alone"]),
            "best_learner": least,
            "which": name,
            "coverage": float(np.mean(curve.covered)),
        }


def _errors(values: Sequence[Floats], truth: Sequence[Floats]) -> tuple[float, float]:
    inside, outside = (_rms(value, true) for value, true in zip(values, truth, strict=True))
    return inside, outside


def _rms(value: Floats, truth: Floats) -> float:
    return float(np.sqrt(np.mean((value - truth) ** 2)))


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def _table(some: Samples, names: Sequence[str]) -> Floats:
    return np.column_stack([some.inputs[name] for name in names])


if __name__ == "__main__":
    main(run)
