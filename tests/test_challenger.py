"""Champion and challenger side by side: the same late results, a verdict by a declared rule, and no loop that reads."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
from hybrids import TAGS, model, policy
from test_hybrid import CORRECTED, EPOCH, LAB, USUAL, snap

from controller import soft
from controller.soft.duel import Pair, Spoken, at_least, standing
from controller.soft.hybrid_model import said
from plant_io import Quality, Snapshot
from policies import Policy, PolicyError, parse
from policies.hybrid import Challenge

RIVAL = "    challenger: {model: rival.soft.json, results: 6}\n"
EVERY_S, DELAY_S = 300, 120


def challenged(off: float, extra: str = "") -> Policy:
    """Line B with a sensor whose champion is off, and the model as challenger."""
    parameters = model().parameters
    worse = model().model_copy(
        update={"parameters": {**parameters, "air": parameters["air"].model_copy(update={"value": off})}}
    )
    plain = policy(CORRECTED, worse, LAB)
    files = {**plain.files, "rival.soft.json": model().model_dump_json(by_alias=True).encode()}
    slow = CORRECTED.replace("sd: 0.1", "sd: 0.1, weight: 0.05")
    text = plain.files[""].decode().replace(CORRECTED, slow + RIVAL, 1)
    return parse((text + extra).encode(), "line_b.yaml", files)


def course(which: Policy, until: int, seed: int = 3) -> tuple[list[Snapshot], list[str]]:
    """Results every five minutes, two minutes late, with the noise of a laboratory around the better model."""
    kit, rng = soft.prepare(which), np.random.default_rng(seed)
    true = float(said(model(), {key: np.array([USUAL[tag]]) for key, tag in TAGS.items()}).value[0])
    state, found, news = soft.start(kit), list[Snapshot](), list[str]()
    newest: tuple[float, float] | None = None
    for at in range(0, until, 10):
        if at >= 900 and at % EVERY_S == 0:
            newest = (true + 0.1 * float(rng.standard_normal()), float(at - DELAY_S))
        seen, after = soft.enrich(snap(which, float(at), USUAL, newest), state, kit)
        news += soft.told(state, after, kit)
        found.append(seen)
        state = after
    return found, news


def pairs(theirs: Mapping[int, float], half: float = 1.0, n: int = 20) -> list[Pair]:
    """A champion that is off by 1 and a challenger that is off by what is said, else by nothing."""
    return [
        Pair(
            float(i),
            0.0,
            Spoken(1.0, -1.0, 3.0),
            Spoken(theirs.get(i, 0.0), *(theirs.get(i, 0.0) + half * s for s in (-1, 1))),
        )
        for i in range(n)
    ]


def test_the_challenger_gives_its_own_tags_and_moves_nothing_of_the_champion() -> None:
    which = challenged(1.25)
    beside, _ = course(which, 1800)
    alone = which.model_copy(
        update={
            "soft_sensors": which.soft_sensors
            | {"SOFT.HYBRID": which.soft_sensors["SOFT.HYBRID"].model_copy(update={"challenger": None})}
        }
    )
    plain, _ = course(alone, 1800)
    for tag in ("SOFT.HYBRID", "SOFT.HYBRID.LOW", "SOFT.HYBRID.BIAS", "SOFT.HYBRID.RES"):
        assert str(beside[-1][tag]) == str(plain[-1][tag])
    assert beside[-1]["SOFT.HYBRID.CHALLENGER"].value != beside[-1]["SOFT.HYBRID"].value
    assert "SOFT.HYBRID.CHALLENGER" not in plain[-1]


def test_a_better_challenger_is_told_once_with_figures_when_there_are_results_enough() -> None:
    found, news = course(challenged(1.25), 4500)
    (sentence,) = news
    assert sentence.startswith("SOFT.HYBRID: the challenger is better by the declared rule: error 0.")
    assert "over 6 results, nearer in 6" in sentence
    assert found[-1]["SOFT.HYBRID.BETTER"].value == 1.0
    assert found[100]["SOFT.HYBRID.BETTER"].quality is Quality.BAD


def test_a_challenger_that_is_the_champion_is_never_called_better() -> None:
    found, news = course(challenged(model().parameters["air"].value), 4500)
    assert news == []
    assert (found[-1]["SOFT.HYBRID.BETTER"].value, found[-1]["SOFT.HYBRID.BETTER"].quality) == (0.0, Quality.GOOD)


def test_the_rule_asks_for_enough_results_a_smaller_error_more_than_luck_and_coverage() -> None:
    rule = Challenge(model="m.json")
    assert standing(pairs({}, n=11), rule, 0.9) is None
    good = standing(pairs({}), rule, 0.9)
    assert good is not None
    assert (good.better, good.wins, good.champion.rmse, good.challenger.width) == (True, 20, 1.0, 2.0)
    nearer_but_seldom_far = standing(pairs(dict.fromkeys(range(3), 4.0)), rule, 0.9)
    assert nearer_but_seldom_far is not None
    assert not nearer_but_seldom_far.better
    luck = standing(pairs(dict.fromkeys(range(9), 1.0)), rule, 0.9)
    assert luck is not None
    assert luck.luck == pytest.approx(at_least(11, 20, 0.5))
    assert not luck.better
    too_sure = standing(pairs(dict.fromkeys(range(20), 0.5), half=0.1), rule, 0.9)
    assert too_sure is not None
    assert (too_sure.better, too_sure.challenger.coverage) == (False, 0.0)


LOOP = """
  spoilt:
    kind: ewma
    tag: SOFT.HYBRID.CHALLENGER
    reference: {mean: 2, sd: 1}
    weight: 0.3
    limit: 4
    action: hold
    holds: [granulation]
    route: operator
    response: None.
"""


def test_nothing_that_moves_the_plant_may_read_or_be_held_by_a_challenger() -> None:
    plain = challenged(1.25)
    text = plain.files[""].decode()
    spoilt = {
        'lod: {tag: NIR_LOD, unit: "%", target': 'lod: {tag: SOFT.HYBRID.CHALLENGER, unit: "%", target',
        "outlet_humidity: DRY.Y_OUT}\n    stale_after": "outlet_humidity: SOFT.HYBRID.BETTER}\n    stale_after",
        "\nwatches:\n": "\nwatches:" + LOOP,
    }
    for old, new in spoilt.items():
        assert text.count(old) == 1, old
        with pytest.raises(PolicyError, match="of a challenger") as error:
            parse(text.replace(old, new).encode(), "line_b.yaml", plain.files)
        assert len(error.value.problems) == 1


def test_a_challenger_without_late_results_is_refused() -> None:
    plain = challenged(1.25)
    text = plain.files[""].decode().replace(CORRECTED.replace("sd: 0.1", "sd: 0.1, weight: 0.05"), "", 1)
    with pytest.raises(PolicyError, match="found a challenger without lab"):
        parse(text.encode(), "line_b.yaml", plain.files)


def test_equal_histories_give_equal_memories() -> None:
    which = challenged(1.25)
    kit = soft.prepare(which)
    one = two = soft.start(kit)
    for at in range(0, 1500, 10):
        seen = snap(which, float(at), USUAL, (2.0, 1000.0) if at > 1200 else None)
        _, one = soft.enrich(seen, one, kit)
        _, two = soft.enrich(seen, two, kit)
    assert one == two
    assert EPOCH > 0.0
