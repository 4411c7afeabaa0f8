"""Batches: where one ends and the next begins, by what was fed, let out, or the time (ICH Q13, 2.2).

What was fed is cut where it leaves the line: a boundary in the feeds comes out once as much has left as the line held
when it was fed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import NamedTuple

from policies.phases import Batches


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch that ended."""

    number: int
    """Count of batches since the start, from 1 [1]."""
    since: float
    """When it began, POSIX time [s]."""
    until: float
    """When it ended, POSIX time [s]."""
    fed_kg: float
    """Mass fed meanwhile [kg]."""
    made_kg: float
    """Mass that left the line [kg]."""
    diverted_kg: float
    """Mass of it that was rejected [kg]."""
    why: str
    """Why it ended."""


class Totals(NamedTuple):
    """Masses since the start of the run [kg]."""

    fed_kg: float
    """Fed [kg]."""
    made_kg: float
    """Left the line [kg]."""
    diverted_kg: float
    """Rejected of it [kg]."""


class Batching(NamedTuple):
    """The batch that is being made."""

    number: int = 0
    """Its number, from 1 [1]; 0 before the first."""
    since: float = nan
    """When it began, POSIX time [s]; not a number while none is made."""
    begun: Totals = Totals(0.0, 0.0, 0.0)
    """Totals when it began."""
    fed_cut_kg: float = 0.0
    """Mass fed at which its feeds end, since the start of the run [kg]."""
    cuts: tuple[float, ...] = ()
    """Masses that have left the line when boundaries of feeds leave it, since the start of the run [kg]."""


NO_BATCH = Batching()
"""The state before the first batch."""


def stepped(at: float, old: Batching, totals: Totals, held_kg: float, declared: Batches) -> tuple[Batching, str]:
    """Return the batch after one cycle, and why it ends now; empty where it does not.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    old
        The batch before.
    totals
        Masses since the start of the run.
    held_kg
        Mass in the line [kg].
    declared
        What the policy says.
    """
    now, size = old, declared.mass or 0.0
    if declared.by == "mass_in":
        while totals.fed_kg >= now.fed_cut_kg:
            now = now._replace(cuts=(*now.cuts, totals.made_kg + held_kg), fed_cut_kg=now.fed_cut_kg + size)
        if now.cuts and totals.made_kg >= now.cuts[0]:
            return now._replace(cuts=now.cuts[1:]), f"{size:g} kg were fed"
    elif declared.by == "mass_out":
        out = totals.made_kg - totals.diverted_kg - (old.begun.made_kg - old.begun.diverted_kg)
        if out >= size:
            return now, f"{size:g} kg were let out"
    elif declared.length_s is not None and at - old.since >= declared.length_s - 1e-6:
        return now, f"{declared.length_s:g} s have gone by"
    return now, ""


def begun(at: float, old: Batching, totals: Totals, declared: Batches, *, follows: bool) -> Batching:
    """Return the next batch, as it begins.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    old
        The batch before.
    totals
        Masses since the start of the run.
    declared
        What the policy says.
    follows
        Whether it follows on a batch that was full, whose boundaries of feeds are on their way.
    """
    if follows:
        return Batching(old.number + 1, at, totals, old.fed_cut_kg, old.cuts)
    return Batching(old.number + 1, at, totals, totals.fed_kg + (declared.mass or 0.0), ())


def ended(at: float, old: Batching, totals: Totals, why: str) -> Batch:
    """Return a batch that ends now.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    old
        The batch.
    totals
        Masses since the start of the run.
    why
        Why it ends.
    """
    fed, made, diverted = (round(now - then, 9) for now, then in zip(totals, old.begun, strict=True))
    return Batch(old.number, old.since, at, fed, made, diverted, why)
