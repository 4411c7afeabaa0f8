"""A database of a site for a test, and what is in it beside what should be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from postgres import Server

from controller.records.entry import entries
from controller.records.forward import Forwarder
from controller.records.site import Site
from plant_io.clocks import SimClock
from policies.site import SiteCopy

ROWS = "SELECT seq, kind, at, body, chain, digest FROM steadyline.records ORDER BY run, seq"


@contextmanager
def serving(*options: str, **more: Any) -> Iterator[Server]:
    """Start a server in a folder that its own user may enter."""
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        server = Server(Path(folder), options, **more)
        try:
            asyncio.run(Site(server.site("owner")).prepare("steadyline"))
            yield server
        finally:
            server.end()


def copied(site: SiteCopy, *records: Path) -> tuple[list[str], bool]:
    said = list[str]()

    async def work() -> bool:
        database = Site(site)
        try:
            return await Forwarder(database, SimClock(0.0), said.append).all(records)
        finally:
            await database.close()

    return said, asyncio.run(work())


def same(server: Server, *records: Path) -> bool:
    """Return whether the database holds exactly these records, bit for bit."""
    wanted = [(e.seq, e.kind, e.at, e.body, e.chain, e.digest) for each in records for e in entries(each)]
    return [tuple(row) for row in server.rows(ROWS)] == wanted
