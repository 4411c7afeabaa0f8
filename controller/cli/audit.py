"""The verb audit: is a record what was written, how far did it go, and what did people do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.ends import reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable

Record = Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")]
Pki = Annotated[Path, typer.Option("--pki", metavar="DIR", help="Folder of certificates and keys.")]
_PKI = Path("pki")


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    audit = typer.Typer(help="Whether a record is what was written, and what was done in it.", no_args_is_help=True)
    for verb in (verify, head, key):
        audit.command()(verb)
    app.add_typer(audit, name="audit")


def verify(
    record: Record,
    *,
    head: Annotated[
        Path | None, typer.Option("--head", metavar="FILE", help="How far it went, from: steadyline audit head.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Fingerprint of the key that must have signed it.")
    ] = None,
    json: Json = None,
) -> int:
    """Check chain and signatures of a record and name the first break; status 1 if there is one."""
    from controller.records.verify import Head  # noqa: PLC0415  # heavy
    from controller.records.verify import verify as verified  # noqa: PLC0415  # heavy

    with reading(), people.status("verifying", spinner="line") as status:
        there = None if head is None else Head.read(head)
        found = verified(record, there, key, _counted(status.update))
    people.print(f"{record}: {found.sentence()}", markup=False)
    give(found.plain(), json)
    return 0 if found.broken is None else 1


def _counted(say: Callable[[str], None]) -> Callable[[int], None]:
    return lambda count: None if count % 5000 else say(f"verifying, {count} records")


def head(
    record: Record,
    *,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="File to keep elsewhere.", callback=writable)
    ] = None,
    json: Json = None,
) -> int:
    """Tell how far a record goes now; kept elsewhere, it shows later whether the record was cut off."""
    from controller.records.verify import newest  # noqa: PLC0415  # heavy

    with reading():
        found = newest(record)
    people.print(f"{record}: record {found.seq}, chain {found.chain.hex()}", markup=False)
    give(found.plain(), out)
    give(found.plain(), json)
    return 0


def key(*, pki: Pki = _PKI, json: Json = None) -> int:
    """Make the Ed25519 key with which this station signs its records, or show the one there is."""
    from controller.records.chain import Signer  # noqa: PLC0415  # heavy
    from plant_io.security.signing import make_station_key, station_key  # noqa: PLC0415  # heavy

    with reading():
        found = station_key(pki)
        signer = Signer(make_station_key(pki) if found is None else found)
    said = "made; records are signed with it from now on" if found is None else "there already"
    people.print(f"{pki}: key {signer.name}, {said}", markup=False)
    give({"key": signer.name, "made": found is None}, json)
    return 0
