"""Play a scenario in virtual time: both protocols whole, in one process, without ports, as fast as it will go."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from controller.kit import prepare
from controller.loop import Sink
from controller.mpc.solver import solvers_in_line
from controller.mpc.worker import Build
from controller.runtime import Door, Options, Ran, operate
from hil import serve
from hil.plc.scans import SCAN_S
from hil.rig.links import disturb
from hil.rig.play import EPOCH, Played, deadlines, recorded
from hil.rig.score import kpis
from hil.rig.troubled import Given, Troubled, journal, operator
from hil.rig.truth import Truth, traced
from hil.rig.witness import Witness, witness
from hil.scenario import Scenario
from hil.virtual.loop import VirtualLoop
from hil.virtual.network import Network
from hil.virtual.times import LIBRARIES, virtual_times
from plant_io.clocks import WallClock, stopwatch
from plant_io.line import Line
from policies import Policy, rebind, shipped

Disturb = Callable[[Network, Mapping[str, int]], None]
"""Asks a network for what is to go wrong; given the TCP port of each connection, before the controller connects."""

_BEFORE_S = 5.0  # for the servers to listen and the controller to connect
_AHEAD_S = 0.001  # the PLCs show a period this much before the controller reads it, so that no tie is left to chance
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
    """Solvers that are ready when plant time begins, so that the first cycle meets the plant at its time 0."""

    async def ready(self, within_s: float) -> bool:
        await WallClock().sleep_until(EPOCH)
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
    bound, clock = rebind(policy, connect), WallClock()
    arguments = (dict(policy.loops), dict(policy.files))
    inline = _Prompt(Given(run.build, arguments, deadlines(policy), scenario.compute_s, faults, EPOCH))
    people = operator(scenario)
    options = Options(
        for_s=scenario.for_s,
        record=run.record,
        orders=scenario.timed(policy),
        connect=connect,
        unrecorded=run.record is None,
        inbox=people.inbox,
        journal=journal(faults, lambda: clock.now() - EPOCH),
    )
    through = Door(clock, Line(bound, clock), inline)
    controller = asyncio.create_task(
        operate(prepare(bound), options, through, (seen, people, *run.sinks)), name="controller"
    )
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
        with traced(rack.log):
            rack.line.advance(SCAN_S)
        if (rack.line.plant.time / period_s).is_integer():
            rack.log.add(rack.line.truth())
            await rack.show()


def _network() -> Network:
    return cast("VirtualLoop", asyncio.get_running_loop()).network


def _port(address: str) -> int:
    return urlsplit(address if "://" in address else f"//{address}").port or 0
