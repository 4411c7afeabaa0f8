"""Hybrid soft sensors for every line of a kind: fitted on some lines, calibrated on others, judged on lines of neither.

What differs from line to line cannot be told from samples of one. So the hybrid, its core alone and learners without a
core are fitted to the same samples; lines that none of them has seen decide which of them is made, and how wide its
interval is (split conformal prediction, in each third of what is said by itself); further lines say what it is worth.
The shares of results that intervals cover on new lines are those promised, on average over lines; on one line they may
be more or fewer, as its errors hang together.

References
----------
H. Papadopoulos, K. Proedrou, V. Vovk, A. Gammerman, "Inductive confidence machines for regression", ECML 2002,
doi:10.1007/3-540-36755-1_29 (split conformal prediction).
V. Vovk, A. Gammerman, G. Shafer, "Algorithmic Learning in a Random World", 2nd ed., 2022, section 4.6,
doi:10.1007/978-3-031-06649-8 (Mondrian: each region by itself).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from anomaly.conformal import quantile
from controller.soft.cores import CORES
from controller.soft.hybrid_fit import Found, chosen, folded, stated, unspoken
from controller.soft.hybrid_judge import (
    CORE_ALONE,
    ON_ALL,
    ON_CORE,
    WHOLE,
    Forward,
    Goal,
    assembled,
    carded,
    yardsticks,
)
from controller.soft.hybrid_model import NO_CORE, HybridModel
from controller.soft.logarithms import logarithms
from controller.soft.recipes import Plan
from controller.soft.samples import Indices, Samples
from controller.soft.widths import Widths
from plant_io.signals import Floats
from policies.regions import Region, half_among
from policies.sentences import counted

GROWTHS = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Shares of the variance that may grow with the value, to choose from [1]."""

ALIKE = 1.01
"""Within this factor of the least error the simplest is made [1]."""

THIRDS = 3
"""Regions of what is said, each of which is covered by itself [1]."""

ENOUGH = 100
"""Samples from which a region stands on its own [1]."""

_NAMES = {
    WHOLE: "hybrid",
    CORE_ALONE: "core alone",
    ON_CORE: "learner on the inputs of the core",
    ON_ALL: "learner on all inputs",
}


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """Samples of lines of a kind; no line has a part in two of them."""

    fitted: Samples
    """Those that are fitted to, line by line."""
    calibrated: Samples
    """Those that decide what is made, and how wide intervals are."""
    withheld: Samples
    """Those that say what it is worth."""
    told: str
    """Which lines they are, in words."""


@dataclass(frozen=True, slots=True, eq=False)
class _Candidate:
    plan: Plan
    found: Found
    growth: float = 0.0

    def said(self, samples: Samples) -> tuple[Floats, Floats]:
        """Return what it speaks and the scale stated with it, each of shape ``(n,)``, in its unit or relative."""
        mean, sd = self.found.trained(samples.inputs)
        return mean, stated(sd, self.found.scale, mean, (self.growth, self.found.middle))

    def calibrated(self, samples: Samples) -> _Candidate:
        """Return it with the growth of errors with the value under which those of new lines are likeliest."""
        if self.plan.logarithm:
            return self
        return max((replace(self, growth=growth) for growth in GROWTHS), key=lambda one: one.likelihood(samples))

    def likelihood(self, samples: Samples) -> float:
        """Return the logarithm of the likelihood of normal errors of the best scale, per sample."""
        mean, scale = self.said(samples)
        return -float(np.log(_rms((mean - samples.labels) / scale)) + np.mean(np.log(scale)))

    def inputs(self, samples: Samples) -> Samples:
        """Return samples with the inputs it uses."""
        plan, names = self.plan, self.plan.inputs or tuple(samples.inputs)
        if plan.core != NO_CORE and self.found.trained.learnt is None:
            names = tuple(name for name, one in CORES[plan.core].inputs.items() if one.needed)
        return replace(samples, inputs={name: samples.inputs[name] for name in names})

    def value(self, samples: Samples) -> Floats:
        """Return what it says, shape ``(n,)``, in the unit of the result."""
        return unspoken(self.said(samples)[0], logarithm=self.plan.logarithm)

    def scores(self, samples: Samples) -> Floats:
        """Return by how much each sample is missed, in multiples of what is stated [1], shape ``(n,)``."""
        mean, scale = self.said(samples)
        wanted = logarithms(samples.labels) if self.plan.logarithm else samples.labels
        return np.asarray(np.abs(mean - wanted) / scale)

    def half(self, samples: Samples, coverage: float) -> float:
        """Return the half width that covers new lines, in multiples of what is stated [1]."""
        return quantile(self.scores(samples).tolist(), coverage)

    def regions(self, samples: Samples, coverage: float) -> tuple[Region, ...]:
        """Return the half widths that cover new lines in each third of what is said; none where samples are few."""
        if samples.n < THIRDS * ENOUGH:
            return ()
        value, scores = self.value(samples), self.scores(samples)
        parts = np.array_split(np.argsort(value, kind="stable"), THIRDS)
        ends = [float(value[part[-1]]) for part in parts[:-1]]
        halves = [quantile(scores[part].tolist(), coverage) for part in parts]
        return tuple(Region(up_to=end, half=half) for end, half in zip([*ends, None], halves, strict=True))


def told(shares: Sequence[tuple[int, int]]) -> str:
    """Return in words on how many lines, and runs on each, a model was fitted, calibrated and judged.

    Examples
    --------
    >>> told([(3, 4), (5, 1), (6, 1)])
    'fitted to 12 runs on 3 simulated lines, calibrated on 5 runs on 5 others, judged on 6 runs on 6 further ones'
    """
    fitted, calibrated, withheld = (f"{count * each} runs on {count}" for count, each in shares)
    return f"fitted to {fitted} simulated lines, calibrated on {calibrated} others, judged on {withheld} further ones"


def across(goal: Goal, lines: Lines) -> HybridModel:
    """Return the best of hybrid, core alone and learner alone for lines of a kind, with its figures on its card.

    Parameters
    ----------
    goal
        What is made.
    lines
        Samples to fit, to calibrate and to judge by.

    Raises
    ------
    ValueError
        If calibration has too few samples for the coverage asked for.
    """
    candidates = {n: one.calibrated(lines.calibrated) for n, one in _candidates(goal, lines.fitted).items()}
    errors = {name: _rms(one.value(lines.calibrated) - lines.calibrated.labels) for name, one in candidates.items()}
    best = next(
        n for n in (CORE_ALONE, WHOLE, ON_CORE, ON_ALL) if errors.get(n, np.inf) <= ALIKE * min(errors.values())
    )
    made = candidates[best]
    core = replace(candidates.get(CORE_ALONE, made), growth=made.growth)
    half, alone = (one.half(lines.calibrated, goal.coverage) for one in (made, core))
    if not np.isfinite(half):
        raise ValueError(
            f"found {counted(lines.calibrated.n, 'sample')} for calibration, too few to cover {goal.coverage:g}"
        )
    alone *= core.found.scale / made.found.scale
    regions = made.regions(lines.calibrated, goal.coverage)
    own, used = replace(goal, plan=made.plan), made.inputs(lines.fitted)
    widths = Widths(half, alone, made.growth, regions)
    judged = _judged(candidates, best, widths, lines.withheld)
    card = carded(goal, lines.fitted, judged, _told(lines, best, errors))
    return assembled(own, used, made.found, widths, card)


def _candidates(goal: Goal, fitted: Samples) -> dict[str, _Candidate]:
    plan = goal.plan
    folds = folded(plan, fitted)
    plans = {WHOLE: plan}
    if plan.core != NO_CORE:
        plans[CORE_ALONE] = replace(plan, forms=("mechanistic_only",))
    found = {name: _Candidate(one, chosen(one, fitted, folds)) for name, one in plans.items()}
    for name, names in yardsticks(plan, fitted).items():
        bare = Plan(NO_CORE, ("learner_only",), goal.rivals, names, seed=plan.seed, label_sd=0.0)
        found[name] = _Candidate(bare, chosen(bare, fitted))
    return found


def _judged(candidates: Mapping[str, _Candidate], best: str, widths: Widths, withheld: Samples) -> Forward:
    mean, scale = candidates[best].said(withheld)
    plan = candidates[best].plan
    said = candidates[best].value(withheld)
    half = np.array([half_among(widths.regions, widths.whole, one) for one in said.tolist()])
    low, high = (unspoken(mean + end * half * scale, logarithm=plan.logarithm) for end in (-1.0, 1.0))
    spoken = {name: one.value(withheld) for name, one in candidates.items() if name not in {WHOLE, best}}
    if best != WHOLE:
        spoken[_NAMES[WHOLE]] = candidates[WHOLE].value(withheld)
    rows: Indices = np.arange(withheld.n)
    return Forward(rows, withheld.labels, spoken | {WHOLE: said}, low, high)


def _told(lines: Lines, best: str, errors: Mapping[str, float]) -> str:
    named = {_NAMES[name]: error for name, error in errors.items()}
    others = ", ".join(f"{name} {error:.3g}" for name, error in named.items())
    return (
        f"{lines.told}; what is made is the {_NAMES[best]}, whose error on the lines of the calibration is least "
        f"or within 1 % of it ({others}); recipe and tuning by blocked validation on the lines fitted to"
    )


def _rms(values: Floats) -> float:
    return float(np.sqrt(np.mean(values**2)))
