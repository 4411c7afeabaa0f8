"""Results of analysers and laboratories enter where their samples were taken, however late and in whatever order."""

from __future__ import annotations

from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from late_plant import EPOCH, Counted, Desk, day, same

from controller import trail
from controller.models import model
from controller.mpc.estimator import KalmanEstimator
from controller.trail import Reading, Stage, Trail, Way
from policies import Mpc, load, shipped

LINE = load(shipped("A"))
BLEND = LINE.loops["blend"]
assert isinstance(BLEND, Mpc)
EKF = KalmanEstimator(model("line_a", LINE.files["process.json"]), BLEND, LINE.period_s)
U, W, SHOWN = np.array([2.0, 17.8]), np.array([0.2]), {"api_flow": 2.0, "exc_flow": 17.8, "api": 10.0}
SPAN_S, CYCLES = 30.0, 60


def reading(taken: int, value: float) -> Reading:
    return Reading(value, float(taken), float(taken))


def followed(arrivals: dict[int, dict[str, Reading]], most: int = 400) -> tuple[bytes, bytes]:
    """Return what is believed of line A after a run in which late readings arrived when `arrivals` says."""
    estimate = EKF.start(U, W, SHOWN)
    past: Trail = trail.begun(0.0, U, W, estimate)
    for k in range(1, CYCLES + 1):
        u, prompt = U * (1.0 + 0.02 * np.sin(0.3 * k)), {"api_flow": 2.0 + 0.01 * (k % 3), "exc_flow": 17.8}
        estimate = EKF.step(estimate, u, W, prompt)
        read = {name: reading(k, value) for name, value in prompt.items()}
        past = trail.extended(past, Stage(float(k), u, W, read, estimate), SPAN_S, 5)
        past = trail.entered(past, arrivals.get(k, {}))
        estimate, past = trail.caught_up(estimate, past, arrivals.get(k, {}), Way(EKF, 5, most))
    for _ in range(CYCLES):
        estimate, past = trail.caught_up(estimate, past, {}, Way(EKF, 5, most))
    return estimate.x.tobytes(), estimate.p.tobytes()


SAMPLES = st.dictionaries(st.integers(1, CYCLES - 1), st.tuples(st.integers(0, int(SPAN_S)), st.floats(9.0, 11.0)))


@settings(max_examples=60, deadline=None)
@given(SAMPLES, st.sampled_from([2, 3, 7, 400]))
def test_whatever_the_order_in_which_results_come_what_is_believed_is_as_if_each_had_come_at_once(
    samples: dict[int, tuple[int, float]], most: int
) -> None:
    arrivals = dict[int, dict[str, Reading]]()
    kept = dict[int, float]()
    for taken, (delay, value) in samples.items():
        at = min(taken + delay, CYCLES)
        if at not in arrivals:  # an instrument shows one result at a time
            arrivals[at], kept[taken] = {"api": reading(taken, value)}, value
    prompt = {taken: {"api": reading(taken, value)} for taken, value in kept.items()}
    assert followed(arrivals, most) == followed(prompt)


def run(delay: int, **words: str) -> Desk:
    """Go through a run in which a sample is taken every 20 s and its result is shown `delay` seconds later."""
    desk = Desk(**words)
    results = {k + delay: k for k in range(20, 120, 20)}
    desk.show("Z", 10.0, EPOCH)
    desk.show("Z_TAKEN", EPOCH - 20.0)
    desk.show("Z_CLOCK", EPOCH / 60.0)
    for k, (y, u) in enumerate(day(160, seed=1), 1):
        if k in results:
            taken = EPOCH + results[k]
            source = taken if words.get("taken") == "source" else None
            desk.show("Z", 10.0 + 0.2 * np.sin(results[k]), source)
            desk.show("Z_TAKEN", taken)
        desk.show("Z_CLOCK", (EPOCH + k) / 60.0)
        desk.cycle(y, u)
    return desk


@pytest.mark.parametrize(
    "words",
    [
        {"taken": "Z_TAKEN"},
        {"taken": "Z_TAKEN", "clock": "Z_CLOCK"},
        {"taken": "source"},
        {"age": "30s"},
        {"taken": "Z_TAKEN", "oldest": "31s"},
    ],
)
def test_a_result_that_comes_late_counts_as_if_it_had_come_at_once(words: dict[str, str]) -> None:
    late = run(30, **words)
    assert late.said == []
    assert same(late, run(0))
    assert not same(late, run(30))


def counted(delay: int) -> Desk:
    """Go through a run whose samples of two seconds a tag counts, one of which is lost."""
    desk = Counted(taken="source")
    results = {k + delay: k for k in range(20, 120, 20)}
    desk.show("Z", 10.0, EPOCH)
    for k, (y, u) in enumerate(day(160, seed=12), 1):
        if k in results:
            desk.show("Z", 10.0 + 0.2 * np.sin(results[k]), EPOCH + results[k])
        if k not in {70, 71}:
            desk.show("COUNT", float(k // 2))
        desk.cycle(y, u)
    return desk


def test_it_is_so_too_where_a_tag_counts_the_samples() -> None:
    assert same(counted(32), counted(0))


def test_samples_that_are_counted_faster_than_declared_lose_no_memory() -> None:
    desk = Counted(taken="source")
    desk.show("Z", 10.0, EPOCH)
    for k, (y, u) in enumerate(day(40, seed=14), 1):
        desk.show("COUNT", float(k if k < 30 else 3 * k))
        desk.cycle(y, u)
    ends = [stage.at for stage in desk.state.trail]
    assert ends[0] == EPOCH + 1.0
    assert ends[-1] == desk.at
    assert ends == sorted(set(ends))


def test_without_late_results_nothing_is_remembered() -> None:
    desk = run(0)
    assert desk.kit.memory is None
    assert desk.state.trail == ()


def test_the_memory_is_bounded_and_of_old_steps_few_keep_their_estimates() -> None:
    desk = run(30, taken="Z_TAKEN", oldest="64s")
    kept = [stage.estimate is not None for stage in desk.state.trail]
    assert len(kept) <= 64 + 9
    assert all(kept[-8:])
    assert sum(kept[:-8]) <= 9
    assert desk.state.trail[0].at < desk.at - 64.0


def test_a_result_hours_late_is_worked_in_over_several_cycles() -> None:
    late, at_once = Desk(taken="Z_TAKEN", oldest="1h"), Desk(taken="Z_TAKEN", oldest="1h")
    agreed = list[int]()
    for k, (y, u) in enumerate(day(1010, seed=13), 1):
        for desk, shown in ((late, 1000), (at_once, 100)):
            if k == shown:
                desk.show("Z", 10.5)
                desk.show("Z_TAKEN", EPOCH + 100.0)
            desk.cycle(y, u)
        agreed += [k] if same(late, at_once) else []
    assert agreed == [*range(1, 100), *range(1002, 1011)]


def test_results_that_come_faster_than_they_are_worked_in_do_not_hold_each_other_up() -> None:
    estimate = EKF.start(U, W, SHOWN)
    past: Trail = trail.begun(0.0, U, W, estimate)
    found, sizes = list[int](), list[int]()
    for k in range(1, 301):
        estimate = EKF.step(estimate, U, W, {})
        past = trail.extended(past, Stage(float(k), U, W, {}, estimate), 60.0, 8)
        late = {"api": reading(k - 60, 10.0)} if k > 60 else {}
        past = trail.entered(past, late)
        estimate, past = trail.caught_up(estimate, past, late, Way(EKF, 8, 20))
        if k > 60 and estimate.innovations["api"] == estimate.innovations["api"]:
            found.append(k)
        sizes.append(len(past))
    assert max(sizes) <= 60 + 8 + 4
    used = [stage.at for stage in past if "api" in stage.readings and not stage.stale]
    assert max(used) >= 300 - 60 - 4


def test_a_result_that_is_shown_again_counts_once() -> None:
    once, again = Desk(taken="Z_TAKEN"), Desk(taken="Z_TAKEN")
    for desk in (once, again):
        for k, (y, u) in enumerate(day(60, seed=2), 1):
            shows = {5: (10.0, 0.0), 20: (10.4, 10.0), 30: (9.8, 25.0)} | ({40: (10.4, 10.0)} if desk is again else {})
            if k in shows:
                desk.show("Z", shows[k][0])
                desk.show("Z_TAKEN", EPOCH + shows[k][1])
            desk.cycle(y, u)
    assert same(once, again)


def test_a_result_waits_for_the_time_of_its_sample() -> None:
    torn, whole = Desk(taken="Z_TAKEN"), Desk(taken="Z_TAKEN")
    for desk, later in ((torn, 2), (whole, 0)):
        for k, (y, u) in enumerate(day(40, seed=3), 1):
            if k == 1:
                desk.show("Z", 10.0)
                desk.show("Z_TAKEN", EPOCH)
            if k == 20:
                desk.show("Z", 10.5)
            if k == 20 + later:
                desk.show("Z_TAKEN", EPOCH + 12.0)
            desk.cycle(y, u)
    assert same(torn, whole)


def test_a_result_older_than_permitted_is_not_used_and_that_is_said() -> None:
    old, none = Desk(taken="Z_TAKEN", oldest="20s"), Desk(taken="Z_TAKEN", oldest="20s")
    for desk in (old, none):
        for k, (y, u) in enumerate(day(60, seed=4), 1):
            if k == 50 and desk is old:
                desk.show("Z", 12.0)
                desk.show("Z_TAKEN", EPOCH + 10.0)
            desk.cycle(y, u)
    assert old.said == ["hold: Z not used, its sample is 40 s old, older than the 20s permitted"]
    assert same(old, none)


def test_a_result_from_before_the_start_is_not_used_and_that_is_said() -> None:
    desk = Desk(taken="Z_TAKEN")
    for k, (y, u) in enumerate(day(30, seed=5), 1):
        if k == 10:
            desk.show("Z", 12.0)
            desk.show("Z_TAKEN", EPOCH - 30.0)
        desk.cycle(y, u)
    assert desk.said == ["hold: Z not used, its sample was taken before the loop began to estimate"]


def test_a_result_from_the_future_is_not_used_and_that_is_said() -> None:
    desk = Desk(taken="Z_TAKEN")
    for k, (y, u) in enumerate(day(30, seed=5), 1):
        if k == 10:
            desk.show("Z", 12.0)
            desk.show("Z_TAKEN", EPOCH + 3610.0)
        desk.cycle(y, u)
    assert desk.said == ["hold: Z not used, its sample was taken 3600 s from now, clocks differ"]


def test_a_clock_of_the_device_makes_its_difference_from_ours_good() -> None:
    def shifted(by: float) -> Desk:
        desk = Desk(taken="Z_TAKEN", clock="Z_CLOCK")
        for k, (y, u) in enumerate(day(60, seed=6), 1):
            if k in {1, 40}:
                desk.show("Z", 10.0 + 0.01 * k)
                desk.show("Z_TAKEN", by + EPOCH + k - 15.0)
            desk.show("Z_CLOCK", (by + EPOCH + k) / 60.0)
            desk.cycle(y, u)
        assert desk.said == []
        return desk

    assert shifted(0.0).estimate.x == pytest.approx(shifted(-86_400.0 - EPOCH).estimate.x, abs=1e-9)


def test_a_loop_does_not_wait_for_a_first_late_result() -> None:
    desk = Desk(age="5m")
    desk.cycle(5.0, 5.0)
    assert desk.state.estimate is not None
    assert Desk().state.estimate is None


def test_a_result_already_there_at_the_start_belongs_to_it_and_does_not_come_again() -> None:
    desk = Desk(taken="Z_TAKEN")
    desk.show("Z", 10.0)
    desk.show("Z_TAKEN", EPOCH - 100.0)
    for y, u in day(20, seed=7):
        desk.show("Z", 10.0)
        desk.cycle(y, u)
    assert desk.said == []
    assert not any("z" in stage.readings for stage in desk.state.trail)


def test_a_result_is_told_with_what_was_expected_of_its_sample() -> None:
    desk = Desk(taken="Z_TAKEN")
    for k, (y, u) in enumerate(day(30, seed=8), 1):
        if k == 20:
            desk.show("Z", 30.0)
            desk.show("Z_TAKEN", EPOCH + 10.0)
        desk.cycle(y, u)
        assert isnan(desk.estimate.innovations["z"]) == (k != 20)


def test_a_result_whose_time_cannot_be_read_waits_for_it() -> None:
    waits, at_once = Desk(taken="Z_TAKEN"), Desk(taken="Z_TAKEN")
    for desk in (waits, at_once):
        for k, (y, u) in enumerate(day(40, seed=9), 1):
            if k == 20:
                desk.show("Z", 10.5)
                desk.show("Z_TAKEN", EPOCH + 12.0)
            desk.bad = {"Z_TAKEN"} if desk is waits and 20 <= k < 30 else set()
            desk.cycle(y, u)
    assert same(waits, at_once)


def test_a_clock_that_is_set_back_begins_the_memory_anew() -> None:
    desk = Desk(age="10s")
    for y, u in day(30, seed=10):
        desk.cycle(y, u)
    desk.at -= 3600.0
    for y, u in day(30, seed=11):
        desk.cycle(y, u, Z=10.0)
    assert desk.state.trail[0].at > EPOCH - 3600.0
    assert np.isfinite(desk.estimate.x).all()
