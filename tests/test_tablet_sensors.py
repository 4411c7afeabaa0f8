"""How uniform the blend is and what is in the tablets made now, inferred from what is read of line A."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from pydantic import ValidationError
from seen import EPOCH, good, written

from controller.soft import tablets
from controller.soft.tablets import ClaimState
from plant_io import Quality, Reason, Sample
from policies import LabelClaim, MovingBlock, load, shipped
from policies.regions import half_among

POLICY = load(shipped("a"))
BLOCK, CLAIM = POLICY.soft_sensors["UNIFORMITY.API"], POLICY.soft_sensors["TAB.API"]
assert isinstance(BLOCK, MovingBlock)
assert isinstance(CLAIM, LabelClaim)
WORDS = CLAIM.model_dump(by_alias=True, exclude={"over_s"})
FED = {"LINE.TOTAL_PV": 20.0, "PRS.RPM": 20.0 / 60.0 / (36 * 200e-6), "PRS.MCF": 6.0}
"""What makes tablets of 200 mg."""


def blocks(values: list[float], *, every: float = 5.0, words: MovingBlock = BLOCK) -> list[Sample]:
    kit, state, found = tablets.prepare_block("U", words), tablets.BlockState(), []
    for k, value in enumerate(values):
        at = EPOCH + every * k
        given, state = tablets.block(written(at, POLICY, {"SOFT.API.NIR": good(value, at)}), state, kit)
        found.append(given["U"])
    return found


def test_the_block_gives_the_relative_standard_deviation_of_its_newest_values() -> None:
    values = np.random.default_rng(3).normal(10.0, 0.14, 80).tolist()
    found = blocks(values)
    newest = values[-BLOCK.block :]
    assert found[-1].value == pytest.approx(100.0 * np.std(newest, ddof=1) / np.mean(newest))
    assert found[-1].sd == pytest.approx(found[-1].value / np.sqrt(2.0 * (BLOCK.block - 1)))
    assert [one.quality for one in found[: BLOCK.block - 1]] == [Quality.BAD] * (BLOCK.block - 1)
    assert found[BLOCK.block - 1].quality is Quality.GOOD


def test_a_block_is_begun_anew_after_a_gap_and_counts_a_value_once() -> None:
    assert {one.quality for one in blocks([10.0, 10.1] * 30, every=200.0)} == {Quality.BAD}
    kit, state = tablets.prepare_block("U", BLOCK), tablets.BlockState()
    for k in range(50):
        seen = written(EPOCH + k, POLICY, {"SOFT.API.NIR": good(10.0, EPOCH)})
        _, state = tablets.block(seen, state, kit)
    assert state.values == (10.0,)


def test_a_blend_that_falls_apart_shows() -> None:
    rng = np.random.default_rng(4)
    apart = [*rng.normal(10.0, 0.14, 60), *rng.normal(10.0, 0.6, 40)]
    found = blocks(apart)
    assert found[59].value < 2.0
    assert found[-1].value > 4.0


@dataclass
class Press:
    """The press as it is read, second by second."""

    words: LabelClaim = CLAIM
    state: ClaimState = field(default_factory=ClaimState)
    at: float = EPOCH

    def run(
        self, seconds: int, content: float = 10.0, weighed: float | None = None, **other: float
    ) -> dict[str, Sample]:
        kit = tablets.prepare_claim("T", self.words, POLICY)
        given: dict[str, Sample] = {}
        for _ in range(seconds):
            self.at += 1.0
            samples = {tag: good(value, self.at) for tag, value in (FED | other).items()}
            samples["REC.API"] = Sample(content, Quality.GOOD, self.at, self.at, sd=0.03)
            if weighed is not None:
                taken = self.at - self.at % 300.0 - 120.0
                samples["PRS.M_TAB"] = good(weighed, taken)
            found, self.state = tablets.claim(written(self.at, POLICY, samples), self.state, kit)
            given = dict(found)
        return given


def test_the_claim_is_content_times_mass_with_an_interval_about_it() -> None:
    found = Press().run(700, content=9.9)
    assert found["T"].quality is Quality.GOOD
    assert found["T"].value == pytest.approx(99.0)
    assert found["T.MASS"].value == pytest.approx(200.0)
    half = half_among(CLAIM.regions, CLAIM.half, 99.0) * found["T"].sd
    assert (found["T.LOW"].value, found["T.HIGH"].value) == pytest.approx((99.0 - half, 99.0 + half))


def test_nothing_is_said_before_the_flow_has_been_averaged() -> None:
    assert Press().run(300)["T"].quality is Quality.BAD


def test_the_mass_feels_the_force_at_once_and_the_flow_slowly() -> None:
    press = Press()
    press.run(1200)
    assert press.run(2, **{"PRS.MCF": 6.1})["T.MASS"].value == pytest.approx(
        200.0 + 0.1 * tablets.prepare_claim("T", CLAIM, POLICY).by_force, abs=0.02
    )
    slow = press.run(30, **{"PRS.RPM": FED["PRS.RPM"] / 1.02})["T.MASS"].value
    assert 199.9 < slow < 200.5


def test_the_interval_may_be_wider_by_what_is_said() -> None:
    words = {"regions": ({"up_to": 99.0, "half": 3.0}, {"half": 1.5})}
    claim = LabelClaim.model_validate(WORDS | words)
    for content, half in ((9.8, 3.0), (10.2, 1.5)):
        found = Press(claim).run(700, content=content)
        assert found["T.HIGH"].value - found["T"].value == pytest.approx(half * found["T"].sd)
        assert found["T"].value - found["T.LOW"].value == pytest.approx(half * found["T"].sd)


@pytest.mark.parametrize("ends", [(99.0, 98.0, None), (99.0, 99.0, None), (98.0, 99.0), (None, 99.0)])
def test_regions_that_do_not_rise_or_leave_values_out_are_refused(ends: tuple[float | None, ...]) -> None:
    regions = [{"up_to": end, "half": 2.0} for end in ends]
    with pytest.raises(ValidationError, match="regions that end one above the other, the last of them nowhere"):
        LabelClaim.model_validate(WORDS | {"regions": regions})


def test_tablets_weighed_at_line_take_away_what_the_flow_is_off() -> None:
    found = Press(CLAIM.model_copy(update={"weight": 0.4})).run(3600, weighed=203.0)
    assert found["T.MASS"].value == pytest.approx(203.0, abs=0.1)
    assert found["T"].value == pytest.approx(101.5, abs=0.05)


def test_a_content_in_doubt_leaves_the_claim_in_doubt() -> None:
    press = Press()
    press.run(700)
    kit = tablets.prepare_claim("T", CLAIM, POLICY)
    samples = {tag: good(value, press.at + 1.0) for tag, value in FED.items()}
    for quality, expected in ((Quality.UNCERTAIN, Quality.UNCERTAIN), (Quality.BAD, Quality.BAD)):
        doubted = Sample(10.0, quality, press.at + 1.0, press.at + 1.0, Reason.NOT_ACCURATE, 0.1)
        seen = written(press.at + 1.0, POLICY, samples | {"REC.API": doubted})
        assert tablets.claim(seen, press.state, kit)[0]["T"].quality is expected


def test_powder_between_probe_and_dies_delays_the_content() -> None:
    press = Press(CLAIM.model_copy(update={"held_kg": 0.1}))
    press.run(700)
    mean_s = 0.1 / (20.0 / 3600.0)
    later = press.run(round(mean_s), content=11.0)["T"].value
    assert later == pytest.approx(100.0 + 10.0 * (1.0 - np.exp(-1.0)), abs=0.4)


def test_without_flow_or_speed_nothing_is_averaged() -> None:
    press = Press()
    before = press.run(700)
    stopped = press.run(10, **{"PRS.RPM": 0.0})
    assert stopped["T"].quality is Quality.BAD
    assert press.run(1)["T"].value == pytest.approx(before["T"].value)


def test_weighed_tablets_in_another_unit_are_refused() -> None:
    tags = dict(POLICY.tags)
    tags["PRS.M_TAB"] = tags["PRS.M_TAB"].model_copy(update={"unit": "g"})
    other = POLICY.model_copy(update={"tags": tags})
    with pytest.raises(ValueError, match=r"soft_sensors\.T: PRS\.M_TAB is in g, expected mg"):
        tablets.prepare_claim("T", CLAIM, other)
    with pytest.raises(ValueError, match=r"soft_sensors\.T: "):
        tablets.prepare_claim("T", CLAIM.model_copy(update={"flow": "PRS.MCF"}), POLICY)
