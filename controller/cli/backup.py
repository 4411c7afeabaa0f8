"""The verbs backup and restore: a record copied while its run goes on, and put back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from controller.cli.ends import reading
from controller.cli.options import Json
from controller.cli.show import give, people

Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to put it; nothing is replaced.")]


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(backup)
    app.command()(restore)


def backup(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory; its run may go on.")],
    *,
    out: Out,
    json: Json = None,
) -> int:
    """Copy a record as it is at one moment, and verify the copy; status 1 if it is broken."""
    from controller.records.backup import backup as copied  # noqa: PLC0415  # heavy

    with reading():
        head, found = copied(record, out)
    people.print(f"{out}: copied up to record {head.seq}; {found.sentence()}", markup=False)
    give({"head": head.plain(), **found.plain()}, json)
    return 0 if found.broken is None else 1


def restore(
    copy: Annotated[Path, typer.Argument(metavar="BACKUP", help="Directory of a copy.")],
    *,
    out: Out,
    json: Json = None,
) -> int:
    """Put a copy back where there is no record, verified before and after."""
    from controller.records.backup import restore as put_back  # noqa: PLC0415  # heavy

    with reading():
        found = put_back(copy, out)
    people.print(f"{out}: restored; {found.sentence()}", markup=False)
    give(found.plain(), json)
    return 0 if found.broken is None else 1
