"""What a record tells of how well a loop did: its decisions made again, with what its estimator believed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

import numpy as np

from controller.cycle import Decision, Mode, Phase
from controller.decide import decide
from controller.estimates import Estimate
from controller.kit import LoopKit, Scale
from controller.mpc.foretold import Foretold
from controller.records import codec
from controller.records.cycles import Walk, inputs
from controller.state import LoopState
from plant_io import Outcome, Quality, Snapshot
from plant_io.signals import Floats

__all__ = ["Performed", "performed"]


@dataclass(slots=True)
class Performed:
    """One loop over a record."""

    kit: LoopKit
    """The loop."""
    foretold: Foretold
    """What its estimator foretells."""
    scales: Mapping[str, Scale]
    """Scale of the tag of each controlled variable, by tag."""
    cycles: int = 0
    """Cycles [1]."""
    phases: Counter[str] = field(default_factory=Counter[str])
    """Cycles in each phase [1]."""
    asked: int = 0
    """Cycles in which people wanted it to move the plant [1]."""
    statuses: Counter[str] = field(default_factory=Counter[str])
    """Answers of its solver by what became of them [1]."""
    moves: Counter[str] = field(default_factory=Counter[str])
    """Setpoints written, confirmed, and not taken [1]."""
    steps: list[Step] = field(default_factory=list["Step"])
    """Steps of its estimator."""
    problems: list[Posed] = field(default_factory=list["Posed"])
    """Problems posed."""
    active: list[tuple[Floats, Floats, Floats]] = field(default_factory=list[tuple[Floats, Floats, Floats]])
    """Inputs in service with the lowest and the highest permitted, each shape ``(n_u,)``, units of the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One step of an estimator."""

    estimate: Estimate
    """What the filter believed at its end."""
    inputs: Floats
    """Inputs in force, shape ``(n_u,)``, units of the model."""
    known: Floats
    """Known inputs, shape ``(n_w,)``, units of the model."""
    measured: Floats
    """Controlled variables as measured, not a number without evidence, shape ``(n_y,)``, units of the model."""
    sd: Floats
    """What was expected of the innovations, shape ``(n_m,)``, units of the model."""


@dataclass(frozen=True, slots=True, eq=False)
class Posed:
    """A problem as far as it is looked at."""

    step: int
    """Steps of the estimator until then [1]."""
    targets: Floats
    """Wanted outputs, not a number where nothing is wanted, shape ``(n_y,)``, units of the model."""
    active: bool
    """Whether the loop moved the plant."""


def performed(directory: Path, progress: Callable[[int], None] = lambda _: None) -> dict[str, Performed]:
    """Make every decision of a record again and return what it tells of each loop.

    Parameters
    ----------
    directory
        Record directory.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    walk = Walk(directory)
    kit = walk.kit()
    found = {
        name: Performed(loop, Foretold(loop), _scales(loop, kit.policy.units())) for name, loop in kit.loops.items()
    }
    state = kit.start()
    for data in walk.cycles(progress):
        before = state.loops
        snapshot, orders, plans = inputs(data, kit)
        decision, state = decide(snapshot, orders, plans, state, kit)
        for name, one in found.items():
            _counted(one, data, decision, name)
            _stepped(one, snapshot, decision, (before[name], state.loops[name]))
    return found


def _counted(one: Performed, data: codec.Fields, decision: Decision, name: str) -> None:
    mode, phase = decision.modes[name]
    tags = {fence.tag for fence in one.kit.fences.values()}
    one.cycles += 1
    one.phases[phase.value] += 1
    one.asked += mode in {Mode.AUTO, Mode.ADVISORY}
    one.statuses.update(plan["status"] for plan in data["plans"] if plan["loop"] == name)
    one.moves["written"] += sum(setpoint.tag in tags for setpoint in decision.setpoints)
    one.moves["confirmed"] += sum(setpoint.tag in tags for setpoint in decision.confirmed)
    for receipt in data["receipts"]:
        if receipt["setpoint"]["tag"] in tags and receipt["outcome"] != Outcome.TAKEN.value:
            one.moves["refused"] += 1


def _stepped(one: Performed, seen: Snapshot, decision: Decision, states: tuple[LoopState, LoopState]) -> None:
    old, new = states
    believed, before = new.filtered or new.estimate, old.filtered or old.estimate
    if believed is None or new.inputs is None or new.known is None:
        return
    given = np.array(new.inputs), np.array(new.known)
    if believed is not before:
        sd = np.full(len(one.kit.model.measured), nan) if before is None else one.foretold.sd(before, *given)
        one.steps.append(Step(believed, *given, _measured(one, seen, decision), sd))
    active = new.phase is Phase.ACTIVE
    problem = next((each for each in decision.problems if each.loop == one.kit.name), None)
    if problem is not None and one.steps:
        one.problems.append(Posed(len(one.steps) - 1, np.atleast_2d(problem.targets)[0], active))
        if active:
            one.active.append((problem.inputs, problem.low, problem.high))


def _measured(one: Performed, seen: Snapshot, decision: Decision) -> Floats:
    """Return the controlled variables as measured, shape ``(n_y,)``, units of the model."""
    found = list[float]()
    for tag, scale in one.scales.items():
        value, quality = seen.good(tag), int(Quality.GOOD)
        if tag in decision.soft:
            value, _, quality = decision.soft[tag]
        found.append(nan if value is None or quality != Quality.GOOD else scale.to_model(value))
    return np.array(found)


def _scales(kit: LoopKit, units: Mapping[str, str]) -> dict[str, Scale]:
    goals = kit.declared.controlled
    return {goals[name].tag: Scale.between(units[goals[name].tag], unit) for name, unit in kit.model.controlled.items()}
