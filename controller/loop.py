"""The loop: read, decide, write, record. All waiting and all effects are here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import Kit
from controller.plan import Plan, Problem
from controller.state import State
from plant_io import Clock, Outcome, Plant, Receipt, Setpoint
from plant_io.clocks import stopwatch

Desk = Callable[[], Sequence[Order]]
"""Gives the orders placed since it was last asked."""
Sink = Callable[[Cycle], None]
"""Keeps or shows a finished cycle."""


class Solvers(Protocol):
    """Whoever turns problems into plans, beside the loop."""

    def submit(self, problem: Problem, now: float) -> None:
        """Take a problem; returns at once. `now` is POSIX time [s]."""
        ...

    async def take(self, now: float) -> tuple[Plan, ...]:
        """Return the plans that came since the last call. `now` is POSIX time [s]."""
        ...


@dataclass(frozen=True, slots=True)
class Station:
    """Everything the loop needs around it."""

    plant: Plant
    """Door to the line."""
    clock: Clock
    """The only source of time."""
    kit: Kit
    """What is permitted and wanted."""
    desk: Desk
    """Orders of people."""
    solvers: Solvers
    """Turns problems into plans."""
    sinks: Sequence[Sink]
    """Keep and show finished cycles."""
    keepers: Sequence[Callable[[Cycle, State], None]] = ()
    """Keep or show what a cycle leaves to the next."""


async def run(station: Station, until: Callable[[int], bool]) -> State:
    """Run control cycles until `until`, given the number of cycles done, says so; return the state after the last."""
    plant, clock, kit, solvers = station.plant, station.clock, station.kit, station.solvers
    state, tick, number = kit.start(), clock.now(), 0
    while not until(number):
        watch = stopwatch()
        snapshot = await plant.read(tick)
        read_s = watch()
        orders, plans = tuple(station.desk()), await solvers.take(tick)
        waited_s = watch()
        decision, state = decide(snapshot, orders, plans, state, kit)
        decided_s = watch()
        writes = (*decision.setpoints, *decision.handshake)
        expired = clock.now() - tick > kit.policy.period_s
        receipts = dropped(writes) if expired else await plant.write(writes)
        for problem in decision.problems:
            solvers.submit(problem, tick)
        written_s = watch()
        timing = {
            "read": read_s,
            "plans": waited_s - read_s,
            "decide": decided_s - waited_s,
            "write": written_s - decided_s,
        }
        cycle = Cycle(number, snapshot, orders, plans, decision, receipts, timing)
        for sink in station.sinks:
            sink(cycle)
        for keeper in station.keepers:
            keeper(cycle, state)
        number += 1
        tick = _next(tick, clock.now(), kit.policy.period_s)
        await clock.sleep_until(tick)
    return state


def dropped(writes: Sequence[Setpoint]) -> Sequence[Receipt]:
    """Return the receipts of what was decided more than a period ago: it is not written any more, now or later."""
    return [Receipt(write, Outcome.NOT_CONFIRMED, "expired, decided more than a period ago") for write in writes]


def _next(tick: float, now: float, period_s: float) -> float:
    """Return the next instant of the schedule; one that has passed is skipped, never queued."""
    return tick + period_s * max(1, ceil((now - tick) / period_s - 1e-6))
