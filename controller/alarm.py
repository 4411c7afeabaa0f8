"""What people are told at once of a loop: that it was released, and that it was asked to serve and cannot."""

from __future__ import annotations

from collections.abc import Sequence

from anomaly import Alert
from anomaly.alerts import Sign
from controller.cycle import Cause, Phase
from controller.kit import LoopKit
from controller.service import IN_CHARGE, WILLING, Inputs
from controller.state import LoopState
from plant_io.changes import replace
from policies import Lane, Priority


def look(
    kit: LoopKit, given: Inputs, before: LoopState, new: LoopState, missing: Sequence[str]
) -> tuple[LoopState, tuple[Alert, ...]]:
    """Return the memory, and what people are told of a loop.

    Parameters
    ----------
    kit
        The loop.
    given
        What it is given.
    before
        Its memory before this cycle.
    new
        Its memory now.
    missing
        What it may not move without, and why it is not there.
    """
    at, alerts = given.seen.at, _released(kit, given, before, new)
    waiting = new.mode in WILLING and new.phase not in IN_CHARGE
    if not waiting and new.waits_since is None and not new.alarmed:
        return new, alerts
    since = (at if new.waits_since is None else new.waits_since) if waiting else None
    overdue = since is not None and at - since > patience_s(kit)
    if overdue and not new.alarmed:
        why = f"{kit.name}: was asked to serve and cannot: {_why(kit, given, new, missing)}"
        alerts = (*alerts, _alert(kit, at, why, "high", active=True, kind="serves"))
    elif new.alarmed and not waiting:
        alerts = (*alerts, _alert(kit, at, f"{kit.name}: {_end(new)}", "high", active=False, kind="serves"))
    return replace(new, waits_since=since, alarmed=overdue or (new.alarmed and waiting)), alerts


def patience_s(kit: LoopKit) -> float:
    """Return the time a loop has to go into service once it is asked to [s]: to settle, to plan twice, to be heard."""
    declared = kit.declared
    return declared.settle * kit.period_s + 2.0 * (declared.sample_s + declared.deadline_s) + declared.verify_s


def _released(kit: LoopKit, given: Inputs, before: LoopState, new: LoopState) -> tuple[Alert, ...]:
    at = given.seen.at
    if new.trips and not before.trips:
        said = f"{kit.name}: released to the PLC, which holds it now: {new.trips[0].cause.value}"
        alert = _alert(kit, at, said, "high", active=True, kind="released")
        signs = tuple(Sign(tag, 0.0) for tag in _gone(kit, given, new))
        return (replace(alert, signs=signs, origin="sensor") if signs else alert,)
    if before.trips and not new.trips:
        return (_alert(kit, at, f"{kit.name}: armed again", "high", active=False, kind="released"),)
    return ()


def _gone(kit: LoopKit, given: Inputs, new: LoopState) -> list[str]:
    """Return the tags that released a loop because nothing is known of them, while its PLCs are heard."""
    if new.trips[0].cause is not Cause.BLIND or kit.connections - new.away - given.links.heard:
        return []
    return [tag for tag in kit.evidence if given.seen.good(tag) is None]


def _why(kit: LoopKit, given: Inputs, new: LoopState, missing: Sequence[str]) -> str:
    if missing:
        return f"no evidence from {', '.join(missing)}"
    unwilling = sorted(kit.connections - given.links.remote)
    if new.phase is Phase.REQUEST and unwilling:
        return f"no remote setpoints from {', '.join(unwilling)}"
    return "no plan comes"


def _end(new: LoopState) -> str:
    return "serves" if new.mode in WILLING else "is not asked to serve any more"


def _alert(kit: LoopKit, at: float, what: str, priority: Priority, *, active: bool, kind: str) -> Alert:
    return Alert(
        at=at,
        watch=f"loops.{kit.name}.{kind}",
        lane=Lane.LOCKED,
        active=active,
        what=what,
        score=float(active),
        limit=1.0,
        priority=priority,
        route="operator",
        response="Hold the loop by hand, find the cause, then arm it again." if active else "",
    )
