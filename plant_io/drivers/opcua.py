"""OPC UA: prebuilt batched reads, writes with the server's own types (asyncua)."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import cast

import numpy as np
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from plant_io.decode import fitted
from plant_io.drivers.asking import asked
from plant_io.latch import tags_of
from plant_io.ports import Batch, Identity
from plant_io.quality import Quality, Reason
from plant_io.signals import Outcome, Receipt, Setpoint
from plant_io.status import judged
from policies import OpcUa, Policy, Tag
from policies.tags import WireType

# The link supervisor says once what asyncua would say, with a trace, at every attempt.
logging.getLogger("asyncua").setLevel(logging.CRITICAL)

_WATCHDOG_S = 10.0  # asyncua's own 1 s drops healthy connections whose server is busy
_TEARDOWN_S = 1.0
_ADDRESS = re.compile(r"[sigb]=.+")
_VARIANTS: Mapping[WireType, ua.VariantType] = MappingProxyType(
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
_BUILT_IN = range(1, 22)  # identifiers of the built-in types in namespace 0 that are neither abstract nor structured
_SERVER = (
    ObjectIds.Server_NamespaceArray,
    ObjectIds.Server_ServerStatus_StartTime,
    ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
)


@dataclass(frozen=True, slots=True)
class _Spot:
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
        return _VARIANTS[self.tag.type]


class OpcUaDriver:
    """One session with one OPC UA server.

    Parameters
    ----------
    connection
        Name of the connection in `policy`.
    policy
        Gives the address of the server and its tags.

    Raises
    ------
    ValueError
        If the connection is of another kind, or a tag has no OPC UA identifier.
    """

    def __init__(self, connection: str, policy: Policy) -> None:
        server = policy.connections[connection]
        if not isinstance(server, OpcUa):
            raise ValueError(f"connection {connection} is no OPC UA connection")  # noqa: TRY004  # a value of the policy
        self._server = server
        self._tags = tags_of(connection, policy)
        self._spots = _spots(self._tags, 0)
        self._width = sum(tag.length for tag in self._tags.values())
        self._requests: list[ua.ReadParameters] = []
        self._client: Client | None = None

    async def open(self) -> Identity:
        """Connect, find the namespace, compare every tag with the policy and prepare the reads."""
        # The deadlines of the link are shorter, and they are the ones that count.
        client = Client(self._server.endpoint, 1.0 + 2.0 * self._server.timeout_s, _WATCHDOG_S)
        client.name = "Steadyline"
        client.application_uri = "urn:steadyline:controller"
        client.session_timeout = round(1000.0 * self._server.session_timeout_s)
        self._client = client
        await asked(client.connect, _means)
        namespace, started, chunk = await self._learn()
        spots = _spots(self._tags, namespace)
        nodes = [spot.node for spot in spots.values()]
        self._requests = _requests(nodes, AttributeIds.Value, chunk)
        types = await self._ask(_requests(nodes, AttributeIds.DataType, chunk), len(nodes))
        values = await self._ask(self._requests, len(self._spots))
        notes: list[str] = []
        for (name, spot), kind, value in zip(spots.items(), types, values, strict=True):
            self._spots[name] = replace(spot, wrong=_mismatch(spot, kind, value))
            note = self._spots[name].wrong or _absence(spot, kind, value)
            notes += [f"{name}: {note}"] if note else []
        return Identity(started, tuple(notes))

    async def read(self) -> Batch:
        """Read every tag with the prepared requests."""
        answers = await self._ask(self._requests, len(self._spots))
        n = len(answers)
        batch = Batch(
            values=np.full(self._width, np.nan),
            quality=np.full(n, Quality.GOOD, np.uint8),
            reason=np.full(n, Reason.NONE, np.uint8),
            source=np.array([_posix(answer.SourceTimestamp) for answer in answers], np.float64),
        )
        for i, (spot, answer) in enumerate(zip(self._spots.values(), answers, strict=True)):
            quality, reason = judged(_code(answer))
            if quality is not Quality.BAD:
                numbers = None if spot.wrong else _numbers(answer.Value, spot)
                if numbers is None:
                    quality, reason = Quality.BAD, Reason.WRONG_TYPE
                else:
                    batch.values[spot.start : spot.start + spot.tag.length] = numbers
            batch.quality[i], batch.reason[i] = quality, reason
        return batch

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write all values in one request, in order."""
        receipts: dict[int, Receipt] = {}
        orders: dict[int, ua.WriteValue] = {}
        for i, setpoint in enumerate(setpoints):
            try:
                orders[i] = _order(setpoint, self._spots[setpoint.tag])
            except ValueError as refusal:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, str(refusal))
        codes = await self._put(list(orders.values()))
        for i, code in zip(orders, codes, strict=True):
            taken = code.is_good()
            outcome = Outcome.TAKEN if taken else Outcome.REFUSED
            receipts[i] = Receipt(setpoints[i], outcome, "" if taken else f"the server answers {code.name}")
        return [receipts[i] for i in range(len(setpoints))]

    async def abort(self) -> None:
        """Drop the connection now."""
        client, self._client = self._client, None
        if client is None:
            return
        protocol = client.uaclient.protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()
        # With the transport gone this only ends the tasks asyncua has started; whatever it complains of is over.
        with suppress(Exception):
            async with asyncio.timeout(_TEARDOWN_S):
                await client.disconnect()

    async def _learn(self) -> tuple[int, float | None, int]:
        """Return the index of the namespace, the start of the server and the most nodes of one read."""
        nodes = [ua.NodeId(ua.Int32(number)) for number in _SERVER]
        namespaces, started, limit = await self._ask(_requests(nodes, AttributeIds.Value, len(nodes)), len(nodes))
        known = cast("list[str]", _plain(namespaces) or [])
        if self._server.namespace not in known:
            raise ConnectionError(f"the server has no namespace {self._server.namespace}; it has {', '.join(known)}")
        when = _plain(started)
        most = _plain(limit)
        chunk = min(self._server.chunk, most) if isinstance(most, int) and most > 0 else self._server.chunk
        return known.index(self._server.namespace), _posix(when) if isinstance(when, datetime) else None, chunk

    async def _ask(self, requests: Sequence[ua.ReadParameters], n: int) -> list[ua.DataValue]:
        """Return the answers to requests for `n` nodes together."""
        read = self._connected().uaclient.read
        found: list[ua.DataValue] = []
        for request in requests:
            found += await asked(partial(read, request), _means)
        if len(found) != n:
            raise ConnectionError(f"{len(found)} answers came to {n} questions")
        return found

    async def _put(self, orders: Sequence[ua.WriteValue]) -> list[ua.StatusCode]:
        if not orders:
            return []
        write = self._connected().uaclient.write
        codes = await asked(partial(write, ua.WriteParameters(NodesToWrite=list(orders))), _means)
        if len(codes) != len(orders):
            raise ConnectionError(f"{len(codes)} answers came to {len(orders)} writes")
        return codes

    def _connected(self) -> Client:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client


def _means(trouble: Exception) -> OSError:
    return ConnectionError(f"{type(trouble).__name__}: {trouble}")


def _spots(tags: Mapping[str, Tag], namespace: int) -> dict[str, _Spot]:
    found: dict[str, _Spot] = {}
    start = 0
    for name, tag in tags.items():
        found[name] = _Spot(tag, start, _node(tag.address, namespace))
        start += tag.length
    return found


def _node(address: str, namespace: int) -> ua.NodeId:
    try:
        if _ADDRESS.fullmatch(address):
            return ua.NodeId.from_string(f"ns={namespace};{address}")
    except UaError:
        pass
    raise ValueError(f"expected an OPC UA identifier such as s=NIR.SPECTRUM or i=1001, found {address}")


def _requests(nodes: Sequence[ua.NodeId], attribute: AttributeIds, chunk: int) -> list[ua.ReadParameters]:
    return [
        ua.ReadParameters(
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            NodesToRead=[ua.ReadValueId(node, ua.UInt32(attribute)) for node in nodes[i : i + chunk]],
        )
        for i in range(0, len(nodes), chunk)
    ]


def _order(setpoint: Setpoint, spot: _Spot) -> ua.WriteValue:
    """Return the request to write one value; ValueError if the server cannot hold it."""
    if spot.wrong:
        raise ValueError(spot.wrong)
    held = fitted(setpoint.value, spot.tag.type)
    value = bool(held) if spot.tag.type == "bool" else held
    # Many servers refuse a write that brings a status or a timestamp, even a good one.
    bare = ua.DataValue(ua.Variant(value, spot.variant), StatusCode=None)
    return ua.WriteValue(spot.node, ua.UInt32(AttributeIds.Value), Value=bare)


def _mismatch(spot: _Spot, kind: ua.DataValue, value: ua.DataValue) -> str:
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
    named, shown = _plain(kind), value.Value
    number = named.Identifier if isinstance(named, ua.NodeId) and named.NamespaceIndex == 0 else None
    if isinstance(number, int) and number in _BUILT_IN:
        held = ua.VariantType(number)
    elif shown is None or shown.VariantType is ua.VariantType.Null:
        return ""
    else:
        held = shown.VariantType
    return "" if held is spot.variant else f"the server holds {held.name}, the policy says {spot.tag.type}"


def _absence(spot: _Spot, kind: ua.DataValue, value: ua.DataValue) -> str:
    """Return what keeps a node of the right type from giving the declared value, or nothing."""
    if kind.StatusCode is not None and not kind.StatusCode.is_good():
        return f"the server answers {kind.StatusCode.name} for {spot.tag.address}"
    if _plain(value) is None or _numbers(value.Value, spot) is not None:
        return ""
    return f"the server does not hold {spot.tag.length} values in a row, as the policy says"


def _code(answer: ua.DataValue) -> int:
    return 0 if answer.StatusCode is None else answer.StatusCode.value


def _plain(answer: ua.DataValue) -> object:
    """Return the value of an answer, or None if it is bad or has none."""
    bad = judged(_code(answer))[0] is Quality.BAD
    return None if bad or answer.Value is None else cast("object", answer.Value.Value)


def _numbers(variant: ua.Variant | None, spot: _Spot) -> Sequence[float] | None:
    """Return the values of a tag, or None if they are not what was declared."""
    if variant is None or variant.VariantType is not spot.variant or len(variant.Dimensions or ()) > 1:
        return None
    held = cast("float | list[float] | None", variant.Value)
    values = held if isinstance(held, list) else [held]
    return cast("list[float]", values) if held is not None and len(values) == spot.tag.length else None


def _posix(when: datetime | None) -> float:
    if when is None:
        return np.nan
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
