"""What a link does to what is sent over it, and when: a pure function of the instant, but for seeded chance."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import inf, isnan
from typing import Literal

import numpy as np

Direction = Literal["up", "down", "both"]
"""Up is from the controller to the PLC."""
Way = Literal["up", "down"]
"""One of the two."""

_FIRST_RETRY_S, _FIRST_CALL_S, _LONGEST_RETRY_S = 0.2, 1.0, 120.0
"""Waits before TCP sends again (least of Linux, then doubled) and calls again, and the longest: RFC 6298, 2 and 5."""


class Kind(Enum):
    """Ways in which a link fails."""

    LATENCY = "latency"
    """What is sent comes late."""
    STALL = "stall"
    """What is sent is held back to the end."""
    DROP = "drop"
    """Packets are lost; TCP sends again, ever more rarely, and a reset is lost for good."""
    CUT = "cut"
    """What is sent comes in two pieces, the second one late."""
    REFUSE = "refuse"
    """Nobody can connect."""
    SILENT = "silent"
    """Whoever connects is accepted and never heard nor answered."""
    REORDER = "reorder"
    """Connections come to be in another order than they were asked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """One fault of one port."""

    kind: Kind
    """What goes wrong."""
    port: int
    """TCP port of the PLC [1]."""
    from_s: float
    """Loop time at which it begins [s]."""
    to_s: float
    """Loop time at which it ends [s]; may be infinite."""
    direction: Direction = "both"
    """What way it strikes."""
    delay_s: float = 0.0
    """How late things come [s]."""
    jitter_s: float = 0.0
    """Largest further delay, drawn evenly [s]."""

    def strikes(self, kind: Kind, port: int, at: float, way: Way) -> bool:
        """Return whether it strikes what goes one way at loop time `at` [s]."""
        here = self.kind is kind and self.port == port and self.direction in (way, "both")
        return here and self.from_s <= at < self.to_s


class Weather:
    """All faults of a network.

    Parameters
    ----------
    seed
        Seed of all chance in it.
    """

    def __init__(self, seed: int) -> None:
        self._windows: list[Window] = []
        self._rng = np.random.default_rng(seed)

    def add(self, window: Window) -> None:
        """Let something go wrong.

        Raises
        ------
        ValueError
            If it ends before it begins, or comes early instead of late.
        """
        if not window.from_s < window.to_s:
            raise ValueError(f"a fault from {window.from_s:g} s to {window.to_s:g} s never strikes")
        if isnan(window.delay_s) or min(window.delay_s, window.jitter_s) < 0.0:
            raise ValueError(f"expected a delay of at least 0 s, found {window.delay_s:g} s and {window.jitter_s:g} s")
        self._windows.append(window)

    def struck(self, kind: Kind, port: int, at: float, way: Way = "up") -> Window | None:
        """Return what strikes at loop time `at` [s], or None."""
        return next((w for w in self._windows if w.strikes(kind, port, at, way)), None)

    def arrival(self, port: int, way: Way, at: float) -> float:
        """Return when what is sent at loop time `at` [s] arrives, loop time [s]; never, if infinite."""
        return self._through(port, way, at, _FIRST_RETRY_S) if self._windows else at

    def call(self, port: int, at: float) -> float:
        """Return when a call for a connection at loop time `at` [s] arrives, loop time [s]; never, if infinite."""
        if not self._windows:
            return at
        mixed = self.struck(Kind.REORDER, port, at)
        return self._through(port, "up", at + (self._drawn(mixed.jitter_s) if mixed else 0.0), _FIRST_CALL_S)

    def cut(self, port: int, way: Way, at: float, length: int) -> tuple[int, float] | None:
        """Return after how many of `length` bytes a piece ends and when the rest follows, loop time [s]; None if whole.

        Parameters
        ----------
        port
            TCP port of the PLC.
        way
            Which way it goes.
        at
            When it would arrive, loop time [s].
        length
            Bytes of it.
        """
        window = self.struck(Kind.CUT, port, at, way) if self._windows and length > 1 else None
        if window is None:
            return None
        rest = window.to_s if window.delay_s == inf else at + window.delay_s
        return int(self._rng.integers(1, length)), rest

    def _through(self, port: int, way: Way, at: float, retry_s: float) -> float:
        slow = self.struck(Kind.LATENCY, port, at, way)
        due = at if slow is None else at + slow.delay_s + self._drawn(slow.jitter_s)
        before = -inf
        while due != before:
            before = due
            stall = self.struck(Kind.STALL, port, due, way)
            due = due if stall is None else stall.to_s
            lost = self.struck(Kind.DROP, port, due, way)
            due = due if lost is None else _sent_again(due, lost.to_s, retry_s)
        return due

    def _drawn(self, most_s: float) -> float:
        return float(self._rng.uniform(0.0, most_s)) if most_s else 0.0


def _sent_again(at: float, end: float, wait_s: float) -> float:
    """Return the first time at or after `end` at which what was lost at `at` is sent again.

    Parameters
    ----------
    at
        When it was lost, loop time [s].
    end
        When nothing is lost any more, loop time [s].
    wait_s
        First wait [s]; every further one is twice as long.
    """
    if end == inf:
        return inf
    while at < end:
        at += wait_s
        wait_s = min(2.0 * wait_s, _LONGEST_RETRY_S)
    return at
