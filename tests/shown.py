"""A line as the console shows it: line A in memory, told cycle by cycle, with orders taken from the console's desk."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import lru_cache
from queue import SimpleQueue

from fakes import HOLDER
from short_runs import short

from controller.console.console import Console, Shown
from controller.console.doors import Doors
from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import Kit, prepare
from controller.people import People
from controller.state import State
from hil.rig.play import in_memory
from policies import Policy

LATE = {"id": "F52", "target": "NIR", "after": "40s"}
"""A fault that takes the loop's evidence away."""


@lru_cache(1)
def recorded() -> tuple[Policy, tuple[Cycle, ...]]:
    """Return 90 s of line A in AUTO, in which the spectrometer is lost."""
    scenario, policy = short(LATE, for_s=90.0)
    found = list[Cycle]()
    in_memory(scenario, policy, 1, build=HOLDER, sinks=(found.append,))
    return policy, tuple(found)


@dataclass
class Told:
    """The line again, as it was recorded, but for what people order meanwhile."""

    kit: Kit
    cycles: tuple[Cycle, ...]
    inbox: SimpleQueue[Order] = field(default_factory=SimpleQueue["Order"])
    orders: list[Order] = field(default_factory=list)
    state: State = field(init=False)
    number: int = 0

    def __post_init__(self) -> None:
        self.state = self.kit.start()

    @property
    def at(self) -> float:
        """When the newest cycle began."""
        return self.cycles[0].snapshot.at + (self.number - 1) * self.kit.policy.period_s

    def next(self) -> tuple[Cycle, State]:
        """Return the next cycle; after the last the line stands still and time goes on."""
        old = self.cycles[min(self.number, len(self.cycles) - 1)]
        over = max(0, self.number - len(self.cycles) + 1) * self.kit.policy.period_s
        seen = old.snapshot if not over else replace(old.snapshot, at=old.snapshot.at + over)
        orders = old.orders if not over else ()
        while not self.inbox.empty():
            orders = (*orders, self.inbox.get_nowait())
        self.orders += orders
        plans = old.plans if not over else ()
        decision, self.state = decide(seen, orders, plans, self.state, self.kit)
        cycle = Cycle(self.number, seen, tuple(orders), plans, decision, old.receipts if not over else (), old.timing)
        self.number += 1
        return cycle, self.state


@lru_cache(1)
def kit() -> Kit:
    """Return the policy of it, made ready once."""
    return prepare(recorded()[0])


def told() -> Told:
    """Return the line at its beginning."""
    return Told(kit(), recorded()[1])


@contextmanager
def console(line: Told, people: People | None = None, doors: Doors | None = None) -> Iterator[Console]:
    """Serve the console of a line on a free port."""
    shown = Shown(line.kit, None, line.inbox, people)
    served = Console(shown, doors or Doors(port=0))
    try:
        yield served
    finally:
        served.close()


def show(line: Told, served: Console, cycles: int) -> None:
    """Let the console see some cycles, and wait until it has."""
    for _ in range(cycles):
        served(*line.next())
    wait = threading.Event()
    while served.hall.board.at != line.at:
        wait.wait(0.005)


@contextmanager
def living(line: Told, served: Console, every_s: float = 0.2) -> Iterator[None]:
    """Let the line go on while something looks at it."""
    over = threading.Event()

    def live() -> None:
        while not over.wait(every_s):
            served(*line.next())

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
