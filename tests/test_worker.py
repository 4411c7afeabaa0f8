import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypeVar, cast

import fake_solvers
import numpy as np
import pytest

from controller.mpc.worker import Build, Inline, Word, Worker, _Child, _live
from controller.plan import Plan, Problem, Status

T = TypeVar("T")
DEADLINES = {"obedient": 8.0, "hanging": 8.0, "dying": 8.0}


def problem(loop: str, number: int = 1) -> Problem:
    some = np.array([2.0, 17.8])
    return Problem(loop, number, 100.0, np.zeros(9), some, np.array([0.2]), some, some, some)


def with_worker(
    use: Callable[[Worker], Awaitable[T]],
    *,
    wait_s: float = 0.0,
    build: Build = fake_solvers.all_kinds,
    arguments: tuple[object, ...] = (),
) -> T:
    async def main() -> T:
        worker = Worker(DEADLINES, build, arguments, wait_s=wait_s)
        await worker.start()
        try:
            return await use(worker)
        finally:
            await worker.close()

    return asyncio.run(main())


async def answers(worker: Worker, now: float) -> list[Plan]:
    """Take until a plan has come."""
    plans: list[Plan] = []
    async with asyncio.timeout(20.0):
        while not plans:
            plans += await worker.take(now)
            await asyncio.to_thread(time.sleep, 0.01)
    return plans


def pid(plan: Plan) -> int:
    return int(plan.why.split()[0])


def test_a_plan_comes_from_another_process_with_one_thread() -> None:
    async def use(worker: Worker) -> list[Plan]:
        assert await worker.ready(20.0)
        worker.submit(problem("obedient", 5), 100.0)
        return await answers(worker, 101.0)

    (plan,) = with_worker(use)
    assert (plan.loop, plan.number, plan.status) == ("obedient", 5, Status.SOLVED)
    assert pid(plan) != os.getpid()
    assert plan.why.endswith(" 1")


def test_in_lock_step_the_plan_is_there_at_the_next_take() -> None:
    async def use(worker: Worker) -> None:
        assert await worker.ready(20.0)
        for number in range(20):
            worker.submit(problem("obedient", number), 100.0)
            assert [plan.number for plan in await worker.take(101.0)] == [number]

    with_worker(use, wait_s=20.0)


def test_while_it_starts_problems_are_answered_and_nothing_waits() -> None:
    async def use(worker: Worker) -> tuple[Plan, ...]:
        worker.submit(problem("obedient"), 100.0)
        return await worker.take(101.0)

    (plan,) = with_worker(use, wait_s=20.0)
    assert (plan.status, plan.why) == (Status.LATE, "the solver is starting")


def test_a_solver_that_hangs_is_late_once_and_replaced() -> None:
    async def use(worker: Worker) -> tuple[int, tuple[Plan, ...], Plan, Plan]:
        assert await worker.ready(20.0)
        worker.submit(problem("obedient", 1), 100.0)
        before = pid((await answers(worker, 100.0))[0])
        worker.submit(problem("hanging", 2), 100.0)
        worker.submit(problem("obedient", 3), 105.0)
        assert await worker.take(108.0) == ()
        late = await worker.take(108.1)
        assert await worker.take(109.0) == ()
        worker.submit(problem("obedient", 4), 109.0)
        (starting,) = await worker.take(110.0)
        assert await worker.ready(20.0)
        worker.submit(problem("obedient", 5), 110.0)
        return before, late, starting, (await answers(worker, 111.0))[0]

    before, late, starting, after = with_worker(use)
    assert [(p.number, p.status, p.why) for p in late] == [
        (2, Status.LATE, "no answer for 8.1 s"),
        (3, Status.DIED, "the solver was replaced, another problem hung"),
    ]
    assert (starting.status, starting.why) == (Status.LATE, "the solver hung and is starting again")
    assert after.status is Status.SOLVED
    assert pid(after) != before
    assert gone(before)


def test_take_never_waits_for_a_solver_that_hangs() -> None:
    async def use(worker: Worker) -> None:
        assert await worker.ready(20.0)
        worker.submit(problem("hanging"), 100.0)
        with pytest.raises(StopIteration) as ended:  # it never gives way to the event loop
            worker.take(101.0).send(None)
        assert ended.value.value == ()

    with_worker(use)


def test_a_process_that_dies_is_told_once_and_replaced() -> None:
    async def use(worker: Worker) -> tuple[list[Plan], Plan]:
        assert await worker.ready(20.0)
        worker.submit(problem("dying", 3), 100.0)
        died = await answers(worker, 101.0)
        assert await worker.ready(20.0)
        assert await worker.take(102.0) == ()
        worker.submit(problem("obedient", 4), 102.0)
        return died, (await answers(worker, 103.0))[0]

    died, after = with_worker(use)
    assert [(p.number, p.status, p.why) for p in died] == [(3, Status.DIED, "the solver's process ended")]
    assert after.status is Status.SOLVED


def test_a_process_killed_while_idle_is_replaced() -> None:
    async def use(worker: Worker) -> tuple[int, int]:
        assert await worker.ready(20.0)
        worker.submit(problem("obedient", 1), 100.0)
        before = pid((await answers(worker, 101.0))[0])
        os.kill(before, signal.SIGKILL)
        while (plan := await one(worker, 102.0)).status is not Status.SOLVED:
            await worker.ready(20.0)
        return before, pid(plan)

    before, after = with_worker(use)
    assert before != after


def test_a_process_killed_in_the_middle_of_a_solution_is_told_and_replaced() -> None:
    async def use(worker: Worker) -> tuple[int, list[Plan], Plan]:
        assert await worker.ready(20.0)
        before = pid(await one(worker, 100.0))
        worker.submit(problem("hanging", 7), 101.0)
        os.kill(before, signal.SIGKILL)
        died = await answers(worker, 101.0)
        assert await worker.ready(20.0)
        return before, died, await one(worker, 102.0)

    before, died, after = with_worker(use)
    assert [(plan.number, plan.status) for plan in died] == [(7, Status.DIED)]
    assert pid(after) != before


def test_a_process_that_stands_still_delays_nobody_however_much_is_asked_of_it() -> None:
    async def use(worker: Worker) -> tuple[int, Plan]:
        assert await worker.ready(20.0)
        before = pid(await one(worker, 100.0))
        os.kill(before, signal.SIGSTOP)
        # Far more than a pipe holds: this would stand still with it if it waited.
        large = np.zeros(20_000)
        for number in range(50):
            worker.submit(replace(problem("obedient", number), state=large), 101.0)
        late = await worker.take(110.0)
        assert {plan.status for plan in late} == {Status.LATE}
        assert len(late) == 50
        assert await worker.ready(20.0)
        assert gone(before)
        return before, await one(worker, 111.0)

    before, after = with_worker(use)
    assert pid(after) != before


async def one(worker: Worker, now: float) -> Plan:
    worker.submit(problem("obedient"), now)
    return (await answers(worker, now))[0]


def test_ctrl_c_does_not_reach_the_solver() -> None:
    async def use(worker: Worker) -> tuple[int, int]:
        assert await worker.ready(20.0)
        before = pid(await one(worker, 100.0))
        os.kill(before, signal.SIGINT)
        return before, pid(await one(worker, 101.0))

    before, after = with_worker(use)
    assert before == after


def test_solvers_that_cannot_be_made_are_told_with_the_reason() -> None:
    async def use(worker: Worker) -> tuple[Plan, ...]:
        assert not await worker.ready(20.0)
        worker.submit(problem("obedient"), 100.0)
        return await worker.take(101.0)

    (plan,) = with_worker(use, build=fake_solvers.impossible, arguments=("line_z",))
    assert (plan.status, plan.why) == (Status.LATE, "the solver cannot be made: no control model is called line_z")


def test_what_cannot_be_sent_to_a_process_is_refused_at_once() -> None:
    with pytest.raises((AttributeError, TypeError)):
        Worker(DEADLINES, lambda: fake_solvers.all_kinds())  # noqa: PLW0108  # a lambda is the point


def test_nothing_is_left_after_close() -> None:
    async def use(worker: Worker) -> int:
        assert await worker.ready(20.0)
        return pid(await one(worker, 100.0))

    assert gone(with_worker(use))


def test_a_worker_closed_before_it_has_begun_leaves_nothing() -> None:
    async def use(worker: Worker) -> SpawnProcess:
        assert worker._child is not None
        return worker._child.process

    process = with_worker(use)
    deadline = time.monotonic() + 20.0
    while process.pid is None or not gone(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.05)


class _Slow:
    """A pipe that takes its time with the last problem, while its process ends."""

    def __init__(self) -> None:
        self.sending, self.did = Event(), list[str]()

    def send_bytes(self, _build: bytes) -> None:
        self.did.append("built")

    def send(self, _problem: object) -> None:
        self.sending.set()
        time.sleep(0.2)
        self.did.append("sent")

    def recv(self) -> object:
        assert self.sending.wait(20.0)
        raise EOFError

    def close(self) -> None:
        self.did.append("closed")


class _Ended:
    pid = None

    def start(self) -> None: ...


def test_a_pipe_is_closed_once_nothing_is_sent_through_it() -> None:
    pipe, heard = _Slow(), list[Word]()
    child = _Child(cast("Any", pipe), cast("Any", _Ended()))
    child.problems.put(problem("obedient"))
    thread = Thread(target=_live, args=(child, cast("Any", _Slow()), b"", heard.append))
    thread.start()
    thread.join(20.0)
    assert heard == [None]
    assert pipe.did == ["built", "sent", "closed"]


def gone(number: int) -> bool:
    deadline = time.monotonic() + 10.0
    while alive(number):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def alive(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


PARENT = """
import asyncio, os, signal
import fake_solvers
from test_worker import DEADLINES, one, pid, problem
from controller.mpc.worker import Worker

async def main():
    worker = Worker(DEADLINES, fake_solvers.all_kinds)
    await worker.start()
    assert await worker.ready(20.0)
    print(pid(await one(worker, 100.0)), flush=True)
    worker.submit(problem("hanging"), 101.0)
    os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_the_process_ends_with_its_parent_even_while_it_is_busy(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    found = subprocess.run([sys.executable, script], env=env, capture_output=True, text=True, check=False)
    assert found.returncode == -signal.SIGKILL
    assert gone(int(found.stdout))


def test_in_this_process_a_plan_comes_one_cycle_later_too() -> None:
    async def use() -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
        port = Inline(fake_solvers.all_kinds)
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        port.submit(problem("obedient", 1), 100.0)
        await port.start()
        assert await port.ready(0.0)
        port.submit(problem("obedient", 2), 101.0)
        plans = await port.take(102.0), await port.take(103.0)
        await port.close()
        return plans

    first, second = asyncio.run(use())
    assert [(p.number, p.status) for p in first] == [(1, Status.DIED), (2, Status.SOLVED)]
    assert second == ()
