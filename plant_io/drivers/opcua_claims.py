"""What an OPC UA server claims of its nodes beside their values: engineering units and ranges (asyncua)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from plant_io.claims import Claim
from plant_io.drivers.asking import asked
from plant_io.drivers.opcua_nodes import plain, requests
from plant_io.drivers.opcua_prepared import PreparedRead
from plant_io.drivers.opcua_words import Found, Span, Units

Ask = Callable[[Sequence[PreparedRead], int], Awaitable[list[ua.DataValue]]]
"""Gives the answers to prepared reads of so many nodes together."""

_PROPERTIES = ("EngineeringUnits", "EURange")


class _UnsupportedError(OSError):
    """The server does not have the service, which is no trouble with the connection."""


async def claims(client: Client, nodes: Mapping[str, ua.NodeId], chunk: int, ask: Ask) -> dict[str, Claim]:
    """Return what the server claims of each node.

    Parameters
    ----------
    client
        Connected client.
    nodes
        Nodes by name.
    chunk
        Most nodes in one request [1].
    ask
        Reads nodes.

    Raises
    ------
    OSError
        If the connection failed.
    """
    paths = [(name, wanted, _path(node, wanted)) for name, node in nodes.items() for wanted in _PROPERTIES]
    found: dict[tuple[str, str], ua.NodeId] = {}
    translate = client.uaclient.session.translate_browsepaths_to_nodeids
    try:
        for i in range(0, len(paths), chunk):
            part = paths[i : i + chunk]
            ends = await asked(partial(translate, [path for _, _, path in part]), _means)
            for (name, wanted, _), end in zip(part, cast("list[Found]", ends), strict=True):
                if end.StatusCode.is_good() and end.Targets:
                    target = end.Targets[0].TargetId
                    found[name, wanted] = ua.NodeId(target.Identifier, target.NamespaceIndex)
    except _UnsupportedError:
        return {}
    answers = await ask(requests(list(found.values()), AttributeIds.Value, chunk), len(found))
    values = {key: plain(answer) for key, answer in zip(found, answers, strict=True)}
    return {name: _claim(*(values.get((name, wanted)) for wanted in _PROPERTIES)) for name in nodes}


def _claim(unit: object, span: object) -> Claim:
    limits = cast("Span", span) if isinstance(span, ua.Range) else None
    low_high = None if limits is None else (limits.Low, limits.High)
    if not isinstance(unit, ua.EUInformation):
        return Claim(span=low_high)
    claimed = cast("Units", unit)
    return Claim(claimed.UnitId, claimed.NamespaceUri or "", claimed.DisplayName.Text or "", low_high)


def _path(node: ua.NodeId, wanted: str) -> ua.BrowsePath:
    step = ua.RelativePathElement(
        ReferenceTypeId=ua.NodeId(ua.Int32(ObjectIds.HasProperty)),
        IsInverse=cast("ua.Boolean", False),  # noqa: FBT003  # a wire type
        TargetName=ua.QualifiedName(wanted),
    )
    return ua.BrowsePath(StartingNode=node, RelativePath=ua.RelativePath(Elements=[step]))


def _means(trouble: Exception) -> OSError:
    kind = _UnsupportedError if isinstance(trouble, UaError) else ConnectionError
    return kind(f"{type(trouble).__name__}: {trouble}")
