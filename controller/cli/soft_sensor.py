"""The verbs of `soft-sensor`, and among them `fit` and `cores`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import Progress

from controller.cli.ends import Refused, at, duration, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable
from controller.cli.soft_card import show
from controller.cli.soft_check import check
from controller.cli.soft_options import (
    CARD,
    Card,
    Columns,
    Data,
    Delay,
    LabelSd,
    Leave,
    Plot,
    Sensor,
    Times,
    Unit,
    are_spectra,
    asked_of,
    number_of,
    one_of,
    pairs_of,
    show_figures,
    walking,
    write_text,
)
from controller.cli.soft_start import start
from controller.cli.soft_transfer import transfer

if TYPE_CHECKING:
    from controller.cli.soft_data import Asked, Table
    from controller.models.process import Process
    from controller.soft.hybrid_judge import Forward, Goal
    from controller.soft.hybrid_model import Acceptance, HybridModel


class Shape(StrEnum):
    """Forms that can be asked for."""

    PARALLEL = "parallel"
    SERIAL_FEATURES = "serial_features"
    SERIAL_PARAMETER = "serial_parameter"
    BEST = "best"


_NAMED = re.compile(r"(?P<name>[^\[\]]+?)\s*(\[(?P<unit>[^\[\]]+)\])?")
_FORMS: Mapping[Shape, tuple[str, ...]] = {Shape.BEST: ("parallel", "serial_features", "serial_parameter")}


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    group = typer.Typer(help="Hybrid soft sensors: fit and check them in the order of time.", no_args_is_help=True)
    group.command("fit")(fit)
    group.command("start")(start)
    group.command("check")(check)
    group.command("show")(show)
    group.command("transfer")(transfer)
    group.command("cores")(cores)
    app.add_typer(group, name="soft-sensor")


def fit(
    data: Data,
    *,
    out: Annotated[str, typer.Option("--out", metavar="MODEL", help="Model file to write.")],
    core: Annotated[str, typer.Option(help="Mechanistic core by name, none, or auto.")] = "auto",
    form: Annotated[Shape, typer.Option(help="How core and learner are put together.")] = Shape.PARALLEL,
    governs: Annotated[str | None, typer.Option(metavar="NAME", help="Parameter of the core a learner gives.")] = None,
    process: Annotated[Path | None, typer.Option(metavar="F", help="Identified process: guesses and path.")] = None,
    residence: Annotated[str | None, typer.Option(metavar="T", help="Mean residence time up to the sensor.")] = None,
    tanks: Annotated[float, typer.Option(min=1.0, help="Mixed tanks the line is like.")] = 3.0,
    label_sd: LabelSd = None,
    sensor: Sensor = None,
    column: Columns = None,
    leave: Leave = None,
    unit: Times = Unit.MIN,
    delay: Delay = None,
    card: Card = None,
    plot: Plot = None,
    json: Json = None,
) -> int:
    """Fit a hybrid soft sensor to labelled data, judge it forward in time, and write it with its card."""
    from controller.cli import soft_page  # noqa: PLC0415  # heavy

    page = _page(out, plot)
    if are_spectra(data):
        return _calibrated(data, out, column, (card, json))
    with reading():
        asked = replace(asked_of(column, leave, unit, delay), sensor=sensor, core=core, tanks=tanks)
        asked = replace(asked, residence_s=duration("--residence", residence) or 0.0)
        table, goal = goal_of(data, asked, process, (form, governs, label_sd, pairs_of("--card", card, CARD)))
        model, judged = _made(goal, table)
    write_text(page, soft_page.fitted(model, judged, table.samples))
    _kept(model, out, page)
    give(_plain(model), json)
    return 0


def _calibrated(
    data: Sequence[Path], out: str, column: Sequence[str] | None, more: tuple[Sequence[str] | None, str | None]
) -> int:
    from controller.cli.soft_spectra import calibrated  # noqa: PLC0415  # heavy

    card, json = more
    with reading():
        found = calibrated(one_of(data), out, _results(column), pairs_of("--card", card, CARD))
    give(found, json)
    return 0


def _page(out: str, plot: str | None) -> str:
    """Return where the page goes, after it and the model can be written."""
    page = plot or str(Path(out).with_suffix(".html"))
    for where in (out, page):
        writable(where)
    return page


def _kept(model: HybridModel, out: str, page: str) -> None:
    write_text(out, model.model_dump_json(by_alias=True, indent=1) + "\n")
    show_figures({"model": model.card.figures, **model.card.baselines}, model.unit)
    people.print(f"{model.core}, {model.form}; written to {out}, plots to {page}", markup=False)


def cores(*, json: Json = None) -> int:
    """List the mechanistic cores with their inputs and parameters."""
    from controller.soft.cores import CORES  # noqa: PLC0415  # heavy

    listed: dict[str, object] = {}
    for name, core in CORES.items():
        if json != "-":
            typer.echo(f"{name}: {core.what}, in {core.unit}")
            for key, one in core.inputs.items():
                typer.echo(f"  {key:16} {one.unit:10} {one.what}{'' if one.needed else ' (if there is one)'}")
            for key, each in core.unknowns.items():
                typer.echo(f"  {key:16} {each.unit:10} {each.what}; identified")
        inputs = {key: {"unit": one.unit, "what": one.what, "needed": one.needed} for key, one in core.inputs.items()}
        unknowns = {key: {"unit": one.unit, "what": one.what, "guess": one.guess} for key, one in core.unknowns.items()}
        listed[name] = {"what": core.what, "unit": core.unit, "inputs": inputs, "parameters": unknowns}
    give({"cores": listed}, json)
    return 0


def _results(column: Sequence[str] | None) -> dict[str, str]:
    """Return the unit of each result of spectra; a result is named as ``result=API [%]``, more by repeating it."""
    found = dict[str, str]()
    for text in column or ():
        role, _, name = text.partition("=")
        match = _NAMED.fullmatch(name)
        if role != "result" or match is None:
            raise Refused(
                f"--column: found {text!r}, expected result=COLUMN [UNIT] for spectra, such as result=API [%]"
            )
        found[match["name"]] = match["unit"] or "1"
    return found


def goal_of(
    data: Sequence[Path],
    asked: Asked,
    process: Path | None,
    wanted: tuple[Shape, str | None, float | None, Mapping[str, str]],
    fewest: int | None = None,
) -> tuple[Table, Goal]:
    """Return the samples in what a person named, and what is to be made of them.

    Parameters
    ----------
    data
        A table, or record directories.
    asked
        What is said of their columns or tags.
    process
        File of an identified process.
    wanted
        Form, governed parameter, standard deviation of one result in its unit, and what is said for the card.
    fewest
        Fewest labels that will do [1]; as for a fit where absent.

    Raises
    ------
    ValueError
        If nothing can be learnt from them.
    """
    from controller.models import process as processes  # noqa: PLC0415  # heavy
    from controller.soft import hybrid_judge, recipes, samples  # noqa: PLC0415  # heavy
    from controller.soft.hybrid_model import NO_CORE  # noqa: PLC0415  # heavy

    form, governs, label_sd, card = wanted
    identified = None if process is None else processes.read(process.read_bytes())
    table, scatter = _labelled(data, asked, identified)
    plan = recipes.plan_of(table.core, form.value, governs, scatter if label_sd is None else label_sd, identified)
    with at(", ".join(map(str, data))):
        samples.check(table.samples, table.core, fewest=fewest or samples.FEWEST, positive=plan.logarithm)
    goal = hybrid_judge.Goal(
        plan=plan,
        result=table.result,
        unit=table.unit,
        units=table.units,
        timings=table.timings,
        intended_use=card.get("use", "monitoring; not for release"),
        source=", ".join(path.name for path in data),
        version=card.get("version", "1"),
        approver=card.get("approver", ""),
        label_delay_s=table.delay_s,
        acceptance=_acceptance(card),
    )
    if table.core == NO_CORE and fewest is None:
        people.print("no mechanistic core fits the columns: a learner alone is fitted", style="bold")
    return table, goal


def _acceptance(card: Mapping[str, str]) -> Acceptance | None:
    """Return what the card is to say of acceptance."""
    from controller.soft.hybrid_model import Acceptance  # noqa: PLC0415  # heavy

    said = {key: number_of(f"--card {key}", card[key]) for key in ("goal", "margin") if key in card}
    return Acceptance(**said) if said else None


def _labelled(data: Sequence[Path], asked: Asked, identified: Process | None) -> tuple[Table, float]:
    """Return the samples to learn from, and the standard deviation of one result as far as the data tell it."""
    from controller.cli import soft_data, soft_records  # noqa: PLC0415  # heavy

    if soft_records.are_records(data):
        if identified is not None:
            asked = soft_records.along_path(data, asked, soft_data.masses(identified))
        with walking() as progress:
            return soft_records.read_all(data, asked, progress), soft_records.label_sd(data, asked)
    path = one_of(data)
    return soft_data.read(path, asked if identified is None else soft_data.along_path(path, asked, identified)), 0.0


def _made(goal: Goal, table: Table) -> tuple[HybridModel, Forward]:
    from controller.soft import hybrid_judge  # noqa: PLC0415  # heavy

    with Progress(console=people, transient=True) as progress:
        task = progress.add_task("judging forward in time", total=None)
        judged = hybrid_judge.forward(
            goal, table.samples, lambda done, of: progress.update(task, completed=done, total=of)
        )
        progress.update(task, description="fitting to all", total=None)
        return hybrid_judge.made(goal, table.samples, judged), judged


def _plain(model: HybridModel) -> dict[str, object]:
    card = model.card
    baselines = {name: one.model_dump() for name, one in card.baselines.items()}
    regions = {name: one.model_dump() for name, one in card.by_region.items()}
    parameters = {name: one.model_dump() for name, one in model.parameters.items()}
    rest: dict[str, object] = {
        "baselines": baselines,
        "by_region": regions,
        "core": model.core,
        "form": model.form,
        "features": list(model.features),
        "parameters": parameters,
        "fitted_to": card.n,
        "data_sha256": card.data_sha256,
        "unit": model.unit,
    }
    return {**card.figures.model_dump(), **rest}
