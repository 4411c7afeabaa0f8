"""Soft sensors as a page shows them: measured, by the physics, both together, how sure."""

from __future__ import annotations

from dataclasses import dataclass

from controller.console.board import Board
from controller.console.charts import Chart, Trace, titled
from controller.console.picture import Cells, reading
from controller.console.words import NOTHING, Cell, number

ROLES = {
    "": "value",
    ".MECH": "mechanistic",
    ".NIR": "measured (spectrum)",
    ".ML": "learnt",
    ".LOW": "interval, low",
    ".HIGH": "interval, high",
    ".GAP": "measured less mechanistic",
    ".BIAS": "bias from the laboratory",
    ".RES": "newest residual",
    ".Q": "domain: misfit (Q)",
    ".T2": "domain: distance (T²)",
    ".CHALLENGER": "challenger",
    ".BETTER": "challenger is better",
}
"""What the tags of soft sensors are, by their ends."""
_DRAWN = ("", ".MECH", ".NIR", ".LOW", ".HIGH")


@dataclass(frozen=True, slots=True)
class Sensor:
    """One soft sensor."""

    name: str
    """Its name."""
    kind: str
    """Its form."""
    unit: str
    """UCUM code of its value."""
    tags: tuple[tuple[str, str], ...]
    """Its tags and what each of them is."""
    inputs: tuple[str, ...]
    """Tags it is made from."""


def sensors(board: Board) -> list[Sensor]:
    """Return the soft sensors of the line."""
    found = list[Sensor]()
    for name, declared in board.kit.policy.soft_sensors.items():
        outputs = declared.outputs(name)
        tags = tuple((tag, ROLES.get(tag.removeprefix(name), tag.removeprefix(name).lstrip("."))) for tag in outputs)
        unit = next(iter(outputs.values()))[0]
        found.append(Sensor(name, declared.kind.replace("_", " "), unit, tags, tuple(declared.inputs)))
    return found


def cells(board: Board) -> Cells:
    """Return value, standard deviation and quality of every tag of the soft sensors."""
    nothing = dict[str, tuple[float, float, int]]()
    soft = nothing if board.now is None else board.now.cycle.decision.soft
    found: Cells = {}
    for sensor in sensors(board):
        for tag, _ in sensor.tags:
            found |= reading(tag, board.read(tag), board.places(tag))
            sd = soft[tag][1] if tag in soft else float("nan")
            shown = number(2.0 * sd, board.places(tag))
            found[f"sd.{tag}"] = Cell("" if shown == NOTHING else f"± {shown}")
    return found


def drawn(board: Board) -> tuple[Chart, ...]:
    """Return a chart of each soft sensor that has more than one way to its value."""
    found = list[Chart]()
    for sensor in sensors(board):
        tags = {tag.removeprefix(sensor.name): tag for tag, _ in sensor.tags}
        lines = [(end, tags[end]) for end in _DRAWN if end in tags and board.units[tags[end]] == sensor.unit]
        if len(lines) > 1:
            traces = tuple(Trace(tag, ROLES[end]) for end, tag in lines)
            found.append(Chart(sensor.name, titled(sensor.name, sensor.unit), traces, {"legend": True}))
    return tuple(found)
