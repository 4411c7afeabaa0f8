"""Incidents as people read them while the line runs."""

from __future__ import annotations

from collections.abc import Callable

from anomaly.incident import Change, Incident
from controller.cycle import Cycle

_WORDS = {
    Change.OPENED: "INCIDENT",
    Change.RAISED: "INCIDENT more urgent",
    Change.REOPENED: "INCIDENT again",
    Change.UPDATED: "incident",
    Change.CLOSED: "incident closed",
}


def sentence(one: Incident) -> str:
    """Return what became of an incident in one line."""
    source = f"{one.priority}, {' and '.join(one.routes)}, {one.lane.value}"
    todo = "; ".join(words for words in (one.sop, one.response) if words)
    asked = f" {todo}" if todo and one.change not in {Change.CLOSED, Change.UPDATED} else ""
    return f"{_WORDS[one.change]} {one.id} [{source}] {one.what}{asked}"


def standing() -> Callable[[Cycle], str]:
    """Return a function that is given every cycle and says in a few words which incidents stand."""
    open_: dict[str, str] = {}

    def seen(cycle: Cycle) -> str:
        for one in cycle.decision.incidents:
            if one.closed is None:
                open_[one.id] = f"{one.unit or 'line'}{f' ({one.kind})' if one.kind else ''}"
            else:
                open_.pop(one.id, None)
        return f"  incidents: {', '.join(open_.values())}" if open_ else ""

    return seen
