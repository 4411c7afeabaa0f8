"""The controller's own verbs: run, validate, schema, replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import certs, probe
from controller.cli.ends import Refused, duration, reading
from controller.cli.options import Connect, Json, Pki, pairs
from controller.cli.show import give, log_to_people, people

INTERRUPTED = 130
"""Exit status of a run that a person stopped."""
Record = Annotated[Path | None, typer.Option("--record", metavar="DIR", help="Where to keep the record.")]
For = Annotated[str | None, typer.Option("--for", metavar="T", help="How long, such as 10m; until stopped if absent.")]
Policies = Annotated[list[Path], typer.Argument(metavar="POLICY...", help="Policy files.")]


class StartMode(StrEnum):
    """Modes a run may begin in."""

    SHADOW = "shadow"
    ADVISORY = "advisory"
    AUTO = "auto"


Schema = Callable[[], dict[str, object]]
"""Gives the JSON Schema of one kind of file."""


def _policy() -> dict[str, object]:
    import policies  # noqa: PLC0415  # heavy

    return policies.schema()


def _library() -> dict[str, object]:
    from policies import library  # noqa: PLC0415  # heavy

    return library.schema()


SCHEMAS: dict[str, Schema] = {"policy": _policy, "library": _library}
"""Kinds of files with a published schema; a plug-in adds its own."""


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(run)
    app.command()(validate)
    app.command()(schema)
    app.command()(replay)
    certs.add(app)
    probe.add(app)


def run(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="Policy file.")],
    *,
    mode: Annotated[StartMode, typer.Option(help="Mode asked for at the start.")] = StartMode.SHADOW,
    for_: For = None,
    record: Record = None,
    connect: Connect = None,
    pki: Pki = None,
    json: Json = None,
) -> int:
    """Run a policy against the plant it names; fails if its record has a gap."""
    from controller.cli import live  # noqa: PLC0415  # heavy
    from controller.runtime import STOPPED  # noqa: PLC0415  # heavy

    log_to_people()
    site = live.Site(pairs(connect), pki)
    result = live.run(policy, mode.value, duration("--for", for_), record, site)
    give(result, json)
    if result["not_kept"]:
        return 1
    return INTERRUPTED if result["why"] == STOPPED else 0


def validate(policies: Policies, *, json: Json = None) -> int:
    """Check policy files; every mistake with its place, all at once."""
    from controller import readiness  # noqa: PLC0415  # heavy
    from policies import PolicyError, load  # noqa: PLC0415  # heavy

    errors: list[dict[str, object]] = []
    for path in policies:
        try:
            found = load(path)
            readiness.check(found, path)
        except PolicyError as error:
            errors += [asdict(problem) for problem in error.problems]
            people.print(str(error), markup=False, soft_wrap=True)
        else:
            people.print(f"{path}: line {found.line}, revision {found.revision}, good, {found.fingerprint[:16]}")
    give({"files": [str(path) for path in policies], "errors": errors}, json)
    return 2 if errors else 0


def schema(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="policy, library or scenario.")] = "policy",
) -> int:
    """Print the JSON Schema of a kind of file, for editors."""
    if kind not in SCHEMAS:
        raise Refused(f"schema: found {kind!r}, wanted one of {', '.join(SCHEMAS)}")
    give(SCHEMAS[kind](), "-")
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
