"""The verb `soft-sensor show`: the card of a model, and who has approved the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.soft.hybrid_model import HybridModel

NOBODY = "not approved"


def show(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Model file of a hybrid soft sensor.")],
    *,
    json: Json = None,
) -> int:
    """Show the card of a model: use, data, ranges, figures, version, and who has approved the file."""
    from rich.markup import escape  # noqa: PLC0415  # heavy
    from rich.table import Column, Table  # noqa: PLC0415  # heavy

    from controller.soft import hybrid_model  # noqa: PLC0415  # heavy

    with reading():
        data = model.read_bytes()
        found = hybrid_model.read(data, str(model))
        approved = approval(model)
    grid = Table(
        Column(no_wrap=True),
        Column(overflow="fold"),
        show_header=False,
        title=escape(f"{model.name}: {found.result} [{found.unit}]"),
        title_justify="left",
    )
    for name, text in rows(found, approved):
        grid.add_row(escape(name), escape(text))
    people.print(grid)
    told: dict[str, object] = found.card.model_dump()
    ranges = {name: {"unit": one.unit, "low": one.low, "high": one.high} for name, one in found.inputs.items()}
    told |= {"result": found.result, "unit": found.unit, "form": found.form, "core": found.core, "ranges": ranges}
    give(told | {"sha256": hashlib.sha256(data).hexdigest(), "approval": approved}, json)
    return 0


def approval(model: Path) -> str:
    """Return in words who has approved a file, by the approval beside it."""
    from policies.approval import SUFFIX, Approval, NotApproved, verified  # noqa: PLC0415  # heavy

    beside = model.with_name(model.name + SUFFIX)
    if not beside.is_file():
        return NOBODY
    try:
        stated = Approval.model_validate_json(beside.read_bytes())
        signer = stated.signer
        found = verified(hashlib.sha256(model.read_bytes()).hexdigest(), beside.read_bytes(), [signer])
    except (NotApproved, ValueError) as error:
        return f"{beside.name} does not count: {str(error).splitlines()[0]}"
    return f"{found.act}d by {found.who}: {found.why} (key {signer})"


def rows(model: HybridModel, approved: str | None = None) -> list[tuple[str, str]]:
    """Return what the card of a model says, as pairs of words, with who has approved its file where that is known."""
    card, unit = model.card, model.unit
    core = ", ".join(
        f"{n} {p.value:.4g} +- {p.sd:.2g} {p.unit.removeprefix('1')}".rstrip() for n, p in model.parameters.items()
    )
    learner = "none" if model.learner is None else f"{model.learner.learner.kind} of {', '.join(model.features)}"
    data = f"{card.n} samples of {card.source}, SHA-256 {card.data_sha256}"
    covered = "-" if card.figures.coverage is None else f"{card.figures.coverage:.2f}"
    figures = f"RMSEP {card.figures.rmsep:.4g} {unit}, bias {card.figures.bias:+.3g} {unit}, coverage {covered}"
    found = [
        ("intended use", card.intended_use),
        ("version", card.version),
        ("approver", card.approver or "nobody is named on the card"),
        *([("approval", approved)] if approved else []),
        ("form, core", f"{model.form}, {model.core}{': ' if core else ''}{core}"),
        ("learner", learner),
        ("ranges", "; ".join(f"{n} {one.low:.4g} to {one.high:.4g} {one.unit}" for n, one in model.inputs.items())),
        ("data", data if not card.simulated else f"{data}; beside {card.simulated} simulated ones"),
        ("time from sample to result", f"{card.label_delay_s:g} s"),
        ("figures", f"{figures}, n {card.figures.n}"),
        ("beside it", "; ".join(f"{n} {one.rmsep:.4g} {unit}" for n, one in card.baselines.items()) or "nothing"),
        ("validation", card.validation),
    ]
    if card.acceptance is not None:
        goal, margin = card.acceptance.goal, card.acceptance.margin
        told = ([f"error (rms) of {goal:g} {unit}"] if goal else []) + (
            [f"bias within {margin:g} {unit}"] if margin else []
        )
        found.append(("accepted by", f"{', '.join(told)}, confidence {card.acceptance.confidence:g}"))
    return found
