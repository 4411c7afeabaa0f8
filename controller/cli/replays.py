"""What `steadyline replay` does: decisions made again, under the policy of the record or under another one."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from controller.cli.show import people
from controller.records import replay as replays
from controller.records import rerun as reruns
from controller.records.entry import cycles_in
from controller.records.journal import FILE
from controller.records.replan import TOLERANCE, replan
from controller.records.resume import resumed
from policies import load
from policies.sentences import counted


@contextmanager
def _counted(record: Path) -> Generator[Callable[[int], None]]:
    """Show how many of the decisions of a record are done, and how many there are."""
    columns = (TextColumn("re-deriving decisions"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=people) as progress:
        task = progress.add_task("", total=cycles_in(record))
        yield lambda n: progress.update(task, completed=n)


def replay(record: Path, begin: float | None = None, key: str | None = None) -> tuple[dict[str, object], bool]:
    """Re-derive every decision of a record; return what was found and whether all is well.

    Parameters
    ----------
    record
        Record directory.
    begin
        Instant from which decisions are wanted, POSIX time [s]; the beginning where None.
    key
        Fingerprint of the key that must have signed the state they are made from.

    Raises
    ------
    ValueError
        If there is no record that can be read.
    """
    since = None if begin is None else resumed(record, begin, key or "")
    with _counted(record) as count:
        found = replays.replay(record, count, since)
    good = found.identical == found.cycles and found.first_break is None
    word = "all identical" if good else f"{found.cycles - found.identical} different"
    chain = "chain intact" if found.first_break is None else f"chain broken at record {found.first_break}"
    end = "" if found.complete else "; the run was not closed in order"
    people.print(f"{record / FILE}: {found.cycles} decisions, {word}, {chain}{end}", markup=False)
    differences = [{"cycle": d.cycle, "at": d.at, "fields": list(d.fields)} for d in found.differences]
    result: dict[str, object] = {
        "cycles": found.cycles,
        "identical": found.identical,
        "differences": differences,
        "first_break": found.first_break,
        "digest": found.digest,
        "complete": found.complete,
    }
    return result, good


def rerun(record: Path, policy: Path) -> tuple[dict[str, object], bool]:
    """Go through a record with another policy; return what would have differed, and whether the record is whole.

    Raises
    ------
    ValueError
        If there is no record that can be read, or the policy is no good.
    """
    new = load(policy)
    with _counted(record) as count:
        found = reruns.rerun(record, new, count)
    for sentence in reruns.sentences(found):
        people.print(sentence, markup=False)
    chain = "chain intact" if found.first_break is None else f"chain broken at record {found.first_break}"
    people.print(
        f"{record / FILE}: {found.cycles} decisions, {found.cycles - found.identical} would have been others, "
        f"{found.setpoints} with other setpoints; {chain}",
        markup=False,
    )
    return {**found.plain(), "policy": new.fingerprint}, found.first_break is None


def plans(record: Path, tolerance: float | None) -> tuple[dict[str, object], bool]:
    """Solve every problem of a record again; return what was found and whether all came out the same.

    Parameters
    ----------
    record
        Record directory.
    tolerance
        Share of the permitted span of an input by which its moves may differ [1]; as usual where None.

    Raises
    ------
    ValueError
        If there is no record that can be read.
    """
    with _counted(record) as count:
        found = replan(record, TOLERANCE if tolerance is None else tolerance, count)
    people.print(
        f"{record / FILE}: {counted(found.solved, 'plan')} solved again, {found.identical} identical, {found.within} "
        f"within {found.tolerance:g} of the span of their inputs, the largest difference {found.largest:g}",
        markup=False,
    )
    return {"plans": found.plain()}, found.within == found.solved
