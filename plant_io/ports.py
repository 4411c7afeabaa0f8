"""The doors of the controller: to the plant, to its devices, and to time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from plant_io.signals import Codes, Floats, Receipt, Setpoint, Snapshot
from plant_io.values import quick
from policies import Policy
from policies.scans import CONTROL


class Clock(Protocol):
    """The only source of time; simulated time is another implementation, not a patch."""

    def now(self) -> float:
        """Return POSIX time [s]."""
        ...

    async def sleep_until(self, at: float) -> None:
        """Return no earlier than `at`, POSIX time [s]."""
        ...


class Plant(Protocol):
    """A line that can be read and written, whatever it is made of.

    An implementation never raises for the condition of the plant: a lost connection is a snapshot of bad samples,
    a refused write is a receipt with a refusal.
    """

    async def open(self) -> None:
        """Begin to keep the connections up; returns at once, whether they are or not."""
        ...

    async def read(self, at: float) -> Snapshot:
        """Latch every tag; `at` is the start of the cycle, POSIX time [s]."""
        ...

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Ask for `setpoints` in order, the heartbeat last; one receipt each, in order."""
        ...

    async def close(self) -> None:
        """Give the connections back."""
        ...


@quick
@dataclass(frozen=True, slots=True)
class Batch:
    """What one device answered to one read: raw values of the tags of one scan class, in the order of the policy."""

    values: Floats
    """Raw values before scaling, units of the device, shape ``(sum of lengths,)``; not a number where none came."""
    quality: Codes
    """`Quality` of each tag as the device gives it, shape ``(n,)``."""
    reason: Codes
    """`Reason` of each tag, shape ``(n,)``."""
    source: Floats
    """Source times, POSIX time [s], shape ``(n,)``; not a number where the device gives none."""
    age: Floats | None = None
    """Time since the device last stood for each value [s], shape ``(n,)``; None where it is all from now."""
    counters: tuple[float, float] | None = None
    """Raw scan counter of the device before and after the values were read [1]; None where nobody looked."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one start of a device from the next."""

    started: float | None = None
    """When the server says it was started, POSIX time [s]."""
    notes: tuple[str, ...] = field(default=())
    """What did not match the policy at connect, one sentence each."""
    ends: Mapping[str, float] = field(default_factory=dict[str, float])
    """When each certificate the connection rests on ends, POSIX time [s], by what it is."""
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Texts the device holds, by the name the policy gives them."""


class Refusal(ConnectionError):  # noqa: N818  # a condition of the plant, in the words of the field
    """A connection that stays refused until a person puts something right; the message says what.

    Parameters
    ----------
    sentence
        What is wrong and what to do.
    pause_s
        Shortest wait before the next attempt [s]; repeated attempts with a wrong password lock accounts.
    """

    def __init__(self, sentence: str, pause_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.pause_s = pause_s
        """Shortest wait before the next attempt [s]."""


class Driver(Protocol):
    """One connection to one device; a fresh one is made for every attempt to connect.

    Every method may raise `OSError` or `TimeoutError` (link trouble), `open` also `Refusal`; the link supervisor turns
    them into quality.
    """

    async def open(self) -> Identity:
        """Connect, check that every tag is there, prepare the batched reads."""
        ...

    async def read(self, scan: str = CONTROL) -> Batch:
        """Read every tag of one scan class of this connection in as few requests as possible.

        It may be asked for one class while another is still being read.
        """
        ...

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write raw values (already unscaled) in order, with the device's own types and no timestamps."""
        ...

    async def abort(self) -> None:
        """Drop the connection now, without ceremony; never raises."""
        ...


Make = Callable[[str, Policy], Driver]
"""Makes a fresh driver for a connection of a policy."""


def nothing(lengths: Sequence[int], quality: int, reason: int) -> Batch:
    """Return a batch in which no tag has a value.

    Parameters
    ----------
    lengths
        Number of values of each tag.
    quality, reason
        `Quality` and `Reason` of all of them.
    """
    n = len(lengths)
    return Batch(
        values=np.full(sum(lengths), np.nan),
        quality=np.full(n, quality, np.uint8),
        reason=np.full(n, reason, np.uint8),
        source=np.full(n, np.nan),
    )
