"""The PLC process over real sockets: lock-step, wall clock, death and return; and the same line in memory."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from controller.lease import claim_after
from hil.plants.faults import Fault
from hil.plc.guard import Word
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from hil.rig.process import NotServing, PlcProcess, Served
from hil.rig.truth import load as load_truth
from plant_io import Clock, Quality, Setpoint, Snapshot
from plant_io.clocks import LockstepClock, PacedClock, SimClock
from plant_io.line import Line
from policies import Policy, load, rebind, shipped

EPOCH = 1_767_225_600.0
SEED = 3
FAULTS = (Fault("F52", "NIR", on_s=20.0, off_s=40.0),)
PERIODS = 60


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("truth") / "truth.npz"


@pytest.fixture(scope="module")
def plc(truth: Path) -> Iterator[PlcProcess]:
    with PlcProcess(Served("A", seed=SEED, start=EPOCH, faults=FAULTS, truth=truth)) as process:
        yield process


def script(k: int) -> list[Setpoint]:
    """What the controller writes in cycle `k`: whole frames from the fifth on, with one step of the API setpoint."""
    if k < 5:
        return []
    frame = {
        "FDR_API.F_SP": 2.0 if k < 30 else 2.1,
        "FDR_EXC.F_SP": 17.8,
        "SUP_F.CLAIM": claim_after(0.0, 1),
        "SUP_F.ARM": 1.0,
        "SUP_F.HEARTBEAT": float(k),
    }
    return [Setpoint(tag, value) for tag, value in frame.items()]


async def play(line: Line, clock: Clock, periods: int) -> list[Snapshot]:
    began, snapshots = clock.now(), list[Snapshot]()
    await line.open()
    try:
        assert await line.ready(10.0)
        for k in range(periods):
            snapshots.append(await line.read(began + k))
            await line.write(script(k))
            await clock.sleep_until(began + k + 1)
    finally:
        await line.close()
    return snapshots


def over_sockets(plc: PlcProcess, policy: Policy, periods: int = PERIODS) -> list[Snapshot]:
    lines: list[Line] = []

    async def step(k: int) -> bool:
        return await lines[0].step(k)

    async def run() -> list[Snapshot]:
        clock = LockstepClock(EPOCH, policy.period_s, step)
        lines.append(Line(rebind(policy, plc.connect), clock))
        return await play(lines[0], clock, periods)

    return asyncio.run(run())


@pytest.fixture(scope="module")
def run(plc: PlcProcess, policy: Policy) -> list[Snapshot]:
    return over_sockets(plc, policy)


def digest(snapshots: list[Snapshot]) -> str:
    return hashlib.sha256(b"".join(snapshot.data() for snapshot in snapshots)).hexdigest()


def test_every_tag_of_the_policy_is_good_over_the_sockets(run: list[Snapshot], policy: Policy) -> None:
    assert [name for name in policy.tags if run[1][name].quality is not Quality.GOOD] == []


def test_the_plc_takes_the_setpoint_over_the_sockets(run: list[Snapshot]) -> None:
    states = [run[k]["SUP_F.STATE"].value for k in (1, 4, 8, 59)]
    assert states == [Word.STARTING, Word.LOCAL, Word.REMOTE, Word.REMOTE]
    assert [run[k]["FDR_API.F_ACT"].value for k in (30, 31)] == pytest.approx([2.0, 2.1])
    assert run[40]["SUP_F.ECHO"].value == 39.0


def test_lock_step_gives_one_period_per_request(run: list[Snapshot]) -> None:
    assert [snapshot["SIM.DONE"].value for snapshot in run] == list(range(PERIODS))
    assert [snapshot["SUP_L.SCAN"].value for snapshot in run] == list(range(0, 2 * PERIODS, 2))


def test_a_spectrometer_that_drops_out_is_bad_over_the_sockets(run: list[Snapshot]) -> None:
    assert run[15]["NIR.SPECTRUM"].quality is Quality.GOOD
    assert run[35]["NIR.SPECTRUM"].quality is Quality.BAD


def test_a_process_started_again_on_its_ports_gives_the_same_stream_bit_for_bit(
    run: list[Snapshot], plc: PlcProcess, policy: Policy
) -> None:
    before = dict(plc.connect)
    plc.restart()
    assert plc.connect == before
    assert digest(over_sockets(plc, policy)) == digest(run)


def test_the_line_in_memory_gives_what_the_sockets_give(run: list[Snapshot], policy: Policy) -> None:
    memory = Memory(LINE.simulate(policy, SEED, FAULTS), EPOCH)

    async def play_in_memory() -> list[Snapshot]:
        clock = SimClock(EPOCH, memory.advance)
        return await play(Line(policy, clock, memory.make), clock, PERIODS)

    for near, far in zip(asyncio.run(play_in_memory()), run, strict=True):
        for name in [tag for tag in policy.tags if not tag.startswith("SIM.")]:
            i = near.index.position[name]
            here = slice(near.index.start[i], near.index.start[i] + near.index.lengths[i])
            assert np.array_equal(near.values[here], far.values[here], equal_nan=True), (near.at, name)
            assert (near[name].quality, near[name].reason) == (far[name].quality, far[name].reason), (near.at, name)
            assert near[name].source == far[name].source, (near.at, name)


def test_a_process_asked_to_end_leaves_its_truth_and_status_zero(
    run: list[Snapshot], plc: PlcProcess, truth: Path
) -> None:
    assert plc.stop() == 0
    rows = load_truth(truth)
    assert rows["time"].tolist() == list(range(1, len(run) + 1))
    assert 9.0 < rows["api_frame"][-1] < 11.0


@pytest.fixture(scope="module")
def back(plc: PlcProcess, policy: Policy) -> list[Snapshot]:
    """Five looks at a line nobody asks on: three after a kill, and two half a second apart after the return."""
    plc.restart()

    async def live() -> list[Snapshot]:
        line = Line(rebind(policy, plc.connect), SimClock(EPOCH))
        await line.open()
        try:
            assert await line.ready(10.0)
            await asyncio.to_thread(plc.kill)
            away = [await line.read(EPOCH + k) for k in range(3)]
            await asyncio.to_thread(plc.start)
            assert await line.ready(10.0)
            first = await line.read(EPOCH + 3)
            await asyncio.to_thread(time.sleep, 0.5)
            return [*away, first, await line.read(EPOCH + 4)]
        finally:
            await line.close()

    return asyncio.run(live())


def test_a_killed_process_leaves_bad_quality(back: list[Snapshot]) -> None:
    assert {Quality(int(quality)) for quality in back[2].quality} == {Quality.BAD}


def test_a_process_back_on_its_ports_is_good_again_and_says_starting(back: list[Snapshot], policy: Policy) -> None:
    assert [tag for tag in policy.tags if back[3][tag].quality is not Quality.GOOD] == []
    assert (back[3]["SUP_F.STATE"].value, back[3]["SUP_F.SCAN"].value) == (Word.STARTING, 0)


def test_a_plant_that_is_not_asked_waits(back: list[Snapshot]) -> None:
    assert back[4]["SUP_F.SCAN"].value == back[3]["SUP_F.SCAN"].value


def test_a_process_whose_owner_is_gone_ends_by_itself(back: list[Snapshot], plc: PlcProcess) -> None:
    assert back
    child = plc._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()
    assert child.wait(10.0) == 0


def test_on_the_wall_clock_time_goes_by_itself_at_the_speed_asked_for_and_is_the_present(
    tmp_path: Path, policy: Policy
) -> None:
    left = tmp_path / "truth.csv"

    async def look(process: PlcProcess) -> Snapshot:
        clock = PacedClock(40.0)
        line = Line(rebind(policy, process.connect), clock)
        await line.open()
        try:
            assert await line.ready(10.0)
            await clock.sleep_until(clock.now() + 40.0)
            return await line.read(clock.now())
        finally:
            await line.close()

    with PlcProcess(Served("A", lockstep=False, speed=40.0, truth=left)) as process:
        began = time.monotonic()
        snapshot = asyncio.run(look(process))
        process.stop()
        spent = time.monotonic() - began
    assert snapshot["NIR.SPECTRUM"].quality is Quality.GOOD
    assert 30.0 < load_truth(left)["time"][-1] <= 40.0 * (spent + 0.5)


def test_a_process_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotServing, match="no such file"):
        PlcProcess(Served("A", policy=tmp_path / "none.yaml")).start()
