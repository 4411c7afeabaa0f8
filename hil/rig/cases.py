"""Whether a case came to what a scenario claims."""

from __future__ import annotations

from collections.abc import Iterator

from anomaly.cases import Case
from hil.rig.play import Played
from hil.scenario.assertions import CaseComes

Verdict = tuple[bool, str, str]
"""Whether an assertion holds, what was found and what was wanted, both with their units."""


def judged(claim: CaseComes, played: Played) -> Verdict:
    """Return whether a case is at its stage in time, and is what it should be."""
    wanted = f"case {claim.number} {claim.stage.value}{_more(claim)} from {claim.after_s:.0f} s to {claim.end_s:.0f} s"
    seen = played.ran.tally.cases
    names = tuple(dict.fromkeys(case.id for case in seen))
    mine = [case for case in seen if len(names) >= claim.number and case.id == names[claim.number - 1]]
    timely = [case for case in mine if claim.after_s <= case.at - played.began <= claim.end_s]
    fitting = [case for case in timely if not list(_amiss(claim, case))]
    found = "; ".join(f"{case.change} ({case.stage.value}) at {case.at - played.began:.0f} s" for case in mine)
    return bool(fitting), found or "no such case", wanted


def _more(claim: CaseComes) -> str:
    said = {"about": claim.entry, "judged": claim.disposition, "late": claim.late, "drafted": claim.drafted}
    more = "".join(f", {word} {value or 'unknown'}" for word, value in said.items() if value is not None)
    return more + ("" if claim.signatures is None else f", {claim.signatures} signatures")


def _amiss(claim: CaseComes, case: Case) -> Iterator[str]:
    found: dict[str, object] = {
        "stage": case.stage,
        "entry": case.evidence.entry,
        "disposition": case.disposition,
        "signatures": len(case.signatures),
        "drafted": case.entry,
    }
    for key, value in found.items():
        wanted = getattr(claim, key)
        if wanted is not None and value != wanted:
            yield key
    late = {task.name for task in case.steps if task.escalated is not None}
    if claim.late is not None and claim.late not in late:
        yield "late"
