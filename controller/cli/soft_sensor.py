"""The verbs `soft-sensor fit`, `soft-sensor check` and `soft-sensor cores`."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.progress import Progress
from rich.table import Table as Grid

from controller.cli.ends import Refused, duration, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable
from controller.cli.soft_transfer import transfer

if TYPE_CHECKING:
    from controller.cli.soft_data import Asked, Table
    from controller.models.process import Process
    from controller.soft.hybrid_judge import Checked, Forward, Goal
    from controller.soft.hybrid_model import Figures, HybridModel


class Shape(StrEnum):
    """Forms that can be asked for."""

    PARALLEL = "parallel"
    SERIAL_FEATURES = "serial_features"
    SERIAL_PARAMETER = "serial_parameter"
    BEST = "best"


class Unit(StrEnum):
    """Units of the times of a table."""

    S = "s"
    MIN = "min"
    H = "h"


_SECONDS = {Unit.S: 1.0, Unit.MIN: 60.0, Unit.H: 3600.0}
_NAMED = re.compile(r"(?P<name>[^\[\]]+?)\s*(\[(?P<unit>[^\[\]]+)\])?")
_ROLES = ("result", "time", "taken", "known")
_CARD = ("use", "version", "approver")
_FORMS: Mapping[Shape, tuple[str, ...]] = {Shape.BEST: ("parallel", "serial_features", "serial_parameter")}

Data = Annotated[
    list[Path],
    typer.Argument(metavar="DATA...", help="CSV file of inputs and results, or record directories in order of time."),
]
Sensor = Annotated[
    str | None, typer.Option("--sensor", metavar="NAME", help="Soft sensor of the policy of a record that is meant.")
]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", metavar="NAME=COLUMN", help="Column, or tag of a record, of an input, result, time, taken, known."
    ),
]
Leave = Annotated[list[str] | None, typer.Option(metavar="COLUMN", help="Column to leave out.")]
Times = Annotated[Unit, typer.Option("--unit", help="Unit of the times.")]
Delay = Annotated[str | None, typer.Option(metavar="T", help="Time from a sample to its result, such as 15m.")]
Plot = Annotated[str | None, typer.Option(metavar="FILE", help="Page of plots to write.", callback=writable)]


def add(app: typer.Typer) -> None:
    """Add the verbs to the application."""
    group = typer.Typer(help="Hybrid soft sensors: fit and check them in the order of time.", no_args_is_help=True)
    group.command("fit")(fit)
    group.command("check")(check)
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
    label_sd: Annotated[
        float | None, typer.Option(min=0.0, help="Standard deviation of one result; of a record, as its policy says.")
    ] = None,
    sensor: Sensor = None,
    column: Columns = None,
    leave: Leave = None,
    unit: Times = Unit.MIN,
    delay: Delay = None,
    card: Annotated[list[str] | None, typer.Option(metavar="KEY=TEXT", help="use, version or approver.")] = None,
    plot: Plot = None,
    json: Json = None,
) -> int:
    """Fit a hybrid soft sensor to labelled data, judge it forward in time, and write it with its card."""
    from controller.cli import soft_page  # noqa: PLC0415  # heavy

    page = _page(out, plot)
    if _spectra(data):
        return _calibrated(data, out, column, (card, json))
    with reading():
        asked = replace(_asked(column, leave, unit, delay), sensor=sensor, core=core, tanks=tanks)
        asked = replace(asked, residence_s=duration("--residence", residence) or 0.0)
        table, goal = _goal(data, asked, process, (form, governs, label_sd, _pairs("--card", card, _CARD)))
        model, judged = _made(goal, table)
    _write(page, soft_page.fitted(model, judged, table.samples))
    _kept(model, out, page)
    give(_plain(model), json)
    return 0


def _against_spectra(model: Path, data: Path, at_most: float | None, json: str | None) -> int:
    from controller.cli.soft_spectra import checked  # noqa: PLC0415  # heavy

    with reading():
        found = checked(model, data)
    give(found, json)
    return 1 if at_most is not None and cast("float", found["rmsep"]) > at_most else 0


def _calibrated(
    data: Sequence[Path], out: str, column: Sequence[str] | None, more: tuple[Sequence[str] | None, str | None]
) -> int:
    from controller.cli.soft_spectra import calibrated  # noqa: PLC0415  # heavy

    card, json = more
    with reading():
        found = calibrated(_one(data), out, _results(column), _pairs("--card", card, _CARD))
    give(found, json)
    return 0


def _page(out: str, plot: str | None) -> str:
    """Return where the page goes, after it and the model can be written."""
    page = plot or str(Path(out).with_suffix(".html"))
    for where in (out, page):
        writable(where)
    return page


def _kept(model: HybridModel, out: str, page: str) -> None:
    _write(out, model.model_dump_json(by_alias=True, indent=1) + "\n")
    _show({"model": model.card.figures, **model.card.baselines}, model.unit)
    people.print(f"{model.core}, {model.form}; written to {out}, plots to {page}", markup=False)


def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Data,
    *,
    challenger: Annotated[Path | None, typer.Option(metavar="MODEL", help="Another model, side by side.")] = None,
    at_most: Annotated[float | None, typer.Option(min=0.0, help="Largest error accepted, unit of the result.")] = None,
    sensor: Sensor = None,
    column: Columns = None,
    unit: Times = Unit.MIN,
    delay: Delay = None,
    plot: Plot = None,
    json: Json = None,
) -> int:
    """Compare a soft sensor with results it was not fitted to; 1 if its error is larger than accepted."""
    from controller.cli import soft_page  # noqa: PLC0415  # heavy

    if _spectra(data):
        return _against_spectra(model, _one(data), at_most, json)
    with reading():
        asked = replace(_asked(column, None, unit, delay), sensor=sensor)
        (first, table, found), *others = [_checked(p, data, asked) for p in (model, challenger) if p is not None]
    told = _told(first, table, found)
    rivals = {f"challenger, {n}": f for other in others for n, f in _told(*other).items()}
    _show(told | rivals, first.unit)
    if plot is not None:
        _write(plot, soft_page.checked(first, found, table.samples))
    verdicts = [one.verdict.name.lower() for one in found.verdicts]
    figures = {name: one.model_dump() for name, one in (told | rivals).items()}
    counts = {name: verdicts.count(name) for name in ("good", "uncertain", "fallback", "none")}
    give(told["model"].model_dump() | {"compared": figures, "domain": counts}, json)
    return 1 if at_most is not None and told["model"].rmsep > at_most else 0


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


def _spectra(data: Sequence[Path]) -> bool:
    from controller.cli.spectra_data import holds_spectra  # noqa: PLC0415  # heavy

    return len(data) == 1 and holds_spectra(data[0])


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


def _asked(column: Sequence[str] | None, leave: Sequence[str] | None, unit: Unit, delay: str | None) -> Asked:
    from controller.cli.soft_data import Asked  # noqa: PLC0415  # heavy

    named = _pairs("--column", column)
    result, time, taken, known = (named.pop(role, None) for role in _ROLES)
    return Asked(
        result=result,
        time=time,
        taken=taken,
        known=known,
        inputs=named,
        leave=tuple(leave or ()),
        seconds=_SECONDS[unit],
        delay_s=duration("--delay", delay) or 0.0,
    )


def _goal(
    data: Sequence[Path],
    asked: Asked,
    process: Path | None,
    wanted: tuple[Shape, str | None, float | None, Mapping[str, str]],
) -> tuple[Table, Goal]:
    from controller.models import process as processes  # noqa: PLC0415  # heavy
    from controller.soft import hybrid_judge, recipes, samples  # noqa: PLC0415  # heavy
    from controller.soft.hybrid_model import NO_CORE  # noqa: PLC0415  # heavy

    form, governs, label_sd, card = wanted
    identified = None if process is None else processes.read(process.read_bytes())
    table, scatter = _labelled(data, asked, identified)
    plan = recipes.plan_of(table.core, form.value, governs, scatter if label_sd is None else label_sd, identified)
    samples.check(table.samples, table.core, positive=plan.logarithm)
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
    )
    if table.core == NO_CORE:
        people.print("no mechanistic core fits the columns: a learner alone is fitted", style="bold")
    return table, goal


def _labelled(data: Sequence[Path], asked: Asked, identified: Process | None) -> tuple[Table, float]:
    """Return the samples to learn from, and the standard deviation of one result as far as the data tell it."""
    from controller.cli import soft_data, soft_records  # noqa: PLC0415  # heavy

    if soft_records.are_records(data):
        if identified is not None:
            asked = soft_records.along_path(data, asked, soft_data.masses(identified))
        with _walking() as progress:
            return soft_records.read_all(data, asked, progress), soft_records.label_sd(data, asked)
    path = _one(data)
    return soft_data.read(path, asked if identified is None else soft_data.along_path(path, asked, identified)), 0.0


def _one(data: Sequence[Path]) -> Path:
    if len(data) != 1:
        raise Refused(f"DATA: found {len(data)} files, expected one table, or record directories alone")
    return data[0]


@contextmanager
def _walking() -> Generator[Callable[[int], None]]:
    from rich.progress import MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415  # heavy

    columns = (TextColumn("reading cycles"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=people, transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda count: progress.update(task, completed=count)


def _made(goal: Goal, table: Table) -> tuple[HybridModel, Forward]:
    from controller.soft import hybrid_judge  # noqa: PLC0415  # heavy

    with Progress(console=people, transient=True) as progress:
        task = progress.add_task("judging forward in time", total=None)
        judged = hybrid_judge.forward(
            goal, table.samples, lambda done, of: progress.update(task, completed=done, total=of)
        )
        progress.update(task, description="fitting to all", total=None)
        return hybrid_judge.made(goal, table.samples, judged), judged


def _checked(path: Path, data: Sequence[Path], asked: Asked) -> tuple[HybridModel, Table, Checked]:
    from controller.cli import soft_data, soft_records  # noqa: PLC0415  # heavy
    from controller.soft import hybrid_judge, hybrid_model, samples  # noqa: PLC0415  # heavy

    model = hybrid_model.read(path.read_bytes(), str(path))
    if soft_records.are_records(data):
        with _walking() as progress:
            table = soft_records.like(data, model, asked, progress)
    else:
        table = soft_data.like(_one(data), model, asked)
    samples.check(table.samples, model.core, fewest=1, positive=model.logarithm, learnt=False)
    return model, table, hybrid_judge.checked(model, table.samples)


def _told(model: HybridModel, table: Table, found: Checked) -> dict[str, Figures]:
    from controller.soft.hybrid_judge import figures  # noqa: PLC0415  # heavy

    labels = table.samples.labels
    told = {"model": figures(found.value, labels, (found.low, found.high))}
    told["model_with_bias"] = figures(found.corrected, labels)
    if model.core != "none":
        told["core_alone"] = figures(found.core, labels)
    return told


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


def _show(rows: Mapping[str, Figures], unit: str) -> None:
    grid = Grid("", f"RMSEP [{unit}]", f"bias [{unit}]", "coverage", "n")
    for name, one in rows.items():
        coverage = "-" if one.coverage is None else f"{one.coverage:.3f}"
        grid.add_row(name, f"{one.rmsep:.4g}", f"{one.bias:+.3g}", coverage, str(one.n))
    people.print(grid)


def _pairs(option: str, texts: Sequence[str] | None, among: Sequence[str] = ()) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in texts or ():
        name, sign, value = text.partition("=")
        if not (name and sign) or (among and name not in among):
            raise Refused(f"{option}: found {text!r}, expected {'|'.join(among) if among else 'NAME'}=TEXT")
        found[name] = value
    return found


def _write(where: str, text: str) -> None:
    try:
        Path(where).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{where}: this cannot be written: {error.strerror}") from error
