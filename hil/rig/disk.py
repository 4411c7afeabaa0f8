"""A disk under a record that fails as disks do: SQLite meets its errors where it would meet them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, cast

_NUMBER = count()
FULL, ERROR, READ_ONLY = "record_lost", "record_error", "record_read_only"
"""Faults of the disk of a record."""
TROUBLES = (FULL, ERROR, READ_ONLY)
"""The same."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A way to the disk, by the name under which SQLite knows it."""

    name: str
    """Its name."""
    shim: object
    """What stands between; it goes when nobody holds it any more."""


def failing(trouble: Callable[[str], str | None]) -> Disk:
    """Return a way to the disk on which calls fail.

    Parameters
    ----------
    trouble
        Asked before each write, sync and truncation, by the name of the call; one of the faults above, or None.
    """
    import apsw  # noqa: PLC0415  # heavy

    errors: dict[str, type[Exception]] = {
        FULL: cast("type[Exception]", apsw.FullError),
        ERROR: cast("type[Exception]", apsw.IOError),
        READ_ONLY: cast("type[Exception]", apsw.ReadOnlyError),
    }

    def checked(call: str) -> None:
        if (found := trouble(call)) is not None:
            raise errors[found]

    base, file = cast("Any", apsw.VFS), cast("Any", apsw.VFSFile)

    class File(file):  # type: ignore[misc, valid-type]  # apsw has no types
        def __init__(self, name: object, flags: object) -> None:
            file.__init__(self, "", name, flags)

        def excepthook(self, *_: object) -> None:
            """Say nothing of errors that SQLite does not pass on."""

        def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802  # the name SQLite gives it
            checked("write")
            file.xWrite(self, data, offset)

        def xSync(self, flags: int) -> None:  # noqa: N802  # the same
            checked("sync")
            file.xSync(self, flags)

        def xTruncate(self, size: int) -> None:  # noqa: N802  # the same
            checked("truncate")
            file.xTruncate(self, size)

    class Shim(base):  # type: ignore[misc, valid-type]  # the same
        def xOpen(self, name: object, flags: object) -> File:  # noqa: N802  # the same
            return File(name, flags)

    return Disk(label := f"steadyline-{next(_NUMBER)}", Shim(label, ""))
