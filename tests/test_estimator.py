from math import inf, isnan, nan
from typing import cast

import numpy as np
import pytest

from controller.estimates import Estimate
from controller.models import model
from controller.models.symbolic import Compiled, ahead, readings, vector
from controller.mpc.estimator import KalmanEstimator
from plant_io.signals import Floats
from policies import Mpc, load, shipped

POLICY = load(shipped("A"))
LOOP = cast("Mpc", POLICY.loops["blend"])
MODEL = model("line_a", POLICY.files["process.json"])
U, W = np.array([2.0, 17.8]), np.array([0.2])
SHOWN = {"api_flow": 2.0, "exc_flow": 17.8, "api": 10.0}
SYMBOLS = vector("x", 13), vector("u", 2), vector("w", 1)
STEP = Compiled(SYMBOLS, [ahead(MODEL, *SYMBOLS, 1.0)])
SHOW = Compiled(SYMBOLS, [readings(MODEL, *SYMBOLS)])


@pytest.fixture(scope="module")
def estimator() -> KalmanEstimator:
    return KalmanEstimator(MODEL, LOOP, POLICY.period_s)


def follow(
    estimator: KalmanEstimator, truth: Floats, seconds: int, *, seed: int | None = None
) -> tuple[Estimate, Floats]:
    """Follow a line that runs by the model from the state `truth`; NIR comes every 5 s."""
    rng = np.random.default_rng(seed)
    sd = np.array([0.03, 0.12, 0.14]) * (seed is not None)
    estimate, along = estimator.start(U, W, SHOWN), list[tuple[float, float]]()
    for k in range(1, seconds + 1):
        truth = STEP(truth, U, W)[0]
        seen = SHOW(truth, U, W)[0]
        shown = dict(zip(SHOWN, seen[:3] + sd * rng.standard_normal(3), strict=True))
        if k % 900 == 0:
            shown |= {"api_refill": float(seen[3]), "exc_refill": float(seen[4])}
        if k % 5:
            del shown["api"]
        estimate = estimator.step(estimate, U, W, shown)
        along.append((estimator.outputs(estimate, U, W)[0], truth[5]))
    return estimate, np.array(along)


def test_a_constant_feed_error_leaves_no_offset(estimator: KalmanEstimator) -> None:
    truth = MODEL.steady(U, W, SHOWN)
    truth[8] = -0.04
    estimate, along = follow(estimator, truth, 7200)
    assert abs(along[-1, 0] - along[-1, 1]) < 0.015
    assert estimate.x[8] == pytest.approx(-0.04, abs=2e-3)


def test_a_wrong_probe_is_told_from_a_wrong_feeder_by_the_refills(estimator: KalmanEstimator) -> None:
    truth = MODEL.steady(U, W, SHOWN)
    truth[10] = -0.3
    estimate, along = follow(estimator, truth, 7200)
    assert abs(along[-1, 0] - along[-1, 1]) < 0.02
    assert estimate.x[10] == pytest.approx(-0.3, abs=0.03)


def test_flows_that_differ_from_their_setpoints_leave_no_offset(estimator: KalmanEstimator) -> None:
    truth = MODEL.steady(U, W, SHOWN)
    truth[6:8] = -0.05, 0.3
    estimate, along = follow(estimator, truth, 7200)
    assert abs(along[-1, 0] - along[-1, 1]) < 1e-3
    assert estimator.outputs(estimate, U, W)[1] == pytest.approx(20.25, abs=1e-2)


def test_noise_is_filtered_and_the_doubt_is_honest(estimator: KalmanEstimator) -> None:
    estimate, along = follow(estimator, MODEL.steady(U, W, SHOWN), 3600, seed=1)
    off = along[600:, 0] - along[600:, 1]
    assert np.std(off) < 0.05  # one NIR reading has 0.14
    assert np.std(off) < 1.5 * np.sqrt(estimate.p[5, 5])


def test_values_that_are_not_finite_are_no_measurements(estimator: KalmanEstimator) -> None:
    start = estimator.start(U, W, SHOWN)
    without = estimator.step(start, U, W, {"exc_flow": 17.9})
    found = estimator.step(start, U, W, {"api_flow": inf, "exc_flow": 17.9, "api": nan})
    assert found == without
    assert isnan(found.innovations["api_flow"])
    assert isnan(found.innovations["api"])


def test_unusable_inputs_leave_everything_as_it_was(estimator: KalmanEstimator) -> None:
    start = estimator.start(U, W, SHOWN)
    after = estimator.step(start, np.array([nan, 17.8]), W, SHOWN)
    assert (after.x == start.x).all()
    assert (after.p == start.p).all()
    assert all(isnan(e) for e in after.innovations.values())


@pytest.mark.parametrize("wild", [1e3, -1e3, 1e150, -1e150, 1e308])
def test_a_wild_value_is_bounded(estimator: KalmanEstimator, wild: float) -> None:
    estimate, _ = follow(estimator, MODEL.steady(U, W, SHOWN), 300)
    after = estimator.step(estimate, U, W, {"api": wild})
    assert abs(estimator.outputs(after, U, W)[0] - 10.0) < 0.3
    assert after.innovations["api"] == pytest.approx(wild - 10.0, rel=1e-3)


def test_a_start_with_bad_numbers_is_finite(estimator: KalmanEstimator) -> None:
    start = estimator.start(U, W, {"api_flow": nan, "exc_flow": inf, "api": nan})
    assert np.isfinite(start.x).all()
    assert estimator.outputs(start, U, W) == pytest.approx([10.0, 20.0], rel=1e-6)


def test_innovations_are_told_for_what_was_fresh(estimator: KalmanEstimator) -> None:
    start = estimator.start(U, W, SHOWN)
    after = estimator.step(start, U, W, {"api": 10.3})
    assert after.innovations["api"] == pytest.approx(0.3, abs=1e-6)
    assert isnan(after.innovations["api_flow"])


def test_the_same_bits_come_from_the_same_bits(estimator: KalmanEstimator) -> None:
    start = estimator.start(U, W, SHOWN)
    first, again = (estimator.step(start, U, W, SHOWN | {"api": 10.1}) for _ in range(2))
    assert first == again
    assert first != start
    assert Estimate(first.x, first.p + 1e-18, first.innovations) != first


def test_doubt_stays_symmetric_and_positive_over_a_day(estimator: KalmanEstimator) -> None:
    estimate = estimator.start(U, W, SHOWN)
    for k in range(86_400):
        estimate = estimator.step(estimate, U, W, SHOWN if k % 5 == 0 else {"api_flow": 2.0, "exc_flow": 17.8})
    assert np.abs(estimate.p - estimate.p.T).max() < 1e-12
    assert np.linalg.eigvalsh(estimate.p).min() > 0.0


def test_a_policy_in_other_units_gives_the_same_filter() -> None:
    flow = LOOP.measured["api_flow"]
    declared = LOOP.measured | {"api_flow": flow.model_copy(update={"unit": "g/h", "sd": flow.sd * 1e3})}
    other = KalmanEstimator(MODEL, LOOP.model_copy(update={"measured": declared}), POLICY.period_s)
    one = KalmanEstimator(MODEL, LOOP, POLICY.period_s)
    start, shown = one.start(U, W, SHOWN), SHOWN | {"api_flow": 2.01}
    assert other.step(start, U, W, shown).x == pytest.approx(one.step(start, U, W, shown).x, rel=1e-12)
