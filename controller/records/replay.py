"""Re-derive every decision of a record from its inputs, and compare bit for bit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.decide import decide
from controller.kit import Kit, prepare
from controller.records import codec
from controller.records.journal import Entry, entries, link
from policies import parse

_SHOWN = 20


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


def replay(directory: Path, progress: Callable[[int], None] = lambda _: None) -> Outcome:
    """Re-derive every decision in `directory`.

    Parameters
    ----------
    directory
        Record directory.
    progress
        Told the number of cycles done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If the record does not begin with a head, or its policy cannot be read.
    """
    stream = entries(directory)
    first = next(stream, None)
    if first is None or first.kind != "head":
        raise ValueError(f"{directory}: the record does not begin with a head")
    kit = kit_of(first)
    chain, first_break = first.chain, None if fits(bytes(32), first) else 0
    state, digest, same, count, complete = kit.start(), hashlib.sha256(), 0, 0, False
    differences: list[Difference] = []
    for entry in stream:
        if first_break is None and not fits(chain, entry):
            first_break = entry.seq
        chain, complete = entry.chain, entry.kind == "tail"
        if entry.kind != "cycle":
            continue
        data = entry.content()
        digest.update(codec.retrace(data))
        decision, state = decide(*inputs(data, kit), state, kit)
        again = _as_known(codec.unpack(codec.pack(decision)), data["decision"])
        # What is in no older record is not there either where it is empty.
        there = {k: v for k, v in again.items() if v or k in data["decision"]}
        wrong = tuple(k for k in there if codec.pack(there[k]) != codec.pack(data["decision"].get(k)))
        count, same = count + 1, same + (not wrong)
        if wrong and len(differences) < _SHOWN:
            differences.append(Difference(data["number"], entry.at, wrong))
        progress(count)
    return Outcome(count, same, tuple(differences), first_break, digest.hexdigest(), complete)


def kit_of(head: Entry) -> Kit:
    """Return the policy a record was made under, ready to run.

    Raises
    ------
    ValueError
        If it cannot be read.
    """
    content = head.content()
    files = content["files"]
    return prepare(parse(files[""], content["policy_name"], files), content.get("station", 0))


def inputs(data: codec.Fields, kit: Kit) -> tuple[Any, list[Any], list[Any]]:
    """Return snapshot, orders and plans of one recorded cycle in plain form."""
    return (
        codec.snapshot(data["snapshot"], kit.index),
        [codec.order(o) for o in data["orders"]],
        [codec.plan(p) for p in data["plans"]],
    )


def _as_known(again: dict[str, Any], was: codec.Fields) -> dict[str, Any]:
    """Return a decision in plain form without what alerts did not say yet when the record was made."""
    pairs = zip(again["alerts"], was["alerts"], strict=False)
    cut = [{key: value for key, value in new.items() if key in old} for new, old in pairs]
    return again | {"alerts": [*cut, *again["alerts"][len(cut) :]]}


def fits(before: bytes, entry: Entry) -> bool:
    """Return whether a record follows on the one with a chain."""
    return entry.chain == link(before, entry.seq, entry.kind, entry.body)
