"""Long lists in sheets of a hundred rows, each with an address of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

SHEET = 100
"""Rows of a sheet [1]."""
LISTS = ("list", "aside", "past")
"""Lists on the page of alarms: what is on the list, what is kept from people, what happened."""
_LONGEST = 4
_Row = TypeVar("_Row")


@dataclass(frozen=True, slots=True)
class Sheet(Generic[_Row]):
    """Some rows of a list."""

    rows: Sequence[_Row]
    """The rows."""
    number: int = 1
    """Which sheet it is, from 1 [1]."""
    of: int = 1
    """How many sheets there are [1]."""
    first: int = 0
    """Rows before it [1]."""
    count: int = 0
    """Rows of the whole list [1]."""


def cut(rows: Sequence[_Row], number: int, most: int = SHEET) -> Sheet[_Row]:
    """Return a sheet of a list; the last one where there are not so many.

    Parameters
    ----------
    rows
        The whole list.
    number
        Which sheet, from 1 [1].
    most
        Rows of a sheet [1].

    Examples
    --------
    >>> cut("abcde", 2, 2).rows, cut("abcde", 9, 2).rows, cut("", 1).of
    ('cd', 'e', 1)
    """
    of = max(1, -(-len(rows) // most))
    there = min(max(1, number), of)
    first = (there - 1) * most
    return Sheet(rows[first : first + most], there, of, first, len(rows))


def turned(name: str) -> tuple[int, ...]:
    """Return which sheet of each list a topic names: of the list, of what is kept aside, of the history.

    Raises
    ------
    LookupError
        If it names none.

    Examples
    --------
    >>> turned(""), turned("2.1.3")
    ((1, 1, 1), (2, 1, 3))
    """
    if not name:
        return (1,) * len(LISTS)
    parts = name.split(".")
    if len(parts) != len(LISTS) or not all(map(_counts, parts)):
        raise LookupError(name)
    return tuple(int(part) for part in parts)


def turning(at: Sequence[int], which: str) -> Callable[[int], str]:
    """Return what gives the address of another sheet of one list, the others as they are.

    Parameters
    ----------
    at
        Sheets that are shown, in the order of the lists [1].
    which
        The list: list, aside or past.
    """

    def address(number: int) -> str:
        now = dict(zip(LISTS, at, strict=True)) | {which: number}
        return "/alarms?" + "&".join(f"{name}={value}" for name, value in now.items())

    return address


def _counts(part: str) -> bool:
    return part.isascii() and part.isdecimal() and len(part) <= _LONGEST and int(part) >= 1
