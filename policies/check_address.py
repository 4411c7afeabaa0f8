"""Cross-rules of addresses: what a protocol can reach, and who else is there."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import check_modbus
from policies.check_shape import found
from policies.check_view import View
from policies.errors import Problem

_IDENTIFIER = re.compile(
    r"i=\d{1,10}|s=.+|b=[A-Za-z0-9+/]+={0,2}|g=[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.DOTALL
)


def addresses(view: View) -> Iterator[Problem]:
    """Check that addresses fit protocol, type and access, and that no two tags share part of a value."""
    for name, address in _tags(view, "opcua"):
        yield from _opcua(view, name, address)
    yield from check_modbus.rules(view, lambda: _modbus(view))


def _opcua(view: View, name: str, address: str) -> Iterator[Problem]:
    order = view.get("tags", name, "byte_order")
    if order is not None:
        message = f"found {found(order)} on an OPC UA tag, expected it on Modbus tags only"
        yield view.problem(("tags", name, "byte_order"), message)
    if not _IDENTIFIER.fullmatch(address):
        why = "; the connection names the namespace" if address.startswith(("ns=", "nsu=")) else ""
        message = f"found {address!r}, expected an OPC UA identifier such as s=NIR.SPECTRUM or i=1001{why}"
        yield view.problem(("tags", name, "address"), message)


def _modbus(view: View) -> Iterator[Problem | check_modbus.Place]:
    for name, address in _tags(view, "modbus"):
        yield from check_modbus.tag(view, name, address)


def _tags(view: View, protocol: str) -> Iterator[tuple[str, str]]:
    for name in view.names("tags"):
        address = view.text("tags", name, "address")
        if (
            address is not None
            and view.text("connections", view.signals[name].connection or "", "protocol") == protocol
        ):
            yield name, address
