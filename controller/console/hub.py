"""One stream of changes to many browsers: encoded once for all who see the same page; who is slow misses the oldest."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from controller.console.board import Board
from controller.console.picture import Picture
from controller.console.slot import Slot
from controller.console.words import Cell
from plant_io.clocks import WallClock

BETWEEN_S = 0.2
"""Shortest wall time between two updates of a page [s]."""
BEAT_S = 1.0
"""Wall time between two signs of life [s]."""
HELD = 8
"""Updates kept for a browser that is slow; then it is given all of the page at once [1]."""
MOST = 400
"""Most browsers at the same time [1]."""


_Value = TypeVar("_Value")


class Full(RuntimeError):  # noqa: N818  # the condition, in the words of the field
    """There are as many browsers as there may be."""


@dataclass(eq=False, slots=True)
class Client:
    """One browser that looks at one page."""

    topic: str
    """What it looks at."""
    waiting: deque[bytes] = field(default_factory=deque[bytes])
    """Updates it has not taken yet, oldest first."""
    behind: bool = True
    """Whether it must be given all of the page, since it has missed something."""
    dropped: int = 0
    """Updates it has missed [1]."""
    over: bool = False
    """Whether its page is of a run that is not shown any more."""
    more: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there is something to take."""

    def give(self, message: bytes) -> None:
        """Let it have an update; if it does not keep up, it is to be given all of the page later."""
        if len(self.waiting) >= HELD:
            self.dropped += len(self.waiting)
            self.waiting.clear()
            self.behind = True
        else:
            self.waiting.append(message)
        self.more.set()


@dataclass(slots=True)
class _Topic:
    clients: set[Client] = field(default_factory=set[Client])
    shown: Picture | None = None
    rows_to: float = float("-inf")


class Hub:
    """Tells browsers what has changed.

    Parameters
    ----------
    slot
        Where the loop leaves its cycles.
    board
        What is known of the run.
    draw
        Gives what a page shows now, by its topic.
    """

    def __init__(self, slot: Slot, board: Board, draw: Callable[[Board, str], Picture]) -> None:
        self._slot, self.board, self._draw = slot, board, draw
        self._topics = dict[str, _Topic]()
        self._timer: asyncio.TimerHandle | None = None
        self._clock = WallClock()
        self._last, self._number = self._clock.now(), 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.closing = False
        """Whether the console ends."""
        self.bytes = 0
        """Size of all updates, each counted once however many browsers it went to [B]."""

    @property
    def clients(self) -> int:
        """How many browsers look [1]."""
        return sum(len(topic.clients) for topic in self._topics.values())

    @property
    def quiet_s(self) -> float:
        """Wall time since the newest cycle came [s]."""
        return self._clock.now() - self._last

    def open(self) -> None:
        """Begin; called in the loop of the console."""
        loop = asyncio.get_running_loop()
        self._slot.wakes(lambda: loop.call_soon_threadsafe(self._woken))
        self._tasks.add(loop.create_task(self._beating()))
        self._woken()

    def close(self) -> None:
        """Let every stream end."""
        self.closing = True
        self._slot.wakes(None)
        for task in self._tasks:
            task.cancel()
        for topic in self._topics.values():
            for client in topic.clients:
                client.more.set()

    def follow(self, board: Board) -> None:
        """Show another run from now on; every stream ends, since pages were made for the one before."""
        self.board = board
        before, self._topics = self._topics, {}
        for topic in before.values():
            for client in topic.clients:
                client.over = True
                client.more.set()

    def catch_up(self) -> None:
        """Take what the loop has left."""
        found = self._slot.take()
        if found:
            self._last = self._clock.now()
            self.board.fold(found)

    def _woken(self) -> None:
        if self._timer is None and not self.closing:
            self._timer = asyncio.get_running_loop().call_later(BETWEEN_S, self._tell)
            self._tell_now()

    def _tell(self) -> None:
        self._timer = None
        if not self.closing:
            self._tell_now()

    def _tell_now(self) -> None:
        before = self.board.at
        self.catch_up()
        if self.board.at == before:
            return
        self._number += 1
        for name, topic in list(self._topics.items()):
            if topic.clients:
                message = self._change(name, topic)
                self.bytes += len(message)
                for client in topic.clients:
                    client.give(message)

    def _change(self, name: str, topic: _Topic) -> bytes:
        new, old = self._draw(self.board, name), topic.shown
        topic.shown = new
        if old is None or list(old.cells) != list(new.cells):
            data: dict[str, object] = {"full": 1, "c": new.cells, "h": new.parts, "x": new.extras}
        else:
            data = {
                "d": _moved(old.cells, new.cells),
                "h": _changed(old.parts, new.parts),
                "x": _changed(old.extras, new.extras),
            }
        if new.tags:
            times, values = self.board.ring.since(new.tags, topic.rows_to)
            topic.rows_to = self.board.at
            data["t"] = {"at": times.tolist()} | dict(zip(new.tags, values, strict=True))
        return self._written({key: value for key, value in data.items() if value})

    def _whole(self, name: str) -> bytes:
        new, topic = self._draw(self.board, name), self._topics[name]
        topic.shown = topic.shown or new
        return self._written({"full": 1, "c": new.cells, "h": new.parts, "x": new.extras})

    def _written(self, data: Mapping[str, object]) -> bytes:
        said = json.dumps({"n": self._number, **data}, separators=(",", ":"), ensure_ascii=False)
        return f"id: {self._number}\ndata: {said}\n\n".encode()

    async def _beating(self) -> None:
        clock = WallClock()
        while True:
            await clock.sleep_until(clock.now() + BEAT_S)
            beat = f"event: beat\ndata: {self.quiet_s:.1f}\n\n".encode()
            for topic in self._topics.values():
                for client in topic.clients:
                    client.give(beat)

    async def stream(self, name: str, live: Callable[[], bool]) -> AsyncIterator[bytes]:
        """Give what a page shows, all of it and then every change, until the browser goes.

        Parameters
        ----------
        name
            Topic of the page.
        live
            Whether whoever looks may still do so.

        Raises
        ------
        Full
            If there are too many browsers.
        """
        if self.clients >= MOST:
            raise Full("there are too many browsers at this console")
        topic, client = self._topics.setdefault(name, _Topic()), Client(name)
        if not topic.clients:
            topic.shown, topic.rows_to = None, self.board.at
        topic.clients.add(client)
        try:
            yield b"retry: 1000\n\n"
            while not self.closing and not client.over and live():
                if client.behind:
                    client.behind = False
                    client.waiting.clear()
                    yield self._whole(name)
                elif client.waiting:
                    yield client.waiting.popleft()
                else:
                    client.more.clear()
                    await client.more.wait()
        finally:
            topic.clients.discard(client)
            if not topic.clients and self._topics.get(name) is topic:
                del self._topics[name]  # there may be a sheet of the alarms for every number


def _moved(old: Mapping[str, Cell], new: Mapping[str, Cell]) -> dict[int, str | Cell]:
    """Return the cells that changed by their place among all, as a text alone where nothing is abnormal."""
    pairs = enumerate(zip(old.values(), new.values(), strict=True))
    return {place: cell if cell.state else cell.text for place, (before, cell) in pairs if before != cell}


def _changed(old: Mapping[str, _Value], new: Mapping[str, _Value]) -> dict[str, _Value]:
    return {key: value for key, value in new.items() if key not in old or old[key] != value}
