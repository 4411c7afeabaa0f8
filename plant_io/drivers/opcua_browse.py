"""What an OPC UA server offers, looked through once in a session of its own (asyncua)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from plant_io.claims import Claim
from plant_io.clocks import WallClock
from plant_io.drivers.asking import asked
from plant_io.drivers.opcua_admission import admit, check, meaning
from plant_io.drivers.opcua_claims import Ask, claims
from plant_io.drivers.opcua_nodes import VARIANTS, plain, posix, requests
from plant_io.drivers.opcua_prepared import PreparedRead, read
from plant_io.drivers.opcua_words import Reference, Seen, Text
from plant_io.offer import Node, Offer, Standing
from policies import OpcUa

_MOST_NODES = 20_000
_AT_ONCE = 50
_TEARDOWN_S = 1.0
_WRITE = 0x02  # bit CurrentWrite of UserAccessLevel, OPC 10000-3, 8.57
_TYPES: Mapping[int, str] = MappingProxyType({variant.value: kind for kind, variant in VARIANTS.items()})
_BUILT_IN = range(1, 26)
_ATTRIBUTES = (
    AttributeIds.DataType,
    AttributeIds.ValueRank,
    AttributeIds.ArrayDimensions,
    AttributeIds.UserAccessLevel,
    AttributeIds.Description,
)


async def browse(server: OpcUa, within_s: float) -> Offer:
    """Return the variables of a server.

    Parameters
    ----------
    server
        How it is reached.
    within_s
        Longest time spent looking [s]; what was not seen by then is left out.

    Raises
    ------
    OSError
        If it cannot be reached, or the connection fails.
    """
    async with _session(server) as client:
        ask = _asking(client, server)
        namespaces = tuple(cast("list[str]", await _one(ask, ObjectIds.Server_NamespaceArray) or []))
        until, found, complete = WallClock().now() + within_s, dict[ua.NodeId, tuple[str, ...]](), True
        async for node, path in _walk(client, server):
            found[node] = path
            if len(found) >= _MOST_NODES or WallClock().now() > until:
                complete = False
                break
        return Offer(namespaces, await _described(client, server, found, namespaces), complete)


async def inspect(server: OpcUa, identifiers: Sequence[str]) -> Standing:
    """Return how a server's clock stands, and whether nodes may be written.

    Parameters
    ----------
    server
        How it is reached, and the namespace of the nodes.
    identifiers
        Nodes, each such as ``s=NIR.SPECTRUM``.

    Raises
    ------
    OSError
        If it cannot be reached, or the connection fails.
    """
    async with _session(server) as client:
        ask = _asking(client, server)
        known = cast("list[str]", await _one(ask, ObjectIds.Server_NamespaceArray) or [])
        now = await _one(ask, ObjectIds.Server_ServerStatus_CurrentTime)
        ahead_s = posix(now) - WallClock().now() if isinstance(now, datetime) else None
        if server.namespace not in known:
            return Standing(ahead_s)
        space = known.index(server.namespace)
        nodes = [ua.NodeId.from_string(f"ns={space};{identifier}") for identifier in identifiers]
        levels = await ask(requests(nodes, AttributeIds.UserAccessLevel, server.chunk), len(nodes))
        told = {i: plain(level) for i, level in zip(identifiers, levels, strict=True)}
        return Standing(ahead_s, {i: bool(level & _WRITE) for i, level in told.items() if isinstance(level, int)})


@asynccontextmanager
async def _session(server: OpcUa) -> AsyncGenerator[Client]:
    """Connect as the driver does, but take leave in order, so that the server has its session back at once."""
    check(server)
    client = Client(server.endpoint, 1.0 + 2.0 * server.timeout_s, server.session_timeout_s / 2.0)
    client.name = "Steadyline"
    client.session_timeout = round(1000.0 * server.session_timeout_s)
    try:
        await admit(client, server, WallClock().now())
        await asked(client.connect, partial(meaning, server))
        yield client
    finally:
        # Whatever the library complains of while it takes leave, the connection is over.
        with suppress(Exception):
            async with asyncio.timeout(_TEARDOWN_S):
                await client.disconnect()


def _asking(client: Client, server: OpcUa) -> Ask:
    async def ask(prepared: Sequence[PreparedRead], _: int) -> list[ua.DataValue]:
        answers = [await asked(partial(read, client, request), partial(meaning, server)) for request in prepared]
        return [value for answer in answers for value in answer]

    return ask


async def _one(ask: Ask, number: int) -> object:
    (answer,) = await ask(requests([ua.NodeId(ua.Int32(number))], AttributeIds.Value, 1), 1)
    return plain(answer)


async def _walk(client: Client, server: OpcUa) -> AsyncIterator[tuple[ua.NodeId, tuple[str, ...]]]:
    """Give every variable under Objects that is none of the standard's own, with the names that lead to it."""
    top = ua.NodeId(ua.Int32(ObjectIds.ObjectsFolder))
    level, met = {top: tuple[str, ...]()}, {top}
    while level:
        below: dict[ua.NodeId, tuple[str, ...]] = {}
        nodes = list(level)
        for i in range(0, len(nodes), _AT_ONCE):
            for node, references in await _references(client, server, nodes[i : i + _AT_ONCE]):
                for reference in references:
                    child = reference.NodeId
                    if child.NamespaceIndex == 0 or child in met:
                        continue
                    met.add(child)
                    below[child] = (*level[node], reference.BrowseName.Name or "")
                    if reference.NodeClass is ua.NodeClass.Variable:
                        yield child, below[child]
        level = below


async def _references(
    client: Client, server: OpcUa, nodes: Sequence[ua.NodeId]
) -> list[tuple[ua.NodeId, list[Reference]]]:
    """Return what each node has below it, properties left out."""
    wanted = ua.BrowseParameters(NodesToBrowse=[_children(node) for node in nodes])
    answers = await asked(partial(client.uaclient.browse, wanted), partial(meaning, server))
    found = {node: _refers(seen) for node, seen in zip(nodes, cast("list[Seen]", answers), strict=True)}
    more = {node: seen.ContinuationPoint for node, seen in zip(nodes, cast("list[Seen]", answers), strict=True)}
    while more := {node: point for node, point in more.items() if point}:
        rest = ua.BrowseNextParameters(ReleaseContinuationPoints=False, ContinuationPoints=list(more.values()))
        answers = await asked(partial(client.uaclient.browse_next, rest), partial(meaning, server))
        parts = dict(zip(more, cast("list[Seen]", answers), strict=True))
        for node, seen in parts.items():
            found[node] += _refers(seen)
        more = {node: seen.ContinuationPoint for node, seen in parts.items()}
    return list(found.items())


def _refers(seen: Seen) -> list[Reference]:
    skip = ua.NodeId(ua.Int32(ObjectIds.HasProperty))
    return [reference for reference in seen.References or [] if reference.ReferenceTypeId != skip]


def _children(node: ua.NodeId) -> ua.BrowseDescription:
    return ua.BrowseDescription(
        NodeId=node,
        BrowseDirection=ua.BrowseDirection.Forward,
        ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HierarchicalReferences)),
        IncludeSubtypes=True,
        NodeClassMask=ua.UInt32(ua.NodeClass.Object | ua.NodeClass.Variable),
        ResultMask=ua.UInt32(ua.BrowseResultMask.All),
    )


async def _described(
    client: Client, server: OpcUa, found: Mapping[ua.NodeId, tuple[str, ...]], namespaces: Sequence[str]
) -> tuple[Node, ...]:
    ask, nodes = _asking(client, server), list(found)
    columns = [await ask(requests(nodes, attribute, server.chunk), len(nodes)) for attribute in _ATTRIBUTES]
    claimed = await claims(client, {node.to_string(): node for node in nodes}, _AT_ONCE, ask)
    described: list[Node] = []
    for node, told in zip(nodes, zip(*columns, strict=True), strict=True):
        kind, rank, dimensions, level, text = (plain(answer) for answer in told)
        described.append(
            Node(
                path=found[node],
                namespace=namespaces[node.NamespaceIndex] if node.NamespaceIndex < len(namespaces) else "",
                identifier=node.to_string().rpartition(f"ns={node.NamespaceIndex};")[2],
                type=_type(kind),
                length=await _length(ask, node, rank, dimensions),
                writable=isinstance(level, int) and bool(level & _WRITE),
                claim=claimed.get(node.to_string(), Claim()),
                description=cast("Text", text).Text or "" if isinstance(text, ua.LocalizedText) else "",
            )
        )
    return tuple(described)


def _type(kind: object) -> str:
    if not isinstance(kind, ua.NodeId):
        return "unknown"
    number = kind.Identifier
    if kind.NamespaceIndex == 0 and isinstance(number, int):
        return _TYPES.get(number) or (ua.VariantType(number).name if number in _BUILT_IN else f"i={number}")
    return kind.to_string()


async def _length(ask: Ask, node: ua.NodeId, rank: object, dimensions: object) -> int:
    """Return how many values a variable has; where the server does not say it, as many as there are now [1]."""
    if not isinstance(rank, int) or rank == ua.ValueRank.Scalar:
        return 1
    if isinstance(dimensions, list) and len(cast("list[int]", dimensions)) == 1 and cast("list[int]", dimensions)[0]:
        return cast("list[int]", dimensions)[0]
    (answer,) = await ask(requests([node], AttributeIds.Value, 1), 1)
    value = plain(answer)
    return max(1, len(cast("list[object]", value))) if isinstance(value, list) else 1
