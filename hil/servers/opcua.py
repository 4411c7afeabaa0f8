"""An OPC UA server that shows one connection of a policy, as strict as the strictest server in the field."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from math import isfinite
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlparse

import numpy as np
from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.address_space import AddressSpace, AttributeService
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from hil.faults.opcua import Strange
from hil.plc.line import Image
from hil.servers.opcua_door import Door
from hil.servers.opcua_trouble import Gate, spoil
from hil.servers.wire import Raw, to_raw, to_value
from plant_io.quality import Quality
from plant_io.served.units import units
from plant_io.signals import Floats
from policies import Access, OpcUa, Policy, Tag

_TYPES = {
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
_STATUS = {
    Quality.GOOD: ua.StatusCode(ua.UInt32(StatusCodes.Good)),
    Quality.UNCERTAIN: ua.StatusCode(ua.UInt32(StatusCodes.UncertainLastUsableValue)),
    Quality.BAD: ua.StatusCode(ua.UInt32(StatusCodes.BadSensorFailure)),
}
_STATE = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))
_SHUTDOWN = 4  # OPC UA part 5, 12.6
_CURRENT_TIME = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_CurrentTime))
_START_TIME = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_StartTime))
_OTHER = "urn:steadyline:another"  # namespace that only the server has which stands in place of another


class _Item(Protocol):
    """One item of a write request; the library's own class is too large for type checkers."""

    NodeId: ua.NodeId
    Value: ua.DataValue


class _Strict(AttributeService):
    """Writes as the strictest servers take them: the node's own type, finite, no timestamps, no status.

    Those are the refusals that hide between two ends of one library and meet a site on the first day.
    """

    def __init__(self, space: AddressSpace, tags: Mapping[ua.NodeId, str], on_write: Callable[[], None]) -> None:
        super().__init__(space)
        self.written: dict[str, ua.DataValue] = {}
        self.names: dict[ua.NodeId, str] = {}
        """Tags by node."""
        self.strange: Strange | None = None
        """What is wrong with the server."""
        self._tags, self._on_write = tags, on_write

    def read(self, params: ua.ReadParameters) -> list[ua.DataValue]:
        """Return what is read, unless something is wrong.

        Raises
        ------
        ServiceError
            If the request is refused as a whole.
        """
        found, strange = super().read(params), self.strange
        if strange is None:
            return found
        if strange.busy():
            raise ServiceError(StatusCodes.BadTooManyOperations)
        asked = [item.NodeId for item in cast("list[_Item]", params.NodesToRead)]
        return [self._instead(node, value, strange) for node, value in zip(asked, found, strict=True)]

    def _instead(self, node: ua.NodeId, value: ua.DataValue, strange: Strange) -> ua.DataValue:
        if node == _STATE and strange.shutdown():
            return ua.DataValue(ua.Variant(_SHUTDOWN, ua.VariantType.Int32))
        match strange.of(self.names.get(node, "")):
            case "ua_novalue":
                return ua.DataValue(None, _STATUS[Quality.GOOD])
            case "ua_deleted":
                return ua.DataValue(None, ua.StatusCode(ua.UInt32(StatusCodes.BadNodeIdUnknown)))
            case "ua_retyped":
                return ua.DataValue(ua.Variant("what it was", ua.VariantType.String))
            case _:
                return value

    async def write(self, params: ua.WriteParameters, user: User = User(role=UserRole.Admin)) -> list[ua.StatusCode]:  # noqa: B008
        if user.role == UserRole.Admin:
            return await super().write(params, user)
        results: list[ua.StatusCode] = []
        for item in cast("list[_Item]", params.NodesToWrite):
            status = _refusal(item.Value) or (await super().write(_single(item), user))[0]
            if status.is_good() and item.NodeId in self._tags:
                self.written[self._tags[item.NodeId]] = item.Value
            results.append(status)
        self._on_write()
        return results


class OpcUaServer:
    """The tags of one OPC UA connection as nodes in folders by unit, behind a real socket.

    Parameters
    ----------
    policy
        The policy that declares the tags.
    connection
        Name of the connection shown.
    listen
        Address and TCP port to listen at; port 0 for any free one.
    on_write
        Called whenever a client has written.
    pki
        Folder of certificates; with one, only trusted clients are let in, over encrypted or signed channels. Without
        one everybody is, in the open.

    Raises
    ------
    TypeError
        If the connection is of another kind.
    """

    def __init__(
        self,
        policy: Policy,
        connection: str,
        listen: tuple[str, int],
        on_write: Callable[[], None],
        pki: Path | None = None,
    ) -> None:
        link = policy.connections[connection]
        if not isinstance(link, OpcUa):
            raise TypeError(f"connections.{connection} speaks {link.protocol}, not opcua")
        self._line, self._namespace, self._path = policy.line, link.namespace, urlparse(link.endpoint).path
        self._tags = {name: tag for name, tag in policy.tags.items() if tag.connection == connection}
        self._listen = listen
        self._nodes: dict[str, ua.NodeId] = {}
        self._shown: dict[str, tuple[float | Floats, float, Quality]] = {}
        self._door = None if pki is None else Door(pki, f"urn:steadyline:hil:line-{policy.line.lower()}")
        self._gate = Gate(cast("UserManager | None", self._door))
        self._server = Server(self._gate)
        self._top: Node | None = None
        self._swapped = False
        self._taken: dict[ua.NodeId, str] = {}
        self._strict = _Strict(self._server.iserver.aspace, self._taken, on_write)

    @property
    def address(self) -> str:
        """Where to connect, as an endpoint URL; only while it is listening.

        Raises
        ------
        RuntimeError
            If the server has not been started.
        """
        if self._server.bserver is None:
            raise RuntimeError("the OPC UA server has not been started")
        return f"opc.tcp://{self._listen[0]}:{self._server.bserver.port}{self._path}"

    async def start(self, image: Image) -> None:
        """Build the nodes, show `image` and listen.

        Raises
        ------
        OSError
            If the port is taken, or the certificate of the server can be neither read nor made.
        """
        server = self._server
        server.iserver.attribute_service = self._strict
        server.disable_clock()  # plant time is shown instead of the wall's
        await server.init()
        server.set_server_name(f"Simulated PLC of line {self._line}")
        server.set_endpoint(f"opc.tcp://{self._listen[0]}:{self._listen[1]}{self._path}")
        if self._door is None:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        else:
            await self._door.fit(server)
        await self._build(image)
        await self.publish(image)
        await server.start()

    def misbehave(self, strange: Strange) -> None:
        """Let something be wrong with the server."""
        self._strict.strange = self._gate.strange = strange

    async def publish(self, image: Image) -> None:
        """Show what has changed, in the order of the image, each with the time at which the source took it."""
        if self._strict.strange is not None:
            await self._suffer(self._strict.strange, image)
        now = _time(image.at)
        await self._server.write_attribute_value(_CURRENT_TIME, ua.DataValue(ua.Variant(now, ua.VariantType.DateTime)))
        for name, value in image.values.items():
            if name not in self._nodes:
                continue
            look = (value, image.taken[name], image.quality.get(name, Quality.GOOD))
            if not _same(self._shown.get(name), look):
                self._shown[name] = look
                shown = ua.DataValue(_variant(self._tags[name], value), _STATUS[look[2]], _time(look[1]), now)
                await self._server.write_attribute_value(self._nodes[name], shown)

    async def take(self) -> Mapping[str, float]:
        """Return what clients have written since the last call, by tag, each in its unit."""
        written, self._strict.written = self._strict.written, {}
        values: dict[str, float] = {}
        for name, given in written.items():
            self._shown.pop(name, None)
            raw: Raw = given.Value.Value if given.Value is not None else 0.0
            values[name] = to_value(self._tags[name], raw)
        return values

    async def stop(self) -> None:
        """Close the socket and every session."""
        if self._server.bserver is not None:
            await self._server.stop()

    async def _suffer(self, strange: Strange, image: Image) -> None:
        """Do what the faults of the server want done before something is shown."""
        subscriptions = self._gate.subscription_service.subscriptions
        if strange.forgets():
            await self._gate.subscription_service.delete_subscriptions(list(subscriptions))
        if strange.swapped() != self._swapped:
            self._swapped = strange.swapped()
            await self._swap(image)
        spoil(subscriptions.values(), strange)

    async def _swap(self, image: Image) -> None:
        """Stand in place of another server: started now, with the same nodes in a namespace with another index."""
        self._gate.drop()
        await self._gate.subscription_service.delete_subscriptions(list(self._gate.subscription_service.subscriptions))
        if self._top is not None:
            await self._server.delete_nodes([self._top], recursive=True)
        for known in (self._nodes, self._shown, self._taken, self._strict.names):
            known.clear()
        spaces = [uri for uri in await self._server.get_namespace_array() if uri not in {self._namespace, _OTHER}]
        await self._server.nodes.namespace_array.write_value([*spaces, _OTHER] if self._swapped else spaces)
        started = ua.DataValue(ua.Variant(_time(image.at), ua.VariantType.DateTime))
        await self._server.write_attribute_value(_START_TIME, started)
        await self._build(image)

    async def _build(self, image: Image) -> None:
        space = await self._server.register_namespace(self._namespace)
        top = self._top = await self._server.nodes.objects.add_folder(space, f"Line {self._line}")
        folders: dict[str, Node] = {}
        for name, tag in self._tags.items():
            unit = name.partition(".")[0]
            if unit not in folders:
                folders[unit] = await top.add_folder(space, unit)
            node = ua.NodeId.from_string(f"ns={space};{tag.address}")
            await _add(folders[unit], node, name, tag, image.values[name])
            self._nodes[name] = node
            self._strict.names[node] = name
            if tag.access is Access.WRITE:
                self._taken[node] = name


async def _add(folder: Node, at: ua.NodeId, name: str, tag: Tag, value: float | Floats) -> None:
    variable = await folder.add_variable(at, ua.QualifiedName(name, at.NamespaceIndex), _variant(tag, value))
    text = ua.LocalizedText(tag.description or name)
    await variable.write_attribute(AttributeIds.Description, ua.DataValue(ua.Variant(text)))
    span = ua.Range(Low=ua.Double(tag.range[0]), High=ua.Double(tag.range[1]))
    generated = ua.NodeId(ua.Int32(0), at.NamespaceIndex)
    await variable.add_property(generated, ua.QualifiedName("EURange"), span)
    await variable.add_property(generated, ua.QualifiedName("EngineeringUnits"), units(tag.unit))
    if tag.access is Access.WRITE:
        await variable.set_writable()


def _time(at: float) -> ua.DateTime:
    return ua.DateTime.fromtimestamp(at, UTC)


def _variant(tag: Tag, value: float | Floats) -> ua.Variant:
    if isinstance(value, np.ndarray):
        return ua.Variant([to_raw(tag, float(each)) for each in value], _TYPES[tag.type], is_array=True)
    return ua.Variant(to_raw(tag, value), _TYPES[tag.type])


def _same(one: tuple[float | Floats, float, Quality] | None, other: tuple[float | Floats, float, Quality]) -> bool:
    """Return whether nothing has to be shown anew; an array is sampled, so that its time tells."""
    if one is None or one[1:] != other[1:]:
        return False
    return isinstance(other[0], np.ndarray) or one[0] == other[0]


def _refusal(given: ua.DataValue) -> ua.StatusCode | None:
    """Return why a write is refused before it is tried, or None."""
    if given.SourceTimestamp is not None or given.ServerTimestamp is not None:
        return ua.StatusCode(ua.UInt32(StatusCodes.BadWriteNotSupported))
    if given.StatusCode is not None and not given.StatusCode.is_good():
        return ua.StatusCode(ua.UInt32(StatusCodes.BadWriteNotSupported))
    if given.Value is None or given.Value.is_array or given.Value.Value is None:
        return ua.StatusCode(ua.UInt32(StatusCodes.BadTypeMismatch))
    if isinstance(given.Value.Value, float) and not isfinite(given.Value.Value):
        return ua.StatusCode(ua.UInt32(StatusCodes.BadOutOfRange))
    return None


def _single(item: _Item) -> ua.WriteParameters:
    parameters = ua.WriteParameters()
    cast("list[_Item]", parameters.NodesToWrite).append(item)
    return parameters
