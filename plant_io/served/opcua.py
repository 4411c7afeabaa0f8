"""An OPC UA server of our own: facts to read, conditions and audit entries as events, calls; nothing to write.

It lives in a thread of its own with an event loop of its own, so that no client can delay whoever shows it something.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC
from functools import partial
from pathlib import Path
from threading import Thread
from typing import cast

from asyncua import ua
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.event_generator import EventGenerator
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from plant_io.quality import Quality
from plant_io.served.admission import Admission, own_uri
from plant_io.served.units import units
from plant_io.served.values import Call, Condition, Entry, Fact, Kind, Shown, Value
from policies.served import ServedOpcUa, address

NAMESPACE = "urn:steadyline:runtime"
"""URI of the namespace of all nodes; the identifier of a node is the path of its fact."""
PATH = "/steadyline"
"""Path of the endpoint."""
_TOP = "Steadyline"
_PATIENCE_S = 10.0
_TYPES: Mapping[Kind, ua.VariantType] = {
    "number": ua.VariantType.Double,
    "count": ua.VariantType.Int64,
    "flag": ua.VariantType.Boolean,
    "text": ua.VariantType.String,
}
_ZEROS: Mapping[Kind, Value] = {"number": 0.0, "count": 0, "flag": False, "text": ""}
_STATUS: Mapping[Quality, ua.StatusCode] = {
    Quality.GOOD: ua.StatusCode(ua.UInt32(StatusCodes.Good)),
    Quality.UNCERTAIN: ua.StatusCode(ua.UInt32(StatusCodes.UncertainLastUsableValue)),
    Quality.BAD: ua.StatusCode(ua.UInt32(StatusCodes.Bad)),
}
_NAMED: Mapping[int, ua.VariantType] = {
    ObjectIds.UtcTime: ua.VariantType.DateTime,
    ObjectIds.Duration: ua.VariantType.Double,
    ObjectIds.AudioDataType: ua.VariantType.ByteString,
}
_WAITING = ua.DataValue(None, ua.StatusCode(ua.UInt32(StatusCodes.BadWaitingForInitialData)))


class _Everybody:
    """Takes whoever got this far as somebody who may read and call, and never as an administrator of the server."""

    def __init__(self, *, secured: bool) -> None:
        self._secured = secured

    def get_user(
        self,
        iserver: object,  # noqa: ARG002  # the library's own words, as below
        username: str | None = None,
        password: str | None = None,  # noqa: ARG002
        certificate: bytes | None = None,
    ) -> User | None:
        """Return the user a client is, or None to refuse it; the library asks."""
        if self._secured and not certificate:
            return None
        return User(role=UserRole.User, name=username)


class RuntimeServer:
    """Shows facts, conditions and audit entries to OPC UA clients, and takes calls.

    Parameters
    ----------
    declared
        Where it listens, and how it is secured.
    facts
        Everything that is shown.
    calls
        Everything that may be asked for.
    pki
        Folder of certificates and keys.

    Raises
    ------
    OSError
        If the port is taken, or a certificate can be neither read nor made.
    """

    def __init__(self, declared: ServedOpcUa, facts: Sequence[Fact], calls: Sequence[Call], pki: Path) -> None:
        self._declared, self._facts, self._calls, self._pki = declared, facts, calls, pki
        self._secured = declared.security != "None"
        self._server = Server(user_manager=cast("UserManager", _Everybody(secured=self._secured)))
        self._nodes: dict[str, ua.NodeId] = {}
        self._shown: dict[str, Shown] = {}
        self._conditions: dict[str, EventGenerator] = {}
        self._audit: EventGenerator | None = None
        self._space = 0
        self._busy: Future[None] | None = None
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._over = asyncio.Event()
        self._thread = Thread(target=lambda: asyncio.run(self._stay()), name="opcua", daemon=True)
        self._thread.start()
        self._loop = self._ready.result(_PATIENCE_S)
        try:
            self._do(self._start())
        except BaseException:
            self._end()
            raise

    @property
    def endpoint(self) -> str:
        """Where to connect, as an endpoint URL.

        Raises
        ------
        RuntimeError
            If it is closed.
        """
        if self._server.bserver is None:
            raise RuntimeError("the OPC UA server is closed")
        return f"opc.tcp://{address(self._declared.listen)[0]}:{self._server.bserver.port}{PATH}"

    def show(self, now: Mapping[str, Shown]) -> None:
        """Show what every fact is now; while the last is still being shown, this one is passed over."""
        if self._busy is None or self._busy.done():
            self._busy = asyncio.run_coroutine_threadsafe(self._publish(dict(now)), self._loop)

    def tell(self, notices: Sequence[Condition | Entry]) -> None:
        """Send events; none of them is passed over."""
        if notices:
            asyncio.run_coroutine_threadsafe(self._events(tuple(notices)), self._loop)

    def close(self) -> None:
        """Close the socket and every session."""
        try:
            self._do(self._server.stop())
        finally:
            self._end()

    async def _stay(self) -> None:
        self._ready.set_result(asyncio.get_running_loop())
        await self._over.wait()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(_PATIENCE_S)

    def _do(self, what: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(_PATIENCE_S)

    async def _start(self) -> None:
        server, listen = self._server, address(self._declared.listen)
        server.iserver.bind_condition_methods = 1  # so that clients may ask for the conditions that stand
        await server.init()
        server.set_server_name("Steadyline runtime")
        server.set_endpoint(f"opc.tcp://{listen[0]}:{listen[1]}{PATH}")
        if self._secured:
            kind = getattr(ua.SecurityPolicyType, f"{self._declared.security}_SignAndEncrypt")
            admission = Admission(self._pki, own_uri(self._pki, NAMESPACE), "Steadyline runtime")
            await admission.fit(server, [ua.AnonymousIdentityToken, ua.UserNameIdentityToken], [kind])
        else:
            server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
            server.set_identity_tokens([ua.AnonymousIdentityToken])
        self._space = await server.register_namespace(NAMESPACE)
        top = await server.nodes.objects.add_object(self._at(_TOP), ua.QualifiedName(_TOP, self._space))
        await self._build(top)
        self._audit = await self._generator(ObjectIds.AuditEventType)
        await server.start()

    def _at(self, path: str) -> ua.NodeId:
        return ua.NodeId(ua.String(path), ua.Int16(self._space))

    async def _build(self, top: Node) -> None:
        folders: dict[str, Node] = {"": top}
        for fact in self._facts:
            folder, _, name = fact.path.rpartition("/")
            variable = await (await self._folder(folders, folder)).add_variable(
                self._at(fact.path), ua.QualifiedName(name, self._space), _ZEROS[fact.kind], _TYPES[fact.kind]
            )
            about = ua.DataValue(ua.Variant(ua.LocalizedText(fact.what)))
            await variable.write_attribute(AttributeIds.Description, about)
            if fact.unit:
                unit = self._at(f"{fact.path}/EngineeringUnits")
                await variable.add_property(unit, ua.QualifiedName("EngineeringUnits"), units(fact.unit))
            self._nodes[fact.path] = variable.nodeid
            await self._server.write_attribute_value(variable.nodeid, _WAITING)
        if self._calls:
            orders = await self._folder(folders, "orders")
            for call in self._calls:
                await self._add(orders, call)

    async def _folder(self, folders: dict[str, Node], path: str) -> Node:
        if path not in folders:
            parent, _, name = path.rpartition("/")
            above = await self._folder(folders, parent)
            folders[path] = await above.add_folder(self._at(path), ua.QualifiedName(name, self._space))
        return folders[path]

    async def _add(self, folder: Node, call: Call) -> None:
        words = [_argument(name, what) for name, what in call.words]
        answer = [_argument("said", "What was done, or why not.")]
        at = self._at(f"orders/{call.name}")
        method = await folder.add_method(
            at, ua.QualifiedName(call.name, self._space), partial(_asked, call), words, answer
        )
        about = ua.DataValue(ua.Variant(ua.LocalizedText(call.what)))
        await method.write_attribute(AttributeIds.Description, about)

    async def _generator(self, kind: int) -> EventGenerator:
        """Return what sends events of a kind, with the types of its fields as the wire knows them."""
        made = await self._server.get_event_generator(kind, self._server.nodes.server.nodeid)
        types: dict[str, object] = made.event.data_types
        for name, known in types.items():
            if isinstance(known, ua.NodeId):  # the library cannot send a field whose type it only names
                types[name] = _NAMED.get(int(known.Identifier), ua.VariantType.Variant)
        return made

    async def _publish(self, now: Mapping[str, Shown]) -> None:
        for fact in self._facts:
            shown = now[fact.path]
            if self._shown.get(fact.path) == shown:
                continue
            self._shown[fact.path] = shown
            value = ua.Variant(shown.value, _TYPES[fact.kind])
            taken = ua.DateTime.fromtimestamp(shown.at, UTC)
            await self._server.write_attribute_value(
                self._nodes[fact.path], ua.DataValue(value, _STATUS[shown.quality], taken, taken)
            )

    async def _events(self, notices: Sequence[Condition | Entry]) -> None:
        for one in notices:
            if isinstance(one, Condition):
                await self._raise(one)
            elif self._audit is not None:
                event = self._audit.event
                event.ActionTimeStamp = ua.DateTime.fromtimestamp(one.at, UTC)
                event.Status, event.ServerId, event.ClientUserId = True, _TOP, one.who
                await self._audit.trigger(ua.DateTime.fromtimestamp(one.at, UTC), one.what)

    async def _raise(self, one: Condition) -> None:
        """Send a condition with its state; what stands or waits for somebody is kept for clients that come later."""
        kept = self._conditions.get(one.name)
        if kept is None:
            kept = self._conditions[one.name] = await self._generator(ObjectIds.AlarmConditionType)
        event, at = kept.event, ua.DateTime.fromtimestamp(one.at, UTC)
        event.NodeId, event.ConditionName = self._at(f"conditions/{one.name}"), one.name
        event.SourceName, event.Severity = one.name, ua.UInt16(one.severity)
        event.Retain, event.SuppressedOrShelved = one.retained, one.suppressed
        for name, state in (("EnabledState", True), ("ActiveState", one.active), ("AckedState", one.acked)):
            setattr(event, name, ua.LocalizedText(_STATES[name][state]))
            setattr(event, f"{name}/Id", state)
        await kept.trigger(at, one.what)


_STATES: Mapping[str, tuple[str, str]] = {
    "EnabledState": ("Disabled", "Enabled"),
    "ActiveState": ("Inactive", "Active"),
    "AckedState": ("Unacknowledged", "Acknowledged"),
}
"""Names of the states (OPC UA part 9, 5.8)."""


def _argument(name: str, what: str) -> ua.Argument:
    return ua.Argument(
        Name=name,
        DataType=ua.NodeId(ua.Int32(ObjectIds.String)),
        ValueRank=ua.Int32(-1),
        Description=ua.LocalizedText(what),
    )


def _asked(call: Call, _parent: object, *words: ua.Variant) -> ua.CallMethodResult:
    """Do what a client asks for; who may not is told so by the status, and everybody in words."""
    given = [word.Value for word in words]
    if len(given) != len(call.words) or not all(isinstance(word, str) for word in given):
        return _answer(StatusCodes.BadInvalidArgument, f"{call.name}: expected {len(call.words)} texts")
    try:
        return _answer(StatusCodes.Good, call.run(*given))
    except PermissionError as error:
        return _answer(StatusCodes.BadUserAccessDenied, str(error))
    except (ValueError, OSError) as error:
        return _answer(StatusCodes.BadInvalidArgument, str(error))


def _answer(code: int, said: str) -> ua.CallMethodResult:
    status = ua.StatusCode(ua.UInt32(code))
    return ua.CallMethodResult(StatusCode=status, OutputArguments=[ua.Variant(said, ua.VariantType.String)])
