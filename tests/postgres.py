"""PostgreSQL from the packages of the system, started in a folder of its own and stopped again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from foreign import missing

from policies.site import SiteCopy

_PATIENCE_S = 60.0
_UNPRIVILEGED = "postgres"


def binaries() -> Path:
    """Return the folder of the newest server that is installed, or skip."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: float(p.parts[-3]))
    on_path = shutil.which("postgres")
    if not found and on_path is None:
        missing("PostgreSQL", "apt-get install postgresql")
    return found[-1].parent if found else Path(str(on_path)).parent


def _unprivileged() -> list[str]:
    """Return words that run a command as somebody who is not root, for a server that refuses root."""
    if os.getuid() != 0:
        return []
    try:
        pwd.getpwnam(_UNPRIVILEGED)
    except KeyError:
        missing(f"the user {_UNPRIVILEGED}", "apt-get install postgresql")
    if shutil.which("setpriv") is None:
        missing("setpriv", "apt-get install util-linux")
    return ["setpriv", f"--reuid={_UNPRIVILEGED}", f"--regid={_UNPRIVILEGED}", "--clear-groups", "--"]


@dataclass
class Server:
    """A server of its own, which can be killed and started again."""

    folder: Path
    """A folder of its own under a path that everybody may enter."""
    options: Sequence[str] = ()
    """More of its settings."""
    hba: str = "host all all 127.0.0.1/32 trust"
    """Who is let in, and how."""
    files: Mapping[str, bytes] = field(default_factory=dict)
    """More files in its folder of data, for nobody else to read."""
    port: int = field(default=0, init=False)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.bin, self.words = binaries(), _unprivileged()
        self.data = self.folder / "data"
        if self.words:
            shutil.chown(self.folder, _UNPRIVILEGED)
        make = [self.bin / "initdb", "-D", self.data, "-A", "trust", "-U", "owner", "-E", "UTF8", "--no-sync"]
        subprocess.run([*self.words, *map(str, make)], check=True, capture_output=True, cwd=self.folder)
        self.give("pg_hba.conf", self.hba.encode())
        for name, content in self.files.items():
            self.give(name, content)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()
        self.sql("CREATE ROLE steadyline LOGIN", "CREATE DATABASE steadyline")

    def give(self, name: str, content: bytes) -> None:
        """Put a file into the folder of data."""
        file = self.data / name
        file.write_bytes(content)
        file.chmod(0o600)
        if self.words:
            shutil.chown(file, _UNPRIVILEGED, _UNPRIVILEGED)

    def start(self) -> None:
        said = ["-D", str(self.data), "-h", "127.0.0.1", "-p", str(self.port), "-k", ""]
        more = [word for option in self.options for word in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            command = [*self.words, str(self.bin / "postgres"), *said, *more]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        until = time.monotonic() + _PATIENCE_S
        while True:
            try:
                psycopg.connect(self.words_of("postgres")).close()
            except psycopg.OperationalError:
                assert time.monotonic() < until, (self.folder / "log").read_text(errors="replace")[-2000:]
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """Kill the server as a crash would, with all its children."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGINT) -> None:
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(_PATIENCE_S)
            self.process = None

    def pause(self, *, on: bool) -> None:
        """Let the server hang, with all its children, or let it go on."""
        assert self.process is not None
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        for pid in (self.process.pid, *map(int, listed.stdout.split())):
            os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)

    def words_of(self, database: str = "steadyline") -> str:
        return f"host=127.0.0.1 port={self.port} user=owner dbname={database} connect_timeout=5"

    def sql(self, *statements: str) -> None:
        """Run statements as the owner."""
        there = "postgres" if any(each.startswith("CREATE DATABASE") for each in statements) else "steadyline"
        with psycopg.connect(self.words_of(there), autocommit=True) as db:
            for each in statements:
                db.execute(each.encode())

    def rows(self, question: str, *bindings: object) -> list[tuple[object, ...]]:
        with psycopg.connect(self.words_of()) as db:
            return db.execute(question.encode(), bindings).fetchall()

    def site(self, user: str = "steadyline") -> SiteCopy:
        """Return what a policy would say of it."""
        return SiteCopy(host="127.0.0.1", port=self.port, user=user)
