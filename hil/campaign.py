"""Play scenarios one after the other, show how far it is, and say how each failure is repeated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.cli.show import people
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import Door, Options, Ran, operate
from hil.report import Judged, judged
from hil.rig.play import EPOCH, Played, in_memory, over_sockets
from hil.scenario import Scenario
from policies import Policy

Opened = tuple[str, Scenario, Policy]
"""Name of a scenario, the scenario, and the policy of its line."""


def play(opened: Sequence[Opened], seed: int | None, seeds: int, clock: str) -> list[Judged]:
    """Play every scenario with every seed.

    Parameters
    ----------
    opened
        What to play.
    seed
        First seed; the scenario's own if None.
    seeds
        How many seeds.
    clock
        ``virtual``, ``lockstep`` or ``wall``.
    """
    runs: list[Judged] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=people, transient=True) as progress:
        task = progress.add_task("scenarios", total=len(opened) * seeds)
        for name, scenario, policy in opened:
            first = scenario.seed if seed is None else seed
            for each in range(first, first + seeds):
                progress.update(task, description=f"{name}, seed {each}")
                runs.append(judged(name, _one(scenario, policy, each, clock)))
                _say(runs[-1])
                progress.advance(task)
    return runs


def _one(scenario: Scenario, policy: Policy, seed: int, clock: str) -> Played:
    if clock == "virtual":
        return in_memory(scenario, policy, seed)
    options = Options(lockstep_from=EPOCH if clock == "lockstep" else None, speed=None, unrecorded=True)
    return over_sockets(scenario, policy, seed, options, _run)


def _run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
    return asyncio.run(operate(kit, options, through, sinks))


def _say(run: Judged) -> None:
    name, played, findings = run
    wrong = [f for f in findings if not f.passed]
    word = "passed" if not wrong else "FAILED"
    people.print(f"{word}  {name}, seed {played.seed}: {len(findings) - len(wrong)} of {len(findings)}", markup=False)
    for f in wrong:
        people.print(f"        {f.id}: wanted {f.wanted}; found {f.found}", markup=False)
    if wrong:
        people.print(
            f"        repeat: steadyline hil run {name} --seed {played.seed} --clock {played.clock}", markup=False
        )
