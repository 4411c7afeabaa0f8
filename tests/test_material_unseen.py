"""What a feeder fed while it could not tell is doubted by the flow that it shows afterwards."""

from __future__ import annotations

from math import inf

import pytest
from test_material import STEADY, doubt, kit, run

from controller.material.track import Tracked
from policies.material import Blind

SHOWN = 17.8
"""Flow of excipient before [kg/h]."""
BLIND_S = 20


def words() -> Blind:
    found = kit().declared.feeds["exc"].blind
    assert found is not None
    return found


WORDS = words()


def refilled(after: float | None, for_s: int = 20) -> list[Tracked]:
    """Return cycles after the excipient was refilled, in which it shows a flow [kg/h], from the last blind one on."""
    blind = run(BLIND_S, run(5, STEADY, at=1500.0)[-1].state, at=1505.0, FDR_EXC__MODE=0.0, FDR_EXC__F_PV=SHOWN)
    return [blind[-1], *run(for_s, blind[-1].state, at=1525.0, FDR_EXC__F_PV=after)]


def told(cycles: list[Tracked]) -> list[str]:
    return [event.what for one in cycles for event in one.events if "fed between" in event.what]


def test_a_flow_that_is_another_after_a_refill_leaves_what_was_fed_meanwhile_in_doubt() -> None:
    same, fallen, risen = refilled(SHOWN), refilled(14.8), refilled(20.8)
    taken = SHOWN * (1.0 + WORDS.excess)
    less, more = (0.5 * abs(shown - taken) / 3600.0 * (BLIND_S + 20) * 0.1 for shown in (14.8, 20.8))

    assert told(same) == []
    assert doubt(fallen[-1]) - doubt(same[-1]) == pytest.approx(less, rel=0.25)
    assert doubt(risen[-1]) - doubt(same[-1]) == pytest.approx(more, rel=0.25)


def test_it_is_said_once_with_both_flows() -> None:
    (said,) = told(refilled(14.8))

    what = "exc showed 17.8 kg/h until it could not tell, 14.8 kg/h after"
    assert said == f"material: {what}; what it fed between is doubted"


@pytest.mark.parametrize(
    ("share", "news"),
    [
        (-3.5 * WORDS.sd, True),
        (-2.5 * WORDS.sd, False),
        (WORDS.excess, False),
        (WORDS.excess + 2.5 * WORDS.sd, False),
        (WORDS.excess + 3.5 * WORDS.sd, True),
    ],
)
def test_a_flow_that_a_refill_may_make_of_it_is_no_news(share: float, *, news: bool) -> None:
    assert len(told(refilled(SHOWN * (1.0 + share)))) == news


def test_doubt_grows_with_the_flow_that_comes_to_light_and_never_falls_back() -> None:
    low = refilled(14.8, for_s=5)
    back = run(10, low[-1].state, at=1530.0, FDR_EXC__F_PV=SHOWN)
    memory = low[-1].state.unseen[1]
    kept = back[-1].state.unseen[1]

    assert memory is not None
    assert kept is not None
    assert kept.doubted_kg == memory.doubted_kg > 0.0


def test_a_flow_that_changes_once_the_reading_has_found_its_value_says_nothing_of_the_refill() -> None:
    settled = refilled(SHOWN, for_s=int(WORDS.settle_s) + 2)
    later = run(20, settled[-1].state, at=1560.0, FDR_EXC__F_PV=14.8)

    assert settled[-1].state.unseen[1] is None
    assert told(later) == []


def test_a_flow_that_cannot_be_read_says_nothing() -> None:
    assert told(refilled(None)) == []


def test_what_it_shows_while_it_cannot_tell_is_not_what_it_showed_before() -> None:
    first = run(1, run(5, STEADY, at=1500.0)[-1].state, at=1505.0, FDR_EXC__MODE=0.0)
    drifting = run(BLIND_S, first[-1].state, at=1506.0, FDR_EXC__MODE=0.0, FDR_EXC__F_PV=14.8)

    assert len(told(run(5, drifting[-1].state, at=1526.0, FDR_EXC__F_PV=14.8))) == 1


def test_the_next_refill_begins_anew_and_one_that_lasts_is_remembered_from_its_beginning() -> None:
    during = run(BLIND_S, STEADY, at=1500.0, FDR_EXC__MODE=0.0)
    again = run(3, run(3, during[-1].state, at=1520.0)[-1].state, at=1523.0, FDR_EXC__MODE=0.0)
    one, other = during[-1].state.unseen[1], again[-1].state.unseen[1]

    assert one is not None
    assert other is not None
    assert (one.since, one.until) == (1500.0, inf)
    assert (other.since, other.until) == (1523.0, inf)


def test_feeds_that_can_always_tell_are_never_doubted() -> None:
    after = run(5, STEADY, at=1500.0, FDR_LUB__F_PV=0.1)

    assert after[-1].state.unseen == (None, None, None)


def test_a_policy_names_how_long_the_reading_takes() -> None:
    assert Blind.model_validate({"tag": "X", "shows": 0, "sd": 0.02, "settle": "30s"}).settle_s == 30.0
    assert Blind.model_validate({"tag": "X", "shows": 0, "sd": 0.02}).settle_s == 20.0
