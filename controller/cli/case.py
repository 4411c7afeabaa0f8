"""The verbs of `case`: what is out of trend, followed up from the command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from controller.cli.asking import Asker, PasswordFrom, Users
from controller.cli.ends import Refused, Unreachable, reading
from controller.cli.options import Json
from controller.cli.show import give, people, tabled, writable

if TYPE_CHECKING:
    from anomaly.cases import Case, CaseAct, Disposition, Support
    from controller.cases.history import Kept

_WAIT_S, _LOOK_S = 15.0, 0.25
Record = Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory of the run.")]
Records = Annotated[list[Path], typer.Argument(metavar="RECORD...", help="Record directories of one line.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Name of the case.")]
Why = Annotated[str, typer.Option("--why", metavar="W", help="Reason, kept in the record.")]
User = Annotated[str | None, typer.Option("--user", metavar="NAME", help="Who does it, where the station has users.")]
Judged = Annotated[str, typer.Argument(metavar="DISPOSITION", help="confirmed, analytical or rejected.")]


@dataclass(frozen=True, slots=True)
class _Way:
    """How an order about a case is placed."""

    record: Path
    """Record of the run."""
    why: str
    """Reason."""
    user: str | None
    """Who places it; None where nobody said."""
    directory: Path
    """Where the users are kept."""
    descriptor: int | None
    """File descriptor that gives passwords [1]; None for the terminal."""


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    case = typer.Typer(help="Follow up what is out of trend.", no_args_is_help=True)
    case.command("list")(listed)
    for verb in (show, step, result, dispose, sign, send_back, reopen, propose):
        case.command(verb.__name__.replace("_", "-"))(verb)
    app.add_typer(case, name="case")


def listed(records: Records, *, json: Json = None) -> int:
    """List the cases of some records, with what is to be done next."""
    from controller.cases import history  # noqa: PLC0415  # heavy

    with reading():
        found = history.newest(history.history(records))
    rows = [
        (one.id, one.stage.value, one.evidence.named or one.evidence.what[:60], _next(one), _judged(one))
        for one, _ in found.values()
    ]
    if rows:
        tabled("cases", ("case", "stage", "told as", "next", "disposition"), rows)
    else:
        people.print("There is no case in these records.")
    give({"cases": [_plain(one) for one, _ in found.values()]}, json)
    return 0


def show(records: Records, *, case: Annotated[str, typer.Option("--case", metavar="ID")], json: Json = None) -> int:
    """Show one case as it stands."""
    from controller.cases import history  # noqa: PLC0415  # heavy
    from policies.sentences import among  # noqa: PLC0415  # heavy

    with reading():
        found = history.newest(history.history(records))
    if case not in found:
        raise Refused(f"found {case}, {among(found, 'case in these records')}")
    one, _ = found[case]
    people.print(f"{one.id}: {one.stage.value}, {_judged(one)}\n{one.evidence.what}", markup=False)
    for task in one.steps:
        state = f"done by {task.who}: {task.why}" if task.done is not None else f"to be done by {task.owner}"
        people.print(f"  {task.name}: {task.what} ({task.sop or 'no procedure'}); {state}", markup=False)
    for note in one.notes:
        people.print(f"  {note.who}: {note.what}", markup=False)
    give(_plain(one), json)
    return 0


def step(
    record: Record,
    case: Id,
    name: Annotated[str, typer.Argument(metavar="STEP", help="Step of the procedure.")],
    *,
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Report a step of the procedure as done."""
    from anomaly.cases import DoStep  # noqa: PLC0415  # heavy

    return _placed(_Way(record, why, user, directory, password_fd), case, lambda _one, _sign: DoStep(case, name), json)


def result(
    record: Record,
    case: Id,
    *,
    test: Annotated[str, typer.Option("--test", help="What was tested, and by which method.")],
    found: Annotated[str, typer.Option("--found", help="Result with its unit.")],
    supports: Annotated[str, typer.Option("--supports", help="confirms, refutes or inconclusive.")],
    reference: Annotated[str, typer.Option("--reference", help="Where the laboratory keeps it.")] = "",
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Enter the result of the confirmatory test."""
    from anomaly.cases import EnterResult  # noqa: PLC0415  # heavy

    if supports not in {"confirms", "refutes", "inconclusive"}:
        raise Refused(f"--supports: found {supports!r}, wanted confirms, refutes or inconclusive")
    done = EnterResult(case, test, found, cast("Support", supports), reference)
    return _placed(_Way(record, why, user, directory, password_fd), case, lambda _one, _sign: done, json)


def dispose(
    record: Record,
    case: Id,
    disposition: Judged,
    *,
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Judge a case, and sign that where the policy wants it signed."""
    from anomaly.cases import Dispose  # noqa: PLC0415  # heavy

    judged = _disposition(disposition)
    way = _Way(record, why, user, directory, password_fd)
    return _placed(way, case, lambda _one, sign: Dispose(case, judged, sign(judged, why)), json)


def sign(
    record: Record,
    case: Id,
    disposition: Judged,
    *,
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Sign the disposition of another person."""
    from anomaly.cases import Countersign  # noqa: PLC0415  # heavy

    judged = _disposition(disposition)
    way = _Way(record, why, user, directory, password_fd)
    return _placed(way, case, lambda one, sign: Countersign(case, judged, sign(judged, one.why)), json)


def send_back(
    record: Record,
    case: Id,
    *,
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Send a disposition back instead of signing it."""
    from anomaly.cases import Return  # noqa: PLC0415  # heavy

    return _placed(_Way(record, why, user, directory, password_fd), case, lambda _one, _sign: Return(case), json)


def reopen(
    record: Record,
    case: Id,
    *,
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Open a closed case again."""
    from anomaly.cases import Reopen  # noqa: PLC0415  # heavy

    return _placed(_Way(record, why, user, directory, password_fd), case, lambda _one, _sign: Reopen(case), json)


def propose(
    record: Record,
    case: Id,
    entry: Annotated[str, typer.Argument(metavar="ENTRY", help="Id of the new library entry.")],
    *,
    out: Annotated[str, typer.Option("--out", metavar="F", help="Library to write.", callback=writable)],
    why: Why,
    user: User = None,
    directory: Users = Path("people"),
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Draft a library entry from a confirmed unknown trend, to be finished, checked and approved."""
    from anomaly.cases import Propose  # noqa: PLC0415  # heavy
    from controller.cases.draft import drafted  # noqa: PLC0415  # heavy

    with reading():
        one, kept = _there(record, case)
        made = drafted(one, entry, user or "command line", kept.policy)
    Path(out).write_bytes(made)
    people.print(f"{out}: drafted; check it with: steadyline library check {out}", markup=False)
    digest = sha256(made).hexdigest()
    if kept.closed:
        people.print("the run is over: the draft is not kept with the case", markup=False)
        give({"case": case, "taken": False, "draft": digest}, json)
        return 0
    way = _Way(record, why, user, directory, password_fd)
    return _placed(way, case, lambda _one, _sign: Propose(case, entry, digest), json)


def _disposition(found: str) -> Disposition:
    from anomaly.cases import Disposition  # noqa: PLC0415  # heavy

    if found not in set(Disposition):
        raise Refused(f"found {found!r}, wanted confirmed, analytical or rejected")
    return Disposition(found)


def _there(record: Path, name: str) -> tuple[Case, Kept]:
    from controller.cases import history  # noqa: PLC0415  # heavy
    from policies.sentences import among  # noqa: PLC0415  # heavy

    kept = history.kept(record)
    if name not in kept.cases:
        raise Refused(f"{record}: found {name}, {among(kept.cases, 'case in this record')}")
    return kept.cases[name], kept


def _placed(
    way: _Way, name: str, made: Callable[[Case, Callable[[Disposition, str], str]], CaseAct], json: str | None
) -> int:
    """Leave an order beside the record of a run that goes on, and say what became of it."""
    from controller.cases.post import left  # noqa: PLC0415  # heavy
    from controller.cli.access import Station  # noqa: PLC0415  # heavy
    from controller.cli.case_sign import Signs  # noqa: PLC0415  # heavy

    with reading():
        one, kept = _there(way.record, name)
        if kept.closed:
            raise Refused(f"{way.record}: the run is over; its open cases go on in the next: run --after {way.record}")
        station = Station(way.directory, way.user, None, way.descriptor)
        signs = Signs(station.people(), Asker(way.descriptor), one, kept.policy)
        letter = signs.letter(made(one, lambda judged, why: signs.judged(judged, why, way)), way)
        file = left(way.record, letter)
    answer = _answer(way.record, name, len(kept.deeds.get(name, [])), file)
    people.print(answer[1], markup=False)
    give({"case": name, "taken": answer[0], "what": answer[1]}, json)
    return 0 if answer[0] else 1


def _answer(record: Path, name: str, known: int, file: Path) -> tuple[bool, str]:
    """Return whether an order was taken, and what became of it, in words.

    Raises
    ------
    Unreachable
        If no run takes it in.
    """
    from controller.cases import history  # noqa: PLC0415  # heavy

    pause = Event()
    for _ in range(round(_WAIT_S / _LOOK_S)):
        pause.wait(_LOOK_S)
        deeds = [deed for _, deed in history.kept(record).deeds.get(name, [])[known:]]
        settled = [deed for deed in deeds if deed["kind"] in {"case", "event"}]
        if settled:
            return _said(settled[-1])
    taken = not file.exists()
    file.unlink(missing_ok=True)
    if taken:
        return False, "the run took the order in and said nothing of it; see what it printed"
    raise Unreachable(f"{record}: no run took the order in within {_WAIT_S:g} s; is it still going on?")


def _said(deed: Mapping[str, Any]) -> tuple[bool, str]:
    if deed["kind"] == "event":
        return False, str(deed["what"])
    return True, f"{deed['subject']}: {deed['what']}, {deed['new']}"


def _next(one: Case) -> str:
    left = [task for task in one.steps if task.done is None]
    if one.closed is not None:
        return "-"
    return f"{left[0].name} ({left[0].owner})" if left else "a signature" if one.disposition else "a disposition"


def _judged(one: Case) -> str:
    return "open" if one.disposition is None else f"{one.disposition.value}: {one.why}"


def _plain(one: Case) -> dict[str, object]:
    return {
        "case": one.id,
        "stage": one.stage.value,
        "opened": one.opened,
        "what": one.evidence.what,
        "entry": one.evidence.entry,
        "steps": [{"step": task.name, "owner": task.owner, "due": task.due, "done": task.done} for task in one.steps],
        "disposition": None if one.disposition is None else one.disposition.value,
        "why": one.why,
        "signatures": [signed.who for signed in one.signatures],
    }
