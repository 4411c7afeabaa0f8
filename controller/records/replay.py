"""Re-derive every decision of a record from its inputs, and compare bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.decide import decide
from controller.records import codec
from controller.records.cycles import Walk, inputs
from controller.records.resume import Resumed

_SHOWN = 20
YOUNGER = frozenset({"alarms", "notices"})
"""Parts of a decision that older records lack, whatever was decided."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One cycle whose decision came out otherwise."""

    cycle: int
    """Number of the cycle [1]."""
    at: float
    """When, POSIX time [s]."""
    fields: tuple[str, ...]
    """Parts of the decision that differ."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a replay found."""

    cycles: int
    """Cycles re-derived [1]."""
    identical: int
    """Cycles whose decision came out the same, bit for bit [1]."""
    differences: tuple[Difference, ...]
    """The first cycles that did not."""
    first_break: int | None
    """Sequence number of the first record that does not fit the chain; None where all do [1]."""
    digest: str
    """SHA-256 over all snapshots and decisions as recorded, hexadecimal."""
    complete: bool
    """Whether the run was closed in order."""


def replay(directory: Path, progress: Callable[[int], None] = lambda _: None, since: Resumed | None = None) -> Outcome:
    """Re-derive every decision in `directory`.

    Parameters
    ----------
    directory
        Record directory.
    progress
        Told the number of cycles done so far.
    since
        State from which decisions are made again; the beginning where None.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If the record does not begin with a head, or its policy cannot be read.
    """
    walk = Walk(directory)
    kit = walk.kit()
    state, digest, same, count = kit.start() if since is None else since.state, hashlib.sha256(), 0, 0
    differences: list[Difference] = []
    for data in walk.cycles(progress):
        if since is not None and data["number"] <= since.after:
            continue
        count += 1
        digest.update(codec.retrace(data))
        decision, state = decide(*inputs(data, kit), state, kit)
        again = _as_known(codec.unpack(codec.pack(decision)), data["decision"])
        # What is in no older record is not there either where it is empty.
        there = {k: v for k, v in again.items() if k in data["decision"] or (v and k not in YOUNGER)}
        wrong = tuple(k for k in there if codec.pack(there[k]) != codec.pack(data["decision"].get(k)))
        same += not wrong
        if wrong and len(differences) < _SHOWN:
            differences.append(Difference(data["number"], data["snapshot"]["at"], wrong))
    return Outcome(count, same, tuple(differences), walk.first_break, digest.hexdigest(), walk.complete)


def _as_known(again: dict[str, Any], was: codec.Fields) -> dict[str, Any]:
    """Return a decision in plain form without what alerts did not say yet when the record was made."""
    pairs = zip(again["alerts"], was["alerts"], strict=False)
    cut = [{key: value for key, value in new.items() if key in old} for new, old in pairs]
    return again | {"alerts": [*cut, *again["alerts"][len(cut) :]]}
