from math import inf, nan

from hypothesis import example, given
from hypothesis import strategies as st

from anomaly import Locked
from controller.cycle import Phase
from controller.guard import Fence, Permit, Refusal, guard, permit
from plant_io import Setpoint

FENCE = Fence("U", 1.0, 10.0, 0.5, 0.0)
YES = Permit(active=True, evidence=True, remote=True, held=False)
ANY = st.floats(allow_nan=True, allow_infinity=True)
INSIDE = st.floats(min_value=FENCE.low, max_value=FENCE.high)
PERIODS = st.floats(min_value=0.1, max_value=60.0)
NOTHING = Locked((), frozenset())


@example(wanted=nan, last=5.0, period_s=1.0)
@example(wanted=inf, last=5.0, period_s=1.0)
@example(wanted=-inf, last=5.0, period_s=1.0)
@given(wanted=ANY, last=INSIDE, period_s=PERIODS)
def test_from_inside_the_fence_no_wish_can_leave_it_or_jump(wanted: float, last: float, period_s: float) -> None:
    found = guard(FENCE, YES, wanted, last, period_s)
    assert isinstance(found, Refusal) or FENCE.low <= found.value <= FENCE.high
    assert isinstance(found, Refusal) or abs(found.value - last) <= FENCE.rate * period_s + 1e-12


@given(last=st.floats(min_value=-100, max_value=100))
def test_a_value_found_outside_is_walked_back(last: float) -> None:
    found = guard(FENCE, YES, 5.0, last, 1.0)
    assert isinstance(found, Setpoint)
    assert abs(found.value - 5.0) <= abs(last - 5.0)


@example(last=nan)
@example(last=inf)
@example(last=-inf)
@example(last=None)
@given(last=st.sampled_from([nan, inf, -inf, None]))
def test_without_a_read_back_nothing_is_written(last: float | None) -> None:
    assert guard(FENCE, YES, 5.0, last, 1.0) is Refusal.NO_READ_BACK


def test_numbers_that_are_none_are_not_written() -> None:
    for wanted in (nan, inf, -inf, None):
        assert guard(FENCE, YES, wanted, 5.0, 1.0) is Refusal.NOT_FINITE


def test_every_condition_is_needed() -> None:
    for missing in ("active", "evidence", "remote", "held"):
        held = missing == "held"
        allowed = Permit(
            active=missing != "active", evidence=missing != "evidence", remote=missing != "remote", held=held
        )
        assert guard(FENCE, allowed, 6.0, 5.0, 1.0) is Refusal.NOT_PERMITTED
    assert guard(FENCE, YES, 6.0, 5.0, 1.0) == Setpoint("U", 5.5)


def test_a_change_too_small_to_matter_is_not_written() -> None:
    assert guard(Fence("U", 0.0, 10.0, 0.5, 0.01), YES, 5.005, 5.0, 1.0) is Refusal.NO_CHANGE


def test_only_an_active_loop_has_a_permit() -> None:
    for phase in Phase:
        found = permit("hold", phase, NOTHING, evidence=True, remote=True)
        assert bool(found) is (phase is Phase.ACTIVE)


def test_a_locked_hold_takes_the_permit_of_its_loop_only() -> None:
    verdict = Locked((), frozenset({"other"}))
    assert permit("hold", Phase.ACTIVE, verdict, evidence=True, remote=True)
    assert not permit("other", Phase.ACTIVE, verdict, evidence=True, remote=True)


def test_a_dead_band_is_measured_to_the_wish_and_not_to_the_step_towards_it() -> None:
    fence = Fence("U", 0.0, 10.0, 0.1, 0.001, dead_band=0.3)
    assert guard(fence, YES, 5.29, 5.0, 1.0) is Refusal.NO_CHANGE
    value, written = 5.0, 0
    while isinstance(found := guard(fence, YES, 6.0, value, 1.0), Setpoint):
        value, written = found.value, written + 1
    assert found is Refusal.NO_CHANGE
    assert (round(value, 6), written) == (5.8, 8)


@given(wanted=INSIDE, last=INSIDE, dead_band=st.floats(min_value=0.0, max_value=5.0))
def test_whatever_is_written_was_further_away_than_the_dead_band(wanted: float, last: float, dead_band: float) -> None:
    found = guard(Fence("U", 1.0, 10.0, 0.5, 0.0, dead_band), YES, wanted, last, 1.0)
    assert isinstance(found, Setpoint) is (abs(wanted - last) >= dead_band)
