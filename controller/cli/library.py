"""The verbs of `library`: whether a library of trends is sound, and what recorded results show by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from controller.cli import library_match
from controller.cli.ends import Refused
from controller.cli.options import Json
from controller.cli.show import give, given, people

if TYPE_CHECKING:
    from anomaly.confusion import Confusion
    from anomaly.trending import TrendKit
    from policies import Policy, Trend
    from policies.library import Entry, Library

_LIBRARY = ".library.yaml"
_MUCH = 100_000


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    group = typer.Typer(help="Libraries of impurity trends.", no_args_is_help=True)
    group.callback()(_libraries)
    group.command("check")(check)
    group.command("match")(library_match.match)
    app.add_typer(group, name="library")


def _libraries() -> None: ...


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Libraries of trends.")],
    *,
    policy: Annotated[
        Path | None, typer.Option(metavar="POLICY", help="Policy whose watch says what is normal; one beside the file.")
    ] = None,
    trials: Annotated[int, typer.Option(min=10, max=_MUCH, help="Trends simulated of each entry.")] = 200,
    points: Annotated[int, typer.Option(min=100, max=_MUCH, help="Points of normal operation simulated.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the simulation.")] = 1,
    json: Json = None,
) -> int:
    """Check libraries, syntax and science: can each entry be found, and told from the others? Fails where it cannot."""
    from policies import PolicyError  # noqa: PLC0415  # heavy

    where = given(json)
    results: list[dict[str, object]] = []
    errors: list[dict[str, object]] = []
    for path in files:
        try:
            results.append(_checked(path, policy, (trials, points, seed)))
        except PolicyError as error:
            errors += [asdict(problem) for problem in error.problems]
            people.print(str(error), markup=False, soft_wrap=True)
    give({"files": results, "errors": errors, "seed": seed}, where)
    if errors:
        return 2
    return 1 if any(result["objections"] for result in results) else 0


def _checked(path: Path, policy: Path | None, how: tuple[int, int, int]) -> dict[str, object]:
    found = library_of(path)
    people.print(f"{path}: library of line {found.line}, revision {found.revision}", markup=False)
    kit, _ = ready(path, found, policy)
    entries = {key: _plain(found, key, entry) for key, entry in found.entries.items()}
    plain: dict[str, object] = {"file": str(path), "line": found.line, "revision": found.revision, "entries": entries}
    if kit is None:
        people.print("No policy beside it watches it, and it does not say what is normal: nothing was simulated.")
        nothing: dict[str, object] = {"simulated": False, "objections": {}}
        return plain | nothing
    expected = _simulated(kit, how)
    _show(found, expected)
    rows = {key: asdict(row) for key, row in expected.rows.items()}
    figures = {"confusion": rows, "false_per_week": expected.false_per_week, "points": how[1], "trials": how[0]}
    return plain | {"simulated": True, **figures, "objections": expected.objections()}


def library_of(path: Path) -> Library:
    """Return the library in a file.

    Raises
    ------
    Refused
        If the file cannot be read.
    policies.PolicyError
        If it is no library.
    """
    from policies import library  # noqa: PLC0415  # heavy

    try:
        return library.read(path.read_bytes(), str(path))
    except OSError as error:
        raise Refused(f"{path}: this cannot be read: {(error.strerror or '').lower()}") from error


def _simulated(kit: TrendKit, how: tuple[int, int, int]) -> Confusion:
    from anomaly.confusion import simulated  # noqa: PLC0415  # heavy

    trials, points, seed = how
    columns = (TextColumn("simulating, seed {task.fields[seed]}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("", total=trials * len(kit.entries) + points, seed=seed)
        return simulated(kit, trials, points, seed, lambda done: progress.update(bar, completed=done))


def ready(path: Path, found: Library, policy: Path | None) -> tuple[TrendKit | None, Policy | None]:
    """Return a library ready to be matched as a policy does, with that policy, or as it says itself, or None.

    Raises
    ------
    Refused
        If the policy does not name it, or they do not fit.
    """
    from anomaly.trending import prepare  # noqa: PLC0415  # heavy
    from policies import Trend  # noqa: PLC0415  # heavy

    watched, by = _watch(path, policy)
    if watched is None and found.normal is not None:
        normal = found.normal
        units = dict.fromkeys(normal.channels, "1")
        declared = Trend.model_construct(
            kind="trend", response="", library=path.name, channels=normal.channels, every_s=normal.every_s,
            window=normal.window, limit=normal.limit, explained=normal.explained,
        )  # fmt: skip
        watched = ("library", declared, units)
    if watched is None:
        return None, None
    try:
        return prepare(watched[0], watched[1], found, watched[2]), by
    except ValueError as error:
        raise Refused(f"{path}: {error}") from error


def _watch(path: Path, policy: Path | None) -> tuple[tuple[str, Trend, Mapping[str, str]] | None, Policy | None]:
    """Return the watch of a policy that names the library, with the units of its tags."""
    from policies import Trend, load  # noqa: PLC0415  # heavy

    for file in [policy] if policy else _beside(path):
        by = load(file)
        for name, one in by.watches.items():
            if isinstance(one, Trend) and Path(one.library).name == path.name:
                return (name, one, by.units()), by
    if policy is not None:
        raise Refused(f"{policy}: found no watch of kind trend that names {path.name}")
    return None, None


def _beside(path: Path) -> Iterator[Path]:
    for file in sorted(path.resolve().parent.glob("*.yaml")):
        if not file.name.endswith(_LIBRARY) and path.name in file.read_text(encoding="utf-8", errors="replace"):
            yield file


def _plain(found: Library, key: str, entry: Entry) -> dict[str, object]:
    governance = entry.governance
    return {
        "name": entry.name,
        "class": entry.kind,
        "status": governance.status,
        "version": governance.version,
        "hash": entry.fingerprint,
        "routing": entry.routing,
        "limits": dict(found.limits(key)),
    }


def _show(found: Library, expected: Confusion) -> None:
    heads = list(dict.fromkeys(name for row in expected.rows.values() for name in row.shares))
    order = [*(key for key in expected.rows if key in heads), *(name for name in heads if name not in expected.rows)]
    title = f"what trends would be told as, % of {expected.trials} each, seed {expected.seed}"
    table = Table("trend", "least size", *map(escape, order), title=title, title_justify="left")
    for key, row in expected.rows.items():
        size = f"{row.size:.3g}" if row.given else f"{row.size:.3g} (not given)"
        table.add_row(escape(key), size, *(_share(row.shares.get(name, 0.0)) for name in order))
    people.print(table)
    people.print(f"Told without reason: {expected.false_per_week:.2g} a week, in {expected.points} points.")
    for key, said in expected.objections().items():
        people.print(f"{key}: {'; '.join(said)}.", style="bold", markup=False)
    for key, entry in found.entries.items():
        limits = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in found.limits(key).items())
        unit = entry.identity.unit if entry.identity else ""
        people.print(
            f"{key}: {entry.governance.status}, {entry.fingerprint[:16]}; {limits or 'no limits'} {unit}".rstrip()
        )


def _share(value: float) -> str:
    return f"{100.0 * value:.0f}" if value else "."
