"""The verbs of `report`: pages made from a record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.cli import paper
from controller.cli.alarms import alarms
from controller.cli.case_report import oot
from controller.cli.ends import Refused, reading
from controller.cli.lot import lot
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.rates import rates
from controller.cli.show import give, people
from controller.cli.soft_report import soft

if TYPE_CHECKING:
    from controller.performance import Mismatch
    from controller.records.apc import Apc, Held

Rows = Iterator[tuple[str, ...]]
Section = tuple[str, tuple[str, ...], Rows]
_RIGHT = (0.5, 2.0)
_WHITE, _MOSTLY = 0.001, 0.5

LIMITS = (
    "Predictions: the model goes on from what was believed, with inputs and known inputs as they came.",
    "What nobody could know, such as a disturbance that came in between, is in their error.",
    "Where results come late the tag shows the past, and predictions are held against what is believed in its place.",
    "'Unchanged' is the error of foretelling that nothing changes.",
    "A controller that does well leaves little to be seen: with little excitation a wrong model looks right.",
    "Innovations: their variance is compared with what the estimator expects; above 1 it believes the model too much.",
    "Readings whose noise is not independent break that comparison; results that come late have no innovation.",
    "Swinging is judged of measured less wanted, in service; above 1 it is regular. It does not say who swings.",
    "Nothing here is the plant's truth: all of it is what instruments and soft sensors showed.",
)
"""What is to be known when the figures are read."""


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    report = typer.Typer(help="Pages made from a record.", no_args_is_help=True)
    report.callback()(_reports)
    report.command("apc")(apc)
    report.command("alarms")(alarms)
    report.command("lot")(lot)
    report.command("oot")(oot)
    report.command("rates")(rates)
    report.command("soft")(soft)
    app.add_typer(report, name="report")


def _reports() -> None: ...


def apc(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")],
    *,
    out: Out = None,
    json: Json = None,
) -> int:
    """Tell how well the loops of a record did: foretelling, service, saturation, swinging, and doubt."""
    from controller.records.apc import figures  # noqa: PLC0415  # heavy
    from controller.records.performed import performed  # noqa: PLC0415  # heavy

    columns = (TextColumn("re-deriving decisions"), MofNCompleteColumn(), TimeElapsedColumn())
    with reading(), Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("", total=None)
        loops = performed(record, lambda n: progress.update(bar, completed=n))
    found = {name: figures(one) for name, one in loops.items() if one.cycles}
    if not found:
        raise Refused(f"{record}: the record holds no loop in any cycle")
    for name, one in found.items():
        for title, head, rows in sections(one):
            _table(f"{name}: {title}", head, rows)
        for doubt in doubts(one):
            people.print(f"{name}: {doubt}", style="bold", markup=False)
    if out is not None:
        _write(Path(out), record, found)
    give({"loops": {name: plain(one) for name, one in found.items()}, "limits": list(LIMITS)}, json)
    return 0


def plain(one: Apc) -> dict[str, object]:
    """Return the figures of a loop as plain values, with what stands out."""
    found: dict[str, object] = dict(asdict(one))
    return found | {"doubts": list(doubts(one))}


def doubts(one: Apc) -> Iterator[str]:
    """Give in words what stands out."""
    failed = {status: count for status, count in one.solves.items() if status != "solved"}
    if failed:
        yield "no plan in time: " + ", ".join(f"{count} {status}" for status, count in failed.items())
    if one.moves["refused"]:
        yield f"{one.moves['refused']} setpoints were not taken by the device"
    for name, held in one.held.items():
        yield from _of_held(name, held)
    for name, worked in one.worked.items():
        if worked.at_limit > _MOSTLY:
            yield f"{name} is at a limit in {100.0 * worked.at_limit:.0f} % of the problems in service"
    for name, (_, found) in one.mismatch.items():
        yield from _of_model(name, found)


def _of_held(name: str, held: Held) -> Iterator[str]:
    if held.swings.regular:
        yield f"{name} swings with a period of {held.swings.period_s:.4g} s"
    worse = [m for m in held.missed if m.rmse > m.unchanged]
    if worse:
        yield f"{name}: {worse[0].ahead} samples ahead the model foretells worse than that nothing changes"


def _of_model(name: str, found: Mismatch) -> Iterator[str]:
    if found.ratio > _RIGHT[1]:
        yield f"{name}: innovations have {found.ratio:.3g} times the variance the estimator expects"
    if found.white < _WHITE and found.ratio > _RIGHT[0]:
        yield f"{name}: innovations are not white (p = {found.white:.1g}), something is not in the model"


def sections(one: Apc) -> Iterator[Section]:
    """Give the tables of a loop: title, head and rows."""
    phases = ", ".join(f"{phase} {100.0 * share:.1f} %" for phase, share in one.phases.items())
    solves = ", ".join(f"{count} {status}" for status, count in one.solves.items()) or "none"
    moves = ", ".join(f"{count} {what}" for what, count in one.moves.items())
    facts = (
        ("cycles [1]", str(one.cycles)),
        ("service factor: share of cycles that moved the plant", _share(one.service)),
        ("the same of those in which it was asked to", _share(one.of_asked)),
        ("phases, share of cycles", phases),
        ("answers of the solver [1]", solves),
        ("setpoints [1]", moves),
    )
    yield "service", ("", ""), iter(facts)
    yield "errors of prediction, what came less what was foretold", _MISSED, _missed(one)
    yield "swinging of the error in service", _SWINGS, _swings(one)
    yield "inputs in service", _WORKED, _worked(one)
    yield "innovations: one step ahead", _MISMATCH, _mismatch(one)


_MISSED = ("variable", "unit", "against", "samples ahead", "compared", "bias", "rmse", "rmse if unchanged")
_SWINGS = ("variable", "regularity [1]", "period [s]", "correlation a period later [1]")
_WORKED = ("input", "unit", "total move", "at a limit in force", "at a limit of the policy")
_MISMATCH = ("measurement", "unit", "readings", "bias", "sd", "variance over expected", "lag 1 [1]", "white, p")


def _missed(one: Apc) -> Rows:
    for name, held in one.held.items():
        for m in held.missed:
            yield (
                name,
                held.unit,
                held.against,
                str(m.ahead),
                str(m.count),
                *map(_number, (m.bias, m.rmse, m.unchanged)),
            )


def _swings(one: Apc) -> Rows:
    for name, held in one.held.items():
        yield name, *map(_number, (held.swings.regularity, held.swings.period_s, held.swings.kept))


def _worked(one: Apc) -> Rows:
    for name, worked in one.worked.items():
        yield name, worked.unit, _number(worked.total), _share(worked.at_limit), _share(worked.at_end)


def _mismatch(one: Apc) -> Rows:
    for name, (unit, m) in one.mismatch.items():
        yield name, unit, str(m.count), *map(_number, (m.bias, m.sd, m.ratio, m.correlated, m.white))


def _number(value: float) -> str:
    return f"{value:.4g}" if isfinite(value) else "-"


def _share(value: float) -> str:
    return f"{100.0 * value:.1f} %" if isfinite(value) else "-"


def _table(title: str, head: tuple[str, ...], rows: Rows) -> None:
    table = Table(*map(escape, head), title=escape(title), title_justify="left", show_header=any(head))
    for row in rows:
        table.add_row(*map(escape, row))
    people.print(table)


def _write(path: Path, record: Path, found: Mapping[str, Apc]) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy

    parts = [page.said(f"Record {record.name}. Every figure is from the record alone.")]
    for name, one in found.items():
        parts += [f"<h2>{page.plainly(f'loop {name}')}</h2>", page.said(*doubts(one))]
        for title, head, rows in sections(one):
            parts += [f"<h3>{page.plainly(title)}</h3>", page.table(head, rows)]
        parts += [_drawn(name, one) for name in one.held]
    parts += ["<h2>What these figures cannot say</h2>", page.said(*LIMITS)]
    paper.put(path, page.page("How well the loops did", parts))


def _drawn(name: str, one: Apc) -> str:
    from controller.cli import page  # noqa: PLC0415  # heavy

    held = one.held[name]
    ahead = [m.ahead for m in held.missed]
    series = (("rmse", [m.rmse for m in held.missed]), ("bias", [m.bias for m in held.missed]))
    more = ("rmse if unchanged", [m.unchanged for m in held.missed])
    traces: list[dict[str, object]] = [
        {"x": ahead, "y": [v if isfinite(v) else None for v in values], "name": what, "mode": "lines+markers"}
        for what, values in (*series, more)
    ]
    return page.drawn(traces, "samples ahead [1]", f"error of {name} [{held.unit}]")
