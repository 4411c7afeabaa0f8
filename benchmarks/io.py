"""What reading a plant costs: snapshots over OPC UA and Modbus beside the bare libraries, the latch, the jitter.

Ours is the whole way to a snapshot, through line, link supervisor, driver and latch. The yardstick is the bare library
with the same requests prepared by hand. Both take turns in one run; the servers run in a process of their own, and only
the processor time of the client counts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from math import ceil
from statistics import median
from time import perf_counter, process_time

import numpy as np
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from pymodbus.client import AsyncModbusTcpClient

from benchmarks.servers import NAMESPACE, REGISTERS, Ports, serving
from benchmarks.tool import Result, main
from plant_io.clocks import WallClock
from plant_io.latch import Answer, Latch
from plant_io.line import Line
from plant_io.ports import Batch
from plant_io.quality import Quality
from plant_io.signals import Snapshot
from plant_io.timing import Figures
from policies import Policy
from policies.scans import CONTROL

SIZES = (100, 1000, 10_000)
CHUNK = 500
BLOCK = 125
SCAN_S = 0.1
SEED = 1
Work = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Pair:
    """Processor time of one turn, medians over all turns."""

    ours_s: float
    """Ours [s]."""
    bare_s: float
    """The bare library's [s]."""

    @property
    def ratio(self) -> float:
        """Return ours against the bare library's [1]."""
        return self.ours_s / self.bare_s


def policy(connection: dict[str, object], tags: dict[str, dict[str, object]]) -> Policy:
    """Return a policy with one connection."""
    common: dict[str, object] = {"unit": "1", "range": [-1e6, 1e6], "connection": "plc"}
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "B",
            "revision": "1",
            "period": "20s",  # so long that nothing is late on a busy machine
            "connections": {"plc": connection},
            "tags": {name: common | tag for name, tag in tags.items()},
        }
    )


def opcua(port: int, n: int) -> Policy:
    """Return a policy with some OPC UA tags; `n` is their number."""
    server = {"protocol": "opcua", "endpoint": f"opc.tcp://127.0.0.1:{port}", "namespace": NAMESPACE}
    return policy(
        server | {"security": "None", "timeout": "10s", "chunk": CHUNK},
        {f"T{i}": {"address": f"s=T{i}"} for i in range(n)},
    )


def modbus(port: int) -> Policy:
    """Return a policy with a tag for every register."""
    device: dict[str, object] = {"protocol": "modbus", "host": "127.0.0.1", "port": port, "timeout": "1s"}
    return policy(device, {f"R{i}": {"address": f"input:{i}", "type": "uint16"} for i in range(REGISTERS)})


@asynccontextmanager
async def opened(declared: Policy) -> AsyncIterator[Work]:
    """Give what reads one snapshot of a line."""
    clock = WallClock()
    line = Line(declared, clock)
    await line.open()
    try:
        if not await line.ready(120.0):
            raise TimeoutError(f"no connection: {[link.why for link in line.links.values()]}")
        yield lambda: read(line, clock)
    finally:
        await line.close()


async def read(line: Line, clock: WallClock) -> Snapshot:
    """Return a snapshot that is good throughout, or else there is nothing to measure."""
    snapshot = await line.read(clock.now())
    if snapshot.quality.any():
        raise ValueError(f"{np.count_nonzero(snapshot.quality)} values are not good")
    return snapshot


@asynccontextmanager
async def bare_opcua(port: int) -> AsyncIterator[Callable[[int], Work]]:
    """Give what reads some tags with prepared requests, as whoever knows asyncua well would."""
    connection = Client(f"opc.tcp://127.0.0.1:{port}", timeout=20.0)
    connection.session_timeout = 30_000
    async with connection as client:
        space = await client.get_namespace_index(NAMESPACE)
        nodes = [ua.NodeId.from_string(f"ns={space};s=T{i}") for i in range(max(SIZES))]

        def reading(n: int) -> Work:
            wanted = [ua.ReadValueId(node, ua.UInt32(AttributeIds.Value)) for node in nodes[:n]]
            both = ua.TimestampsToReturn.Both
            prepared = [
                ua.ReadParameters(TimestampsToReturn=both, NodesToRead=wanted[i : i + CHUNK])
                for i in range(0, n, CHUNK)
            ]

            async def turn() -> object:
                return [await client.uaclient.read(parameters) for parameters in prepared]

            return turn

        yield reading


@asynccontextmanager
async def bare_modbus(port: int) -> AsyncIterator[tuple[Work, Work]]:
    """Give what reads all registers in blocks made by hand, and what reads them one by one."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=5.0, retries=0)
    await client.connect()

    async def blocks() -> object:
        firsts = range(0, REGISTERS, BLOCK)
        return [(await client.read_input_registers(i, count=BLOCK, device_id=1)).registers for i in firsts]

    async def singles() -> object:
        return [(await client.read_input_registers(i, count=1, device_id=1)).registers for i in range(REGISTERS)]

    try:
        yield blocks, singles
    finally:
        client.close()


async def spent(work: Work) -> float:
    """Return the processor time of one turn [s]."""
    began = process_time()
    await work()
    return process_time() - began


async def in_turn(ours: Work, bare: Work, turns: int) -> Pair:
    """Let both take turns, each first in every other one."""
    for work in (ours, bare):
        await work()
    times: dict[Work, list[float]] = {ours: [], bare: []}
    for i in range(turns):
        for work in (ours, bare) if i % 2 else (bare, ours):
            times[work].append(await spent(work))
    return Pair(median(times[ours]), median(times[bare]))


async def of_opcua(ports: Ports, turns: int) -> dict[int, Pair]:
    """Return the cost of snapshots of each size."""
    found: dict[int, Pair] = {}
    async with bare_opcua(ports.opcua) as reading:
        for n in SIZES:
            async with opened(opcua(ports.opcua, n)) as ours:
                found[n] = await in_turn(ours, reading(n), max(9, turns * 200 // n))
    return found


async def of_modbus(ports: Ports, turns: int) -> tuple[Pair, Pair]:
    """Return the cost of all registers against blocks made by hand, and against one by one."""
    async with AsyncExitStack() as stack:
        ours = await stack.enter_async_context(opened(modbus(ports.modbus)))
        blocks, singles = await stack.enter_async_context(bare_modbus(ports.modbus))
        return await in_turn(ours, blocks, turns), await in_turn(ours, singles, max(5, turns // 10))


def of_latch(n: int, turns: int) -> float:
    """Return the processor time to latch some tags [s]; `n` is their number."""
    latch = Latch(opcua(1, n))
    random = np.random.default_rng(SEED)
    codes = np.full(n, Quality.GOOD, np.uint8)
    last, times = Snapshot.empty(0.0, latch.index), list[float]()
    for k in range(turns):
        batch = Batch(random.normal(size=n), codes, codes, np.full(n, float(k)))
        began = process_time()
        last = latch.snapshot(float(k), {"plc": Answer(batch, float(k))}, last)
        times.append(process_time() - began)
    return median(times)


async def of_scans(ports: Ports, n: int, for_s: float) -> tuple[float, Figures]:
    """Return the share of a core that ten snapshots a second take, and how they kept to their times.

    Parameters
    ----------
    ports
        Where the servers listen.
    n
        Number of tags [1].
    for_s
        How long [s].
    """
    clock = WallClock()
    line = Line(opcua(ports.opcua, n), clock)
    await line.open()
    try:
        if not await line.ready(120.0):
            raise TimeoutError("no connection")
        begin, cpu, wall = clock.now(), process_time(), perf_counter()
        while (k := ceil((clock.now() - begin) / SCAN_S)) * SCAN_S < for_s:  # one that is late is skipped
            await clock.sleep_until(begin + k * SCAN_S)
            await line.read(begin + k * SCAN_S)
        return (process_time() - cpu) / (perf_counter() - wall), line.figures["plc"][CONTROL]
    finally:
        await line.close()


async def measured(ports: Ports, turns: int, for_s: float) -> Result:
    """Return everything; `for_s` is how long scans are watched [s]."""
    tags = await of_opcua(ports, turns)
    blocks, singles = await of_modbus(ports, turns)
    share, kept = await of_scans(ports, 1000, for_s)
    return Result(
        "io",
        figures={
            "latch_1000_ms": 1e3 * of_latch(1000, turns),
            "core_share_1000_tags_10hz": 100.0 * share,
            "scan_jitter_p50_ms": milliseconds(kept, 50.0),
            "scan_jitter_p99_ms": milliseconds(kept, 99.0),
            "scans_left_out": kept.skipped,
            **{f"opcua_us_per_tag_{n}": 1e6 * pair.ours_s / n for n, pair in tags.items()},
            "modbus_us_per_register_1000": 1e6 * blocks.ours_s / REGISTERS,
        },
        ratios={
            **{f"opcua_cpu_vs_bare_{n}": pair.ratio for n, pair in tags.items()},
            "modbus_cpu_vs_bare_1000": blocks.ratio,
            "modbus_single_vs_block": 1.0 / singles.ratio,
        },
        baselines={
            **{f"bare_opcua_us_per_tag_{n}": 1e6 * pair.bare_s / n for n, pair in tags.items()},
            "bare_modbus_us_per_register_1000": 1e6 * blocks.bare_s / REGISTERS,
            "bare_modbus_us_per_register_single": 1e6 * singles.bare_s / REGISTERS,
        },
        config={
            "chunk": CHUNK,
            "block": BLOCK,
            "turns": turns,
            "scans_s": for_s,
            "time": "processor time of the client",
        },
        seeds=(SEED,),
    )


def milliseconds(kept: Figures, share: float) -> float | None:
    """Return by how much scans were late at most, for a share of them [%]; in milliseconds."""
    found = kept.late.percentile(share)
    return None if found is None else 1e3 * found


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure input and output."""
    turns, for_s = (40, 5.0) if quick else (200, 30.0)
    with serving(max(SIZES)) as ports:
        return asyncio.run(measured(ports, turns, for_s))


if __name__ == "__main__":
    main(run)
