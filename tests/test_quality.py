"""What the latch makes of a value by the rules of the policy: limits, currents, the state of the device, standstill."""

from __future__ import annotations

from math import inf, nan
from time import process_time
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from plant_io import Batch, Quality, Reason, Snapshot
from plant_io.latch import Answer, Latch
from plant_io.ne43 import limits
from policies import Policy, Tag

START = 1_760_000_000.0
HANDSHAKE = {"heartbeat": "BEAT", "arm": "ARM", "state": "STATE", "scan": "SCAN"}
WORDS: dict[str, dict[str, object]] = {
    name: {"range": [0, 1e9], "connection": "plc"} for name in ("BEAT", "ARM", "STATE", "SCAN")
}
GOOD = (Quality.GOOD, Reason.NONE)


def policy(tags: dict[str, dict[str, object]]) -> Policy:
    server = {"protocol": "opcua", "endpoint": "opc.tcp://127.0.0.1", "namespace": "urn:x", "security": "None"}
    common = {"unit": "1", "range": [0, 100], "connection": "pat", "address": "s=X", "stale_after": "3s"}
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": "1s",
            "connections": {"pat": server, "plc": server | {"handshake": HANDSHAKE}},
            "tags": {name: common | tag for name, tag in (tags | WORDS).items()},
        }
    )


class Line:
    """A latch that is fed one cycle a second; values stay until they are changed."""

    def __init__(self, tags: dict[str, dict[str, object]]) -> None:
        self.policy = policy(tags)
        self.latch = Latch(self.policy)
        self.values = dict.fromkeys(self.policy.tags, 1.0)
        self.seen = Snapshot.empty(START - 1.0, self.latch.index)
        self.device: dict[str, tuple[Quality, Reason]] = {}

    def __call__(self, *, away: str = "", runs: bool = True, step: float = 1.0, **values: float) -> Snapshot:
        self.values |= values
        self.values["SCAN"] += 1.0 if runs else 0.0
        at, answers = self.seen.at + step, {}
        for connection in {"pat", "plc"} - {away}:
            names = [name for name, tag in self.policy.tags.items() if tag.connection == connection]
            said = [self.device.get(name, GOOD) for name in names]
            batch = Batch(
                values=np.array([self.values[name] for name in names]),
                quality=np.array([quality for quality, _ in said], np.uint8),
                reason=np.array([reason for _, reason in said], np.uint8),
                source=np.full(len(names), at),
            )
            answers[connection] = Answer(batch, at)
        self.seen = self.latch.snapshot(at, answers, self.seen)
        return self.seen

    def told(self, name: str = "A", **given_: Any) -> tuple[Quality, Reason]:
        sample = self(**given_)[name]
        return sample.quality, sample.reason


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (0.0, GOOD),
        (100.0, GOOD),
        (-0.1, (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)),
        (-5.0, (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)),
        (-5.1, (Quality.BAD, Reason.OUT_OF_RANGE)),
        (120.0, (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)),
        (120.1, (Quality.BAD, Reason.OUT_OF_RANGE)),
        (nan, (Quality.BAD, Reason.NOT_FINITE)),
        (-inf, (Quality.BAD, Reason.NOT_FINITE)),
    ],
)
def test_beyond_its_range_a_value_is_uncertain_and_beyond_what_it_can_mean_bad(
    value: float, wanted: tuple[Quality, Reason]
) -> None:
    assert Line({"A": {"fail": [-5, 120]}}).told(A=value) == wanted


FAILED, LOW, HIGH = (
    (Quality.BAD, Reason.SENSOR_FAILURE),
    (Quality.UNCERTAIN, Reason.LIMIT_LOW),
    (Quality.UNCERTAIN, Reason.LIMIT_HIGH),
)
CURRENTS = [
    (0.0, FAILED),
    (3.6, FAILED),
    (3.61, LOW),
    (3.79, LOW),
    (3.8, GOOD),
    (4.0, GOOD),
    (12.0, GOOD),
    (20.5, GOOD),
    (20.51, HIGH),
    (20.99, HIGH),
    (21.0, FAILED),
    (22.8, FAILED),
]


@pytest.mark.parametrize(("milliamperes", "wanted"), CURRENTS)
def test_a_current_tells_a_failed_transmitter_from_one_at_its_limit(
    milliamperes: float, wanted: tuple[Quality, Reason]
) -> None:
    in_percent = {"scale": 6.25, "offset": -25.0, "ne43": {}}
    assert Line({"A": in_percent}).told(A=milliamperes) == wanted
    assert Line({"A": in_percent}).told(A=float(np.float32(milliamperes))) == wanted


@pytest.mark.parametrize(("milliamperes", "wanted"), CURRENTS)
@pytest.mark.parametrize(
    ("zero", "full", "ends"), [(0.0, 27648.0, (0, 100)), (6400.0, 32000.0, (0, 100)), (819.0, 4095.0, (100, 0))]
)
def test_so_do_raw_counts_whichever_way_the_value_goes(
    zero: float, full: float, ends: tuple[float, float], milliamperes: float, wanted: tuple[Quality, Reason]
) -> None:
    slope = (ends[1] - ends[0]) / (full - zero)
    channel = {
        "scale": slope,
        "offset": ends[0] - slope * zero,
        "ne43": {"raw_4ma": zero, "raw_20ma": full},
    }
    counts = zero + (full - zero) * (milliamperes - 4.0) / 16.0
    assert Line({"A": channel}).told(A=counts) == wanted


def test_a_range_narrower_than_the_channel_is_still_the_range() -> None:
    channel = {"range": [10, 60], "scale": 6.25, "offset": -25.0, "ne43": {}}
    assert Line({"A": channel}).told(A=4.8) == (Quality.BAD, Reason.OUT_OF_RANGE)  # 5 %
    assert Line({"A": channel | {"fail": [0, 100]}}).told(A=4.8) == (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
    assert Line({"A": channel}).told(A=3.5) == FAILED


def test_limits_without_a_current_are_those_of_the_policy() -> None:
    tag = Tag.model_validate({"unit": "1", "range": [0, 6], "connection": "p", "address": "a"})
    assert limits(tag) == ((0.0, 6.0), (0.0, 6.0))


DI = {"ne107": {"tag": "H"}}


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (0.0, GOOD),
        (1.0, (Quality.BAD, Reason.DEVICE_FAILURE)),
        (2.0, (Quality.UNCERTAIN, Reason.CHECK_FUNCTION)),
        (3.0, (Quality.UNCERTAIN, Reason.OFF_SPEC)),
        (4.0, (Quality.GOOD, Reason.MAINTENANCE_REQUIRED)),
        (5.0, (Quality.UNCERTAIN, Reason.HEALTH_UNKNOWN)),
        (0.5, (Quality.UNCERTAIN, Reason.HEALTH_UNKNOWN)),
        (nan, (Quality.UNCERTAIN, Reason.HEALTH_UNKNOWN)),
    ],
)
def test_the_state_of_the_device_is_the_quality_of_what_it_measures(
    state: float, wanted: tuple[Quality, Reason]
) -> None:
    line = Line({"A": DI, "H": {}, "B": {}})
    assert line.told(H=state) == wanted
    assert line.told("B") == GOOD


def test_a_device_that_needs_maintenance_gives_evidence_and_the_snapshot_says_so() -> None:
    seen = Line({"A": DI, "H": {}})(H=4.0, A=7.0)
    assert (seen.good("A"), seen["A"].reason) == (7.0, Reason.MAINTENANCE_REQUIRED)


def test_a_device_may_have_numbers_of_its_own() -> None:
    own = {"ne107": {"tag": "H", "normal": [128], "failure": [0, 24], "maintenance_required": [164]}}
    line = Line({"A": own, "H": {"range": [0, 255]}})
    assert [line.told(H=state)[0] for state in (128.0, 24.0, 0.0, 164.0, 1.0)] == [0, 2, 2, 0, 1]


def test_a_state_that_is_not_heard_or_not_believed_leaves_the_value_uncertain() -> None:
    line = Line({"A": DI, "H": {"connection": "plc"}})
    assert line.told(H=0.0) == GOOD
    assert line.told(away="plc") == (Quality.UNCERTAIN, Reason.HEALTH_UNKNOWN)
    line.device["H"] = (Quality.UNCERTAIN, Reason.LAST_USABLE)
    assert line.told() == (Quality.UNCERTAIN, Reason.HEALTH_UNKNOWN)


def test_the_worst_counts_and_the_device_speaks_first() -> None:
    line = Line({"A": DI, "H": {}})
    assert line.told(H=1.0, A=500.0) == (Quality.BAD, Reason.DEVICE_FAILURE)
    assert line.told(H=2.0, A=500.0) == (Quality.BAD, Reason.OUT_OF_RANGE)
    line.device["A"] = (Quality.UNCERTAIN, Reason.SUBNORMAL)
    assert line.told(H=3.0, A=5.0) == (Quality.UNCERTAIN, Reason.SUBNORMAL)
    assert line.told(H=4.0, A=5.0) == (Quality.UNCERTAIN, Reason.SUBNORMAL)
    line.device["A"] = (Quality.BAD, Reason.OUT_OF_SERVICE)
    assert line.told(H=1.0, A=5.0) == (Quality.BAD, Reason.OUT_OF_SERVICE)


STILL = {"frozen": {"after": "10s", "movement": 0.05}}
FROZEN = (Quality.BAD, Reason.FROZEN)


def test_a_signal_that_stands_still_while_its_plc_runs_is_bad_in_time_and_good_when_it_moves() -> None:
    line = Line({"A": STILL | {"connection": "plc"}})
    seen = [line.told(A=5.0) for _ in range(12)]
    assert seen == [GOOD] * 10 + [FROZEN] * 2
    assert line.told(A=5.2) == GOOD
    assert [line.told() for _ in range(10)] == [GOOD] * 9 + [FROZEN]


def test_a_movement_that_is_too_small_is_none_and_a_creeping_one_adds_up() -> None:
    line = Line({"A": STILL})
    assert [line.told(A=5.0 + 0.04 * (i % 2)) for i in range(11)][-1] == FROZEN
    line = Line({"A": STILL})
    assert {line.told(A=5.0 + 0.02 * i) for i in range(30)} == {GOOD}


def test_while_the_plc_stands_its_signals_are_not_called_frozen() -> None:
    line = Line({"A": STILL | {"connection": "plc"}})
    line(A=5.0)
    assert {line.told(runs=False) for _ in range(60)} == {GOOD}
    assert [line.told() for _ in range(6)][-1] == FROZEN  # 5 s were counted before the PLC was seen to stand


def test_a_signal_that_is_never_at_rest_vouches_for_slower_ones_of_its_image() -> None:
    line = policy({"A": STILL | {"frozen": {"after": "10s", "also": ["B"]}}, "B": {}})
    latch = Latch(line)
    seen, found = Snapshot.empty(START, latch.index), list[tuple[int, int]]()
    for i in range(30):
        row = np.array([5.0 + 0.1 * (i if i < 12 else 12 if i < 26 else i), 1.0])
        batch = Batch(row, np.zeros(2, np.uint8), np.zeros(2, np.uint8), np.full(2, START + i))
        seen = latch.snapshot(START + i, {"pat": Answer(batch, START + i)}, seen)
        found.append((int(seen["A"].reason), int(seen["B"].reason)))
    assert found == [(0, 0)] * 22 + [(Reason.FROZEN, Reason.FROZEN)] * 4 + [(0, 0)] * 4


def test_time_without_the_signal_does_not_count_against_it() -> None:
    line = Line({"A": STILL})
    line(A=5.0)
    assert {line.told(away="pat") for _ in range(60)} == {(Quality.BAD, Reason.LINK_DOWN)}
    assert [line.told() for _ in range(10)] == [GOOD] * 9 + [FROZEN]


def test_any_moving_channel_of_a_spectrum_shows_that_it_lives() -> None:
    line = policy({"S": STILL | {"length": 3}, "A": {}})
    latch = Latch(line)
    seen, found = Snapshot.empty(START, latch.index), list[int]()
    for i in range(30):
        row = np.array([1.0, 2.0 if i > 15 else 2.0 + i, 3.0, 4.0])
        batch = Batch(row, np.zeros(2, np.uint8), np.zeros(2, np.uint8), np.full(2, START + i))
        seen = latch.snapshot(START + i, {"pat": Answer(batch, START + i)}, seen)
        found.append(int(seen["S"].reason))
    assert found.index(Reason.FROZEN) == 26
    assert set(found) == {Reason.NONE, Reason.FROZEN}


RULES: dict[str, object] = {"fail": [-5, 120], "scale": 6.25, "offset": -25.0, "ne43": {}} | DI | STILL


@given(
    st.lists(
        st.tuples(
            st.floats(allow_nan=True, allow_infinity=True),
            st.floats(-1.0, 6.0) | st.just(nan),
            st.sampled_from([GOOD, (Quality.UNCERTAIN, Reason.SUBNORMAL), (Quality.BAD, Reason.SENSOR_FAILURE)]),
            st.sampled_from(["", "pat", "plc"]),
        ),
        min_size=1,
        max_size=20,
    )
)
@example([(nan, 0.0, GOOD, "")])
@example([(inf, 0.0, GOOD, "")])
@example([(-inf, 0.0, GOOD, "")])
@example([(1e200, 0.0, GOOD, "")])
def test_no_rule_ever_makes_a_value_better_nor_leaves_one_bad_without_a_reason(
    cycles: list[tuple[float, float, tuple[Quality, Reason], str]],
) -> None:
    line, plain = Line({"A": RULES, "H": {}}), Line({"A": {"range": [-5, 120], "scale": 6.25, "offset": -25.0}})
    for value, state, said, away in cycles:
        line.device["A"] = plain.device["A"] = said
        seen, before = line(A=value, H=state, away=away)["A"], plain(A=value, away=away)["A"]
        assert seen.quality >= before.quality
        assert (seen.reason in {Reason.NONE, Reason.MAINTENANCE_REQUIRED}) == (seen.quality is Quality.GOOD)
        np.testing.assert_equal((seen.value, seen.source, seen.arrival), (before.value, before.source, before.arrival))


def test_a_thousand_tags_with_every_rule_take_less_than_a_millisecond_of_the_processor() -> None:
    tags = {f"T{i}": RULES for i in range(1000)} | {"H": {}}
    line = Line(tags)
    line.values |= {name: 12.0 + 0.01 * i for i, name in enumerate(tags)} | {"H": 3.0}
    best = inf
    for i in range(20):
        line(T0=12.0 + i)
        answers = {"pat": Answer(_batch(line), line.seen.at)}
        began = process_time()
        line.latch.snapshot(line.seen.at + 0.1, answers, line.seen)
        best = min(best, process_time() - began)
    assert best < 1e-3


def _batch(line: Line) -> Batch:
    values = np.array([line.values[name] for name, tag in line.policy.tags.items() if tag.connection == "pat"])
    n = len(values)
    return Batch(values, np.zeros(n, np.uint8), np.zeros(n, np.uint8), np.full(n, line.seen.at))
