"""Bad days of an OPC UA server, in virtual time: nothing wrong is believed, nothing else suffers, it ends by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.uaerrors import BadTooManySessions
from opcua_plant import NAMESPACE, Tags, V, declared

from hil.rig.play import EPOCH
from hil.virtual.loop import VirtualLoop
from hil.virtual.times import virtual_times
from plant_io import Outcome, Quality, Reason, Setpoint, Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line

PORT = 4840
TIMEOUT_S, PERIOD_S, RECOVERY_S = 0.5, 1.0, 3.0
NOTICED_S = 2.0 * PERIOD_S + TIMEOUT_S
TAGS: Tags = {"A": {"access": "write", "read_back": "B"}, "B": {}, "AGED": {"age_from": "source", "stale_after": "5s"}}


@dataclass
class Plant:
    """A server that can be stopped and started again; `A` shows whole seconds, the others one."""

    nodes: dict[str, Any] = field(default_factory=dict)
    server: Any = None
    index: int = 0
    shown: float = 0.0
    ahead_s: float = 0.0

    async def start(self, *names: str) -> None:
        self.server = Server()
        self.server.disable_clock()
        await self.server.init()
        self.server.set_endpoint(f"opc.tcp://127.0.0.1:{PORT}")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        self.index = await self.server.register_namespace(NAMESPACE)
        for name in names:
            await self.add(name)
        await self.server.start()

    async def add(self, name: str, kind: ua.VariantType = V.Double) -> None:
        node, label = ua.NodeId(ua.String(name), ua.Int16(self.index)), ua.QualifiedName(name, ua.UInt16(self.index))
        first = 1 if kind is V.Int32 else 1.0
        self.nodes[name] = await self.server.nodes.objects.add_variable(node, label, first, kind)
        await self.nodes[name].set_writable()
        await self.show(name)

    async def remove(self, name: str) -> None:
        await self.server.delete_nodes([self.nodes.pop(name)])

    async def show(self, name: str, value: float | None = None, status: int = 0) -> None:
        """Show a value, the seconds so far if none is given."""
        now = WallClock().now()
        variant = ua.Variant(now - EPOCH if value is None else value, V.Double)
        taken = datetime.fromtimestamp(now + self.ahead_s, UTC)
        answer = ua.DataValue(variant, StatusCode=ua.StatusCode(ua.UInt32(status)), SourceTimestamp=taken)
        if (await self.nodes[name].read_data_type_as_variant_type()) is V.Double:
            await self.nodes[name].write_value(answer)

    async def live(self) -> None:
        """Show the seconds in every node there is, a tenth of a second before each whole one."""
        clock, k = WallClock(), 0
        while True:
            k += 1
            await clock.sleep_until(EPOCH + k * PERIOD_S - 0.1)
            for name in list(self.nodes):
                await self.show(name)


Story = Callable[[Plant, Line], Awaitable[None]]


def day(story: Story, until_s: float, tags: Tags = TAGS) -> tuple[list[Snapshot], Line]:
    """Return what a line reads every second while a story goes on at the server, and the line."""

    async def main() -> tuple[list[Snapshot], Line]:
        plant = Plant()
        await plant.start(*tags)
        async with opened(tags) as line:
            life = [asyncio.create_task(plant.live()), asyncio.create_task(story(plant, line))]  # type: ignore[arg-type]
            seen = [await look(line, float(k)) for k in range(1, round(until_s))]
            await life[1]
            life[0].cancel()
        await plant.server.stop()
        return seen, line

    with virtual_times(), asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH, -2.0)) as runner:
        return runner.run(main())


@asynccontextmanager
async def opened(tags: Tags) -> AsyncIterator[Line]:
    line = Line(declared(PORT, tags, "1s", timeout="500ms"), WallClock())
    await line.open()
    try:
        assert await line.ready(10.0)
        yield line
    finally:
        await line.close()


async def look(line: Line, at: float) -> Snapshot:
    await WallClock().sleep_until(EPOCH + at)
    return await line.read(EPOCH + at)


async def after(at: float) -> None:
    await WallClock().sleep_until(EPOCH + at)


def times(seen: Sequence[Snapshot], name: str, quality: Quality) -> list[float]:
    """Return when a tag had a quality, time since the start [s]."""
    return [snapshot.at - EPOCH for snapshot in seen if snapshot[name].quality is quality]


def check(seen: Sequence[Snapshot], name: str, span: tuple[float, float]) -> None:
    """What must hold of a tag that is struck for a while: noticed, never wrong and good, back by itself."""
    bad = [at for at in (s.at - EPOCH for s in seen) if at not in times(seen, name, Quality.GOOD)]
    assert bad
    assert span[0] <= bad[0] <= span[0] + NOTICED_S
    assert bad == [float(k) for k in range(round(bad[0]), round(bad[-1]) + 1)]
    assert bad[-1] + PERIOD_S <= span[1] + RECOVERY_S
    for snapshot in seen:
        value = snapshot.good(name)
        assert value is None or abs(value - (snapshot.at - EPOCH - 0.1)) < 1e-3, snapshot.at


def test_a_server_started_again_whose_nodes_are_missing_for_a_minute() -> None:
    async def story(plant: Plant, _: Line) -> None:
        await after(10.0)
        plant.nodes.clear()
        await plant.server.stop()
        await after(12.0)
        await plant.start()
        await after(72.05)
        for name in TAGS:
            await plant.add(name)

    seen, line = day(story, 90.0)
    for name in TAGS:
        check(seen, name, (10.0, 72.05))
    missing = seen[39]
    assert {missing[name].reason for name in TAGS} == {Reason.REFUSED}
    assert line.restarts == {"plc": 1}
    assert [s.at - EPOCH for s in seen if s.restarted] == [13.0]


def test_a_node_that_is_deleted_costs_that_tag_alone_until_it_is_there_again() -> None:
    async def story(plant: Plant, line: Line) -> None:
        await after(5.05)
        await plant.remove("A")
        (receipt,) = await line.write([Setpoint("A", 5.0)])
        assert receipt.outcome is Outcome.REFUSED
        await after(20.05)
        await plant.add("A")

    seen, line = day(story, 30.0)
    check(seen, "A", (5.05, 20.05))
    assert times(seen, "B", Quality.GOOD) == [s.at - EPOCH for s in seen]
    assert line.links["plc"].reconnects == 0


def test_a_node_whose_type_changes_is_bad_until_it_is_as_declared_again() -> None:
    async def story(plant: Plant, line: Line) -> None:
        await after(5.05)
        await plant.remove("A")
        await plant.add("A", V.Int32)
        (receipt,) = await line.write([Setpoint("A", 5.0)])
        assert receipt.outcome is Outcome.REFUSED
        await after(20.05)
        await plant.remove("A")
        await plant.add("A")

    seen, _ = day(story, 30.0)
    check(seen, "A", (5.05, 20.05))
    assert {s["A"].reason for s in seen if s["A"].quality is Quality.BAD} == {Reason.WRONG_TYPE}
    assert times(seen, "B", Quality.GOOD) == [s.at - EPOCH for s in seen]


def test_a_server_without_a_session_left_is_asked_again_until_it_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    why: list[str] = []

    async def story(plant: Plant, line: Line) -> None:
        loop: Any = asyncio.get_running_loop()
        real = plant.server.iserver.create_session

        def full(*_: Any, **__: Any) -> Any:
            raise BadTooManySessions

        await after(5.05)
        monkeypatch.setattr(plant.server.iserver, "create_session", full)
        loop.network.reset(PORT, loop.time() + 0.01)
        await after(15.0)
        why.append(line.links["plc"].why)
        await after(30.05)
        monkeypatch.setattr(plant.server.iserver, "create_session", real)

    seen, line = day(story, 40.0)
    for name in TAGS:
        check(seen, name, (5.05, 30.05))
    assert why == ["the server has no session left; sessions that were lost end by themselves"]
    assert line.restarts == {"plc": 0}


def test_a_storm_of_bad_status_at_ten_a_second_never_lets_a_wrong_value_be_good() -> None:
    told: dict[float, int] = {}

    async def story(plant: Plant, _: Line) -> None:
        stati = (
            0,
            ua.StatusCodes.BadSensorFailure,
            ua.StatusCodes.UncertainSubNormal,
            ua.StatusCodes.BadNoCommunication,
        )
        for k in range(150):
            await after(5.05 + 0.1 * k)
            status = stati[(k * 7 + k // 10) % 4]
            told[WallClock().now() - EPOCH] = status
            await plant.show("B", None if status == 0 else -999.0, status)
        await plant.show("B")

    seen, line = day(story, 30.0)
    wanted = {0: Quality.GOOD, ua.StatusCodes.UncertainSubNormal: Quality.UNCERTAIN}
    for snapshot in seen:
        at, value = snapshot.at - EPOCH, snapshot.good("B")
        assert value is None or at - 0.2 < value < at
        now = [status for since, status in told.items() if since < at]
        if now and at < 20.0:
            assert snapshot["B"].quality is wanted.get(now[-1], Quality.BAD)
    struck = {s["B"].quality for s in seen if 5.0 < s.at - EPOCH < 20.0}
    assert struck == {Quality.GOOD, Quality.UNCERTAIN, Quality.BAD}
    assert times(seen, "B", Quality.GOOD)[-9:] == [float(k) for k in range(21, 30)]
    assert times(seen, "A", Quality.GOOD) == [s.at - EPOCH for s in seen]
    assert line.links["plc"].reconnects == 0


def test_a_server_whose_clock_is_ahead_keeps_nothing_fresh() -> None:
    async def story(plant: Plant, _: Line) -> None:
        await after(5.05)
        plant.ahead_s = 3600.0
        await after(20.05)
        plant.ahead_s = 0.0

    seen, _ = day(story, 30.0)
    check(seen, "AGED", (5.05, 20.05))
    assert {s["AGED"].reason for s in seen if s["AGED"].quality is Quality.BAD} == {Reason.FUTURE}
    assert times(seen, "A", Quality.GOOD) == [s.at - EPOCH for s in seen]


def test_a_server_whose_clock_stands_still_is_found_out_by_the_age_of_its_values() -> None:
    async def story(plant: Plant, _: Line) -> None:
        for k in range(150):
            await after(5.05 + 0.1 * k)
            plant.ahead_s = -0.1 * k

    seen, _ = day(story, 30.0)
    stale = [s.at - EPOCH for s in seen if s["AGED"].reason is Reason.STALE]
    assert stale[0] <= 5.05 + 5.0 + NOTICED_S
    assert times(seen, "A", Quality.GOOD) == [s.at - EPOCH for s in seen]
