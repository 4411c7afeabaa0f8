"""The journal of a run: one SQLite file, one record a cycle, each chained to the one before by SHA-256.

docs/records.md is the format. One process writes the file; any number may read it while it grows.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from math import inf
from pathlib import Path
from pickle import PicklingError

from controller.cycle import Cycle, Decision
from controller.records.audit import Deed, deeds, ended, started
from controller.records.ballast import Ballast
from controller.records.chain import FORMAT, START, Signer, link, plain
from controller.records.codec import pack
from controller.records.entry import Entry, entries
from controller.records.file import FILE, SCHEMA, Connection, Full, connect, told
from controller.records.resume import packed
from controller.records.retention import DAY_S, Retention, hashing
from controller.records.sealing import Sealer, Statement, cycles_in_block
from controller.state import State
from plant_io import Clock
from plant_io.clocks import beside_the_machine
from policies import Policy

__all__ = ["FILE", "Entry", "Journal", "Keeping", "entries"]

_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?, ?, NULL)"
_MB = 1_000_000
Row = tuple[str, float, bytes]
"""Kind, POSIX time [s] and body of a record to be written."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How a record is kept."""

    signer: Signer | None = None
    """Signs checkpoints; nobody does where None."""
    every_s: float = 60.0
    """Time from one checkpoint to the next [s]."""
    every: int = 1000
    """Most records from one checkpoint to the next [1]."""
    period_s: float = 1.0
    """Length of a cycle [s]."""
    state_s: float = inf
    """Time from one state of the controller to the next [s]."""
    block_s: float = 3600.0
    """Time of which values are put together in columns [s]."""
    units: Mapping[str, str] = field(default_factory=dict[str, str])
    """UCUM unit by tag."""
    cycles_s: float | None = None
    """Time for which whole cycles are kept [s]; for good where None."""
    trends_s: float | None = None
    """Time for which columns are kept [s]; for good where None."""
    clock: Clock | None = None
    """Clock of the run."""
    ballast: int = 0
    """Size of the file that is given up where the disk is full [B]."""
    vfs: str | None = None
    """How SQLite reaches the disk; as usual where None."""

    @classmethod
    def of(cls, policy: Policy, signer: Signer | None = None, clock: Clock | None = None) -> Keeping:
        """Return how the record of a policy is kept."""
        said = policy.records
        days = (said.keep.cycles_days, said.keep.trends_days)
        cycles_s, trends_s = (None if each is None else each * DAY_S for each in days)
        return cls(
            signer=signer,
            clock=clock,
            every_s=said.checkpoint_s,
            period_s=policy.period_s,
            block_s=said.block_s,
            state_s=inf if signer is None else said.state_s,
            units=policy.units(),
            cycles_s=cycles_s,
            trends_s=trends_s,
            ballast=int(said.ballast_mb * _MB),
        )


class Journal:
    """Writes the records of one run, each durable before the next cycle begins.

    Parameters
    ----------
    directory
        Record directory; made if it is not there.
    keeping
        How the record is kept.

    Raises
    ------
    FileExistsError
        If the directory already holds a record; a run never continues another one's file.
    OSError
        If the file cannot be written.
    """

    def __init__(self, directory: Path, keeping: Keeping = Keeping()) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / FILE
        if self.path.exists():
            raise FileExistsError(f"{self.path}: a record is already there; choose another directory")
        self._keeping = keeping
        with told(OSError, f"{self.path}: no record can be kept here"):
            schema = f"BEGIN; {SCHEMA}; PRAGMA user_version={FORMAT}; COMMIT"
            self._db: Connection = connect(self.path, write=True, vfs=keeping.vfs, schema=schema)
            hashing(self._db)
        self._seq, self._chain = 0, START
        self._signed, self._signed_at = 0, -inf
        self._retention = Retention(self._db, keeping.cycles_s, keeping.trends_s, keeping.every_s)
        self._sealer = Sealer(keeping.units, lambda width: cycles_in_block(keeping.block_s, keeping.period_s, width))
        self._ballast = Ballast(directory, keeping.ballast)
        reserved = not keeping.ballast or self._ballast.restore()
        self.full = "" if reserved else f"{directory}: there is no room for {keeping.ballast} B in reserve"
        """Why the room held in reserve was given up; empty while it is there."""
        self._tried_at = -inf
        self._state_at: float | None = None
        self._state: bytes | None = None
        self._before: Decision | None = None
        self.bytes = 0
        """Size of all bodies written so far [B]."""

    def head(self, at: float, content: dict[str, object]) -> None:
        """Write the first record: everything that replay needs besides the cycles.

        Parameters
        ----------
        at
            Start of the run, POSIX time [s].
        content
            Policy, files, versions and site bindings.
        """
        signer = self._keeping.signer
        key = None if signer is None else signer.name
        trail = self._trail(at, started(at, content, key))
        self._keep([("head", at, _packed({**content, "signing_key": key})), *trail])

    def cycle(self, cycle: Cycle) -> None:
        """Write one cycle.

        Raises
        ------
        OSError
            If it cannot be made durable.
        """
        if self.full and cycle.snapshot.at - self._tried_at >= self._keeping.every_s:
            self._tried_at = cycle.snapshot.at
            self.full = "" if self._ballast.restore() else self.full
        at, ready, seq = cycle.snapshot.at, self._sealer.due(cycle), self._seq
        rows: list[Row] = [("cycle", at, _packed(cycle)), *self._trail(at, deeds(self._before, cycle))]
        said, gone = self._gone(at) if self._retention.wanted else ((), ())
        rows += [("sealed", at, body) for body in ready.sealed] + [("retired", at, body) for body in said]
        if self._state is not None:
            rows.append(("state", at, self._state))
        self._keep(rows, [*ready.statements, *gone])
        self._state = None
        self._retention.done(len(gone))
        self._sealer.kept(cycle, seq)
        self._before = cycle.decision

    def state(self, cycle: Cycle, state: State) -> None:
        """Keep what a cycle leaves to the next, if it is time to; it is written with the next cycle."""
        at = cycle.snapshot.at
        self._state_at = at if self._state_at is None else self._state_at
        if at - self._state_at >= self._keeping.state_s:
            self._state_at = at
            try:
                self._state = packed(cycle.number, state)
            except (PicklingError, TypeError, AttributeError):
                self._state_at = inf  # a detector that cannot be stored: decisions are made again from the beginning

    def tail(self, at: float, content: dict[str, object]) -> None:
        """Write the last record, and close.

        Parameters
        ----------
        at
            End of the run, POSIX time [s].
        content
            Why and how the run ended.
        """
        ready, self._signed_at = self._sealer.end(), -inf
        sealed: list[Row] = [("sealed", at, body) for body in ready.sealed]
        trail = self._trail(at, [ended(at, content)])
        self._keep([*sealed, *trail, ("tail", at, _packed(content))], ready.statements)
        self.close()

    def close(self) -> None:
        """Close the file and give up the reserve; a log that cannot be taken into the file stays beside it."""
        with suppress(OSError), told(OSError, f"{self.path}: the log could not be taken into the file"):
            self._db.close()
        self._ballast.give_up()

    def _gone(self, at: float) -> tuple[Sequence[bytes], Sequence[Statement]]:
        """Return what is to be said of what is kept for a time only, and what is to be removed now."""
        with told(OSError, f"{self.path}: the record cannot be read"):
            return self._retention.due(at)

    def _trail(self, at: float, done: Sequence[Deed]) -> list[Row]:
        """Return entries of the audit trail with the clocks by which they were made."""
        if not done:
            return []
        clock = self._keeping.clock
        clocks = asdict(beside_the_machine(clock, at if clock is None else clock.now()))
        return [("audit", at, plain(deed.plain() | clocks)) for deed in done]

    def _keep(self, rows: Sequence[Row], more: Sequence[Statement] = ()) -> None:
        """Make records durable, all or none, with a checkpoint where one is due, and what else goes with them."""
        made, chain = self._chained(rows)
        seq, at, signer = self._seq + len(made), rows[-1][1], self._keeping.signer
        due = seq - self._signed >= self._keeping.every or at - self._signed_at >= self._keeping.every_s
        if signer is not None and due:
            body = signer.checkpoint(chain)
            chain = link(chain, seq, at, "checkpoint", sha256(body).digest())
            made.append((_INSERT, (seq, "checkpoint", at, body, chain)))
            seq += 1
        self._written([*made, *more])
        if signer is not None and due:
            self._signed, self._signed_at = seq, at
        self._seq, self._chain = seq, chain
        self.bytes += sum(len(body) for _, _, body in rows)

    def _chained(self, rows: Sequence[Row]) -> tuple[list[Statement], bytes]:
        made, chain = list[Statement](), self._chain
        for seq, (kind, at, body) in enumerate(rows, self._seq):
            chain = link(chain, seq, at, kind, sha256(body).digest())
            made.append((_INSERT, (seq, kind, at, body, chain)))
        return made, chain

    def _written(self, made: Sequence[Statement]) -> None:
        """Make one transaction of it; where the disk is full, what was held in reserve is given up for it."""
        try:
            self._attempted(made)
        except Full as error:
            if not self._ballast.give_up():
                raise
            self.full = str(error)
            self._attempted(made)

    def _attempted(self, made: Sequence[Statement]) -> None:
        what = f"{self.path}: the record cannot be written"
        try:
            with told(OSError, what):
                self._transaction(made)
        except OSError:
            # An error while the log is taken into the file comes after the transaction has become durable.
            seq, _, _, _, chain = made[0][1]
            with told(OSError, what):
                if list(self._db.execute("SELECT chain FROM records WHERE seq = ?", (seq,))) != [(chain,)]:
                    raise

    def _transaction(self, made: Sequence[Statement]) -> None:
        if len(made) == 1:
            self._db.execute(*made[0])
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for sql, bindings in made:
                self._db.execute(sql, bindings)
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def _packed(content: object) -> bytes:
    return zlib.compress(pack(content), 1)
