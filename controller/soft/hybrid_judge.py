"""What a hybrid soft sensor is worth: judged forward in time, beside its core alone and beside learners without a core.

References
----------
C. Bergmeir, J. M. Benitez, "On the use of cross-validation for time series predictor evaluation", Inf. Sci. 191, 2012,
doi:10.1016/j.ins.2011.12.028 (blocked and forward validation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from controller.soft import domain
from controller.soft.aligned import Timing
from controller.soft.cores import CORES
from controller.soft.hybrid_fit import Found, chosen, folded, stated, unspoken
from controller.soft.hybrid_model import (
    NO_CORE,
    Acceptance,
    Card,
    Figures,
    HybridModel,
    Input,
    bounds,
    half_at,
    said,
)
from controller.soft.learners import KINDS, Kind
from controller.soft.logarithms import logarithms
from controller.soft.recipes import MANY, Plan
from controller.soft.samples import FEWEST, Indices, Samples
from controller.soft.widths import Widths, half_width, student
from plant_io.signals import Floats

_BLOCKS = 5
_NORMAL_90 = 1.6448536269514722
_REGIONS = ("low", "middle", "high")
WHOLE, CORE_ALONE, ON_CORE, ON_ALL = "model", "core_alone", "learner_on_core_inputs", "learner_on_all_inputs"
"""What is compared: the hybrid, its core alone, and learners without a core on the inputs of the core and on all."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What is to be made, and what the card says of it beside figures."""

    plan: Plan
    """How it is made."""
    result: str
    """Name of the result."""
    unit: str
    """UCUM unit of the result."""
    units: Mapping[str, str]
    """UCUM unit of each input."""
    timings: Mapping[str, Timing]
    """How inputs are aligned; those not named are not."""
    intended_use: str
    """What it is meant for."""
    source: str
    """Where the data come from."""
    version: str = "1"
    """Version of the model."""
    approver: str = ""
    """Who approved it."""
    label_delay_s: float = 0.0
    """Time from a sample to its result [s]."""
    coverage: float = 0.9
    """Share of results the interval is to cover [1]."""
    rivals: tuple[Kind, ...] = KINDS
    """Learners the yardsticks without a core may choose from."""
    acceptance: Acceptance | None = None
    """What the model is accepted by."""
    simulated: int = 0
    """Samples of a control model that are learnt from as well, the first of all [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Forward:
    """What was said of samples before their results were known, each array of shape ``(n,)``."""

    rows: Indices
    """Which samples."""
    wanted: Floats
    """Their results, in the unit of the result."""
    spoken: Mapping[str, Floats]
    """What each of those compared said, in the same unit."""
    low: Floats
    """Lower end of the interval of the model, in the same unit."""
    high: Floats
    """Upper end of the interval of the model, in the same unit."""

    def figures(self, who: str = WHOLE) -> Figures:
        """Return the figures of one of those compared."""
        within = (self.low, self.high) if who == WHOLE else None
        return figures(self.spoken[who], self.wanted, within)


def figures(spoken: Floats, wanted: Floats, ends: tuple[Floats, Floats] | None = None) -> Figures:
    """Return what predictions are worth.

    Parameters
    ----------
    spoken
        Predictions, shape ``(n,)``, in the unit of the result.
    wanted
        Results, shape ``(n,)``, in the same unit.
    ends
        Lower and upper ends of intervals, each of shape ``(n,)``, in the same unit; none if none were stated.
    """
    off = spoken - wanted
    within = None if ends is None else float(np.mean((ends[0] <= wanted) & (wanted <= ends[1])))
    return Figures(rmsep=float(np.sqrt(np.mean(off**2))), bias=float(np.mean(off)), coverage=within, n=len(off))


def half_of(found: Found, plan: Plan, coverage: float) -> float:
    """Return the half width of intervals, in multiples of what is stated with a prediction [1].

    With few samples it is that of a Student interval, with many the rank of a sample's miss decides; it is never less
    than the error of a label by itself would ask for. Half of how far a core may lie from a label is the error reckoned
    with before any sample, but at least that of the label.

    Parameters
    ----------
    found
        What was chosen.
    plan
        How it was made.
    coverage
        Share of results to be covered [1].
    """
    least = _NORMAL_90 * plan.label_sd / found.scale
    if len(found.scores) >= MANY:
        return max(half_width(found.scores, coverage), least)
    core = CORES.get(plan.core)
    before = None if core is None else max(0.5 * core.rough, plan.label_sd) / found.scale
    return max(student(found.scores, coverage, before), least)


def forward(goal: Goal, samples: Samples, tell: Callable[[int, int], None] | None = None) -> Forward:
    """Return what would have been said of samples with the results known when they were taken.

    Parameters
    ----------
    goal
        What is made.
    samples
        The samples, in the order of their times.
    tell
        Told after each part how many parts are done, and of how many.

    Raises
    ------
    ValueError
        If never were enough results known.
    """
    parts = list(_parts(samples))
    if not parts:
        raise ValueError(
            f"found never {FEWEST} results known when a later sample was taken, expected more samples or faster results"
        )
    columns: dict[str, list[Floats]] = {name: [] for name in (WHOLE, CORE_ALONE, ON_CORE, ON_ALL, "low", "high")}
    for done, (known, asked) in enumerate(parts, 1):
        for name, values in _compared(goal, samples.rows(known), samples.rows(asked)).items():
            columns[name].append(values)
        if tell is not None:
            tell(done, len(parts))
    rows = np.concatenate([asked for _, asked in parts])
    spoken = {name: np.concatenate(values) for name, values in columns.items() if values}
    low, high = spoken.pop("low"), spoken.pop("high")
    return Forward(rows, samples.labels[rows], spoken, low, high)


def _parts(samples: Samples) -> Iterator[tuple[Indices, Indices]]:
    """Give, for consecutive parts of the later samples, which results were known before and which are asked for."""
    first = max(FEWEST, samples.n // 3)
    for asked in np.array_split(np.arange(first, samples.n), min(_BLOCKS, max(samples.n - first, 1))):
        if len(asked):
            known = np.flatnonzero(samples.known_at[: asked[0]] <= samples.at[asked[0]])
            if len(known) >= FEWEST:
                yield known, asked


def _compared(goal: Goal, known: Samples, asked: Samples) -> dict[str, Floats]:
    plan, inputs = goal.plan, asked.inputs
    folds = folded(plan, known)
    found = chosen(plan, known, folds)
    mean, sd = found.trained(inputs)
    spread = half_of(found, plan, goal.coverage) * stated(sd, found.scale, mean, (plan.growth, found.middle))
    result = {
        WHOLE: unspoken(mean, logarithm=plan.logarithm),
        "low": unspoken(mean - spread, logarithm=plan.logarithm),
        "high": unspoken(mean + spread, logarithm=plan.logarithm),
    }
    if plan.core != NO_CORE:
        alone = chosen(replace(plan, forms=("mechanistic_only",)), known, folds)
        result[CORE_ALONE] = unspoken(alone.trained(inputs)[0], logarithm=plan.logarithm)
    for name, names in yardsticks(plan, known).items():
        bare = Plan(NO_CORE, ("learner_only",), goal.rivals, names, seed=plan.seed)
        result[name] = chosen(bare, known).trained(inputs)[0]
    return result


def yardsticks(plan: Plan, samples: Samples) -> dict[str, tuple[str, ...]]:
    """Return the inputs of the learners without a core that a model is compared with, by name."""
    names = tuple(samples.inputs)
    if plan.core == NO_CORE:
        return {}
    own = tuple(name for name, one in CORES[plan.core].inputs.items() if one.needed)
    return {ON_CORE: own} | ({ON_ALL: names} if set(names) != set(own) else {})


def made(goal: Goal, samples: Samples, judged: Forward) -> HybridModel:
    """Return the model fitted to all samples, with the figures of its forward validation on its card.

    Parameters
    ----------
    goal
        What is made.
    samples
        The samples.
    judged
        What forward validation found.
    """
    plan = goal.plan
    folds = folded(plan, samples)
    found = chosen(plan, samples, folds)
    alone = found if plan.core == NO_CORE else chosen(replace(plan, forms=("mechanistic_only",)), samples, folds)
    core = half_of(alone, plan, goal.coverage) * alone.scale / found.scale
    widths = Widths(half_of(found, plan, goal.coverage), core, plan.growth)
    how = (
        f"forward in time on the last {len(judged.rows)} samples, each said by a model of what was known when "
        "it was taken; recipe and tuning by blocked validation within that"
    )
    return assembled(goal, samples, found, widths, carded(goal, samples, judged, how))


def assembled(goal: Goal, samples: Samples, found: Found, widths: Widths, card: Card) -> HybridModel:
    """Return the model of what was chosen.

    Parameters
    ----------
    goal
        What is made.
    samples
        The samples it was fitted to.
    found
        What was chosen.
    widths
        How wide intervals are.
    card
        Its card.
    """
    plan, recipe, learnt = goal.plan, found.trained.recipe, found.trained.learnt
    names = tuple(samples.inputs)
    table = np.column_stack([samples.inputs[name] for name in names])
    mean, sd = found.trained(samples.inputs)
    spread = None if sd is None else stated(sd, found.scale, mean, (widths.growth, found.middle))
    return HybridModel.model_validate(
        {
            "schema": "steadyline.soft/1",
            "form": recipe.form,
            "result": goal.result,
            "unit": goal.unit,
            "logarithm": plan.logarithm,
            "core": recipe.core,
            "parameters": found.trained.parameters,
            "governs": recipe.governs,
            "inputs": {name: _input(goal, name, samples.inputs[name]) for name in names},
            "features": recipe.features,
            "learner": None if learnt is None else learnt.frozen(),
            "half": widths.whole,
            "scale": found.scale,
            "growth": widths.growth,
            "middle": found.middle,
            "coverage": goal.coverage,
            "core_half": widths.core,
            "regions": widths.regions,
            "domain": None if learnt is None else domain.fit(names, table, spread),
            "card": card,
        }
    )


def _input(goal: Goal, name: str, values: Floats) -> Input:
    timing = goal.timings.get(name, Timing(0.0, 0.0))
    low, high = float(values.min()), float(values.max())
    return Input(unit=goal.units[name], low=low, high=high, delay_s=timing.delay_s, lag_s=timing.lag_s)


def carded(goal: Goal, samples: Samples, judged: Forward, how: str) -> Card:
    """Return the card of a model.

    Parameters
    ----------
    goal
        What is made.
    samples
        The samples it was fitted to.
    judged
        What it, and those it is compared with, said of samples they had not seen.
    how
        How that was found, in words.
    """
    return Card(
        intended_use=goal.intended_use,
        version=goal.version,
        approver=goal.approver,
        source=goal.source,
        data_sha256=samples.sha256(),
        n=samples.n,
        simulated=goal.simulated,
        acceptance=goal.acceptance,
        label_delay_s=goal.label_delay_s,
        seed=goal.plan.seed,
        validation=how,
        figures=judged.figures(),
        by_region=by_region(judged),
        baselines={name: judged.figures(name) for name in judged.spoken if name != WHOLE},
    )


def by_region(judged: Forward) -> dict[str, Figures]:
    """Return figures of the lower, middle and upper third of what the model said."""
    order = np.argsort(judged.spoken[WHOLE], kind="stable")
    found = dict[str, Figures]()
    for name, part in zip(_REGIONS, np.array_split(order, len(_REGIONS)), strict=True):
        if len(part):
            ends = judged.low[part], judged.high[part]
            found[name] = figures(judged.spoken[WHOLE][part], judged.wanted[part], ends)
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What a model says of samples, each array of shape ``(n,)``, in the unit of the result."""

    value: Floats
    """Values, in the unit of the result."""
    core: Floats
    """Values of the core alone, in the unit of the result."""
    low: Floats
    """Lower ends of the intervals, in the unit of the result."""
    high: Floats
    """Upper ends of the intervals, in the unit of the result."""
    corrected: Floats
    """Values with the bias that results known by then have moved, in the unit of the result."""
    verdicts: Sequence[domain.Judgement]
    """Whether the learner knows its way at each."""


def checked(model: HybridModel, samples: Samples, weight: float = 0.3) -> Checked:
    """Return what a model says of samples in the order of their times.

    Parameters
    ----------
    model
        The model.
    samples
        The samples.
    weight
        Share of a new difference in the bias [1].
    """
    found = said(model, samples.inputs)
    low, high = bounds(model, found.value, half_at(model, found.value) * found.spread)
    columns = [] if model.domain is None else [samples.inputs[name] for name in model.domain.inputs]
    points = np.column_stack(columns) if columns else np.empty((0, 0))
    verdicts = (
        []
        if model.domain is None
        else [
            model.domain.judge(point, float(spread) if model.domain.sd is not None else None)
            for point, spread in zip(points, found.spread.tolist(), strict=True)
        ]
    )
    corrected = _corrected(model, samples, found.value, weight)
    return Checked(found.value, found.core, np.asarray(low), np.asarray(high), corrected, verdicts)


def _corrected(model: HybridModel, samples: Samples, value: Floats, weight: float) -> Floats:
    """Return values with the bias of results that were known when each sample was taken."""
    off = logarithms(samples.labels / value) if model.logarithm else samples.labels - value
    order, bias, used, found = np.argsort(samples.known_at, kind="stable").tolist(), 0.0, 0, value.copy()
    for i in range(samples.n):
        # Its own result does not count, even where results come without delay.
        while used < samples.n and samples.known_at[order[used]] <= samples.at[i] and order[used] < i:
            bias += weight * (float(off[order[used]]) - bias)
            used += 1
        found[i] = float(bounds(model, float(value[i]), bias)[1])
    return found
