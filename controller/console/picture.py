"""What a page shows of the run now: cells by name, longer parts, and what charts need besides values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite

from controller.alarms.lifecycle import UNSEEN
from controller.alarms.state import Alarm
from controller.console.board import PRIORITIES, Board, Reading
from controller.console.faces import Face, Variable, face
from controller.console.words import BAD, LETTERS, LIMIT, STATES, Cell, about, age, clock, number, places
from controller.cycle import Mode

Cells = dict[str, Cell]
_SYSTEM = {True: "diverts", False: "lets out"}


@dataclass(slots=True)
class Picture:
    """Everything that changes on a page."""

    cells: Cells
    """Short texts with their states, by name."""
    parts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Longer parts in HTML, by name."""
    extras: Mapping[str, object] = field(default_factory=dict[str, object])
    """What charts show besides values, by name of the chart."""
    tags: tuple[str, ...] = ()
    """Tags whose new values charts append."""


def bar(board: Board) -> Cells:
    """Return what stands at the top of every page."""
    found: Cells = {"at": Cell(clock(board.at)), "cycle": Cell("0" if board.now is None else _cycle(board))}
    for name in board.kit.loops:
        one = face(board, name)
        found |= mode(one)
    listed = board.alarms()
    for rank, each in enumerate(PRIORITIES, start=1):
        mine = [alarm for alarm in listed if alarm.priority == each]
        found[f"n{rank}"] = flag(mine) if mine else Cell("0")
    if board.kit.policy.material is not None and board.kit.policy.material.divert is not None:
        gate = board.now is not None and board.now.state.material.gate.open
        found["gate"] = Cell(_SYSTEM[gate], "wait" if gate else "")
    return found


def _cycle(board: Board) -> str:
    return "" if board.now is None else str(board.now.cycle.number)


def mode(one: Face) -> Cells:
    """Return target and actual mode of a loop."""
    asked = one.mode.value.upper()
    phase = Cell(one.actual, one.abnormal)
    offered = Cell(repr(one.offered_at) if isfinite(one.offered_at) else "")
    return {
        f"o.{one.name}": offered,
        f"m.{one.name}": Cell(asked, "wait" if one.mode is Mode.OFF else ""),
        f"p.{one.name}": phase,
    }


def tag(board: Board, name: str) -> Cells:
    """Return value, quality, age and place of the pointer of one tag."""
    read = board.read(name)
    return reading(name, read, board.places(name)) | {f"g.{name}": gauge(read.value, board.span(name))}


def reading(key: str, read: Reading, decimals: int) -> Cells:
    """Return value, quality and age of one reading.

    Parameters
    ----------
    key
        What the cells are called after.
    read
        The reading.
    decimals
        Decimals shown [1].
    """
    state = STATES[read.quality]
    return {
        f"v.{key}": Cell(number(read.value, decimals), state),
        f"q.{key}": Cell(LETTERS[read.quality], state),
        f"a.{key}": Cell(age(read.age_s)),
    }


def gauge(value: float, ends: tuple[float, float] | None) -> Cell:
    """Return where the pointer of a value stands, from 0 to 100.

    Parameters
    ----------
    value
        The value, in any unit.
    ends
        Ends of the gauge, in the same unit.

    Examples
    --------
    >>> gauge(2.0, (0.0, 8.0))
    Cell(text='25', state='')
    """
    if ends is None or not isfinite(value) or not ends[1] > ends[0]:
        return Cell("")
    share = (value - ends[0]) / (ends[1] - ends[0])
    return Cell(f"{100.0 * min(max(share, 0.0), 1.0):.4g}")


def variable(loop: str, one: Variable) -> Cells:
    """Return the cells of a variable of a loop."""
    key, wide = f"{loop}.{one.name}", one.widest[1] - one.widest[0]
    decimals = places(wide)
    beyond = LIMIT if one.beyond and one.read.quality == 0 else ""
    state = STATES[one.read.quality] or beyond
    numbers = {"t": one.target, "lo": one.low, "hi": one.high, "e": one.end, "s": one.asked}
    found = {f"{short}.{key}": Cell(number(value, decimals)) for short, value in numbers.items()}
    held = "set" if one.held else ""
    found[f"lo.{key}"] = Cell(found[f"lo.{key}"].text, held)
    found[f"hi.{key}"] = Cell(found[f"hi.{key}"].text, held)
    expected = isfinite(one.end) and not (one.low <= one.end <= one.high) and isfinite(one.high - one.low)
    found[f"e.{key}"] = Cell(found[f"e.{key}"].text, LIMIT if expected else "")
    found[f"t.{key}"] = Cell(found[f"t.{key}"].text, "set" if one.whose == "a person" else "")
    found |= reading(key, one.read, decimals)
    found[f"v.{key}"] = Cell(number(one.value, decimals), state)
    found[f"c.{key}"] = Cell(f"{one.limit} {about(one.price)}" if one.limit else "", LIMIT if one.limit else "")
    found[f"k.{key}"] = Cell(one.clamp, BAD if one.clamp else "")
    found[f"g.{key}"] = gauge(one.value, one.widest)
    found[f"gt.{key}"] = gauge(one.target, one.widest)
    low, high = (gauge(end, one.widest).text or ends for end, ends in ((one.low, "0"), (one.high, "100")))
    found[f"gl.{key}"], found[f"gh.{key}"] = Cell(low), Cell(high)
    return found


def alarms(board: Board) -> Cells:
    """Return how many alarms there are at each unit, with the most urgent of them."""
    by_unit: dict[str, list[Alarm]] = {}
    for alarm in board.alarms():
        by_unit.setdefault(board.unit_of(alarm.name), []).append(alarm)
    return {f"u.{name}": flag(by_unit.get(name, ())) for name in board.layout.units}


def flag(found: Sequence[Alarm]) -> Cell:
    """Return how many alarms there are, with the rank of the most urgent as state, filled while nobody has seen it."""
    if not found:
        return Cell("")
    rank = 1 + min(PRIORITIES.index(alarm.priority) for alarm in found)
    unseen = any(alarm.state in UNSEEN for alarm in found)
    return Cell(str(len(found)), f"p{rank}" if unseen else f"p{rank}a")
