"""A second witness: a loop does not correct far from what nobody but its guide bears out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest
from late_plant import EPOCH, Desk

from controller.kit import LoopKit, prepare
from controller.limits import bounds
from controller.state import LoopState
from controller.witness import Spoken, listen
from plant_io.signals import Floats
from policies import Policy, load, shipped

POLICY = load(shipped("A"))
KIT: LoopKit = prepare(POLICY).loops["blend"]
STOOD: dict[str, Floats] = {"assay": np.array([2.02, 17.8])}
FOUND = LoopState(anchors={"api_sp": 2.0, "exc_sp": 17.8}, inputs=(2.0, 17.8))


def heard(state: LoopState, **innovations: float) -> tuple[LoopState, list[str]]:
    new, events = listen(KIT, state, Spoken(0.0, list(innovations), STOOD, innovations))
    return new, [event.what for event in events]


def spans(state: LoopState) -> dict[str, tuple[float, float]]:
    return dict(zip(KIT.model.inputs, zip(*bounds(KIT, state), strict=True), strict=True))


def test_alone_a_loop_corrects_by_its_own_authority() -> None:
    assert spans(FOUND)["api_sp"] == pytest.approx((1.9, 2.1))


def test_an_input_that_is_borne_out_may_go_on_from_there() -> None:
    state, said = heard(replace(FOUND, inputs=(2.08, 17.8)), api_refill=-0.004)
    assert said == []
    assert spans(state)["api_sp"] == pytest.approx((2.08 * 0.95, 2.08 * 1.05))
    assert spans(state)["exc_sp"] == spans(FOUND)["exc_sp"]


def test_it_never_goes_further_from_what_was_found_than_permitted_in_all() -> None:
    state, _ = heard(replace(FOUND, inputs=(2.25, 17.8)), api_refill=0.0)
    assert spans(state)["api_sp"] == pytest.approx((2.25 * 0.95, 2.3))
    state, _ = heard(replace(FOUND, inputs=(2.39, 17.8)), api_refill=0.0)
    assert spans(state)["api_sp"] == pytest.approx((2.3 * 0.95, 2.3))


def test_a_witness_that_does_not_agree_is_told_and_bears_nothing_out() -> None:
    state, said = heard(replace(FOUND, inputs=(2.08, 17.8)), api_refill=0.03)
    assert state.borne == {}
    assert said == ["blend: second witness api_refill does not agree, it is +0.03 1 off what was believed"]


def test_what_is_no_witness_and_what_was_not_seen_says_nothing() -> None:
    assert heard(FOUND, api=0.0, api_refill=float("nan")) == (FOUND, [])


def test_a_late_witness_bears_out_what_stood_when_its_sample_was_taken() -> None:
    state, _ = heard(replace(FOUND, inputs=(2.1, 17.8)), assay=0.01)
    assert spans(state)["api_sp"] == pytest.approx((2.02 * 0.95, 2.02 * 1.05))


class Watched(Desk):
    """Shows a loop its tags; late results of `z` bear its input out, whatever they are."""

    changes: ClassVar[Mapping[str, object]] = {
        "authority": 0.05,
        "witness": {"of": {"u": ["z"]}, "authority": 0.15, "agrees": 1e6},
    }


def test_an_input_is_borne_out_as_it_stood_over_a_horizon_and_not_in_the_moment_of_a_sample() -> None:
    desk = Watched(taken="Z_TAKEN")
    desk.state = replace(desk.state, anchors={"u": 5.0})
    for k in range(1, 101):
        if k == 100:
            desk.show("Z", 10.0)
            desk.show("Z_TAKEN", EPOCH + 72.0)
        desk.cycle(5.0, 4.5 if 70 <= k < 75 else 5.0)
    assert desk.state.borne["u"] == pytest.approx(5.0 - 0.5 * 3.0 / 50.0)
    low, high = bounds(desk.kit, desk.state)
    assert low[0] < 5.0 < high[0]


def test_amounts_are_corrected_by_whatever_the_value_is() -> None:
    loop = POLICY.loops["blend"]
    assert loop.witness is not None
    borne = loop.witness.model_copy(update={"authority": {"api_sp": 0.3, "exc_sp": 3.0}})
    told = loop.model_copy(update={"authority": {"api_sp": 0.1, "exc_sp": 1.0}, "witness": borne})
    kit = prepare(POLICY.model_copy(update={"loops": {"blend": told}})).loops["blend"]
    near_nothing = LoopState(anchors={"api_sp": 1.61, "exc_sp": 17.8}, inputs=(1.61, 17.8))
    low, high = bounds(kit, near_nothing)
    assert low == pytest.approx([1.6, 16.8])
    assert high == pytest.approx([1.71, 18.8])
    low, high = bounds(kit, replace(near_nothing, borne={"exc_sp": 20.6}))
    assert (low[1], high[1]) == pytest.approx((19.6, 20.8))


def test_before_a_take_over_nothing_is_borne_out() -> None:
    state = LoopState(inputs=(2.0, 17.8))
    assert heard(state, api_refill=0.0) == (state, [])


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        ({"api": ["assay"]}, r"loops\.blend\.witness\.of: found 'api', expected one of api_sp, exc_sp"),
        ({"api_sp": ["api_refil"]}, r"loops\.blend\.witness\.of\.api_sp\.0: found 'api_refil', expected one of api, "),
    ],
)
def test_names_that_are_not_of_the_loop_are_refused(of: dict[str, list[str]], sentence: str) -> None:
    loop = POLICY.loops["blend"]
    assert loop.witness is not None
    other = loop.witness.model_copy(update={"of": of})
    wrong: Policy = POLICY.model_copy(update={"loops": {"blend": loop.model_copy(update={"witness": other})}})
    with pytest.raises(ValueError, match=sentence):
        prepare(wrong)
