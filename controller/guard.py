"""The last word before the plant. No other code makes a setpoint that moves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from anomaly import Locked
from controller.cycle import Phase
from plant_io import Setpoint
from plant_io.values import quick


@dataclass(frozen=True, slots=True)
class Fence:
    """What may be written to one tag at most."""

    tag: str
    """Name of the tag."""
    low: float
    """Lowest value, in the unit of the tag."""
    high: float
    """Highest value, in the unit of the tag."""
    rate: float
    """Fastest change, unit of the tag per second."""
    tolerance: float
    """Change too small to be told from none by the read-back, in the unit of the tag."""
    dead_band: float = 0.0
    """Distance from the value in force below which nothing is worth a write, in the unit of the tag."""


@quick
@dataclass(frozen=True, slots=True)
class Permit:
    """Whether a loop may write in this cycle."""

    active: bool
    """The loop is in charge."""
    evidence: bool
    """Every controlled variable is evidence about the present."""
    remote: bool
    """Every PLC concerned takes remote setpoints."""
    held: bool
    """A locked watch wants the loop to stand still."""

    def __bool__(self) -> bool:
        return self.active and self.evidence and self.remote and not self.held


class Refusal(StrEnum):
    """Why nothing is written."""

    NOT_PERMITTED = "not permitted"
    NOT_FINITE = "not a finite number"
    NO_READ_BACK = "no read-back"
    NO_CHANGE = "no change"


def permit(loop: str, phase: Phase, verdict: Locked, *, evidence: bool, remote: bool) -> Permit:
    """Return whether a loop may write.

    Parameters
    ----------
    loop
        Name of the loop.
    phase
        How far it has come.
    verdict
        Verdict of the locked watches; the learning lane has no say here.
    evidence
        Whether every controlled variable is evidence about the present.
    remote
        Whether every PLC concerned takes remote setpoints.
    """
    return Permit(active=phase is Phase.ACTIVE, evidence=evidence, remote=remote, held=loop in verdict.holds)


def guard(
    fence: Fence, allowed: Permit, wanted: float | None, last: float | None, period_s: float
) -> Setpoint | Refusal:
    """Return the setpoint that may be written, or why there is none.

    The value is finite, within the fence, and no further from `last` than the rate permits. Where the two disagree
    rate wins, so that a value found outside is walked back rather than thrown. The dead-band is measured to the value
    wished for and not to the step towards it, so that it stops no ramp before its end is near.

    Parameters
    ----------
    fence
        Range and rate that are permitted.
    allowed
        Whether the loop may write in this cycle.
    wanted
        Value wished for, in the unit of the tag.
    last
        Value in force at the plant as read back, in the unit of the tag.
    period_s
        Length of one cycle [s].
    """
    if not allowed:
        return Refusal.NOT_PERMITTED
    if last is None or not isfinite(last):
        return Refusal.NO_READ_BACK
    if wanted is None or not isfinite(wanted):
        return Refusal.NOT_FINITE
    reach = fence.rate * period_s
    inside = min(max(wanted, fence.low), fence.high)
    value = min(max(inside, last - reach), last + reach)
    if abs(inside - last) < fence.dead_band or abs(value - last) < fence.tolerance:
        return Refusal.NO_CHANGE
    return Setpoint(fence.tag, value)
