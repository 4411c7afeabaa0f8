"""How cases go on in one cycle: what people order, times that end, and what is told anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anomaly import Alert
from anomaly.case_table import CaseRefused, Happening, Stage, follow
from anomaly.cases import (
    OWN,
    Carry,
    Case,
    CaseAct,
    CaseState,
    Countersign,
    Dispose,
    Disposition,
    DoStep,
    EnterResult,
    Note,
    Outcome,
    Propose,
    Reopen,
    Return,
    Signed,
    Task,
)
from controller.cases.judging import complete, frozen, signature
from controller.cases.kit import CaseKit
from controller.cases.opening import Call, Seen, calls, covers, evidence_of, opened
from policies import Lane
from policies.cases import Cases

_MOST, _FROZEN = 200, 8
_CONTROLLER = "controller"


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody asks to be done to a case."""

    who: str
    """Identity of the person."""
    why: str
    """Reason given."""
    act: CaseAct
    """What is to be done."""
    at: float
    """When, POSIX time [s]."""


@dataclass(frozen=True, slots=True)
class Worked:
    """What became of cases before anything new is told."""

    state: CaseState
    """Memory now."""
    changed: tuple[Case, ...] = ()
    """Cases of which something became, as they stand."""
    alerts: tuple[Alert, ...] = ()
    """Steps that are late, or late no more."""
    refused: tuple[tuple[str, str], ...] = ()
    """Who asked for what cannot be, and why not in one sentence."""


def work(asked: Sequence[Asked], at: float, old: CaseState, kit: CaseKit) -> Worked:
    """Return what becomes of cases by what people ask and by times that end.

    Parameters
    ----------
    asked
        What people ask, oldest first.
    at
        Start of the cycle, POSIX time [s].
    old
        Memory of the cases.
    kit
        How they are followed up.
    """
    cases, refused = {case.id: case for case in old.cases}, list[tuple[str, str]]()
    for one in asked:
        try:
            cases[one.act.case] = _asked(one, cases, kit.declared)
        except CaseRefused as error:
            refused.append((one.who, f"case {one.act.case}: refused: {error}"))
    cases = {name: _late(case, at) for name, case in cases.items()}
    before = {case.id: case for case in old.cases}
    changed = tuple(case for name, case in cases.items() if before.get(name) is not case)
    if not changed:
        return Worked(old, refused=tuple(refused))
    alerts = tuple(alert for case in changed for alert in _alerts(before.get(case.id), case, at))
    return Worked(CaseState(_kept(tuple(cases.values())), old.count), changed, alerts, tuple(refused))


def told(seen: Seen, old: CaseState, kit: CaseKit) -> tuple[CaseState, tuple[Case, ...]]:
    """Return the memory, and the cases that are opened or told anew in this cycle.

    Parameters
    ----------
    seen
        What the cycle gives.
    old
        Memory of the cases.
    kit
        How they are followed up.
    """
    state, changed = old, dict[str, Case]()
    for call in calls(seen, kit):
        there = covers(state.cases, call)
        if there is None:
            case = opened(call, seen, state.count + 1, kit)
            state = CaseState(_kept((*state.cases, case)), state.count + 1)
        else:
            case = _again(there, call, seen, kit)
            state = replace(state, cases=tuple(case if one is there else one for one in state.cases))
        if case is not there:
            changed[case.id] = case
    return state, tuple(changed.values())


def _kept(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """Return cases without the oldest closed ones where there are too many."""
    many = len(cases) - _MOST
    closed = [case.id for case in cases if case.stage is Stage.CLOSED][: max(0, many)]
    return tuple(case for case in cases if case.id not in closed) if closed else cases


def _again(case: Case, call: Call, seen: Seen, kit: CaseKit) -> Case:
    """Return a case of which more is told: what was frozen stays; what is called otherwise is frozen beside it."""
    at, lead = seen.line.at, call.alerts[0]
    known = {case.evidence.what, *(note.what for note in case.notes)}
    news = [Note(at, _CONTROLLER, alert.what) for alert in call.alerts if alert.what not in known]
    if not news and (case.incident or not call.incident):
        return case
    otherwise = lead in seen.alerts and kit.trend(lead.watch) is not None and lead.entry != case.latest.entry
    more = (*case.more, evidence_of(call, seen, kit)) if otherwise else case.more
    return replace(
        case,
        stage=follow(case.stage, Happening.CALLED),
        change="told otherwise" if otherwise else "told again",
        at=at,
        incident=case.incident or call.incident,
        notes=(*case.notes, *news)[-_MOST:],
        more=more[-_FROZEN:],
    )


def _asked(one: Asked, cases: Mapping[str, Case], kit: Cases) -> Case:
    act = one.act
    if isinstance(act, Carry):
        return _carried(act, one, cases)
    if act.case not in cases:
        raise CaseRefused("there is no such case in this run")
    if not one.why.strip():
        raise CaseRefused("found no reason, wanted one for the record")
    return replace(_done(cases[act.case], act, one, kit), at=one.at)


def _done(case: Case, act: CaseAct, one: Asked, kit: Cases) -> Case:
    match act:
        case DoStep():
            new = _step(case, act, one)
        case EnterResult():
            new = _result(case, act, one)
        case Dispose():
            new = _dispose(case, act, one, kit)
        case Countersign():
            new = _countersign(case, act, one, kit)
        case Return():
            new = _return(case, one)
        case Reopen():
            new = _reopen(case, one)
        case Propose():
            new = _propose(case, act)
        case Carry():
            new = _carried(act, one, {})
    return new


def _carried(act: Carry, one: Asked, cases: Mapping[str, Case]) -> Case:
    case = act.carried
    if act.case in cases or case.id != act.case:
        raise CaseRefused("a case of that name is here already")
    if case.stage is Stage.CLOSED or frozen(case.evidence) != case.digest:
        raise CaseRefused("only an open case with whole evidence goes on in another run")
    # Who is late is told again: the people of this run may be others.
    steps = tuple(replace(task, escalated=None) if task.done is None else task for task in case.steps)
    return replace(case, change="carried over", at=one.at, steps=steps, origin=case.origin or one.why)


def _step(case: Case, act: DoStep, one: Asked) -> Case:
    task = next((task for task in case.steps if task.name == act.step), None)
    if task is None:
        raise CaseRefused(f"it has no step {act.step}; its steps are {', '.join(task.name for task in case.steps)}")
    if task.done is not None:
        raise CaseRefused(f"step {act.step} is done already, by {task.who}")
    if task.confirms:
        raise CaseRefused(f"step {act.step} is done when its result is entered")
    stage = follow(case.stage, Happening.STEP)
    return replace(case, stage=stage, change=f"step {act.step} done", steps=_did(case.steps, task, one))


def _did(steps: tuple[Task, ...], task: Task, one: Asked) -> tuple[Task, ...]:
    done = replace(task, done=one.at, who=one.who, why=one.why)
    return tuple(done if each is task else each for each in steps)


def _result(case: Case, act: EnterResult, one: Asked) -> Case:
    if not act.test.strip() or not act.found.strip():
        raise CaseRefused("a result needs what was tested, and what was found with its unit")
    stage = follow(case.stage, Happening.RESULT)
    entered = Outcome(one.at, one.who, act.test, act.found, act.supports, act.reference, one.why)
    task = next((task for task in case.steps if task.confirms and task.done is None), None)
    steps = case.steps if task is None else _did(case.steps, task, one)
    change = f"result entered, {act.supports}"
    return replace(case, stage=stage, change=change, steps=steps, results=(*case.results, entered))


def _dispose(case: Case, act: Dispose, one: Asked, kit: Cases) -> Case:
    rejected = act.disposition is Disposition.REJECTED
    stage = follow(case.stage, Happening.REJECTED if rejected else Happening.JUDGED)
    left = [task.name for task in case.steps if task.done is None]
    if left and not rejected:
        raise CaseRefused(f"steps are still to be done: {', '.join(left)}")
    supports = [result.supports for result in case.results]
    if act.disposition is Disposition.CONFIRMED and "confirms" not in supports:
        raise CaseRefused("no result confirms it")
    meaning = signature(case, (one.who, one.why), act.disposition, act.signature, kit)
    signed = (Signed(one.who, meaning, one.at, act.signature),)
    judged = replace(
        case,
        stage=stage,
        change=f"judged {act.disposition.value}",
        disposition=act.disposition,
        why=one.why,
        judged=one.at,
        signatures=signed,
    )
    return _completed(judged, one) if complete(signed, kit) else judged


def _completed(case: Case, one: Asked) -> Case:
    stage = follow(case.stage, Happening.COMPLETED)
    said = "" if case.disposition is None else case.disposition.value
    return replace(case, stage=stage, change=f"closed, {said}", closed=one.at)


def _countersign(case: Case, act: Countersign, one: Asked, kit: Cases) -> Case:
    stage = follow(case.stage, Happening.SIGNED)
    if act.disposition is not case.disposition:
        raise CaseRefused(f"found a signature for {act.disposition.value}, wanted one for {case.disposition}")
    meaning = signature(case, (one.who, case.why), act.disposition, act.signature, kit)
    signed = (*case.signatures, Signed(one.who, meaning, one.at, act.signature))
    more = replace(case, stage=stage, change="signed", signatures=signed)
    return _completed(more, one) if complete(signed, kit) else more


def _return(case: Case, one: Asked) -> Case:
    stage = follow(case.stage, Happening.RETURNED if case.results else Happening.UNTESTED)
    said = "" if case.disposition is None else case.disposition.value
    note = Note(one.at, one.who, f"disposition {said} ({case.why}) sent back: {one.why}")
    return _unjudged(replace(case, stage=stage, change="sent back", notes=(*case.notes, note)))


def _reopen(case: Case, one: Asked) -> Case:
    stage = follow(case.stage, Happening.REOPENED)
    said = "" if case.disposition is None else case.disposition.value
    signers = ", ".join(signed.who for signed in case.signatures)
    note = Note(one.at, one.who, f"opened again, was {said} ({case.why}), signed by {signers}: {one.why}")
    return _unjudged(replace(case, stage=stage, change="opened again", notes=(*case.notes, note)))


def _unjudged(case: Case) -> Case:
    return replace(case, disposition=None, why="", judged=None, signatures=(), closed=None)


def _propose(case: Case, act: Propose) -> Case:
    stage = follow(case.stage, Happening.PROPOSED)
    if case.disposition in {None, Disposition.REJECTED} or not case.unknown:
        raise CaseRefused("an entry is drafted only from an unknown trend that was confirmed or found analytical")
    return replace(case, stage=stage, change=f"entry {act.entry} drafted", entry=act.entry, draft=act.draft)


def _late(case: Case, at: float) -> Case:
    """Return a case with every step told on whose time has ended."""
    if case.stage is Stage.CLOSED:
        return case
    late = [task for task in case.steps if task.done is None and task.escalated is None and at >= task.due]
    if not late:
        return case
    stage = follow(case.stage, Happening.LATE)
    steps = tuple(replace(task, escalated=at) if task in late else task for task in case.steps)
    said = [Note(at, _CONTROLLER, f"step {task.name} is late; told to {task.escalates}") for task in late]
    change = f"late: {', '.join(task.name for task in late)}"
    return replace(case, stage=stage, change=change, at=at, steps=steps, notes=(*case.notes, *said))


def _alerts(before: Case | None, case: Case, at: float) -> list[Alert]:
    """Return what is told of steps that are late since now, or no more."""
    was = {} if before is None else {task.name: task for task in before.steps if _stands(before, task)}
    now = {task.name: task for task in case.steps if _stands(case, task)}
    began = [_alert(case, task, at, active=True) for name, task in now.items() if name not in was]
    return began + [_alert(case, task, at, active=False) for name, task in was.items() if name not in now]


def _stands(case: Case, task: Task) -> bool:
    return task.escalated is not None and task.done is None and case.stage is not Stage.CLOSED


def _alert(case: Case, task: Task, at: float, *, active: bool) -> Alert:
    late = f"({task.what}) was to be done by {task.owner}" if active else "is settled"
    late_s = max(0.0, at - task.due)
    return Alert(
        at=at,
        watch=f"{OWN}{case.id}.{task.name}",
        lane=Lane.LOCKED,
        active=active,
        what=f"Case {case.id}: step {task.name} {late}.",
        score=float(active),
        limit=1.0,
        priority="high",
        route=task.escalates,
        response=f"See that it is done: {task.sop or task.what}." if active else "",
        evidence={"late [s]": late_s},
    )
