"""The console in a process of its own, so that no page, however heavy, is ever worked out where the loop is.

The loop leaves each cycle in a list of bounded length; a thread writes them to the process. When that stands still, the
list gives up the oldest; when it dies, another is started at the same socket, and browsers come back to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from socket import socketpair
from tempfile import TemporaryFile
from threading import Event, Lock, Thread
from typing import IO

from controller.console.console import address, bound
from controller.console.doors import Doors
from controller.console.hall import Inbox
from controller.console.slot import Left, Seen, Slot
from controller.console.wire import Opening, ordered, written
from controller.cycle import Cycle
from controller.state import State
from plant_io.clocks import stopwatch

PATIENCE_S = 10.0
"""Longest wait for the process at the beginning [s]."""
_AGAIN_S = (0.0, 1.0, 5.0, 30.0)
_LONG_S = 60.0
_TRACE = 65536
_ALONE = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(slots=True)
class _Life:
    """One life of the process."""

    process: subprocess.Popen[bytes]
    """The process."""
    link: Connection
    """Our end of the link to it."""
    words: IO[bytes]
    """What it writes where people would read it."""
    up: bool = False
    """Whether it has been ready for browsers."""

    def trace(self) -> str:
        """Return the end of what it wrote, empty where it wrote nothing."""
        self.words.seek(max(0, self.words.seek(0, os.SEEK_END) - _TRACE))
        return self.words.read().decode(errors="replace").strip()


class Apart:
    """The operator console of one run, in a process of its own.

    Parameters
    ----------
    opening
        What it is about.
    inbox
        Where orders go.
    say
        Told in a sentence when the process ends that should not; once where none starts for one and the same reason.
    log
        Told what such a process wrote before, its traceback.

    Raises
    ------
    OSError
        If it cannot be served there.
    """

    def __init__(
        self, opening: Opening, inbox: Inbox, say: Callable[[str], None], log: Callable[[str], None] = lambda _: None
    ) -> None:
        opening.doors.context()  # what is wrong with a certificate is told at once
        self._opening, self._inbox, self._say, self._turning = opening, inbox, say, Lock()
        self._log, self._wrong = log, ""
        self._slot, self._news = Slot(), Event()
        self._slot.wakes(self._news.set)
        self._socket = bound(opening.doors)
        self._up, self._over = Event(), Event()
        self._life: _Life | None = None
        self._thread = Thread(target=self._keep, name="console", daemon=True)
        self._thread.start()
        self._up.wait(PATIENCE_S)

    @property
    def url(self) -> str:
        """Address for a browser."""
        return address(self._socket, self._opening.doors)

    @property
    def doors(self) -> Doors:
        """Where it is served."""
        return self._opening.doors

    @property
    def process(self) -> int:
        """Number of the process that answers browsers; 0 while there is none."""
        return 0 if self._life is None else self._life.process.pid

    def __call__(self, cycle: Cycle, state: State) -> None:
        """Take what a cycle did and left; called by the loop, which never waits here."""
        self._slot(Seen(cycle, Left.of(state)))

    def follow(self, opening: Opening, inbox: Inbox) -> None:
        """Show another run, at the same doors, from now on."""
        with self._turning:  # cycles of one run are never told of as those of the other
            self._slot.take()
            self._opening, self._inbox = opening, inbox
        self._news.set()

    def close(self, within_s: float = 5.0) -> None:
        """End it, waiting for at most `within_s` [s]; what has not ended by then is killed."""
        self._over.set()
        self._news.set()
        self._thread.join(within_s)
        if self._thread.is_alive():
            if (life := self._life) is not None:
                life.process.kill()
            self._thread.join()
        self._socket.close()

    def _keep(self) -> None:
        """Start a process, feed it, take orders from it, and start another one when it dies."""
        died = 0
        while not self._over.is_set():
            watch = stopwatch()
            try:
                life = self._started()
            except OSError as error:
                self._tell("", str(error), up=False)
                self._over.wait(_AGAIN_S[-1])
                continue
            feeder = Thread(target=self._feed, args=(life,), name="console feed", daemon=True)
            feeder.start()
            self._hear(life)
            status = life.process.wait()
            self._life = None
            self._news.set()
            feeder.join()
            life.link.close()
            with life.words:
                trace = life.trace()
            if not self._over.is_set():
                self._tell(trace, f"status {status}", up=life.up)
                died = 1 if watch() > _LONG_S else died + 1
                self._over.wait(_AGAIN_S[min(died, len(_AGAIN_S)) - 1])

    def _tell(self, trace: str, how: str, *, up: bool) -> None:
        """Say why a process ended, and what is done about it."""
        why = trace.rpartition("\n")[2] or how
        known, self._wrong = self._wrong, "" if up else why
        if why == known:
            return
        if up:
            self._say(f"console: its process ended with {why}; another one is started")
        else:
            retried = f"it is tried again, in the end every {_AGAIN_S[-1]:g} s"
            self._say(f"console: its process cannot start: {why}; {retried}")
        if trace:
            self._log(trace)
        self._up.set()

    def _started(self) -> _Life:
        ours, theirs = socketpair()
        given = theirs.fileno(), self._socket.fileno()
        # The tracker of a child that was killed frees its semaphores; people need not be told of them.
        quiet = ["-W", "ignore:resource_tracker"]
        words = [sys.executable, "-P", *quiet, "-m", "controller.console.child", *map(str, given)]
        env, said = {**os.environ, **_ALONE}, TemporaryFile()  # noqa: SIM115  # it lives as long as the process
        with theirs:
            process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
                words, stdin=subprocess.DEVNULL, stderr=said, pass_fds=given, start_new_session=True, env=env
            )
        life = self._life = _Life(process, Connection(ours.detach()), said)
        return life

    def _feed(self, life: _Life) -> None:
        """Write to a process what it is about and every cycle, until it or the run is over."""
        told: Opening | None = None
        try:
            while self._life is life and not self._over.is_set():
                with self._turning:
                    opening, left = self._opening, self._slot.take()
                if opening is not told:
                    life.link.send_bytes(written(opening))
                    told = opening
                for seen in left:
                    life.link.send_bytes(written(seen))
                self._news.wait()
                self._news.clear()
            life.link.send_bytes(b"")
        except OSError:
            return  # it has just died
        except Exception as error:  # noqa: BLE001  # whatever cannot be shown is no reason to stop controlling
            self._say(f"console: {error}")
            life.process.kill()

    def _ready(self, life: _Life) -> None:
        life.up = True
        if self._wrong:
            self._say("console: its process has started now")
            self._wrong = ""

    def _hear(self, life: _Life) -> None:
        """Take what a process sends back: that it is ready, and orders."""
        with suppress(EOFError, OSError):
            while True:
                data = life.link.recv_bytes()
                self._up.set()
                if not data:
                    self._ready(life)
                    continue
                try:
                    self._inbox.put(ordered(data))
                except ValueError as error:
                    self._say(f"console: {error}")
