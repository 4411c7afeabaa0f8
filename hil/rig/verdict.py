"""What a played scenario proves: each assertion with what was wanted and what was found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from controller.alarms.figures import WINDOW_S, annunciates
from hil.rig import cases, incidents
from hil.rig.labels import labels
from hil.rig.measured import agreed, measured
from hil.rig.play import Played
from hil.scenario import (
    Agrees,
    AlarmIs,
    AlarmLoad,
    AlertComes,
    Assertion,
    FaultTold,
    FirstOut,
    Guarded,
    IncidentComes,
    KpiIs,
    NeverPhase,
    NoticeComes,
    PhaseComes,
    QualityComes,
    Quantity,
    Quiet,
    Said,
    Unwritten,
)
from hil.scenario.assertions import CaseComes
from hil.scenario.claims import During
from plant_io.quality import Quality

Verdict = tuple[bool, str, str]
"""Whether an assertion holds, what was found and what was wanted, both with their units."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One assertion, judged."""

    id: str
    """Name of the assertion."""
    requirement: str
    """What it shows, in one sentence."""
    passed: bool
    """Whether it holds."""
    found: str
    """What was found, with its unit."""
    wanted: str
    """What was wanted, with its unit."""
    requirement_id: str = ""
    """Id of the requirement; empty where it has none."""


def judge(played: Played) -> tuple[Finding, ...]:
    """Return every assertion of the scenario, judged; and one more where the plant did not keep step."""
    found = tuple(_one(name, claim, played) for name, claim in played.scenario.assertions.items())
    return found if played.missed == 0 else (*found, _out_of_step(played.missed))


def _out_of_step(missed: int) -> Finding:
    return Finding(
        "lockstep", "The plant goes along with every period.", passed=False, found=f"{missed} missed", wanted="0 missed"
    )


def _one(name: str, claim: Assertion, played: Played) -> Finding:
    id_, sentence = played.scenario.requirement(claim.requirement)
    if isinstance(claim, Quantity):
        passed, found, wanted = measured(claim, played)
    else:
        judged = cast("Callable[[Assertion, Played], Verdict]", _JUDGES[type(claim)])
        passed, found, wanted = judged(claim, played)
    return Finding(name, sentence, passed, found, wanted, id_)


def _kpi(claim: KpiIs, played: Played) -> Verdict:
    value: object = played.kpis
    unit = ""
    for part in claim.kpi.split("."):
        section: Mapping[str, object] = cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}
        if part not in section:
            return False, "no such figure", f"a figure named {claim.kpi}"
        unit = str(section.get("unit", ""))
        value = section[part]
    low, high = claim.at_least, claim.at_most
    named = (("at least", low), ("at most", high))
    bounds = [f"{word} {bound:g}" for word, bound in named if bound is not None]
    wanted = f"{claim.kpi} {' and '.join(bounds)}"
    if not isinstance(value, float):
        return False, f"{value}", wanted
    inside = (low is None or value >= low) and (high is None or value <= high)
    return inside, f"{value:.4g} (variable in {unit})" if unit else f"{value:.4g}", wanted


def _alert(claim: AlertComes, played: Played) -> Verdict:
    wanted = f"{claim.watch} speaks between {claim.after_s:.0f} s and {claim.end_s:.0f} s" + (
        f' and says "{claim.says}"' if claim.says else ""
    )
    spoken = _spoken(claim.watch, played)
    if not spoken:
        return False, "silent", wanted
    fitting = [(at, what) for at, what in spoken if claim.says.lower() in what.lower()]
    at, what = fitting[0] if fitting else spoken[0]
    return bool(fitting) and claim.after_s <= at <= claim.end_s, f"spoke at {at:.0f} s: {what}", wanted


def _first_out(claim: FirstOut, played: Played) -> Verdict:
    among = claim.among or tuple(played.policy.watches)
    spoken = [(at, watch) for at, watch, _ in _all_spoken(played) if watch in {claim.watch, *among} and _in(claim, at)]
    wanted = f"{claim.watch} speaks first of {', '.join(dict.fromkeys((claim.watch, *among)))}"
    if not spoken:
        return False, "all silent", wanted
    first = min(at for at, _ in spoken)
    heard = [watch for at, watch in spoken if at == first]
    return heard == [claim.watch], f"{' and '.join(heard)} at {first:.0f} s", wanted


def _phase(claim: PhaseComes, played: Played) -> Verdict:
    wanted = f"{claim.loop} reaches {claim.phase} between {claim.after_s:.0f} s and {claim.end_s:.0f} s"
    reached = [at for at, loop, phase in played.phases if (loop, phase) == (claim.loop, claim.phase.value)]
    inside = [at for at in reached if claim.after_s <= at <= claim.end_s]
    found = f"reached at {(inside or reached)[0]:.0f} s" if reached else "never reached"
    return bool(inside), found, wanted


def _never_phase(claim: NeverPhase, played: Played) -> Verdict:
    mine = [(at, phase) for at, loop, phase in played.phases if loop == claim.loop]
    ends = [at for at, _ in mine[1:]] + [played.scenario.for_s]
    until_s = played.scenario.for_s if claim.until_s is None else claim.until_s
    within = [
        max(at, claim.after_s)
        for (at, phase), end in zip(mine, ends, strict=True)
        if phase == claim.phase.value and at < until_s and end > claim.after_s
    ]
    found = f"{claim.phase.value} at {within[0]:.0f} s" if within else "never"
    return not within, found, f"{claim.loop} never {claim.phase.value}{_span(claim)}"


def _quality(claim: QualityComes, played: Played) -> Verdict:
    wanted = f"{claim.tag} is {claim.quality} between {claim.after_s:.0f} s and {claim.end_s:.0f} s"
    seen, quality = played.witness.readings(claim.tag), int(Quality[claim.quality.upper()])
    at = [float(t) for t, q in zip(seen.times, seen.quality, strict=True) if q == quality and t >= claim.after_s]
    if not at:
        return False, f"never {claim.quality} from then on", wanted
    return at[0] <= claim.end_s, f"{claim.quality} at {at[0]:.0f} s", wanted


def _said(claim: Said, played: Played) -> Verdict:
    wanted = f'"{claim.says}" is said between {claim.after_s:.0f} s and {claim.end_s:.0f} s'
    events = [(event.at - played.began, event.what) for event in played.ran.tally.events]
    said = [(at, what) for at, what in events if claim.says.lower() in what.lower()]
    inside = [(at, what) for at, what in said if claim.after_s <= at <= claim.end_s]
    shown = inside or said
    return bool(inside), f"at {shown[0][0]:.0f} s: {shown[0][1]}" if shown else "not said", wanted


def _alarmed(claim: AlarmIs, played: Played) -> Verdict:
    by = f" by {claim.who}" if claim.who else ""
    wanted = f"{claim.alarm} is {claim.state}{by} between {claim.after_s:.0f} s and {claim.end_s:.0f} s"
    steps = [step for step in played.ran.tally.alarms if claim.alarm in {step.alarm.name, step.alarm.source}]
    times = [(step.at - played.began, step.alarm) for step in steps]
    fitting = [at for at, one in times if one.state is claim.state and claim.who in {None, one.who}]
    inside = [at for at in fitting if claim.after_s <= at <= claim.end_s]
    found = "; ".join(f"{one.state} at {at:.0f} s" for at, one in times) or "never raised"
    return bool(inside), f"at {inside[0]:.0f} s" if inside else found, wanted


def _loaded(claim: AlarmLoad, played: Played) -> Verdict:
    named = (("at most", claim.at_most), ("more than", claim.more_than))
    wanted = " and ".join(f"{word} {bound}" for word, bound in named if bound is not None)
    steps = [step for step in played.ran.tally.alarms if annunciates(step) and _in(claim, step.at - played.began)]
    most = max((sum(0.0 <= other.at - one.at < WINDOW_S for other in steps) for one in steps), default=0)
    kept = (claim.at_most is None or most <= claim.at_most) and (claim.more_than is None or most > claim.more_than)
    return kept, f"{most} in ten minutes", f"{wanted} alarms in ten minutes{_span(claim)}"


def _noticed(claim: NoticeComes, played: Played) -> Verdict:
    what = f"{claim.of or 'notice'}{f' of {claim.alarm}' if claim.alarm else ''} to {claim.receiver}"
    ends = "is delivered" if claim.delivered else "fails"
    wanted = f"{what} {ends} between {claim.after_s:.0f} s and {claim.end_s:.0f} s"
    keys = {
        one.key
        for one in played.ran.tally.notices
        if one.receiver == claim.receiver
        and claim.of in {None, one.kind}
        and (not claim.alarm or any(claim.alarm == item.alarm for item in one.items))
    }
    receipts = [(at - played.began, one) for at, one in played.ran.tally.receipts if one.key in keys]
    found = "; ".join(f"{one.status} at {at:.0f} s" for at, one in receipts) or f"{len(keys)} sent, no receipt"
    fitting = [at for at, one in receipts if one.final and one.delivered is claim.delivered]
    inside = [at for at in fitting if claim.after_s <= at <= claim.end_s]
    return bool(inside), f"at {inside[0]:.0f} s" if inside else found, wanted


def _quiet(claim: Quiet, played: Played) -> Verdict:
    spoken = [(at, what) for at, what in _spoken(claim.watch, played) if _in(claim, at)]
    found = f"spoke at {spoken[0][0]:.0f} s: {spoken[0][1]}" if spoken else "silent"
    return not spoken, found, f"{claim.watch} silent{_span(claim)}"


def _guarded(claim: Guarded, played: Played) -> Verdict:
    wanted = f"every setpoint within its limits and of an active loop{_span(claim)}"
    astray = [(at, what) for at, what in played.witness.astray if _in(claim, at)]
    if astray:
        return False, f"at {astray[0][0]:.0f} s: {astray[0][1]}", wanted
    return True, f"{sum(_in(claim, at) for at in played.witness.writes)} writes, all so", wanted


def _unwritten(claim: Unwritten, played: Played) -> Verdict:
    at = [at for at in played.witness.writes if _in(claim, at)]
    found = f"{len(at)} writes, the first at {at[0]:.0f} s" if at else "none"
    return not at, found, f"no setpoint is written{_span(claim)}"


def _detected(claim: FaultTold, played: Played) -> Verdict:
    wanted = f"{claim.fault} is told within {claim.within_s:.0f} s of its onset"
    faults = played.scenario.struck(played.seed)
    known = labels(faults, played.ran.tally.alerts, played.began, played.scenario.for_s)
    mine = next((label for label in known if label.id == claim.fault), None)
    if mine is None or not mine.told:
        return False, "not told", wanted
    first = mine.told[0]
    return first.after_s <= claim.within_s, f"told after {first.after_s:.0f} s by {first.watch}", wanted


_JUDGES: Mapping[type, object] = {
    KpiIs: _kpi,
    AlarmIs: _alarmed,
    AlarmLoad: _loaded,
    NoticeComes: _noticed,
    AlertComes: _alert,
    FirstOut: _first_out,
    PhaseComes: _phase,
    NeverPhase: _never_phase,
    QualityComes: _quality,
    Said: _said,
    Quiet: _quiet,
    Guarded: _guarded,
    Unwritten: _unwritten,
    FaultTold: _detected,
    IncidentComes: incidents.judged,
    CaseComes: cases.judged,
    Agrees: agreed,
}


def _in(claim: During, at: float) -> bool:
    return claim.after_s <= at and (claim.until_s is None or at < claim.until_s)


def _span(claim: During) -> str:
    if claim.until_s is None:
        return f" from {claim.after_s:.0f} s on" if claim.after_s else ""
    return f" from {claim.after_s:.0f} s to {claim.until_s:.0f} s"


def _spoken(watch: str, played: Played) -> list[tuple[float, str]]:
    return [(at, what) for at, name, what in _all_spoken(played) if name == watch]


def _all_spoken(played: Played) -> Iterator[tuple[float, str, str]]:
    """Yield when each alert began, time since the start [s], the watch and what it said."""
    return ((a.at - played.began, a.watch, a.what) for a in played.ran.tally.alerts if a.active)
