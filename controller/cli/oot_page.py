"""One outcome of a method for results out of trend, as a page with plots that needs nothing besides itself."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import cast

from anomaly.oot.methods import METHODS
from anomaly.oot.study import Row, Settings, value
from controller.cli.page import drawn, said, table
from controller.cli.page import page as page_of

Plain = Mapping[str, object]
_SHADES = {"history": "#999", "judged": "#06c", "out of trend": "#b00"}
_LIMIT = {"dash": "dash", "color": "#b50"}


def page(rows: Sequence[Row], settings: Settings, text: str) -> str:
    """Return the page of a stored outcome.

    Parameters
    ----------
    rows
        Results it was made of.
    settings
        What the method was told.
    text
        The stored outcome.
    """
    plain = cast("Plain", json.loads(text))
    outcome, made = (cast("Plain", plain[key]) for key in ("outcome", "made"))
    held = cast("list[Plain]", outcome["held"])
    title = METHODS[settings.method].title
    parts = [
        said(str(outcome["said"])),
        *_plots(rows, settings, held),
        "<h2>Judged</h2>",
        table(("batch", f"age [{settings.age_unit}]", "what", "found", "expected", "low", "high", ""), _judged(held)),
        "<h2>What it rests on</h2>",
        table(("", ""), [(k, _number(v)) for k, v in cast("Plain", outcome["numbers"]).items()]),
        said(*cast("list[str]", outcome["notes"])),
        "<h2>Made</h2>",
        table(("", ""), [*_made(made, outcome, plain), *((k, str(v)) for k, v in settings.model_dump().items())]),
    ]
    return page_of(f"{title[0].upper()}{title[1:]}: {', '.join(settings.columns)}", parts)


def _made(made: Plain, outcome: Plain, plain: Plain) -> Iterator[tuple[str, str]]:
    yield "file", str(made["source"])
    yield "SHA-256 of the file", str(made["sha256"])
    yield "made by", str(made["user"])
    yield "made at", str(made["at"])
    yield "method and version", f"{outcome['method']} {outcome['version']}"
    yield "Steadyline", str(made["program"])
    yield "SHA-256 of the outcome", str(plain["sha256"])


def _judged(held: Sequence[Plain]) -> Iterator[tuple[str, ...]]:
    for one in held:
        numbers = (_number(one[key]) for key in ("value", "expected", "low", "high"))
        age = "" if one["age"] == "nan" else _number(one["age"])
        yield str(one["batch"]), age, str(one["what"]), *numbers, "out of trend" if one["out"] else "in trend"


def _number(one: object) -> str:
    return f"{one:.5g}" if isinstance(one, float) else str(one)


def _plots(rows: Sequence[Row], settings: Settings, held: Sequence[Plain]) -> Iterator[str]:
    results = [one for one in held if one["what"] == "result"]
    yield from _of_results(rows, settings, results)
    for what in dict.fromkeys(str(one["what"]) for one in held if one["what"] != "result"):
        yield _of_others([one for one in held if one["what"] == what], what)


def _of_results(rows: Sequence[Row], settings: Settings, held: Sequence[Plain]) -> Iterator[str]:
    column = settings.columns[0]
    there = [row for row in rows if column in row.values]
    aged = all(row.age is not None for row in there)
    x = [row.age if aged else float(i) for i, row in enumerate(there)]
    y = [value(row, column, settings) for row in there]
    out = {(one["batch"], one["age"]) for one in held if one["out"]}
    kinds = [_kind(row, settings, out) for row in there]
    dots: list[dict[str, object]] = [
        {
            "x": [one for one, k in zip(x, kinds, strict=True) if k == kind],
            "y": [one for one, k in zip(y, kinds, strict=True) if k == kind],
            "text": [row.batch for row, k in zip(there, kinds, strict=True) if k == kind],
            "name": kind,
            "mode": "markers",
            "marker": {"color": shade},
        }
        for kind, shade in _SHADES.items()
    ]
    places = {(row.batch, row.age): place for row, place in zip(there, x, strict=True)}
    ends = [_end(held, places, key) for key in ("low", "expected", "high")] if held else []
    yield drawn([*dots, *ends], f"age [{settings.age_unit}]" if aged else "result", f"{column} [{settings.unit}]")


def _kind(row: Row, settings: Settings, out: set[tuple[object, object]]) -> str:
    if row.batch not in settings.tested:
        return "history"
    return "out of trend" if (row.batch, "nan" if row.age is None else row.age) in out else "judged"


def _end(held: Sequence[Plain], places: Mapping[tuple[str, float | None], float | None], key: str) -> dict[str, object]:
    pairs = [(places[str(one["batch"]), _age(one)], one[key]) for one in held if isinstance(one[key], float)]
    pairs.sort(key=lambda pair: pair[0] or 0.0)
    return {
        "x": [a for a, _ in pairs],
        "y": [b for _, b in pairs],
        "name": key,
        "mode": "lines+markers",
        "line": _LIMIT,
    }


def _age(one: Plain) -> float | None:
    return None if one["age"] == "nan" else float(cast("float", one["age"]))


def _of_others(held: Sequence[Plain], what: str) -> str:
    x = list(range(1, len(held) + 1))
    found: dict[str, object] = {
        "x": x,
        "y": [_plotted(one["value"]) for one in held],
        "text": [str(one["batch"]) for one in held],
        "name": what,
        "mode": "markers",
    }
    ends: list[dict[str, object]] = [
        {"x": x, "y": [_plotted(one[key]) for one in held], "name": key, "line": _LIMIT} for key in ("low", "high")
    ]
    return drawn([found, *ends], "judged", what)


def _plotted(one: object) -> float | None:
    return one if isinstance(one, float) and abs(one) < inf else None
