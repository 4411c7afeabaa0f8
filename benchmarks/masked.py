"""Whether faults that a loop makes up for are told before the loop has nothing left to make up for them with.

A fault that a loop masks leaves the controlled variables where they are and moves what the loop moves. Each run begins
as the shipped quiet scenario does; then a fault grows until what the loop moves is at its limits: those of the policy,
or how far it may correct at all (its ``authority``, that with a second witness where it has one), whichever is nearer.
Counted is whether a watch of the locked lane has begun to speak before; beside it, whether before what the loop may
correct alone is used up for the first time. In the same runs, monitors of the controlled variables alone, fitted to
the same quiet runs with the same budgets, are listened to; nothing they say reaches the others.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite, nan

import numpy as np

from anomaly.alerts import Alert
from benchmarks import kept
from benchmarks.kept import Runs
from benchmarks.masked_cvs import PREFIX, beside
from benchmarks.tool import Result, asked
from controller.cycle import Cycle, Phase
from hil.crew import cores
from hil.library import find, open_scenario
from hil.rig.play import EPOCH, in_memory
from hil.scenario import Asked
from hil.scenario.timeline import Wrong
from hil.summary import wilson
from plant_io.signals import Floats
from policies import Lane, Loop, Policy

SEEDS = tuple(range(931, 951))
QUICK_SEEDS, _QUICK = (931,), 4.0
_NEAR = 0.98
"""Share of the way to a limit at which a moved variable is at it [1]."""


@dataclass(frozen=True, slots=True)
class Masked:
    """A fault that a loop masks."""

    id: str
    """Name in the catalogue."""
    target: str
    """What it strikes."""
    magnitude: float
    """Severity at the end of its ramp, in the unit of the catalogue."""


@dataclass(frozen=True, slots=True)
class Masking:
    """How faults of a line are masked."""

    scenario: str
    """Shipped scenario whose start-up is taken."""
    onset_s: float
    """When the fault begins, time since the start [s]."""
    ramp_s: float
    """Time over which it grows, and which is played after its onset [s]."""
    faults: tuple[Masked, ...]
    """Faults, taken in turn from seed to seed."""
    moved: tuple[str, ...] = ()
    """What the loop makes up for them with, as ``LOOP.NAME``; all that it moves if empty."""
    together: bool = False
    """Whether the loop has something left as long as one of these is not at its limit."""


def _load_cells(drift: float) -> tuple[Masked, ...]:
    """Return the drifts of both load cells, up and down by a share of the weight [1]."""
    return tuple(Masked("F04", feeder, sign * drift) for feeder in ("FDR_API", "FDR_EXC") for sign in (1.0, -1.0))


LINES: Mapping[str, Masking] = {
    "a": Masking(
        "a_quiet",
        2700.0,
        7200.0,
        _load_cells(0.2),
    ),
    "b": Masking(
        "b_quiet",
        2700.0,
        7200.0,
        _load_cells(0.4),
    ),
    # The optimiser keeps throughput, and on some lines hydrogen, at their limits anyway.
    "c": Masking(
        "c_quiet",
        5400.0,
        10_800.0,
        (Masked("C06", "R2", 90.0),),
        ("synthesis.t2_sp", "synthesis.ph2_sp"),
        together=True,
    ),
}
"""By line."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run."""

    line: str
    """Line, in `LINES`."""
    seed: int
    """Seed of the plant [1]."""
    haste: float = 1.0
    """Times as fast as it is meant to that the fault grows [1]."""

    @property
    def ramp_s(self) -> float:
        """Time over which the fault grows [s]."""
        return LINES[self.line].ramp_s / self.haste

    @property
    def fault(self) -> Masked:
        """The fault of the run."""
        faults = LINES[self.line].faults
        return faults[self.seed % len(faults)]


@dataclass(slots=True)
class Heard:
    """Keeps what loops move, when they took over, and what watches say; a sink of the loop."""

    moved: Mapping[str, str]
    """Tag that shows each moved variable."""
    loops: Mapping[str, str]
    """Loop of each moved variable."""
    at: list[float] = field(default_factory=list[float])
    """When, time since the start [s]."""
    values: list[list[float]] = field(default_factory=list[list[float]])
    """What each moved variable showed, in the unit of its tag."""
    active: list[list[bool]] = field(default_factory=list[list[bool]])
    """Whether the loop of each moved variable moved it."""
    alerts: list[Alert] = field(default_factory=list[Alert])
    """What was said."""

    def __call__(self, cycle: Cycle) -> None:
        """Take in a finished cycle."""
        modes = cycle.decision.modes
        good = [cycle.snapshot.good(tag) for tag in self.moved.values()]
        self.at.append(cycle.snapshot.at - EPOCH)
        self.values.append([nan if one is None else one for one in good])
        self.active.append([modes[self.loops[name]][1] is Phase.ACTIVE for name in self.moved])
        self.alerts.extend(cycle.decision.alerts)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a run."""

    saturated_s: float
    """Time from the onset until a moved variable, or all of them together, was at a limit [s]; infinite if never."""
    alone_s: float
    """Time from the onset until one was as far as the loop may move it alone [s]; infinite if none was."""
    told_s: float
    """Time from the onset until a watch of the line spoke [s]; infinite if none did."""
    by: str
    """Watch that spoke."""
    first_s: float
    """Time from the onset until the first moved variable was at a limit [s]; infinite if none was."""
    cvs_s: float
    """The same of monitors of the controlled variables alone [s]."""


def play(task: Task) -> Found:
    """Play one run in memory and return what became of it."""
    how, fault = LINES[task.line], task.fault
    scenario, shipped = open_scenario(find(how.scenario))
    policy = beside(shipped, task.line)
    said = {"id": fault.id, "target": fault.target, "magnitude": fault.magnitude, "after": f"{how.onset_s:g}s"}
    wrong = Wrong.model_validate({**said, "shape": "ramp", "ramp": f"{task.ramp_s:g}s"})
    bare: dict[str, object] = {"assertions": {}, "stimuli": (), "stations": (), "seeds": None}
    auto = (Asked.model_validate({"after": "3m", "mode": "auto"}),)
    whole = {**bare, "for_s": how.onset_s + task.ramp_s, "faults": (wrong,), "orders": auto}
    heard = _ear(policy, how.moved)
    in_memory(scenario.model_copy(update=whole), policy, task.seed, sinks=(heard,))
    spoke = [one for one in heard.alerts if one.active and one.lane is Lane.LOCKED and one.at - EPOCH >= how.onset_s]
    ours = [one for one in spoke if one.watch in shipped.watches]
    theirs = [one for one in spoke if one.watch.startswith(PREFIX)]
    return Found(
        saturated_s=_saturated(heard, policy, how, borne=True),
        alone_s=_saturated(heard, policy, how, borne=False),
        first_s=_saturated(heard, policy, how, borne=True, first=True),
        told_s=ours[0].at - EPOCH - how.onset_s if ours else inf,
        by=ours[0].watch if ours else "",
        cvs_s=theirs[0].at - EPOCH - how.onset_s if theirs else inf,
    )


def _ear(policy: Policy, wanted: Sequence[str]) -> Heard:
    every = {
        f"{loop}.{name}": one.tag for loop, declared in policy.loops.items() for name, one in declared.moved.items()
    }
    moved = {name: tag for name, tag in every.items() if not wanted or name in wanted}
    shown = {name: policy.tags[tag].read_back or tag for name, tag in moved.items()}
    return Heard(shown, {name: name.partition(".")[0] for name in moved})


def _saturated(heard: Heard, policy: Policy, how: Masking, *, borne: bool, first: bool = False) -> float:
    """Return when the loop had nothing left, or the first moved variable was at a limit, time since the onset [s]."""
    at, values, active = np.array(heard.at), np.array(heard.values), np.array(heard.active)
    stuck = np.zeros(values.shape, np.bool_)
    for column, name in enumerate(heard.moved):
        loop, _, moved = name.partition(".")
        over = np.flatnonzero(active[:, column])
        if len(over):
            limits = _limits(policy.loops[loop], moved, float(values[over[0], column]), borne=borne)
            stuck[:, column] = active[:, column] & _at_limit(values[:, column], values[over[0], column], limits)
    there = stuck.all(axis=1) if how.together and not first else stuck.any(axis=1)
    return float(min([inf, *at[there & (at >= how.onset_s)][:1].tolist()])) - how.onset_s


def _at_limit(
    values: Floats, found: float, limits: tuple[float, float]
) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    low, high = (found + _NEAR * (limit - found) for limit in limits)
    return (values <= low) | (values >= high)


def _limits(loop: Loop, name: str, found: float, *, borne: bool) -> tuple[float, float]:
    """Return how far a loop may move a variable from where it found it, alone or with what a second witness bears out.

    Parameters
    ----------
    loop
        The loop.
    name
        Name of the variable.
    found
        Value at take-over, in the unit of the variable.
    borne
        Whether a second witness bears it out.
    """
    within = loop.witness.authority if borne and loop.witness is not None else loop.authority
    far = within.get(name, inf) if isinstance(within, dict) else within * abs(found) if within < 1.0 else inf
    low, high = loop.moved[name].limits
    return max(low, found - far), min(high, found + far)


def figures(found: Mapping[Task, Found]) -> dict[str, object]:
    """Return what became of the runs of a line, and each of them; lines at a limit before are counted apart."""
    runs = list(found.values())
    free = [one for one in runs if one.first_s > 0.0]
    caught = sum(one.told_s < min(one.saturated_s, inf) for one in runs)
    early = sum(one.told_s < min(one.alone_s, inf) for one in runs)
    alone = sum(one.cvs_s < min(one.saturated_s, inf) for one in runs)
    return {
        "runs": len(runs),
        "at_a_limit_before": len(runs) - len(free),
        "caught_before_first_limit": [sum(one.told_s < min(one.first_s, inf) for one in free), len(free)],
        "saturated": sum(isfinite(one.saturated_s) for one in runs),
        "caught": caught / len(runs),
        "caught_wilson_95": [round(bound, 3) for bound in wilson(caught, len(runs))],
        "caught_before_own_authority": early / len(runs),
        "caught_before_own_authority_wilson_95": [round(bound, 3) for bound in wilson(early, len(runs))],
        "caught_on_cvs_alone": alone / len(runs),
        "caught_on_cvs_alone_wilson_95": [round(bound, 3) for bound in wilson(alone, len(runs))],
        "told_after_median_s": _median([one.told_s for one in runs]),
        "told_on_cvs_alone_after_median_s": _median([one.cvs_s for one in runs]),
        "saturated_after_median_s": _median([one.saturated_s for one in runs]),
        "table": [_row(task, one) for task, one in found.items()],
    }


def _median(times: Sequence[float]) -> float | None:
    """Return the median; none where half of them never came."""
    found = float(np.median(times))
    return found if isfinite(found) else None


def _row(task: Task, one: Found) -> str:
    fault = task.fault
    times = (
        ("own authority used up", one.alone_s),
        ("first at a limit", one.first_s),
        ("saturated", one.saturated_s),
        ("told", one.told_s),
        ("on CVs alone", one.cvs_s),
    )
    said = ", ".join(f"{name} {f'after {time:.0f} s' if isfinite(time) else 'never'}" for name, time in times)
    return (
        f"seed {task.seed}: {fault.id} {fault.target} {fault.magnitude:+g}: {said}{f', by {one.by}' if one.by else ''}"
    )


def measured(given: Namespace) -> dict[str, dict[str, object]]:
    """Play every seed on every line and return the figures by line; few and hasty ones where it must be quick.

    Parameters
    ----------
    given
        The command line.
    """
    lines = kept.wanted(given, "lines", ("a",) if given.quick else tuple(LINES))
    seeds = kept.numbers(given, "seeds", QUICK_SEEDS if given.quick else SEEDS)
    tasks = [Task(line, seed, _QUICK if given.quick else 1.0) for line in lines for seed in seeds]
    found = Runs(play, Found, _under, given.kept, given.jobs).play(tasks)
    return {line: figures({task: one for task, one in found.items() if task.line == line}) for line in lines}


def _under(task: Task) -> str:
    return beside(open_scenario(find(LINES[task.line].scenario))[1], task.line).fingerprint[:12]


def run(quick: bool) -> Result:  # noqa: FBT001  # every benchmark is called so
    """Let faults grow that loops make up for, and count those told before the loops are at their limits."""
    return asked_for(usual(quick=quick))


def usual(*, quick: bool) -> Namespace:
    """Return the command line on which nothing was asked for."""
    return Namespace(quick=quick, kept=None, jobs=cores())


def asked_for(given: Namespace) -> Result:
    """Let faults grow that loops make up for, on the lines that were asked for, and count those told in time.

    Parameters
    ----------
    given
        The command line.
    """
    per_line = measured(given)
    seeds = kept.numbers(given, "seeds", QUICK_SEEDS if given.quick else SEEDS)
    result = Result("masked", seeds=list(seeds))
    result.figures["masked_fault_caught"] = {line: one["caught"] for line, one in per_line.items()}
    result.figures["per_line"] = per_line
    result.baselines["masked_fault_caught_on_cvs_alone"] = {
        line: one["caught_on_cvs_alone"] for line, one in per_line.items()
    }
    haste = _QUICK if given.quick else 1.0
    result.config |= {line: {"onset_s": LINES[line].onset_s, "ramp_s": LINES[line].ramp_s / haste} for line in per_line}
    return result


def _start() -> None:
    parser = ArgumentParser(description=run.__doc__)
    kept.options(parser)
    asked(asked_for, parser)


if __name__ == "__main__":
    _start()
