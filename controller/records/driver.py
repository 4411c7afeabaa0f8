"""A recorded run as the drivers of a line give it again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from controller.records import codec
from controller.records.cycles import Walk
from plant_io import Batch, Driver, Identity, Outcome, Quality, Reason, Receipt, Setpoint, Snapshot, TagIndex
from plant_io.scan import scans_of
from policies import Policy
from policies.scans import CONTROL

_AT_ONCE_S = 1e-3  # clock readings that are added up differ from recorded ones by rounding
_JUDGED_AGAIN = (Reason.OUT_OF_RANGE, Reason.STALE, Reason.FUTURE)


class Recorded:
    """A recorded run on the clock it was recorded on.

    Give `make` to `plant_io.line.Line`, and to `plant_io.clocks.SimClock` the start `began` and `advance`. What was
    out of range, stale or from the future is judged anew; what was bad for another reason stays so.

    Parameters
    ----------
    directory
        Record directory.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If the record has no head or no cycle, or its policy cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._walk = Walk(directory)
        self.policy = _read_always(self._walk.policy())
        """The policy the run was made under, but with every tag read in every cycle, as every snapshot has it."""
        self._index = TagIndex.of(self.policy)
        self._snapshots = self._read()
        first = next(self._snapshots, None)
        if first is None:
            raise ValueError(f"{directory}: the record has no cycle")
        self.began = first.at
        """When the first cycle began, POSIX time [s]."""
        self._now = first.at
        self._shown = first
        self._next = next(self._snapshots, None)

    def make(self, connection: str, policy: Policy) -> Driver:
        """Return a fresh driver for one connection.

        Parameters
        ----------
        connection
            Name of the connection.
        policy
            Policy with the same tags as the one of the record, perhaps fewer.
        """
        return _RecordedDriver(self, connection, policy)

    def advance(self, seconds: float) -> None:
        """Let time go by.

        Parameters
        ----------
        seconds
            How long [s].
        """
        self._now += seconds
        while self._next is not None and self._next.at <= self._now + _AT_ONCE_S:
            self._shown, self._next = self._next, next(self._snapshots, None)

    def now(self) -> Snapshot:
        """Return the last snapshot that had been latched by now.

        Raises
        ------
        ConnectionError
            If the record ended more than a period ago.
        """
        if self._next is None and self._now > self._shown.at + self.policy.period_s + _AT_ONCE_S:
            raise ConnectionError("the record has come to its end")
        return self._shown

    def _read(self) -> Iterator[Snapshot]:
        for data in self._walk.cycles():
            yield codec.snapshot(data["snapshot"], self._index)


class _RecordedDriver:
    """One connection of a recorded run."""

    def __init__(self, recorded: Recorded, connection: str, policy: Policy) -> None:
        self._recorded = recorded
        self._scans = scans_of(connection, policy)
        self._open = False

    async def open(self) -> Identity:
        """Connect."""
        self._recorded.now()
        self._open = True
        return Identity()

    async def read(self, scan: str = CONTROL) -> Batch:
        """Give every tag of a scan class as it was, in raw values."""
        if not self._open:
            raise ConnectionError("not connected")
        seen, tags = self._recorded.now(), self._scans.get(scan, {})
        found = [seen.index.position[name] for name in tags]
        quality, reason = seen.quality[found], seen.reason[found]
        again = np.isin(reason, _JUDGED_AGAIN)
        quality[again], reason[again] = Quality.GOOD, Reason.NONE
        values = [np.empty(0)]
        for i, tag, judged in zip(found, tags.values(), quality, strict=True):
            start = seen.index.start[i]
            held = (seen.values[start : start + tag.length] - tag.offset) / (tag.scale or 1.0)
            values.append(np.full(tag.length, np.nan) if judged == Quality.BAD else held)
        age = seen.at - seen.arrival[found]
        return Batch(np.concatenate(values), quality, reason, seen.source[found], age)

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Refuse: what has been is not changed."""
        return [Receipt(setpoint, Outcome.REFUSED, "a record is not written to") for setpoint in setpoints]

    async def abort(self) -> None:
        """Drop the connection."""
        self._open = False


def _read_always(policy: Policy) -> Policy:
    tags = {name: tag.model_copy(update={"scan": CONTROL}) for name, tag in policy.tags.items()}
    return policy.model_copy(update={"tags": tags})
