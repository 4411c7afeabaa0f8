"""The verb `soft-sensor start`: a soft sensor from a handful of labels, beside samples drawn from its core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable
from controller.cli.soft_options import (
    CARD,
    Card,
    Columns,
    Data,
    Delay,
    LabelSd,
    Leave,
    Sensor,
    Times,
    Unit,
    asked_of,
    pairs_of,
    write_text,
)

_MOST = 20_000


def start(
    data: Data,
    *,
    out: Annotated[str, typer.Option("--out", metavar="MODEL", help="Model file to write.")],
    core: Annotated[str, typer.Option(help="Mechanistic core by name, or auto.")] = "auto",
    simulated: Annotated[int, typer.Option(min=50, max=_MOST, help="Samples drawn from the core.")] = 400,
    label_sd: LabelSd = None,
    sensor: Sensor = None,
    column: Columns = None,
    leave: Leave = None,
    unit: Times = Unit.MIN,
    delay: Delay = None,
    card: Card = None,
    json: Json = None,
) -> int:
    """Start a soft sensor with few labels: its core's simulated samples beside them, and what they gain."""
    from controller.cli.soft_sensor import Shape, goal_of  # noqa: PLC0415  # it adds this verb
    from controller.soft import early  # noqa: PLC0415  # heavy

    writable(out)
    with reading():
        asked = replace(asked_of(column, leave, unit, delay), sensor=sensor, core=core)
        wanted = (Shape.PARALLEL, None, label_sd, pairs_of("--card", card, CARD))
        table, goal = goal_of(data, asked, None, wanted, early.FEWEST)
        if table.core == "none":
            raise Refused(f"{data[0]}: found no core that fits, expected --core: without one nothing can be simulated")
        model, errors = early.begun(goal, table.samples, simulated)
    write_text(out, model.model_dump_json(by_alias=True, indent=1) + "\n")
    tell(errors, early.by_mean(table.samples), model.unit)
    people.print(f"gain over a learner on the labels alone: {100.0 * early.gain(errors):.0f} %")
    people.print(f"{model.form}; written to {out}", markup=False)
    figures = model.card.figures.model_dump()
    give({**figures, "errors": dict(errors), "gain": early.gain(errors), "simulated": simulated}, json)
    return 0


def tell(errors: Mapping[str, float], by_mean: float, unit: str) -> None:
    """Say what each way is worth; how far off one is that knows nothing and is not written, does not matter.

    Parameters
    ----------
    errors
        Error (rms) of each way, in `unit`.
    by_mean
        Error (rms) of saying the mean of the other labels, in `unit`.
    unit
        Unit of the result.
    """
    people.print(f"each label left out in turn; the mean of the others errs by {by_mean:.3g} {unit} (rms)")
    for name, error in sorted(errors.items(), key=lambda one: one[1]):
        written = "written" if error == min(errors.values()) else "not written"
        off = f"errs by {error:.3g} {unit}" if written == "written" or error < by_mean else "no better than that mean"
        people.print(f"{name.replace('_', ' ')}: {off}; {written}")
