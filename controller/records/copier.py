"""The process beside a run that copies its record to the database of the site; the run waits for it at no time.

It reads what it is to do from its standard input and ends with it: it lives on for a moment when the run is killed,
copies what is left, and goes. When it is killed itself, the run starts another one.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event, Lock, Thread
from typing import IO

from policies.site import SiteCopy

PATIENCE_S = 10.0
"""Longest wait at the end of a run for what is left to be copied [s]."""
_AGAIN_S = 5.0


class Copier:
    """Keeps one process that copies the records of a run.

    Parameters
    ----------
    site
        What the policy says.
    pki
        Folder of keys.
    say
        Told what the process says, in sentences.
    """

    def __init__(self, site: SiteCopy, pki: Path, say: Callable[[str], None]) -> None:
        self._said = {"site": site.plain(), "pki": str(pki)}
        self._say = say
        self._records = list[Path]()
        self._child: subprocess.Popen[bytes] | None = None
        self._lock, self._over = Lock(), Event()
        self._thread = Thread(target=self._keep, name="site copy", daemon=True)
        self._thread.start()

    def take(self, records: Iterable[Path]) -> None:
        """Copy these records, too."""
        with self._lock:
            new = [str(each.resolve()) for each in records]
            self._records += map(Path, new)
            self._tell(self._child, new)

    def close(self, patience_s: float = PATIENCE_S) -> None:
        """Let it copy what is left and go.

        Parameters
        ----------
        patience_s
            Longest wait [s]; what is not copied by then is copied by the next run beside, or by ``copy send``.
        """
        with self._lock:
            self._over.set()
            child = self._child
            if child is not None and child.stdin is not None:
                _shut(child.stdin)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            if child is not None:
                child.kill()
            self._thread.join()

    def _tell(self, child: subprocess.Popen[bytes] | None, records: list[str]) -> None:
        if child is not None and child.stdin is not None:
            try:
                child.stdin.write(json.dumps({**self._said, "records": records}).encode() + b"\n")
                child.stdin.flush()
            except OSError:
                return  # it has just died; the next one is told everything

    def _keep(self) -> None:
        """Start a process, pass on what it says, and start another one when it dies."""
        command = [sys.executable, "-m", "controller.records.copier"]
        while True:
            with self._lock:
                if self._over.is_set():
                    return
                child = subprocess.Popen(  # noqa: S603  # our own words
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
                self._child = child
                self._tell(child, [str(each) for each in self._records])
            for line in child.stdout or ():
                self._say(line.decode(errors="replace").rstrip())
            status = child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    _shut(pipe)
            if not self._over.is_set():
                self._say(f"site copy: its process ended with status {status}; another one is started")
                self._over.wait(_AGAIN_S)


def _shut(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except OSError:
        return  # it has just died


def serve() -> None:
    """Copy what the standard input names until it ends, then once what is left; the loop comes first."""
    for name in (signal.SIGINT, signal.SIGTERM):  # a service manager tells everybody; the run says when it is over
        signal.signal(name, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(5)
    records, first = list[Path](), json.loads(sys.stdin.buffer.readline() or b"null")
    if first is None:
        return
    records += map(Path, first["records"])
    site = SiteCopy.model_validate(first["site"])
    asyncio.run(_copied(site, Path(first["pki"]), records))


async def _copied(site: SiteCopy, pki: Path, records: list[Path]) -> None:
    from controller.records.forward import Forwarder, follow  # noqa: PLC0415  # only in the process itself
    from controller.records.site import Site  # noqa: PLC0415  # the same
    from plant_io.clocks import WallClock  # noqa: PLC0415  # the same

    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def listen() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(records.extend, [Path(each) for each in json.loads(line)["records"]])
        loop.call_soon_threadsafe(over.set)

    Thread(target=listen, daemon=True).start()
    forwarder = Forwarder(Site(site, pki), WallClock(), lambda said: print(said, flush=True))  # noqa: T201  # read by the run
    await follow(forwarder, lambda: list(records), site.every_s, over)


if __name__ == "__main__":
    serve()
