"""What people were told over the runs of some records, from the records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from controller.alarms.figures import Figures, Span, figures
from controller.alarms.state import AlarmChange
from controller.burden import Burden
from controller.records import codec
from controller.records.cycles import Walk
from policies import Policy


@dataclass(frozen=True, slots=True)
class Told:
    """What people were told over some records."""

    burden: Burden
    """Incidents they were called for."""
    figures: Figures
    """Figures of the alarms."""
    policy: Policy
    """Policy of the last record."""


def burdened(
    directories: Iterable[Path], right: Iterable[str] = (), progress: Callable[[int], None] = lambda _: None
) -> Told:
    """Return what people were told over some records.

    Parameters
    ----------
    directories
        Record directories; runs are put one after another.
    right
        Names of incidents that were right.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If one cannot be read, or they are of two lines.
    """
    found, spans, count = Burden(frozenset(right)), list[Span](), 0
    policy: Policy | None = None
    for directory in directories:
        walk, before = Walk(directory), policy
        policy = walk.policy()
        if before is not None and before.line != policy.line:
            raise ValueError(f"{directory}: the record is of line {policy.line}, those before of {before.line}")
        steps, times = list[AlarmChange](), list[float]()
        for data in walk.cycles():
            at, decision = data["snapshot"]["at"], data["decision"]
            found.take(decision.get("incidents", ()), at, policy.period_s)
            steps += [codec.alarm_change(one) for one in decision.get("alarms", ())]
            times = [times[0] if times else at, at + policy.period_s]
            count += 1
            progress(count)
        if times:
            spans.append(Span(times[0], times[1], tuple(steps)))
    if policy is None:
        raise ValueError("found no record")
    return Told(found, figures(spans), policy)
