"""What one cycle tells people: alerts folded into incidents, and cases followed up from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anomaly import Alert, incident
from anomaly.cases import Case, CaseState
from anomaly.engine import WatchState
from anomaly.incident import Incident, IncidentState
from controller.cases import step as cases
from controller.cycle import Event, Order
from controller.kit import Kit
from controller.state import State
from plant_io import Snapshot
from plant_io.values import quick


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Announced:
    """What is told in one cycle, and what is remembered of it."""

    alerts: tuple[Alert, ...]
    """Conditions that began or ended, those of cases included."""
    incidents: tuple[Incident, ...]
    """Incidents of which something became."""
    cases: tuple[Case, ...]
    """Cases of which something became."""
    events: tuple[Event, ...]
    """What was refused, and why."""
    incident_state: IncidentState
    """Memory of the incidents."""
    case_state: CaseState
    """Memory of the cases."""


def announce(
    alerts: Sequence[Alert], seen: Snapshot, watches: WatchState, orders: Sequence[Order], old: tuple[State, Kit]
) -> Announced:
    """Return what is told in one cycle.

    Parameters
    ----------
    alerts
        Conditions that began or ended, of watches and loops.
    seen
        The line, virtual tags included.
    watches
        Memory of the watches after this cycle.
    orders
        What people asked, oldest first.
    old
        What the last cycle left, and what is permitted and wanted.
    """
    state, kit = old
    worked = cases.followed(orders, seen.at, state.cases, kit.cases)
    # What cases say of themselves is no part of what is wrong with the line.
    memory, told = _folded(alerts, seen.at, state.incidents, kit)
    case_state, changed = cases.told(cases.Seen(seen, watches, tuple(alerts), told, memory), worked, kit.cases)
    refused = tuple([Event(seen.at, f"{what} (asked by {who})") for who, what in worked.refused])
    return Announced((*alerts, *worked.alerts), told, changed, refused, memory, case_state)


def _folded(
    alerts: Sequence[Alert], at: float, state: IncidentState, kit: Kit
) -> tuple[IncidentState, tuple[Incident, ...]]:
    return (state, ()) if kit.incidents is None else incident.fold(alerts, at, state, kit.incidents)
