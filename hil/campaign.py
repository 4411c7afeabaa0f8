"""Play many runs at once, show how far it is, and say how each failure is repeated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from controller.cli.show import people
from controller.runtime import PlantUnreachable
from hil import crew
from hil.library import DEFAULT_CLOCK
from hil.outcome import Outcome, outcome_of
from hil.rig.clocks import on_clock
from hil.rig.process import NotServing
from hil.rig.tied import Vanished
from hil.rig.truth import Ruined, write
from hil.scenario import Scenario
from hil.summary import summed
from plant_io.clocks import stopwatch
from policies import Policy

Opened = tuple[str, Scenario, Policy]
"""Name of a scenario, the scenario, and the policy of its line."""

_TOLD_S = 15.0
_DIED = "its process died, and died again when it was repeated"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How scenarios are to be played."""

    clock: str | None
    """How time goes by: ``memory``, ``virtual``, ``lockstep`` or ``wall``; as each scenario says if None."""
    seed: int | None = None
    """First seed [1]; the scenario's own if None."""
    seeds: int | None = None
    """How many seeds [1]; as many as the scenario names if None."""
    jobs: int = 1
    """How many processes [1]."""
    cluster: str | None = None
    """Address of a Dask scheduler whose workers play instead."""
    plots: bool = False
    """Whether curves are kept of the first run of each scenario and of those that do not pass."""
    trace: Path = Path("out/hil")
    """Folder for the truth of runs whose plant came to its end."""
    option: str = ""
    """Option by which something was left out of what is played, told with each run; empty for none."""
    records: Path | None = None
    """Folder in which the record of each run is kept; None for nowhere."""


@dataclass(frozen=True, slots=True)
class Task:
    """One run to be played."""

    name: str
    """Name of the scenario, as it was given."""
    scenario: Scenario
    """What is played."""
    policy: Policy
    """Policy it is played under."""
    seed: int
    """Seed of the plant [1]."""
    clock: str
    """How time goes by."""
    first: bool = False
    """Whether its curves are kept even if it passes."""
    plots: bool = False
    """Whether any curves are kept."""
    trace: Path = Path("out/hil")
    """Folder for its truth if its plant comes to its end."""
    records: Path | None = None
    """Folder in which its record is kept; None for nowhere."""

    @property
    def stem(self) -> str:
        """What the files of this run are called, without their endings."""
        return f"{Path(self.name).name.partition('.')[0]}.seed{self.seed}"

    @property
    def record(self) -> Path | None:
        """Where its record is kept."""
        return None if self.records is None else self.records / self.stem


def play(opened: Sequence[Opened], wanted: Wanted) -> tuple[list[Outcome], bool]:
    """Play every scenario with every seed; return the outcomes in this order, and whether it was not interrupted.

    Raises
    ------
    ConnectionError
        If there is no cluster at its address.
    FileExistsError
        If the record of a run is there already.
    Unfit
        If the workers of a cluster cannot play what is played here.
    """
    tasks = list(_tasks(opened, wanted))
    _no_record_yet(tasks)
    found: dict[int, Outcome] = {}
    due = _Now()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=people, transient=True) as progress:
        bar = progress.add_task("playing", total=len(tasks))
        with suppress(KeyboardInterrupt):
            for number, result in _shared(tasks, wanted):
                told = _crashed(tasks[number], _DIED) if result is None else result
                found[number] = replace(told, option=wanted.option)
                if len(tasks) == len(opened) or not found[number].passed:
                    _say(found[number])
                wrong = sum(not outcome.passed for outcome in found.values())
                words = f"playing, {wrong} did not pass" if wrong else "playing"
                progress.update(bar, advance=1, description=words)
                if not people.is_terminal and len(tasks) > len(opened) and due():
                    people.print(f"{words}: {len(found)} of {len(tasks)} runs are done", markup=False)
    outcomes = [found[number] for number in sorted(found)]
    if wanted.records is not None:
        people.print(f"records: {wanted.records}", markup=False)
    if len(tasks) > len(opened):
        _sum_up(outcomes)
    return outcomes, len(found) == len(tasks)


class _Now:
    """Says now and then that it is time to tell how far things are, where no bar can show it."""

    def __init__(self) -> None:
        self._watch, self._next_s = stopwatch(), 0.0

    def __call__(self) -> bool:
        if self._watch() < self._next_s:
            return False
        self._next_s = self._watch() + _TOLD_S
        return True


def outcome(task: Task) -> Outcome:
    """Play one run; whatever goes wrong in it is its outcome."""
    try:
        played = on_clock(task.clock, task.scenario, task.policy, task.seed, record=task.record)
    except Ruined as end:
        return _crashed(task, f"the plant has come to its end: {end}; its truth until then is in {_traced(task, end)}")
    except Vanished as end:
        why = f"{end}; the truth until then is in {_traced(task, end)}"
        return replace(_crashed(task, why), unreachable=True)
    except (PlantUnreachable, NotServing) as error:
        return replace(_crashed(task, str(error)), unreachable=True)
    except Exception as error:  # noqa: BLE001  # told with the run; the others go on
        return _crashed(task, f"{type(error).__name__}: {error}")
    told = outcome_of(task.name, played)
    kept = task.plots and (task.first or not told.passed)
    return told if kept else replace(told, panels=())


def _tasks(opened: Sequence[Opened], wanted: Wanted) -> Iterator[Task]:
    for name, scenario, policy in opened:
        seeds, clock = _seeds(scenario, wanted), wanted.clock or scenario.clock or DEFAULT_CLOCK
        for seed in seeds:
            first = seed == seeds[0]
            yield Task(name, scenario, policy, seed, clock, first, wanted.plots, wanted.trace, wanted.records)


def _no_record_yet(tasks: Sequence[Task]) -> None:
    for where, count in Counter(task.record for task in tasks).items():
        if where is not None and (count > 1 or where.exists()):
            why = f"{count} runs would be kept here" if count > 1 else "a record is already there"
            raise FileExistsError(f"{where}: {why}; choose another directory")


def _seeds(scenario: Scenario, wanted: Wanted) -> Sequence[int]:
    if wanted.seed is None and wanted.seeds is None and scenario.seeds is not None:
        return scenario.seeds
    first = scenario.seed if wanted.seed is None else wanted.seed
    return range(first, first + (wanted.seeds or 1))


def _traced(task: Task, end: Ruined | Vanished) -> Path:
    path = task.trace / f"{task.stem}.truth.csv"
    write(end, path)
    return path


def _shared(tasks: Sequence[Task], wanted: Wanted) -> Iterator[tuple[int, Outcome | None]]:
    if wanted.cluster is not None:
        from hil import cluster  # noqa: PLC0415  # heavy, and an extra

        return cluster.share(outcome, tasks, wanted.cluster)
    if min(wanted.jobs, len(tasks)) > 1:
        return crew.share(outcome, tasks, wanted.jobs)
    return ((number, outcome(task)) for number, task in enumerate(tasks))


def _crashed(task: Task, why: str) -> Outcome:
    return Outcome(task.name, task.scenario.title, task.seed, task.clock, crashed=why)


def _say(run: Outcome) -> None:
    wrong = [f for f in run.findings if not f.passed]
    good = f"{len(run.findings) - len(wrong)} of {len(run.findings)}"
    word, what = ("passed" if run.passed else "FAILED", good) if not run.crashed else ("CRASHED", run.crashed)
    people.print(f"{word}  {run.scenario}, seed {run.seed}: {what}", markup=False)
    for f in wrong:
        people.print(f"        {f.id}: wanted {f.wanted}; found {f.found}", markup=False)
    if not run.passed:
        people.print(f"        repeat: {run.repeat}", markup=False)


def _sum_up(outcomes: Sequence[Outcome]) -> None:
    table = Table("scenario", "runs", "passed", "failed", "crashed", "passes (95 % interval)")
    for line in summed(outcomes):
        counts = (line.runs, line.passed, line.failed, line.crashed)
        table.add_row(escape(line.scenario), *(str(count) for count in counts), line.share())
    people.print(table)
