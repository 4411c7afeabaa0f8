"""Cross-rules of Modbus: what a device can hold and take, what must not be read, and who else is there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from policies.check_shape import found
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.registers import ADDRESSES, BITS, READ_ONLY, REGISTERS, Spot, Stretch, spot, stretch
from policies.tags import Tag


@dataclass(frozen=True, slots=True)
class Place:
    """Registers or coils one tag or text takes up."""

    path: Path
    """Where its address stands in the policy."""
    connection: str
    """Connection it comes through."""
    addresses: Stretch
    """What it takes up."""
    held: tuple[object, ...]
    """How it is read; two that are read alike may share a place."""
    bit: bool = False
    """Whether it is one bit of a word."""

    def clashes(self, other: Place) -> bool:
        """Return whether part of a value is read as something else."""
        if (self.bit or other.bit) and self._single and other._single:
            return False
        alike = (self.addresses.start, self.held) == (other.addresses.start, other.held)
        return self.addresses.touches(other.addresses) and not alike

    @property
    def _single(self) -> bool:
        return self.addresses.stop - self.addresses.start == 1


def tag(view: View, name: str, address: str) -> Iterator[Problem | Place]:
    """Check one tag of a Modbus connection; gives the place it takes up, or what is wrong."""
    path = ("tags", name, "address")
    where = _spot(view, path, address)
    if isinstance(where, Problem):
        yield where
        return
    kind = str(view.get("tags", name, "type") or Tag.model_fields["type"].default)
    if (misfit := _misfit(where, kind)) is not None:
        yield view.problem(("tags", name, "type"), misfit)
        return
    signal = view.signals[name]
    size = signal.length * next((n for known, n in REGISTERS.items() if known == kind), 1)
    held = (kind, signal.length, view.get("tags", name, "byte_order"))
    yield from _placed(
        view, path, Place(path, str(signal.connection), _taken(where, size), held, where.bit is not None)
    )
    if signal.writable:
        yield from _written(view, path, where, size)


def texts(view: View) -> Iterator[Problem | Place]:
    """Check the texts of all Modbus connections; gives the places they take up, and what is wrong."""
    for here in view.match("connections.*.texts.*"):
        path, length = (*here, "address"), view.get(*here, "length")
        address = view.text(*path)
        if address is None or not isinstance(length, int) or length < 1:
            continue
        where = _spot(view, path, address)
        if isinstance(where, Problem):
            yield where
        elif where.table in BITS or where.bit is not None:
            yield view.problem(path, f"found {address!r}, expected input or holding and an offset for a text")
        else:
            yield from _placed(view, path, Place(path, str(here[1]), _taken(where, (length + 1) // 2), ("text",)))
            expected = view.text(*here, "expect")
            if expected is not None and len(expected) > length:
                message = f"found {expected!r}, expected at most {length} characters, the length of the text"
                yield view.problem((*here, "expect"), message)


def forbidden(view: View, places: list[Place]) -> Iterator[Problem]:
    """Check that what must not be read is written as ranges, and that nothing declared lies there."""
    for path in view.match("connections.*.forbidden.*"):
        text, connection = view.text(*path), str(path[1])
        if text is None:
            continue
        try:
            banned = stretch(text)
        except ValueError as error:
            yield view.problem(path, f"found {text!r}, {error}")
            continue
        for place in places:
            if place.connection == connection and place.addresses.touches(banned):
                yield view.problem(
                    place.path, f"found {_spoken(place)}, expected it outside {text}, which is forbidden"
                )


def overlaps(view: View, places: list[Place]) -> Iterator[Problem]:
    """Check that no two values share an address, unless they are read alike or are bits of one word."""
    tables: dict[tuple[str, str], list[tuple[int, Place]]] = defaultdict(list)
    for i, place in enumerate(places):
        tables[place.connection, place.addresses.table].append((i, place))
    clashes: list[tuple[int, int]] = []
    for table in tables.values():
        open_: list[tuple[int, Place]] = []
        for i, place in sorted(table, key=lambda entry: (entry[1].addresses.start, entry[0])):
            open_ = [entry for entry in open_ if entry[1].addresses.stop > place.addresses.start]
            clashes += [(min(i, j), max(i, j)) for j, other in open_ if place.clashes(other)]
            open_.append((i, place))
    for one, other in sorted(clashes):
        message = f"found {_spoken(places[other])}, part of which {_name(places[one])!r} uses too"
        yield view.problem(places[other].path, f"{message}; expected a place of its own")


def rules(view: View, tags: Callable[[], Iterator[Problem | Place]]) -> Iterator[Problem]:
    """Check everything that is said of Modbus devices; `tags` gives what `tag` gives for all of them."""
    places: list[Place] = []
    for source in (tags, lambda: texts(view)):
        for each in source():
            if isinstance(each, Place):
                places.append(each)
            else:
                yield each
    yield from forbidden(view, places)
    yield from overlaps(view, places)


def _spot(view: View, path: Path, address: str) -> Spot | Problem:
    try:
        return spot(address)
    except ValueError as error:
        return view.problem(path, f"found {address!r}, {error}")


def _misfit(where: Spot, kind: str) -> str | None:
    if kind not in REGISTERS:
        return None
    if where.bit is not None:
        return None if kind == "bool" else f"found {kind} for one bit of a register, expected bool"
    bits = where.table in BITS
    return None if bits == (kind == "bool") else f"found {kind} in table {where.table}, expected {_fitting(where)}"


def _fitting(where: Spot) -> str:
    return "bool" if where.table in BITS else "a number type, or bool for a bit such as input:10.0"


def _taken(where: Spot, size: int) -> Stretch:
    return Stretch(where.table, where.address, where.address + size)


def _placed(view: View, path: Path, place: Place) -> Iterator[Problem | Place]:
    if place.addresses.stop > ADDRESSES:
        address = found(view.get(*path))
        yield view.problem(
            path, f"found {address} up to {place.addresses.stop - 1}, expected an end of at most {ADDRESSES - 1}"
        )
    yield place


def _written(view: View, path: Path, where: Spot, size: int) -> Iterator[Problem]:
    """Say what keeps a tag from being written."""
    connection = view.signals[str(path[1])].connection or ""
    if where.table in READ_ONLY:
        writable = "coil" if where.table in BITS else "holding"
        yield view.problem(
            path, f"found the read-only table {where.table}, expected {writable} for a tag that is written"
        )
    elif where.bit is not None:
        message = f"found {view.text(*path)!r}, expected a whole register for a tag that is written"
        yield view.problem(path, f"{message}: writing one bit could undo what others wrote to the rest of it")
    elif size > 1 and view.get("connections", connection, "write_by") == "single":
        message = f"found {size} registers for a tag that is written, expected one, or write_by: block or read_write"
        yield view.problem(path, f"{message}: written singly, a value could be torn")


def _spoken(place: Place) -> str:
    taken = place.addresses
    return f"{taken.table}:{taken.start} to {taken.stop - 1}"


def _name(place: Place) -> str:
    return str(place.path[1] if place.path[0] == "tags" else place.path[3])
