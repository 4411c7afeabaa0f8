"""The material in the line as a page shows it: what is fed, what is believed of what leaves, gate, containers, lots."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite, nan

from controller.console.board import Board
from controller.console.charts import Chart, Trace, titled
from controller.console.picture import Cells
from controller.console.words import NOTHING, Cell, about, clock, number, places, unit
from controller.material.divert import bounds
from controller.material.phases import LinePhase
from controller.material.state import MaterialState, held
from policies.units import convert

_DECIMALS = 2
_CALM = frozenset({LinePhase.RUNNING, LinePhase.IDLE, LinePhase.STOPPED})
"""Phases in which nobody need look."""


def memory(board: Board) -> MaterialState:
    """Return what is remembered of the material."""
    return MaterialState() if board.now is None else board.now.state.material


def cells(board: Board) -> Cells:
    """Return every number on the page of material."""
    now, declared = memory(board), board.kit.policy.material
    if declared is None:
        return {}
    wide = declared.content.limits[1] - declared.content.limits[0]
    decimals = places(4.0 * wide)
    share = 100.0 * now.diverted_kg / now.made_kg if now.made_kg > 0.0 else nan
    shift = now.corrected[0]
    mean = now.belief.mean + shift
    low, high = bounds(mean, 2.0 * now.belief.sd, convert(1.0, "1", declared.content.unit))
    beyond = not (declared.content.limits[0] <= low and high <= declared.content.limits[1])
    found: Cells = {
        "mt.made": Cell(number(now.made_kg, _DECIMALS)),
        "mt.diverted": Cell(number(now.diverted_kg, _DECIMALS)),
        "mt.share": Cell(number(share, 1)),
        "mt.mean": Cell(number(mean, decimals), "lim" if beyond else ""),
        "mt.low": Cell(number(low, decimals) if isfinite(low) else NOTHING),
        "mt.high": Cell(number(high, decimals) if isfinite(high) else NOTHING),
        "mt.shift": Cell(number(shift, decimals)),
        "mt.gate": Cell("diverts" if now.gate.open else "lets out", "wait" if now.gate.open else ""),
        "mt.count": Cell(str(now.gate.number)),
        "mt.in": Cell(number(now.filling.mass_kg if now.filling else nan, _DECIMALS)),
        "mt.phase": Cell(now.phase.phase.value, "" if now.phase.phase in _CALM else "wait"),
        "mt.turned": _turndown(board),
        "mt.batch": Cell(str(now.batching.number) if isfinite(now.batching.since) else NOTHING),
        "mt.number": Cell(str(now.filling.number) if now.filling else NOTHING),
    }
    for place, name in enumerate(declared.feeds):
        flow = now.flows[place] * 3600.0 if place < len(now.flows) else nan
        found[f"mt.flow.{name}"] = Cell(number(flow, 3))
    return found


def _turndown(board: Board) -> Cell:
    """Return since when and why the line is turned down, or why it is not although it should be."""
    now, words = memory(board).turndown, None if board.kit.material is None else board.kit.material.turndown
    if words is None or not (isfinite(now.since) or now.waits):
        return Cell("not turned down")
    if now.waits:
        return Cell(f"not turned down: {now.waits}", "wait")
    return Cell(f"turned down to {about(words.target)} {unit(words.unit)} since {clock(now.since)}: {now.why}", "wait")


def lots(board: Board) -> list[tuple[str, Mapping[str, float]]]:
    """Return the mass of each lot in each unit [kg], by name of the unit, in the order of the material."""
    now, kit = memory(board), board.kit.material
    if now.line is None or kit is None:
        return []
    return [(unit.name, held(now.line, unit.cells)) for unit in kit.units]


def hoppers(board: Board) -> list[tuple[str, str, str]]:
    """Return name, charge and lots of the hopper of each feed."""
    now, declared = memory(board), board.kit.policy.material
    if now.line is None or declared is None:
        return []
    rows = list[tuple[str, str, str]]()
    for name, hopper in zip(declared.feeds, now.line.hoppers, strict=False):
        shares = ", ".join(f"{lot} {100.0 * share:.0f} %" for lot, share in hopper.lots if share > 0.0)
        rows.append((name, about(hopper.number), shares))
    return rows


def drawn(board: Board) -> tuple[Chart, ...]:
    """Return charts of the feeds and of what tells of the content."""
    declared = board.kit.policy.material
    if declared is None:
        return ()
    content = declared.content
    shown = [tag for tag in (*content.within, content.correct, content.beyond) if tag and tag in board.ring.column]
    found = list[Chart]()
    if shown:
        levels = {"low": content.limits[0], "high": content.limits[1], "legend": True}
        traces = tuple(Trace(tag, tag) for tag in shown)
        found.append(Chart("content", titled("content", content.unit), traces, levels))
    gate = declared.divert.shown if declared.divert is not None else None
    if gate is not None and gate in board.ring.column:
        found.append(Chart("gate", f"gate: {gate}, 0 lets out", (Trace(gate, gate, "step"),)))
    return tuple(found)
