"""The verb `soft-sensor check`: a soft sensor against results it was not fitted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from controller.cli.ends import at, reading
from controller.cli.options import Json
from controller.cli.show import give, people
from controller.cli.soft_card import approval
from controller.cli.soft_options import (
    Columns,
    Data,
    Delay,
    Plot,
    Sensor,
    Times,
    Unit,
    are_spectra,
    asked_of,
    one_of,
    show_figures,
    walking,
    write_text,
)

if TYPE_CHECKING:
    from controller.cli.soft_accept import Judged
    from controller.cli.soft_data import Asked, Table
    from controller.soft.hybrid_judge import Checked
    from controller.soft.hybrid_model import Figures, HybridModel


def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file.")],
    data: Data,
    *,
    challenger: Annotated[Path | None, typer.Option(metavar="MODEL", help="Another model, side by side.")] = None,
    at_most: Annotated[float | None, typer.Option(min=0.0, help="Largest error accepted, unit of the result.")] = None,
    goal: Annotated[
        float | None, typer.Option(min=0.0, help="Error it is to have in the long run; as its card says.")
    ] = None,
    margin: Annotated[
        float | None, typer.Option(min=0.0, help="Largest bias that does not matter; as its card says.")
    ] = None,
    sensor: Sensor = None,
    column: Columns = None,
    unit: Times = Unit.MIN,
    delay: Delay = None,
    plot: Plot = None,
    json: Json = None,
) -> int:
    """Compare a soft sensor with results it was not fitted to; 1 if it is not accepted, or not shown equivalent."""
    from controller.cli import soft_accept, soft_page  # noqa: PLC0415  # heavy

    if are_spectra(data):
        return _against_spectra(model, one_of(data), at_most, json)
    with reading():
        asked = replace(asked_of(column, None, unit, delay), sensor=sensor)
        (first, table, found), *others = [_checked(p, data, asked) for p in (model, challenger) if p is not None]
        worth = _worth(first, found, table, (goal, margin))
    told = _told(first, table, found)
    rivals = {f"challenger, {n}": f for other in others for n, f in _told(*other).items()}
    show_figures(told | rivals, first.unit)
    people.print(f"{model.name}: version {first.card.version}, {approval(model)}", markup=False)
    for sentence in (*_seen(model, first, table), *(() if worth is None else soft_accept.sentences(worth))):
        people.print(sentence, markup=False)
    if plot is not None:
        part = "" if worth is None else soft_accept.drawn(worth)
        write_text(plot, soft_page.checked(first, found, table.samples, part))
    more = {} if worth is None else {"acceptance": soft_accept.plain(worth)}
    give(_plain(told | rivals) | {"domain": _counts(found)} | more, json)
    large = at_most is not None and told["model"].rmsep > at_most
    return 1 if large or (worth is not None and not worth.accepted) else 0


def _seen(path: Path, model: HybridModel, table: Table) -> tuple[str, ...]:
    if model.card.data_sha256 != table.samples.sha256():
        return ()
    return (f"{path.name} was fitted to these samples: what it says of them proves nothing",)


def _plain(figures: Mapping[str, Figures]) -> dict[str, object]:
    return {**figures["model"].model_dump(), "compared": {name: one.model_dump() for name, one in figures.items()}}


def _counts(found: Checked) -> dict[str, int]:
    verdicts = [one.verdict.name.lower() for one in found.verdicts]
    return {name: verdicts.count(name) for name in ("good", "uncertain", "fallback", "none")}


def _worth(model: HybridModel, found: Checked, table: Table, said: tuple[float | None, float | None]) -> Judged | None:
    """Return how a model did against what was said of it, on the command line or on its card; None if nothing was."""
    from controller.cli import soft_accept  # noqa: PLC0415  # heavy
    from controller.soft.hybrid_model import Acceptance  # noqa: PLC0415  # heavy

    card = model.card.acceptance or Acceptance()
    goal, margin = (one or None for one in said)
    wanted = card.model_copy(update={"goal": goal or card.goal, "margin": margin or card.margin})
    if wanted.goal is None and wanted.margin is None:
        return None
    return soft_accept.judged(wanted, model.unit, found.value, table.samples.labels)


def _against_spectra(model: Path, data: Path, at_most: float | None, json: str | None) -> int:
    from controller.cli.soft_spectra import checked  # noqa: PLC0415  # heavy

    with reading():
        found = checked(model, data)
    give(found, json)
    return 1 if at_most is not None and cast("float", found["rmsep"]) > at_most else 0


def _checked(path: Path, data: Sequence[Path], asked: Asked) -> tuple[HybridModel, Table, Checked]:
    from controller.cli import soft_data, soft_records  # noqa: PLC0415  # heavy
    from controller.soft import hybrid_judge, hybrid_model, samples  # noqa: PLC0415  # heavy

    model = hybrid_model.read(path.read_bytes(), str(path))
    if soft_records.are_records(data):
        with walking() as progress:
            table = soft_records.like(data, model, asked, progress)
    else:
        table = soft_data.like(one_of(data), model, asked)
    with at(", ".join(map(str, data))):
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
