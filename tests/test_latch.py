from itertools import count
from math import inf, isnan, nan
from time import process_time

import numpy as np
import pytest
from asyncua.ua.status_codes import StatusCodes

from plant_io import Batch, Quality, Reason, Snapshot
from plant_io.latch import Answer, Latch
from plant_io.status import judged
from policies import Policy

START = 1_760_000_000.0


def policy(tags: dict[str, dict[str, object]], **more: object) -> Policy:
    connections = {
        "plc": {"protocol": "modbus", "host": "127.0.0.1"},
        "pat": {"protocol": "opcua", "endpoint": "opc.tcp://127.0.0.1", "namespace": "urn:x", "security": "None"},
    }
    common = {"unit": "1", "range": [0, 100], "connection": "pat", "address": "s=X"}
    declared = {name: common | tag for name, tag in tags.items()}
    return Policy.model_validate(
        {"policy": 1, "line": "T", "revision": "1", "period": "1s", "connections": connections, "tags": declared} | more
    )


def batch(values: list[float], source: float = nan, *, quality: int = 0, reason: int = 0, lengths: int = 0) -> Batch:
    n = lengths or len(values)
    return Batch(
        values=np.array(values, np.float64),
        quality=np.full(n, quality, np.uint8),
        reason=np.full(n, reason, np.uint8),
        source=np.full(n, source),
    )


def run(line: Policy, *cycles: dict[str, Batch], step: float = 1.0) -> list[Snapshot]:
    latch = Latch(line)
    found = [Snapshot.empty(START, latch.index)]
    for at, batches in zip(count(START, step), cycles, strict=False):
        answers = {name: Answer(b, at) for name, b in batches.items()}
        found.append(latch.snapshot(at, answers, found[-1]))
    return found[1:]


def told(snapshot: Snapshot, name: str) -> tuple[float, Quality, Reason]:
    sample = snapshot[name]
    return sample.value, sample.quality, sample.reason


def test_raw_counts_are_scaled_and_offset() -> None:
    (seen,) = run(policy({"A": {"scale": 0.1, "offset": -5.0}}), {"pat": batch([300.0])})
    assert seen.good("A") == pytest.approx(25.0)


def test_tags_of_two_connections_stand_where_the_policy_puts_them() -> None:
    line = policy({"A": {}, "B": {"connection": "plc"}, "C": {"length": 2}, "D": {"connection": "plc"}})
    (seen,) = run(line, {"pat": batch([1.0, 2.0, 3.0], lengths=2), "plc": batch([4.0, 5.0])})
    assert seen.values.tolist() == [1.0, 4.0, 2.0, 3.0, 5.0]
    assert seen.quality.tolist() == [Quality.GOOD] * 4


def test_a_connection_that_gives_nothing_leaves_the_last_value_bad_and_ageing() -> None:
    line = policy({"A": {}, "B": {"connection": "plc"}})
    both = {"pat": batch([1.0]), "plc": batch([2.0])}
    *_, last = run(line, both, {"plc": batch([3.0])}, {"plc": batch([4.0])})
    assert told(last, "A") == (1.0, Quality.BAD, Reason.LINK_DOWN)
    assert last.at - last["A"].arrival == 2.0
    assert last.good("B") == 4.0


def test_a_value_that_never_came_says_so() -> None:
    (seen,) = run(policy({"A": {}}), {})
    assert isnan(seen["A"].value)
    assert told(seen, "A")[1:] == (Quality.BAD, Reason.NEVER_READ)


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_what_is_no_number_is_bad_and_does_not_enter_the_snapshot(value: float) -> None:
    *_, last = run(policy({"A": {}}), {"pat": batch([7.0])}, {"pat": batch([value])})
    assert told(last, "A") == (7.0, Quality.BAD, Reason.NOT_FINITE)


def test_a_value_outside_its_declared_range_is_bad_and_shown() -> None:
    (seen,) = run(policy({"A": {}}), {"pat": batch([100.5])})
    assert told(seen, "A") == (100.5, Quality.BAD, Reason.OUT_OF_RANGE)


def test_the_ends_of_the_range_belong_to_it() -> None:
    seen = run(policy({"A": {}}), {"pat": batch([0.0])}, {"pat": batch([100.0])})
    assert [s.good("A") for s in seen] == [0.0, 100.0]


def test_one_rotten_channel_spoils_the_spectrum() -> None:
    line = policy({"S": {"length": 3}})
    whole, holed, wild = run(
        line,
        {"pat": batch([1.0, 2.0, 3.0], lengths=1)},
        {"pat": batch([1.0, nan, 3.0], lengths=1)},
        {"pat": batch([1.0, 2.0, 300.0], lengths=1)},
    )
    assert whole.vector("S") is not None
    assert holed.reason.tolist() == [Reason.NOT_FINITE]
    assert holed.values.tolist() == [1.0, 2.0, 3.0]
    assert wild.reason.tolist() == [Reason.OUT_OF_RANGE]


def test_an_analyser_that_repeats_an_old_result_goes_stale() -> None:
    line = policy({"A": {"age_from": "source", "stale_after": "3s"}})
    seen = run(line, *[{"pat": batch([5.0], source=START)}] * 6)
    assert [s.quality[0] for s in seen] == [Quality.GOOD] * 4 + [Quality.BAD] * 2
    assert told(seen[-1], "A") == (5.0, Quality.BAD, Reason.STALE)


def test_an_analyser_without_source_times_is_no_evidence() -> None:
    (seen,) = run(policy({"A": {"age_from": "source"}}), {"pat": batch([5.0])})
    assert told(seen, "A")[2] is Reason.STALE


def test_age_counts_from_arrival_unless_the_policy_says_otherwise() -> None:
    (seen,) = run(policy({"A": {}}), {"pat": batch([5.0], source=START - 1e6)})
    assert seen.good("A") == 5.0
    assert seen["A"].source == START - 1e6


def test_a_modbus_device_gives_no_source_times_so_arrival_stands_for_them() -> None:
    (seen,) = run(policy({"A": {"connection": "plc", "age_from": "source"}}), {"plc": batch([5.0])})
    assert (seen["A"].source, seen["A"].quality) == (START, Quality.GOOD)


def test_the_devices_own_bad_status_comes_first_among_reasons() -> None:
    first = {"pat": batch([5.0])}
    bad = {"pat": batch([nan], quality=Quality.BAD, reason=Reason.SENSOR_FAILURE)}
    assert told(run(policy({"A": {}}), first, bad)[-1], "A") == (5.0, Quality.BAD, Reason.SENSOR_FAILURE)


def test_an_uncertain_value_is_kept_and_stays_uncertain() -> None:
    (seen,) = run(policy({"A": {}}), {"pat": batch([5.0], quality=Quality.UNCERTAIN, reason=Reason.SUBNORMAL)})
    assert told(seen, "A") == (5.0, Quality.UNCERTAIN, Reason.SUBNORMAL)
    assert seen.good("A") is None


def test_an_uncertain_value_out_of_range_is_bad() -> None:
    (seen,) = run(policy({"A": {}}), {"pat": batch([500.0], quality=Quality.UNCERTAIN, reason=Reason.SUBNORMAL)})
    assert told(seen, "A")[1:] == (Quality.BAD, Reason.OUT_OF_RANGE)


def test_virtual_tags_wait_for_evidence() -> None:
    soft = {
        "SOFT.X": {
            "kind": "fused_nir",
            "unit": "%",
            "range": [0, 25],
            "model": "m.json",
            "process": "p.json",
            "spectrum": "S",
            "active": "A",
            "others": ["B"],
            "nir_sd": 0.2,
            "drift_sd": 0.1,
        }
    }
    line = policy({"S": {"length": 2}, "A": {}, "B": {}}, soft_sensors=soft)
    (seen,) = run(line, {"pat": batch([1.0, 2.0, 3.0, 4.0], lengths=3)})
    assert told(seen, "SOFT.X")[1:] == (Quality.BAD, Reason.NO_EVIDENCE)
    assert isnan(seen["SOFT.X"].value)
    assert seen.good("B") == 4.0


def test_a_snapshot_does_not_change_when_the_next_is_latched() -> None:
    latch = Latch(policy({"A": {}}))
    first = latch.snapshot(START, {"pat": Answer(batch([1.0]), START)}, Snapshot.empty(START, latch.index))
    before = first.data()
    latch.snapshot(START + 1.0, {"pat": Answer(batch([2.0]), START + 1.0)}, first)
    assert first.data() == before


def test_a_thousand_tags_take_less_than_a_millisecond_of_the_processor() -> None:
    latch = Latch(policy({f"T{i}": {} for i in range(1000)}))
    answers = {"pat": Answer(batch(np.linspace(0.0, 100.0, 1000).tolist()), START)}
    last = Snapshot.empty(START, latch.index)
    best = inf
    for _ in range(20):
        began = process_time()
        latch.snapshot(START, answers, last)
        best = min(best, process_time() - began)
    assert best < 1e-3


@pytest.mark.parametrize(
    ("code", "quality", "reason"),
    [
        (0x00000000, Quality.GOOD, Reason.NONE),
        (0x00300000, Quality.GOOD, Reason.NONE),  # GoodClamped
        (0x00960000, Quality.UNCERTAIN, Reason.OVERRIDDEN),  # GoodLocalOverride
        (0x00004000, Quality.UNCERTAIN, Reason.UNIT_CHANGED),  # good, semantics changed
        (0x00000700, Quality.UNCERTAIN, Reason.CONSTANT),  # good, constant
        (0x00000500, Quality.UNCERTAIN, Reason.LIMIT_LOW),  # good, at its low limit
        (0x00000600, Quality.UNCERTAIN, Reason.LIMIT_HIGH),  # good, at its high limit
        (0x00000200, Quality.GOOD, Reason.NONE),  # good, and the bits do not speak of a value
        (0x00000480, Quality.GOOD, Reason.NONE),  # good, overflow of a queue
        (0x40900000, Quality.UNCERTAIN, Reason.LAST_USABLE),
        (0x408F0000, Quality.UNCERTAIN, Reason.LAST_USABLE),  # no communication
        (0x40910000, Quality.UNCERTAIN, Reason.SUBSTITUTED),
        (0x40920000, Quality.UNCERTAIN, Reason.NEVER_READ),
        (0x40930000, Quality.UNCERTAIN, Reason.NOT_ACCURATE),
        (0x40930500, Quality.UNCERTAIN, Reason.LIMIT_LOW),  # sensor at its low limit
        (0x40930600, Quality.UNCERTAIN, Reason.LIMIT_HIGH),
        (0x40940600, Quality.UNCERTAIN, Reason.OUT_OF_RANGE),  # engineering units exceeded, above
        (0x40950000, Quality.UNCERTAIN, Reason.SUBNORMAL),
        (0x40A40000, Quality.UNCERTAIN, Reason.SUBNORMAL),
        (0x40F20000, Quality.UNCERTAIN, Reason.LIMIT_HIGH),
        (0x40F30000, Quality.UNCERTAIN, Reason.LIMIT_LOW),
        (0x42080000, Quality.UNCERTAIN, Reason.OVERRIDDEN),  # transducer in manual
        (0x42090000, Quality.UNCERTAIN, Reason.OVERRIDDEN),  # simulated
        (0x420A0000, Quality.UNCERTAIN, Reason.NOT_ACCURATE),  # being calibrated
        (0x420F0000, Quality.UNCERTAIN, Reason.MISCONFIGURED),
        (0x40000500, Quality.UNCERTAIN, Reason.LIMIT_LOW),
        (0x40000000, Quality.UNCERTAIN, Reason.UNCERTAIN_STATUS),
        (0x80000000, Quality.BAD, Reason.BAD_STATUS),
        (0x808C0000, Quality.BAD, Reason.SENSOR_FAILURE),
        (0x808B0400, Quality.BAD, Reason.DEVICE_FAILURE),
        (0x808D0000, Quality.BAD, Reason.OUT_OF_SERVICE),
        (0x808C0500, Quality.BAD, Reason.SENSOR_FAILURE),  # below its low limit
        (0x80890000, Quality.BAD, Reason.MISCONFIGURED),
        (0x800E0000, Quality.BAD, Reason.OUT_OF_SERVICE),  # server halted
        (0x80320000, Quality.BAD, Reason.NEVER_READ),
        (0x800A0000, Quality.BAD, Reason.LINK_DOWN),  # timeout behind the server
        (0x80310000, Quality.BAD, Reason.LINK_DOWN),
        (0x80340000, Quality.BAD, Reason.REFUSED),
        (0xC0000000, Quality.BAD, Reason.BAD_STATUS),  # reserved severity
    ],
)
def test_a_status_code_says_how_far_a_value_may_be_believed(code: int, quality: Quality, reason: Reason) -> None:
    assert judged(code) == (quality, reason)


def test_no_status_code_of_the_standard_is_better_than_its_severity_and_each_says_why() -> None:
    codes = {name: code for name, code in vars(StatusCodes).items() if isinstance(code, int)}
    assert len(codes) > 200
    for name, code in codes.items():
        quality, reason = judged(code)
        assert quality >= code >> 30, name
        assert (quality is Quality.GOOD) == (reason is Reason.NONE), name
        assert quality is not Quality.BAD or name.startswith("Bad"), name
