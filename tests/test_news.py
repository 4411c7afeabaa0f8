"""What connections have to say besides values, from the link to the audit trail and back from a record."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import cast

import numpy as np
from fakes import Bench
from test_turn import in_auto, what

from controller.cycle import Mode, Phase
from controller.records import codec
from plant_io import Batch, Identity, Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line
from plant_io.link import Link, LinkState, Patience
from plant_io.ports import Refusal
from plant_io.security.expiry import DAY_S, Reminder
from policies import Policy

PATIENCE = Patience(answer_s=0.5, opening_s=0.5)


class Device:
    """A driver that opens as told."""

    def __init__(self, answer: Identity | OSError) -> None:
        self.answer = answer

    async def open(self) -> Identity:
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    async def read(self, scan: str = "control") -> Batch:  # noqa: ARG002  # it has one class
        return Batch(np.array([1.0]), np.zeros(1, np.uint8), np.zeros(1, np.uint8), np.array([1.0]))

    async def write(self, _setpoints: object) -> tuple[()]:
        return ()

    async def abort(self) -> None: ...


def in_turn(*answers: Identity | OSError) -> Callable[[], Device]:
    """Makes drivers that open one after the other; the last one again and again."""
    left = list(answers)
    return lambda: Device(left.pop(0) if len(left) > 1 else left[0])


async def until(there: Callable[[], bool]) -> None:
    clock = WallClock()
    async with asyncio.timeout(5.0):
        while not there():
            await clock.sleep_until(clock.now() + 0.01)


def test_a_restart_that_the_scan_counter_cannot_tell_releases_the_loop_once() -> None:
    bench = in_auto()
    state, scan = bench.loop, bench.values["SUP.SCAN"]
    assert (state.mode, state.phase) == (Mode.AUTO, Phase.ACTIVE)
    decision = bench.cycle(restarted=frozenset({"plc"}))
    assert bench.values["SUP.SCAN"] >= scan
    assert (bench.loop.mode, bench.loop.phase) == (Mode.SHADOW, Phase.SHED)
    assert what(decision)[0] == "PLC behind connection plc was restarted"
    assert "restarted" not in " ".join(what(bench.cycle()))


def test_a_restart_told_by_the_connection_is_not_told_again_by_the_counter() -> None:
    bench = in_auto()
    bench.bad = {"SUP.SCAN"}
    assert "PLC behind connection plc was restarted" in what(bench.cycle(restarted=frozenset({"plc"})))
    bench.bad, bench.values["SUP.SCAN"] = set(), 1.0
    assert "restarted" not in " ".join(what(bench.cycle()))


def test_what_a_connection_notes_is_an_event() -> None:
    assert "plc: the end is near" in what(Bench().cycle(notes=("plc: the end is near",)))


def test_news_come_back_from_a_record_as_they_were() -> None:
    bench = Bench()
    quiet = Snapshot.empty(1.0, bench.kit.index)
    said = replace(quiet, restarted=frozenset({"plc"}), notes=("b", "a"))
    for snapshot in (quiet, said):
        plain = cast("Mapping[str, object]", codec.unpack(codec.pack(snapshot)))
        assert codec.snapshot(plain, bench.kit.index) == snapshot
    assert quiet != said
    assert b"notes" not in codec.pack(quiet)


def test_a_line_tells_of_a_restart_in_one_snapshot() -> None:
    policy = Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": "1s",
            "connections": {"plc": {"protocol": "modbus", "host": "127.0.0.1"}},
            "tags": {"A": {"unit": "1", "range": [0, 9], "connection": "plc", "address": "input:0", "type": "uint16"}},
        }
    )
    make = in_turn(Identity(started=1.0, notes=("odd",)), Identity(started=2.0, notes=("odd",)))

    async def run() -> None:
        line = Line(policy, WallClock(), lambda _name, _policy: make())
        await line.open()
        link = line.links["plc"]
        await link.ready()
        first = await line.read(1.0)
        link._lose(cast("Device", link._driver), "gone")
        await until(lambda: link.state is LinkState.UP)
        second, third = await line.read(2.0), await line.read(3.0)
        await line.close()
        assert (first.restarted, first.notes) == (frozenset(), ("plc: odd",))
        assert (second.restarted, second.notes) == (frozenset({"plc"}), ())
        assert third.restarted == frozenset()

    asyncio.run(run())


def test_a_refusal_is_said_once_until_it_is_another_or_over() -> None:
    async def run() -> None:
        refused = Refusal("trust it")
        link = Link("plc", in_turn(refused, refused, Refusal("renew it"), refused, Identity()), PATIENCE)
        link.start()
        await link.ready()
        assert list(link.news()) == ["trust it", "renew it", "trust it"]
        assert list(link.news()) == []
        await link.close()

    asyncio.run(run())


def test_a_wrong_password_is_not_tried_again_at_once() -> None:
    async def run() -> None:
        clock = WallClock()
        link = Link("plc", in_turn(Refusal("wrong password", pause_s=30.0), Identity()), PATIENCE)
        link.start()
        await until(lambda: link.state is LinkState.DOWN)
        await clock.sleep_until(clock.now() + 0.6)
        assert (link.state, link.why) == (LinkState.DOWN, "wrong password")
        await link.close()

    asyncio.run(run())


def test_the_end_of_a_certificate_is_spoken_of_once_at_30_7_and_1_days_and_when_it_is_over() -> None:
    reminder, end = Reminder(), 1000.0 * DAY_S
    said = {day: reminder.due({"ours": end}, day * DAY_S) for day in range(960, 1005)}
    assert {day: len(words) for day, words in said.items() if words} == {970: 1, 993: 1, 999: 1, 1000: 1}
    assert said[993] == ["ours ends on 1972-09-27, in 7 days; renew it before the connection is refused"]
    assert reminder.due({"ours": end + 400 * DAY_S}, 1005 * DAY_S) == []


def test_a_connection_speaks_of_its_certificates_while_it_is_up() -> None:
    async def run() -> None:
        soon = WallClock().now() + 6.5 * DAY_S
        link = Link("plc", in_turn(Identity(ends={"our certificate": soon})), PATIENCE)
        link.start()
        await link.ready()
        (said,) = link.news()
        assert said.startswith("our certificate ends on ")
        assert said.endswith(", in 7 days; renew it before the connection is refused")
        assert list(link.news()) == []
        await link.close()

    asyncio.run(run())
