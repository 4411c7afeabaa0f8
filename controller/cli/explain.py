"""The verb `explain`: why a loop made a move, from its record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people, writable

if TYPE_CHECKING:
    from controller.explain import Bound, Course, Explanation, Move
    from controller.records.moments import Pick

Rows = Iterator[tuple[str, ...]]
_SHOWN, _LEAST = 6, 1e-3
_MOVES = ("input", "unit", "stood", "first move", "wanted now", "written now", "remainder")
_BOUNDS = ("variable", "limit", "value", "samples", "after [s]", "costs [squared scales]", "scale")


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    app.command()(explain)


def explain(
    record: Annotated[Path, typer.Argument(metavar="RECORD", help="Record directory.")],
    *,
    loop: Annotated[str | None, typer.Option(metavar="NAME", help="Loop, where there are several.")] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Time since the start such as 12m, or an instant: ISO 8601 or POSIX."),
    ] = None,
    cycle: Annotated[int | None, typer.Option(metavar="N", min=0, help="Number of the cycle.")] = None,
    last: Annotated[bool, typer.Option("--last", help="The last move; so it is where nothing is said.")] = False,
    plot: Annotated[str | None, typer.Option(metavar="F", help="Page with plots to write.", callback=writable)] = None,
    json: Json = None,
) -> int:
    """Say why a loop made a move: limits that held it back, what asked for it, what would have been without it."""
    from controller.explain import exact, explain  # noqa: PLC0415  # heavy
    from controller.mpc.solver import solvers_in_line  # noqa: PLC0415  # heavy
    from controller.records.moments import moment  # noqa: PLC0415  # heavy

    if sum((at is not None, cycle is not None, last)) > 1:
        raise Refused("explain: wanted one of --at, --cycle and --last")
    with reading(), people.status("solving again", spinner="line"):
        kit, found = moment(record, loop, _pick(at, cycle))
        name = found.plan.loop
        solver = solvers_in_line({name: exact(kit.policy.loops[name])}, kit.policy.files)[name]
        why = explain(kit.loops[name], found, solver)
    _show(why)
    if plot is not None:
        _write(Path(plot), why)
    give(_plain(why), json)
    return 0


def _pick(at: str | None, cycle: int | None) -> Pick:
    from controller.records.moments import Pick  # noqa: PLC0415  # heavy

    return Pick(cycle) if at is None else _timed(at)


def _timed(text: str) -> Pick:
    from datetime import UTC, datetime  # noqa: PLC0415  # only here

    from controller.records.moments import Pick  # noqa: PLC0415  # heavy
    from policies.words import seconds  # noqa: PLC0415  # heavy

    try:
        return Pick(at=float(text))
    except ValueError:
        pass
    try:
        return Pick(since_s=seconds(text))
    except ValueError:
        pass
    try:
        there = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--at: found {text!r}, wanted a time such as 12m, 2026-01-01T08:00:00 or POSIX time") from None
    return Pick(at=(there if there.tzinfo else there.replace(tzinfo=UTC)).timestamp())


def _show(why: Explanation) -> None:
    for sentence in sentences(why):
        people.print(sentence, markup=False)
    inputs = [f"{move.name} [{move.unit}]" for move in why.moves]
    _table("what was planned and written", _MOVES, _moves(why))
    if why.bounds:
        _table("what held it back", _BOUNDS, _bounds(why))
    _table("what asked for it: first move with it less that without it", ("what", "is", *inputs), _parts(why))
    _table("what was expected", ("variable", "unit", "", *_times(why)), _courses(why))
    for sentence in LIMITS:
        people.print(sentence, style="dim", markup=False)


LIMITS = (
    "Each part is taken away alone; the remainder is what is left: what was off before, and what parts do together.",
    "What would have been without the move is what the model expects, not what the plant did.",
)
"""What is to be known when an explanation is read."""


def sentences(why: Explanation) -> Iterator[str]:
    """Give in words which move is explained, and what stands out."""
    moment, plan = why.moment, why.moment.plan
    mode, phase = (each.value for each in moment.state)
    yield (
        f"loop {plan.loop}, cycle {moment.number}, {moment.since_s:.10g} s after the start: {mode}, {phase}; "
        f"plan {plan.number}, posed {why.age_s:.10g} s before, {why.use.value}"
    )
    if not moment.written:
        yield "nothing was written for it in this cycle"
    if moment.without:
        yield f"it went without {', '.join(moment.without)}"
    if not why.bounds:
        yield "no limit costs the plan anything"


def _table(title: str, head: tuple[str, ...], rows: Rows) -> None:
    table = Table(*map(escape, head), title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(escape, row))
    people.print(table)


def _number(value: float | None) -> str:
    return "-" if value is None or not isfinite(value) else f"{value:.4g}"


def _moves(why: Explanation) -> Rows:
    for m in why.moves:
        yield m.name, m.unit, *map(_number, (m.stood, m.planned, m.asked, m.written, m.remainder))


def _bounds(why: Explanation) -> Rows:
    for b in why.bounds:
        samples, after = (f"{first:g} to {last:g}" for first, last in (b.samples, b.seconds))
        value, scale = f"{_number(b.value)} {b.unit}", f"{_number(b.scale)} {b.unit}"
        yield b.name, b.limit.value, value, samples, after, _number(b.price), scale


def _parts(why: Explanation) -> Rows:
    largest = {move.name: move.largest for move in why.moves}
    told = [p for p in why.parts if any(not abs(move) < _LEAST * largest[n] for n, move in p.moves.items())]
    for part in told:
        yield f"{part.kind} {part.name}", part.what, *map(_number, part.moves.values())
    if len(told) < len(why.parts):
        yield (
            f"{len(why.parts) - len(told)} more",
            "each below a thousandth of the largest move",
            *("" for _ in largest),
        )
    yield "solver", "where it stopped", *(_number(move.solver) for move in why.moves)
    yield "remainder", "", *(_number(move.remainder) for move in why.moves)
    yield "together", "the first move", *(_number(move.planned) for move in why.moves)


def _chosen(course: Course) -> list[int]:
    last = len(course.seconds) - 1
    return sorted({round(k * last / (_SHOWN - 1)) for k in range(_SHOWN)})


def _times(why: Explanation) -> list[str]:
    course = why.courses[0]
    return [f"after {course.seconds[k]:g} s" for k in _chosen(course)]


def _courses(why: Explanation) -> Rows:
    for course in why.courses:
        rows = _chosen(course)
        yield course.name, course.unit, "planned", *(_number(float(course.planned[k])) for k in rows)
        yield "", "", "without the move", *(_number(float(course.held[k])) for k in rows)


def _write(path: Path, why: Explanation) -> None:
    from controller.cli import page  # noqa: PLC0415  # heavy

    inputs = [f"{move.name} [{move.unit}]" for move in why.moves]
    parts = [
        page.said(*sentences(why)),
        page.table(_MOVES, _moves(why)),
        *([page.said("What held it back"), page.table(_BOUNDS, _bounds(why))] if why.bounds else []),
        page.said("What asked for it: first move with it less that without it"),
        page.table(("what", "is", *inputs), _parts(why)),
        *(_drawn(course) for course in why.courses),
        page.said(*LIMITS),
    ]
    try:
        path.write_text(page.page(f"Why loop {why.moment.plan.loop} moved", parts), encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: this cannot be written: {error.strerror}") from error


def _drawn(course: Course) -> str:
    from controller.cli import page  # noqa: PLC0415  # heavy

    time = course.seconds.tolist()
    traces: list[dict[str, object]] = [
        {"x": time, "y": page.plain(course.planned), "name": "planned"},
        {"x": time, "y": page.plain(course.held), "name": "without the move", "line": {"dash": "dash"}},
    ]
    for level, name in ((course.target, "target"), (course.limits[0], "lowest"), (course.limits[1], "highest")):
        if isfinite(level):
            look = {"dash": "dot", "width": 1}
            traces.append({"x": [time[0], time[-1]], "y": [level, level], "name": name, "mode": "lines", "line": look})
    return page.drawn(traces, "time after the problem was posed [s]", f"{course.name} [{course.unit}]")


def _plain(why: Explanation) -> dict[str, object]:
    moment = why.moment
    return {
        "loop": moment.plan.loop,
        "cycle": moment.number,
        "at": moment.at,
        "since_s": moment.since_s,
        "mode": moment.state[0].value,
        "phase": moment.state[1].value,
        "plan": {"number": moment.plan.number, "age_s": why.age_s, "use": why.use.value},
        "without": list(moment.without),
        "moves": [_plain_move(move) for move in why.moves],
        "bounds": [_plain_bound(bound) for bound in why.bounds],
        "parts": [{"kind": p.kind, "name": p.name, "what": p.what, "moves": dict(p.moves)} for p in why.parts],
        "expected": [_plain_course(course) for course in why.courses],
        "limits": list(LIMITS),
    }


def _plain_move(move: Move) -> dict[str, object]:
    return asdict(move)


def _plain_bound(bound: Bound) -> dict[str, object]:
    return {
        "name": bound.name,
        "limit": bound.limit.value,
        "value": bound.value,
        "unit": bound.unit,
        "samples": list(bound.samples),
        "seconds": list(bound.seconds),
        "price": bound.price,
        "scale": bound.scale,
    }


def _plain_course(course: Course) -> dict[str, object]:
    return {
        "name": course.name,
        "unit": course.unit,
        "target": course.target,
        "limits": list(course.limits),
        "seconds": course.seconds.tolist(),
        "planned": course.planned.tolist(),
        "held": course.held.tolist(),
    }
