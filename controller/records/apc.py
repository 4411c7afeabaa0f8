"""The figures of a loop over a record: foretelling, service, saturation, swinging, and doubt that is right or wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from controller.kit import LoopKit, Scale
from controller.performance import Mismatch, Missed, Oscillation, at_end, horizons, mismatch, missed, oscillation, share
from controller.records.performed import Performed, Step
from plant_io.signals import Floats

_LOOKS = 150
"""Most instants from which is looked ahead [1]."""
_NEAR = 1e-3


@dataclass(frozen=True, slots=True)
class Held:
    """One controlled variable."""

    unit: str
    """UCUM code of the policy."""
    against: str
    """What predictions are held against: measured, or believed where results come late."""
    missed: tuple[Missed, ...]
    """How far that was from what was foretold."""
    swings: Oscillation
    """How regularly its error swings while the loop is in service."""


@dataclass(frozen=True, slots=True)
class Worked:
    """One input."""

    unit: str
    """UCUM code of the policy."""
    total: float
    """Sum of its absolute changes between problems in service, in `unit`."""
    at_limit: float
    """Share of them that found it at the limit then in force [1]; not a number where there were none."""
    at_end: float
    """Share of them that found it at a limit of the policy [1]; not a number where there were none."""


@dataclass(frozen=True, slots=True)
class Apc:
    """The figures of one loop."""

    cycles: int
    """Cycles in the record [1]."""
    service: float
    """Share of them in which the loop moved the plant [1]."""
    of_asked: float
    """Share of those in which people wanted it to [1]; not a number where there were none."""
    phases: Mapping[str, float]
    """Share of each phase [1]."""
    solves: Mapping[str, int]
    """Answers of the solver by what became of them [1]."""
    moves: Mapping[str, int]
    """Setpoints written, confirmed by read-back, and not taken by the device [1]."""
    held: Mapping[str, Held]
    """Controlled variables."""
    worked: Mapping[str, Worked]
    """Inputs."""
    mismatch: Mapping[str, tuple[str, Mismatch]]
    """Unit of the model, and how the model fails by one step, by measurement."""


def figures(one: Performed) -> Apc:
    """Return the figures of one loop."""
    phases = {phase: count / one.cycles for phase, count in one.phases.items()} if one.cycles else {}
    service = phases.get("active", 0.0)
    return Apc(
        cycles=one.cycles,
        service=service,
        of_asked=service * one.cycles / one.asked if one.asked else nan,
        phases=phases,
        solves=dict(one.statuses),
        moves={what: one.moves[what] for what in ("written", "confirmed", "refused")},
        held=dict(_held(one)),
        worked=dict(_worked(one)),
        mismatch=dict(_mismatch(one)),
    )


def _held(one: Performed) -> Iterator[tuple[str, Held]]:
    """Give each controlled variable with what it came to."""
    kit = one.kit
    foretold, began, came, stops = _looked(one)
    errors = _errors(one)
    for i, (name, unit) in enumerate(kit.model.controlled.items()):
        code = kit.declared.controlled[name].unit
        scale = Scale.between(unit, code)
        then, there, first = (part[..., i] * scale.slope + scale.shift for part in (foretold, came, began))
        off = tuple(missed(ahead, there[:, k], then[:, k], first) for k, ahead in enumerate(stops))
        yield (
            name,
            Held(
                code,
                "believed" if name in _late(kit) else "measured",
                off,
                oscillation(errors[:, i], kit.declared.sample_s),
            ),
        )


def _looked(one: Performed) -> tuple[Floats, Floats, Floats, tuple[int, ...]]:
    """Return what was foretold, shape ``(n, h, n_y)``, what was believed then, ``(n, n_y)``, what came, and `h`.

    The model is led along the inputs that were really made, so that the error is its own and not that of later plans.
    """
    each, ends = _each(one), len(one.steps)
    stops = tuple(ahead for ahead in horizons(one.kit.declared.horizon) if ahead * each < ends)
    n_y = len(one.kit.model.controlled)
    span = stops[-1] * each if stops else 0
    from_ = [posed.step for posed in one.problems if posed.step + span < ends] if stops else []
    chosen = from_[:: max(1, -(-len(from_) // _LOOKS))]
    foretold, came = np.full((len(chosen), len(stops), n_y), nan), np.full((len(chosen), len(stops), n_y), nan)
    began = np.full((len(chosen), n_y), nan)
    for row, at in enumerate(chosen):
        step, later = one.steps[at], one.steps[at + 1 : at + 1 + span]
        course = [(made.inputs, made.known) for made in later]
        foretold[row] = one.foretold.ahead(step.estimate, course, [ahead * each for ahead in stops])
        came[row] = [_came(one, later[ahead * each - 1]) for ahead in stops]
        began[row] = one.foretold.outputs(step.estimate, (step.inputs, step.known))
    return foretold, began, came, stops


def _late(kit: LoopKit) -> frozenset[str]:
    """Return the controlled variables whose tags show what was so some time ago."""
    told = () if kit.memory is None else kit.memory.told
    tags = {kit.declared.measured[name].tag for name in told}
    return frozenset(name for name, goal in kit.declared.controlled.items() if goal.tag in tags)


def _came(one: Performed, step: Step) -> Floats:
    """Return the controlled variables after a step as measured, or as believed where results come late, ``(n_y,)``."""
    late = _late(one.kit)
    if not late:
        return step.measured
    believed = one.foretold.outputs(step.estimate, (step.inputs, step.known))
    return np.where([name in late for name in one.kit.model.controlled], believed, step.measured)


def _each(one: Performed) -> int:
    """Return the steps of the estimator in a sample [1]."""
    kit = one.kit
    return 1 if kit.trigger is not None else round(kit.declared.sample_s / kit.period_s)


def _errors(one: Performed) -> Floats:
    """Return measured less wanted whenever a problem was posed in service, shape ``(n, n_y)``, units of the model."""
    rows = [(_came(one, one.steps[posed.step]), posed.targets) for posed in one.problems if posed.active]
    n_y = len(one.kit.model.controlled)
    measured, wanted = (np.array([row[k] for row in rows]).reshape(-1, n_y) for k in (0, 1))
    return measured - np.where(np.isfinite(wanted), wanted, 0.0)


def _worked(one: Performed) -> Iterator[tuple[str, Worked]]:
    kit: LoopKit = one.kit
    n_u = len(kit.model.inputs)
    inputs, low, high = (np.array([row[k] for row in one.active]).reshape(-1, n_u) for k in range(3))
    near = _NEAR * (kit.high - kit.low)
    now, ever = at_end(inputs, low, high, near), at_end(inputs, kit.low, kit.high, near)
    for i, (name, unit) in enumerate(kit.model.inputs.items()):
        code = kit.declared.moved[name].unit
        total = float(np.abs(np.diff(inputs[:, i])).sum()) * Scale.between(unit, code).slope
        yield name, Worked(code, total, share(now[:, i]), share(ever[:, i]))


def _mismatch(one: Performed) -> Iterator[tuple[str, tuple[str, Mismatch]]]:
    for i, (name, unit) in enumerate(one.kit.model.measured.items()):
        found = np.array([step.estimate.innovations.get(name, nan) for step in one.steps])
        yield name, (unit, mismatch(found, np.array([step.sd[i] for step in one.steps])))
