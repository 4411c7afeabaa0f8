"""A soft sensor from a handful of labels: samples of the core with drawn parameters are learnt from beside them.

Three ways are held against each other, each label left out in turn: a learner on the labels alone, a network that has
seen samples of many lines of the core's kind as well, and the core itself with its parameters identified.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from controller.soft.cores import CORES
from controller.soft.few import simulated, together
from controller.soft.hybrid_fit import Found, Trained, identified, stated, train, unspoken
from controller.soft.hybrid_judge import WHOLE, Forward, Goal, assembled, carded, half_of
from controller.soft.hybrid_model import NO_CORE, HybridModel
from controller.soft.logarithms import logarithms
from controller.soft.recipes import Recipe
from controller.soft.samples import Samples
from controller.soft.widths import Widths
from plant_io.signals import Floats

FEWEST = 4
"""Fewest labels to start with [1]."""

LABELS, SIMULATED, CORE = "learner_on_labels_alone", "learner_with_simulated", "core_identified"
"""The three ways."""

WAYS = (LABELS, SIMULATED, CORE)

_TIMES, _WIDER, _LEAST = 10, 0.5, 1e-9


def begun(
    goal: Goal, samples: Samples, count: int, ways: Sequence[str] = WAYS
) -> tuple[HybridModel, Mapping[str, float]]:
    """Return the model of the best way, and the error (rms) of each way, in the unit of the result.

    Parameters
    ----------
    goal
        What is made; its plan names a core.
    samples
        The labelled samples.
    count
        Samples of the core to be drawn [1].
    ways
        Ways that are tried.
    """
    own = {name: samples.inputs[name] for name, one in CORES[goal.plan.core].inputs.items() if one.needed}
    samples = replace(samples, inputs=own)
    drawn = simulated(goal.plan.core, _ranges(goal.plan.core, own), count, np.random.default_rng(goal.plan.seed))
    left = _left_out(goal, samples, drawn, ways)
    spoken = {name: unspoken(values, logarithm=goal.plan.logarithm) for name, values in left.items()}
    errors = {name: float(np.sqrt(np.mean((values - samples.labels) ** 2))) for name, values in spoken.items()}
    best = min(errors, key=lambda name: errors[name])
    return _model(goal, samples, (drawn, best), left), errors


def gain(errors: Mapping[str, float]) -> float:
    """Return by what share the best way errs less than a learner on the labels alone [1].

    Parameters
    ----------
    errors
        Error of each way, in the unit of the result.

    Examples
    --------
    >>> gain({"learner_on_labels_alone": 0.8, "learner_with_simulated": 0.6, "core_identified": 0.2})
    0.75
    """
    return 1.0 - min(errors.values()) / errors[LABELS]


def by_mean(samples: Samples) -> float:
    """Return the error (rms) of saying of each sample the mean of the others, in the unit of the result.

    Parameters
    ----------
    samples
        The labelled samples.
    """
    return float(np.std(samples.labels)) * samples.n / (samples.n - 1)


def _ranges(core: str, inputs: Mapping[str, Floats]) -> dict[str, tuple[float, float]]:
    """Return where samples are drawn, in the units of the inputs: half a range wider than the labels, if it can be."""
    found = dict[str, tuple[float, float]]()
    for name, values in inputs.items():
        known, low, high = CORES[core].inputs[name], float(values.min()), float(values.max())
        more = _WIDER * (high - low)
        found[name] = max(low - more, known.low), min(high + more, known.high)
    return found


def _left_out(goal: Goal, samples: Samples, drawn: Samples, ways: Sequence[str]) -> dict[str, Floats]:
    """Return what each way says of each sample that was left out, shape ``(n,)``, as models speak."""
    left = {name: np.empty(samples.n) for name in ways}
    for i in range(samples.n):
        kept = samples.rows(np.delete(np.arange(samples.n), i))
        asked = {name: values[i : i + 1] for name, values in samples.inputs.items()}
        for name, values in left.items():
            values[i] = _trained(name, goal, kept, drawn)(asked)[0][0]
    return left


def _trained(way: str, goal: Goal, samples: Samples, drawn: Samples) -> Trained:
    names = tuple(samples.inputs)
    if way == CORE:
        recipe = Recipe("mechanistic_only", goal.plan.core, None)
        return train(recipe, goal.plan, samples, identified(goal.plan, samples))
    if way == LABELS:
        return train(Recipe("learner_only", NO_CORE, "gp", 0.0, names), goal.plan, samples, {})
    more = together(drawn, samples, _TIMES)
    return train(Recipe("learner_only", NO_CORE, "mlp", 0.1, names), goal.plan, more, {})


def _model(goal: Goal, samples: Samples, chosen: tuple[Samples, str], left: Mapping[str, Floats]) -> HybridModel:
    (drawn, best), plan = chosen, goal.plan
    trained = _trained(best, goal, samples, drawn)
    mean, labels = left[best], samples.labels
    wanted = logarithms(labels) if plan.logarithm else labels
    growth = plan.growth if best == CORE else 0.0
    scale = max(float(np.sqrt(np.mean((mean - wanted) ** 2))), plan.label_sd, _LEAST)
    middle = max(float(np.mean(labels)), _LEAST)
    spread = stated(None, scale, mean, (growth, middle))
    found = Found(trained, scale, np.asarray(np.abs(mean - wanted) / spread), scale, middle, {trained.recipe: scale})
    half = half_of(found, plan, goal.coverage)
    ends = [unspoken(mean + sign * half * spread, logarithm=plan.logarithm) for sign in (-1.0, 1.0)]
    spoken = {name: unspoken(values, logarithm=plan.logarithm) for name, values in left.items()}
    judged = Forward(np.arange(samples.n), labels, {WHOLE: spoken[best], **spoken}, ends[0], ends[1])
    goal = replace(goal, simulated=drawn.n if best == SIMULATED else 0)
    how = f"each of {samples.n} labels left out in turn, the best of {len(left)} ways taken"
    return assembled(goal, samples, found, Widths(half, half, growth), carded(goal, samples, judged, how))
