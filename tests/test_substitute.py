"""What stands in for a bad value: for how long, how old it is, who may use it, and that a replay finds the same."""

from __future__ import annotations

import asyncio
import re
import shutil
from dataclasses import replace
from math import inf, isnan, nan
from pathlib import Path

import numpy as np
import pytest
from fakes import POLICY, Bench
from hypothesis import given
from hypothesis import strategies as st

from controller.cycle import Cycle
from controller.decide import decide
from controller.kit import Scale, prepare
from controller.records.journal import Journal, entries
from controller.records.replay import replay
from controller.substitute import SubstituteState, stand_in, start
from controller.substitute import prepare as made_ready
from hil.plc.line_a import LINE
from hil.rig.memory import Memory
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy, load, shipped

START = 1_760_000_000.0
TAGS: dict[str, dict[str, object]] = {
    "HOLD": {"substitute": {"by": "hold", "for": "10s"}},
    "LAST": {"substitute": {"by": "last_good"}},
    "SOFT": {"substitute": {"by": "tag", "tag": "OTHER", "for": "5s"}},
    "CONST": {"substitute": {"by": "constant", "value": 20}},
    "OTHER": {"substitute": {"by": "hold", "for": "60s"}},
    "PLAIN": {},
}


def policy() -> Policy:
    server = {"protocol": "opcua", "endpoint": "opc.tcp://127.0.0.1", "namespace": "urn:x", "security": "None"}
    common = {"unit": "kg/h", "range": [0, 100], "connection": "plc", "address": "s=X"}
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": "1s",
            "connections": {"plc": server},
            "tags": {name: common | tag for name, tag in TAGS.items()},
        }
    )


class Desk:
    """One cycle a second; a tag is good, or what it is told to be."""

    def __init__(self) -> None:
        declared = policy()
        self.index = TagIndex.of(declared)
        self.kit = made_ready(declared, self.index)
        self.state: SubstituteState = start(self.kit)
        self.at = START
        self.told: tuple[str, ...] = ()

    def __call__(self, value: float = 5.0, **quality: Quality) -> Snapshot:
        self.at += 1.0
        samples: dict[str, Sample] = {}
        for name in TAGS:
            said = quality.get(name, Quality.GOOD)
            reason = Reason.NONE if said is Quality.GOOD else Reason.STALE
            samples[name] = Sample(value, said, self.at - 0.2, self.at, reason, sd=0.5)
        raw = Snapshot.empty(self.at, self.index).extended(samples)
        before = raw.data()
        seen, self.state, self.told = stand_in(raw, self.state, self.kit)
        assert raw.data() == before
        return seen


BAD, UNCERTAIN = Quality.BAD, Quality.UNCERTAIN


def told(seen: Snapshot, name: str) -> tuple[float, Quality, Reason]:
    return seen[name].value, seen[name].quality, seen[name].reason


def test_while_all_is_well_nothing_stands_in() -> None:
    desk = Desk()
    seen = desk(7.0)
    assert {told(seen, name) for name in TAGS} == {(7.0, Quality.GOOD, Reason.NONE)}
    assert desk.told == ()


def test_the_last_good_value_is_held_for_its_time_with_its_true_age() -> None:
    desk = Desk()
    desk(7.0)
    found = [desk(99.0, HOLD=BAD) for _ in range(13)]
    assert [told(seen, "HOLD") for seen in found[:11]] == [(7.0, UNCERTAIN, Reason.SUBSTITUTED)] * 11
    assert [told(seen, "HOLD") for seen in found[11:]] == [(99.0, BAD, Reason.STALE)] * 2
    assert [seen.at - seen["HOLD"].arrival for seen in found[:11]] == pytest.approx([*range(1, 12)])
    assert found[0].at - found[0]["HOLD"].source == pytest.approx(1.2)


def test_it_is_said_once_when_something_stands_in_and_once_when_it_ends() -> None:
    desk, said = Desk(), list[str]()
    desk(7.0)
    for _ in range(13):
        desk(HOLD=BAD)
        said += desk.told
    assert said == [
        "HOLD: its last good value stands in for it (stale)",
        "HOLD: nothing stands in for it any longer (stale)",
    ]
    desk(8.0)
    assert desk.told == ()
    desk(SOFT=BAD)
    assert desk.told == ("SOFT: OTHER stands in for it (stale)",)
    desk()
    assert desk.told == ("SOFT: it is measured again, and nothing stands in for it",)


def test_the_last_good_value_may_stand_in_without_end() -> None:
    desk = Desk()
    desk(7.0)
    found = [desk(99.0, LAST=BAD) for _ in range(1000)]
    assert told(found[-1], "LAST") == (7.0, UNCERTAIN, Reason.SUBSTITUTED)
    assert found[-1].at - found[-1]["LAST"].arrival == pytest.approx(1000.0)


def test_another_tag_stands_in_with_its_own_value_times_and_deviation() -> None:
    desk = Desk()
    desk(7.0)
    found = [desk(8.0 + i, SOFT=BAD) for i in range(7)]
    assert [seen["SOFT"].value for seen in found[:6]] == [8.0, 9.0, 10.0, 11.0, 12.0, 13.0]
    assert (found[0]["SOFT"].source, found[0]["SOFT"].sd) == (found[0]["OTHER"].source, 0.5)
    assert [seen["SOFT"].quality for seen in found] == [UNCERTAIN] * 6 + [BAD]


def test_what_is_bad_or_itself_a_substitute_stands_in_for_nothing() -> None:
    desk = Desk()
    desk(7.0)
    seen = desk(SOFT=BAD, OTHER=BAD)
    assert told(seen, "OTHER")[1:] == (UNCERTAIN, Reason.SUBSTITUTED)
    assert told(seen, "SOFT")[1:] == (BAD, Reason.STALE)
    assert told(desk(9.0, SOFT=BAD, OTHER=UNCERTAIN), "SOFT") == (9.0, UNCERTAIN, Reason.SUBSTITUTED)


def test_a_constant_stands_in_and_has_no_age() -> None:
    seen = Desk()(99.0, CONST=BAD)
    assert told(seen, "CONST") == (20.0, UNCERTAIN, Reason.SUBSTITUTED)
    assert isnan(seen["CONST"].arrival)


def test_nothing_is_held_before_there_was_a_good_value() -> None:
    desk = Desk()
    assert told(desk(3.0, HOLD=BAD, LAST=UNCERTAIN), "HOLD")[1] is BAD
    assert told(desk(3.0, HOLD=BAD, LAST=BAD), "LAST")[1] is BAD


def test_an_uncertain_value_is_the_devices_word_and_is_kept() -> None:
    desk = Desk()
    desk(7.0)
    assert told(desk(8.0, HOLD=UNCERTAIN), "HOLD") == (8.0, UNCERTAIN, Reason.STALE)
    assert told(desk(9.0, HOLD=BAD), "HOLD")[0] == 7.0


def test_a_good_value_begins_the_time_anew() -> None:
    desk = Desk()
    desk(7.0)
    for _ in range(9):
        desk(HOLD=BAD)
    desk(8.0)
    assert [told(desk(99.0, HOLD=BAD), "HOLD")[0] for _ in range(12)] == [8.0] * 11 + [99.0]


def test_a_substitute_may_be_reckoned_with_and_is_no_evidence() -> None:
    desk = Desk()
    desk(7.0)
    seen = desk(HOLD=BAD, PLAIN=BAD)
    assert (seen.good("HOLD"), seen.usable("HOLD")) == (None, 7.0)
    assert (seen.usable("PLAIN"), seen.usable("LAST")) == (None, 5.0)


@given(st.lists(st.tuples(st.floats(), st.sampled_from(list(Quality))), min_size=1, max_size=20))
def test_only_what_is_bad_is_replaced_and_only_by_what_is_a_number(cycles: list[tuple[float, Quality]]) -> None:
    desk, good = Desk(), list[float]()
    for value, quality in cycles:
        seen = desk(value, LAST=quality)
        value_, found, reason = told(seen, "LAST")
        if quality is not BAD:
            assert (found, reason is Reason.SUBSTITUTED) == (quality, False)
        elif found is UNCERTAIN:
            assert (value_, np.isfinite(value_)) == (good[-1], True)
        if quality is Quality.GOOD:
            good.append(value)


def test_a_known_input_that_is_bad_is_reckoned_with_by_its_substitute() -> None:
    soft = {"by": "constant", "value": 42}
    known = {"unit": "1", "range": [0, 100], "connection": "plc", "address": "input:20", "type": "float32"}
    declared = POLICY["loops"]["hold"] | {"known": {"k": "K"}}
    bench = Bench(tags=POLICY["tags"] | {"K": known | {"substitute": soft}}, loops={"hold": declared})
    loop = bench.kit.loops["hold"]
    bench.kit = replace(bench.kit, loops={"hold": replace(loop, scales=dict(loop.scales) | {"K": Scale(1.0, 0.0)})})
    bench.values["K"] = 3.0
    for _ in range(3):
        bench.cycle()
    assert bench.loop.known == (3.0,)
    bench.bad.add("K")
    decision = bench.cycle()
    assert bench.loop.known == (42.0,)
    assert decision.substituted["K"][0] == 42.0
    assert [event.what for event in decision.events] == ["K: 42 1 stands in for it (link_down)"]
    assert "hold: K not read, last value used" not in bench.loop.said


def test_a_controlled_variable_that_is_substituted_holds_the_loop() -> None:
    tags = POLICY["tags"] | {"Y": POLICY["tags"]["Y"] | {"substitute": {"by": "last_good"}}}
    bench = Bench(tags=tags)
    for _ in range(4):
        bench.cycle()
    bench.bad.add("Y")
    decision = bench.cycle()
    assert decision.substituted["Y"][0] == 1.0
    assert bench.loop.blind_since == bench.at
    assert "hold: no evidence from Y (substituted)" in [event.what for event in decision.events]


def test_equal_memories_are_equal_bit_for_bit() -> None:
    one, other = Desk(), Desk()
    for desk in (one, other):
        desk(7.0)
        desk(HOLD=BAD)
    assert one.state == other.state
    other(nan)
    assert one.state != other.state


def ruled(folder: Path) -> Path:
    """Line A with rules of quality and substitutes for some of its tags."""
    here = folder / "a"
    shutil.copytree(shipped("A").parent, here)
    text = (here / "line_a.yaml").read_text()
    rules = {
        "FDR_API.F_PV:": "substitute: {by: hold, for: 10s}, frozen: {after: 20s, movement: 0.0001}, ",
        "FDR_EXC.F_PV:": "substitute: {by: last_good}, fail: [-1, 100], ",
    }
    lines = text.splitlines()
    for i, line in enumerate(lines):
        for name, more in rules.items():
            if line.strip().startswith(name):
                plain = re.sub(r"frozen: \{[^}]*\}, ", "", line)
                lines[i] = plain.replace("{", "{" + more, 1)
    (here / "line_a.yaml").write_text("\n".join(lines))
    return here / "line_a.yaml"


def test_a_record_with_substitutes_replays_bit_for_bit(tmp_path: Path) -> None:
    declared = load(ruled(tmp_path))
    assert sum(tag.substitute is not None for tag in declared.tags.values()) == 2
    memory = Memory(LINE.simulate(declared, seed=3), START)
    clock, journal, kit = SimClock(START, memory.advance), Journal(tmp_path / "record"), prepare(declared)
    journal.head(clock.now(), {"files": dict(declared.files), "policy_name": "line_a.yaml"})

    async def run() -> None:
        line, state = Line(declared, clock, memory.make), kit.start()
        await line.open()
        assert await line.ready(5.0)
        for number in range(60):
            (memory.down.add if 10 <= number < 30 else memory.down.discard)("feeders")
            assert number != 30 or await line.ready(5.0)
            seen = await line.read(clock.now())
            decision, state = decide(seen, (), (), state, kit)
            journal.cycle(Cycle(number, seen, (), (), decision, ()))
            await clock.sleep_until(clock.now() + declared.period_s)
        await line.close()

    asyncio.run(run())
    journal.tail(clock.now(), {"why": "the end"})
    kept = [
        entry.content()["decision"]["substituted"] for entry in entries(tmp_path / "record") if entry.kind == "cycle"
    ]
    held = [set(each) for each in kept]
    assert held[10] == {"FDR_API.F_PV", "FDR_EXC.F_PV"}
    assert held[29] == {"FDR_EXC.F_PV"}
    assert held[9] == held[59] == set()
    assert len({tuple(each["FDR_EXC.F_PV"]) for each in kept if each}) == 1
    found = replay(tmp_path / "record")
    assert (found.cycles, found.identical, found.differences) == (60, 60, ())
    assert inf > kept[10]["FDR_EXC.F_PV"][0] > 0.0
