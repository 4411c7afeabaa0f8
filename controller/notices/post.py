"""The shell that carries notices: attempts beside the loop, by the clock of the run, each with a receipt in the record.

It never waits itself: what is due is begun when a cycle is over, and what came of it is an order of the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from queue import SimpleQueue

from controller.cycle import Cycle, Delivered, Order
from controller.notices.state import Notice
from controller.notices.transports import Open, Sent, Transport
from policies.notices import Notices

LONGEST_QUEUE = 200
"""Most notices that wait for one receiver [1]."""
_LONGEST_S = 3600.0


@dataclass(slots=True)
class _Way:
    """Notices on their way to one receiver, one at a time and in their order."""

    transport: Transport
    """The way."""
    waiting: deque[Notice] = field(default_factory=deque[Notice])
    """Notices not delivered yet, the oldest first."""
    attempt: int = 0
    """Attempts for the oldest so far [1]."""
    due: float = 0.0
    """When the next attempt is due, POSIX time [s]."""
    task: asyncio.Task[Sent] | None = None
    """The attempt under way."""


class Post:
    """Carries notices to their receivers; a sink of the loop.

    Parameters
    ----------
    declared
        What the policy says of notices; None where nobody is sent any.
    ways
        Opens a way to every receiver.
    inbox
        Where receipts are placed.
    """

    def __init__(self, declared: Notices | None, ways: Open, inbox: SimpleQueue[Order]) -> None:
        self._receivers = {} if declared is None else declared.receivers
        self._ways = {} if declared is None else {name: _Way(way) for name, way in ways(declared).items()}
        self._inbox = inbox

    def __call__(self, cycle: Cycle) -> None:
        """Take what one cycle wants sent, and begin what is due."""
        at = cycle.snapshot.at
        for notice in cycle.decision.notices:
            way = self._ways[notice.receiver]
            if len(way.waiting) >= LONGEST_QUEUE:
                lost = Sent(delivered=False, status=f"{LONGEST_QUEUE} others wait already", again=False)
                self._receipt(notice, 0, lost, final=True)
            else:
                way.waiting.append(notice)
        for name, way in self._ways.items():
            self._step(name, way, at)

    def _step(self, name: str, way: _Way, at: float) -> None:
        if way.task is not None and way.task.done():
            self._concluded(name, way, way.task, at)
        if way.task is None and way.waiting and at >= way.due:
            way.attempt += 1
            timeout_s = self._receivers[name].timeout_s
            way.task = asyncio.get_running_loop().create_task(_tried(way.transport, way.waiting[0], at, timeout_s))

    def _concluded(self, name: str, way: _Way, task: asyncio.Task[Sent], at: float) -> None:
        declared, way.task = self._receivers[name], None
        sent = task.result()
        final = sent.delivered or not sent.again or way.attempt >= declared.tries
        self._receipt(way.waiting[0], way.attempt, sent, final=final)
        if final:
            way.waiting.popleft()
            way.attempt, way.due = 0, at
        else:
            way.due = at + min(_LONGEST_S, declared.backoff_s * 2.0 ** (way.attempt - 1))

    def _receipt(self, notice: Notice, attempt: int, sent: Sent, *, final: bool) -> None:
        act = Delivered(notice.receiver, notice.key, attempt, sent.delivered, sent.status, final)
        self._inbox.put(Order("system", "receipt of a notice", act))

    async def close(self) -> None:
        """End what is under way, and let go of every way."""
        tasks = [way.task for way in self._ways.values() if way.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for way in self._ways.values():
            await way.transport.close()


async def _tried(transport: Transport, notice: Notice, at: float, timeout_s: float) -> Sent:
    """Try once; whatever goes wrong is a value, so that no receiver ever ends a run."""
    try:
        async with asyncio.timeout(timeout_s):
            return await transport.send(notice, at)
    except TimeoutError:
        return Sent(delivered=False, status=f"no answer within {timeout_s:g} s")
    except Exception as error:  # noqa: BLE001  # a library that breaks is no reason to stop controlling
        return Sent(delivered=False, status=f"{type(error).__name__}: {error}")
