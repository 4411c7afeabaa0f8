"""What a played scenario proves: each assertion with what was wanted and what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from hil.rig.play import Played
from hil.scenario import AlertComes, Assertion, KpiIs, PhaseComes, Quiet


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


def judge(played: Played) -> tuple[Finding, ...]:
    """Return every assertion of the scenario, judged; and one more where the plant did not keep step."""
    found = tuple(_one(name, claim, played) for name, claim in played.scenario.assertions.items())
    return found if played.missed == 0 else (*found, _out_of_step(played.missed))


def _out_of_step(missed: int) -> Finding:
    return Finding(
        "lockstep", "The plant goes along with every period.", passed=False, found=f"{missed} missed", wanted="0 missed"
    )


def _one(name: str, claim: Assertion, played: Played) -> Finding:
    match claim:
        case KpiIs():
            passed, found, wanted = _kpi(claim, played)
        case AlertComes():
            passed, found, wanted = _alert(claim, played)
        case PhaseComes():
            passed, found, wanted = _phase(claim, played)
        case Quiet():
            spoken = _spoken(claim.watch, played)
            passed, wanted = not spoken, f"{claim.watch} silent"
            found = "silent" if passed else f"spoke at {spoken[0][0]:.0f} s: {spoken[0][1]}"
    return Finding(name, claim.requirement, passed, found, wanted)


def _kpi(claim: KpiIs, played: Played) -> tuple[bool, str, str]:
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


def _alert(claim: AlertComes, played: Played) -> tuple[bool, str, str]:
    end = claim.after_s + claim.within_s
    wanted = f"{claim.watch} speaks between {claim.after_s:.0f} s and {end:.0f} s" + (
        f' and says "{claim.says}"' if claim.says else ""
    )
    spoken = _spoken(claim.watch, played)
    if not spoken:
        return False, "silent", wanted
    fitting = [(at, what) for at, what in spoken if claim.says.lower() in what.lower()]
    at, what = fitting[0] if fitting else spoken[0]
    return bool(fitting) and claim.after_s <= at <= end, f"spoke at {at:.0f} s: {what}", wanted


def _phase(claim: PhaseComes, played: Played) -> tuple[bool, str, str]:
    end = claim.after_s + claim.within_s
    wanted = f"{claim.loop} reaches {claim.phase} between {claim.after_s:.0f} s and {end:.0f} s"
    reached = [at for at, loop, phase in played.phases if (loop, phase) == (claim.loop, claim.phase)]
    inside = [at for at in reached if claim.after_s <= at <= end]
    found = f"reached at {(inside or reached)[0]:.0f} s" if reached else "never reached"
    return bool(inside), found, wanted


def _spoken(watch: str, played: Played) -> list[tuple[float, str]]:
    return [(a.at - played.began, a.what) for a in played.ran.tally.alerts if a.watch == watch and a.active]
