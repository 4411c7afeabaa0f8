"""Long runs of benchmarks: chosen by line and seed, shared out to processes, and kept, so that none is played twice."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import TypeAdapter
from rich.progress import track

from hil.crew import cores, share

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Task = TypeVar("Task", bound="DataclassInstance")
Found = TypeVar("Found", bound="DataclassInstance")


def options(parser: ArgumentParser, *, quiet: bool = False) -> None:
    """Add what is played, and where it is kept, to the options of a benchmark.

    Parameters
    ----------
    parser
        The options.
    quiet
        Whether there are runs without faults.
    """
    parser.add_argument("--lines", nargs="+", metavar="LINE", help="lines to play; all")
    parser.add_argument("--seeds", nargs="*", type=int, metavar="SEED", help="seeds of runs with faults")
    if quiet:
        parser.add_argument("--quiet", nargs="*", type=int, metavar="SEED", help="seeds of runs without faults")
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="where results are kept, and taken from")
    parser.add_argument("--jobs", type=int, default=cores(), help="processes; one for each processor")


def wanted(given: Namespace, name: str, usual: tuple[str, ...]) -> tuple[str, ...]:
    """Return what was asked for on the command line, or what is usual.

    Parameters
    ----------
    given
        The command line.
    name
        Name of the option.
    usual
        What is played where it is absent.
    """
    asked = getattr(given, name, None)
    return usual if asked is None else tuple(str(one) for one in asked)


def numbers(given: Namespace, name: str, usual: tuple[int, ...]) -> tuple[int, ...]:
    """Return the seeds that were asked for on the command line, or the usual ones.

    Parameters
    ----------
    given
        The command line.
    name
        Name of the option.
    usual
        What is played where it is absent [1].
    """
    return tuple(int(one) for one in wanted(given, name, tuple(str(seed) for seed in usual)))


@dataclass(frozen=True, slots=True)
class Runs(Generic[Task, Found]):
    """How runs are played and kept; tasks can be keys."""

    work: Callable[[Task], Found]
    """Plays one; survives pickling."""
    kind: type[Found]
    """What it returns."""
    stamp: Callable[[Task], str]
    """Says under what it is played: a result is taken from the folder only where that is the same."""
    folder: Path | None = None
    """Where results are kept; nowhere if None."""
    jobs: int = 1
    """Processes [1]."""

    def play(self, tasks: Sequence[Task]) -> Mapping[Task, Found]:
        """Return what became of each task, in their order; tasks whose process died are absent."""
        found = {task: one for task in tasks if (one := self._known(task)) is not None}
        left = [task for task in tasks if task not in found]
        results = share(self.work, left, self.jobs) if left else iter(())
        for number, one in track(results, total=len(left), description="runs"):
            if one is not None:
                found[left[number]] = one
                self._keep(left[number], one)
        return {task: found[task] for task in tasks if task in found}

    def _known(self, task: Task) -> Found | None:
        path = self._path(task)
        if path is None or not path.exists():
            return None
        return TypeAdapter(self.kind).validate_python(json.loads(path.read_text(encoding="utf-8")))

    def _keep(self, task: Task, found: Found) -> None:
        path = self._path(task)
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(asdict(found)), encoding="utf-8")

    def _path(self, task: Task) -> Path | None:
        name = "_".join(str(one) for one in (*asdict(task).values(), self.stamp(task)) if one != "")
        return None if self.folder is None else self.folder / f"{name}.json"
