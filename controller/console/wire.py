"""What goes to the process of the console: what it is about, and every cycle; only orders come back, as plain values.

The run never loads what runs code: orders come as CBOR and are read as those of a record are.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Lock
from typing import cast

from controller.console.doors import Doors
from controller.console.slot import Seen
from controller.cycle import CarryAlarms, Delivered, Order
from controller.people import People
from controller.records import codec
from plant_io import TagIndex
from policies import Policy

_INDEX = "index"
_PROTOCOL = 5


@dataclass(frozen=True, slots=True)
class Opening:
    """What the console is about; it must survive pickling."""

    policy: Policy
    """The policy."""
    station: int
    """Number that tells this controller from every other [1]."""
    record: Path | None
    """Record directory; None where none is kept."""
    users: Callable[[], People] | None
    """Gives the users who must log in; None where anybody at this machine may do what the terminal lets them."""
    doors: Doors
    """Where it is served."""


class _Writer(pickle.Pickler):
    def persistent_id(self, obj: object) -> str | None:
        return _INDEX if type(obj) is TagIndex else None  # both sides have it from the policy


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes, index: TagIndex | None) -> None:
        super().__init__(io.BytesIO(data))
        self._index = index

    def persistent_load(self, pid: object) -> TagIndex:
        if pid != _INDEX or self._index is None:
            raise pickle.UnpicklingError("found what was never left out")
        return self._index


def written(word: Opening | Seen) -> bytes:
    """Return a word for the process of the console."""
    found = io.BytesIO()
    _Writer(found, _PROTOCOL).dump(word)
    return found.getvalue()


def read(data: bytes, index: TagIndex | None) -> Opening | Seen:
    """Return a word that the run wrote.

    Parameters
    ----------
    data
        What came.
    index
        Tags of the line; None before it is known which line it is.

    Raises
    ------
    pickle.UnpicklingError
        If it comes before what it is about.
    """
    return cast("Opening | Seen", _Reader(data, index).load())


def ordered(data: bytes) -> Order:
    """Return an order that came back.

    Raises
    ------
    ValueError
        If it is none that people may place.
    """
    try:
        found = codec.order(codec.unpack(data))
    except Exception as error:  # noqa: BLE001  # whatever else came, it is no reason to take no more orders
        raise ValueError(f"found no order: {error}") from None
    if isinstance(found.act, Delivered | CarryAlarms):
        raise ValueError("found an order of the shell, wanted one of a person")  # noqa: TRY004  # it is no wrong type
    return found


class Back:
    """The way of orders back to the run.

    Parameters
    ----------
    link
        Our end of the link.
    """

    def __init__(self, link: Connection) -> None:
        self._link, self._one = link, Lock()

    def put(self, order: Order, /) -> None:
        """Place an order."""
        with self._one:
            self._link.send_bytes(codec.pack(order))

    def ready(self) -> None:
        """Say that browsers are answered."""
        with self._one:
            self._link.send_bytes(b"")
