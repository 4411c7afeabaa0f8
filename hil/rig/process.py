"""The PLC process from outside: start it, stop it, kill it, start it again on the same ports."""

from __future__ import annotations

import json
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import urlsplit

from hil.faults.course import Handled, Setup, Turn
from hil.plants.faults import Fault
from hil.plants.noise import Mismatch

_GRACE_S = 10.0


class NotServing(RuntimeError):  # noqa: N818  # the state of the process, in the words of the rig
    """The PLC process did not come up; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a PLC process serves."""

    line: str
    """Name of the simulated line."""
    policy: Path | None = None
    """Policy that names the tags; the shipped one if None."""
    lockstep: bool = True
    """Whether plant time waits for the controller."""
    speed: float = 1.0
    """Plant seconds per wall second, where it does not wait [1]."""
    seed: int = 1
    """Seed of the line [1]."""
    start: float = 1.7e9
    """Instant of plant time 0, POSIX time [s]; where plant time does not wait, the present."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, and when."""
    turns: tuple[Turn, ...] = ()
    """What people at the plant turn."""
    setups: Mapping[str, Setup] = field(default_factory=dict[str, Setup])
    """How its PLCs are set up, by connection, where that differs from the line's own."""
    handled: tuple[Handled, ...] = ()
    """What operators do at the stations of loops."""
    mismatch: Mismatch = 1.0
    """Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1]."""
    for_s: float = 86400.0
    """How long the run is to be, within which links fail at random [s]."""
    truth: Path | None = None
    """Where the truth log is left when the process is stopped."""


class PlcProcess:
    """A PLC process of our own; it ends with us, whatever happens to us.

    Calls block; from a running event loop, use ``asyncio.to_thread``.

    Parameters
    ----------
    served
        What it serves.
    patience_s
        Longest wait for both servers to listen, wall time [s].
    """

    def __init__(self, served: Served, patience_s: float = 60.0) -> None:
        self.served = served
        self.connect: Mapping[str, str] = {}
        """Where to connect, by connection."""
        self.lead: Mapping[str, str] = {}
        """Where it is led, by connection: no link that fails lies between."""
        self.epoch = served.start
        """Instant of plant time 0 of the first life, POSIX time [s]."""
        self._begun = False
        self._patience_s = patience_s
        self._child: subprocess.Popen[str] | None = None
        self._said: IO[str] | None = None
        self._last = ""

    def start(self) -> Self:
        """Start the process and wait until it listens, on the ports it had before if there were any.

        Raises
        ------
        NotServing
            If it does not listen in time.
        """
        self._said = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # closed in `_reap`
        self._child = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            start_new_session=True,  # Ctrl-C is for the controller, which hands the loops back while the plant lives
        )
        line = _line(self._child.stdout, self._patience_s)
        if not line:
            words = self._words()
            self.kill()
            raise NotServing(f"the PLC process of line {self.served.line} did not come up in time; it said: {words}")
        said = json.loads(line)
        self.connect, self.lead = said["connect"], said["lead"]
        self.epoch = self.epoch if self._begun else said["epoch"]
        self._begun = True
        return self

    def stop(self) -> int:
        """Ask the process to end, which leaves its truth log, and return its exit status."""
        if self._child is not None:
            self._child.terminate()
        return self._reap()

    def kill(self) -> None:
        """End the process at once; no truth log is left."""
        if self._child is not None:
            self._child.kill()
        self._reap()

    def restart(self) -> None:
        """Kill the process and start it again on the same ports, with a fresh plant whose time begins in the present.

        Raises
        ------
        NotServing
            If it does not listen in time.
        """
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _command(self) -> Sequence[str]:
        served = self.served
        given: dict[str, object] = {
            "--clock": "lockstep" if served.lockstep else "wall",
            "--speed": served.speed,
            "--seed": served.seed,
            "--start": served.start,
            "--mismatch": served.mismatch,
            "--for": served.for_s,
            "--faults": json.dumps([asdict(fault) for fault in served.faults]),
            "--turns": json.dumps([asdict(turn) for turn in served.turns]),
            "--handled": json.dumps([asdict(handled) for handled in served.handled]),
            "--setups": json.dumps({name: asdict(setup) for name, setup in served.setups.items()}),
        }
        if self._begun and not served.lockstep:
            given["--origin"] = self.epoch
        files = {"--policy": served.policy, "--truth": served.truth}
        given |= {name: path for name, path in files.items() if path is not None}
        for address in self.connect.values():
            given["--opcua" if "://" in address else "--modbus"] = _port(address)
        options = [text for name, value in given.items() for text in (name, str(value))]
        return [sys.executable, "-m", "hil.serve", served.line, "--tether", *options]

    @property
    def outlet(self) -> int:
        """File descriptor of a pipe that ends when the process does; -1 if there is none [1]."""
        child = self._child
        return -1 if child is None or child.stdout is None else child.stdout.fileno()

    @property
    def said(self) -> str:
        """The last line that an ended process said on its standard error; empty for none."""
        return self._last

    def _words(self) -> str:
        """Return what the process said on its standard error, without trailing space."""
        if self._said is None:
            return ""
        self._said.seek(0)
        return self._said.read().strip()

    def _reap(self) -> int:
        child, self._child = self._child, None
        if child is None:
            return 0
        try:
            child.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            child.kill()
        self._last = self._words().rpartition("\n")[2]
        for pipe in (child.stdin, child.stdout, self._said):
            if pipe is not None:
                pipe.close()
        return child.wait()


def _line(source: IO[str] | None, patience_s: float) -> str:
    """Return the first line of a pipe, or nothing if none comes in time.

    Parameters
    ----------
    source
        The pipe.
    patience_s
        Longest wait, wall time [s].
    """
    if source is None:
        return ""
    with selectors.DefaultSelector() as watch:
        watch.register(source, selectors.EVENT_READ)
        return source.readline() if watch.select(patience_s) else ""


def _port(address: str) -> int | None:
    return urlsplit(address if "://" in address else f"//{address}").port
