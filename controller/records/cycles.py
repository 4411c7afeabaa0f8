"""The cycles of a record, one after another, with what its head says and whether its chain holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from controller.kit import Kit, prepare
from controller.records import codec
from controller.records.chain import START
from controller.records.entry import Entry, entries
from policies import Policy, parse


class Walk:
    """A record that is gone through once, from its head to its end.

    Parameters
    ----------
    directory
        Record directory.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it does not begin with a head, or cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._directory, self._stream = directory, entries(directory)
        head = next(self._stream, None)
        if head is None or head.kind != "head":
            raise ValueError(f"{directory}: the record does not begin with a head")
        self.head: codec.Fields = head.content()
        """What the head holds: policy, files, versions."""
        self.count = 0
        """Cycles given so far [1]."""
        self.complete = False
        """Whether the run was closed in order, once all is gone through."""
        self.first_break: int | None = None if head.follows(START) else 0
        """Sequence number of the first record that does not fit the chain so far; None where all do [1]."""
        self._chain = head.chain

    @property
    def station(self) -> int:
        """Return the number of the controller that kept it [1]."""
        return int(self.head.get("station", 0))

    def kit(self) -> Kit:
        """Return the policy it was made under, ready to run.

        Raises
        ------
        ValueError
            If it cannot be read.
        """
        return prepare(self.policy(), self.station)

    def policy(self) -> Policy:
        """Return the policy it was made under.

        Raises
        ------
        ValueError
            If it cannot be read.
        """
        files = self.head["files"]
        return parse(files[""], self.head["policy_name"], files)

    def cycles(self, progress: Callable[[int], None] = lambda _: None) -> Iterator[codec.Fields]:
        """Give every cycle in plain form; `progress` is told how many are done after each.

        Raises
        ------
        ValueError
            If one cannot be read.
        """
        for entry in self._stream:
            if self.first_break is None and not entry.follows(self._chain):
                self.first_break = entry.seq
            self._chain, self.complete = entry.chain, self.complete or entry.kind == "tail"
            if entry.kind == "cycle":
                yield self._content(entry)
                self.count += 1
                progress(self.count)

    def _content(self, entry: Entry) -> codec.Fields:
        try:
            return entry.content()
        except ValueError as error:
            raise ValueError(f"{self._directory}: {error}") from error


def inputs(data: codec.Fields, kit: Kit) -> tuple[Any, list[Any], list[Any]]:
    """Return snapshot, orders and plans of one recorded cycle in plain form."""
    return (
        codec.snapshot(data["snapshot"], kit.index),
        [codec.order(o) for o in data["orders"]],
        [codec.plan(p) for p in data["plans"]],
    )
