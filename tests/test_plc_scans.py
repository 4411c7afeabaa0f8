"""Scans of PLCs: their length, what happens when one takes too long, and the loops that PLCs run themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from moves import GATE

from controller.lease import claim_after
from hil.plants.faults import Fault
from hil.plants.line_b import LineB
from hil.plc.blueprint import Blueprint
from hil.plc.guard import Word
from hil.plc.line import SimulatedLine
from hil.plc.line_a import LINE as LINE_A
from hil.plc.line_b import LINE as LINE_B
from hil.plc.lines import blueprint, names
from hil.plc.truth_plant import TruthPlant
from policies import Access, Policy, load, shipped

LINES = {"A": ("feeders", "SUP_F", LINE_A), "B": ("granulator", "SUP_G", LINE_B)}


def quiet(name: str, blue: Blueprint | None = None) -> SimulatedLine:
    """The line without noise, its PLCs up."""
    line = (blue or blueprint(name)).simulate(load(shipped(name)), 1, mismatch=0.0, noise=0.0)
    line.advance(10.0)
    return line


def shown(line: SimulatedLine, tag: str) -> float:
    return float(np.asarray(line.image().values[tag]).reshape(-1)[0])


def policy_of(name: str) -> Policy:
    return load(shipped(name))


@pytest.mark.parametrize("name", names())
def test_every_tag_of_the_shipped_policy_of_a_line_is_shown_in_its_length_and_range(name: str) -> None:
    policy = policy_of(name)
    line = blueprint(name).simulate(policy, seed=3)
    line.advance(60.0)
    image = line.image()
    for tag, declared in policy.tags.items():
        values = np.atleast_1d(image.values[tag])
        assert values.size == declared.length
        low, high = declared.range
        assert ((values >= low) & (values <= high)).all(), tag


class Sealed:
    """A plant whose truth nobody may ask for."""

    def __init__(self, plant: TruthPlant) -> None:
        self._plant = plant

    def __getattr__(self, name: str) -> object:
        return getattr(self._plant, name)

    def truth(self) -> dict[str, float]:
        raise AssertionError("somebody asked for the truth")


@pytest.mark.parametrize("name", names())
def test_no_tag_is_made_from_the_truth(name: str) -> None:
    blue, policy = blueprint(name), policy_of(name)

    def sealed(seed: int, *, mismatch: float, faults: Sequence[Fault], noise: float) -> TruthPlant:
        return cast("TruthPlant", Sealed(blue.make(seed, mismatch=mismatch, faults=faults, noise=noise)))

    line = replace(blue, make=sealed).simulate(policy, seed=3)
    line.advance(20.0)
    assert line.image().values.keys() >= policy.tags.keys()
    with pytest.raises(AssertionError, match="asked for the truth"):
        line.truth()


@pytest.mark.parametrize("name", names())
def test_no_column_of_the_truth_is_named_like_a_tag(name: str) -> None:
    line = blueprint(name).simulate(policy_of(name), seed=3)
    assert not set(line.plant.truth()) & line.image().values.keys()


@pytest.mark.parametrize("name", names())
def test_what_a_line_scores_is_in_its_truth(name: str) -> None:
    blue, policy = blueprint(name), policy_of(name)
    truth = blue.simulate(policy, seed=3).truth()
    columns = {column for one in blue.attributes.values() for column in one.columns} | blue.specification.keys()
    columns |= {column for parts in blue.measures.values() for column in parts}
    assert columns <= truth.keys()
    assert blue.measures.keys() <= policy.units().keys()


@pytest.mark.parametrize("name", names())
def test_every_setpoint_of_a_shipped_policy_is_limited_by_the_plc_it_is_written_to(name: str) -> None:
    blue, policy = blueprint(name), policy_of(name)
    for connection, rules in blue.rules.items():
        words = policy.connections[connection].handshake
        assert words is not None
        others = {policy.lockstep.request if policy.lockstep else None, *words.model_dump().values()}
        written = {
            tag
            for tag, one in policy.tags.items()
            if one.connection == connection and one.access is Access.WRITE and tag not in others
        }
        assert rules.limits.keys() == written
        for tag, limit in rules.limits.items():
            low, high = policy.tags[tag].range
            assert low <= limit.low <= limit.start <= limit.high <= high
            assert limit.low < limit.start < limit.high or tag == GATE  # a gate has but its two ends


@pytest.mark.parametrize("name", LINES)
def test_a_plc_scans_as_often_as_its_line_says(name: str) -> None:
    plc, words, blue = LINES[name]
    line = quiet(name, replace(blue, scans={plc: 2.0}))
    other = next(each for each in line.plcs if each != plc)
    assert (line.plcs[plc].block.scan, line.plcs[other].block.scan) == (5, 20)
    counts = set[float]()
    for _ in range(8):
        line.advance(0.5)
        counts.add(shown(line, f"{words}.SCAN"))
    assert len(counts) <= 3


def test_a_scan_that_is_no_whole_number_of_steps_is_refused() -> None:
    for scan_s in (0.0, 0.3, -1.0):
        with pytest.raises(ValueError, match=r"whole multiple of 0\.5 s"):
            quiet("A", replace(LINE_A, scans={"feeders": scan_s}))


@pytest.mark.parametrize("name", LINES)
def test_while_a_scan_takes_too_long_the_image_ages_and_the_counter_stands(name: str) -> None:
    plc, words, _ = LINES[name]
    line = blueprint(name).simulate(policy_of(name), 1)
    line.advance(10.0)
    before = line.image()
    line.overrun(plc, 4.0)
    line.advance(4.0)
    during = line.image()
    mine = [tag for tag, declared in policy_of(name).tags.items() if declared.connection == plc]
    assert all(np.array_equal(before.values[tag], during.values[tag]) for tag in mine)
    assert all(before.taken[tag] == during.taken[tag] for tag in mine)
    others = [tag for tag, declared in policy_of(name).tags.items() if declared.connection != plc]
    assert any(not np.array_equal(before.values[tag], during.values[tag]) for tag in others)
    line.advance(0.5)
    after = line.image()
    assert after.values[f"{words}.SCAN"] == before.values[f"{words}.SCAN"] + 1.0
    assert after.values["FDR_API.W"] != before.values["FDR_API.W"]


def test_a_heartbeat_that_stops_within_a_long_scan_is_missed_at_its_end() -> None:
    line = quiet("A")
    words = line.plcs["feeders"].words
    for beat in range(1, 11):
        if words.claim is not None:
            line.write(words.claim, claim_after(0.0, station=1))
        line.write(words.arm, 1)
        line.write(words.heartbeat, beat)
        line.advance(1.0)
    assert shown(line, "SUP_F.STATE") == Word.REMOTE
    line.overrun("feeders", 6.0)
    line.advance(6.0)
    assert shown(line, "SUP_F.STATE") == Word.REMOTE
    line.advance(0.5)
    assert shown(line, "SUP_F.STATE") == Word.FALLBACK


def test_loops_stand_while_their_plc_does_not_scan_and_those_of_other_plcs_run_on() -> None:
    line = quiet("A")
    line.turn("FDR_API.F_SP", 2.4)
    line.overrun("feeders", 20.0)
    line.advance(20.0)
    assert line.plant.truth()["flow_api"] == pytest.approx(2.0, rel=2e-3)
    line.advance(60.0)
    assert line.plant.truth()["flow_api"] == pytest.approx(2.4, rel=2e-3)
    line.turn("PRS.MCF_SP", 7.0)
    line.overrun("feeders", 120.0)
    line.advance(120.0)
    assert line.plant.truth()["mcf_kn"] == pytest.approx(7.0, abs=0.1)
    line.turn("PRS.MCF_SP", 6.0)
    line.overrun("line", 60.0)
    line.advance(60.0)
    assert line.plant.truth()["mcf_kn"] == pytest.approx(7.0, abs=0.1)


def test_a_feeder_loop_answers_alike_at_every_length_of_scan() -> None:
    flows = list[float]()
    for scan_s in (0.5, 1.0):
        line = quiet("B", replace(LINE_B, scans={"granulator": scan_s}))
        line.turn("FDR_API.F_SP", 3.3)
        line.advance(60.0)
        flows.append(line.plant.truth()["flow_api"])
    assert flows == pytest.approx([3.28, 3.28], rel=1e-3)


def test_a_cold_start_leaves_the_screw_turning_and_feeds_blind_for_a_while() -> None:
    line = quiet("B")
    line.restart("granulator", cold=True)
    line.advance(5.0)
    assert shown(line, "FDR_API.MODE") == 0.0
    line.advance(20.0)
    assert shown(line, "FDR_API.MODE") == 1.0
    assert line.plant.truth()["flow_api"] == pytest.approx(3.0, rel=5e-3)
    line.restart("granulator", cold=False)
    line.advance(1.0)
    assert shown(line, "FDR_API.MODE") == 1.0


def test_a_screw_set_by_hand_keeps_its_speed_and_is_taken_over_without_a_bump() -> None:
    line = quiet("B")
    assert isinstance(line.plant, LineB)
    loop = line.plant.loops["FDR_API"]
    loop.manual = 1.1 * loop.speed
    line.advance(60.0)
    assert shown(line, "FDR_API.MODE") == 2.0
    assert line.plant.truth()["flow_api"] == pytest.approx(3.3, rel=0.01)
    loop.manual = None
    line.advance(1.0)
    assert line.plant.truth()["flow_api"] == pytest.approx(3.3, rel=0.03)
    line.advance(90.0)
    assert line.plant.truth()["flow_api"] == pytest.approx(3.0, rel=5e-3)


@pytest.mark.parametrize("name", names())
def test_lines_are_found_by_name_in_either_case(name: str) -> None:
    assert blueprint(name.lower()) is blueprint(name)
    assert blueprint(name).name == name


def test_a_line_that_is_none_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"^found the line 'Q', expected one of A, B"):
        blueprint("q".upper())
