"""When nothing is judged: the line does not run, has just begun to, or is announced to be in another state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from plant_io import Snapshot
from policies import Monitor, When
from policies.monitors import Running


@dataclass(frozen=True, slots=True)
class SilenceKit:
    """What keeps a monitor silent, ready."""

    runs: Running | None
    """What shows that the line runs."""
    whens: tuple[When, ...]
    """States in which nothing is judged."""


@dataclass(slots=True)
class Silence:
    """Memory of what kept it silent; it changes in place."""

    since: float | None = None
    """Since when the line has run, POSIX time [s]; None while it does not."""
    stopped: bool = True
    """Whether the line stands still."""
    last: dict[int, float] = field(default_factory=dict[int, float])
    """When each state was seen last, POSIX time [s], by its place."""
    shown: dict[int, float] = field(default_factory=dict[int, float])
    """Value shown last of each state that is a change, by its place, in the unit of its tag."""

    def steady(self, snapshot: Snapshot, phases: Mapping[str, str], kit: SilenceKit) -> bool:
        """Return whether the line runs as usual.

        Parameters
        ----------
        snapshot
            The line, virtual tags included.
        phases
            How far each loop is in service.
        kit
            What keeps it silent.
        """
        at, runs = snapshot.at, kit.runs
        if runs is not None:
            self.since = ran(snapshot, self.since, runs)
            self.stopped = self.since is None
            if not settled(self.since, at, runs):
                return False
        self.stopped = False
        stands = [self._stands(i, when, snapshot, phases) for i, when in enumerate(kit.whens)]
        for i, stood in enumerate(stands):
            if stood:
                self.last[i] = at
        return all(at - self.last.get(i, -inf) > when.settle_s for i, when in enumerate(kit.whens))

    def _stands(self, place: int, when: When, snapshot: Snapshot, phases: Mapping[str, str]) -> bool:
        if when.loop is not None:
            return phases.get(when.loop, "off") in when.phases
        value = snapshot.good(when.tag or "")
        if value is None:
            return False
        if when.changes:
            before = self.shown.setdefault(place, value)
            self.shown[place] = value
            return value != before
        low = -inf if when.at_least is None else when.at_least
        high = inf if when.at_most is None else when.at_most
        return low <= value <= high


def ran(snapshot: Snapshot, since: float | None, runs: Running) -> float | None:
    """Return since when the line has run, POSIX time [s]; None while it does not.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    since
        Since when it had run before, POSIX time [s]; None where it did not.
    runs
        What shows it.
    """
    value = snapshot.good(runs.tag)
    if value is None:
        return since
    if value < runs.at_least:
        return None
    return snapshot.at if since is None else since


def settled(since: float | None, at: float, runs: Running) -> bool:
    """Return whether the line has run for long enough.

    Parameters
    ----------
    since
        Since when it has run, POSIX time [s]; None where it does not.
    at
        Now, POSIX time [s].
    runs
        What shows it, and how long is enough.
    """
    return since is not None and at - since >= runs.settle_s


def prepare(declared: Monitor) -> SilenceKit:
    """Return what keeps a monitor silent, ready."""
    return SilenceKit(declared.runs, declared.suppressed)
