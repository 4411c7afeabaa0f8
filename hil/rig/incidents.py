"""Whether a fault became the incident that a scenario claims."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from anomaly.incident import Incident
from hil.rig.play import Played
from hil.scenario import IncidentComes

Verdict = tuple[bool, str, str]
"""Whether an assertion holds, what was found and what was wanted, both with their units."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """One incident of a run."""

    at_s: float
    """When it was opened, time since the start [s]."""
    told_s: float
    """When it was last told of, time since the start [s]."""
    known: Incident
    """What was known of it last."""

    def said(self) -> str:
        """Return it in a few words."""
        what = self.known.reading or self.known.unit or "no unit"
        return f"{what}{f' ({self.known.kind})' if self.known.kind else ''}, opened at {self.at_s:.0f} s"


def opened(incidents: Sequence[Incident], began: float) -> list[_Opened]:
    """Return every incident of a run, the oldest first, as it was known last.

    Parameters
    ----------
    incidents
        What became of them.
    began
        First instant of the run, POSIX time [s].
    """
    newest = {one.id: one for one in incidents}
    return [_Opened(one.opened - began, one.at - began, one) for one in newest.values()]


def judged(claim: IncidentComes, played: Played) -> Verdict:
    """Return whether an incident opens in time, says what it should, and is not one of many."""
    after_s = _from(claim, played)
    if after_s is None:
        return False, f"{claim.fault} was not laid on", claim.spoken()
    wanted = f"{claim.spoken()} opens between {after_s:.0f} s and {after_s + claim.within_s:.0f} s"
    later = [one for one in opened(played.ran.tally.incidents, played.began) if one.at_s >= after_s]
    timely = [one for one in later if one.at_s <= after_s + claim.within_s]
    fitting = [one for one in timely if not list(_amiss(claim, one.known))]
    few = claim.at_most is None or len(later) <= claim.at_most
    found = "; ".join(one.said() for one in later) or "no incident"
    return bool(fitting) and few, found, wanted


def _from(claim: IncidentComes, played: Played) -> float | None:
    """Return from when on it counts, time since the start [s]; None where its fault is not there."""
    if claim.fault is None:
        return claim.after_s
    return next((wrong.on_s for wrong in played.scenario.struck(played.seed) if wrong.id == claim.fault), None)


def _amiss(claim: IncidentComes, known: Incident) -> Iterator[str]:
    found = {"unit": known.unit, "reading": known.reading, "cause": known.kind}
    for key, value in found.items():
        wanted = getattr(claim, key)
        if wanted is not None and value != wanted:
            yield key
