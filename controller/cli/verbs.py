"""The controller's own verbs: run, validate, schema, replay."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.show import give, people

Json = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Result as one JSON object; - for stdout.")]
Record = Annotated[Path | None, typer.Option("--record", metavar="DIR", help="Where to keep the record.")]
For = Annotated[str | None, typer.Option("--for", metavar="T", help="How long, such as 10m; until stopped if absent.")]
Policies = Annotated[list[Path], typer.Argument(metavar="POLICY...", help="Policy files.")]
Connect = Annotated[
    list[str] | None, typer.Option("--connect", metavar="NAME=ADDRESS", help="Another address for a connection.")
]


class StartMode(StrEnum):
    """Modes a run may begin in."""

    SHADOW = "shadow"
    ADVISORY = "advisory"
    AUTO = "auto"


class SchemaKind(StrEnum):
    """Files with a published schema."""

    POLICY = "policy"
    LIBRARY = "library"


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(run)
    app.command()(validate)
    app.command()(schema)
    app.command()(replay)


def run(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="Policy file.")],
    *,
    mode: Annotated[StartMode, typer.Option(help="Mode asked for at the start.")] = StartMode.SHADOW,
    for_: For = None,
    record: Record = None,
    connect: Connect = None,
    json: Json = None,
) -> int:
    """Run a policy against the plant it names."""
    from controller.cli import live  # noqa: PLC0415  # heavy
    from policies.words import seconds  # noqa: PLC0415  # heavy

    with reading():
        for_s = None if for_ is None else seconds(for_)
    result = live.run(policy, mode.value, for_s, record, _pairs(connect or []))
    give(result, json)
    return 0


def validate(policies: Policies, *, json: Json = None) -> int:
    """Check policy files; every mistake with its place, all at once."""
    from policies import PolicyError, load  # noqa: PLC0415  # heavy

    errors: list[dict[str, object]] = []
    for path in policies:
        try:
            found = load(path)
        except PolicyError as error:
            errors += [
                {"file": p.file, "line": p.line, "column": p.column, "path": p.path, "message": p.message}
                for p in error.problems
            ]
            people.print(str(error), markup=False, soft_wrap=True)
        else:
            people.print(f"{path}: line {found.line}, revision {found.revision}, good, {found.fingerprint[:16]}")
    give({"files": [str(path) for path in policies], "errors": errors}, json)
    return 2 if errors else 0


def schema(kind: Annotated[SchemaKind, typer.Argument(help="Which kind of file.")] = SchemaKind.POLICY) -> int:
    """Print the JSON Schema of a kind of file, for editors."""
    import json as js  # noqa: PLC0415  # the option of the other verbs has the name

    import policies  # noqa: PLC0415  # heavy

    typer.echo(js.dumps(policies.schema(kind.value), indent=2))
    return 0


def replay(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")], *, json: Json = None
) -> int:
    """Re-derive every decision of a record and compare it bit for bit."""
    from controller.cli import live  # noqa: PLC0415  # heavy

    with reading():
        result, good = live.replay(record)
    give(result, json)
    return 0 if good else 1


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts:
        name, sign, address = text.partition("=")
        if not (name and sign and address):
            raise Refused(f"--connect: found {text!r}, wanted NAME=ADDRESS such as feeders=127.0.0.1:5020")
        pairs[name] = address
    return pairs
