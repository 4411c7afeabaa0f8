"""When the samples of measurements were taken, as their devices tell it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite, sqrt

from plant_io import Snapshot
from policies import Loop, Mpc
from policies.estimating import MheSettings
from policies.sampled import OF_SOURCE, Sampled
from policies.units import convert


@dataclass(frozen=True, slots=True)
class Told:
    """How the time of a sample is told."""

    value: str
    """Tag of the measurement."""
    tag: str | None
    """Tag that shows when; None where only the age is known, or where the device gives it with the value."""
    clock: str | None
    """Tag that shows what time it was by the same clock when the value came; None where that is POSIX time."""
    of_source: bool
    """Whether the device gives it with the value."""
    age_s: float
    """Time from the sample to what is shown [s]."""
    oldest_s: float
    """Age beyond which a sample is not used [s]."""
    seconds: Mapping[str, float]
    """Seconds per unit of each tag of time [s]."""

    @classmethod
    def of(cls, declared: Sampled, value: str, units: Mapping[str, str]) -> Told:
        """Return what a policy says of the measurement with the tag `value`."""
        tag = None if declared.taken == OF_SOURCE else declared.taken
        tags = [name for name in (tag, declared.clock) if name is not None]
        return cls(
            value=value,
            tag=tag,
            clock=declared.clock,
            of_source=declared.taken == OF_SOURCE,
            age_s=declared.age_s or 0.0,
            oldest_s=declared.memory_s,
            seconds={name: convert(1.0, units[name], "s") for name in tags},
        )

    def stamp(self, seen: Snapshot) -> float | None:
        """Return what tells this sample from every other, POSIX time [s] or in the unit of its tag; None if nothing."""
        return seen.taken(self.value) if self.tag is None else seen.good(self.tag)

    def at(self, seen: Snapshot) -> float | None:
        """Return when the sample was taken, POSIX time [s]; None if it cannot be told now."""
        if self.tag is None:
            shown: float | None = seen.taken(self.value) if self.of_source else seen.at
        else:
            shown = self._by_tag(seen, self.tag)
        return shown - self.age_s if shown is not None and isfinite(shown) else None

    def _by_tag(self, seen: Snapshot, tag: str) -> float | None:
        shown = seen.good(tag)
        if shown is None or self.clock is None:
            return None if shown is None else shown * self.seconds[tag]
        now = seen.good(self.clock)
        return None if now is None else seen.at - now * self.seconds[self.clock] + shown * self.seconds[tag]


@dataclass(frozen=True, slots=True)
class Memory:
    """What a loop has to remember for measurements that come late, and for a window to be weighed."""

    told: Mapping[str, Told]
    """How the times of their samples are told, by measurement."""
    span_s: float
    """How far back one of them can belong, or a window reach [s]."""
    step_s: float
    """Length of one step of the estimator [s]."""

    every: int = field(init=False)
    """Steps from one estimate that is kept to the next: as many as are kept, so that both are few [1]."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "every", max(1, round(sqrt(self.span_s / self.step_s))))


def memory(declared: Loop, units: Mapping[str, str], period_s: float) -> Memory | None:
    """Return what a loop has to remember; None where nothing comes late and nothing is weighed again.

    Parameters
    ----------
    declared
        What the policy says of the loop.
    units
        Unit of every tag.
    period_s
        Length of one cycle [s].
    """
    late = {name: one for name, one in declared.measured.items() if one.memory_s > 0.0}
    window = declared.estimator if isinstance(declared, Mpc) else None
    window_s = window.horizon_s if isinstance(window, MheSettings) else 0.0
    if not late and window_s == 0.0:
        return None
    return Memory(
        told={name: Told.of(one, one.tag, units) for name, one in late.items()},
        span_s=max(window_s, *(one.memory_s for one in late.values()), 0.0),
        step_s=period_s if isinstance(declared, Mpc) else declared.step_s,
    )
