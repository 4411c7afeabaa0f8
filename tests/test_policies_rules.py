"""The rules that hold between the parts of a policy: one mistake in a good policy gives exactly one error."""

import re
from pathlib import Path
from typing import Any, cast

import pytest

from policies import PolicyError, parse
from policies.positions import read

HERE = Path(__file__).parent / "policies"
GOOD = (HERE / "good.yaml").read_text()
FILES = {name: (HERE / name).read_bytes() for name in ("pls.json", "process.json", "small.library.yaml")}


def said(text: str) -> list[str]:
    """Paths and messages of everything that is wrong with a policy."""
    try:
        parse(text.encode(), "p", FILES)
    except PolicyError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


def wrong(*changes: tuple[str, str]) -> list[str]:
    """What is said of the good policy once some of its words are changed."""
    text = GOOD
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return said(text)


def test_the_good_policy_is_good() -> None:
    assert said(GOOD) == []


def mistakes() -> list[tuple[str, str, list[str]]]:
    table = cast("dict[str, list[dict[str, Any]]]", read((HERE / "mistakes.yaml").read_bytes(), "mistakes").data)
    every = [m for group in table.values() for m in group]
    return [(m["old"], m["new"], m["said"] if isinstance(m["said"], list) else [m["said"]]) for m in every]


@pytest.mark.parametrize(("old", "new", "sentences"), mistakes(), ids=lambda _: "")
def test_one_mistake_gives_one_error_that_says_what_is_wanted(old: str, new: str, sentences: list[str]) -> None:
    assert wrong((old, new)) == sentences


def test_one_typo_hides_no_other_mistake() -> None:
    changes = [
        ("tag: SOFT.API,", "tagg: SOFT.API,"),
        ("target: 10,", "target: 11,"),
        ("max_solve: 2s", "max_solve: 9s"),
    ]
    assert wrong(*changes) == [
        "loops.blend.max_solve: found 9s, expected at most the deadline of 8s",
        "loops.blend.controlled.api.tagg: unknown key; did you mean 'tag'?",
        "loops.blend.controlled.api.target: found 11, expected a value inside the limits of 9.5 to 10.5 %",
    ]


def test_a_misspelt_section_is_one_mistake_and_not_one_for_each_name_in_it() -> None:
    assert wrong(("connections:", "conections:")) == ["conections: unknown key; did you mean 'connections'?"]
    assert wrong(("loops:", "loop:")) == ["loop: unknown key; did you mean 'loops'?"]


def test_a_setpoint_has_one_writer() -> None:
    moved = next(line for line in GOOD.splitlines() if "tag: F.SP" in line)
    assert wrong((moved, f"{moved}\n{moved.replace('api_sp', 'again')}")) == [
        "loops.blend.moved.again.tag: found 'F.SP', which loops.blend.moved.api_sp moves already; expected another tag"
    ]


def test_nothing_is_moved_through_a_connection_without_a_handshake() -> None:
    handshake = (
        "    handshake: {heartbeat: F.BEAT, arm: F.ARM, state: F.STATE, scan: F.SCAN}\n    coherence: {within: 1}\n"
    )
    assert wrong((handshake, "")) == [
        "loops.blend.moved.api_sp.tag: found 'F.SP' of connection feeder, expected a connection with a handshake"
    ]


@pytest.mark.parametrize("nothing", ["", "7", "[]", "text"])
def test_a_connection_that_is_no_section_is_a_mistake(nothing: str) -> None:
    assert wrong(("connections:\n", f"connections:\n  spare: {nothing}\n")) != []


def test_a_connection_brings_at_least_one_tag() -> None:
    link = "  spare: {protocol: modbus, host: 127.0.0.1, port: 5021}\n"
    assert wrong(("connections:\n", f"connections:\n{link}")) == [
        "connections.spare: found a connection without tags, expected at least one tag that comes through it"
    ]


def test_a_read_back_can_tell_one_step_of_the_guard_from_none() -> None:
    moved = next(line for line in GOOD.splitlines() if "tag: F.SP" in line)
    wide = re.sub(r"tolerance: [0-9.]+", "tolerance: 30", moved)
    assert wrong((moved, wide)) == [
        "loops.blend.moved.api_sp.tolerance: found 30, expected at most 20 g/h, what max_rate permits in one period"
    ]


def test_a_trend_looks_back_no_farther_than_a_period_permits() -> None:
    window = next(line for line in GOOD.splitlines() if "window:" in line)
    far = re.sub(r"window: [0-9]+", "window: 241", window)
    assert [sentence for sentence in wrong((window, far)) if "from 10 to 240" in sentence] != []


def test_two_tags_may_share_a_place_if_they_read_it_alike() -> None:
    assert wrong(("byte_order: CDAB,", "byte_order: ABCD,"), ('"input:8"', '"input:6"')) != []
    assert wrong((", byte_order: CDAB", ""), ('"input:8"', '"input:6"')) == []


def test_only_single_values_are_written() -> None:
    assert wrong(("F.ACT}", "F.ACT, length: 2}")) == [
        "tags.F.SP.length: found 2, expected 1 for a tag that is written",
        "loops.blend.moved.api_sp.tag: found 'F.SP' of 2 values, expected a tag of one value",
    ]


WORDS = (
    '  F.CLAIM: {unit: "1", range: [0, 4294967295], connection: feeder, address: "holding:4", type: uint32, '
    "access: write, read_back: F.EPOCH}\n"
    '  F.EPOCH: {unit: "1", range: [0, 4294967295], connection: feeder, address: "input:10", type: uint32}\n'
)
LEASE = [
    ("scan: F.SCAN}", "scan: F.SCAN, claim: F.CLAIM, epoch: F.EPOCH}"),
    ("  F.BEAT:", f"{WORDS}  F.BEAT:"),
]


def test_what_is_said_to_a_leased_device_fits_one_request() -> None:
    here = "connections.feeder.handshake.claim"
    assert wrong(*LEASE) == []
    assert wrong(*LEASE, ('"holding:4"', '"holding:5"')) == [
        (
            f"{here}: found a gap between holding:3 and holding:5, expected all that is written to a leased device "
            "side by side, so that one request holds it"
        )
    ]
    assert wrong(*LEASE, ("    port: 5020\n", "    port: 5020\n    write_by: single\n"))[0] == (
        "connections.feeder.write_by: found single for a device that is leased, expected block or read_write: "
        "a claim vouches for one request"
    )


def test_a_claim_holds_any_number_of_32_bits() -> None:
    small = WORDS.replace("4294967295", "65535", 1)
    assert wrong(LEASE[0], ("  F.BEAT:", f"{small}  F.BEAT:")) == [
        (
            "connections.feeder.handshake.claim: found 'F.CLAIM' from 0 to 65535, expected a tag with a range from 0 "
            "to 4294967295"
        )
    ]
