"""A scenario may claim that a tag agrees with the plant's truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from hil.rig.verdict import judge
from hil.scenario import Agrees
from policies import PolicyError


def claim(tag: str, column: str, at_most: float, **more: object) -> Agrees:
    return Agrees.model_validate(
        {"kind": "agrees", "requirement": "It is near", "tag": tag, "with": column, "at_most": at_most, **more}
    )


@pytest.fixture(scope="module")
def played() -> Played:
    scenario, policy = open_scenario(find("b_quiet"))
    claims = {
        "near": claim("NIR_API", "api_pct", 2.0, share=0.5),
        "exact": claim("NIR_API", "api_pct", 1e-6),
        "never_good": claim("SOFT.LOD.RES", "lod_pct", 10.0),
        "at_once": claim("SOFT.LOD", "lod_pct", 10.0, share=0.9),
    }
    short = scenario.model_copy(update={"for_s": 40.0, "assertions": claims})
    return in_memory(short, policy, 2)


def test_a_tag_near_the_truth_agrees_and_says_how_near(played: Played) -> None:
    found = {one.id: one for one in judge(played)}
    assert found["near"].passed
    assert "%" in found["near"].found
    assert not found["exact"].passed


def test_a_tag_that_is_seldom_good_does_not_agree(played: Played) -> None:
    found = {one.id: one for one in judge(played)}
    assert (found["never_good"].passed, found["never_good"].found) == (False, "no good value")
    assert not found["at_once"].passed


def test_a_column_that_is_none_is_told_with_its_place(tmp_path: Path) -> None:
    file = tmp_path / "x.scenario.yaml"
    text = find("b_quiet").read_text().replace("with: lod_pct", "with: lod_percent")
    file.write_text(text)
    with pytest.raises(PolicyError, match=r"soft_moisture\.with: found 'lod_percent'; did you mean 'lod_pct'"):
        open_scenario(file)
