"""Values that belong together: the scan counter of a device before and after them."""

from dataclasses import replace
from math import nan
from typing import Any

import pytest
from scanned import HANDSHAKE, TAGS, Device, cycles, declared, told

from plant_io import Quality, Reason, Snapshot
from plant_io.line import Line
from plant_io.ports import Clock
from plant_io.scan import Coherence
from policies import Policy


def counted(within: int = 0, kind: str = "uint16") -> Policy:
    policy = declared(TAGS | {"N": "control"}, coherence={"counter": "N", "within": within})
    return policy.model_copy(update={"tags": policy.tags | {"N": policy.tags["N"].model_copy(update={"type": kind})}})


@pytest.mark.parametrize(
    ("kind", "counters", "apart"),
    [
        ("uint16", (7.0, 7.0), 0.0),
        ("uint16", (65535.0, 1.0), 2.0),
        ("int16", (32767.0, -32768.0), 1.0),
        ("uint32", (4294967295.0, 0.0), 1.0),
        ("float64", (5.0, 8.0), 3.0),
    ],
)
def test_scans_that_went_by_are_counted_past_the_end_of_the_counter(
    kind: str, counters: tuple[float, float], apart: float
) -> None:
    coherence = Coherence.of("plc", counted(kind=kind))
    assert coherence is not None
    assert coherence.apart(counters) == apart


@pytest.mark.parametrize("counters", [[(4.0, 5.0), (6.0, 6.0)], [(4.0, 4.0)]])
def test_values_of_two_scans_are_read_again_and_believed_if_they_are_then_of_one(counters: Any) -> None:
    device = Device(counters=list(counters))
    (seen,), line = told(counted(), {"plc": device}, only_control)
    assert seen.torn == {}
    assert seen["C"].quality is Quality.GOOD
    assert line.links["plc"].rereads == len(counters) - 1


async def only_control(line: Line, clock: Clock) -> list[Snapshot]:
    await line.links["plc"].ready()
    return [await line.read(clock.now())]


def test_values_that_stay_of_two_scans_are_uncertain_and_the_snapshot_shows_the_counters() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    seen, line = told(policy, {"plc": Device(counters=[(4.0, 5.0), (6.0, 8.0)])}, cycles(2))
    assert seen[0].torn == {"plc": (6.0, 8.0)}
    assert (seen[0]["C"].quality, seen[0]["C"].reason) == (Quality.UNCERTAIN, Reason.NOT_COHERENT)
    assert seen[0]["N"].quality is Quality.GOOD
    assert seen[1].torn == {}
    assert seen[1]["C"].quality is Quality.GOOD
    assert line.figures["plc"]["control"].torn == 1


def test_a_fast_plc_may_scan_as_often_as_the_policy_permits() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N", "within": 3})
    (seen,), line = told(policy, {"plc": Device(counters=[(4.0, 7.0)])}, cycles(1))
    assert (seen.torn, line.links["plc"].rereads) == ({}, 0)


def test_a_counter_that_cannot_be_read_proves_nothing() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    (seen,), _ = told(policy, {"plc": Device(counters=[(nan, nan)] * 2)}, cycles(1))
    assert seen["C"].reason is Reason.NOT_COHERENT


def test_the_words_of_a_handshake_mean_something_alone() -> None:
    words = dict.fromkeys(("HB", "ARM", "STATE", "SCAN"), "control")
    policy = declared({"C": "control", **words}, handshake=HANDSHAKE)
    (seen,), _ = told(policy, {"plc": Device(counters=[(1.0, 2.0)] * 2)}, cycles(1))
    assert {name: seen[name].quality.name for name in policy.tags} == {"C": "UNCERTAIN"} | dict.fromkeys(words, "GOOD")


def test_what_is_not_of_one_scan_is_kept_in_the_record_and_comes_back() -> None:
    from controller.records import codec  # noqa: PLC0415

    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    (seen,), _ = told(policy, {"plc": Device(counters=[(4.0, 5.0), (6.0, 8.0)])}, cycles(1))
    assert codec.snapshot(codec.unpack(codec.pack(seen)), seen.index) == seen
    assert seen != replace(seen, torn={})
