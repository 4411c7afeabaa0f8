"""Kills a producer, a forwarder and PostgreSQL in turn, and looks at what is left; run as a program, it prints it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from killed import write
from postgres import Server
from recorded import Signals

from controller.records.entry import entries
from controller.records.site import Site
from controller.records.verify import verify

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"


@dataclass
class Station:
    """A producer of records and a forwarder, beside a database."""

    folder: Path
    server: Server
    signals: Signals
    number: count[int] = field(default_factory=count)
    acknowledged: dict[Path, int] = field(default_factory=dict)
    producer: int = 0
    pipe: int = -1
    forwarder: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.policy = self.folder / "column.yaml"
        site = f"site: {{host: 127.0.0.1, port: {self.server.port}, every: 100ms}}"
        self.policy.write_text(EXAMPLE.read_text() + f"\nrecords: {{{site}}}\n")

    def produce(self) -> None:
        directory = self.folder / f"run {next(self.number):04}"
        self.pipe, told = os.pipe()
        self.producer = os.fork()
        if self.producer == 0:
            write(directory, told, self.signals)
        os.close(told)
        self.acknowledged[directory] = len(os.read(self.pipe, 4)) // 4

    def kill_producer(self) -> None:
        os.kill(self.producer, signal.SIGKILL)
        os.waitpid(self.producer, 0)
        said = b""
        while more := os.read(self.pipe, 65536):
            said += more
        os.close(self.pipe)
        self.acknowledged[[*self.acknowledged][-1]] += len(said) // 4

    def forward(self) -> None:
        self.forwarder = subprocess.Popen(self.words("--follow"), stderr=subprocess.DEVNULL)

    def words(self, *more: str) -> list[str]:
        return [sys.executable, "-m", "controller.cli", "copy", "send", str(self.policy), str(self.folder), *more]

    def kill_forwarder(self) -> None:
        assert self.forwarder is not None
        self.forwarder.kill()
        self.forwarder.wait()

    def lost(self) -> int:
        """Return how many acknowledged cycles no record holds."""
        return sum(max(0, n - verify(there).kinds.get("cycle", 0)) for there, n in self.acknowledged.items())

    def differ(self) -> int:
        """Return how many records of the station are not in the database as they are, or are there and not here."""
        there = [tuple(row) for row in self.server.rows("SELECT first, seq, kind, r.at, body, r.chain, digest"
            " FROM steadyline.records AS r JOIN steadyline.runs USING (run)")]  # fmt: skip
        here = list[tuple[object, ...]]()
        for directory in self.acknowledged:
            kept = list(entries(directory))
            here += [(kept[0].chain, e.seq, e.kind, e.at, e.body, e.chain, e.digest) for e in kept]
        assert len(there) == len(set(there))
        return len(set(there) ^ set(here))


def main(times: int, seed: int) -> dict[str, int]:
    """Kill so many times; return what was lost, doubled and changed."""
    rng = np.random.default_rng(seed)
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "server").mkdir()
        server = Server(Path(folder) / "server")
        try:
            asyncio.run(Site(server.site("owner")).prepare("steadyline"))
            (Path(folder) / "station").mkdir()
            return campaign(Station(Path(folder) / "station", server, Signals(20000)), times, rng)
        finally:
            server.end()


def campaign(station: Station, times: int, rng: np.random.Generator) -> dict[str, int]:
    station.produce()
    station.forward()
    for n in range(times):
        time.sleep(float(rng.exponential(1.0)))
        if n % 3 == 0:
            station.kill_producer()
            station.produce()
        elif n % 3 == 1:
            station.kill_forwarder()
            station.forward()
        else:
            station.server.kill()
            time.sleep(float(rng.exponential(0.3)))
            station.server.start()
    station.kill_producer()
    station.kill_forwarder()
    before = len(station.server.rows("SELECT FROM steadyline.records"))
    last = subprocess.run(station.words(), check=False, capture_output=True)
    return {
        "killed": times,
        "acknowledged": sum(station.acknowledged.values()),
        "copied_before_the_last": before,
        "copied": len(station.server.rows("SELECT FROM steadyline.records")),
        "status": last.returncode,
        "lost": station.lost(),
        "differ": station.differ(),
        "broken": len(station.server.rows("SELECT FROM steadyline.breaks")),
        "quarantined": len(station.server.rows("SELECT FROM steadyline.quarantine")),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
