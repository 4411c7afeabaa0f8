"""Why a loop made a move: what held it back, what asked for it, and what would have been without it.

A problem is solved again with one thing at a time as if it were not there, and the first move compared: a difference
that belongs to that thing alone. What things do only together, and what the move owes to nothing named here, is left
over and told as the remainder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from controller.cycle import Mode, Phase
from controller.kit import LoopKit, Scale
from controller.plan import Binding, Limit, Plan, Problem, Status
from controller.wish import Use, wish
from controller.without import Variant, variants
from plant_io.signals import Floats
from policies import Loop, Mpc, SqpSettings

_TIGHT = 1e-8
"""Tolerance with which problems are solved again, so that small differences are those of the problem [1]."""
_STEPS = 50
_PATIENCE_S = 60.0


class Solver(Protocol):
    """What solves the problems of a loop again."""

    def solve(self, problem: Problem) -> Plan:
        """Return the plan for one problem."""
        ...

    def held(self, problem: Problem) -> Floats:
        """Return the outputs if every input stays where it is, shape ``(horizon + 1, n_y)``, units of the model."""
        ...


@dataclass(frozen=True, slots=True)
class Moment:
    """One loop in one cycle of a record."""

    number: int
    """Number of the cycle [1]."""
    at: float
    """Start of the cycle, POSIX time [s]."""
    since_s: float
    """The same since the first cycle of the record [s]."""
    state: tuple[Mode, Phase]
    """Mode and phase of the loop."""
    written: Mapping[str, float]
    """Setpoints written in this cycle by tag, each in the unit of its tag."""
    plan: Plan
    """Newest solved plan."""
    problem: Problem
    """What it answers."""
    before: Problem
    """The problem a horizon earlier, or the first of the loop."""
    narrowed: Mapping[str, tuple[float, float]] = field(default_factory=dict[str, tuple[float, float]])
    """Limits people had set, by variable, in the unit the policy gives them in."""
    without: tuple[str, ...] = ()
    """What the loop did without."""


@dataclass(frozen=True, slots=True)
class Move:
    """What was planned for one input."""

    name: str
    """Input."""
    tag: str
    """Tag that is written."""
    unit: str
    """UCUM code of the policy."""
    stood: float
    """Where it stood when the problem was posed, in `unit`."""
    planned: float
    """First move of the plan, in `unit`."""
    asked: float
    """Where the plan wanted it in this cycle, in `unit`."""
    written: float | None
    """What was written in this cycle, in `unit`; None where nothing was."""
    solver: float
    """What the first move owes to where the solver stopped, in `unit`; not a number where solving again failed."""
    largest: float
    """Largest move a plan may ask for in one sample, in `unit`."""
    remainder: float
    """What of the first move no part explains alone, in `unit`; not a number where a part is not known."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A limit the plan runs into."""

    name: str
    """Input or controlled variable."""
    limit: Limit
    """Which limit."""
    value: float
    """The limit, in `unit`."""
    unit: str
    """UCUM code of the policy."""
    samples: tuple[int, int]
    """First and last sample at which it binds [1]."""
    seconds: tuple[float, float]
    """The same as time after the problem was posed [s]."""
    price: float
    """What the plan would cost less with one `scale` more room, in squared scales [1]."""
    scale: float
    """The scale of the variable, in `unit`."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one thing does to the first move, alone."""

    kind: str
    """What kind of thing: bias, known input, announced value, target, limit or state."""
    name: str
    """Variable."""
    what: str
    """What it is, against what, in words with units."""
    moves: Mapping[str, float]
    """First move with it less that without it by input, in the unit the policy gives; not a number where none is."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A controlled variable as it was expected."""

    name: str
    """Controlled variable."""
    unit: str
    """UCUM code of the policy."""
    target: float
    """Value wanted at first, in `unit`; not a number where nothing is."""
    limits: tuple[float, float]
    """Lowest and highest acceptable value, in `unit`; may be infinite."""
    seconds: Floats
    """Time after the problem was posed, shape ``(horizon + 1,)`` [s]."""
    planned: Floats
    """As planned, shape ``(horizon + 1,)``, in `unit`."""
    held: Floats
    """If every input had stayed where it stood, shape ``(horizon + 1,)``, in `unit`."""


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why a loop made a move."""

    moment: Moment
    """What is explained."""
    use: Use
    """What was made of the plan."""
    age_s: float
    """Time since its problem was posed [s]."""
    moves: tuple[Move, ...]
    """What was planned and written."""
    bounds: tuple[Bound, ...]
    """Limits it runs into; those that cost nothing are not told."""
    parts: tuple[Part, ...]
    """What asked for it."""
    courses: tuple[Course, ...]
    """What was expected with it and without it."""


def exact(loop: Loop) -> Loop:
    """Return a loop whose problems are solved as far as its solver goes, for comparisons nobody waits for."""
    update: dict[str, object] = {"max_solve_s": _PATIENCE_S}
    if isinstance(loop, Mpc) and isinstance(loop.solver, SqpSettings):
        given = {"tolerance": _TIGHT, "feedback": "full", "steps": _STEPS, "compile": False}
        update["solver"] = loop.solver.model_copy(update=given)
    return loop.model_copy(update=update)


def explain(kit: LoopKit, moment: Moment, solver: Solver) -> Explanation:
    """Return why a loop made a move.

    Parameters
    ----------
    kit
        The loop.
    moment
        The loop in one cycle.
    solver
        Solves its problems, those of `exact` best.
    """
    problem, plan = moment.problem, moment.plan
    again = solver.solve(problem)
    first = _first(again, problem)
    tried = [(one, first - _first(solver.solve(one.problem), one.problem)) for one in variants(kit, moment)]
    asked = wish(plan, moment.at, kit.declared)
    return Explanation(
        moment=moment,
        use=asked.use,
        age_s=moment.at - plan.at,
        moves=_moves(kit, moment, (first, _sum(tried, len(first))), asked.inputs),
        bounds=tuple(_bound(kit, problem, one) for one in plan.active or again.active),
        parts=tuple(_part(kit, *one) for one in tried),
        courses=tuple(_courses(kit, moment, solver.held(problem))),
    )


def _first(plan: Plan, problem: Problem) -> Floats:
    """Return the first move of a plan, shape ``(n_u,)``, units of the model; not numbers where there is none."""
    return plan.moves[0] - problem.inputs if plan.status is Status.SOLVED else np.full(len(problem.inputs), np.nan)


def _sum(tried: Sequence[tuple[Variant, Floats]], n_u: int) -> Floats:
    total = np.zeros(n_u)
    for _, difference in tried:
        total += difference
    return total


def _moves(kit: LoopKit, moment: Moment, found: tuple[Floats, Floats], asked: Floats | None) -> tuple[Move, ...]:
    first, parts = found
    problem, rows = moment.problem, list[Move]()
    planned = moment.plan.moves[0] - problem.inputs
    for i, (name, unit) in enumerate(kit.model.inputs.items()):
        declared = kit.declared.moved[name]
        scale, tag = Scale.between(unit, declared.unit), moment.written.get(declared.tag)
        rows.append(
            Move(
                name=name,
                tag=declared.tag,
                unit=declared.unit,
                stood=scale.to_model(float(problem.inputs[i])),
                planned=float(planned[i]) * scale.slope,
                asked=scale.to_model(float((problem.inputs if asked is None else asked)[i])),
                written=None if tag is None else scale.to_model(kit.scales[declared.tag].to_model(tag)),
                solver=float(planned[i] - first[i]) * scale.slope,
                largest=declared.max_move,
                remainder=float(first[i] - parts[i]) * scale.slope,
            )
        )
    return tuple(rows)


def _part(kit: LoopKit, variant: Variant, moves: Floats) -> Part:
    slopes = [Scale.between(unit, kit.declared.moved[name].unit).slope for name, unit in kit.model.inputs.items()]
    by_name = zip(kit.model.inputs, moves.tolist(), slopes, strict=True)
    return Part(variant.kind, variant.name, variant.what, {name: move * slope for name, move, slope in by_name})


def _bound(kit: LoopKit, problem: Problem, found: Binding) -> Bound:
    sample_s = kit.declared.sample_s
    if found.limit in {Limit.OUTPUT_LOW, Limit.OUTPUT_HIGH}:
        goal = kit.declared.controlled[found.name]
        unit, scale = goal.unit, goal.scale
        value = acceptable(kit, problem, found.name)[found.limit is Limit.OUTPUT_HIGH]
    else:
        moved = kit.declared.moved[found.name]
        unit, scale = moved.unit, moved.scale
        at = list(kit.model.inputs).index(found.name)
        ends = {Limit.INPUT_LOW: problem.low, Limit.INPUT_HIGH: problem.high}
        shown = Scale.between(kit.model.inputs[found.name], unit)
        value = shown.to_model(float(ends[found.limit][at])) if found.limit in ends else moved.max_move
    samples = (found.first, found.last)
    seconds = (found.first * sample_s, found.last * sample_s)
    return Bound(found.name, found.limit, value, unit, samples, seconds, found.price, scale)


def acceptable(kit: LoopKit, problem: Problem, name: str) -> tuple[float, float]:
    """Return lowest and highest acceptable value of a controlled variable, in the unit the policy gives it in."""
    goal = kit.declared.controlled[name]
    if not len(problem.lowest):
        return (-np.inf, np.inf) if goal.limits is None else goal.limits
    at, shown = list(kit.model.controlled).index(name), Scale.between(kit.model.controlled[name], goal.unit)
    return shown.to_model(float(problem.lowest[at])), shown.to_model(float(problem.highest[at]))


def _courses(kit: LoopKit, moment: Moment, held: Floats) -> Iterator[Course]:
    problem, planned = moment.problem, moment.plan.outputs
    wanted = np.atleast_2d(problem.targets)[0]
    seconds = kit.declared.sample_s * np.arange(len(planned), dtype=np.float64)
    for i, (name, unit) in enumerate(kit.model.controlled.items()):
        declared = kit.declared.controlled[name]
        scale = Scale.between(unit, declared.unit)
        yield Course(
            name=name,
            unit=declared.unit,
            target=scale.to_model(float(wanted[i])),
            limits=acceptable(kit, problem, name),
            seconds=seconds,
            planned=planned[:, i] * scale.slope + scale.shift,
            held=held[:, i] * scale.slope + scale.shift,
        )
