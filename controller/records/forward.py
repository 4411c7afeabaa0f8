"""Copies records to the database of a site: in order, each once, whatever is killed, and never in the writer's way.

What is to be copied is what the record holds and the database does not; nothing else is kept of it. A batch goes in
whole or not at all. A record that the database refuses again and again for what it is goes into quarantine, its place
in the chain is noted there, and those after it follow.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from controller.records import quarantine
from controller.records.entry import Entry
from controller.records.outbox import About, Batch, Mark, Outbox
from controller.records.site import Away, Poison, Unfit
from controller.records.standing import STATUS, Standing
from plant_io import Clock

TRIES = 3
"""How often a record is refused before it goes into quarantine [1]."""
MOST_REFUSED = 20
"""Records refused one after another at which it is the database that is wrong [1]."""
SHORTEST_S, LONGEST_S = 1.0, 60.0
"""Shortest and longest wait before it is tried again [s]."""


class Database(Protocol):
    """Where records are copied to."""

    @property
    def name(self) -> str:
        """Return which database it is."""
        ...

    async def open(self) -> None:
        """Connect, unless that was done."""
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...

    async def resume(self, about: About) -> Mark:
        """Return how far the copy of a record goes."""
        ...

    async def put(self, about: About, before: Mark, batch: Batch) -> Mark:
        """Copy records, all or none, and return how far the copy goes then."""
        ...

    async def set_aside(self, about: About, before: Mark, entry: Entry, reason: str) -> Mark:
        """Note that a record is kept elsewhere, and return how far the copy goes then."""
        ...


@dataclass(slots=True)
class Forwarder:
    """Copies the records of some directories."""

    database: Database
    """Where they are copied to."""
    clock: Clock
    """Tells the time, and waits."""
    say: Callable[[str], None] = lambda _: None
    """Told in a sentence what changes."""
    pause_s: float = SHORTEST_S
    """Wait before it is tried again after a failure [s]."""
    _troubles: dict[Path, str] = field(default_factory=dict[Path, str])
    _refused: int = 0
    _out: bool = False

    async def all(self, directories: Iterable[Path]) -> bool:
        """Copy what is there of each record while the database is there; return whether nothing is left that was."""
        done, self._out = True, False
        for directory in directories:
            done = await self.one(directory) and done
            if self._out:
                return False
        return done

    async def one(self, directory: Path) -> bool:
        """Copy what is there of one record, and return whether nothing is left that was there."""
        try:
            outbox = Outbox(directory)
        except FileNotFoundError:
            return True
        except ValueError as error:
            self._tell(directory, str(error))
            return False
        try:
            await self._copied(directory, outbox)
        except (Away, ValueError, OSError) as error:
            self._out = isinstance(error, Away)
            if self._out:
                self.pause_s = LONGEST_S if isinstance(error, Unfit) else min(LONGEST_S, 2.0 * self.pause_s)
            self._note(directory, outbox, None, str(error))
            return False
        finally:
            outbox.close()
        return True

    async def _copied(self, directory: Path, outbox: Outbox) -> None:
        """Copy batch after batch until nothing is left."""
        await self.database.open()
        mark = await self.database.resume(outbox.about)
        outbox.check(mark)
        while (batch := outbox.after(mark)) is not None:
            mark, self.pause_s = await self._put(directory, outbox.about, mark, batch), SHORTEST_S
            late = sum(entry.digest is not None for entry in batch.entries)
            if late:
                self.say(f"site copy: the bodies of {late} records of {directory} were removed before they were copied")
            self._note(directory, outbox, mark)
        self._note(directory, outbox, mark)

    async def _put(self, directory: Path, about: About, mark: Mark, batch: Batch) -> Mark:
        """Copy a batch; where the database refuses it, find the record it does not take."""
        if len(batch.entries) == 1:
            return await self._alone(directory, about, mark, batch)
        try:
            mark = await self.database.put(about, mark, batch)
        except Poison:
            for half in batch.halves():
                mark = await self._put(directory, about, mark, half)
        else:
            self._refused = 0
        return mark

    async def _alone(self, directory: Path, about: About, mark: Mark, batch: Batch) -> Mark:
        """Copy one record, or put it into quarantine when it was refused often enough."""
        reason, entry = "", batch.entries[0]
        for attempt in range(TRIES):
            try:
                mark = await self.database.put(about, mark, batch)
            except Poison as error:
                reason = str(error)
                await self.clock.sleep_until(self.clock.now() + SHORTEST_S * 2.0**attempt)
            else:
                self._refused = 0
                return mark
        if self._refused >= MOST_REFUSED:
            raise Unfit(f"{MOST_REFUSED} records were refused one after another, and then one more: {reason}")
        file = quarantine.put(directory, entry, reason)
        mark = await self.database.set_aside(about, mark, entry, reason)
        self._refused += 1
        self.say(f"site copy: record {entry.seq} ({entry.kind}) of {directory} is in quarantine, {file}: {reason}")
        return mark

    def _note(self, directory: Path, outbox: Outbox, mark: Mark | None, trouble: str = "") -> None:
        """Keep how a copy stands, for whoever wants to know; where the mark is not known, as far as it was."""
        self._tell(directory, trouble)
        with suppress(OSError, ValueError):
            before = Standing.read(directory) or Standing()
            following = before.next if mark is None else mark.next
            count, closed = outbox.end()
            found = Standing(
                line=outbox.about.line,
                database=self.database.name,
                at=self.clock.now(),
                next=following,
                behind=max(0, count - following),
                since=outbox.since(following),
                quarantined=sum(1 for _ in quarantine.held(directory)),
                complete=mark is not None and closed and count == following,
                trouble=trouble,
            )
            if replace(found, at=before.at) != before:
                quarantine.write_durably(directory / STATUS, json.dumps(asdict(found)).encode())

    def _tell(self, directory: Path, trouble: str) -> None:
        """Say what is wrong once, and once that it is over."""
        before = self._troubles.get(directory, "")
        if trouble != before:
            self._troubles[directory] = trouble
            said = f"{trouble}; what is recorded waits" if trouble else "goes on"
            self.say(f"site copy of {directory} to {self.database.name}: {said}")


async def follow(
    forwarder: Forwarder, directories: Callable[[], Iterable[Path]], every_s: float, over: asyncio.Event
) -> None:
    """Copy what comes until it is over, then once what is left, as far as the database takes it.

    Parameters
    ----------
    forwarder
        Copies.
    directories
        Gives the records, anew each time.
    every_s
        Time from one look for new records to the next [s].
    over
        Set when it is over.
    """
    clock = forwarder.clock
    while True:
        last = over.is_set()
        done = await forwarder.all(directories())
        if last:
            break
        pause_s = every_s if done else max(every_s, forwarder.pause_s)
        await _first(clock.sleep_until(clock.now() + pause_s), over.wait())
    await forwarder.database.close()


async def _first(*waits: Coroutine[None, None, object]) -> None:
    """Wait for the first of these, and let the others go."""
    tasks = [asyncio.ensure_future(each) for each in waits]
    _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for each in left:
        each.cancel()
    await asyncio.gather(*left, return_exceptions=True)
