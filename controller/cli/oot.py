"""The verbs of `oot`: results held against what quality assurance calls a trend, and stored outcomes made again."""

from __future__ import annotations

import getpass
import hashlib
import importlib.metadata
import json as text_of
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, kept, people, writable
from controller.cli.user import now

if TYPE_CHECKING:
    from anomaly.oot.study import Held, Outcome, Row, Settings
    from controller.oot_result import Made

Html = Annotated[str | None, typer.Option("--html", metavar="F", help="Page with plots.", callback=writable)]
Out = Annotated[str | None, typer.Option("--out", metavar="F", help="Where to store the outcome.", callback=writable)]


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    group = typer.Typer(help="Results out of trend, by methods that are known.", no_args_is_help=True)
    group.callback()(_results)
    group.command("check")(check)
    group.command("again")(again)
    app.add_typer(group, name="oot")


def _results() -> None: ...


def check(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Table with batch, results, and age where it has one.")],
    *,
    method: Annotated[str, typer.Option("--method", metavar="M", help="Method, such as regression, q1e or ewma.")],
    column: Annotated[list[str], typer.Option("--column", metavar="NAME", help="Column judged; several for t2_q.")],
    tested: Annotated[
        list[str] | None, typer.Option("--tested", metavar="BATCH", help="Batch judged; may be repeated; the last one.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Setting of the method; may be repeated.")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", metavar="NAME", help="Who makes it.")] = None,
    out: Out = None,
    html: Html = None,
    json: Json = None,
) -> int:
    """Hold results against limits from their history; status 1 where something is out of trend."""
    from controller.cli.oot_data import table  # noqa: PLC0415  # heavy
    from controller.oot_result import stored  # noqa: PLC0415  # heavy

    said = {"method": method, "columns": tuple(column), "tested": tuple(tested or ())} | _set(settings or ())
    with reading():
        wanted = _settings(said)
        found = table(data, (*wanted.columns, *wanted.along), wanted.unit)
        if not found.rows:
            raise Refused(f"{data}: found no results")
        if not wanted.tested:
            wanted = wanted.model_copy(update={"tested": (found.rows[-1].batch,)})
        outcome, text = stored(found.rows, wanted, _made(data, user))
    for doubt in found.doubts:
        people.print(doubt, markup=False)
    _shown(outcome)
    if out is not None:
        kept(out, _writes(text))
    if html is not None:
        _page(html, found.rows, wanted, text)
    give(_plain(text) | {"doubts": found.doubts}, json)
    return 1 if outcome.out else 0


def again(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help="Outcome that was stored.")],
    *,
    data: Annotated[
        Path | None, typer.Option("--data", metavar="DATA", help="File it was made of, to compare.")
    ] = None,
    out: Out = None,
    html: Html = None,
    json: Json = None,
) -> int:
    """Make a stored outcome again from what it carries; status 1 where it is not the same, byte for byte."""
    from controller import oot_result  # noqa: PLC0415  # heavy

    with reading():
        before = result.read_text(encoding="utf-8")
        found = oot_result.again(before, str(result))
        differences = [*found.differences, *_other(before, data)]
    identical = found.identical and not differences
    for one in differences:
        people.print(one, markup=False)
    _shown(found.outcome)
    same = "made again, byte for byte the same" if found.identical else "made again, and not the same"
    beside = ", but of another file" if found.identical and not identical else ""
    people.print(same + beside, markup=False)
    if out is not None:
        kept(out, _writes(found.text))
    if html is not None:
        rows, settings = oot_result.carried(found.text)
        _page(html, rows, settings, found.text)
    give(_plain(found.text) | {"identical": identical, "differences": differences}, json)
    return 0 if identical else 1


def _writes(text: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def _set(given: Sequence[str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for one in given:
        key, sign, value = one.partition("=")
        if not (key and sign):
            raise Refused(f"--set: found {one!r}, wanted KEY=VALUE such as limits=tolerance")
        try:
            found[key] = text_of.loads(value)
        except text_of.JSONDecodeError:
            found[key] = value
    return found


def _settings(said: dict[str, object]) -> Settings:
    from pydantic import ValidationError  # noqa: PLC0415  # heavy

    from anomaly.oot.study import Settings  # noqa: PLC0415  # heavy

    try:
        return Settings.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = Settings.model_fields
            if len(first["loc"]) > 1:
                known = getattr(known[str(first["loc"][0])].annotation, "model_fields", {})
            raise Refused(f"--set: found {where}, wanted one of {', '.join(known)}") from error
        raise Refused(f"{where}: {first['msg'].lower()}, found {first['input']!r}") from error


def _made(data: Path, user: str | None) -> Made:
    from datetime import UTC, datetime  # noqa: PLC0415  # only here

    from controller.oot_result import Made  # noqa: PLC0415  # heavy

    return Made(
        source=data.name,
        sha256=hashlib.sha256(data.read_bytes()).hexdigest(),
        user=user or getpass.getuser(),
        at=datetime.fromtimestamp(now(), UTC).isoformat(timespec="seconds"),
        program=importlib.metadata.version("steadyline"),
    )


def _other(before: str, data: Path | None) -> list[str]:
    if data is None:
        return []
    found = hashlib.sha256(data.read_bytes()).hexdigest()
    wanted = text_of.loads(before)["made"]["sha256"]
    return [] if found == wanted else [f"{data}: found SHA-256 {found[:16]}, but the outcome was made of {wanted[:16]}"]


def _shown(outcome: Outcome) -> None:
    people.print(outcome.said, markup=False, style="bold" if outcome.out else None)
    for one in outcome.held:
        if one.out:
            people.print(f"  {_place(one)}", markup=False)
    for name, value in outcome.numbers.items():
        people.print(f"  {name}: {value:.5g}", markup=False)
    for note in outcome.notes:
        people.print(f"  {note}", markup=False)


def _place(one: Held) -> str:
    """Return which result is out, and of which limit."""
    where = f"batch {one.batch}" + (f" at age {one.age:g}" if isfinite(one.age) else "")
    over = one.value > one.high
    edge = one.high if over else one.low
    limit = f", {'above' if over else 'below'} {edge:.4g}" if isfinite(edge) else ""
    return f"{where}: {one.what} {one.value:.4g}{limit}"


def _plain(text: str) -> dict[str, object]:
    found: dict[str, object] = text_of.loads(text)
    del found["rows"]
    outcome = found.pop("outcome")
    return found | (outcome if isinstance(outcome, dict) else {})


def _page(html: str, rows: Sequence[Row], settings: Settings, text: str) -> None:
    from controller.cli.oot_page import page  # noqa: PLC0415  # heavy

    said = page(rows, settings, text)
    kept(html, _writes(said))
