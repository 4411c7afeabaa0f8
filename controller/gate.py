"""A plan is looked at before it is believed, whatever its solver says of it: numbers, limits, moves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from controller.kit import LoopKit
from controller.plan import Plan, Status
from controller.service import Inputs
from controller.state import LoopState
from plant_io.flags import finite, some

_ROUNDING = 1e-6
"""Excess that is rounding, as a share of the largest move [1]."""


def looked_at(kit: LoopKit, given: Inputs, old: LoopState) -> Inputs:
    """Return what a loop is given, plans that cannot be right being failed ones."""
    if not any(plan.status is Status.SOLVED for plan in given.plans):
        return given
    wrong = [fault(kit, plan, old) if plan.status is Status.SOLVED else "" for plan in given.plans]
    if not any(wrong):
        return given
    plans = [
        replace(plan, status=Status.FAILED, why=why) if why else plan
        for plan, why in zip(given.plans, wrong, strict=True)
    ]
    return replace(given, plans=plans)


def fault(kit: LoopKit, plan: Plan, old: LoopState) -> str:
    """Return what is wrong with a plan that says it is solved; nothing if it may be followed.

    Its inputs are within the limits of the policy, or lead back there from where they stand, and no move from one
    sample to the next is larger than the policy permits. How far the first goes from where inputs stand now is the
    guard's.
    """
    if plan.moves.ndim != 2 or not len(plan.moves) or plan.moves.shape[1] != len(kit.model.inputs):  # noqa: PLR2004  # rows and columns
        return "it does not have an input for each that is moved"
    if not finite(plan.moves):
        return "it holds a number that is not finite"
    reach = kit.reach
    stands = np.array(old.inputs) if old.inputs is not None else plan.moves[0]
    # An input on its way back is seen where it stands now; the plan began where it stood when it was posed.
    slack = reach * _ROUNDING
    low = np.where(stands < kit.low, stands - reach, kit.low) - slack
    high = np.where(stands > kit.high, stands + reach, kit.high) + slack
    if some((plan.moves < low) | (plan.moves > high)):
        return "it leaves the limits of the inputs"
    if some(np.abs(plan.moves[1:] - plan.moves[:-1]) > reach * (1.0 + _ROUNDING)):
        return "it moves an input further than is permitted"
    return ""
