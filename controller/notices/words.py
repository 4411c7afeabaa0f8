"""A notice in words, for people."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from controller.notices.state import Item, Notice


def instant(at: float) -> datetime:
    """Return `at`, POSIX time [s], as a date and time in UTC."""
    return datetime.fromtimestamp(at, UTC)


def subject(notice: Notice) -> str:
    """Return one line that says the most important."""
    urgent = min(notice.items, key=lambda item: ("high", "medium", "low").index(item.priority))
    count = len(notice.items) + notice.more
    head = f"[{notice.line}] {urgent.priority.upper()} {urgent.event}: {urgent.alarm}"
    owner = f", now for {notice.owner}" if notice.owner else ""
    return " ".join(f"{head}{f' and {count - 1} more' if count > 1 else ''}{owner}".split())


def text(notice: Notice) -> str:
    """Return all of it as lines of text."""
    return "\n".join(_lines(notice)) + "\n"


def _lines(notice: Notice) -> Iterator[str]:
    if notice.owner:
        yield f"Nobody has acknowledged this. It is now for {notice.owner}."
        yield ""
    for item in notice.items:
        yield from _told(item)
        yield ""
    if notice.more:
        yield f"{notice.more} more happened besides; see the list of alarms."
        yield ""
    yield f"Line {notice.line}, notice {notice.key}. This is a copy; only the list of alarms counts."


def _told(item: Item) -> Iterator[str]:
    yield f"{instant(item.at):%Y-%m-%d %H:%M:%S} UTC  {item.priority}  {item.alarm}: {item.event} ({item.state})"
    for name, said in (("What", item.what), ("If nobody acts", item.consequence), ("Do", item.response)):
        if said:
            yield f"  {name}: {said}"
