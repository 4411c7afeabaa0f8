"""The database of a site, PostgreSQL: what it holds of each record, and how more is put into it, all or nothing.

The tables are those of `controller.records.site_schema`. Every batch is one transaction that also moves the mark of its
record on, so that whatever becomes of it, the database itself says what is to come next.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Generator, Iterable, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from controller.records.entry import Entry
from controller.records.outbox import About, Batch, Mark
from controller.records.site_schema import CREATE, GRANT, VERSION
from plant_io.ports import Refusal
from plant_io.security.secret import password
from policies.site import SiteCopy

PATIENCE_S = 30.0
"""Longest wait for an answer of the database [s]."""
SLOWEST = 50_000.0
"""Least that is carried to it in a second, by which the wait for a batch is longer [B/s]."""
_CONNECT_S = 10
# A server that no longer hears of us gives up within a minute what it holds for us.
_SESSION = " ".join(
    f"-c {each}"
    for each in (
        "synchronous_commit=on",
        "statement_timeout=600s",
        "lock_timeout=20s",
        "idle_in_transaction_session_timeout=60s",
        "tcp_keepalives_idle=10",
        "tcp_keepalives_interval=5",
        "tcp_keepalives_count=3",
        "timezone=UTC",
    )
)
_POISON = ("21", "22", "23", "44", "54", "P0")  # classes of SQLSTATE that speak of what is put in, not of the database
_AWAY = ("08", "25", "40", "53", "55", "57", "58", "XX")
_RECORDS: LiteralString = "COPY steadyline.records (run, seq, kind, at, body, chain, digest) FROM STDIN (FORMAT BINARY)"
_TYPES = ("int8", "int8", "text", "float8", "bytea", "bytea", "bytea")
Connection = psycopg.AsyncConnection[TupleRow]


class Away(OSError):  # noqa: N818  # the condition, in the words of the field
    """The database cannot be reached, or can do nothing for now; it is tried again."""


class Unfit(Away):
    """The database will not do until a person puts something right; the message says what."""


class Poison(ValueError):  # noqa: N818  # the condition, in the words of the field
    """The database takes everything but this."""


class Moved(Away):
    """Somebody else has copied records of this run meanwhile."""


def settings(site: SiteCopy, pki: Path) -> dict[str, Any]:
    """Return how a database is reached, in the words of libpq.

    Parameters
    ----------
    site
        What the policy says.
    pki
        Folder of keys; the password lies in a file under ``own`` in it, or in a credential of systemd.

    Raises
    ------
    Unfit
        If the password cannot be had.
    """
    said: dict[str, Any] = {
        "host": site.host,
        "port": site.port,
        "dbname": site.database,
        "user": site.user,
        "application_name": "steadyline",
        "connect_timeout": _CONNECT_S,
        "sslmode": site.tls,
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
        "options": _SESSION,
    }
    if site.tls == "verify-full":
        said["sslrootcert"] = site.ca or "system"
    if site.password_from is not None:
        try:
            said["password"] = password(site.password_from, pki)
        except Refusal as error:
            raise Unfit(str(error)) from error
    return said


@contextmanager
def _told() -> Generator[None]:
    """Turn what the database and its driver say into our own words."""
    try:
        yield
    except psycopg.Error as error:
        state, said = error.sqlstate or "", " ".join(str(error).split()) or type(error).__name__
        if state.startswith(_POISON) or isinstance(error, psycopg.DataError):
            raise Poison(f"{said} ({state or 'before it was sent'})") from error
        if not state or state.startswith(_AWAY):
            raise (Unfit if _wrong(said) else Away)(said) from error
        raise Unfit(f"{said} ({state})") from error


def _wrong(said: str) -> bool:
    """Return whether a connection failed for what a person must put right; libpq gives no code for it."""
    words = ("authentication failed", "does not exist", "no pg_hba.conf entry", "certificate", "no password supplied")
    return any(word in said for word in words)


def _cut(number: int) -> None:
    """Shut a socket, so that whoever waits for it hears of it."""
    with suppress(OSError), socket.socket(fileno=os.dup(number)) as there:
        there.shutdown(socket.SHUT_RDWR)


class Site:
    """One connection to the database of a site.

    Parameters
    ----------
    site
        What the policy says.
    pki
        Folder of keys.
    """

    def __init__(self, site: SiteCopy, pki: Path = Path("pki")) -> None:
        self._site, self._pki = site, pki
        self._db: Connection | None = None
        self._runs = dict[bytes, int]()

    @property
    def name(self) -> str:
        """Return which database it is."""
        return f"{self._site.database} on {self._site.host}:{self._site.port}"

    async def open(self) -> None:
        """Connect, unless that was done.

        Raises
        ------
        Away
            If the database cannot be reached, or will not do.
        """
        if self._db is not None and not self._db.broken and not self._db.closed:
            return
        await self.close()
        with _told():
            self._db = await Connection.connect(**settings(self._site, self._pki), autocommit=True)
        with self._asking():
            ((there,),) = await self.rows("SELECT to_regclass('steadyline.format') IS NOT NULL")
            versions = await self.rows("SELECT version FROM steadyline.format") if there else []
        if versions != [(VERSION,)]:
            await self.close()
            found = f"tables of version {versions[0][0]}" if versions else "no tables of Steadyline"
            what = "this release writes others" if versions else "its owner runs: steadyline copy prepare"
            raise Unfit(f"found {found}, wanted version {VERSION}; {what}")

    async def close(self) -> None:
        """Close the connection; what was not finished is undone."""
        old, self._db = self._db, None
        self._runs.clear()
        if old is not None:
            await old.close()

    async def prepare(self, role: str | None = None) -> bool:
        """Make the tables where they are not, let a role write copies, and return whether they were made.

        Raises
        ------
        Away
            If the database cannot be reached, or this role may not.
        """
        with _told():
            async with await Connection.connect(**settings(self._site, self._pki)) as db:
                ((there,),) = await (await db.execute("SELECT to_regclass('steadyline.format') IS NOT NULL")).fetchall()
                if not there:
                    await db.execute(CREATE.encode())
                if role is not None:
                    await db.execute(SQL(GRANT).format(role=Identifier(role)))
        return not there

    async def rows(self, sql: LiteralString, *bindings: object) -> list[TupleRow]:
        """Return what a question gives."""
        return await (await self._here().execute(sql, bindings)).fetchall()

    async def ask(self, sql: LiteralString, *bindings: object) -> list[TupleRow]:
        """Return what a question gives, connected where that was not done.

        Raises
        ------
        Away
            If the database cannot be reached, or will not do.
        """
        await self.open()
        with self._asking():
            return await self.rows(sql, *bindings)

    async def resume(self, about: About) -> Mark:
        """Return how far the copy of a record goes; a record that is new to it is announced.

        Raises
        ------
        Away
            If the database cannot be reached, or will not do.
        """
        with self._asking():
            await self.rows(
                "INSERT INTO steadyline.runs (first, line, began, name, chain) VALUES (%s, %s, %s, %s, %s)"
                " ON CONFLICT (first) DO NOTHING RETURNING run",
                *(about.first, about.line, about.began, about.name, Mark().chain),
            )
            ((run, following, chain),) = await self.rows(
                "SELECT run, next, chain FROM steadyline.runs WHERE first = %s", about.first
            )
        self._runs[about.first] = run
        return Mark(following, chain)

    async def put(self, about: About, before: Mark, batch: Batch) -> Mark:
        """Copy records, all or none, and return how far the copy goes then.

        Raises
        ------
        Poison
            If the database refuses what is in them.
        Away
            If it cannot be reached, or will not do.
        """
        run = self._runs[about.first]
        async with self._turn(batch.size):
            await self._held(run, before)
            await self._records(run, batch)
            await self._columns(run, batch)
            return await self._moved(run, batch.mark, batch.entries[-1].at)

    async def set_aside(self, about: About, before: Mark, entry: Entry, reason: str) -> Mark:
        """Note that a record is kept elsewhere, with its place in the chain, and return how far the copy goes then.

        Raises
        ------
        Away
            If the database cannot be reached, or will not do.
        """
        run, digest = self._runs[about.first], entry.digest or sha256(entry.body).digest()
        row = (run, entry.seq, entry.kind, entry.at, entry.chain, digest, reason.replace("\0", ""))
        try:
            async with self._turn():
                await self._held(run, before)
                await self._here().execute("INSERT INTO steadyline.quarantine VALUES (%s, %s, %s, %s, %s, %s, %s)", row)
                return await self._moved(run, Mark(entry.seq + 1, entry.chain), entry.at)
        except Poison as error:
            raise Unfit(f"not even the place of record {entry.seq} is taken: {error}") from error

    async def admit(self, about: About, batch: Batch) -> bool:
        """Take one record that was in quarantine into its place; return whether it is there now.

        Raises
        ------
        Poison
            If the database still refuses it.
        Away
            If it cannot be reached, or will not do.
        """
        run, entry = self._runs[about.first], batch.entries[0]
        async with self._turn(batch.size):
            gone = await self.rows(
                "DELETE FROM steadyline.quarantine WHERE run = %s AND seq = %s AND chain = %s RETURNING seq",
                *(run, entry.seq, entry.chain),
            )
            if gone:
                await self._records(run, batch)
                await self._columns(run, batch)
            there = await self.rows(
                "SELECT 1 FROM steadyline.records WHERE run = %s AND seq = %s AND chain = %s",
                *(run, entry.seq, entry.chain),
            )
        return bool(there)

    @contextmanager
    def _asking(self, size: int = 0) -> Generator[None]:
        """Ask the database something of a size [B]; who gives no answer is cut off."""
        patience_s = PATIENCE_S + size / SLOWEST
        timer = asyncio.get_running_loop().call_later(patience_s, _cut, self._here().fileno())
        try:
            with _told():
                yield
        finally:
            timer.cancel()

    @asynccontextmanager
    async def _turn(self, size: int = 0) -> AsyncGenerator[None]:
        """Make one transaction of a size [B]."""
        with self._asking(size):
            async with self._here().transaction():
                yield

    def _here(self) -> Connection:
        if self._db is None:
            raise Away("not connected")
        return self._db

    async def _held(self, run: int, before: Mark) -> None:
        """Keep everybody else from copying this record, and see that nobody has."""
        ((following, chain),) = await self.rows(
            "SELECT next, chain FROM steadyline.runs WHERE run = %s FOR UPDATE", run
        )
        if (following, chain) != (before.next, before.chain):
            raise Moved("another process copies this record, too")

    async def _moved(self, run: int, mark: Mark, at: float) -> Mark:
        await self._here().execute(
            "UPDATE steadyline.runs SET next = %s, chain = %s, at = %s WHERE run = %s", (mark.next, mark.chain, at, run)
        )
        return mark

    async def _records(self, run: int, batch: Batch) -> None:
        rows = [(run, each.seq, each.kind, each.at, each.body, each.chain, each.digest) for each in batch.entries]
        await self._copied(_RECORDS, rows, _TYPES)

    async def _copied(self, sql: LiteralString, rows: Iterable[Sequence[object]], types: Sequence[str]) -> None:
        async with self._here().cursor() as cursor, cursor.copy(sql) as copy:
            copy.set_types(types)
            for row in rows:
                await copy.write_row(row)

    async def _columns(self, run: int, batch: Batch) -> None:
        """Copy the columns that records speak of."""
        async with self._here().cursor() as cursor:
            tags = [(run, *tag) for tag in batch.tags]
            await cursor.executemany(
                "INSERT INTO steadyline.tags VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING", tags
            )
            blocks = [(run, *block.row) for block in batch.blocks]
            await cursor.executemany("INSERT INTO steadyline.blocks VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", blocks)
        chunks = [(run, *chunk) for block in batch.blocks for chunk in block.chunks]
        if chunks:
            sql: LiteralString = "COPY steadyline.chunks (run, place, body) FROM STDIN (FORMAT BINARY)"
            await self._copied(sql, chunks, ("int8", "int8", "bytea"))
