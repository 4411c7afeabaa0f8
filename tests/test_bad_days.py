"""Bad days: a PLC that dies, a solver that hangs, numbers that are none, a person who leaves."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from math import inf, isfinite, nan
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakes import HOLDER, mad, stuck
from moves import GATE

from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Timed
from controller.kit import Kit, prepare
from controller.mpc.worker import Inline, Worker
from controller.plan import Status
from controller.records.ballast import BALLAST
from controller.records.journal import entries
from controller.records.replay import replay
from controller.runtime import Door, Options, operate
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from hil.rig.play import EPOCH
from hil.rig.process import PlcProcess, Served
from plant_io import Outcome, Quality
from plant_io.clocks import PacedClock, SimClock, WallClock
from plant_io.line import Line
from policies import Policy, load, rebind, shipped

AUTO = (Timed(0.0, Order("ana", "test", SetMode("blend", Mode.AUTO))),)
PERIOD_S = 1.0


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def given(policy: Policy) -> tuple[Any, ...]:
    return (dict(policy.loops), dict(policy.files))


def chaotic(policy: Policy, seed: int) -> Any:
    """Drivers of line A in memory that put numbers that are none into one value of every third read."""
    memory, rng = Memory(LINE.simulate(policy, seed), EPOCH), np.random.default_rng(seed)

    def make(connection: str, bound: Policy) -> Any:
        driver = memory.make(connection, bound)
        honest = driver.read

        async def read(scan: str = "control") -> Any:
            batch = await honest(scan)
            if rng.random() < 1 / 3:
                batch.values[rng.integers(len(batch.values))] = rng.choice([nan, inf, -inf])
            return batch

        driver.read = read  # type: ignore[method-assign]
        return driver

    return memory, make


def memory_run(kit: Kit, memory: Memory, make: Any, build: Any, for_s: float) -> list[Cycle]:
    cycles: list[Cycle] = []
    clock = SimClock(EPOCH, memory.advance)
    through = Door(clock, Line(kit.policy, clock, make), Inline(build, given(kit.policy)))
    options = Options(for_s=for_s, orders=AUTO, unrecorded=True)
    asyncio.run(operate(kit, options, through, (cycles.append,)))
    return cycles


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_numbers_that_are_none_from_plant_and_solver_never_reach_a_write(policy: Policy, seed: int) -> None:
    kit = prepare(policy)
    memory, make = chaotic(policy, seed)
    cycles = memory_run(kit, memory, make, mad, 240.0)
    written = [s for c in cycles for s in (*c.decision.setpoints, *c.decision.handshake)]
    assert all(isfinite(s.value) for s in written)
    fences = {fence.tag: (fence.low, fence.high) for fence in kit.loops["blend"].fences.values()}
    fences[GATE] = (0.0, 1.0)
    assert all(fences[s.tag][0] <= s.value <= fences[s.tag][1] for c in cycles for s in c.decision.setpoints)


def test_without_a_record_nothing_is_moved(policy: Policy) -> None:
    memory = Memory(LINE.simulate(policy, 1), EPOCH)
    clock, cycles = SimClock(EPOCH, memory.advance), list[Cycle]()
    through = Door(clock, Line(policy, clock, memory.make), Inline(HOLDER, given(policy)))
    asyncio.run(operate(prepare(policy), Options(for_s=60.0, orders=AUTO), through, (cycles.append,)))
    assert not any(c.decision.setpoints for c in cycles)
    assert {c.decision.modes["blend"][0] for c in cycles[1:-1]} <= {Mode.SHADOW, Mode.OFF}


def test_a_record_that_cannot_be_written_takes_the_loop_out_of_auto(policy: Policy, tmp_path: Path) -> None:
    memory = Memory(LINE.simulate(policy, 1), EPOCH)
    clock, cycles = SimClock(EPOCH, memory.advance), list[Cycle]()
    through = Door(clock, Line(policy, clock, memory.make), Inline(HOLDER, given(policy)))

    def spoil(cycle: Cycle) -> None:
        cycles.append(cycle)
        if cycle.number == 40:
            limit_file_size(tmp_path)

    options = Options(for_s=80.0, orders=AUTO, record=tmp_path)
    try:
        asyncio.run(operate(prepare(policy), options, through, (spoil,)))
    finally:
        unlimit_file_size()
    assert cycles[40].decision.modes["blend"][1] is Phase.ACTIVE
    assert all(c.decision.modes["blend"][0] is Mode.SHADOW for c in cycles[50:78])
    assert not any(c.decision.setpoints for c in cycles[50:])


def limit_file_size(directory: Path) -> None:
    import resource  # noqa: PLC0415  # POSIX only, as the test

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    largest = max(path.stat().st_size for path in directory.iterdir() if path.name != BALLAST)
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def unlimit_file_size() -> None:
    import resource  # noqa: PLC0415  # POSIX only, as the test

    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


class Driven(PacedClock):
    """A paced clock that carries a simulated line in memory with it."""

    def __init__(self, speed: float, advance: Callable[[float], None]) -> None:
        super().__init__(speed, EPOCH)
        self._advance, self._done = advance, EPOCH

    async def sleep_until(self, at: float) -> None:
        await super().sleep_until(at)
        if at - self._done >= PERIOD_S:
            whole = float(int((at - self._done) / PERIOD_S)) * PERIOD_S
            self._advance(whole)
            self._done += whole


@pytest.mark.slow
def test_a_solver_that_hangs_delays_nothing_and_the_loop_is_released_in_the_end(
    policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEADYLINE_STUCK", str(tmp_path / "stuck"))
    memory = Memory(LINE.simulate(policy, 1), EPOCH)
    clock, cycles = Driven(8.0, memory.advance), list[Cycle]()
    deadlines = {name: loop.deadline_s for name, loop in policy.loops.items()}
    through = Door(clock, Line(policy, clock, memory.make), Worker(deadlines, stuck, given(policy)), ready_s=60.0)
    options = Options(for_s=240.0, orders=AUTO, unrecorded=True)
    ran = asyncio.run(operate(prepare(policy), options, through, (cycles.append,)))
    said = [event.what for event in ran.tally.events]
    first_late = next(i for i, c in enumerate(cycles) if any(p.status is Status.LATE for p in c.plans))
    beating = [c for c in cycles[first_late : first_late + 20] if c.decision.handshake]
    assert len(beating) == 20
    assert ran.tally.overruns <= 0.02 * len(cycles)
    assert any("late: no answer" in what for what in said)
    assert "blend: released to the PLC, mode shadow: no plan came for too long" in said
    assert said.count("blend: followed further, no new plan has come") == 1
    assert said.count("blend: setpoints stand still, no new plan has come") == 1


@pytest.mark.slow
def test_a_plc_killed_and_restarted_mid_run(policy: Policy) -> None:
    served = Served("A", lockstep=False, speed=1.0, seed=5, start=WallClock().now())
    cycles: list[Cycle] = []
    killed: list[int] = []
    restarted = threading.Event()
    with PlcProcess(served) as process:
        bound = rebind(policy, process.connect)

        def watch(cycle: Cycle) -> None:
            cycles.append(cycle)
            active = [c for c in cycles if c.decision.modes["blend"][1] is Phase.ACTIVE]
            if len(active) == 8 and not killed:
                killed.append(cycle.number)
                threading.Thread(target=come_back).start()

        def come_back() -> None:
            process.kill()
            threading.Event().wait(4.0)
            process.start()
            restarted.set()

        clock = WallClock()
        through = Door(clock, Line(bound, clock), Inline(HOLDER, given(policy)))
        options = Options(for_s=75.0, orders=AUTO, unrecorded=True)
        asyncio.run(operate(prepare(bound), options, through, (watch,)))
    assert restarted.is_set()
    check_outage(policy, cycles, killed[0])


def check_outage(policy: Policy, cycles: list[Cycle], killed: int) -> None:
    for c in cycles[killed + 2 : killed + 5]:
        assert all(c.snapshot[tag].quality is Quality.BAD for tag in policy.tags)
        assert c.decision.setpoints == c.decision.handshake == ()
    away = [c for c in cycles[killed + 1 :] if any(c.snapshot[t].quality is Quality.BAD for t in policy.tags)]
    assert not any(r.outcome is Outcome.TAKEN for c in away for r in c.receipts)
    assert all(cycles[-5].snapshot[tag].quality is Quality.GOOD for tag in ("FDR_API.F_PV", "HOP.M"))
    after = [c.decision.modes["blend"] for c in cycles[killed + 6 :]]
    assert not any(phase is Phase.ACTIVE for _, phase in after)
    assert (Mode.SHADOW, Phase.SHED) in after
    assert any("was restarted" in e.what for c in cycles for e in c.decision.events)


@pytest.mark.slow
def test_ctrl_c_leaves_the_loops_released_and_the_record_readable(policy: Policy, tmp_path: Path) -> None:
    served = Served("A", lockstep=False, speed=1.0, seed=6, start=WallClock().now())
    record = tmp_path / "record"
    with PlcProcess(served) as process:
        connect = [word for name, address in process.connect.items() for word in ("--connect", f"{name}={address}")]
        command = [sys.executable, "-m", "controller.cli", "run", str(shipped("A")), "--mode", "auto"]
        said = subprocess.Popen(
            [*command, "--record", str(record), *connect],
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"COLUMNS": "200"},
        )
        assert said.stderr is not None
        assert any("init to active" in line for line in said.stderr)
        said.send_signal(signal.SIGINT)
        said.stderr.read()
        status = said.wait(30)
        said.stderr.close()
        assert status == 130
        state = asyncio.run(look(rebind(policy, process.connect)))
    assert state == {"SUP_F.STATE": 0.0, "SUP_L.STATE": 0.0}
    assert [entry.kind for entry in entries(record)][-1] == "tail"
    found = replay(record)
    assert found.complete
    assert found.identical == found.cycles


async def look(policy: Policy) -> dict[str, float | None]:
    clock = WallClock()
    line = Line(policy, clock)
    await line.open()
    assert await line.ready(10.0)
    snapshot = await line.read(clock.now())
    await line.close()
    return {name: snapshot.good(name) for name in ("SUP_F.STATE", "SUP_L.STATE")}
