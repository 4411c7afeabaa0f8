"""Every page by its topic: what it shows now, and the words around it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from controller.alarms.lifecycle import KEPT, TABLE, TOLD, UNSEEN
from controller.alarms.look import EVENTS
from controller.alarms.state import Alarm
from controller.console import charts, explaining, health, material, picture, soft, trends, words
from controller.console.board import PRIORITIES, Board
from controller.console.charts import Chart
from controller.console.faces import PHASES, face
from controller.console.layout import Unit
from controller.console.picture import Picture
from controller.console.sheets import Sheet, cut, turned, turning
from controller.cycle import Attention

_TEMPLATES = Path(__file__).with_name("templates")
_SHOWN = 6
_URGENT = 5


@dataclass(frozen=True, slots=True)
class View:
    """What a page is made from."""

    topic: str
    """Its topic."""
    template: str
    """Its template."""
    title: str
    """What it is called."""
    shown: Picture
    """What changes on it."""
    charts: tuple[Chart, ...] = ()
    """Its charts."""
    more: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else its template wants."""
    plots: bool = False
    """Whether it draws without charts of its own."""


class Pages:
    """Draws pages and parts of them.

    Parameters
    ----------
    look
        Gives what a page shows, by the first word of its topic, from what is known and the rest of the topic.
    """

    def __init__(self, look: Mapping[str, Callable[[Pages, Board, str], View]] | None = None) -> None:
        self._env = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._words: dict[str, object] = {"words": words, "PHASES": PHASES}
        self._look = dict(VIEWS if look is None else look)

    def view(self, board: Board, topic: str) -> View:
        """Return what a page shows now.

        Raises
        ------
        LookupError
            If there is no such page.
        """
        kind, _, name = topic.partition(":")
        return self._look[kind](self, board, name)

    def draw(self, board: Board, topic: str) -> Picture:
        """Return what changes on a page."""
        return self.view(board, topic).shown

    def write(self, template: str, **more: object) -> str:
        """Return a template filled in."""
        return self._env.get_template(template).render(self._words | more)

    def standing(self, board: Board, sheet: Sheet[Alarm], calm: str, turn: Callable[[int], str] | None = None) -> str:
        """Return a list of alarms.

        Parameters
        ----------
        board
            What is known of the run.
        sheet
            Those that are listed.
        calm
            What stands where there are none.
        turn
            Gives the address of another sheet; None where only the most urgent are shown, and nothing is done to them.
        """
        more = {"sheet": sheet, "calm": calm, "turn": turn, "priorities": PRIORITIES, "unseen": UNSEEN}
        return self.write("_standing.html.j2", board=board, acts_of=attentions, **more)


def attentions(alarm: Alarm) -> list[str]:
    """Return what a person may do to an alarm in its state, those first that are done most."""
    there = [one for one, event in EVENTS.items() if (alarm.state, event) in TABLE]
    return [one.value for one in there if alarm.source != "incident" or one is not Attention.REMOVE]


def _line(pages: Pages, board: Board, _name: str) -> View:
    cells = picture.bar(board) | picture.alarms(board)
    shown = {unit.name: of_unit(board, unit) for unit in board.layout.units.values()}
    for tags in shown.values():
        for tag in tags:
            cells |= picture.tag(board, tag)
    faces = [face(board, name) for name in board.kit.loops]
    for one in faces:
        for each in one.variables:
            cells |= picture.variable(one.name, each)
    parts = {"standing": pages.standing(board, cut(board.alarms(), 1, _URGENT), "Nothing is on the list.")}
    return View("line", "line.html.j2", "Line", Picture(cells, parts), (), {"faces": faces, "tags": shown})


def of_unit(board: Board, unit: Unit) -> list[str]:
    """Return the tags of a unit that its card on the overview shows."""
    policy = board.kit.policy
    plain = [tag for tag in unit.tags if tag not in policy.tags or policy.tags[tag].length == 1]
    return plain[:_SHOWN]


def _unit(_pages: Pages, board: Board, name: str) -> View:
    unit = board.layout.units[name]
    tags = [tag for tag in unit.tags if tag in board.ring.column]
    cells = picture.bar(board) | picture.alarms(board)
    for tag in tags:
        cells |= picture.tag(board, tag) | {f"r.{tag}": words.Cell(words.reason(board.read(tag).reason))}
    drawn = tuple(Chart(tag, charts.titled(tag, board.units[tag]), (charts.Trace(tag, tag),)) for tag in tags[:8])
    shown = Picture(cells, {}, {}, charts.tags_of(drawn))
    return View(f"unit:{name}", "unit.html.j2", name, shown, drawn, {"unit": unit, "tags": tags})


def _tags(_pages: Pages, board: Board, _name: str) -> View:
    cells, tags = picture.bar(board), list(board.ring.tags)
    for tag in tags:
        cells |= picture.tag(board, tag) | {f"r.{tag}": words.Cell(words.reason(board.read(tag).reason))}
    return View("tags", "tags.html.j2", "Tags", Picture(cells), (), {"tags": tags})


def _tag(_pages: Pages, board: Board, name: str) -> View:
    if name not in board.ring.tags:
        raise LookupError(name)
    cells = (
        picture.bar(board) | picture.tag(board, name) | {f"r.{name}": words.Cell(words.reason(board.read(name).reason))}
    )
    return View(f"tag:{name}", "tag.html.j2", name, Picture(cells), (), {"tags": [name]}, plots=True)


def _loop(pages: Pages, board: Board, name: str) -> View:
    one = face(board, name)
    cells = picture.bar(board)
    for each in one.variables:
        cells |= picture.variable(name, each)
    drawn = tuple(charts.of_loop(board, one))
    parts = {
        "why": pages.write("_why.html.j2", face=one),
        "offer": pages.write("_offer.html.j2", face=one, board=board),
        "told": pages.write("_told.html.j2", board=board, name=name),
    }
    shown = Picture(cells, parts, charts.extras(drawn), charts.tags_of(drawn))
    return View(f"loop:{name}", "loop.html.j2", f"Loop {name}", shown, drawn, {"face": one})


def _alarms(pages: Pages, board: Board, name: str) -> View:
    at = turned(name)
    told, kept = (cut(board.alarms(states), n) for states, n in zip((TOLD, KEPT), at, strict=False))
    past = cut(tuple(board.changes), at[-1])
    parts = {
        "standing": pages.standing(board, told, "Nothing is on the list.", turning(at, "list")),
        "aside": pages.standing(board, kept, "Nothing is kept from people.", turning(at, "aside")),
        "incidents": pages.write("_incidents.html.j2", board=board),
        "past": pages.write("_past.html.j2", board=board, sheet=past, turn=turning(at, "past")),
    }
    topic = f"alarms:{name}" if name else "alarms"
    back = turning(at, "list")(at[0]) if name else "/alarms"
    return View(topic, "alarms.html.j2", "Alarms", Picture(picture.bar(board), parts), (), {"back": back})


def _health(_pages: Pages, board: Board, _name: str) -> View:
    cells = picture.bar(board) | health.cells(board)
    return View("health", "health.html.j2", "Health", Picture(cells), (), {"links": health.links(board)})


def _explain(_pages: Pages, board: Board, name: str) -> View:
    found = explaining.moment(board, board.kit.loops[name].name)
    more = {"name": name, "moment": found is not None}
    return View(
        f"explain:{name}", "explain.html.j2", f"Why {name} moves", Picture(picture.bar(board)), (), more, plots=True
    )


def _soft(_pages: Pages, board: Board, _name: str) -> View:
    cells, drawn = picture.bar(board) | soft.cells(board), soft.drawn(board)
    shown = Picture(cells, {}, {}, charts.tags_of(drawn))
    return View("soft", "soft.html.j2", "Soft sensors", shown, drawn, {"sensors": soft.sensors(board)})


def _material(pages: Pages, board: Board, _name: str) -> View:
    cells, drawn = picture.bar(board) | material.cells(board), material.drawn(board)
    rows = {"hoppers": material.hoppers(board), "lots": material.lots(board)}
    shown = Picture(
        cells, {"material": pages.write("_material.html.j2", board=board, **rows)}, {}, charts.tags_of(drawn)
    )
    return View("material", "material.html.j2", "Material", shown, drawn, {"declared": board.kit.policy.material})


def _libraries(board: Board) -> list[tuple[str, list[tuple[str, float]], list[tuple[str, float]]]]:
    """Return each library with what contributes now, and the entries it found likeliest when it spoke last."""
    rows = trends.windows(board).items()
    return [(name, trends.contributions(seen), trends.named(board, name)) for name, seen in rows]


def _trends(pages: Pages, board: Board, _name: str) -> View:
    wanted = board.kit.policy.cases is not None
    parts = {
        "cases": pages.write("_cases.html.j2", cases=trends.cases(board), wanted=wanted),
        "watches": pages.write("_watches.html.j2", watched=trends.watched(board)),
        "libraries": pages.write("_libraries.html.j2", board=board, libraries=_libraries(board)),
    }
    figures = [
        json.dumps(trends.figure(seen, f"{name}: distance from normal [sd]"))
        for name, seen in trends.windows(board).items()
    ]
    scores = trends.drawn(board)
    shown = Picture(picture.bar(board), parts, {}, charts.tags_of(scores))
    return View("trends", "trends.html.j2", "Out of trend", shown, scores, {"figures": figures}, plots=True)


def _case(_pages: Pages, board: Board, name: str) -> View:
    one = trends.case(board, name)
    drawn = one.evidence.window and trends.figure(one.evidence.window, "distance from normal when it was opened [sd]")
    more = {
        "case": one,
        "figure": json.dumps(drawn) if drawn else "",
        "facts": trends.facts(one.evidence.facts),
        "similar": trends.similar(board, one),
    }
    return View(f"case:{name}", "case.html.j2", f"Case {name}", Picture(picture.bar(board)), (), more, plots=True)


def _audit(_pages: Pages, board: Board, _name: str) -> View:
    """Return what changes on the page of the audit trail; the trail itself is read when it is asked for."""
    return View("audit", "audit.html.j2", "Audit trail", Picture(picture.bar(board)))


VIEWS: dict[str, Callable[[Pages, Board, str], View]] = {
    "line": _line,
    "unit": _unit,
    "tags": _tags,
    "tag": _tag,
    "loop": _loop,
    "alarms": _alarms,
    "health": _health,
    "explain": _explain,
    "soft": _soft,
    "material": _material,
    "trends": _trends,
    "case": _case,
    "audit": _audit,
}
"""Every page by the first word of its topic."""
