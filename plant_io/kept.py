"""Long sequences that never change, and share with those made of them all but what differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Self, TypeVar, cast, overload

T = TypeVar("T")

_BLOCK = 64


class Kept(Sequence[T]):
    """A sequence that never changes.

    One with an item more shares all but its last items with the one before, so that an hour of them costs no more in a
    cycle than a minute.

    Parameters
    ----------
    items
        What is in it.

    Examples
    --------
    >>> first = Kept(range(100))
    >>> second = first.since(98).followed_by(100)
    >>> len(first), list(second), second[-1]
    (100, [98, 99, 100], 100)
    """

    __slots__ = ("_blocks", "_length", "_skipped")

    def __init__(self, items: Iterable[T] = ()) -> None:
        every = tuple(items)
        self._blocks = tuple([every[i : i + _BLOCK] for i in range(0, len(every), _BLOCK)])
        self._length, self._skipped = len(every), 0

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...
    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        if at == -1 and self._length:  # what is asked for most
            return self._blocks[-1][-1]
        if isinstance(at, slice):
            first, end, step = at.indices(self._length)
            found = self._stretch(first, max(first, end))
            return found if step == 1 else found[::step]
        if not -self._length <= at < self._length:
            raise IndexError(at)
        block, place = divmod(self._skipped + at + (self._length if at < 0 else 0), _BLOCK)
        return self._blocks[block][place]

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[T]:
        return self._from(0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(cast("Sequence[object]", other))

    __hash__ = None  # type: ignore[assignment]  # what is in it may have none

    def followed_by(self, item: T) -> Self:
        """Return it with one item more at its end."""
        full = not self._blocks or len(self._blocks[-1]) == _BLOCK
        blocks = (*self._blocks, (item,)) if full else (*self._blocks[:-1], (*self._blocks[-1], item))
        return self._sharing(blocks, self._length + 1, self._skipped)

    def since(self, first: int) -> Self:
        """Return it from one of its items on."""
        gone, skipped = divmod(self._skipped + first, _BLOCK)
        return self._sharing(self._blocks[gone:], self._length - first, skipped)

    def having(self, at: int, item: T) -> Self:
        """Return it with another item in the place of one."""
        block, place = divmod(self._skipped + at, _BLOCK)
        whole = self._blocks[block]
        changed = (*whole[:place], item, *whole[place + 1 :])
        blocks = (*self._blocks[:block], changed, *self._blocks[block + 1 :])
        return self._sharing(blocks, self._length, self._skipped)

    def _stretch(self, first: int, end: int) -> tuple[T, ...]:
        """Return the items from one place to another."""
        block, place = divmod(self._skipped + first, _BLOCK)
        left, found = end - first, tuple[T, ...]()
        while left > 0:
            more = self._blocks[block][place : place + left]
            found, left, block, place = found + more if found else more, left - len(more), block + 1, 0
        return found

    def _from(self, first: int) -> Iterator[T]:
        block, place = divmod(self._skipped + first, _BLOCK)
        return islice(chain.from_iterable(self._blocks[block:]), place, None)

    @classmethod
    def _sharing(cls, blocks: tuple[tuple[T, ...], ...], length: int, skipped: int) -> Self:
        made = cls.__new__(cls)
        made._blocks, made._length, made._skipped = blocks, length, skipped  # noqa: SLF001  # its own
        return made
