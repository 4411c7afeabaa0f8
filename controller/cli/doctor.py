"""The verb doctor: what of this installation will hurt later, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.copying import held, keys
from controller.cli.ends import Refused, reading
from controller.cli.options import Connect, Json, pairs
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.doctor import Check
    from policies import Policy

_LOCK = "requirements.lock"
_MARKS = {True: ("ok ", "green"), False: ("BAD", "bold red"), None: ("?  ", "yellow")}


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(doctor)


def doctor(
    policy: Annotated[Path | None, typer.Argument(metavar="POLICY", help="Policy that is to run here.")] = None,
    *,
    record: Annotated[
        list[Path] | None, typer.Option("--record", metavar="DIR", help="Record, or a directory of some; repeated.")
    ] = None,
    pki: Annotated[Path | None, typer.Option("--pki", metavar="DIR", help="Folder of certificates and keys.")] = None,
    lock: Annotated[Path | None, typer.Option("--lock", metavar="FILE", help="Lock file of this release.")] = None,
    connect: Connect = None,
    online: Annotated[bool, typer.Option("--online", help="Ask every device of the policy, too.")] = False,
    json: Json = None,
) -> int:
    """Look at everything about this installation that will hurt later; status 1 if something will."""
    from policies import load, rebind  # noqa: PLC0415  # heavy

    if online and policy is None:
        raise Refused("doctor: --online wants a POLICY")
    with reading():
        bound = None if policy is None else rebind(load(policy), pairs(connect), None if pki is None else str(pki))
        records = held(record) if record else []
        folder = keys(bound, pki) if bound is not None else (pki or Path("pki"))
        found = [*_here(lock, folder, records), *_policy(bound, folder, records, online=online)]
    for check in found:
        _show(check)
    give({"checks": [check.plain() for check in found]}, json)
    return 1 if any(check.ok is False for check in found) else 0


def _here(lock: Path | None, pki: Path, records: list[Path]) -> Iterator[Check]:
    """Give what does not depend on a policy."""
    import apsw  # noqa: PLC0415  # heavy

    from controller import doctor as look  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    newest = records[-1] if records else None
    yield look.sqlite(str(apsw.sqlite_lib_version()))
    yield look.libraries(lock or _lock())
    yield look.clock()
    yield look.syncs(newest or Path())
    yield look.room(look.growth(newest, newest or Path()))
    yield from look.certificates(pki, WallClock().now())


def _policy(policy: Policy | None, pki: Path, records: list[Path], *, online: bool) -> Iterator[Check]:
    """Give what is to be seen of a policy and its records."""
    from controller import doctor as look  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    yield from look.copies(records, policy, WallClock().now())
    if policy is None:
        return
    yield look.signing(pki)
    if policy.records.site is not None:
        yield look.database(policy.records.site, pki)
    if online:
        yield from look.plant(policy)


def _lock() -> Path | None:
    """Return the lock file of this release: here, or where it was installed from; None where there is none."""
    import policies  # noqa: PLC0415  # heavy

    there = (Path(_LOCK), Path(str(policies.__file__)).parents[1] / _LOCK)
    return next((file for file in there if file.is_file()), None)


def _show(check: Check) -> None:
    mark, style = _MARKS[check.ok]
    people.print(f"{mark} {check.name}: {check.found}", style=style, markup=False)
    if check.remedy:
        people.print(f"      {check.remedy}", markup=False)
