"""Formulas as machine code where the machine has a C compiler.

What is compiled is kept in a directory that nobody else can write, under a name made from the source, the compiler and
its flags, so that a plan never depends on what was compiled before.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from controller.models.symbolic import Routine, casadi

_FLAGS = ("-fPIC", "-shared", "-ffp-contract=off")  # the same roundings as CasADi's own interpreter
_LONG = 500_000
"""Characters of source from which a compiler would take half a minute to do its best [1]."""
_PATIENCE_S = 120.0
_SHARED = stat.S_IWGRP | stat.S_IWOTH


def native(functions: Sequence[Routine]) -> Sequence[Routine] | None:
    """Return the functions compiled, None if that cannot be done here."""
    generator = casadi().CodeGenerator("steadyline", {"with_header": False})
    for function in functions:
        generator.add(function)
    source = generator.dump()
    made = library(source, "-O1" if len(source) > _LONG else "-O2")
    if made is None:
        return None
    try:
        return [casadi().external(function.name(), str(made)) for function in functions]
    except RuntimeError:  # built for another machine, or not whole
        with suppress(OSError):
            made.unlink()
        return None


def library(source: str, *flags: str) -> Path | None:
    """Return where C is compiled, None if that cannot be done here.

    Parameters
    ----------
    source
        Text of one file.
    flags
        What the compiler is told beside what it always is.
    """
    compiler, home = _compiler(), _home()
    if not compiler or home is None:
        return None
    every = (*flags, *_FLAGS)
    name = hashlib.sha256("\0".join([source, compiler, _said(compiler), *every]).encode()).hexdigest()
    found = home / f"{name}.so"
    return found if found.is_file() or _compile([compiler, *every], source, found) else None


@cache
def _compiler() -> str:
    """Return the path of the C compiler, empty if there is none."""
    return next((found for name in (os.environ.get("CC", "cc"), "gcc", "clang") if (found := shutil.which(name))), "")


@cache
def _said(compiler: str) -> str:
    try:
        found = subprocess.run([compiler, "--version"], capture_output=True, text=True, timeout=10.0, check=False)  # noqa: S603  # the compiler of this machine
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout


def _home() -> Path | None:
    """Return a directory only we can write."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        home = (Path(base) if base else Path.home() / ".cache") / "steadyline" / "native"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = home.stat()
    except (OSError, RuntimeError):
        return None
    return home if found.st_uid == os.getuid() and not found.st_mode & _SHARED else None


def _compile(command: Sequence[str], source: str, place: Path) -> bool:
    """Compile beside the library and put it in place whole, so that others never find half of it."""
    try:
        with tempfile.TemporaryDirectory(dir=place.parent) as folder:
            written, made = Path(folder) / "source.c", Path(folder) / "made.so"
            written.write_text(source)
            if not _run([*command, "-o", str(made), str(written), "-lm"]):
                return False
            made.replace(place)
    except OSError:
        return False
    return True


def _run(command: Sequence[str]) -> bool:
    """Run a compiler with all that it starts; where it takes too long, all of it ends."""
    process = subprocess.Popen(  # noqa: S603  # the compiler of this machine on what we wrote
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        return process.wait(_PATIENCE_S) == 0
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
