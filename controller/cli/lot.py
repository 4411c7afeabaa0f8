"""The verb `report lot`: containers, the lots in them, what speaks against their release, and where each lot is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from controller.cli import paper
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.paper import Out
from controller.cli.show import give, people, tabled

if TYPE_CHECKING:
    from controller.records.lots import Box, Made, Traced
    from controller.records.sampled import Judged

_BOXES = ("container", "from", "to", "mass, kg", "content", "may be from", "to", "lots, kg", "verdict", "to look at")
_BATCHES = (
    "batch", "from", "to", "fed, kg", "let out, kg", "rejected, kg", "ended because", "containers", "acceptance value",
    "units", "blend, %", "verdict", "to look at",
)  # fmt: skip
_EXCURSIONS = ("container", "from", "to", "farthest, % of the claim")
_CONFORMS = "conforming"
_DIVERSIONS = ("diversion", "from", "to", "mass, kg", "trigger", "reason")
LIMITS = (
    "A container is conforming where all that may be in it is, by what was fed and what the product showed.",
    "Anything to look at makes it undecided; a mean content outside its limits makes it not conforming.",
    "The acceptance value (USP <905>, Ph. Eur. 2.9.40, 2.9.47) is of units inferred, not assayed: least and greatest.",
    "Whatever the laboratory finds comes besides.",
    "Nothing here releases anything: a person does, and signs.",
)
"""What is to be known when the page is read."""


def lot(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")],
    *,
    container: Annotated[int | None, typer.Option(metavar="N", help="Only this container.")] = None,
    name: Annotated[str | None, typer.Option("--lot", metavar="NAME", help="Only what this lot is in.")] = None,
    out: Out = None,
    json: Json = None,
) -> int:
    """Tell which lots are in which container, where each lot is, what was diverted, and what to look at."""
    from controller.records.entry import cycles_in  # noqa: PLC0415  # heavy
    from controller.records.lots import traced  # noqa: PLC0415  # heavy

    columns = (TextColumn("re-deriving decisions"), MofNCompleteColumn(), TimeElapsedColumn())
    with reading(), Progress(*columns, console=people, transient=True) as progress:
        bar = progress.add_task("", total=cycles_in(record))
        found = traced(record, lambda n: progress.update(bar, completed=n))
    _narrowed(record, found, container, name)
    for title, head, rows in _sections(found):
        if _asked(title, container, name):
            (_told if "verdict" in head else tabled)(title, head, rows)
    if out is not None:
        _write(Path(out), record, found)
    give(plain(found), json)
    return 0


def _asked(title: str, container: int | None, name: str | None) -> bool:
    """Return whether a section answers what was asked: of a container what is in it, of a lot where it is."""
    if container is None and name is None:
        return True
    return title.startswith(("containers", "where") if name is not None else ("containers", "excursions"))


def _told(title: str, head: Sequence[str], rows: Iterator[tuple[str, ...]]) -> None:
    """Print what there are verdicts on: one line of what conforms, all of what a person is to look at."""
    people.print(f"\n[italic]{escape(title)}[/]")
    for row in rows:
        said = list(zip(head, row, strict=True))
        name, verdict = said[0], row[head.index("verdict")]
        people.print(f"[bold]{escape(' '.join(name))}: {escape(verdict)}[/]")
        if verdict == _CONFORMS:
            continue
        table = Table(box=None, show_header=False, padding=(0, 2))
        for key, value in said[1:]:
            if key != "verdict" and value:
                table.add_row(escape(key), escape(value.replace("; ", "\n") if key == "to look at" else value))
        people.print(table)


def plain(found: Traced) -> dict[str, object]:
    """Return what a record tells of material as plain values."""
    return {
        "card": {
            "verdicts": {f"batch {one.batch.number}": one.verdict(found.limits).value for one in found.made}
            | {f"container {box.number}": box.verdict(found.limits).value for box in found.boxes},
            "unit": found.unit,
            "content_limits": list(found.limits),
        },
        "batches": [_batch(one, found) for one in found.made],
        "containers": [_plain(box, found) for box in found.boxes],
        "diversions": [dict(one) for one in found.diversions],
        "lots": {name: {unit: mass for unit, mass in held.items() if mass > 0.0} for name, held in found.lots.items()},
        "made_kg": found.made_kg,
        "diverted_kg": found.diverted_kg,
        "unit": found.unit,
        "limits": list(LIMITS),
    }


def _plain(box: Box, found: Traced) -> dict[str, object]:
    return {
        "number": box.number,
        "since": box.since,
        "until": box.until,
        "mass_kg": box.mass_kg,
        "content": box.content,
        "interval": [box.lowest, box.highest],
        "lots": dict(box.lots),
        "full": box.full,
        "verdict": box.verdict(found.limits).value,
        "exceptions": list(box.exceptions),
        **_judged(box.judged),
    }


def _batch(one: Made, found: Traced) -> dict[str, object]:
    batch = one.batch
    return {
        "number": batch.number,
        "since": batch.since,
        "until": batch.until,
        "ended": one.ended,
        "why": batch.why,
        "fed_kg": batch.fed_kg,
        "made_kg": batch.made_kg,
        "diverted_kg": batch.diverted_kg,
        "containers": [box.number for box in one.boxes],
        "verdict": one.verdict(found.limits).value,
        "exceptions": list(one.exceptions),
        **_judged(one.judged),
    }


def _judged(judged: Judged) -> dict[str, object]:
    units = judged.uniformity
    return {
        "uniformity": None
        if units is None
        else {
            "n": units.n,
            "mean_pct": units.mean,
            "sd_pct": units.sd,
            "doubt_pct": units.doubt,
            "k": units.k,
            "acceptance_value": list(units.value),
            "beyond": list(units.beyond),
            "beyond_allowed": units.allowed,
            "verdict": units.verdict.value,
            "why": units.why,
        },
        "blend_rsd_pct": judged.blend,
        "samples_missing": judged.missing[0],
        "samples_due": judged.missing[1],
        "excursions": [asdict(one) for one in judged.excursions],
    }


def _narrowed(record: Path, found: Traced, container: int | None, name: str | None) -> None:
    """Keep only what was asked for."""
    from policies.sentences import among  # noqa: PLC0415  # heavy

    numbers = [box.number for box in found.boxes]
    if container is not None and container not in numbers:
        raise Refused(f"{record}: found no container {container}, {among(map(str, numbers), 'container', 'expected')}")
    lots = dict.fromkeys([*found.lots, *(one for box in found.boxes for one in box.lots)])
    if name is not None and name not in lots:
        raise Refused(f"{record}: found no lot {name!r}, {among(lots, 'lot', 'expected')}")
    boxes = [box for box in found.boxes if container in {None, box.number}]
    found.boxes[:] = [box for box in boxes if name is None or name in box.lots]
    kept = {box.number for box in found.boxes}
    found.made[:] = [one for one in found.made if kept & {box.number for box in one.boxes} or not (container or name)]
    found.lots = {lot_: held for lot_, held in found.lots.items() if name in {None, lot_}}


def _sections(found: Traced) -> Iterator[tuple[str, Sequence[str], Iterator[tuple[str, ...]]]]:
    yield "batches", _BATCHES, _batches(found)
    yield f"containers, content in {found.unit}", _BOXES, _boxes(found)
    yield "excursions of what was let out", _EXCURSIONS, _excursions(found)
    yield "diversions", _DIVERSIONS, _diverted(found.diversions)
    units = list(dict.fromkeys(unit for held in found.lots.values() for unit in held))
    yield "where each lot is at the end of the record, kg", ("lot", *units), _located(found, units)


def _boxes(found: Traced) -> Iterator[tuple[str, ...]]:
    for box in found.boxes:
        numbers = (f"{value:.4g}" for value in (box.mass_kg, box.content, box.lowest, box.highest))
        lots = ", ".join(f"{name} {mass:.3f}" for name, mass in box.lots.items())
        looked = "; ".join(box.exceptions)
        yield str(box.number), _at(box.since), _at(box.until), *numbers, lots, box.verdict(found.limits).value, looked


def _batches(found: Traced) -> Iterator[tuple[str, ...]]:
    for one in found.made:
        batch, units = one.batch, one.judged.uniformity
        out = batch.made_kg - batch.diverted_kg
        value = "" if units is None else f"{units.value[0]:.1f} to {units.value[1]:.1f}"
        yield (
            str(batch.number), _at(batch.since), _at(batch.until), f"{batch.fed_kg:.3f}", f"{out:.3f}",
            f"{batch.diverted_kg:.3f}", batch.why, ", ".join(str(box.number) for box in one.boxes), value,
            "" if units is None else str(units.n), "" if one.judged.blend is None else f"{one.judged.blend:.2f}",
            one.verdict(found.limits).value, "; ".join(one.exceptions),
        )  # fmt: skip


def _excursions(found: Traced) -> Iterator[tuple[str, ...]]:
    for box in found.boxes:
        for one in box.judged.excursions:
            yield str(box.number), _at(one.since), _at(one.until), f"{one.worst:.2f}"


def _diverted(diversions: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for one in diversions:
        until = "goes on" if one["until"] is None else _at(one["until"])
        yield str(one["number"]), _at(one["since"]), until, f"{one['mass_kg']:.3f}", one["trigger"], one["reason"]


def _located(found: Traced, units: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for name, held in found.lots.items():
        yield name, *(f"{held.get(unit, 0.0):.4f}" for unit in units)


def _at(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _write(path: Path, record: Path, found: Traced) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy

    parts = [
        page.said(f"Record {record.name}: {found.made_kg:.3f} kg made, {found.diverted_kg:.3f} kg of it rejected.")
    ]
    for title, head, rows in _sections(found):
        parts += [f"<h2>{page.plainly(title)}</h2>", page.table(head, rows)]
    parts += ["<h2>What this page cannot say</h2>", page.said(*LIMITS)]
    parts.append(page.said("Reviewed by: ____________________   Date: ____________   Decision: ____________________"))
    paper.put(path, page.page("Material: containers and lots", parts))
