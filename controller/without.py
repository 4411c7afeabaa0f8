"""A control problem with one thing at a time as if it were not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from controller.estimates import Estimate
from controller.kit import LoopKit, Scale
from controller.models.transfer import Transfer
from controller.plan import Problem
from plant_io.signals import Floats


class Posed(Protocol):
    """A problem, and what there was before it."""

    @property
    def problem(self) -> Problem:
        """The problem."""
        ...

    @property
    def before(self) -> Problem:
        """The problem a horizon earlier."""
        ...

    @property
    def narrowed(self) -> Mapping[str, tuple[float, float]]:
        """Limits people had set, by variable, in the unit the policy gives them in."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Variant:
    """A problem without one thing."""

    kind: str
    """What kind of thing: bias, known input, announced value, target, limit or state."""
    name: str
    """Variable."""
    what: str
    """What it is, and what stands in its place, in words with units."""
    problem: Problem
    """The problem without it."""


def variants(kit: LoopKit, posed: Posed) -> Iterator[Variant]:
    """Give a problem once without each thing that may have asked for the move; what is not there is left out.

    A bias, a known input and a target are taken as they were a horizon earlier, since what was there then has been
    answered since; an announced value as if it were not announced; a limit narrower than the policy's as the policy's;
    and the line as if it were already where it ends with the inputs of now, with the biases of now.
    """
    problem = posed.problem
    yield from _biases(kit, problem, posed.before)
    yield from _known(kit, problem, posed.before)
    yield from _targets(kit, problem, posed.before)
    yield from _announced(kit, problem)
    yield from _limits(kit, posed)
    yield from _state(kit, problem)


def _biases(kit: LoopKit, problem: Problem, before: Problem) -> Iterator[Variant]:
    for name, (places, unit) in _places(kit).items():
        state = problem.state.copy()
        state[places] = before.state[places]
        new, old = float(problem.state[places[-1]]), float(before.state[places[-1]])
        if (state != problem.state).any():
            yield Variant("bias", name, _against(new, old, unit), replace(problem, state=state))


def _against(new: float, old: float, unit: str) -> str:
    return f"{new:.4g} {unit} against {old:.4g} {unit} a horizon earlier"


def _places(kit: LoopKit) -> dict[str, tuple[list[int], str]]:
    """Return where the bias of each measurement stands in the state, what drives it last, and its unit."""
    model = kit.model
    if not isinstance(model, Transfer):
        states = list(model.states)
        return {name: ([states.index(state)], model.states[state]) for name, state in model.biases.items()}
    time = getattr(kit.declared, "time", "s")
    return {
        name: (
            sorted({model.biases.start + row, model.drives[row]}),
            f"{unit}/{time}" if model.integrating[row] else unit,
        )
        for row, (name, unit) in enumerate(model.measured.items())
    }


def _known(kit: LoopKit, problem: Problem, before: Problem) -> Iterator[Variant]:
    now, then = np.atleast_2d(problem.known), np.atleast_2d(before.known)[0]
    for i, (name, unit) in enumerate(kit.model.known.items()):
        if now[0, i] != then[i]:
            known, state = problem.known.copy(), problem.state
            known[..., i] -= now[0, i] - then[i]
            if isinstance(kit.model, Transfer):
                state = _forgotten(kit.model, state, i, float(then[i]))
            what = _against(float(now[0, i]), float(then[i]), unit)
            yield Variant("known input", name, what, replace(problem, known=known, state=state))


def _forgotten(model: Transfer, state: Floats, which: int, value: float) -> Floats:
    """Return a state that remembers of one known input no other value than `value`, in the unit of its tag."""
    column, found = len(model.inputs) + which, state.copy()
    first = model.n_d + model.step.first[column]
    found[first : first + model.step.lengths[column]] = value
    return found


def _targets(kit: LoopKit, problem: Problem, before: Problem) -> Iterator[Variant]:
    now, then = np.atleast_2d(problem.targets)[0], np.atleast_2d(before.targets)[0]
    for i, (name, unit) in enumerate(kit.model.controlled.items()):
        if now[i] != then[i] and np.isfinite(now[i]) and np.isfinite(then[i]):
            targets = problem.targets.copy()
            targets[..., i] -= now[i] - then[i]
            shown = Scale.between(unit, kit.declared.controlled[name].unit)
            new, old = shown.to_model(float(now[i])), shown.to_model(float(then[i]))
            code = kit.declared.controlled[name].unit
            yield Variant("target", name, _against(new, old, code), replace(problem, targets=targets))


def _announced(kit: LoopKit, problem: Problem) -> Iterator[Variant]:
    for i, (name, unit) in enumerate(kit.model.known.items()):
        if problem.known.ndim > 1 and np.ptp(problem.known[:, i]) > 0.0:
            known = problem.known.copy()
            last, known[:, i] = known[-1, i], known[0, i]
            what = f"{last:.4g} {unit} to come against {known[0, i]:.4g} {unit} for good"
            yield Variant("announced value", name, what, replace(problem, known=known))
    for i, (name, unit) in enumerate(kit.model.controlled.items()):
        if problem.targets.ndim > 1 and np.ptp(problem.targets[:, i]) > 0.0:
            targets = problem.targets.copy()
            last, targets[:, i] = targets[-1, i], targets[0, i]
            what = f"target {last:.4g} {unit} to come against {targets[0, i]:.4g} {unit} for good"
            yield Variant("announced value", name, what, replace(problem, targets=targets))


def _limits(kit: LoopKit, posed: Posed) -> Iterator[Variant]:
    problem = posed.problem
    for i, (name, unit) in enumerate(kit.model.inputs.items()):
        if problem.low[i] > kit.low[i] or problem.high[i] < kit.high[i]:
            low, high = problem.low.copy(), problem.high.copy()
            found = (float(low[i]), float(high[i]))
            low[i], high[i] = kit.low[i], kit.high[i]
            what = _spoken(kit.declared.moved[name].unit, unit, found, (float(low[i]), float(high[i])))
            yield Variant(
                "limit", name, what + _whose(posed, name, "authority or a PLC"), replace(problem, low=low, high=high)
            )
    if not len(problem.lowest):
        return
    for i, (name, unit) in enumerate(kit.model.controlled.items()):
        goal = kit.declared.controlled[name]
        shown = Scale.between(goal.unit, unit)
        wide = (
            (-np.inf, np.inf)
            if goal.limits is None
            else (shown.to_model(goal.limits[0]), shown.to_model(goal.limits[1]))
        )
        found = (float(problem.lowest[i]), float(problem.highest[i]))
        if not np.allclose(found, wide, rtol=1e-12, atol=0.0):
            lowest, highest = problem.lowest.copy(), problem.highest.copy()
            lowest[i], highest[i] = wide
            what = _spoken(goal.unit, unit, found, wide) + _whose(posed, name, "a distance kept or a return")
            yield Variant("limit", name, what, replace(problem, lowest=lowest, highest=highest))


def _spoken(code: str, unit: str, found: tuple[float, float], wide: tuple[float, float]) -> str:
    shown = Scale.between(unit, code)
    one, other = (f"{shown.to_model(low):.4g} to {shown.to_model(high):.4g} {code}" for low, high in (found, wide))
    return f"{one} against {other} of the policy"


def _whose(posed: Posed, name: str, others: str) -> str:
    return ", set by people" if name in posed.narrowed else f", by {others}"


def _state(kit: LoopKit, problem: Problem) -> Iterator[Variant]:
    rest = _rest(kit, problem)
    kept = [place for places, _ in _places(kit).values() for place in places]
    if isinstance(kit.model, Transfer):
        kept += kit.model.integrators.values()
    rest[kept] = problem.state[kept]
    if np.isfinite(rest).all() and (rest != problem.state).any():
        what = "what is under way in the line against where it ends with the inputs of now"
        yield Variant("state", "line", what, replace(problem, state=rest))


def _rest(kit: LoopKit, problem: Problem) -> Floats:
    """Return where a line ends with the inputs of now: at rest, or where a model that learns is a horizon later.

    What such a model has learnt of material and instruments stays as it is.
    """
    known = np.atleast_2d(problem.known)[0]
    if isinstance(kit.model, Transfer):
        return kit.model.steady(problem.inputs, known, {})
    n = len(problem.state)
    estimate = Estimate(problem.state, np.zeros((n, n)), {})
    for _ in range(round(kit.declared.horizon * kit.declared.sample_s / kit.period_s)):
        estimate = kit.estimator.step(estimate, problem.inputs, known, {})
    return estimate.x.copy()
