"""The verb `advise`: how far a matrix of transfer functions may be off, and the move weight that then is enough."""

from __future__ import annotations

import json as reader
from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.robust import Advice, Doubt, Margin
    from policies import TransferFunction

_USUAL_PCT = 20.0


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(advise)


def advise(
    policy: Annotated[Path, typer.Argument(metavar="POLICY", help="Policy with a loop of kind transfer_function.")],
    *,
    fit: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of `identify`: each number by its interval.")
    ] = None,
    gain: Annotated[
        float, typer.Option(min=0, max=99, help="How far the gains of an input may be off, %.")
    ] = _USUAL_PCT,
    dead_time: Annotated[
        float, typer.Option(min=0, max=99, help="How far the dead times of an input may be off, %.")
    ] = _USUAL_PCT,
    lags: Annotated[float, typer.Option(min=0, max=99, help="How far the lags of an input may be off, %.")] = 0.0,
    json: Json = None,
) -> int:
    """Say which move_weight keeps a loop calm where its model is wrong; fails if what the policy has does not."""
    from controller.robust import Doubt, Off, advise  # noqa: PLC0415  # heavy
    from policies import TransferFunction, load  # noqa: PLC0415  # heavy

    with reading():
        loops = {n: one for n, one in load(policy).loops.items() if isinstance(one, TransferFunction)}
        if not loops:
            raise Refused(
                f"{policy}: found no loop of kind transfer_function; `hil run` plays hard lines for the others"
            )
        told, calm = dict[str, object](), True
        for name, loop in loops.items():
            share = Off(gain / 100.0, dead_time / 100.0, lags / 100.0)
            pairs = [(row, column) for row, answers in loop.matrix.items() for column in answers]
            doubt = Doubt(dict.fromkeys(pairs, share), together=True) if fit is None else _fitted(loop, fit)
            with people.status("trying corners", spinner="line"):
                found = advise(loop, doubt)
            people.print(f"{name}: {found.words(loop.move_weight)}", markup=False, soft_wrap=True)
            told[name] = plain(found, loop.move_weight)
            calm = calm and found.worst.peak < float("inf")
    give({"loops": told}, json)
    return 0 if calm else 1


def plain(found: Advice, weight: float) -> dict[str, object]:
    """Return an advice as plain values.

    Parameters
    ----------
    found
        The advice.
    weight
        Move weight the loop has [1].
    """
    return {
        "move_weight": weight,
        "nominal": _margin(found.nominal),
        "worst": _margin(found.worst),
        "stable_from": found.stable,
        "robust_from": found.least,
        "corners": found.corners,
    }


def _margin(margin: Margin) -> dict[str, object]:
    return asdict(margin) | {"peak": margin.peak if isfinite(margin.peak) else None}


def _fitted(loop: TransferFunction, path: Path) -> Doubt:
    """Return the doubt that a fit leaves, its columns found by the tags of the loop."""
    from controller.robust import Doubt, Off  # noqa: PLC0415  # heavy

    rows = _mapping(_mapping(reader.loads(path.read_text(encoding="utf-8"))).get("fit"))
    tags = {name: one.tag for name, one in loop.moved.items()} | dict(loop.known)
    off = dict[tuple[str, str], Off]()
    for row, answers in loop.matrix.items():
        seen = _mapping(_mapping(rows.get(loop.measured[row].tag)).get("answers"))
        for column in answers:
            numbers = _mapping(seen.get(tags[column]))
            if numbers:
                lags = [_share(lag) for lag in cast("list[object]", numbers.get("lags", []))]
                off[row, column] = Off(_share(numbers.get("gain")), _share(numbers.get("dead_time")), max([0.0, *lags]))
    if not off:
        raise ValueError(f"{path}: found no answer of a tag of this loop, wanted what `identify --json` wrote of it")
    return Doubt(off)


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def _share(number: object) -> float:
    pair = _mapping(number)
    value, half = pair.get("value"), pair.get("ci95")
    if not isinstance(value, int | float) or not isinstance(half, int | float) or value == 0.0:
        return 0.0
    return min(abs(half / value), 0.99)
