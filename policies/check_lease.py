"""Cross-rules of leases: what is said to a leased PLC in one cycle travels in one piece."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.registers import REGISTERS, Stretch, spot
from policies.tags import Tag

_LONGEST = 121  # registers a request that also reads can write (Modbus Application Protocol V1.1b3, 6.17)
_LARGEST = 2.0**32 - 1.0


def frames(view: View) -> Iterator[Problem]:
    """Check that a leased Modbus device can be told all setpoints, claim, arm word and heartbeat in one request."""
    for here in view.match("connections.*.handshake.claim"):
        name = str(here[1])
        if view.text("connections", name, "protocol") != "modbus":
            continue
        if view.get("connections", name, "write_by") == "single":
            message = "found single for a device that is leased, expected block or read_write"
            yield view.problem(("connections", name, "write_by"), f"{message}: a claim vouches for one request")
            continue
        yield from _together(view, here, _written(view, name))


def numbers(view: View) -> Iterator[Problem]:
    """Check that claim and epoch hold any number of 32 bits."""
    for here in (*view.match("connections.*.handshake.claim"), *view.match("connections.*.handshake.epoch")):
        name = view.text(*here) or ""
        signal = view.signals.get(name)
        if signal and signal.span is not None and not (signal.span[0] <= 0.0 and signal.span[1] >= _LARGEST):
            message = f"found {name!r} from {signal.span[0]:g} to {signal.span[1]:g}"
            yield view.problem(here, f"{message}, expected a tag with a range from 0 to {_LARGEST:.0f}")


def _written(view: View, connection: str) -> list[Stretch]:
    led = view.text("lockstep", "request")
    found: list[Stretch] = []
    for name, signal in view.signals.items():
        address = view.text("tags", name, "address")
        if not signal.writable or signal.connection != connection or name == led or address is None:
            continue
        kind = str(view.get("tags", name, "type") or Tag.model_fields["type"].default)
        size = next((n for known, n in REGISTERS.items() if known == kind), None)
        try:
            where = spot(address)
        except ValueError:
            return []
        if size is None:
            return []
        found.append(Stretch(where.table, where.address, where.address + size))
    return sorted(found, key=lambda stretch: (stretch.table, stretch.start))


def _together(view: View, here: Path, written: list[Stretch]) -> Iterator[Problem]:
    for one, other in pairwise(written):
        if (one.table, one.stop) != (other.table, other.start):
            message = f"found a gap between {one.table}:{one.stop - 1} and {other.table}:{other.start}"
            wanted = "all that is written to a leased device side by side, so that one request holds it"
            yield view.problem(here, f"{message}, expected {wanted}")
            return
    if written and written[-1].stop - written[0].start > _LONGEST:
        message = f"found {written[-1].stop - written[0].start} registers written to a leased device"
        yield view.problem(here, f"{message}, expected at most {_LONGEST}, which one request holds")
