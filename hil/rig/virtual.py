"""Play a scenario in virtual time: both protocols whole, in one process, without ports, as fast as it will go."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from controller.kit import prepare
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.mpc.worker import Build
from controller.runtime import Door, Options, Ran, operate
from controller.tally import Tally
from hil import serve
from hil.plc.scans import SCAN_S
from hil.rig.links import disturb
from hil.rig.lives import Killed, Life, killer, lives
from hil.rig.play import EPOCH, Played, deadlines, recorded
from hil.rig.receivers import receivers
from hil.rig.score import kpis
from hil.rig.tied import Tied
from hil.rig.troubled import Given, Troubled, journal, operator
from hil.rig.truth import Traced, Truth
from hil.rig.witness import Witness, witness
from hil.scenario import Scenario
from hil.virtual.loop import VirtualLoop
from hil.virtual.network import Network
from hil.virtual.times import LIBRARIES, virtual_times
from plant_io.clocks import WallClock, stopwatch
from policies import Policy, rebind, shipped

Disturb = Callable[[Network, Mapping[str, int]], None]
"""Asks a network for what is to go wrong; given the TCP port of each connection, before the controller connects."""

_BEFORE_S = 5.0  # for the servers to listen and the controller to connect
_AHEAD_S = 0.001  # the PLCs show a period this much before the controller reads it, so that no tie is left to chance
_AGAIN_S = 0.9  # for a controller to connect that is started again
_BEYOND_S = 600.0  # after which a run that does not end is taken for one that never will


@dataclass(frozen=True, slots=True)
class Run:
    """One run in virtual time."""

    scenario: Scenario
    """What is played."""
    policy: Policy
    """Policy it is played under."""
    seed: int
    """Seed of the plant and of the network [1]."""
    record: Path | None = None
    """Record directory, if one is to be kept."""
    build: Build = solvers_in_line
    """Makes the solvers."""
    disturb: Disturb | None = None
    """What goes wrong with the links."""
    sinks: Sequence[Sink] = ()
    """More keepers and viewers of finished cycles."""


def in_virtual_time(run: Run) -> Played:
    """Play a scenario in this process in virtual time, through unchanged protocol stacks.

    Raises
    ------
    PlantUnreachable
        If the controller cannot connect.
    TimeoutError
        If the run does not end.
    Standstill
        If nothing can ever happen again.
    """
    watch, policy, seen = stopwatch(), run.policy, witness(run.scenario, run.policy)
    for library in LIBRARIES:
        logging.getLogger(library).setLevel(logging.CRITICAL)  # what they would say, the controller says
    try:
        with virtual_times(), asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH, -_BEFORE_S, run.seed)) as runner:
            ran, truth = runner.run(_play(run, seen))
    finally:
        gc.unfreeze()
    return Played(
        run.scenario,
        policy,
        run.seed,
        "virtual",
        ran,
        kpis(truth, policy),
        truth,
        seen.seen,
        EPOCH,
        watch(),
        witness=seen,
    )


class _Prompt(Troubled):
    """Solvers that are ready when a life is to begin, so that its first cycle meets the plant at that time."""

    def __init__(self, given: Given, begins: float) -> None:
        super().__init__(given)
        self._begins = begins

    async def ready(self, within_s: float) -> bool:
        await WallClock().sleep_until(self._begins)
        return await super().ready(within_s)


async def _play(run: Run, seen: Witness) -> tuple[Ran, Truth]:
    with ExitStack() as stack:
        return await _run(replace(run, record=recorded(run.scenario, run.record, stack)), seen)


async def _run(run: Run, seen: Witness) -> tuple[Ran, Truth]:
    scenario, policy = run.scenario, run.policy
    rack = _rack(run)
    with _settled():
        connect = await rack.start()
    faults, ports = scenario.struck(run.seed), {name: _port(address) for name, address in connect.items()}
    for ask in (disturb(faults, scenario.for_s), run.disturb):
        if ask is not None:
            ask(_network(), ports)
    stage = _Stage(run, seen, connect)
    controller = asyncio.create_task(stage.play(), name="controller")
    plant = asyncio.create_task(_pace(rack, policy.period_s), name="plant")
    try:
        async with asyncio.timeout(scenario.for_s + _BEYOND_S):
            await asyncio.wait({controller, plant}, return_when=asyncio.FIRST_COMPLETED)
        if plant.done():
            plant.result()
        return controller.result(), rack.log.columns()
    finally:
        for task in (controller, plant):
            task.cancel()
        await asyncio.wait({controller, plant})
        await rack.stop()


class _Stage:
    """Servers in virtual time, and the lives of the controller on them."""

    def __init__(self, run: Run, seen: Witness, connect: Mapping[str, str]) -> None:
        self._run, self._seen, self._connect = run, seen, connect
        self._clock, self._people = WallClock(), operator(run.scenario, run.policy)
        self._faults = run.scenario.struck(run.seed)

    async def play(self) -> Ran:
        """Run the controller, and again after each death, with a memory of nothing."""
        scenario, tally, found = self._run.scenario, Tally(self._run.policy.period_s), list[Ran]()
        spans = lives(self._faults, scenario.for_s)
        across: tuple[Sink, ...] = (tally,) if len(spans) > 1 else ()
        for life in spans:
            if life.from_s > 0.0:
                await self._clock.sleep_until(EPOCH + life.from_s - _AGAIN_S)
            with suppress(Killed):
                found.append(await self._live(life, across))
        return found[-1] if len(spans) == 1 else replace(found[-1], tally=tally)

    async def _live(self, life: Life, across: Sequence[Sink]) -> Ran:
        run, scenario, policy = self._run, self._run.scenario, self._run.policy
        bound = rebind(policy, self._connect)
        given = Given(
            run.build,
            (dict(policy.loops), dict(policy.files)),
            deadlines(policy),
            scenario.compute_s,
            self._faults,
            EPOCH,
        )
        options = Options(
            for_s=None if life.dies else life.to_s - life.from_s,
            record=life.record(run.record),
            orders=life.orders(scenario.timed(policy), run.record),
            connect=self._connect,
            unrecorded=run.record is None,
            inbox=self._people.inbox,
            journal=journal(self._faults, lambda: self._clock.now() - EPOCH),
            ways=receivers(scenario, lambda: self._clock.now() - EPOCH),
        )
        line = Tied(bound, self._clock)
        through = Door(self._clock, line, _Prompt(given, EPOCH + life.from_s))
        kill = killer(life, lambda: EPOCH, line.sever)
        return await operate(prepare(bound), options, through, (*across, self._seen, self._people, *run.sinks, kill))


@contextmanager
def _settled() -> Generator[None]:
    """Look for no garbage meanwhile, and later only among what comes later: the nodes of a server are there to stay."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if looked:
            gc.enable()


def _rack(run: Run) -> serve.Rack:
    scenario, course = run.scenario, run.scenario.course(run.seed)
    options = serve.Options(
        line=scenario.line,
        policy=shipped(scenario.line),
        seed=run.seed,
        start=EPOCH,
        faults=tuple(course.faults),
        turns=tuple(course.turns),
        setups=course.setups,
        handled=tuple(course.handled),
        mismatch=scenario.mismatch,
    )
    return serve.Rack(run.policy, options)


async def _pace(rack: serve.Rack, period_s: float) -> None:
    """Run one scan after the other; what clients wrote is found by the next, and shown is every whole period."""
    clock = WallClock()
    while True:
        await clock.sleep_until(EPOCH + rack.line.plant.time + SCAN_S - _AHEAD_S)
        await rack.collect()
        with Traced(rack.log):
            rack.line.advance(SCAN_S)
        if (rack.line.plant.time / period_s).is_integer():
            rack.log.add(rack.line.truth())
            await rack.show()


def _network() -> Network:
    return cast("VirtualLoop", asyncio.get_running_loop()).network


def _port(address: str) -> int:
    return urlsplit(address if "://" in address else f"//{address}").port or 0
