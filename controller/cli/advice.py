"""The verb `advise`: how far a matrix of transfer functions may be off, and the move weight that then is enough."""

from __future__ import annotations

import json as reader
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.models.trial import Estimated, Row
    from controller.robust import Advice, Doubt, Margin
    from policies import TransferFunction

_USUAL_PCT, _MOST = 20.0, 0.99


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


@dataclass(frozen=True, slots=True)
class Proposed:
    """A part of a policy just identified, with a move weight that suits its intervals."""

    text: str
    """The part of a policy."""
    said: str
    """What is to be said of the weight; empty where nothing is known."""
    plain: dict[str, object] | None
    """The advice as plain values; None where nothing is known."""


def identified(text: str, rows: Mapping[str, Row], words: Mapping[str, str]) -> Proposed:
    """Return a part of a policy with the move weight its intervals want, if that is more than what it has.

    Parameters
    ----------
    text
        The part of a policy.
    rows
        What was found, by column.
    words
        What the policy calls each column.
    """
    from controller.robust import Doubt, Off, advise  # noqa: PLC0415  # heavy
    from policies import TransferFunction  # noqa: PLC0415  # heavy
    from policies.positions import read  # noqa: PLC0415  # heavy

    data = _mapping(_mapping(read(text.encode(), "identified").data).get("loops")).get("identified")
    off = {
        (words[row], words[column]): Off(
            _known(answer.gain), _known(answer.dead_time), max((_known(lag) for lag in answer.lags), default=0.0)
        )
        for row, found in rows.items()
        for column, answer in found.answers.items()
    }
    try:
        loop = TransferFunction.model_validate_json(reader.dumps(data)).model_copy(update={"trigger": "rows"})
        advice = advise(loop, Doubt(off))
    except ValueError:  # validation says what is wrong once it is pasted into a policy
        return Proposed(text, "", None)
    weight = max(loop.move_weight, advice.least or 0.0)
    said = f"within these intervals {advice.words(loop.move_weight)}; {weight:.3g} is written"
    changed = text.replace(f"move_weight: {loop.move_weight:g}\n", f"move_weight: {weight:.3g}\n")
    return Proposed(changed, said, plain(advice, weight))


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
    return {"corner": margin.corner, "peak": margin.peak if isfinite(margin.peak) else None}


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
    return _of(float(value), float(half)) if isinstance(value, int | float) and isinstance(half, int | float) else 0.0


def _known(number: Estimated) -> float:
    return _of(number.value, number.half)


def _of(value: float, half: float) -> float:
    return min(abs(half / value), _MOST) if value else 0.0
