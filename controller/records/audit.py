"""What is kept of each cycle in the audit trail: who did what to which, what was there before, when and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import cast

from anomaly.cases import Case, CaseAct
from controller.alarms.lifecycle import UNSEEN, AlarmEvent
from controller.alarms.state import AlarmChange
from controller.cases.plain import said
from controller.cycle import (
    Accept,
    AlarmAct,
    Cycle,
    Decision,
    Delivered,
    DirectLine,
    HandleAlarm,
    LoopAct,
    Order,
    SetLimits,
    SetMode,
    SetTarget,
)
from controller.material.turndown import WHO
from plant_io import Outcome, Receipt
from policies.words import Number

CONTROLLER = "controller"
"""Who did what nobody asked for."""
AUTOMATIC = frozenset({CONTROLLER, WHO, "system"})
"""Names under which the controller and its shell act; no user bears one."""
_HANDLED = frozenset(
    {
        AlarmEvent.ACKNOWLEDGED,
        AlarmEvent.RESET,
        AlarmEvent.SHELVED,
        AlarmEvent.UNSHELVED,
        AlarmEvent.REMOVED,
        AlarmEvent.RETURNED,
    }
)


@dataclass(frozen=True, slots=True)
class Deed:
    """One entry of the audit trail."""

    kind: str
    """order, mode, alarm, alarm state, incident, case, event, write, policy or run."""
    who: str
    """Identity of the person; controller or system where nobody did it."""
    what: str
    """What was done, one sentence or name."""
    subject: str
    """What it was done to."""
    old: object
    """What was there before, in the unit the policy gives for it; None where nothing was or it is not known."""
    new: object
    """What is there now, in the unit the policy gives for it; None where nothing is."""
    at: Number
    """When, by the clock of the run, POSIX time [s]."""
    why: str = ""
    """Reason given."""
    exception: bool = False
    """Whether a review looks at it first."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return asdict(self)


def deeds(before: Decision | None, cycle: Cycle) -> list[Deed]:
    """Return what is kept of a cycle in the audit trail.

    Parameters
    ----------
    before
        What the cycle before concluded.
    cycle
        The cycle.
    """
    found, decision = list[Deed](), cycle.decision
    if cycle.obeyed:
        found += [_ordered(before, cycle.snapshot.at, order) for order in cycle.obeyed]
    if before is None or before.modes != decision.modes:
        found += _modes({} if before is None else before.modes, cycle)
    if decision.alerts or decision.incidents or decision.events or decision.alarms:
        found += _told(decision, [order.why for order in cycle.obeyed])
    found += [_followed(case) for case in decision.cases]
    found += [_lost(cycle.snapshot.at, one) for one in cycle.receipts if one.outcome is not Outcome.TAKEN]
    return found


def _followed(case: Case) -> Deed:
    # What stands out is what nobody has judged yet, or that somebody changed their mind.
    looked = case.change.startswith(("opened", "late", "sent back", "carried"))
    said = f"case {case.change}"
    why = case.evidence.what if case.change == "opened" else case.notes[-1].what if case.notes else ""
    return Deed("case", CONTROLLER, said, case.id, None, case.stage.value, case.at, why, looked)


def _lost(at: float, receipt: Receipt) -> Deed:
    asked = receipt.setpoint
    done = f"setpoint {receipt.outcome.value}"
    return Deed("write", CONTROLLER, done, asked.tag, None, _finite(asked.value), at, receipt.why, exception=True)


def _ordered(before: Decision | None, at: float, order: Order) -> Deed:
    act = order.act
    what, where, old, new = said(act) if isinstance(act, CaseAct) else _act(before, act)
    lost = act.final and not act.delivered if isinstance(act, Delivered) else order.who in AUTOMATIC
    return Deed("order", order.who, what, where, old, new, at, order.why, lost)


def _act(before: Decision | None, act: LoopAct | AlarmAct | DirectLine) -> tuple[str, str, object, object]:
    if isinstance(act, SetMode):
        old = None if before is None or act.loop not in before.modes else before.modes[act.loop][0].value
        return "mode asked for", act.loop, old, act.mode.value
    if isinstance(act, SetLimits):
        kept = None if before is None else before.limits.get(act.loop, {}).get(act.name)
        return "limits asked for", f"{act.loop} {act.name}", kept or "policy", act.limits or "policy"
    if isinstance(act, SetTarget):
        aimed = None if before is None else before.targets.get(act.loop, {}).get(act.name)
        was, new = ("policy" if each is None else each for each in (aimed, act.target))
        return "target asked for", f"{act.loop} {act.name}", was, new
    if isinstance(act, Accept):
        return "proposal accepted", act.loop, None, _offered(before, act)
    return _aside(act)


def _aside(act: AlarmAct | DirectLine) -> tuple[str, str, object, object]:
    if isinstance(act, DirectLine):
        return f"line: {act.directive.value}", "line", None, None
    if isinstance(act, HandleAlarm):
        return f"alarm: {act.attention.value}", act.alarm, None, act.for_s
    if isinstance(act, Delivered):
        done = "delivered" if act.delivered else "failed"
        return f"notice {done}", act.receiver, None, f"{act.key}, attempt {act.attempt}: {act.status}"
    return "alarms carried on", "alarms", None, [alarm.name for alarm in act.alarms]


def _offered(before: Decision | None, act: Accept) -> object:
    offers = () if before is None else before.proposals
    found = [dict(offer.moves) for offer in offers if offer.loop == act.loop and offer.at == act.proposed_at]
    return found[0] if found else "no longer on offer"


def _modes(before: Mapping[str, tuple[object, object]], cycle: Cycle) -> Iterator[Deed]:
    asked = {order.act.loop: order for order in cycle.orders if isinstance(order.act, SetMode)}
    for loop, (mode, phase) in cycle.decision.modes.items():
        old = before.get(loop)
        if old == (mode, phase):
            continue
        order, trips = asked.get(loop), cycle.decision.trips.get(loop, ())
        shed = phase.value == "shed"
        who = order.who if order is not None and (old is None or old[0] != mode) else CONTROLLER
        why = trips[0].cause.value if shed and trips else order.why if order is not None else ""
        was = None if old is None else " ".join(str(each) for each in old)
        yield Deed(
            "mode", who, "mode and phase", loop, was, f"{mode.value} {phase.value}", cycle.snapshot.at, why, shed
        )


def _told(decision: Decision, whys: Sequence[str]) -> Iterator[Deed]:
    for alert in decision.alerts:
        state = ("active", "clear") if alert.active else ("clear", "active")
        yield Deed("alarm", CONTROLLER, alert.what, alert.watch, state[1], state[0], alert.at, "", alert.active)
    for one in decision.incidents:
        yield Deed("incident", CONTROLLER, one.what, one.id, None, str(one.change), one.at, one.sop, one.annunciated)
    yield from (_stepped(change) for change in decision.alarms)
    for event in decision.events:
        if event.who == CONTROLLER or _refusal(event.what, whys):
            yield Deed("event", event.who, event.what, "", None, None, event.at)


def _refusal(said: str, whys: Sequence[str]) -> bool:
    """Return whether an order was refused: the order itself says only what was asked for."""
    for why in whys:
        said = said.removesuffix(f": {why}")
    return " refused" in said or (said.startswith("alarm ") and ": not " in said)


def _stepped(change: AlarmChange) -> Deed:
    """Return what is kept of a step of an alarm; what people did is kept with them."""
    alarm, handled = change.alarm, change.event in _HANDLED
    said = alarm.what if change.event is None else f"{change.event.value}: {alarm.what}"
    who, why = (alarm.who, alarm.why) if handled else (CONTROLLER, "")
    old, new = change.before.value, alarm.state.value
    return Deed("alarm state", who, said.rstrip(": "), alarm.name, old, new, change.at, why, alarm.state in UNSEEN)


def started(at: float, content: Mapping[str, object], key: str | None) -> Sequence[Deed]:
    """Return what is kept of the beginning of a run.

    Parameters
    ----------
    at
        Start of the run, POSIX time [s].
    content
        What the head of the record holds.
    key
        Fingerprint of the key that signs the record; None where nobody does.
    """
    signed = "signed" if key is not None else "not signed: this station has no key"
    found = [Deed("run", "system", "run begun", "record", None, signed, at, "", key is None)]
    if "fingerprint" in content:
        name, before = str(content.get("policy_name", "")), cast("dict[str, str]", content.get("supersedes") or {})
        who, why, old = before.get("who", "system"), before.get("why", ""), before.get("fingerprint")
        found.append(Deed("policy", who, "policy adopted", name, old, content["fingerprint"], at, why, bool(before)))
    return found


def ended(at: float, content: Mapping[str, object]) -> Deed:
    """Return what is kept of the end of a run; `at` is its time, POSIX time [s]."""
    lost = bool(content.get("not_kept"))
    return Deed("run", "system", "run ended", "record", None, None, at, str(content.get("why", "")), lost)


def _finite(value: float) -> object:
    return value if value == value and abs(value) != float("inf") else str(value)  # noqa: PLR0124  # no number
