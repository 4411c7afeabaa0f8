"""A record copied while its run goes on, and put back: both are verified, and a copy says how far it goes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from controller.records.file import FILE, connect, found, told
from controller.records.verify import Head, Verified, newest, verify

MANIFEST = "backup.json"
"""Name of the file in a copy that says how far it goes: a head, as `audit head` gives it."""


def backup(record: Path, out: Path) -> tuple[Head, Verified]:
    """Copy a record as it is at one moment, and return how far the copy goes and what was found about it.

    Its writer never waits; its log grows until the copy is made.

    Parameters
    ----------
    record
        Record directory.
    out
        Directory of the copy; made if it is not there.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    FileExistsError
        If there is a record where the copy is to be.
    OSError
        If the copy cannot be written.
    ValueError
        If the record cannot be read.
    """
    source = found(record)
    _place(out)
    with told(OSError, f"{out}: the copy cannot be written"), closing(connect(source, write=False)) as old:
        _copied(old, out / FILE)
    checked = verify(out)
    head = newest(out)
    (out / MANIFEST).write_text(json.dumps(head.plain()), encoding="utf-8")
    return head, checked


def restore(copy: Path, out: Path) -> Verified:
    """Put a copy back where there is no record, and return what was found about it there.

    Parameters
    ----------
    copy
        Directory of the copy.
    out
        Record directory; made if it is not there.

    Raises
    ------
    FileNotFoundError
        If there is no copy.
    FileExistsError
        If there is a record already.
    OSError
        If it cannot be written.
    ValueError
        If the copy is not whole.
    """
    source, head = found(copy), Head.read(copy / MANIFEST)
    checked = verify(copy, head)
    if checked.broken is not None:
        raise ValueError(f"{copy}: the copy is {checked.sentence()}")
    _place(out)
    part = out / f"{FILE}.part"
    shutil.copyfile(source, part)
    part.replace(out / FILE)
    return verify(out, head)


def _place(out: Path) -> None:
    if (out / FILE).exists():
        raise FileExistsError(f"{out}: a record is already there; choose another directory")
    out.mkdir(parents=True, exist_ok=True)


def _copied(old: object, file: Path) -> None:
    import apsw  # noqa: PLC0415  # loaded only by those who keep or read records

    make = cast("Callable[[str], Any]", apsw.Connection)
    with closing(make(str(file))) as new, new.backup("main", old, "main") as work:
        work.step(-1)
