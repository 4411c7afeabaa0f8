"""The controller's own verbs: run, validate, schema, replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from controller.cli import (
    advice,
    approve,
    audit,
    backup,
    case,
    certs,
    copying,
    detector,
    diff,
    doctor,
    explain,
    history,
    identify,
    library,
    oot,
    probe,
    report,
    sign,
    soft_sensor,
    user,
)
from controller.cli.asking import USERS, PasswordFrom, Users
from controller.cli.ends import Refused, duration, reading
from controller.cli.history import instant
from controller.cli.options import (
    Connect,
    ConsoleCert,
    ConsoleHost,
    ConsoleKey,
    ConsolePort,
    Json,
    NoConsole,
    Pki,
    pairs,
)
from controller.cli.show import give, log_to_people, people

INTERRUPTED = 130
"""Exit status of a run that a person stopped."""
Record = Annotated[Path | None, typer.Option("--record", metavar="DIR", help="Where to keep the record.")]
For = Annotated[str | None, typer.Option("--for", metavar="T", help="How long, such as 10m; until stopped if absent.")]
Speed = Annotated[
    float | None,
    typer.Option(metavar="X", help="Plant seconds per wall second, if simulated; as in the policy."),
]
Lockstep = Annotated[bool, typer.Option("--lockstep", help="Lead a simulated plant that waits for the controller.")]
Log = Annotated[
    Path | None, typer.Option("--log", metavar="FILE", help="Append what happens to a file, a JSON object on a line.")
]
Files = Annotated[
    list[Path], typer.Argument(metavar="FILE...", help="Policies; *.library.yaml and *.scenario.yaml as what they are.")
]


Keys = Annotated[
    list[str] | None,
    typer.Option("--approved-by", metavar="KEY", help="Fingerprint of a key; one must have signed. May be repeated."),
]


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
    from policies.library import schema  # noqa: PLC0415  # heavy

    return schema()


SCHEMAS: dict[str, Schema] = {"policy": _policy, "library": _library}
"""Kinds of files with a published schema; a plug-in adds its own."""


Check = Callable[[Path], str]
"""Says in one sentence what a good file is; raises `policies.PolicyError` with every mistake in one that is not."""


def _good_policy(path: Path) -> str:
    from controller import readiness  # noqa: PLC0415  # heavy
    from policies import PolicyError, examined  # noqa: PLC0415  # heavy

    found, problems = examined(path)
    problems += [] if found is None else readiness.problems(found, path)
    if problems or found is None:
        raise PolicyError(sorted(problems, key=lambda one: (one.file != str(path), one.file, one.line, one.column)))
    return f"line {found.line}, revision {found.revision}, good, {found.fingerprint[:16]}"


def _good_library(path: Path) -> str:
    from policies.library import read  # noqa: PLC0415  # heavy

    found = read(path.read_bytes(), str(path))
    return f"library of line {found.line}, revision {found.revision}, {len(found.entries)} entries, good"


def _good_model(path: Path) -> str:
    found = approve.model(path)
    pace = f"looks every {found.period_s:g} s"
    return f"model of a monitor, {len(found.tags)} tags, {pace}, good, {found.fingerprint[:16]}"


CHECKS: dict[str, Check] = {".library.yaml": _good_library, ".monitor.json": _good_model}
"""How files are checked that are no policies, by how their names end; a plug-in adds its own."""


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    app.command()(run)
    app.command()(validate)
    app.command()(schema)
    app.command()(replay)
    audit.add(app)
    backup.add(app)
    copying.add(app)
    certs.add(app)
    probe.add(app)
    identify.add(app)
    detector.add(app)
    advice.add(app)
    explain.add(app)
    history.add(app)
    report.add(app)
    approve.add(app)
    case.add(app)
    oot.add(app)
    diff.add(app)
    doctor.add(app)
    user.add(app)
    sign.add(app)
    soft_sensor.add(app)
    library.add(app)


def run(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="Policy file.")],
    *,
    mode: Annotated[StartMode, typer.Option(help="Mode asked for at the start.")] = StartMode.SHADOW,
    for_: For = None,
    record: Record = None,
    connect: Connect = None,
    pki: Pki = None,
    speed: Speed = None,
    lockstep: Lockstep = False,
    after: Annotated[
        Path | None, typer.Option(metavar="RECORD", help="Record of an earlier run whose alarms this one goes on with.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Who begins the run.")] = None,
    directory: Users = USERS,
    password_fd: PasswordFrom = None,
    log: Log = None,
    no_console: NoConsole = False,
    console_host: ConsoleHost = "127.0.0.1",
    console_port: ConsolePort = None,
    console_cert: ConsoleCert = None,
    console_key: ConsoleKey = None,
    json: Json = None,
) -> int:
    """Run a policy against the plant it names; fails if its record has a gap."""
    from controller.cli import access, live  # noqa: PLC0415  # heavy
    from controller.cli.place import Site  # noqa: PLC0415  # heavy
    from controller.console.doors import Doors  # noqa: PLC0415  # heavy
    from controller.runtime import STOPPED  # noqa: PLC0415  # heavy

    log_to_people()
    doors = None if no_console else Doors(console_host, console_port, console_cert, console_key)
    who = access.Station(directory, user, pki, password_fd)
    site = Site(pairs(connect), pki, speed, lockstep, who, log, after=after, doors=doors)
    result = live.run(policy, mode.value, duration("--for", for_), record, site)
    give(result, json)
    if result["not_kept"]:
        return 1
    return INTERRUPTED if result["why"] == STOPPED else 0


def validate(files: Files, *, approved_by: Keys = None, json: Json = None) -> int:
    """Check policies, libraries, models and scenarios; every mistake with its place, all at once."""
    from policies import PolicyError, Problem  # noqa: PLC0415  # heavy

    errors: list[dict[str, object]] = []
    for path in files:
        check = next((check for suffix, check in CHECKS.items() if path.name.endswith(suffix)), _good_policy)
        try:
            said = "; ".join([check(path), *([approve.check(path, approved_by)] if approved_by else [])])
            people.print(f"{path}: {said}", markup=False, soft_wrap=True)
        except (PolicyError, OSError) as error:
            unread = [Problem(str(path), 1, 1, "", (getattr(error, "strerror", None) or "it cannot be read").lower())]
            wrong = PolicyError(unread) if isinstance(error, OSError) else error
            errors += [asdict(problem) for problem in wrong.problems]
            people.print(str(wrong), markup=False, soft_wrap=True)
    give({"files": [str(path) for path in files], "errors": errors}, json)
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
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")],
    *,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="NEW", help="Another policy: what would have differed.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="T", help="From the last state kept by then: ISO 8601 or POSIX s.")
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Fingerprint of the key that signed that state.")
    ] = None,
    plans: Annotated[bool, typer.Option("--plans", help="Solve every problem again as well.")] = False,
    tolerance: Annotated[
        float | None, typer.Option(help="Share of the span of an input by which a move may differ, 1e-6.")
    ] = None,
    json: Json = None,
) -> int:
    """Re-derive every decision of a record and compare it bit for bit, or see what another policy would have done."""
    from controller.cli import replays  # noqa: PLC0415  # heavy

    if (begin is None) != (key is None) or (policy is not None and (plans or begin is not None)):
        raise Refused(
            "replay: --from wants --key, whose signature lets a state be loaded, and neither goes with --policy"
        )
    with reading():
        result, good = replays.replay(record, instant(begin), key) if policy is None else replays.rerun(record, policy)
        if plans:
            more, same = replays.plans(record, tolerance)
            result, good = result | more, good and same
    give(result, json)
    return 0 if good else 1
