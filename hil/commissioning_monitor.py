"""The monitors of the shipped lines, fitted to quiet runs of the simulated line under its shipped loop.

``python -m hil.commissioning_monitor --line a`` plays as many quiet runs as `LINES` says, takes
in what the monitors of the policy would be given, as ``steadyline detector fit`` does with records of a real line, and
writes their models with their cards; the same for the same seeds. The limits keep the budgets on whole runs that a
model was not fitted to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from anomaly.artefact import Model, Settings
from anomaly.budget import of_monitor
from anomaly.gathering import Gatherer, Normal, made
from anomaly.heard import Heard
from controller.kit import prepare
from controller.records.rows import gather
from controller.unfitted import unfitted
from hil.crew import share
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from hil.scenario import Asked
from plant_io import Snapshot
from plant_io.signals import Floats
from policies import Monitor, Policy, shipped

FAST = Settings()
"""Predicts each tag from all: shows what changes."""

SLOW = Settings(memory="inputs", rates=(0.3, 0.1), delay=2)
"""Predicts from inputs alone: shows what has departed, however slowly."""

_WEEKLY = 1.0 / 7.0
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Commissioning:
    """What the monitors of a line are fitted to, and how they work."""

    scenario: str
    """Shipped scenario whose line and start-up are taken."""
    hours: float
    """Length of a run [h]."""
    settings: Mapping[str, Settings]
    """How each monitor works, by its watch; the budget is its part of that of its class in the policy."""
    seeds: tuple[int, ...] = tuple(range(200, 216))
    """Seed of each run [1]: none that detection or false alarms are counted on."""
    share: float = 1.0
    """Part of the budget of its class that each monitor gets of what is its own [1]; the rest is for charts."""


LINES: Mapping[str, Commissioning] = {
    "a": Commissioning("a_quiet", 4.0, {"line_fast": FAST, "line_slow": SLOW}, tuple(range(200, 280)), 0.5),
    "b": Commissioning("b_quiet", 4.0, {"line_fast": FAST, "line_slow": SLOW}, tuple(range(200, 232)), 0.5),
    "c": Commissioning(
        "c_quiet", 4.0, {"line_fast": FAST, "line_slow": SLOW, "catalyst": SLOW}, tuple(range(200, 232)), 0.5
    ),
    "b2": Commissioning("b2_control", 4.0, {"line_fast": FAST, "line_slow": SLOW}, tuple(range(200, 232)), 0.5),
}
"""By line."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run to be played."""

    line: str
    """Line, in `LINES`."""
    seed: int
    """Seed of the plant [1]."""
    policy: Path
    """Policy with the monitors; their models need not be there."""
    records: Path | None
    """Folder in which the record is kept, and taken from where it is there; kept nowhere if None."""


@dataclass(frozen=True, slots=True)
class Several:
    """Takes the cycles of a run in for several monitors."""

    gatherers: Sequence[Gatherer]
    """One for each monitor."""

    def take(self, seen: Snapshot, heard: Heard) -> None:
        """Take in one cycle."""
        for one in self.gatherers:
            one.take(seen, heard)

    def anew(self) -> None:
        """End the run."""
        for one in self.gatherers:
            one.anew()


Given = Mapping[str, tuple[list[Floats], float, float]]
"""What each monitor was given in a run, by watch: stretches of rows in units of the tags, first and last time [s]."""


def played(run: Run) -> Given:
    """Return what each monitor of the policy was given in a quiet run."""
    policy = unfitted(run.policy)
    with TemporaryDirectory(dir=run.records) as folder:
        record = (run.records or Path(folder)) / f"{run.line}_{run.seed}"
        if not record.exists():
            _play(run, policy, Path(folder) / "run")
            (Path(folder) / "run").rename(record)
        return given(record, policy)


def given(record: Path, policy: Policy) -> Given:
    """Return what each monitor of a policy would have been given in a recorded run."""
    kit = prepare(policy)
    monitors = kit.watches.monitors
    into = Several([Gatherer(one.latch) for one in monitors])
    gather(record, kit, into)
    found = zip(monitors, into.gatherers, strict=True)
    return {one.name: (rows.rows, rows.first, rows.last) for one, rows in found if rows.rows}


def _play(run: Run, policy: Policy, record: Path) -> None:
    how = LINES[run.line]
    scenario, policy = open_scenario(find(how.scenario), policy)
    auto = (Asked.model_validate({"after": "3m", "mode": "auto"}),) if policy.loops else ()
    bare: dict[str, object] = {"faults": (), "assertions": {}, "stimuli": (), "stations": (), "seeds": None}
    quiet = scenario.model_copy(update={**bare, "for_s": how.hours * 3600.0, "orders": auto})
    in_memory(quiet, policy, run.seed, record)


def models(
    line: str, policy: Policy, runs: Sequence[Given], settings: Mapping[str, Settings]
) -> Iterator[tuple[Monitor, Model]]:
    """Yield each monitor of a policy with its model.

    Parameters
    ----------
    line
        Line, in `LINES`.
    policy
        The policy.
    runs
        What `played` returns for each seed of the line, in their order, in units of the tags.
    settings
        How each monitor works, by its watch; the budget is its part of that of its class in the policy.
    """
    how = LINES[line]
    source = f"quiet runs of simulated line {line.upper()}, {how.hours:g} h each, as in scenario {how.scenario}"
    for one in prepare(policy).watches.monitors:
        parts = [run[one.name] for run in runs if one.name in run]
        span = (min(first for _, first, _ in parts), max(last for _, _, last in parts))
        normal = Normal([rows for rows, _, _ in parts], span, source, how.seeds)
        working = _budgeted(settings.get(one.name, FAST), one.name, policy, how.share)
        yield one.declared, made(one.declared, normal, policy, working).model


def fitted(line: str, policy: Path, runs: Sequence[Given]) -> None:
    """Fit the monitors of a policy to runs and write their models beside it.

    Parameters
    ----------
    line
        Line, in `LINES`.
    policy
        The policy.
    runs
        As for `models`, in units of the tags.
    """
    for declared, model in models(line, unfitted(policy), runs, LINES[line].settings):
        (policy.parent / declared.model).write_text(model.model_dump_json() + "\n", encoding="utf-8")
        if model.card is not None:
            typer.echo(f"{declared.model}: {model.card.promise} Runs reached {_reached(model.card.tops)}", err=True)


def _budgeted(settings: Settings, name: str, policy: Policy, share: float) -> Settings:
    rate = of_monitor(policy, name)
    often = share * (_WEEKLY if rate is None else rate * _DAY_S)
    return settings.model_copy(update={"false_alarms_per_day": often})


def _reached(tops: Sequence[float]) -> str:
    return ", ".join(f"{top:.2f}" for top in sorted(tops, reverse=True)) + " of the limit."


def write(
    line: Annotated[str, typer.Option()],
    policy: Annotated[Path | None, typer.Option(help="Policy with the monitors; the shipped one.")] = None,
    records: Annotated[Path | None, typer.Option(help="Folder of records, kept for the next time.")] = None,
    jobs: Annotated[int, typer.Option(help="Processes that play.")] = 1,
) -> None:
    """Play the quiet runs of a line, fit the monitors of its policy to them, and write the models beside the policy."""
    where = policy or shipped(line)
    tasks = [Run(line, seed, where, records) for seed in LINES[line].seeds]
    results = {number: found for number, found in share(played, tasks, jobs) if found is not None}
    if len(results) < len(tasks):
        lost = [str(task.seed) for number, task in enumerate(tasks) if number not in results]
        raise SystemExit(f"runs with these seeds could not be played: {', '.join(lost)}")
    fitted(line, where, [results[number] for number in range(len(tasks))])


if __name__ == "__main__":
    typer.run(write)
