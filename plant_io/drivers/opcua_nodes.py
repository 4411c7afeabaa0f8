"""Nodes of an OPC UA server as a policy declares them: found, compared, read and written (asyncua)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import cast

import numpy as np
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.uaerrors import UaError

from plant_io.decode import fitted
from plant_io.drivers.opcua_prepared import PreparedRead
from plant_io.quality import Quality
from plant_io.signals import Setpoint
from plant_io.status import judged
from policies import Tag
from policies.tags import WireType

_ADDRESS = re.compile(r"[sigb]=.+")
VARIANTS: Mapping[WireType, ua.VariantType] = MappingProxyType(
    {
        "bool": ua.VariantType.Boolean,
        "int16": ua.VariantType.Int16,
        "uint16": ua.VariantType.UInt16,
        "int32": ua.VariantType.Int32,
        "uint32": ua.VariantType.UInt32,
        "int64": ua.VariantType.Int64,
        "uint64": ua.VariantType.UInt64,
        "float32": ua.VariantType.Float,
        "float64": ua.VariantType.Double,
    }
)
"""The built-in type of each type of a policy."""

_BUILT_IN = range(1, 22)  # identifiers of the built-in types in namespace 0 that are neither abstract nor structured


@dataclass(frozen=True, slots=True)
class Spot:
    """Where one tag stands, at the server and in a batch."""

    tag: Tag
    """Tag as declared."""
    start: int
    """Position of its first value in a batch [1]."""
    node: ua.NodeId
    """Node of the server."""
    wrong: str = ""
    """How the server's type differs from the declared one."""

    @property
    def variant(self) -> ua.VariantType:
        """Type declared."""
        return VARIANTS[self.tag.type]


def spots(tags: Mapping[str, Tag], namespace: int) -> dict[str, Spot]:
    """Return where each tag stands, in the order of a batch.

    Raises
    ------
    ValueError
        If an address is no OPC UA identifier.
    """
    found: dict[str, Spot] = {}
    start = 0
    for name, tag in tags.items():
        found[name] = Spot(tag, start, _node(tag.address, namespace))
        start += tag.length
    return found


def _node(address: str, namespace: int) -> ua.NodeId:
    try:
        if _ADDRESS.fullmatch(address):
            return ua.NodeId.from_string(f"ns={namespace};{address}")
    except UaError:
        pass
    raise ValueError(f"expected an OPC UA identifier such as s=NIR.SPECTRUM or i=1001, found {address}")


def requests(nodes: Sequence[ua.NodeId], attribute: AttributeIds, chunk: int) -> list[PreparedRead]:
    """Return the prepared reads of one attribute, at most `chunk` nodes each."""
    wanted = [ua.ReadValueId(node, ua.UInt32(attribute)) for node in nodes]
    both = ua.TimestampsToReturn.Both
    return [
        PreparedRead(ua.ReadParameters(TimestampsToReturn=both, NodesToRead=wanted[i : i + chunk]))
        for i in range(0, len(wanted), chunk)
    ]


def order(setpoint: Setpoint, spot: Spot) -> ua.WriteValue:
    """Return the request to write one value.

    Raises
    ------
    ValueError
        If the server cannot hold it.
    """
    if spot.wrong:
        raise ValueError(spot.wrong)
    held = fitted(setpoint.value, spot.tag.type)
    value = bool(held) if spot.tag.type == "bool" else held
    # Many servers refuse a write that brings a status or a timestamp, even a good one.
    bare = ua.DataValue(ua.Variant(value, spot.variant), StatusCode=None)
    return ua.WriteValue(spot.node, ua.UInt32(AttributeIds.Value), Value=bare)


def mismatch(spot: Spot, kind: ua.DataValue, value: ua.DataValue) -> str:
    """Return how the server's type differs from the declared one, or nothing.

    Parameters
    ----------
    spot
        Tag as declared.
    kind
        Its DataType at the server.
    value
        Its value, which shows the type where DataType is none of the built-in ones.
    """
    named, shown = plain(kind), value.Value
    number = named.Identifier if isinstance(named, ua.NodeId) and named.NamespaceIndex == 0 else None
    if isinstance(number, int) and number in _BUILT_IN:
        held = ua.VariantType(number)
    elif shown is None or shown.VariantType is ua.VariantType.Null:
        return ""
    else:
        held = shown.VariantType
    return "" if held is spot.variant else f"the server holds {held.name}, the policy says {spot.tag.type}"


def absence(spot: Spot, kind: ua.DataValue, value: ua.DataValue) -> str:
    """Return what keeps a node of the right type from giving the declared value, or nothing."""
    if kind.StatusCode is not None and not kind.StatusCode.is_good():
        return f"the server answers {kind.StatusCode.name} for {spot.tag.address}"
    if plain(value) is None or numbers(value.Value, spot) is not None:
        return ""
    return f"the server does not hold {spot.tag.length} values in a row, as the policy says"


def code(answer: ua.DataValue) -> int:
    """Return the status code of an answer as it travels."""
    return 0 if answer.StatusCode is None else answer.StatusCode.value


def plain(answer: ua.DataValue) -> object:
    """Return the value of an answer, or None if it is bad or has none."""
    bad = judged(code(answer))[0] is Quality.BAD
    return None if bad or answer.Value is None else cast("object", answer.Value.Value)


def numbers(variant: ua.Variant | None, spot: Spot) -> Sequence[float] | None:
    """Return the values of a tag, or None if they are not what was declared."""
    if variant is None or variant.VariantType is not spot.variant or len(variant.Dimensions or ()) > 1:
        return None
    held = cast("float | list[float] | None", variant.Value)
    values = held if isinstance(held, list) else [held]
    return cast("list[float]", values) if held is not None and len(values) == spot.tag.length else None


def posix(when: datetime | None) -> float:
    """Return POSIX time [s]; not a number where there is none."""
    if when is None:
        return np.nan
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
