"""The console beside the loop: pages are worked out in another process; whatever becomes of that, the loop goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import httpx
import pytest
from shown import Told, told
from stationed import OWN, station

from controller.console.apart import Apart
from controller.console.beside import MOST, Beside, Busy
from controller.console.doors import Doors
from controller.console.slot import LONGEST, Left, Seen
from controller.console.wire import Opening, ordered, read, written
from controller.cycle import Delivered, Mode, Order, SetMode
from controller.people import People
from controller.records import codec

PARENT = """
import sys, threading
from pathlib import Path
sys.path.insert(0, {tests!r})
from queue import SimpleQueue
from test_console_apart import opening
from shown import told
from controller.console.apart import Apart

if __name__ == "__main__":
    line = told()
    served = Apart(opening(line), line.inbox, print)
    for _ in range(60):
        served(*line.next())
    print(served.process, served.url, flush=True)
    sys.stdin.read()
    served.close()
"""


def until(what: Callable[[], bool], within_s: float = 90.0) -> bool:
    """Return whether something comes true in time."""
    wait, patience = threading.Event(), int(within_s / 0.02)
    return what() or any(wait.wait(0.02) or what() for _ in range(patience))


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def opening(line: Told) -> Opening:
    return Opening(line.kit.policy, line.kit.station, None, None, Doors(port=0))


@contextmanager
def apart(line: Told, say: Callable[[str], None] = print) -> Generator[Apart]:
    served = Apart(opening(line), line.inbox, say)
    try:
        yield served
    finally:
        served.close()


def shows(url: str, cycle: int) -> bool:
    """Return whether the console shows a cycle, or one after it."""
    try:
        found = httpx.get(f"{url}api/line", timeout=10.0).json()["cycle"]
    except (httpx.HTTPError, ValueError):
        return False
    return found is not None and found >= cycle


def test_every_page_is_answered_by_another_process_so_that_none_can_hold_the_interpreter_of_the_loop() -> None:
    line = told()
    with apart(line) as served, httpx.Client(base_url=served.url, timeout=60.0) as client:
        for _ in range(60):
            served(*line.next())
        assert until(lambda: shows(served.url, 59))
        pages = ("/", "/units/blender", "/loops/blend", "/alarms", "/trends", "/soft", "/material", "/health", "/tags")
        assert {page: client.get(page).status_code for page in pages} == dict.fromkeys(pages, 200)
        os.kill(served.process, signal.SIGSTOP)  # with that process, every page stands still, and nothing else does
        with pytest.raises(httpx.TimeoutException):
            client.get("/health", timeout=0.5)
        beats = line.number
        for _ in range(40):
            served(*line.next())
        assert line.number == beats + 40
        os.kill(served.process, signal.SIGCONT)
        assert until(lambda: shows(served.url, beats + 39))


def test_a_process_that_takes_nothing_costs_no_more_than_a_list_of_bounded_length() -> None:
    line = told()
    with apart(line) as served:
        seen = line.next()
        os.kill(served.process, signal.SIGSTOP)
        spent = time.process_time()
        for _ in range(20 * LONGEST):
            served(*seen)
        assert time.process_time() - spent < 5.0
        assert len(served._slot.take()) <= LONGEST
        served.close(0.2)
        assert served.process == 0


def test_a_process_that_dies_is_followed_by_another_at_the_same_address() -> None:
    line, said = told(), list[str]()
    with apart(line, said.append) as served:
        first, url = served.process, served.url
        served(*line.next())
        assert until(lambda: shows(url, 0))
        os.kill(first, signal.SIGKILL)
        for _ in range(30):
            served(*line.next())
        assert until(lambda: served.process not in {0, first})
        served(*line.next())
        assert until(lambda: shows(url, 31))
    assert said == ["console: its process ended with status -9; another one is started"]


def test_a_process_that_cannot_start_says_why_once_and_its_traceback_goes_to_the_log_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    line, said, traces, lives_ = told(), list[str](), list[str](), set[int]()
    monkeypatch.setattr("controller.console.apart._AGAIN_S", (0.0, 0.0, 30.0))
    asked = replace(opening(line), users=cast("Callable[[], People]", partial(int, "no number")))
    served = Apart(asked, line.inbox, said.append, traces.append)

    def third() -> bool:
        lives_.add(served.process)
        return len(lives_ - {0}) > 2

    assert until(third)
    served.close()
    why = "ValueError: invalid literal for int() with base 10: 'no number'"
    assert said == [f"console: its process cannot start: {why}; it is tried again, in the end every 30 s"]
    assert [trace.startswith("Traceback") for trace in traces] == [True]
    assert "Traceback" not in capfd.readouterr().err


def test_an_order_goes_from_the_page_to_the_desk_with_who_and_why() -> None:
    line = told()
    with apart(line) as served, httpx.Client(base_url=served.url, timeout=60.0) as client:
        served(*line.next())
        assert until(lambda: shows(served.url, 0))
        page = client.get("/loops/blend").text
        token = page.partition('name="csrf" value="')[2].partition('"')[0]
        sent = {"kind": "mode", "loop": "blend", "mode": "off", "why": "seen enough"}
        headers = {"x-csrf-token": token, "origin": served.url.rstrip("/")}
        assert client.post("/api/orders", json=sent, headers=headers).status_code == 202
        order = line.inbox.get(timeout=60.0)
    assert (order.why, order.act) == ("seen enough", SetMode("blend", Mode.OFF))


def test_users_log_in_to_that_process_and_their_roles_count_there(tmp_path: Path) -> None:
    line, people = told(), station(tmp_path / "station")
    asked = replace(opening(line), users=partial(People, people.directory, people.hashing))
    served = Apart(asked, line.inbox, print)
    url = served.url.rstrip("/")
    try:
        with httpx.Client(base_url=url, headers={"origin": url}, timeout=60.0) as client:
            assert client.get("/api/line").status_code == 401
            token = client.get("/login").text.partition('name="csrf" value="')[2].partition('"')[0]
            assert client.post("/login", data={"csrf": token, "name": "ana", "password": OWN}).status_code == 303
            token = client.get("/loops/blend").text.partition('name="csrf" value="')[2].partition('"')[0]
            sent = {"kind": "mode", "loop": "blend", "mode": "auto", "why": "steady", "password": OWN}
            found = client.post("/api/orders", json=sent, headers={"x-csrf-token": token})
            assert (found.status_code, "may not" in found.json()["error"]) == (403, True)
    finally:
        served.close()
    assert line.inbox.empty()


def test_only_orders_that_people_may_place_are_taken_back() -> None:
    order = Order("ana", "line is steady", SetMode("blend", Mode.AUTO))
    assert ordered(codec.pack(order)) == order
    shell = Order("system", "told", Delivered("desk", "k", 1, delivered=True, status="200", final=True))
    nobody = codec.pack({"who": "ana", "why": "", "act": {"case": "x", "mode": 5}})
    for data in (
        codec.pack(shell),
        b"\x00",
        b"\xff",
        b"\x61",
        nobody,
        codec.pack({"who": "ana"}),
        codec.pack(["mode"]),
    ):
        with pytest.raises(ValueError, match="found"):
            ordered(data)


def test_a_cycle_arrives_as_it_was_left() -> None:
    line = told()
    cycle, state = [line.next() for _ in range(50)][-1]
    seen = Seen(cycle, Left.of(state))
    data = written(seen)
    found = read(data, line.kit.index)
    assert isinstance(found, Seen)
    assert found.cycle.snapshot == cycle.snapshot
    assert found.cycle.snapshot.index is line.kit.index
    assert codec.pack(found.cycle) == codec.pack(cycle)
    assert codec.pack(found.state.alarms.alarms) == codec.pack(state.alarms.alarms)
    assert len(data) < 40_000


def test_another_run_is_shown_at_the_same_doors() -> None:
    line, other = told(), told()
    with apart(line) as served:
        served(*line.next())
        assert until(lambda: shows(served.url, 0))
        boot = served.process
        served.follow(opening(other), SimpleQueue[Order]())
        for _ in range(5):
            served(*other.next())
        assert until(lambda: shows(served.url, 4))
        assert served.process == boot


@dataclass
class Turns:
    """Users who are nobody; while the process is told of them, yet another run begins."""

    begins: Callable[[], None]

    def __call__(self) -> People:
        raise AssertionError

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        self.begins()
        return type(None), ()


def test_cycles_are_never_told_of_before_the_run_they_are_of(tmp_path: Path) -> None:
    line, other = told(), told()
    with apart(line) as served:

        def begins() -> None:
            served.follow(replace(opening(other), record=tmp_path), SimpleQueue[Order]())
            for _ in range(5):
                served(*other.next())

        def told_of() -> bool:
            return "No record is kept" not in httpx.get(f"{served.url}tags/LINE.TOTAL_PV/past", timeout=60.0).text

        served.follow(replace(opening(line), users=Turns(begins)), SimpleQueue[Order]())
        assert until(told_of)
        assert until(lambda: shows(served.url, 4), 10.0)


def started() -> tuple[subprocess.Popen[str], int, str]:
    """Return a run in a process of its own, the process of its console, and its address."""
    text = PARENT.format(tests=str(Path(__file__).parent))
    run = subprocess.Popen([sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    process, url = run.stdout.readline().split()
    return run, int(process), url


def test_the_console_ends_with_the_run_however_that_ends() -> None:
    for ends in (signal.SIGKILL, None):
        run, process, url = started()
        with run:
            assert until(lambda url=url: shows(url, 50))  # type: ignore[misc]
            assert lives(process)
            if ends is None:
                assert run.stdin is not None
                run.stdin.close()
            else:
                os.kill(run.pid, ends)
            run.wait(60.0)
            assert until(lambda process=process: not lives(process))  # type: ignore[misc]
            with pytest.raises(httpx.ConnectError):
                httpx.get(url, timeout=2.0)


def test_what_is_worked_out_beside_ends_with_who_asks() -> None:
    run, process, url = started()
    with run:
        assert until(lambda: shows(url, 50))
        client = httpx.Client(base_url=url, timeout=60.0)
        assert client.get("/loops/blend/explained").status_code == 200
        there = Path(f"/proc/{process}/task").glob("*/children")
        children = [int(child) for each in there for child in each.read_text().split()]
        assert children
        client.close()
        os.kill(run.pid, signal.SIGKILL)
        run.wait(60.0)
        assert until(lambda: not any(map(lives, [process, *children])))


def sleeps(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def dies() -> None:
    os._exit(3)


def test_what_takes_too_long_beside_is_killed_and_the_next_question_answered() -> None:
    async def asked() -> None:
        beside = Beside(90.0)
        assert await beside.ask(sleeps, 0.0) == 0.0
        first, beside.patience_s = beside.process, 0.3
        with pytest.raises(TimeoutError):
            await beside.ask(sleeps, 60.0)
        assert until(lambda: not lives(first))
        beside.patience_s = 90.0
        assert await beside.ask(sleeps, 0.0) == 0.0
        beside.close()

    asyncio.run(asked())


def test_who_waits_behind_a_question_that_is_given_up_is_told_so() -> None:
    async def asked() -> None:
        beside = Beside(90.0)
        assert await beside.ask(sleeps, 0.0) == 0.0
        beside.patience_s = 0.5
        first = asyncio.create_task(beside.ask(sleeps, 60.0))
        await asyncio.sleep(0)
        beside.patience_s = 90.0
        behind = [asyncio.create_task(beside.ask(sleeps, 0.0)) for _ in range(MOST - 1)]
        found = await asyncio.gather(first, *behind, return_exceptions=True)
        assert [type(one) for one in found] == [TimeoutError, *[BrokenProcessPool] * (MOST - 1)]

    asyncio.run(asked())


def test_more_questions_than_there_may_be_are_refused_at_once() -> None:
    async def asked() -> None:
        beside = Beside()
        there = [asyncio.create_task(beside.ask(sleeps, 0.2)) for _ in range(MOST)]
        await asyncio.sleep(0)
        with pytest.raises(Busy):
            await beside.ask(sleeps, 0.0)
        assert await asyncio.gather(*there) == [0.2] * MOST
        beside.close()

    asyncio.run(asked())
