"""A disk that forgets what was not synced when the power goes, and fails at a chosen call."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path

import apsw
import numpy as np

SECTOR = 512
"""What a disk writes whole or not at all [B]."""
_NUMBER = count()
Write = tuple[int, bytes | None]
"""Offset and data, or the size to which the file is cut."""


class Kept:
    """What a disk holds of one file, and what it was only told."""

    def __init__(self) -> None:
        self.safe = bytearray()
        self.told: list[Write] = []

    def sync(self) -> None:
        for write in self.told:
            _apply(self.safe, write)
        self.told.clear()

    def after(self, rng: np.random.Generator) -> bytes:
        """Return what may be left: any of what was told since the last sync, in sectors, in any order."""
        left = bytearray(self.safe)
        sectors = [part for write in self.told for part in _sectors(write)]
        share = rng.choice([0.0, 0.5, 0.9, 1.0])
        chosen = [part for part in sectors if rng.random() < share]
        for n in rng.permutation(len(chosen)) if rng.random() < 0.5 else range(len(chosen)):
            _apply(left, chosen[n])
        return bytes(left)


def _sectors(write: Write) -> list[Write]:
    offset, data = write
    if data is None:
        return [write]
    return [(offset + n, data[n : n + SECTOR]) for n in range(0, len(data), SECTOR)]


def _apply(held: bytearray, write: Write) -> None:
    offset, data = write
    if data is None:
        del held[offset:]
        return
    held.extend(bytes(max(0, offset + len(data) - len(held))))
    held[offset : offset + len(data)] = data


class Disk(apsw.VFS):
    """A disk that never waits, on which each call is counted.

    Parameters
    ----------
    before
        Told of every write, sync and truncation before it is done; what it raises is the error of the call.
    """

    def __init__(self, before: Callable[[str], None]) -> None:
        self.label = f"power-{next(_NUMBER)}"
        self.before = before
        self.files: dict[str, Kept] = {}
        super().__init__(self.label, "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        return File(self, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: FBT001, N802
        self.files.pop(Path(filename).name, None)
        super().xDelete(filename, syncdir)

    def excepthook(self, *_: object) -> None:
        """Say nothing of errors that SQLite does not pass on."""

    def after(self, directory: Path, rng: np.random.Generator) -> None:
        """Put what may be left after the power went into a directory."""
        directory.mkdir()
        for name, held in self.files.items():
            (directory / name).write_bytes(held.after(rng))


class File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: apsw.URIFilename | str | None, flags: list[int]) -> None:
        super().__init__("", name, flags)
        text = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.disk, self.held = disk, disk.files.setdefault(Path(text).name, Kept())

    def excepthook(self, *_: object) -> None:
        """Say nothing of errors that SQLite does not pass on."""

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.before("write")
        super().xWrite(data, offset)
        self.held.told.append((offset, bytes(data)))

    def xSync(self, flags: int) -> None:  # noqa: ARG002, N802
        self.disk.before("sync")
        self.held.sync()

    def xTruncate(self, newsize: int) -> None:  # noqa: N802
        self.disk.before("truncate")
        super().xTruncate(newsize)
        self.held.told.append((newsize, None))
