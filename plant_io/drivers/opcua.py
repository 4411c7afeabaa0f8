"""OPC UA: prebuilt batched reads, writes with the server's own types, reports where the policy asks (asyncua)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar, cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from plant_io.claims import Claim, differences
from plant_io.clocks import WallClock
from plant_io.drivers.asking import asked
from plant_io.drivers.opcua_admission import admit, check, meaning
from plant_io.drivers.opcua_claims import claims
from plant_io.drivers.opcua_nodes import Spot, absence, mismatch, order, plain, posix, requests, spots
from plant_io.drivers.opcua_prepared import PreparedRead, read
from plant_io.drivers.opcua_reports import Reports, Wanted
from plant_io.drivers.opcua_scan import Reading
from plant_io.latch import tags_of
from plant_io.ports import Batch, Identity, Refusal
from plant_io.scan import Coherence, scans_of
from plant_io.signals import Outcome, Receipt, Setpoint
from policies import Access, OpcUa, Policy
from policies.scans import CONTROL

T = TypeVar("T")

_NOTHING = Reading.of((), None, 1)
_LEAVE_S = 0.1  # for a server that has answered everything so far
_TEARDOWN_S = 1.0
_CLAIMS_S, _CLAIM_S = 0.3, 0.0005  # longest wait for all claims of a server, and for each more
_SERVER = (
    ObjectIds.Server_NamespaceArray,
    ObjectIds.Server_ServerStatus_StartTime,
    ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead,
    ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerWrite,
    ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerTranslateBrowsePathsToNodeIds,
    ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall,
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What a server says of itself."""

    namespace: int
    """Index of the namespace of the policy [1]."""
    started: float | None
    """When it was started, POSIX time [s]."""
    reads: int
    """Most nodes in one read [1]."""
    writes: int
    """Most nodes in one write [1]."""
    paths: int
    """Most paths in one request [1]."""
    items: int
    """Most nodes in one request for reports [1]."""


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
        If the connection is of another kind, would send a password without encryption, or a tag has no OPC UA
        identifier.
    """

    def __init__(self, connection: str, policy: Policy) -> None:
        server = policy.connections[connection]
        if not isinstance(server, OpcUa):
            raise ValueError(f"connection {connection} is no OPC UA connection")  # noqa: TRY004  # a value of the policy
        check(server)
        self._server = server
        self._period_s = policy.period_s
        self._tags = tags_of(connection, policy)
        self._spots = spots(self._tags, 0)
        self._scans = scans_of(connection, policy)
        self._coherence = Coherence.of(connection, policy)
        self._frame = _frame(connection, policy)
        self._readings: dict[str, Reading] = {}
        self._writes = server.chunk
        self._client: Client | None = None
        self._reports: Reports | None = None
        self._unanswered = 0
        self._means = partial(meaning, server)

    async def open(self) -> Identity:
        """Connect, find the namespace, compare every tag with the policy and prepare the reads."""
        # The deadlines of the link are shorter, and they are the ones that count. The library's own look at the server,
        # by default every second, would drop a healthy connection to a busy one; here it only keeps the session.
        client = Client(self._server.endpoint, 1.0 + 2.0 * self._server.timeout_s, self._server.session_timeout_s / 2.0)
        client.name = "Steadyline"
        client.application_uri = "urn:steadyline:controller"
        client.session_timeout = round(1000.0 * self._server.session_timeout_s)
        self._client = client
        admission = await admit(client, self._server, WallClock().now())
        await asked(client.connect, self._means)
        server = await self._learn()
        if self._frame > server.writes:
            told = f"a leased PLC is told {self._frame} values in one request"
            raise Refusal(f"{told}, and the server takes, or chunk permits, {server.writes}")
        self._writes = server.writes
        notes = [*admission.notes, *await self._compare(server), *await self._subscribe(server)]
        return Identity(server.started, tuple(notes), admission.ends)

    async def read(self, scan: str = CONTROL) -> Batch:
        """Return one scan class: what is polled read with the prepared requests, what is reported as it was last."""
        reading = self._readings.get(scan, _NOTHING)
        answers = await self._ask(reading.asked, reading.size)
        if self._reports is None or scan != CONTROL:
            return reading.batch(answers, {})
        return reading.batch(answers, self._reports.latest, self._reports.age())

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write all values in order, in as few requests as the server permits."""
        receipts: dict[int, Receipt] = {}
        orders: dict[int, ua.WriteValue] = {}
        for i, setpoint in enumerate(setpoints):
            try:
                orders[i] = order(setpoint, self._spots[setpoint.tag])
            except ValueError as refusal:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, str(refusal))
        codes = await self._put(list(orders.values()))
        for i, answer in zip(orders, codes, strict=True):
            taken = answer.is_good()
            outcome = Outcome.TAKEN if taken else Outcome.REFUSED
            receipts[i] = Receipt(setpoints[i], outcome, "" if taken else f"the server answers {answer.name}")
        return [receipts[i] for i in range(len(setpoints))]

    async def abort(self) -> None:
        """Drop the connection now."""
        client, self._client = self._client, None
        if client is None:
            return
        if self._readings and not self._unanswered:
            await self._take_leave(client)
        protocol = client.uaclient.protocol
        if protocol is not None and protocol.transport is not None:
            protocol.transport.abort()
        # With the transport gone this only ends the tasks asyncua has started; whatever it complains of is over.
        with suppress(Exception):
            async with asyncio.timeout(_TEARDOWN_S):
                await client.disconnect()

    async def _take_leave(self, client: Client) -> None:
        """Give the session back, for a server has few, and keeps one that was dropped until its time is over."""
        with suppress(OSError):
            async with asyncio.timeout(_LEAVE_S):
                await asked(partial(client.uaclient.close_session, delete_subscriptions=True), self._means)

    async def _learn(self) -> _Known:
        """Return what the server says of itself."""
        nodes = [ua.NodeId(ua.Int32(number)) for number in _SERVER]
        answers = await self._ask(requests(nodes, AttributeIds.Value, len(nodes)), len(nodes))
        namespaces, started, *limits = (plain(answer) for answer in answers)
        known = cast("list[str]", namespaces or [])
        if self._server.namespace not in known:
            raise Refusal(f"the server has no namespace {self._server.namespace}; it has {', '.join(known)}")
        most = self._server.chunk
        return _Known(
            known.index(self._server.namespace),
            posix(started) if isinstance(started, datetime) else None,
            *(min(most, limit) if isinstance(limit, int) and limit > 0 else most for limit in limits),
        )

    async def _compare(self, server: _Known) -> list[str]:
        """Prepare the reads, and return how nodes, types, units and ranges of the server differ from the policy."""
        found = spots(self._tags, server.namespace)
        nodes = [spot.node for spot in found.values()]
        every = requests(nodes, AttributeIds.Value, server.reads)
        types = await self._ask(requests(nodes, AttributeIds.DataType, server.reads), len(nodes))
        values = await self._ask(every, len(nodes))
        claimed, notes = await self._claimed(found, server)
        for (name, spot), kind, value in zip(found.items(), types, values, strict=True):
            self._spots[name] = replace(spot, wrong=mismatch(spot, kind, value))
            note = self._spots[name].wrong or absence(spot, kind, value)
            said = [note] if note else [] if name not in claimed else differences(spot.tag, claimed[name])
            notes += [f"{name}: {what}" for what in said]
        counter = None if self._coherence is None else self._spots[self._coherence.counter].node
        for scan, tags in self._scans.items():
            self._readings[scan] = Reading.of([self._spots[name] for name in tags], counter, server.reads)
        return notes

    async def _claimed(self, found: Mapping[str, Spot], server: _Known) -> tuple[Mapping[str, Claim], list[str]]:
        """Return the units and ranges of the server; a slow one is worth the values without them."""
        try:
            async with asyncio.timeout(_CLAIMS_S + _CLAIM_S * len(found)):
                nodes = {name: spot.node for name, spot in found.items()}
                return await claims(self._connected(), nodes, server.paths, self._ask), []
        except TimeoutError:
            return {}, ["the server did not tell its units and ranges in time; they were not compared"]

    async def _subscribe(self, server: _Known) -> tuple[str, ...]:
        """Have the server report what the policy wants reported, and return what it will not."""
        control = self._readings.get(CONTROL, _NOTHING)
        slow = {i: spot for i, spot in enumerate(control.spots) if i not in control.polled}
        if not slow:
            return ()
        nodes = [spot.node for spot in slow.values()]
        now = await self._ask(requests(nodes, AttributeIds.Value, server.reads), len(nodes))
        self._reports = Reports(self._connected(), Wanted(slow, self._period_s, server.items))
        return await self._reports.begin(now)

    async def _ask(self, prepared: Sequence[PreparedRead], n: int) -> list[ua.DataValue]:
        """Return the answers to requests for `n` nodes together."""
        client = self._connected()
        found: list[ua.DataValue] = []
        for request in prepared:
            found += await self._answered(partial(read, client, request))
        if len(found) != n:
            raise ConnectionError(f"{len(found)} answers came to {n} questions")
        return found

    async def _put(self, orders: Sequence[ua.WriteValue]) -> list[ua.StatusCode]:
        write = self._connected().uaclient.write
        codes: list[ua.StatusCode] = []
        for i in range(0, len(orders), self._writes):
            part = list(orders[i : i + self._writes])
            codes += await self._answered(partial(write, ua.WriteParameters(NodesToWrite=part)))
        if len(codes) != len(orders):
            raise ConnectionError(f"{len(codes)} answers came to {len(orders)} writes")
        return codes

    async def _answered(self, ask: Callable[[], Awaitable[list[T]]]) -> list[T]:
        """Return what the server answers, and remember if it does not."""
        self._unanswered += 1
        found = await asked(ask, self._means)
        self._unanswered -= 1
        return found

    def _connected(self) -> Client:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client


def _frame(connection: str, policy: Policy) -> int:
    """Return how many values a leased PLC is told together [1]; 0 where there is no lease."""
    words = policy.connections[connection].handshake
    if words is None or words.claim is None:
        return 0
    led = None if policy.lockstep is None else policy.lockstep.request
    written = [name for name, tag in tags_of(connection, policy).items() if tag.access is Access.WRITE]
    return len([name for name in written if name != led])
