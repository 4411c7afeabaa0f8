"""What a record holds to learn a soft sensor from: tags along the run, and late results at their sample times."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nan
from pathlib import Path

import numpy as np

from controller.records import codec
from controller.records.cycles import Walk
from controller.sampled import Told
from plant_io import Quality, Snapshot, TagIndex
from plant_io.signals import Floats
from policies import Policy
from policies.hybrid import Laboratory

_GOOD = int(Quality.GOOD)


@dataclass(frozen=True, slots=True)
class Result:
    """One result of a laboratory, as a record shows it."""

    taken: float
    """When its sample was taken, POSIX time [s]."""
    known: float
    """When it was seen for the first time, POSIX time [s]."""
    value: float
    """The result, in the unit of its tag."""


@dataclass(frozen=True, slots=True, eq=False)
class Along:
    """Tags along a record, and the results in it."""

    at: Floats
    """When looked at, shape ``(n,)``, POSIX time [s]."""
    values: Mapping[str, Floats]
    """Value of each tag, shape ``(n,)``, in its unit; not a number where it was no evidence."""
    results: tuple[Result, ...]
    """Results in the order in which they came."""


@dataclass(slots=True)
class Listener:
    """Takes every new result as it comes, by the rule a soft sensor takes it."""

    lab: Laboratory
    """Where results come from."""
    told: Told
    """How the times of their samples are told."""
    found: list[Result] = field(default_factory=list[Result])
    """Results so far."""
    _stamp: float | None = None

    @classmethod
    def of(cls, lab: Laboratory, policy: Policy) -> Listener:
        """Return one for a laboratory of a policy."""
        return cls(lab, Told.of(lab, lab.tag, policy.units()))

    def take(self, seen: Snapshot) -> Result | None:
        """Take in one cycle, and return the result that is new in it."""
        value, taken = seen.good(self.lab.tag), self.told.at(seen)
        if value is None or taken is None:
            return None
        # Where no time comes with a result, another value is another result.
        stamp = value if self.lab.taken is None else self.told.stamp(seen)
        if stamp is None or not isfinite(stamp) or stamp == self._stamp:
            return None
        self._stamp = stamp
        self.found.append(Result(taken, seen.at, value))
        return self.found[-1]


def along(
    directory: Path,
    tags: Sequence[str],
    lab: Laboratory,
    every_s: float = 10.0,
    progress: Callable[[int], None] = lambda _: None,
) -> Along:
    """Return tags along a record, and the results of a laboratory in it.

    Parameters
    ----------
    directory
        Record directory, or the file in it.
    tags
        Tags wanted, virtual ones as they were inferred then.
    lab
        Where results come from.
    every_s
        Least time from one look at the tags to the next [s].
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    walk = Walk(directory)
    policy = walk.policy()
    index, listener = TagIndex.of(policy), Listener.of(lab, policy)
    at, rows = list[float](), list[list[float]]()
    for data in walk.cycles(progress):
        seen = codec.snapshot(data["snapshot"], index)
        listener.take(seen)
        if not at or seen.at - at[-1] >= every_s - 1e-6:
            soft = data["decision"]["soft"]
            at.append(seen.at)
            rows.append([_evidence(seen, soft, tag) for tag in tags])
    table = np.array(rows).reshape(-1, len(tags))
    return Along(np.array(at), {tag: table[:, i] for i, tag in enumerate(tags)}, tuple(listener.found))


def _evidence(seen: Snapshot, soft: codec.Fields, tag: str) -> float:
    """Return the value of a tag in its unit, not a number where it is no evidence."""
    if tag in soft:
        value, _, quality = soft[tag]
        return float(value) if quality == _GOOD else nan
    found = seen.good(tag)
    return nan if found is None else found
