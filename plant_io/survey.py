"""Every device of a policy asked once: what it answers, how fast, and what is needed to say why it does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Literal
from urllib.parse import urlparse

from plant_io import drivers
from plant_io.clocks import WallClock, stopwatch
from plant_io.doubt import ORDERS, credible, ordered
from plant_io.latch import Answer, Latch, tags_of
from plant_io.offer import Offer, Standing
from plant_io.ports import Driver, Identity, Make, Refusal, nothing
from plant_io.quality import Quality, Reason
from plant_io.scan import Coherence, Gathered, scans_of
from plant_io.signals import Snapshot
from policies import Access, Connection, Modbus, OpcUa, PlugIn, Policy, Tag
from policies.tags import ByteOrder

Knock = Literal["", "refused", "unknown_host", "no_answer", "silent", "hung_up"]
"""What a plain TCP connection met where the protocol got nowhere."""

_OPENING_S, _READING_S = 5.0, 3.0
_BETWEEN_S = 1.0
_KNOCKING_S = 2.0
_BROWSING_S = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one connection."""

    connection: str
    """Its name."""
    address: str
    """Where it leads."""
    opened_s: float | None = None
    """How long it took to be established [s]; None where it was not."""
    read_s: float | None = None
    """How long one reading of all its tags took [s]; None where none came."""
    apart: float | None = None
    """Most scans of the device that went by while one scan class was read [1]; None where nobody looked."""
    trouble: str = ""
    """Why there is no answer."""
    knock: Knock = ""
    """What a plain TCP connection met."""
    identity: Identity = field(default_factory=Identity)
    """What the device said at connect."""
    answers: tuple[Answer, ...] = ()
    """Readings, some time apart."""
    standing: Standing | None = None
    """How an OPC UA server stands to the policy."""
    offered: tuple[str, ...] = ()
    """Identifiers the server has, looked up where one is missing."""
    orders: Mapping[str, Mapping[ByteOrder, float]] = field(default_factory=dict[str, Mapping[ByteOrder, float]])
    """Doubtful values as they read in every other order of bytes, by tag, each in its unit."""


@dataclass(frozen=True, slots=True, eq=False)
class Survey:
    """What came of all connections."""

    policy: Policy
    """Policy that was asked after."""
    looks: tuple[Look, ...]
    """Connections in its order."""
    snapshots: tuple[Snapshot, ...]
    """All tags as a cycle would see them, once for each reading."""


async def survey(policy: Policy, make: Make = drivers.make) -> Survey:
    """Connect to every device of a policy once, read all tags twice, write nothing.

    Parameters
    ----------
    policy
        Connections and tags.
    make
        Makes the drivers.

    Raises
    ------
    ValueError
        If a tag has an address its connection cannot have, or a driver is not installed.
    """
    looks = await asyncio.gather(*(_look(name, policy, make) for name in policy.connections))
    latch, wall = Latch(policy), WallClock()
    last = Snapshot.empty(wall.now(), latch.index)
    snapshots: list[Snapshot] = []
    for i in range(2):
        answers = {look.connection: look.answers[i] for look in looks if len(look.answers) > i}
        at = max((answer.arrival for answer in answers.values()), default=wall.now())
        last = latch.snapshot(at, answers, last)
        snapshots.append(last)
    doubtful = await asyncio.gather(*(_pursued(look, policy, make, snapshots[0]) for look in looks))
    return Survey(policy, tuple(doubtful), tuple(snapshots))


async def offer(server: OpcUa) -> Offer:
    """Return the variables of an OPC UA server.

    Raises
    ------
    OSError
        If it cannot be reached, or the connection fails.
    """
    from plant_io.drivers.opcua_browse import browse  # noqa: PLC0415  # asyncua is slow to import

    return await browse(server, _BROWSING_S)


async def _look(name: str, policy: Policy, make: Make) -> Look:
    """Open one connection, read it twice and give it back."""
    look, driver, wall = Look(name, _address(policy.connections[name])), make(name, policy), WallClock()
    try:
        watch = stopwatch()
        async with asyncio.timeout(_OPENING_S + 2.0 * policy.connections[name].timeout_s):
            look = replace(look, identity=await driver.open(), opened_s=watch())
        for pause_s in (0.0, max(_BETWEEN_S, policy.period_s)):
            await wall.sleep_until(wall.now() + pause_s)
            watch = stopwatch()
            async with asyncio.timeout(_READING_S):
                answer, apart = await _everything(driver, name, policy)
            look = replace(look, answers=(*look.answers, answer), read_s=look.read_s or watch(), apart=apart)
    except OSError as trouble:
        said = str(trouble) or "it does not answer in time"
        knock = "" if isinstance(trouble, Refusal) else await _knocked(policy.connections[name], look)
        look = replace(look, trouble=said, knock=knock)
    finally:
        await driver.abort()
    return look


async def _everything(driver: Driver, name: str, policy: Policy) -> tuple[Answer, float | None]:
    """Read one scan class after the other; return all, and how many scans went by in one of them."""
    gathered, coherence, wall, apart = Gathered(name, policy), Coherence.of(name, policy), WallClock(), list[float]()
    for scan in scans_of(name, policy):
        batch = await driver.read(scan)
        gathered.put(scan, batch, wall.now())
        if coherence is not None and batch.counters is not None:
            apart.append(coherence.apart(batch.counters))
    return gathered.answer(wall.now()) or Answer(nothing((), 0, 0), wall.now()), max(apart, default=None)


async def _knocked(connection: Connection, look: Look) -> Knock:
    """Return what a plain TCP connection meets where the protocol got nowhere."""
    host, port = _host(connection)
    if not host or look.answers:
        return ""
    try:
        async with asyncio.timeout(_KNOCKING_S):
            reader, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return "refused"
    except socket.gaierror:
        return "unknown_host"
    except OSError:
        return "no_answer"
    try:
        async with asyncio.timeout(_KNOCKING_S / 4.0):
            return "silent" if await reader.read(1) else "hung_up"
    except OSError as trouble:
        return "silent" if isinstance(trouble, TimeoutError) else "hung_up"
    finally:
        writer.transport.abort()


async def _pursued(look: Look, policy: Policy, make: Make, seen: Snapshot) -> Look:
    """Ask once more for what explains the answers of a device that is there."""
    connection = policy.connections[look.connection]
    with suppress(OSError):
        if look.answers and isinstance(connection, OpcUa):
            look = await _asked(look, connection, policy)
        elif look.answers and isinstance(connection, Modbus):
            look = replace(look, orders=await _reordered(look.connection, connection, policy, make, seen))
    return look


async def _asked(look: Look, server: OpcUa, policy: Policy) -> Look:
    from plant_io.drivers.opcua_browse import browse, inspect  # noqa: PLC0415  # asyncua is slow to import

    written = [tag.address for tag in tags_of(look.connection, policy).values() if tag.access is Access.WRITE]
    look = replace(look, standing=await inspect(server, written))
    if any("BadNodeIdUnknown" in note for note in look.identity.notes):
        found = await browse(server, _BROWSING_S)
        look = replace(look, offered=tuple(n.identifier for n in found.nodes if n.namespace == server.namespace))
    return look


async def _reordered(
    connection: str, device: Modbus, policy: Policy, make: Make, seen: Snapshot
) -> dict[str, dict[ByteOrder, float]]:
    """Return the doubtful values of a device as they read in every other order of bytes."""
    came = {
        name: tag
        for name, tag in tags_of(connection, policy).items()
        if seen[name].quality is not Quality.BAD or seen[name].reason in {Reason.OUT_OF_RANGE, Reason.NOT_FINITE}
    }
    doubtful = {name: tag for name, tag in came.items() if ordered(tag) and not credible(seen[name].value, tag)}
    found: dict[str, dict[ByteOrder, float]] = {name: {} for name in doubtful}
    for order in ORDERS:
        others = {name: tag for name, tag in doubtful.items() if (tag.byte_order or device.byte_order) != order}
        for name, value in (await _read_as(order, others, connection, policy, make)).items():
            found[name][order] = value
    return found


async def _read_as(
    order: ByteOrder, tags: Mapping[str, Tag], connection: str, policy: Policy, make: Make
) -> dict[str, float]:
    if not tags:
        return {}
    turned = {name: tag.model_copy(update={"byte_order": order}) for name, tag in tags.items()}
    bound = policy.model_copy(update={"tags": turned})
    driver = make(connection, bound)
    try:
        async with asyncio.timeout(_OPENING_S):
            await driver.open()
            batch = (await _everything(driver, connection, bound))[0].batch
    finally:
        await driver.abort()
    values: dict[str, float] = {}
    at = 0
    for name, tag in turned.items():
        values[name] = float(batch.values[at]) * tag.scale + tag.offset
        at += tag.length
    return values


def _address(connection: Connection) -> str:
    match connection:
        case OpcUa(endpoint=endpoint):
            return endpoint
        case Modbus(host=host, port=port):
            return f"{host}:{port}"
        case PlugIn(options=options):
            return str(options.get("address", ""))


def _host(connection: Connection) -> tuple[str, int]:
    """Return host and port of a connection, no host where a plug-in alone knows it."""
    match connection:
        case OpcUa(endpoint=endpoint):
            parsed = urlparse(endpoint)
            return parsed.hostname or "", parsed.port or 4840
        case Modbus(host=host, port=port):
            return host, port
        case PlugIn():
            return "", 0
