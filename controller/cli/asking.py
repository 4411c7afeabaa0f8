"""Passwords, asked for at the moment they are needed: at the terminal, or line by line from a file descriptor."""

from __future__ import annotations

import getpass
import os
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.ends import Refused

LONGEST = 4096
"""Longest line read from a file descriptor [byte]."""
Users = Annotated[Path, typer.Option("--people", metavar="DIR", help="Where the users of this station are kept.")]
PasswordFrom = Annotated[
    int | None,
    typer.Option(
        "--password-fd", metavar="N", help="File descriptor to read passwords from, a line each; asked for if absent."
    ),
]
USERS = Path("people")
"""Where the users of a station are kept, unless it is said."""


class Asker:
    """Asks for passwords, each time anew.

    Parameters
    ----------
    descriptor
        File descriptor that gives one on each line; None for the terminal.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __call__(self, whose: str) -> str:
        """Return a password.

        Raises
        ------
        Refused
            If nobody can be asked, or the file descriptor gives none.
        """
        return _asked(whose) if self._descriptor is None else _line(self._descriptor, whose)

    def new(self, whose: str) -> str:
        """Return a new password, asked for twice at a terminal.

        Raises
        ------
        Refused
            If nobody can be asked, or the two are not the same.
        """
        found = self(f"new password of {whose}")
        if self._descriptor is None and _asked(f"new password of {whose}, again") != found:
            raise Refused("the two passwords are not the same")
        return found


def _asked(whose: str) -> str:
    missing = "there is no terminal to ask at; give passwords with --password-fd"
    if not sys.stdin.isatty():
        raise Refused(f"{whose}: {missing}")
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{whose}: ", stream=sys.stderr)
        except (getpass.GetPassWarning, EOFError):
            raise Refused(f"{whose}: {missing}") from None


def _line(descriptor: int, whose: str) -> str:
    """Return one line, read byte by byte so that what follows is left for others."""
    found = bytearray()
    try:
        while (byte := os.read(descriptor, 1)) not in {b"", b"\n"}:
            found += byte
            if len(found) > LONGEST:
                raise Refused(f"--password-fd: found a line of more than {LONGEST} bytes, wanted {whose}")
        said = found.decode("utf-8").removesuffix("\r")
    except OSError as error:
        raise Refused(f"--password-fd {descriptor}: this cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Refused(f"--password-fd {descriptor}: found bytes that are no text in UTF-8") from None
    if not said:
        raise Refused(f"--password-fd {descriptor}: found no line, wanted {whose}")
    return said
