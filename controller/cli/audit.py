"""The verb audit: is a record what was written, how far did it go, and what did people do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, kept, people, writable

if TYPE_CHECKING:
    from controller.records.entry import Entry
    from controller.records.verify import Verified

Record = Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")]
Pki = Annotated[Path, typer.Option("--pki", metavar="DIR", help="Folder of certificates and keys.")]
_PKI = Path("pki")


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    audit = typer.Typer(help="Whether a record is what was written, and what was done in it.", no_args_is_help=True)
    for verb in (verify, head, key, export):
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


def _counted(say: Callable[[str], None]) -> Callable[[Entry], None]:
    return lambda entry: None if (entry.seq + 1) % 5000 else say(f"verifying, {entry.seq + 1} records")


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


def export(
    record: Record,
    *,
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="One .csv, .jsonl or .html.", callback=writable)
    ] = None,
    exceptions: Annotated[bool, typer.Option("--exceptions", help="Only what a review looks at first.")] = False,
    json: Json = None,
) -> int:
    """Write the audit trail: who did what to which, old and new, when and why; the page shows exceptions first.

    Status 1 if the record is broken: the page says so too.
    """
    from controller.records import review  # noqa: PLC0415  # heavy
    from controller.records.verify import verify as verified  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    with reading():
        done = [each for each in review.trail(record) if each["exception"] or not exceptions]
        found = verified(record)
    if out is not None:
        suffix = Path(out).suffix
        if suffix == ".html":
            kept(out, lambda file: _paged(record, done, found, file))
        elif suffix in {".csv", ".jsonl"}:
            put = review.to_csv if suffix == ".csv" else review.to_jsonl
            kept(out, lambda file: put(done, file))
        else:
            raise Refused(f"{out}: wanted a file that ends with .csv, .jsonl or .html")
    people.print(f"{record}: {counted(len(done), 'entry')}; {found.sentence()}", markup=False)
    give({"entries": done, "verified": found.plain()}, json)
    return 0 if found.broken is None else 1


def _paged(record: Path, done: Sequence[Mapping[str, Any]], found: Verified, file: Path) -> None:
    """Write the page of an audit trail: the verifier's result, exceptions, then everything."""
    from controller.cli.page import said, table, words  # noqa: PLC0415  # heavy
    from controller.records.review import COLUMNS, safe  # noqa: PLC0415  # heavy
    from policies.sentences import counted  # noqa: PLC0415  # heavy

    rare = [each for each in done if each["exception"]]
    shown = [name for name in COLUMNS if name not in {"exception", "kind"}]
    rows = [[[safe(each[name]) for name in shown] for each in part] for part in (rare, done)]
    verdict = "intact" if found.broken is None else "broken"
    numbers = f"{counted(len(done), 'entry')}, {counted(len(rare), 'exception')} among them."
    parts = [
        f"<h2>The record is {verdict}</h2>",
        said(f"{record}: {found.sentence()}", numbers),
        "<h2>Exceptions</h2>",
        table(shown, rows[0]) if rare else said("None."),
        "<h2>Everything</h2>",
        table(shown, rows[1]),
    ]
    file.write_text(words("Audit trail", parts), encoding="utf-8")
