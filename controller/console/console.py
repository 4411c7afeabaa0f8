"""What answers browsers, in a thread with a loop of its own: started, told of another policy, and put away again."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

import uvicorn

from controller.console.app import app
from controller.console.board import Board
from controller.console.doors import PORT, Doors
from controller.console.hall import Hall, Inbox
from controller.console.hub import Hub
from controller.console.pages import Pages
from controller.console.slot import Left, Seen, Slot
from controller.cycle import Cycle
from controller.kit import Kit
from controller.people import People
from controller.state import State

_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the console is about."""

    kit: Kit
    """The policy, made ready."""
    record: Path | None
    """Record directory; None where none is kept."""
    inbox: Inbox
    """Where orders go."""
    people: People | None
    """The users who may use it; None where anybody at this machine may."""


class Console:
    """The operator console of one run.

    Parameters
    ----------
    shown
        What it is about.
    doors
        Where it is served.
    at
        Socket at which browsers are awaited; None for one of its own.

    Raises
    ------
    OSError
        If it cannot be served there.
    """

    def __init__(self, shown: Shown, doors: Doors, at: socket.socket | None = None) -> None:
        self._slot, pages = Slot(), Pages()
        hub = Hub(self._slot, Board(shown.kit, shown.record), pages.draw)
        self.hall = Hall(hub, pages, doors, shown.inbox, shown.people)
        self._context = doors.context()
        self._socket = bound(doors) if at is None else at
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server = uvicorn.Server(self._config(doors))
        self._up = Event()
        self._thread = Thread(target=self._run, name="console", daemon=True)
        self._thread.start()
        self._up.wait(_PATIENCE_S)

    @property
    def url(self) -> str:
        """Address for a browser."""
        return address(self._socket, self.hall.doors)

    def __call__(self, cycle: Cycle, state: State) -> None:
        """Take what a cycle did and left; called by the loop, which never waits here."""
        self.take(Seen(cycle, Left.of(state)))

    def take(self, seen: Seen) -> None:
        """Take what a cycle did and left, as far as pages look at it."""
        self._slot(seen)

    def follow(self, shown: Shown) -> None:
        """Show another run, in the same process, from now on; returns once its cycles may come."""
        board, done = Board(shown.kit, shown.record), Event()

        def turn() -> None:
            self._slot.take()
            self.hall.hub.follow(board)
            self.hall.inbox, self.hall.people = shown.inbox, shown.people
            done.set()

        if self._ask(turn):
            done.wait(_PATIENCE_S)

    def close(self, within_s: float = 3.0) -> None:
        """End it, waiting for at most `within_s` [s]."""
        self._ask(self.hall.hub.close)
        self.hall.beside.close()
        self._server.should_exit = True
        self._thread.join(within_s)
        self._socket.close()

    def _ask(self, what: Callable[[], None]) -> bool:
        if self._loop is None or not self._loop.is_running():
            return False
        self._loop.call_soon_threadsafe(what)
        return True

    def _config(self, doors: Doors) -> uvicorn.Config:
        config = uvicorn.Config(
            app(self.hall),
            http="h11",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            log_level="critical",
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=1,
            limit_concurrency=1000,
        )
        config.load()
        if doors.secure:
            config.ssl = self._context
        return config

    def _run(self) -> None:
        async def serve() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_later(0.0, self._up.set)
            await self._server.serve([self._socket])

        try:
            asyncio.run(serve())
        finally:
            self._up.set()


def address(at: socket.socket, doors: Doors) -> str:
    """Return the address for a browser of a socket at which it is awaited."""
    host, port = at.getsockname()[:2]
    named = f"[{host}]" if ":" in host else host
    return f"{'https' if doors.secure else 'http'}://{named}:{port}/"


def bound(doors: Doors) -> socket.socket:
    """Return the socket the console listens at.

    Raises
    ------
    OSError
        If somebody else listens there, or there is no such address.
    """
    family, kind, _, _, where = socket.getaddrinfo(doors.host, 0, type=socket.SOCK_STREAM)[0]
    wanted = PORT if doors.port is None else doors.port
    for port in (wanted, *([0] if doors.port is None else [])):
        found = socket.socket(family, kind)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind((where[0], port))
        except OSError as error:
            found.close()
            if error.errno != errno.EADDRINUSE or port == 0 or doors.port is not None:
                raise
            continue
        found.listen(128)
        found.settimeout(0.0)
        return found
    raise OSError(errno.EADDRINUSE, "the address is in use")
