"""Software that others wrote: found, or else skipped by its name; started and stopped, and never left behind."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent / "interop"
WANTED = "STEADYLINE_INTEROP"
"""Where this variable says "required", what is missing fails; CI says so once it has installed everything."""
PATIENCE_S = 30.0


def missing(what: str, how: str) -> None:
    """Skip a test for something that is not installed, or fail it where everything should be."""
    sentence = f"{what} is not installed; {how}"
    if os.environ.get(WANTED) == "required":
        pytest.fail(sentence)
    pytest.skip(sentence)


def program(name: str, package: str) -> str:
    """Return where a program lies."""
    found = shutil.which(name)
    if found is None:
        missing(name, f"apt-get install {package}")
    return str(found)


def scripted(package: str, script: str) -> list[str]:
    """Return the command of a script that needs a package from npm."""
    node = program("node", "nodejs")
    if not (HERE / "node_modules" / package).is_dir():
        missing(f"{package} from npm", "npm ci --prefix tests/interop")
    return [node, str(HERE / script)]


def compiled(source: str, folder: Path) -> list[str]:
    """Return the command of a program of ours that uses libmodbus, freshly compiled."""
    compiler, target = program("cc", "gcc libc6-dev"), folder / Path(source).stem
    if not _holds(compiler, "#include <modbus/modbus.h>"):
        missing("libmodbus with its headers", "apt-get install libmodbus-dev")
    options = ["-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-o", str(target)]
    subprocess.run([compiler, *options, str(HERE / source), "-lmodbus"], check=True, timeout=60.0)
    return [str(target)]


def mbpoll(*words: object) -> list[float]:
    """Run mbpoll once and return the values it shows; what it complains of is raised."""
    done = subprocess.run(
        [program("mbpoll", "mbpoll"), "-1", "-0", "-o", "3", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    if done.returncode or "failed" in done.stderr:
        raise Refused(done.stderr.strip())
    shown = [line.partition("]:")[2].split("(")[0] for line in done.stdout.splitlines() if line.startswith("[")]
    return [float(text) for text in shown]


class Refused(Exception):  # noqa: N818  # an answer, in the words of the field
    """What other software answered instead of a result."""


class Foreign:
    """A running program that takes orders as lines of JSON and ends with its standard input.

    So it ends with the tests, even where those are killed.
    """

    def __init__(self, command: Sequence[str], given: dict[str, object] | None = None) -> None:
        self._words = tempfile.TemporaryFile("w+")  # noqa: SIM115  # closed in `stop`
        self._child = subprocess.Popen(
            [*command, *([] if given is None else [json.dumps(given)])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )
        self.said = self._line()

    def ask(self, order: str, **given: object) -> Any:  # whatever the program gives
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps({"order": order} | given) + "\n")
        self._child.stdin.flush()
        answer = self._line()
        if "trouble" in answer:
            raise Refused(answer["trouble"])
        return answer["ok"]

    def kill(self) -> None:
        self._child.kill()
        self.stop()

    def stop(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self._child.wait(10.0)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._words.close()

    def _line(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        with selectors.DefaultSelector() as watch:
            watch.register(self._child.stdout, selectors.EVENT_READ)
            line = self._child.stdout.readline() if watch.select(PATIENCE_S) else ""
        if line:
            return dict(json.loads(line))
        self._words.seek(0)
        words = self._words.read()[-2000:]
        self.kill()
        raise Refused(f"{self._child.args} said nothing more: {words}")


def claim_after(granted: float) -> int:
    """Return a claim of the next level, as whoever reads docs/plc.md would form it."""
    return (int(granted) // 2**16 + 1) * 2**16 + 7


def free_port() -> int:
    """Return a TCP port nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def running(command: Sequence[str], **given: object) -> Iterator[Foreign]:
    """Give a running program, which ends at the end."""
    foreign = Foreign(command, given)
    try:
        yield foreign
    finally:
        foreign.stop()


def _holds(compiler: str, text: str) -> bool:
    tried = subprocess.run([compiler, "-E", "-x", "c", "-"], input=text, capture_output=True, text=True, check=False)
    return tried.returncode == 0
