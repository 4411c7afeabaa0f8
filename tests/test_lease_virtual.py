"""Two whole controllers on line A over Modbus and OPC UA, in virtual time: one moves the plant, the other waits."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from urllib.parse import urlsplit

import numpy as np
import pytest
from fakes import MOVER
from proxy import Proxy, proxied

from controller.cycle import Cycle, Mode, Order, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.lease import STATIONS
from controller.mpc.worker import Inline
from controller.runtime import Door, Options, operate
from hil import serve
from hil.plc.guard import Block, Word
from hil.plc.scans import SCAN_S
from hil.rig.play import EPOCH
from hil.virtual.loop import VirtualLoop
from hil.virtual.times import virtual_times
from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import Policy, load, rebind, shipped

ONE, OTHER = 1, 2
LAST_S = 130.0


@dataclass
class Seat:
    """One controller: the proxies it connects through, and what its cycles were."""

    station: int
    connect: Mapping[str, str]
    proxies: list[Proxy]
    orders: tuple[Timed, ...]
    cycles: list[Cycle] = field(default_factory=list)


@dataclass
class Match:
    """What a run showed, scan by scan."""

    seats: dict[int, Seat]
    blocks: list[tuple[float, Block]] = field(default_factory=list)

    @property
    def holders(self) -> list[tuple[float, int]]:
        """When the lease of the feeders was granted [s], and to whom."""
        held = [(at, b.epoch % STATIONS if b.word is Word.REMOTE else 0) for at, b in self.blocks]
        return [(at, who) for (_, before), (at, who) in pairwise(held) if who != before and who]


def asked(*times: tuple[float, Mode]) -> tuple[Timed, ...]:
    return tuple(Timed(at, Order("ana", "test", SetMode("blend", mode))) for at, mode in times)


def again(first: float, last: float) -> list[tuple[float, Mode]]:
    return [(at, Mode.AUTO) for at in np.arange(first, last, 7.0).tolist()]


def port(address: str) -> int:
    return urlsplit(address if "://" in address else f"//{address}").port or 0


def policy() -> Policy:
    found = load(shipped("A"))
    return found.model_copy(update={"loops": {n: p.model_copy(update={"settle": 3}) for n, p in found.loops.items()}})


async def control(seat: Seat, declared: Policy) -> None:
    """Run one controller as `steadyline run` does, but for the solver."""
    bound, clock = rebind(declared, seat.connect), WallClock()
    inline = Inline(MOVER, (dict(declared.loops), dict(declared.files)))
    options = Options(for_s=LAST_S, orders=seat.orders, unrecorded=True)
    through = Door(clock, Line(bound, clock), inline)
    await operate(prepare(bound, seat.station), options, through, (seat.cycles.append,))


async def seated(stack: AsyncExitStack, station: int, connect: Mapping[str, str], orders: tuple[Timed, ...]) -> Seat:
    proxies = {name: await stack.enter_async_context(proxied(port(at))) for name, at in connect.items()}
    through = {name: at.replace(str(port(at)), str(proxies[name].port)) for name, at in connect.items()}
    return Seat(station, through, list(proxies.values()), orders)


async def pace(rack: serve.Rack, found: Match) -> None:
    clock, plc = WallClock(), rack.line.plcs["feeders"]
    while True:
        await clock.sleep_until(EPOCH + rack.line.plant.time + SCAN_S - 0.001)
        await rack.collect()
        rack.line.advance(SCAN_S)
        found.blocks.append((rack.line.plant.time, plc.block))
        await rack.show()


async def stalls(seat: Seat, from_s: float, to_s: float) -> None:
    clock = WallClock()
    await clock.sleep_until(EPOCH + from_s)
    for each in seat.proxies:
        each.stall()
    await clock.sleep_until(EPOCH + to_s)
    for each in seat.proxies:
        each.flow()


async def play() -> Match:
    declared = policy()
    rack = serve.Rack(declared, serve.Options(line="A", policy=shipped("A"), start=EPOCH))
    connect = await rack.start()
    async with AsyncExitStack() as stack:
        # One is moving when its link stalls; the other takes over, hands back at 90 s, and One takes over again.
        one = await seated(stack, ONE, connect, asked(*again(3.0, LAST_S)))
        orders = asked(*again(12.0, 90.0), (90.0, Mode.SHADOW))
        other = await seated(stack, OTHER, connect, orders)
        found = Match({ONE: one, OTHER: other})
        running = [asyncio.create_task(control(seat, declared)) for seat in (one, other)]
        beside = [asyncio.create_task(pace(rack, found)), asyncio.create_task(stalls(one, 40.0, 58.0))]
        await asyncio.wait([*running, beside[0]], return_when=asyncio.FIRST_COMPLETED)
        for task in running:
            await task
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
    await rack.stop()
    return found


@pytest.fixture(scope="module")
def match() -> Iterator[Match]:
    with virtual_times(), asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH, -5.0, 1)) as runner:
        found = runner.run(play())
    yield found
    gc.collect()


def said(seat: Seat) -> list[str]:
    return [event.what for cycle in seat.cycles for event in cycle.decision.events]


def test_the_lease_goes_round_by_lapse_and_by_hand_back(match: Match) -> None:
    assert [who for _, who in match.holders] == [ONE, OTHER, ONE]
    lapsed, handed = match.holders[1][0], match.holders[2][0]
    assert 45.0 < lapsed < 65.0
    assert 85.0 < handed < 105.0


def test_every_setpoint_taken_was_written_by_the_holder_of_that_scan(match: Match) -> None:
    taken = 0
    for (_, before), (at, now) in pairwise(match.blocks):
        if now.accepted == before.accepted:
            continue
        taken += 1
        assert (before.word, now.word) == (Word.REMOTE, Word.REMOTE)
        seat = match.seats[now.epoch % STATIONS]
        written = {
            (s.tag, float(np.float32(s.value)))
            for cycle in seat.cycles
            if EPOCH + at - 3.0 <= cycle.snapshot.at <= EPOCH + at
            for s in (*cycle.decision.setpoints, *cycle.decision.handshake)
        }
        changed = {(tag, value) for tag, value in now.accepted.items() if value != before.accepted[tag]}
        assert changed <= written, at
    assert taken > 10


def test_who_does_not_hold_the_lease_says_who_does_and_writes_nothing(match: Match) -> None:
    other = match.seats[OTHER]
    early = [cycle for cycle in other.cycles if cycle.snapshot.at < EPOCH + 40.0]
    assert all(cycle.decision.setpoints == () for cycle in early)
    assert "blend: another controller holds feeders, line" in said(other)


def test_the_one_that_was_away_finds_the_other_and_is_released(match: Match) -> None:
    assert "blend: released to the PLC, mode shadow: another controller holds a PLC" in said(match.seats[ONE])
