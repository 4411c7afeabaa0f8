"""What was decided is written at once or never: a process that was stopped in between writes nothing old."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from fakes import Bench

from controller.cycle import Cycle, Mode, Order, SetMode
from controller.loop import Station, run
from controller.plan import Plan, Problem
from plant_io import Outcome, Receipt, Setpoint, Snapshot


class Clock:
    """Simulated time that leaps while a decision is being made, as for a process that was stopped."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    async def sleep_until(self, at: float) -> None:
        self.at = max(self.at, at)


class Line(Bench):
    """The toy plant as the loop reads and writes it."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self.written: list[tuple[float, Setpoint]] = []

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def read(self, at: float) -> Snapshot:
        self.at = at
        self.values["SUP.SCAN"] += 2.0
        return self.snapshot()

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        self.written += [(self.clock.at, setpoint) for setpoint in setpoints]
        for setpoint in setpoints:
            if setpoint.tag in ("SUP.ARM", "SUP.HEARTBEAT", "U"):
                self.values[{"SUP.ARM": "SUP.STATE", "SUP.HEARTBEAT": "SUP.ECHO", "U": "U_ACT"}[setpoint.tag]] = (
                    setpoint.value
                )
        return [Receipt(setpoint, Outcome.TAKEN) for setpoint in setpoints]


class Planner:
    """Answers every problem at once with a far-away wish; while it is asked, the process may be stopped."""

    def __init__(self, line: Line, stops: dict[int, float]) -> None:
        self.line, self.stops, self.asked = line, stops, 0

    def submit(self, problem: Problem, now: float) -> None: ...

    async def take(self, now: float) -> tuple[Plan, ...]:
        self.asked += 1
        self.line.at = now
        self.line.clock.at += self.stops.get(self.asked, 0.0)
        return (self.line.plan(9.0),)


def played(stops: dict[int, float], cycles: int = 40) -> tuple[Line, list[Cycle]]:
    line, seen = Line(Clock()), list[Cycle]()
    asked = iter([Order("ana", "test", SetMode("hold", Mode.AUTO))])
    station = Station(line, line.clock, line.kit, lambda: list(asked), Planner(line, stops), (seen.append,))
    asyncio.run(run(station, lambda n: n >= cycles))
    return line, seen


def test_what_is_decided_in_time_is_written() -> None:
    line, seen = played({20: 0.9})
    assert all(receipt.outcome is Outcome.TAKEN for cycle in seen for receipt in cycle.receipts)
    assert any(setpoint.tag == "U" for _, setpoint in line.written)


@pytest.mark.parametrize("stop_s", [1.5, 4.5, 30.5])
def test_what_was_decided_more_than_a_period_ago_is_dropped_and_told(stop_s: float) -> None:
    line, seen = played({20: stop_s})
    late = seen[19]
    writes = (*late.decision.setpoints, *late.decision.handshake)
    assert any(setpoint.tag == "U" for setpoint in writes)
    assert [(r.setpoint, r.outcome) for r in late.receipts] == [(w, Outcome.NOT_CONFIRMED) for w in writes]
    woken = late.snapshot.at + stop_s
    assert not any(late.snapshot.at <= at <= woken for at, _ in line.written)
    back = any(at > woken and setpoint.tag == "U" for at, setpoint in line.written)
    assert back is (stop_s < 5.0)  # after that the write counts as not followed, and a PLC has fallen back
