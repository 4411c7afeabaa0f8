"""A record made again from the copy in the database of a site, and verified like any other."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controller.records.chain import FORMAT
from controller.records.file import FILE, SCHEMA, Connection, connect, told
from controller.records.sealing import BITS
from controller.records.site import Site
from controller.records.verify import Head, Verified, verify

_A_TIME = 500


@dataclass(frozen=True, slots=True)
class Run:
    """A run whose record was copied."""

    run: int
    """Number in the database [1]."""
    first: bytes
    """Chain value of its first record, by which it is known everywhere."""
    line: str
    """Name of the line."""
    began: float
    """When it began, POSIX time [s]."""
    name: str
    """Name of its directory at the station."""
    next: int
    """Records copied [1]."""
    chain: bytes
    """Chain value of the last of them."""
    quarantined: int
    """Records of them that are in quarantine at the station [1]."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return {
            "run": self.run,
            "first": self.first.hex(),
            "line": self.line,
            "began": self.began,
            "name": self.name,
            "records": self.next,
            "chain": self.chain.hex(),
            "quarantined": self.quarantined,
        }


async def runs(site: Site) -> list[Run]:
    """Return every run that the database knows, oldest first.

    Raises
    ------
    Away
        If it cannot be reached, or will not do.
    """
    found = await site.ask(
        "SELECT run, first, line, began, name, next, chain,"
        " (SELECT count(*) FROM steadyline.quarantine AS q WHERE q.run = r.run)"
        " FROM steadyline.runs AS r ORDER BY began, run"
    )
    return [Run(*row) for row in found]


async def broken(site: Site) -> dict[int, int]:
    """Return the first record that is not what was written, by run, as the database itself finds it.

    Raises
    ------
    Away
        If it cannot be reached, or will not do.
    """
    return {int(run): int(seq) for run, seq in await site.ask("SELECT run, seq FROM steadyline.breaks")}


async def fetch(site: Site, run: Run, out: Path) -> Verified:
    """Make the record of a run again, and return what was found about it.

    A record in quarantine is only a place in the chain here: the verifier names the first of them.

    Parameters
    ----------
    site
        The database.
    run
        Which run.
    out
        Record directory; made if it is not there.

    Raises
    ------
    FileExistsError
        If there is a record already.
    Away
        If the database cannot be reached, or will not do.
    OSError
        If it cannot be written.
    """
    part = _place(out)
    with told(OSError, f"{out}: the record cannot be written"):
        schema = f"BEGIN; {SCHEMA}; PRAGMA user_version={FORMAT}; COMMIT"
        with closing(connect(part, write=True, schema=schema)) as db:
            await _filled(site, run.run, db)
            list(db.execute("PRAGMA journal_mode=DELETE"))
    part.replace(out / FILE)
    return verify(out, Head(run.next - 1, run.chain))


def _place(out: Path) -> Path:
    """Return the file that is to become the record of a directory."""
    if (out / FILE).exists():
        raise FileExistsError(f"{out}: a record is already there; choose another directory")
    out.mkdir(parents=True, exist_ok=True)
    part = out / f"{FILE}.part"
    part.unlink(missing_ok=True)
    return part


async def _filled(site: Site, run: int, db: Connection) -> None:
    for seq in range(0, await _last(site, run), _A_TIME):
        rows = await site.ask(
            "SELECT seq, kind, at, body, chain, digest FROM steadyline.places"
            " WHERE run = %s AND seq BETWEEN %s AND %s ORDER BY seq",
            *(run, seq, seq + _A_TIME - 1),
        )
        _put(db, "INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", rows)
    tags = await site.ask("SELECT tag, name, unit, length FROM steadyline.tags WHERE run = %s", run)
    _put(db, "INSERT INTO tags VALUES (?, ?, ?, ?)", tags)
    blocks = await site.ask(
        "SELECT block, first, last, count, begins, ends, times FROM steadyline.blocks WHERE run = %s", run
    )
    _put(db, "INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?)", blocks)
    for block, *_ in blocks:
        places = [(tag << BITS) | block for tag, *_ in tags]
        chunks = await site.ask(
            "SELECT place, body FROM steadyline.chunks WHERE run = %s AND place = ANY(%s)", run, places
        )
        _put(db, "INSERT INTO chunks VALUES (?, ?)", chunks)


async def _last(site: Site, run: int) -> int:
    ((count,),) = await site.ask("SELECT coalesce(max(seq), -1) + 1 FROM steadyline.places WHERE run = %s", run)
    return int(count)


def _put(db: Connection, sql: str, rows: list[tuple[Any, ...]]) -> None:
    """Write rows in one transaction."""
    list(db.execute("BEGIN"))
    list(db.executemany(sql, [*rows]))
    list(db.execute("COMMIT"))
