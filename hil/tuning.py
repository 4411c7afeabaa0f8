"""Weights of a loop swept on a simulated line: what each setting costs in error and in moves, and which is proposed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isfinite, nan
from typing import cast

import numpy as np

from hil.rig.clocks import on_clock
from hil.rig.score import Held, Worked
from hil.scenario import Scenario
from policies import Policy, parse
from policies.edit import changed
from policies.positions import Path
from policies.units import difference

TUNING = (9001, 9002, 9003)
"""Seeds that nothing is reported on, here or in the documentation [1]."""
_SPREAD = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
_HOUR_S = 3600.0
_LEAST = 1e-9
Setting = Mapping[str, float]
"""Numbers of a loop by where they stand in it, such as `move_weight` or `controlled.api.scale`."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run with one setting."""

    setting: int
    """Number of the setting [1]."""
    scenario: Scenario
    """What is played."""
    policy: Policy
    """Policy with the setting."""
    yardstick: Policy
    """Policy whose scales errors and moves are counted in."""
    loop: str
    """Loop that is tuned."""
    seed: int
    """Seed of the plant [1]."""


@dataclass(frozen=True, slots=True)
class Score:
    """What one run came to, from the plant's truth."""

    setting: int
    """Number of the setting [1]."""
    seed: int
    """Seed of the plant [1]."""
    error: float
    """Mean absolute error of the controlled variables together, in scales of the policy as it was [1]."""
    move: float
    """Sum of the absolute changes of the inputs together in an hour, in scales of the policy as it was [1/h]."""
    inside: float
    """Share of the time within limits, of the controlled variable with the least [1]."""
    why: str = ""
    """Why there is no score."""


@dataclass(frozen=True, slots=True)
class Tried:
    """One setting over all seeds."""

    setting: Setting
    """Its numbers."""
    error: float
    """Mean of the errors [1]; not a number where a run gave none."""
    move: float
    """Mean of the moves [1/h]; not a number where a run gave none."""
    error_sd: float
    """Standard deviation of the errors over seeds [1]; not a number of one seed."""
    inside: float
    """Least share of the time within limits [1]."""
    why: str
    """Why it does not count."""


def weights(policy: Policy, loop: str, given: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the values to be tried of each number.

    Parameters
    ----------
    policy
        The policy.
    loop
        Name of the loop.
    given
        Texts such as ``move_weight=0.1,0.2``; without any, `move_weight` from an eighth to eight times what it is.

    Raises
    ------
    ValueError
        If one of them is not understood.
    """
    if not given:
        now = policy.loops[loop].move_weight
        return {"move_weight": tuple(float(f"{now * factor:.4g}") for factor in _SPREAD)}
    found = dict[str, tuple[float, ...]]()
    for text in given:
        name, _, values = text.partition("=")
        try:
            found[name] = tuple(float(value) for value in values.split(","))
        except ValueError:
            raise ValueError(f"--weights: found {text!r}, wanted numbers such as move_weight=0.1,0.2") from None
        if not all(isfinite(value) and value > 0.0 for value in found[name]):
            raise ValueError(f"--weights: found {text!r}, wanted numbers above 0")
        if name != "move_weight" and not (name.endswith(".scale") and name.startswith(("controlled.", "moved."))):
            raise ValueError(
                f"--weights: found {name!r}, wanted move_weight, controlled.NAME.scale or moved.NAME.scale"
            )
    return found


def settings(policy: Policy, loop: str, tried: Mapping[str, tuple[float, ...]]) -> list[Setting]:
    """Return every combination of values, that of the policy as it is first.

    Parameters
    ----------
    policy
        The policy.
    loop
        Name of the loop.
    tried
        Values of each number, in the unit the policy gives it in.
    """
    now = {name: present(policy, loop, name) for name in tried}
    rest = [dict(zip(tried, values, strict=True)) for values in product(*tried.values())]
    return [now, *(one for one in rest if one != now)]


def present(policy: Policy, loop: str, name: str) -> float:
    """Return a number of a loop as it is, in the unit the policy gives it in.

    Raises
    ------
    ValueError
        If the loop has no such number.
    """
    declared, (section, _, rest) = policy.loops[loop], name.partition(".")
    if not rest:
        return declared.move_weight
    variable = rest.removesuffix(".scale")
    there = declared.controlled if section == "controlled" else declared.moved
    if variable not in there:
        raise ValueError(f"--weights: found {name!r}, but loop {loop} has there only {', '.join(there)}")
    return there[variable].scale


def tuned(policy: Policy, loop: str, setting: Setting) -> Policy:
    """Return a policy with other numbers in one of its loops, read again from its changed file.

    Raises
    ------
    ValueError
        If a number is not written in the file, or the policy is no good with it.
    """
    paths: dict[Path, float] = {
        ("loops", loop, *name.split(".")): value
        for name, value in setting.items()
        if value != present(policy, loop, name)
    }
    if not paths:
        return policy
    files = {name: data for name, data in policy.files.items() if name}
    return parse(changed(policy.files[""], paths), "policy.yaml", files)


def score(task: Task) -> Score:
    """Play one run; whatever goes wrong in it is its score."""
    try:
        played = on_clock("memory", task.scenario, task.policy, task.seed)
    except Exception as error:  # noqa: BLE001  # told with the setting; the others go on
        return none(task, f"{type(error).__name__}: {error}")
    if not any(loop == task.loop and phase == "active" for _, loop, phase in played.phases):
        return none(task, f"loop {task.loop} was never in service")
    hours = float(played.truth["time"][-1]) / _HOUR_S
    loop = task.yardstick.loops[task.loop]
    held = [(one, cast("Held", played.kpis[n])) for n, one in loop.controlled.items() if n in played.kpis]
    worked = [(one, cast("Worked", played.kpis[n])) for n, one in loop.moved.items() if n in played.kpis]
    if not held:
        return none(task, "the truth of this line tells no error of this loop")
    errors = [k["iae"] / difference(one.scale, one.unit, k["unit"]) / (_HOUR_S * hours) for one, k in held]
    moves = [k["total_move"] / one.scale / hours for one, k in worked]
    return Score(task.setting, task.seed, sum(errors), sum(moves), min(k["in_spec_fraction"] for _, k in held))


def none(task: Task, why: str) -> Score:
    """Return that a run gave no score."""
    return Score(task.setting, task.seed, nan, nan, nan, why)


def summed(found: Sequence[Setting], scores: Sequence[Score]) -> list[Tried]:
    """Return each setting with what it came to over all seeds."""
    return [_summed(setting, [one for one in scores if one.setting == i]) for i, setting in enumerate(found)]


def _summed(setting: Setting, runs: Sequence[Score]) -> Tried:
    why = next((f"seed {one.seed}: {one.why}" for one in runs if one.why), "" if runs else "not played")
    if why:
        return Tried(setting, nan, nan, nan, nan, why)
    errors = np.array([one.error for one in runs])
    spread = float(errors.std(ddof=1)) if len(runs) > 1 else nan
    move = float(np.mean([one.move for one in runs]))
    return Tried(setting, float(errors.mean()), move, spread, min(one.inside for one in runs), "")


def front(tried: Sequence[Tried]) -> list[int]:
    """Return the numbers of the settings than which none is better in both error and moves, by rising moves [1]."""
    counted = [i for i, one in enumerate(tried) if not one.why]
    return sorted(
        (i for i in counted if not any(_better(tried[k], tried[i]) for k in counted)), key=lambda i: tried[i].move
    )


def _better(one: Tried, other: Tried) -> bool:
    pairs = ((one.error, other.error), (one.move, other.move))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


def knee(tried: Sequence[Tried]) -> int | None:
    """Return the number of the setting at the knee of the front, None where nothing counts [1].

    That is the one farthest below the line between the ends of the front, in logarithms of error and of moves (V.
    Satopää et al., "Finding a kneedle in a haystack", ICDCS Workshops 2011, doi:10.1109/ICDCSW.2011.20). Of two ends
    with nothing between, or where all lie on the line, it is the one with the least product of both.
    """
    ends = front(tried)
    if not ends:
        return None
    points = np.log([[max(tried[i].move, 1e-12), max(tried[i].error, 1e-12)] for i in ends])
    low, high = points.min(axis=0), points.max(axis=0)
    if len(ends) > 2 and (high > low).all():  # noqa: PLR2004  # something lies between
        below = 1.0 - ((points - low) / (high - low)).sum(axis=1)
        if below.max() > _LEAST:
            return ends[int(below.argmax())]
    return ends[int(points.sum(axis=1).argmin())]


def tasks(scenario: Scenario, policies: Sequence[Policy], loop: str, seeds: Sequence[int]) -> Iterator[Task]:
    """Give every run: each setting with each seed; the first policy is the one as it is."""
    for number, policy in enumerate(policies):
        for seed in seeds:
            yield Task(number, scenario, policy, policies[0], loop, seed)
