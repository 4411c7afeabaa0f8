"""What a policy keeps only for a time, removed a little at a time, never without a word of it in the chain."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from controller.records.chain import plain
from controller.records.file import Connection
from controller.records.sealing import BITS, Statement

DAY_S = 86_400.0
"""Length of a day [s]."""
_RANGE = 1000
_A_TIME = 20


@dataclass(slots=True)
class Retention:
    """Finds what has been kept for long enough, says so, and removes it once that is written."""

    db: Connection
    """The record."""
    cycles_s: float | None = None
    """Time for which whole cycles are kept [s]; for good where None."""
    trends_s: float | None = None
    """Time for which columns are kept [s]; for good where None."""
    every_s: float = 60.0
    """Time from one look to the next [s]."""
    _cycle: int = 0
    _block: int = 0
    _said: list[bytes] = field(default_factory=list[bytes])
    _then: list[Statement] = field(default_factory=list[Statement])
    _todo: deque[Statement] = field(default_factory=deque[Statement])
    _looked_at: float = 0.0

    @property
    def wanted(self) -> bool:
        """Whether anything is kept for a time only."""
        return self.cycles_s is not None or self.trends_s is not None

    def due(self, at: float) -> tuple[Sequence[bytes], Sequence[Statement]]:
        """Return what is to be said now, and what was said before and is to be removed next.

        Parameters
        ----------
        at
            Present, POSIX time [s].
        """
        if not self._todo and not self._said and at - self._looked_at >= self.every_s:
            self._looked_at = at
            self._old_cycles(at)
            self._old_trends(at)
        return self._said, [self._todo[n] for n in range(min(_A_TIME, len(self._todo)))]

    def done(self, removed: int) -> None:
        """Take note that all that was due is written and removed; `removed` statements [1]."""
        for _ in range(removed):
            self._todo.popleft()
        self._todo += self._then
        self._said, self._then = [], []

    def _old_cycles(self, at: float) -> None:
        """Empty a range of cycles that are in columns already, when all of them are old."""
        last = self._cycle + _RANGE - 1
        found = list(self.db.execute("SELECT at FROM records WHERE seq = ?", (last,)))
        ((sealed,),) = self.db.execute("SELECT max(last) FROM blocks")
        young = not found or self.cycles_s is None or found[0][0] >= at - self.cycles_s
        if young or sealed is None or sealed < last:
            return
        rows = self.db.execute(
            "SELECT seq FROM records WHERE seq BETWEEN ? AND ? AND kind IN ('cycle', 'state')", (self._cycle, last)
        )
        self._then += [("UPDATE records SET digest = sha256(body), body = x'' WHERE seq = ?", row) for row in rows]
        self._said.append(plain({"class": "cycles", "first": self._cycle, "last": last}))
        self._cycle = last + 1

    def _old_trends(self, at: float) -> None:
        """Remove the columns of a block when all of it is old."""
        found = list(self.db.execute("SELECT ends FROM blocks WHERE block = ?", (self._block,)))
        if not found or self.trends_s is None or found[0][0] >= at - self.trends_s:
            return
        block, tags = self._block, self.db.execute("SELECT tag FROM tags")
        self._then += [("DELETE FROM chunks WHERE place = ?", ((tag << BITS) | block,)) for (tag,) in tags]
        self._then.append(("DELETE FROM blocks WHERE block = ?", (block,)))
        self._said.append(plain({"class": "trends", "first": block, "last": block}))
        self._block += 1


def hashing(db: Connection) -> None:
    """Let a connection take SHA-256 of what is in the file."""
    db.create_scalar_function("sha256", lambda body: sha256(body).digest(), 1)
