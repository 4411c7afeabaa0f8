"""Every trouble has one name, one sentence and one remedy, and values are told apart from what they could have been."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plant_io import Batch, Identity, Quality, Reason, Snapshot
from plant_io.decode import decode, encode
from plant_io.diagnosis import Finding, diagnosed
from plant_io.doubt import ORDERS, credible, meant_factor, meant_orders
from plant_io.latch import Answer, Latch
from plant_io.offer import Standing
from plant_io.survey import Look, Survey
from plant_io.troubles import TROUBLES, recognised
from policies import Policy, Tag
from policies.tags import ByteOrder

PAGE = Path(__file__).parents[1] / "docs/troubleshooting.md"
NOW = 1.7e9


def tag(kind: str = "float32", low: float = 0.0, high: float = 6.0) -> Tag:
    return Tag.model_validate({"unit": "kg/h", "range": [low, high], "connection": "plc", "address": "a", "type": kind})


HANDSHAKE = {"heartbeat": "BEAT", "arm": "ARM", "state": "STATE", "scan": "SCAN"}
TAGS: dict[str, dict[str, object]] = {
    "F": {"unit": "kg/h", "range": [0, 6]},
    "G": {"unit": "kg/h", "range": [0, 6]},
    "N": {"unit": "/min", "range": [0, 200], "type": "uint16"},
    "LAB": {"unit": "%", "range": [0, 100], "age_from": "source", "stale_after": "15s"},
    "BEAT": {"unit": "1", "range": [0, 65535], "access": "write", "read_back": "STATE"},
    "ARM": {"unit": "1", "range": [0, 1], "access": "write", "read_back": "STATE"},
    "STATE": {"unit": "1", "range": [0, 3]},
    "SCAN": {"unit": "1", "range": [0, 65535]},
}
GOOD = {"F": 3.0, "G": 4.0, "N": 73.0, "LAB": 50.0, "BEAT": 5.0, "ARM": 1.0, "STATE": 1.0, "SCAN": 100.0}


def policy() -> Policy:
    link = {"protocol": "opcua", "endpoint": "opc.tcp://127.0.0.1:4840", "namespace": "urn:t", "security": "None"}
    tags = {
        name: {"connection": "plc", "address": f"s={name}", "type": "float32"} | more for name, more in TAGS.items()
    }
    connections = {"plc": link | {"handshake": HANDSHAKE}}
    return Policy.model_validate(
        {"policy": 1, "line": "T", "revision": "1", "period": "1s", "connections": connections, "tags": tags}
    )


def seen(values: dict[str, float], reasons: dict[str, Reason], ages: dict[str, float], at: float) -> Answer:
    reason = [reasons.get(name, Reason.NONE) for name in TAGS]
    quality = [Quality.GOOD if each is Reason.NONE else Quality.BAD for each in reason]
    source = np.array([at - ages.get(name, 0.0) for name in TAGS])
    held = np.array([(GOOD | values)[name] for name in TAGS])
    return Answer(Batch(held, np.array(quality, np.uint8), np.array(reason, np.uint8), source), at)


def found(
    values: dict[str, float] | None = None,
    reasons: dict[str, Reason] | None = None,
    ages: dict[str, float] | None = None,
    *,
    still: bool = False,
    scans: float = 2.0,
    **look: object,
) -> list[tuple[str, str | None, str]]:
    """What is said of one connection with the given values, reasons and ages, and whatever else is given of it."""
    declared = policy()
    first = seen(values or {}, reasons or {}, ages or {}, NOW)
    second = seen(
        (values or {}) | ({} if still else {"SCAN": (values or {}).get("SCAN", 100.0) + scans}),
        reasons or {},
        ages or {},
        NOW + 1.0,
    )
    answers = () if "trouble" in look else (first, second)
    given_ = {"connection": "plc", "address": "here:1", "opened_s": 0.01, "read_s": 0.01, "answers": answers} | look
    latch = Latch(declared)
    snapshots = [Snapshot.empty(NOW, latch.index)]
    for answer in answers:
        snapshots.append(latch.snapshot(answer.arrival, {"plc": answer}, snapshots[-1]))
    survey = Survey(declared, (Look(**given_),), tuple(snapshots[1:]) or (snapshots[0],) * 2)  # type: ignore[arg-type]
    return [(f.trouble, f.tag, f.sentence) for f in diagnosed(survey)]


def test_a_healthy_connection_gives_no_finding() -> None:
    assert found() == []


def test_a_counter_whose_words_are_swapped_is_one_finding_and_not_one_for_each_tag() -> None:
    said = "it goes from 100 to 30100 in 1.0 s, and no PLC scans so fast; until that is put right, no tag is good"
    assert found(scans=30000.0) == [("word_order", "SCAN", said)]


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        (
            {"values": {"F": 30.0}},
            ("scale", "F", "it reads 30 kg/h, outside 0 to 6 kg/h; with scale: 0.1 it would read 3 kg/h"),
        ),
        ({"values": {"F": 8e6}}, ("out_of_range", "F", "it reads 8e+06 kg/h, outside 0 to 6 kg/h")),
        ({"values": {"F": nan}}, ("not_finite", "F", "it reads something that is no finite number")),
        (
            {"values": {"F": 5.9e-41}, "orders": {"F": {"CDAB": 3.25, "BADC": 1e30, "DCBA": -2.0}}},
            ("word_order", "F", "it reads 5.9e-41 kg/h; with byte_order: CDAB it would read 3.25 kg/h"),
        ),
        (
            {"values": {"F": nan}, "orders": {"F": {"CDAB": 3.25}}},
            ("word_order", "F", "it reads nan kg/h; with byte_order: CDAB it would read 3.25 kg/h"),
        ),
        ({"ages": {"LAB": 40.0}}, ("stale", "LAB", "its source time is 40 s old, and it is stale after 15 s")),
        ({"ages": {"LAB": nan}}, ("stale", "LAB", "its source time is without a time, and it is stale after 15 s")),
        ({"ages": {"LAB": -60.0}}, ("clock", "LAB", "its source time is 60 s in the future")),
        ({"reasons": {"F": Reason.SENSOR_FAILURE}}, ("reported", "F", "the device says: sensor failure")),
        ({"reasons": {"F": Reason.REFUSED}}, ("not_readable", "F", "the device refuses to give it")),
        (
            {"reasons": {"F": Reason.WRONG_TYPE}},
            ("wrong_type", "F", "the device gives it in another type or length"),
        ),
        ({"still": True}, ("frozen", "SCAN", "it reads 100, and did so 1.0 s before")),
        ({"values": {"STATE": 0.0}}, ("not_remote", "STATE", "it reads 0, local")),
        ({"values": {"STATE": 2.0}}, ("not_remote", "STATE", "it reads 2, fallback after a lost heartbeat")),
        ({"read_s": 0.8}, ("slow", None, "one reading took 800 ms, and a cycle waits 500 ms for it")),
        ({"standing": Standing(-7.5)}, ("clock", None, "the server's clock is 7.5 s behind ours")),
        ({"standing": Standing(3.0)}, ("clock", None, "the server's clock is 3.0 s ahead of ours")),
        (
            {"standing": Standing(0.1, {"s=ARM": False, "s=BEAT": True})},
            ("read_only", "ARM", "the server lets s=ARM only be read"),
        ),
        (
            {
                "reasons": {"F": Reason.REFUSED},
                "identity": Identity(notes=("F: the server answers BadNodeIdUnknown for s=F",)),
                "offered": ("s=FLOW", "s=F1", "s=LEVEL"),
            },
            ("node_missing", "F", "the server answers BadNodeIdUnknown for s=F; the nearest it has is s=F1"),
        ),
        (
            {"identity": Identity(notes=("input:0 to 40: the device refuses addresses nobody asked for",))},
            ("hole", None, "input:0 to 40: the device refuses addresses nobody asked for"),
        ),
        (
            {"trouble": "here:1 cannot be reached", "knock": "refused", "opened_s": None},
            ("refused", None, "here:1 cannot be reached"),
        ),
        (
            {"trouble": "no answer within 0.5 s", "knock": "", "opened_s": 0.1},
            ("other", None, "here:1: no answer within 0.5 s; the connection was established before"),
        ),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(case: dict[str, object], wanted: tuple[str, str | None, str]) -> None:
    assert found(**case) == [wanted]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("the server has no namespace urn:x; it has urn:y, urn:z", "namespace"),
        ("the server has no session left; sessions that were lost end by themselves", "sessions"),
        ("the server calls itself urn:a, but its certificate is for urn:b; have one", "certificate_uri"),
        ("the server does not trust our certificate; put pki/own/a.der on its trust list", "certificate_untrusted"),
        ("the server's certificate (x, thumbprint 12) is not trusted; if the server", "certificate_untrusted"),
        ("the server's certificate ended on 2024-01-01; have it renewed on the server", "certificate_expired"),
        ("our certificate pki/own/a.der ended on 2024-01-01; run: steadyline cert", "certificate_expired"),
        ("the server finds our certificate a out of date; compare the clocks", "certificate_expired"),
        ("the server refuses the user op or the password", "user"),
        ("the server takes no anonymous users; name one with user:", "user"),
        ("the server offers no Basic256Sha256 with Sign; it offers None", "security"),
        ("pki/own/steadyline.der: there is no such file; run: steadyline cert create", "own_certificate"),
        ("it may be the wrong device: SERIAL should be 'A', and the device shows 'B'", "wrong_device"),
        ("F: the server answers BadNodeIdUnknown for s=F", "node_missing"),
        ("F: the server answers BadUserAccessDenied for s=F", "not_readable"),
        ("F: the server holds Double, the policy says float32", "wrong_type"),
        ("F: the server does not hold 64 values in a row, as the policy says", "length"),
        ("F: the server gives its unit as g/h, the policy says kg/h", "unit"),
        ("F: the server gives its range as 0 to 5, the policy says 0 to 6 kg/h", "range"),
        ("F: the device gives exception 1, illegal function for input:5", "illegal_function"),
        ("F: the device gives exception 2, illegal data address for input:5", "illegal_address"),
        ("F: the device gives exception 4, device failure for input:5", "device_failure"),
        ("F: the device gives exception 6, device busy for input:5", "busy"),
        ("F: the device gives exception 10, gateway path unavailable for input:5", "unit_id"),
        ("F: the device gives exception 11, gateway target did not respond for input:5", "unit_id"),
        ("input:0 to 9: the device refuses addresses nobody asked for", "hole"),
        ("input:0 to 99: the device refuses more than 50 addresses at once", "too_long"),
        ("something nobody has heard of", None),
    ],
)
def test_what_a_driver_says_is_recognised(said: str, name: str | None) -> None:
    assert recognised(said) == name


def test_every_trouble_has_a_sentence_and_a_remedy() -> None:
    for name, trouble in TROUBLES.items():
        assert trouble.what.endswith("."), name
        assert trouble.remedy.endswith("."), name
        assert Finding(name, "plc", "s").remedy == trouble.remedy
    assert len(TROUBLES) >= 20


def test_the_page_for_people_shows_every_trouble() -> None:
    rows = [f"| {trouble.what} | {trouble.remedy} | `{name}` |" for name, trouble in TROUBLES.items()]
    page = PAGE.read_text(encoding="utf-8").splitlines()
    assert [row for row in rows if row not in page] == []
    assert [line for line in page if line.startswith("| ") and line not in rows][1:] == []


@pytest.mark.parametrize("value", [nan, inf, -inf, 6.1, -0.1, 1e-30])
def test_what_cannot_be_meant_is_not_credible(value: float) -> None:
    assert not credible(value, tag())


@given(st.floats(0.015625, 6.0, width=32), st.sampled_from(ORDERS), st.sampled_from(ORDERS))
def test_a_value_read_in_the_wrong_order_is_found_out_or_credible(
    value: float, held: ByteOrder, declared: ByteOrder
) -> None:
    words = np.array([encode(value, "float32", held)], np.uint16)
    trials = {order: float(decode(words, "float32", order)[0]) for order in ORDERS if order != declared}
    meant = meant_orders({"F": trials}, {"F": tag()}).get("F")
    read = float(decode(words, "float32", declared)[0])
    assert credible(read, tag()) or (meant is not None and credible(trials[meant], tag()))


def test_the_order_most_tags_agree_on_wins() -> None:
    trials: dict[str, dict[ByteOrder, float]] = {
        "A": {"CDAB": 3.0, "DCBA": 2.0},
        "B": {"CDAB": 1e30, "DCBA": 4.0},
        "C": {"DCBA": 1.0},
        "D": {"CDAB": 0.0},
    }
    tags = dict.fromkeys(trials, tag())
    assert meant_orders(trials, tags) == {"A": "DCBA", "B": "DCBA", "C": "DCBA"}


@pytest.mark.parametrize(
    ("value", "factor"), [(30.0, 10.0), (300.0, 100.0), (5000.0, 1000.0), (3.0, None), (1e9, None), (nan, None)]
)
def test_a_power_of_ten_is_suspected_where_it_fits(value: float, factor: float | None) -> None:
    assert meant_factor(value, tag()) == factor
