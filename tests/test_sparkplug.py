"""Messages of Sparkplug B are what the standard says, read by a reader of its own."""

from __future__ import annotations

import struct
from math import nan
from typing import Any

import pytest

from controller.served.sparkplug import Metric, birth, data, death, topic, wants_rebirth
from plant_io.quality import Quality
from plant_io.served.values import Fact, Shown, Value

TEMPERATURE = Fact("sensors/T/value", "number", "Cel", "T, inferred")
MODE = Fact("loops/blend/mode", "text", "", "Mode people ask for")
OPEN = Fact("run/incidents/open", "count", "", "Incidents that stand")
ACTIVE = Fact("watches/w/active", "flag", "", "Whether its condition stands")


def read(message: bytes) -> dict[int, list[Any]]:
    """Return the fields of a protocol buffer by number."""
    found, at = dict[int, list[Any]](), 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(message):
        key = varint()
        if key & 7 == 0:
            value: Any = varint()
        elif key & 7 == 1:
            (value,) = struct.unpack("<d", message[at : at + 8])
            at += 8
        else:
            length = varint()
            value = message[at : at + length]
            at += length
        found.setdefault(key >> 3, []).append(value)
    return found


def shown(value: Value, quality: Quality = Quality.GOOD) -> Shown:
    return Shown(value, quality, 1000.5)


def test_a_birth_says_everything_with_names_units_and_aliases() -> None:
    metrics = [
        Metric(TEMPERATURE, 0, shown(37.5)),
        Metric(MODE, 1, shown("auto")),
        Metric(ACTIVE, 2, shown(value=True)),
    ]
    message = read(birth(metrics, 1001.25, 7))
    assert message[1] == [1_001_250]
    assert message[3] == [0]
    numbered, control, *rest = [read(each) for each in message[2]]
    assert (numbered[1], numbered[4], numbered[11]) == ([b"bdSeq"], [4], [7])
    assert (control[1], control[4], control[14]) == ([b"Node Control/Rebirth"], [11], [0])
    assert [each[1][0].decode() for each in rest] == [fact.path for fact in (TEMPERATURE, MODE, ACTIVE)]
    assert [each[2] for each in rest] == [[0], [1], [2]]
    assert (rest[0][4], rest[0][13], rest[0][3]) == ([10], [37.5], [1_000_500])
    assert (rest[1][4], rest[1][15]) == ([12], [b"auto"])
    assert (rest[2][4], rest[2][14]) == ([11], [1])
    properties = read(rest[0][9][0])
    values = [read(each) for each in properties[2]]
    told = dict(zip((key.decode() for key in properties[1]), values, strict=True))
    assert told["Quality"] == {1: [3], 3: [192]}
    assert told["engUnit"] == {1: [12], 8: [b"Cel"]}


def test_data_name_by_alias_and_count_on() -> None:
    (metric,) = read(data([Metric(OPEN, 5, shown(2))], 1002.0, 9))[2]
    assert read(data([], 1002.0, 9))[3] == [9]
    assert {key: value for key, value in read(metric).items() if key in {1, 2, 4, 11}} == {2: [5], 4: [4], 11: [2]}


def test_a_number_that_is_none_is_null_and_bad() -> None:
    (metric,) = read(data([Metric(TEMPERATURE, 0, shown(nan, Quality.BAD))], 1002.0, 1))[2]
    found = read(metric)
    assert found[7] == [1]
    assert 13 not in found
    (value,) = read(found[9][0])[2]
    assert read(value) == {1: [3], 3: [0]}


def test_a_death_tells_which_birth_it_ends() -> None:
    (metric,) = read(death(1000.0, 255))[2]
    assert read(metric)[11] == [255]


def test_a_command_asks_for_a_rebirth_only_where_it_says_true() -> None:
    name = b"\x0a\x14Node Control/Rebirth"
    true, false = name + b"\x20\x0b\x70\x01", name + b"\x20\x0b\x70\x00"
    assert wants_rebirth(b"\x12" + bytes([len(true)]) + true)
    assert not wants_rebirth(b"\x12" + bytes([len(false)]) + false)
    assert not wants_rebirth(b"")


@pytest.mark.parametrize("rubbish", [b"\xff\xff", b"\x12\x7fab", b"\x13", b"\x80" * 12])
def test_rubbish_is_refused_in_one_sentence(rubbish: bytes) -> None:
    with pytest.raises(ValueError, match=r"expected a message of Sparkplug B|expected one of Sparkplug B"):
        wants_rebirth(rubbish)


def test_topics_are_those_of_the_standard() -> None:
    assert topic("NBIRTH", "site", "line_a") == "spBv1.0/site/NBIRTH/line_a"
