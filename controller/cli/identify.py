"""The verb `identify`: transfer functions from a table of tests on a plant, or a residence-time distribution."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table as Grid

from controller.cli import advice
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable

if TYPE_CHECKING:
    from controller.models.trial import Answer, Estimated, Row, Trial

_FAIR, _WHITE = 0.5, 0.001
_TESTED = 2 / 3
"""Share of the record a model is fitted to that is judged by the rest [1]."""


class Unit(StrEnum):
    """Units of the times of a table."""

    S = "s"
    MIN = "min"
    H = "h"


class Form(StrEnum):
    """Forms of a residence-time distribution."""

    TANKS = "tanks"
    DISPERSION = "dispersion"
    KERNEL = "kernel"


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(identify)


def identify(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="CSV file: a time, inputs and measurements.")],
    *,
    out: Annotated[str, typer.Option("--out", metavar="MODEL", help="Where the part of a policy goes.")],
    unit: Annotated[Unit, typer.Option(help="Unit of the time column.")] = Unit.MIN,
    time: Annotated[str | None, typer.Option(metavar="COLUMN", help="Time; else t, time or the first.")] = None,
    output: Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Measurements; else PV, CV, y.")] = None,
    input_: Annotated[list[str] | None, typer.Option("--input", metavar="COLUMN", help="Inputs; else MV, u.")] = None,
    known: Annotated[
        list[str] | None, typer.Option(metavar="COLUMN", help="Disturbances that are read; else DV, d.")
    ] = None,
    plot: Annotated[str | None, typer.Option(metavar="FILE", help="Page of plots; beside MODEL if absent.")] = None,
    before: Annotated[bool, typer.Option("--before", help="Inputs in a row stood before it, not after it.")] = False,
    rtd: Annotated[bool, typer.Option("--rtd", help="DATA are tracer tests; MODEL is a residence-time file.")] = False,
    form: Annotated[Form, typer.Option(help="Form of the residence-time distribution.")] = Form.TANKS,
    json: Json = None,
) -> int:
    """Fit transfer functions to tests on a plant, open or closed loop, and write them as part of a policy.

    With --rtd a residence-time distribution is fitted to tracer tests instead: columns time, flow, outlet and, where
    there are such, inlet, speed, test and line, each with its unit in brackets. Without an inlet the tracer is an ideal
    pulse or step at the beginning of each test.
    """
    if rtd:
        return _identified(data, out, form, json)
    from controller.cli.tf_data import Roles, read  # noqa: PLC0415  # heavy
    from controller.cli.tf_page import page  # noqa: PLC0415  # heavy
    from controller.cli.tf_policy import section, words  # noqa: PLC0415  # heavy
    from controller.models import identify_tf  # noqa: PLC0415  # heavy

    shown = plot or str(Path(out).with_suffix(".html"))
    for where in (out, shown):
        writable(where)
    with reading(), people.status("fitting", spinner="line"):
        table = read(data, Roles(time, tuple(output or ()), tuple(input_ or ()), tuple(known or ())), before=before)
        rows = identify_tf.identify(table.trial)
        tested = _tested(table.trial)
        called = words([*table.roles.outputs, *table.roles.inputs, *table.roles.known])
        proposed = advice.identified(section(table, rows, unit.value, data.name), rows, called)
    _write(out, proposed.text)
    _write(shown, page(table.trial, rows, unit.value))
    doubts = _show(rows, unit.value)
    people.print(*filter(None, [proposed.said]), f"written to {out}, plots to {shown}", sep="\n", markup=False)
    fit = {n: _fit(row) for n, row in rows.items()}
    give({"fit": fit, "test": tested, "doubts": doubts, "advice": proposed.plain}, json)
    return 0


def _identified(data: Path, out: str, form: Form, json: str | None) -> int:
    from controller.cli.rtd import identify_rtd  # noqa: PLC0415  # heavy

    return identify_rtd(data, out, form.value, json)


def _tested(trial: Trial) -> dict[str, dict[str, float]]:
    """Return how well a model of the first part of a record explains the rest; nothing where it is too short."""
    from controller.models import identify_tf  # noqa: PLC0415  # heavy

    cut = int(trial.rows * _TESTED)
    try:
        rows = identify_tf.identify(trial.part(slice(0, cut)))
    except ValueError:
        return {}
    found = dict[str, dict[str, float]]()
    for name, row in rows.items():
        seen = trial.outputs[name][cut:]
        explained = identify_tf.predict(trial, row, name)[cut:]
        level = float((seen - explained)[seen == seen].mean())  # noqa: PLR0124  # not a number is none
        r2, rmse = identify_tf.judge(seen, explained + level)
        found[name] = {"r2": r2, "rmse": rmse}
    return found


def _doubts(rows: Mapping[str, Row]) -> list[str]:
    """Return what speaks against believing a fit."""
    poor = [
        f"{n}: the inputs explain only {max(100 * row.r2, 0.0):.0f} % of the variance"
        + (", less than nothing" if row.r2 < 0.0 else "")
        for n, row in rows.items()
        if row.r2 < _FAIR
    ]
    coloured = [
        f"{n}: residuals are not white (p = {row.white:.1g}): a disturbance or a form of answer the model does not have"
        for n, row in rows.items()
        if row.white < _WHITE
    ]
    return [*poor, *coloured]


def _write(where: str, text: str) -> None:
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{where}: this cannot be written: {error.strerror}") from error


def _fit(row: Row) -> dict[str, object]:
    return {
        "r2": row.r2,
        "rmse": row.rmse,
        "sd": row.sd,
        "drift_sd": row.drift_sd,
        "white_p": row.white,
        "answers": {column: _numbers(found) for column, found in row.answers.items()},
    }


def _numbers(found: Answer) -> dict[str, object]:
    return {
        "gain": _pair(found.gain),
        "dead_time": _pair(found.dead_time),
        "lags": [_pair(lag) for lag in found.lags],
        "integrating": found.integrating,
    }


def _pair(number: Estimated) -> dict[str, float]:
    return {"value": number.value, "ci95": number.half}


def _show(rows: Mapping[str, Row], unit: str) -> list[str]:
    """Show the fits, and return what speaks against believing them."""
    grid = Grid("measurement", "input", "gain", f"dead time, {unit}", f"lags, {unit}", "r2", "white, p")
    for name, row in rows.items():
        for column, found in row.answers.items():
            lags = ", ".join(_spoken(lag) for lag in found.lags) or "-"
            form = " (ramp)" if found.integrating else ""
            numbers = _spoken(found.gain) + form, _spoken(found.dead_time), lags
            grid.add_row(name, column, *numbers, f"{row.r2:.3f}", f"{row.white:.2g}")
    people.print(grid)
    doubts = _doubts(rows)
    for doubt in doubts:
        people.print(doubt, style="bold", markup=False)
    return doubts


def _spoken(number: Estimated) -> str:
    return f"{number.value:.4g} +- {number.half:.2g}"
