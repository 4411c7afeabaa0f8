"""Room held in reserve on the disk of a record, so that when it is full there is some left to say so."""

from __future__ import annotations

import os
from pathlib import Path

BALLAST = "ballast"
"""Name of the file that is given up where the disk is full."""


class Ballast:
    """A file that only takes room.

    Parameters
    ----------
    directory
        Record directory.
    size
        Room it takes [B]; none where 0.
    """

    def __init__(self, directory: Path, size: int) -> None:
        self._file, self._size = directory / BALLAST, size
        self.held = False
        """Whether it is there."""

    def give_up(self) -> bool:
        """Make room; return whether there was any to make."""
        was, self.held = self.held, False
        self._file.unlink(missing_ok=True)
        return was

    def restore(self) -> bool:
        """Take the room again, if there is enough; return whether that succeeded."""
        try:
            self._fill()
        except OSError:
            self.give_up()
        return self.held

    def _fill(self) -> None:
        with self._file.open("wb") as out:
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(out.fileno(), 0, self._size)
            else:
                out.write(bytes(self._size))
        self.held = True
