"""What people were told over the runs of some records, from the records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from controller.burden import Burden
from controller.records.cycles import Walk
from policies import Policy


def burdened(
    directories: Iterable[Path], right: Iterable[str] = (), progress: Callable[[int], None] = lambda _: None
) -> tuple[Burden, Policy]:
    """Return what people were told over some records, and the policy of the last.

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
    found, count = Burden(frozenset(right)), 0
    policy: Policy | None = None
    for directory in directories:
        walk, before = Walk(directory), policy
        policy = walk.policy()
        if before is not None and before.line != policy.line:
            raise ValueError(f"{directory}: the record is of line {policy.line}, those before of {before.line}")
        for data in walk.cycles():
            found.take(data["decision"].get("incidents", ()), data["snapshot"]["at"], policy.period_s)
            count += 1
            progress(count)
    if policy is None:
        raise ValueError("found no record")
    return found, policy
