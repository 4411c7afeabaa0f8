"""Reads that are put into bytes once and sent as often as wanted; nearly half of what a read costs asyncua is that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import Primitives, struct_from_binary, struct_to_binary  # pyright: ignore[reportUnknownVariableType]  # typed in parts

_READ = ua.FourByteNodeId(ua.Int32(ObjectIds.ReadRequest_Encoding_DefaultBinary))


class PreparedRead:
    """What is asked for by one read, as it travels.

    Parameters
    ----------
    parameters
        What is asked for.
    """

    __slots__ = ("_packed",)

    def __init__(self, parameters: ua.ReadParameters) -> None:
        self._packed: bytes = struct_to_binary(parameters)

    def pack(self) -> bytes:
        """Return it as it travels."""
        return self._packed


# The library packs a field by the class of this name among its primitives; so it takes the bytes as they are.
Primitives.PreparedRead = PreparedRead  # type: ignore[attr-defined]


@dataclass(slots=True)
class _Request:
    """A ReadRequest whose parameters are bytes (OPC 10000-4, 5.11.2)."""

    TypeId: ua.NodeId
    RequestHeader: ua.RequestHeader
    Parameters: PreparedRead


class _Header(Protocol):
    """What comes back with every answer; the library's own classes are too large for type checkers."""

    ServiceResult: ua.StatusCode


class _Response(Protocol):
    """What comes back."""

    ResponseHeader: _Header
    Results: list[ua.DataValue] | None


async def read(client: Client, prepared: PreparedRead) -> list[ua.DataValue]:
    """Return the answers to a prepared read.

    Raises
    ------
    ConnectionError
        If there is no connection.
    ua.UaError
        If the server refuses the request as a whole.
    """
    protocol = client.uaclient.protocol
    if protocol is None:
        raise ConnectionError("not connected")
    data = await protocol.send_request(_Request(_READ, ua.RequestHeader(), prepared))
    response = cast("_Response", struct_from_binary(ua.ReadResponse, data))
    response.ResponseHeader.ServiceResult.check()
    return response.Results or []
