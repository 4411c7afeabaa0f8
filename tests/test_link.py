import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from structlog.testing import capture_logs

from hil.virtual.loop import VirtualLoop
from plant_io import Batch, Identity, Outcome, Receipt, Setpoint
from plant_io.clocks import WallClock
from plant_io.link import Link, LinkState, Patience

PATIENCE = Patience(answer_s=0.05, opening_s=0.05)
Trouble = Exception | float | None
"""Raised, or waited for [s], or none."""


@dataclass
class Fake:
    """A driver that fails as it is told."""

    opening: Trouble = None
    reading: list[Trouble] = field(default_factory=list)
    identity: Identity = field(default_factory=Identity)
    aborted: int = 0
    written: list[Setpoint] = field(default_factory=list)

    async def open(self) -> Identity:
        await endure(self.opening)
        return self.identity

    async def read(self, scan: str = "control") -> Batch:  # noqa: ARG002  # it has one class
        await endure(self.reading.pop(0) if self.reading else None)
        good = np.zeros(1, np.uint8)
        return Batch(np.zeros(1), good, good, np.zeros(1))

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        await endure(self.reading.pop(0) if self.reading else None)
        self.written += setpoints
        return [Receipt(setpoint, Outcome.TAKEN) for setpoint in setpoints]

    async def abort(self) -> None:
        self.aborted += 1


async def endure(trouble: Trouble) -> None:
    if isinstance(trouble, Exception):
        raise trouble
    if trouble is not None:
        await nap(trouble)


async def nap(seconds: float) -> None:
    clock = WallClock()
    await clock.sleep_until(clock.now() + seconds)


async def until(condition: Callable[[], bool], within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await nap(0.01)


def led(*drivers: Fake) -> Link:
    """Return a link that gets these drivers, one per attempt."""
    waiting = iter(drivers)
    return Link("plc", lambda: next(waiting), PATIENCE)


HANG = 10.0
"""Longer than any test waits [s]."""


def test_a_link_comes_up_and_answers() -> None:
    async def run() -> None:
        link = led(Fake())
        assert link.state is LinkState.CLOSED
        assert await link.read() is None
        link.start()
        await link.ready()
        assert await link.read() is not None
        assert (link.state, link.reads, link.misses, link.reconnects) == (LinkState.UP, 1, 0, 0)
        await link.close()
        assert link.state is LinkState.CLOSED
        assert await link.read() is None

    asyncio.run(run())


def test_a_read_does_not_wait_for_a_connection_being_established() -> None:
    async def run() -> None:
        link = led(Fake(opening=0.04))
        link.start()
        await nap(0.0)
        assert link.state is LinkState.OPENING
        assert await link.read() is None
        assert link.misses == 0
        await link.close()

    asyncio.run(run())


@pytest.mark.parametrize("trouble", [ConnectionRefusedError("refused"), TimeoutError(), OSError("no route"), HANG])
def test_every_attempt_gets_a_fresh_driver_and_the_old_one_is_dropped(trouble: Trouble) -> None:
    async def run() -> None:
        first, second = Fake(opening=trouble), Fake()
        link = led(first, second)
        link.start()
        await until(lambda: link.state is LinkState.UP)
        assert (first.aborted, second.aborted) == (1, 0)
        await link.close()
        assert second.aborted == 1

    asyncio.run(run())


def test_one_missed_deadline_is_a_doubt_and_two_in_a_row_a_loss() -> None:
    async def run() -> None:
        first = Fake(reading=[HANG, None, HANG, HANG])
        link = led(first, Fake())
        link.start()
        await link.ready()
        states = []
        for _ in range(4):
            await link.read()
            states.append(link.state)
        assert states == [LinkState.SUSPECT, LinkState.UP, LinkState.SUSPECT, LinkState.DOWN]
        await until(lambda: link.state is LinkState.UP)
        assert (first.aborted, link.misses, link.reads, link.reconnects) == (1, 3, 1, 1)
        await link.close()

    asyncio.run(run())


def test_a_broken_connection_is_a_loss_at_once() -> None:
    async def run() -> None:
        link = led(Fake(reading=[ConnectionResetError("reset by peer")]), Fake())
        link.start()
        await link.ready()
        assert await link.read() is None
        assert (link.state, link.why) == (LinkState.DOWN, "reset by peer")
        await link.close()

    asyncio.run(run())


def test_nothing_is_written_to_a_link_in_doubt_and_nothing_is_kept() -> None:
    async def run() -> None:
        driver = Fake(reading=[HANG])
        link = led(driver)
        link.start()
        await link.ready()
        await link.read()
        (receipt,) = await link.write([Setpoint("A", 1.0)])
        assert (receipt.outcome, receipt.why) == (Outcome.NOT_CONFIRMED, "link down")
        await link.read()
        assert driver.written == []
        await link.close()

    asyncio.run(run())


def test_a_write_without_an_answer_is_not_confirmed() -> None:
    async def run() -> None:
        link = led(Fake(reading=[HANG]))
        link.start()
        await link.ready()
        (receipt,) = await link.write([Setpoint("A", 1.0)])
        assert (receipt.outcome, receipt.why) == (Outcome.NOT_CONFIRMED, "no answer within 0.05 s")
        assert link.state is LinkState.SUSPECT
        await link.close()

    asyncio.run(run())


def test_a_driver_that_does_not_let_go_keeps_nobody_from_a_fresh_one() -> None:
    class Clinging(Fake):
        async def abort(self) -> None:
            await nap(1e6)

    async def run() -> None:
        link = led(Clinging(reading=[ConnectionResetError("reset")]), Fake())
        link.start()
        await link.ready()
        assert await link.read() is None
        await link.ready()
        assert await link.read() is not None
        await link.close()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(0.0)) as runner:
        runner.run(run())


def test_another_start_of_the_device_is_a_restart() -> None:
    async def run() -> None:
        lost: list[Trouble] = [ConnectionResetError()]
        starts = [1.0, 1.0, None, 2.0, 2.0]
        link = led(*[Fake(reading=lost.copy(), identity=Identity(started)) for started in starts])
        link.start()
        found = []
        for n in range(len(starts)):
            await until(lambda n=n: link.reconnects == n and link.state is LinkState.UP)  # type: ignore[misc]
            found.append(link.restarts)
            await link.read()
        await link.close()
        assert found == [0, 0, 0, 1, 1]

    asyncio.run(run())


def test_a_loss_and_a_recovery_are_each_told_once() -> None:
    async def run() -> None:
        refused = ConnectionRefusedError("refused")
        link = led(Fake(reading=[ConnectionResetError("reset")]), Fake(opening=refused), Fake(opening=refused), Fake())
        link.start()
        await link.ready()
        await link.read()
        await until(lambda: link.reconnects == 1)
        await link.close()

    with capture_logs() as told:
        asyncio.run(run())
    assert [(line["event"], line.get("why")) for line in told] == [("link is lost", "reset"), ("link is back", None)]


def test_what_does_not_match_the_policy_is_told_once() -> None:
    async def run() -> None:
        odd = Identity(notes=("A: the server holds Int32, the policy says float64",))
        link = led(Fake(reading=[ConnectionResetError()], identity=odd), Fake(identity=odd))
        link.start()
        await link.ready()
        await link.read()
        await until(lambda: link.reconnects == 1)
        assert link.identity.notes == odd.notes
        await link.close()

    with capture_logs() as told:
        asyncio.run(run())
    assert [line["what"] for line in told if "what" in line] == ["A: the server holds Int32, the policy says float64"]


def test_waits_between_attempts_grow_within_bounds_and_are_the_same_in_every_run() -> None:
    def waits(name: str) -> list[float]:
        link = Link(name, Fake, PATIENCE)
        return [link._wait() for _ in range(2000)]

    found = waits("plc")
    assert all(0.2 <= wait <= 2.0 for wait in found)
    assert np.mean(found[:3]) < np.mean(found[5:])
    assert found == waits("plc")
    assert found != waits("pat")


def test_a_fault_of_the_program_is_not_taken_for_link_trouble() -> None:
    async def run() -> None:
        link = led(Fake(opening=KeyError("bug")))
        link.start()
        await nap(0.01)
        with pytest.raises(KeyError):
            await link.read()
        await link.close()

    asyncio.run(run())


def test_a_link_that_is_closed_while_it_opens_leaves_nothing_behind() -> None:
    async def run() -> None:
        driver = Fake(opening=HANG)
        link = led(driver)
        link.start()
        await nap(0.01)
        await link.close()
        assert (driver.aborted, link.state) == (1, LinkState.CLOSED)
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(run())


def test_no_protocol_is_imported_before_a_connection_is_made() -> None:
    heavy = "import sys, plant_io.line; print(sorted({'asyncua', 'pymodbus', 'structlog', 'scipy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"
