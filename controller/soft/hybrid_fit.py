"""Fits hybrid soft sensors: the core first, then what it leaves over, each choice made by the same inner validation.

References
----------
D. C. Psichogios, L. H. Ungar, "A hybrid neural network-first principles approach to process modeling", AIChE J. 38(10),
1992, doi:10.1002/aic.690381003 (serial form).
H.-T. Su, N. Bhat, P. A. Minderman, T. J. McAvoy, "Integrating neural networks with first principles models for dynamic
modeling", IFAC Proc. Vol. 25(5), 1992, doi:10.1016/S1474-6670(17)51013-7 (parallel form).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np

from controller.models.process import Parameter
from controller.soft.cores import CORES, Values
from controller.soft.hybrid_model import LEAST_SPREAD, NO_CORE, REACH, core_with, grown, matrix
from controller.soft.kernels import exponentials
from controller.soft.learners import Learnt, learn, possible
from controller.soft.logarithms import logarithms
from controller.soft.recipes import MANY, Plan, Recipe, recipes
from controller.soft.samples import Indices, Samples
from plant_io.signals import Floats

MOST_FOLDS = 10
"""Most consecutive parts of the samples that are left out in turn [1]."""

ENOUGH = 1.03
"""A simpler learner is enough if its error is within this factor of the least [1].

Beside a core and with few samples it is enough if it is within one standard error of the least, which is about
``1/sqrt(2 n)`` of it (L. Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3).
"""

_HALVINGS, _ALIKE = 24, 1e-6
_LEAST_SPREAD_OF_LABELS = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A recipe fitted to samples; it speaks in the unit of the result, or in its logarithm."""

    recipe: Recipe
    """The recipe."""
    logarithm: bool
    """Whether it speaks in the logarithm of the result."""
    parameters: Mapping[str, Parameter]
    """Identified parameters of the core."""
    learnt: Learnt | None
    """The learner; none for the core alone."""

    def __call__(self, inputs: Values) -> tuple[Floats, Floats | None]:
        """Return values and, where the learner knows them, standard deviations, each of shape ``(n,)``.

        Parameters
        ----------
        inputs
            Inputs by name, each of shape ``(n,)``, in their units.
        """
        numbers = {name: one.value for name, one in self.parameters.items()}
        given = evaluated(self.recipe.core, numbers, inputs)
        core = logarithms(given["value"]) if self.logarithm else given["value"]
        if self.learnt is None:
            return core, None
        mean, sd = self.learnt(matrix(self.recipe.features, inputs, given))
        if self.recipe.governs is not None:
            value = core_with(self.recipe.core, numbers, inputs, (self.recipe.governs, mean))
            return (logarithms(value) if self.logarithm else value), None
        return (core + mean if self.recipe.form == "parallel" else mean), sd


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What inner validation chose."""

    trained: Trained
    """The recipe, fitted to all samples."""
    rmsecv: float
    """Its error on samples left out, in the unit of the result or relative [1]."""
    scores: Floats
    """How far each sample left out was missed, in multiples of what was stated with it [1], shape ``(n,)``."""
    scale: float
    """Typical error, at least that of a label, in the unit of the result or relative [1]."""
    middle: float
    """Mean of the labels, in their unit."""
    tried: Mapping[Recipe, float]
    """Error of every recipe tried, in the same unit."""


def evaluated(core: str, parameters: Mapping[str, float], inputs: Values) -> Mapping[str, Floats]:
    """Return value and clues of a core, each of shape ``(n,)``; not a number where there is no core.

    Parameters
    ----------
    core
        Name of the core, or of none.
    parameters
        Its parameters by name, in their units.
    inputs
        Inputs by name, each of shape ``(n,)``, in their units.
    """
    if core == NO_CORE:
        return {"value": np.full(len(next(iter(inputs.values()))), np.nan)}
    return CORES[core](dict(parameters), inputs)


def identified(plan: Plan, samples: Samples, near: Mapping[str, Parameter] | None = None) -> dict[str, Parameter]:
    """Return the parameters of a core that explain labels best, held near their guesses.

    Least squares in the logarithms of the parameters, with the guesses as further observations; standard errors are
    those of the linearised fit.

    Parameters
    ----------
    plan
        What is to be made.
    samples
        The samples.
    near
        Parameters at which the search begins; the guesses if absent.

    Raises
    ------
    ValueError
        If the fit does not converge.
    """
    from scipy.optimize import least_squares  # noqa: PLC0415  # slow to import

    if plan.core == NO_CORE:
        return {}
    core = CORES[plan.core]
    guesses = {n: plan.prior[n].value if n in plan.prior else one.guess for n, one in core.unknowns.items()}
    start = np.log(list(guesses.values()))
    spreads = np.array([one.spread for one in core.unknowns.values()])
    wanted = _spoken(samples.labels, logarithm=core.logarithm)

    def residuals(theta: Floats) -> Floats:
        value = core(dict(zip(core.unknowns, np.exp(theta).tolist(), strict=True)), samples.inputs)["value"]
        off = (_spoken(value, logarithm=core.logarithm) - wanted) / core.rough
        return np.concatenate([off, (theta - start) / spreads])

    begin = start if near is None else np.log([near[name].value for name in core.unknowns])
    found = least_squares(residuals, begin, x_scale=spreads, xtol=_ALIKE, ftol=_ALIKE)
    if not found.success or not np.isfinite(found.x).all():
        raise ValueError(f"the parameters of the core {plan.core} cannot be identified: {found.message}")
    slopes = np.asarray(found.jac)
    errors = np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))
    return {
        name: Parameter(value=exp(at), sd=exp(at) * sd, unit=one.unit)
        for (name, one), at, sd in zip(core.unknowns.items(), found.x.tolist(), errors.tolist(), strict=True)
    }


def train(
    recipe: Recipe, plan: Plan, samples: Samples, parameters: Mapping[str, Parameter], needed: Floats | None = None
) -> Trained:
    """Return a recipe fitted to samples.

    Parameters
    ----------
    recipe
        The recipe.
    plan
        What is to be made.
    samples
        The samples.
    parameters
        Parameters of the core identified from the same samples.
    needed
        Logarithm of the factor of the governed parameter that gives each label [1], shape ``(n,)``; found anew if
        absent.
    """
    if recipe.kind is None:
        return Trained(recipe, plan.logarithm, parameters, None)
    numbers = {name: one.value for name, one in parameters.items()}
    given = evaluated(recipe.core, numbers, samples.inputs)
    target = _spoken(samples.labels, logarithm=plan.logarithm)
    if recipe.governs is not None:
        target = _needed(recipe, numbers, samples) if needed is None else needed
    elif recipe.form == "parallel":
        target = target - _spoken(given["value"], logarithm=plan.logarithm)
    if not float(np.ptp(target)) > _LEAST_SPREAD_OF_LABELS:
        target = target + _LEAST_SPREAD_OF_LABELS * np.arange(len(target))
    seen = matrix(recipe.features, samples.inputs, given)
    return Trained(recipe, plan.logarithm, parameters, learn(recipe.kind, recipe.setting, seen, target, plan.seed))


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """Samples with parts left out in turn, and the core identified without each."""

    parts: Sequence[Indices]
    """The parts."""
    kept: Sequence[Samples]
    """What is left without each."""
    cores: Sequence[Mapping[str, Parameter]]
    """Parameters of the core identified from that."""
    whole: Mapping[str, Parameter]
    """Parameters of the core identified from all."""


def folded(plan: Plan, samples: Samples) -> Folds:
    """Return samples with consecutive parts left out in turn, and the core identified anew without each.

    Parameters
    ----------
    plan
        What is to be made.
    samples
        The samples.

    Raises
    ------
    ValueError
        If the core cannot be identified.
    """
    parts = list(blocks(samples.n))
    kept = [samples.rows(np.setdiff1d(np.arange(samples.n), part)) for part in parts]
    whole = identified(plan, samples)
    return Folds(parts, kept, [identified(plan, one, whole) for one in kept], whole)


def chosen(plan: Plan, samples: Samples, folds: Folds | None = None) -> Found:
    """Return the recipe that misses samples left out least, fitted to all samples.

    Samples are left out in consecutive parts; the core is identified anew without each part.

    Parameters
    ----------
    plan
        What is to be made.
    samples
        The samples.
    folds
        The same with parts left out; made anew if absent.

    Raises
    ------
    ValueError
        If no recipe can be fitted.
    """
    folds = folds or folded(plan, samples)
    wanted, tried, missed = (
        _spoken(samples.labels, logarithm=plan.logarithm),
        dict[Recipe, float](),
        dict[Recipe, _Left](),
    )
    least, all_recipes = min(part.n for part in folds.kept), list(recipes(plan, samples))
    parts = list(zip(folds.parts, folds.kept, folds.cores, _targets(all_recipes, folds), strict=True))
    for recipe in all_recipes:
        if recipe.kind is not None and not possible(recipe.kind, recipe.setting, least, len(recipe.features)):
            continue
        left = _left_out(recipe, plan, samples, parts)
        missed[recipe] = left
        tried[recipe] = float(np.sqrt(np.mean((left.mean - wanted) ** 2)))
    if not tried:
        raise ValueError(f"found {samples.n} samples, too few for any learner")
    few = plan.core != NO_CORE and samples.n < MANY
    enough = 1.0 + (2.0 * samples.n) ** -0.5 if few else ENOUGH
    best = _simplest(tried, enough)
    mean, sd = _by_others(missed, wanted, folds.parts, enough)
    scale = max(float(np.sqrt(np.mean((mean - wanted) ** 2))), plan.label_sd, _LEAST_SPREAD_OF_LABELS)
    middle = max(float(np.mean(samples.labels)), _LEAST_SPREAD_OF_LABELS)
    spread = stated(sd, scale, mean, (plan.growth, middle))
    trained = train(best, plan, samples, folds.whole)
    return Found(trained, tried[best], np.asarray(np.abs(mean - wanted) / spread), scale, middle, tried)


def stated(sd: Floats | None, scale: float, value: Floats, growth: tuple[float, float]) -> Floats:
    """Return the scale of errors that is stated with predictions, shape ``(n,)``, in their unit or relative.

    Parameters
    ----------
    sd
        Standard deviations of the learner, shape ``(n,)``, in the same unit; not a number where it knows none.
    scale
        Typical error, in the same unit.
    value
        Predictions, shape ``(n,)``, in the same unit.
    growth
        Share of the variance that grows with the value [1], and the usual value, in its unit.
    """
    least = np.full(len(value), scale) if sd is None else np.maximum(np.nan_to_num(sd, nan=scale), LEAST_SPREAD * scale)
    return np.asarray(least * grown(*growth, value)) if growth[0] > 0.0 else least


def _simplest(errors: Mapping[Recipe, float], enough: float) -> Recipe:
    return next(recipe for recipe, error in errors.items() if error <= enough * min(errors.values()))


def _by_others(
    missed: Mapping[Recipe, _Left], wanted: Floats, folds: Sequence[Indices], enough: float
) -> tuple[Floats, Floats]:
    """Return what is said of every sample by the recipe that samples of the other parts would have chosen.

    So an error does not look small because its own part had a say in the choice. Standard deviations are not a number
    where none is known.
    """
    mean, sd = np.empty(len(wanted)), np.full(len(wanted), np.nan)
    for fold in folds:
        others = np.setdiff1d(np.arange(len(wanted)), fold)
        errors = {r: float(np.sqrt(np.mean((left.mean - wanted)[others] ** 2))) for r, left in missed.items()}
        left = missed[_simplest(errors, enough)]
        mean[fold] = left.mean[fold]
        if left.sd is not None:
            sd[fold] = left.sd[fold]
    return mean, sd


def blocks(n: int) -> Iterator[Indices]:
    """Give consecutive parts of `n` samples, at most `MOST_FOLDS`."""
    yield from (part for part in np.array_split(np.arange(n), min(n, MOST_FOLDS)) if len(part))


@dataclass(frozen=True, slots=True, eq=False)
class _Left:
    """What was said of samples left out."""

    mean: Floats
    sd: Floats | None


_Fold = tuple[Indices, Samples, Mapping[str, Parameter], Floats | None]


def _targets(every: Sequence[Recipe], folds: Folds) -> list[Floats | None]:
    """Return what is needed of the governed parameter in each fold, the same for all recipes that have one."""
    governing = next((recipe for recipe in every if recipe.governs is not None), None)
    if governing is None:
        return [None] * len(folds.parts)
    numbers = [{name: one.value for name, one in core.items()} for core in folds.cores]
    return [_needed(governing, known, kept) for known, kept in zip(numbers, folds.kept, strict=True)]


def _left_out(recipe: Recipe, plan: Plan, samples: Samples, folds: Sequence[_Fold]) -> _Left:
    mean, sd = np.empty(samples.n), np.full(samples.n, np.nan)
    for fold, kept, parameters, needed in folds:
        trained = train(recipe, plan, kept, parameters, needed)
        mean[fold], spread = trained({name: values[fold] for name, values in samples.inputs.items()})
        if spread is not None:
            sd[fold] = spread
    return _Left(mean, sd if bool(np.isfinite(sd).all()) else None)


def _needed(recipe: Recipe, parameters: Mapping[str, float], samples: Samples) -> Floats:
    """Return the logarithm of the factor of the governed parameter that gives each label [1], by halving."""
    name, n = recipe.governs or "", samples.n
    ends = [core_with(recipe.core, parameters, samples.inputs, (name, np.full(n, end))) for end in (-REACH, REACH)]
    rising = ends[1] >= ends[0]
    low, high = np.full(n, -REACH), np.full(n, REACH)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        above = (core_with(recipe.core, parameters, samples.inputs, (name, middle)) < samples.labels) == rising
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    found: Floats = 0.5 * (low + high)
    return found


def _spoken(values: Floats, *, logarithm: bool) -> Floats:
    return logarithms(values) if logarithm else values


def unspoken(values: Floats, *, logarithm: bool) -> Floats:
    """Return values in the unit of the result, shape ``(n,)``.

    Parameters
    ----------
    values
        Values as a model speaks, shape ``(n,)``, in the unit of the result or its logarithm.
    logarithm
        Which of them.
    """
    return exponentials(values) if logarithm else values
