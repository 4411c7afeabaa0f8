"""What the newest plan asks for now, and how long an old one may be believed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import floor

import numpy as np

from controller.plan import Plan
from plant_io.signals import Floats
from plant_io.values import quick
from policies import Loop, Mpc, SqpSettings, TransferFunction


class Use(StrEnum):
    """What is made of the newest plan."""

    NONE = "no plan yet"
    FRESH = "followed"
    SHIFTED = "followed further, no new plan has come"
    HELD = "setpoints stand still, no new plan has come"
    OVER = "given up, no new plan has come"


@quick
@dataclass(frozen=True, slots=True)
class Wish:
    """What a plan asks for at one instant."""

    use: Use
    """What is made of the plan."""
    inputs: Floats | None = None
    """Inputs wished for, shape ``(n_u,)``, units of the model; None where nothing is asked."""


def wish(plan: Plan | None, at: float, loop: Loop) -> Wish:
    """Return what the newest solved plan asks for.

    A plan is answered by the next one after a sample and the solver's deadline; after that it is followed further for
    `late.shift` samples, then the setpoints stand for `late.hold` samples, then it is given up.

    Parameters
    ----------
    plan
        Newest solved plan.
    at
        Start of the cycle, POSIX time [s].
    loop
        What the policy says of the loop.
    """
    if plan is None:
        return Wish(Use.NONE)
    age_s = at - plan.at
    late = floor((age_s - loop.deadline_s) / loop.sample_s + 1e-9)
    if late > loop.late.shift + loop.late.hold:
        return Wish(Use.OVER)
    if late > loop.late.shift:
        return Wish(Use.HELD)
    # With a matrix a move stands until the next plan can be there, as its solver reckons.
    since_s = age_s - (loop.deadline_s if isinstance(loop, TransferFunction) else 0.0)
    row = min(max(floor(since_s / loop.sample_s + 1e-9), 0), len(plan.moves) - 1)
    return Wish(Use.SHIFTED if late > 0 else Use.FRESH, plan.moves[row])


def guess(plan: Plan | None, at: float, loop: Loop) -> Floats:
    """Return the newest solved plan moved up to now, shape ``(horizon, n_u)``, units of the model; empty if it is none.

    A plan older than the failures the policy bears is no guess: what made them may lie in it.

    Parameters
    ----------
    plan
        Newest solved plan.
    at
        Start of the cycle, POSIX time [s].
    loop
        What the policy says of the loop.
    """
    none = np.empty((0, 0))
    if plan is None or not isinstance(loop, Mpc) or not isinstance(loop.solver, SqpSettings):
        return none
    past = floor((at - plan.at) / loop.sample_s + 1e-9)
    if not 0 <= past <= loop.solver.forget or past >= len(plan.moves):
        return none
    return np.concatenate([plan.moves[past:], np.repeat(plan.moves[-1:], past, axis=0)])
