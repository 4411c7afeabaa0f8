"""Moving-horizon estimation: the least squares of a window, within bounds, late results and all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from scipy.optimize import lsq_linear
from test_estimator import LOOP, MODEL, POLICY, SHOW, SHOWN, STEP, U, W
from test_policies_rules import GOOD, said

from controller import trail
from controller.believe import believe
from controller.estimates import Estimate
from controller.kit import LoopKit, loop
from controller.models import ControlModel, Expression, Symbols
from controller.models.symbolic import Compiled, ahead, casadi, readings, vector
from controller.mpc.estimator import KalmanEstimator
from controller.mpc.mhe import MovingHorizon
from controller.state import LoopState
from controller.trail import Reading, Stage, Trail
from plant_io import Quality, Sample, Snapshot, TagIndex
from plant_io.signals import Floats
from policies import Measured, Mpc, load, shipped
from policies.estimating import EkfSettings, MheSettings

EKF = KalmanEstimator(MODEL, LOOP, 1.0)
SD = np.array([0.03, 0.12, 0.14])


def horizon(**words: object) -> MovingHorizon:
    return MovingHorizon(MODEL, LOOP, MheSettings.model_validate(words), 1.0, EKF)


def lived(seconds: int, seed: int, span_s: float, wild: Mapping[int, float] | None = None) -> tuple[Trail, Estimate]:
    """Return what is remembered of a line that runs by the model, and what the filter believes of it."""
    rng, truth = np.random.default_rng(seed), MODEL.steady(U, W, SHOWN)
    truth[8] = -0.04
    estimate = EKF.start(U, W, SHOWN)
    past = trail.begun(0.0, U, W, estimate)
    for k in range(1, seconds + 1):
        truth = STEP(truth, U, W)[0]
        shown = dict(zip(SHOWN, (SHOW(truth, U, W)[0][:3] + SD * rng.standard_normal(3)).tolist(), strict=True))
        shown = shown if k % 5 == 0 else {name: value for name, value in shown.items() if name != "api"}
        shown |= {"api": wild[k]} if wild and k in wild else {}
        estimate = EKF.step(estimate, U, W, shown)
        past = trail.extended(past, stage(k, U, W, shown, estimate), span_s, 5)
    return past, estimate


def stage(k: int, u: Floats, w: Floats, shown: Mapping[str, float], estimate: Estimate) -> Stage:
    return Stage(float(k), u, w, {name: Reading(value, float(k), float(k)) for name, value in shown.items()}, estimate)


def least_squares(window: Trail) -> Floats:
    """Return the last state of the path that fits a window best, by Gauss and Newton on all states at once."""
    symbols = vector("x", 13), vector("u", 2), vector("w", 1)
    then = ahead(MODEL, *symbols, 1.0)
    step = Compiled(symbols, [then, casadi().jacobian(then, symbols[0])])
    show = Compiled(symbols, [readings(MODEL, *symbols), casadi().jacobian(readings(MODEL, *symbols), symbols[0])])
    arrival = window[0].estimate
    assert arrival is not None
    gained = {state: LOOP.measured[name].bias_sd or 0.0 for name, state in MODEL.biases.items()}
    wander = np.array([gained.get(s, MODEL.wander_sd.get(s, 0.0)) for s in MODEL.states])
    m = len(wander)
    sharp, first = 1.0 / (wander * np.sqrt(1.0 / 60.0)), np.linalg.cholesky(np.linalg.inv(arrival.p)).T
    n = len(window)
    path = np.tile(arrival.x, (n, 1))
    for _ in range(6):
        rows, off = [np.hstack([first, np.zeros((m, m * (n - 1)))])], [first @ (arrival.x - path[0])]
        for k in range(1, n):
            moved, slope = step(path[k - 1], U, W)
            row = np.zeros((m, m * n))
            row[:, m * k : m * k + m], row[:, m * k - m : m * k] = np.diag(sharp), -sharp[:, None] * slope
            rows.append(row)
            off.append(sharp * (moved - path[k]))
            shown, seen = show(path[k], U, W)
            for i, name in enumerate(MODEL.measured):
                if name in window[k].readings:
                    row = np.zeros((1, m * n))
                    row[0, m * k : m * k + m] = seen[i] / SD[i]
                    rows.append(row)
                    off.append(np.array([(window[k].readings[name].value - shown[i]) / SD[i]]))
        path = path + np.linalg.lstsq(np.vstack(rows), np.concatenate(off), rcond=None)[0].reshape(n, m)
    return np.asarray(path[-1], np.float64)


def weighed(smoother: MovingHorizon, past: Trail) -> tuple[Floats, Floats]:
    found = smoother.weighed(past)
    assert found is not None
    return found


def test_it_finds_the_least_squares_of_the_whole_window() -> None:
    past, _ = lived(12, seed=1, span_s=60.0)
    assert weighed(horizon(horizon="12s", iterations=6), past)[0] == pytest.approx(
        least_squares(past), rel=1e-7, abs=1e-8
    )


def test_where_the_model_bends_little_it_believes_what_the_filter_believes() -> None:
    past, filtered = lived(600, seed=2, span_s=130.0)
    x, p = weighed(horizon(horizon="2m"), past)
    assert (np.abs(x - filtered.x) < 0.02 * np.sqrt(np.diag(filtered.p))).all()
    assert p == pytest.approx(filtered.p, rel=0.02, abs=2e-4)


def test_a_wild_reading_in_the_window_does_little() -> None:
    quiet, _ = lived(300, seed=3, span_s=70.0)
    wild, _ = lived(300, seed=3, span_s=70.0, wild={290: 1e4})
    off = weighed(horizon(horizon="1m"), wild)[0] - weighed(horizon(horizon="1m"), quiet)[0]
    assert 0.0 < abs(off[5]) < 0.1


def test_equal_windows_give_equal_bits_and_what_is_no_number_gives_nothing() -> None:
    past, _ = lived(60, seed=4, span_s=40.0)
    one, two = (weighed(horizon(horizon="30s"), past) for _ in range(2))
    assert one[0].tobytes() == two[0].tobytes()
    assert one[1].tobytes() == two[1].tobytes()
    spoilt = tuple(replace(each, inputs=each.inputs * np.nan) for each in past)
    assert horizon(horizon="30s").weighed(spoilt) is None


class Tank:
    """A lag that is never below zero, and what shows it, exactly linear."""

    states: Mapping[str, str] = {"level": "1", "off": "1"}
    inputs: Mapping[str, str] = {"u": "1"}
    known: Mapping[str, str] = {}
    measured: Mapping[str, str] = {"level": "1"}
    controlled: Mapping[str, str] = {"level": "1"}
    biases: Mapping[str, str] = {"level": "off"}
    start_sd: Mapping[str, float] = {"level": 0.5, "off": 0.1}
    wander_sd: Mapping[str, float] = {"level": 0.5}
    longest_step_s: float = 1.0
    lowest: Mapping[str, float] = {"level": 0.0}

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        del w
        return (u[0] - x[0]) / 10.0, 0.0

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        del u, w
        return (x[0],)

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        del u, w
        return (x[0] + x[1],)

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        del w, measured
        return np.array([u[0], 0.0])


class Free(Tank):
    """The same without a bound."""

    lowest: Mapping[str, float] = {}


MEASURED = Measured.model_validate({"tag": "Y", "unit": "1", "sd": 0.3, "bias_sd": 0.05})
TANK = LOOP.model_copy(update={"measured": {"level": MEASURED}})


def emptied(model: ControlModel, seed: int) -> tuple[KalmanEstimator, Trail, Estimate]:
    """Return what is remembered of a tank that runs empty, behind an instrument that shows too little."""
    ekf, rng, none = KalmanEstimator(model, TANK, 1.0), np.random.default_rng(seed), np.zeros(0)
    estimate = ekf.start(np.array([0.2]), none, {"level": 0.2})
    past = trail.begun(0.0, np.array([0.2]), none, estimate)
    for k in range(1, 41):
        u, shown = np.array([0.2 if k < 10 else 0.0]), {"level": -0.3 + 0.1 * float(rng.standard_normal())}
        estimate = ekf.step(estimate, u, none, shown)
        past = trail.extended(past, stage(k, u, none, shown, estimate), 100.0, 5)
    return ekf, past, estimate


def bounded_least_squares(window: Trail) -> Floats:
    """Return the last state of the path of the tank that fits a window best and is nowhere below zero."""
    arrival, n, fade = window[0].estimate, len(window), 0.0
    assert arrival is not None
    fade = 1.0 - 0.1 + 0.1**2 / 2.0 - 0.1**3 / 6.0 + 0.1**4 / 24.0  # the rule of Runge and Kutta on this lag
    root = np.linalg.cholesky(np.linalg.inv(arrival.p)).T
    rows, wanted = [np.hstack([root, np.zeros((2, 2 * n - 2))])], [root @ arrival.x]
    for k in range(1, n):
        row = np.zeros((3, 2 * n))
        row[0, [2 * k, 2 * k - 2]] = np.array([1.0, -fade]) / (0.5 / np.sqrt(60.0))
        row[1, [2 * k + 1, 2 * k - 1]] = np.array([1.0, -1.0]) / (0.05 / np.sqrt(60.0))
        row[2, [2 * k, 2 * k + 1]] = 1.0 / 0.3
        rows.append(row)
        moved = (1.0 - fade) * window[k].inputs[0] / (0.5 / np.sqrt(60.0))
        wanted.append(np.array([moved, 0.0, window[k].readings["level"].value / 0.3]))
    low = np.tile([0.0, -np.inf], n)
    low[0] = -np.inf  # the window begins at what the filter believed
    found = lsq_linear(np.vstack(rows), np.concatenate(wanted), (low, np.inf), method="bvls", tol=1e-14, max_iter=1000)
    return np.asarray(found.x[-2:], np.float64)


def test_on_a_linear_model_it_is_the_filter() -> None:
    ekf, past, filtered = emptied(Free(), seed=5)
    x, p = weighed(MovingHorizon(Free(), TANK, MheSettings(), 1.0, ekf), past)
    assert x == pytest.approx(filtered.x, abs=1e-9)
    assert p == pytest.approx(filtered.p, abs=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_no_state_is_below_its_least_value_and_the_others_fit_best_beside_it(seed: int) -> None:
    ekf, past, filtered = emptied(Tank(), seed)
    x, _ = weighed(MovingHorizon(Tank(), TANK, MheSettings(iterations=10), 1.0, ekf), past)
    assert filtered.x[0] < -0.01
    assert x[0] >= 0.0
    assert x == pytest.approx(bounded_least_squares(past), abs=1e-5)


def line_a(**estimator: object) -> tuple[LoopKit, TagIndex]:
    """Return the loop of line A, with a near-infrared result that comes late, and its tags."""
    measured = dict(LOOP.measured) | {"api": LOOP.measured["api"].model_copy(update={"taken": "source"})}
    settings = MheSettings.model_validate({"horizon": "40s", **estimator})
    declared = LOOP.model_copy(update={"measured": measured, "estimator": settings})
    return loop("blend", declared, POLICY), TagIndex.of(POLICY)


def believed(delay: int) -> list[bytes]:
    """Return what is believed whenever a problem is due, of a line whose results come with a delay."""
    kit, index = line_a()
    rng, state, found = np.random.default_rng(6), LoopState(), list[bytes]()
    given = {**dict(zip(kit.read_backs.values(), U.tolist(), strict=True)), kit.declared.known["lub_flow"]: 0.2}
    results = (10.0 + 0.1 * rng.standard_normal(200)).tolist()
    for k in range(1, 100):
        at, shown = (
            1e6 + k,
            {name: SHOWN[name] + 0.02 * float(rng.standard_normal()) for name in ("api_flow", "exc_flow")},
        )
        tags = given | {kit.declared.measured[name].tag: value for name, value in shown.items()}
        samples = {tag: Sample(value, Quality.GOOD, at, at) for tag, value in tags.items()}
        samples |= {kit.declared.measured[n].tag: Sample(0.0, Quality.GOOD, at, at) for n in ("api_blind", "exc_blind")}
        last = max((k - delay) // 10 * 10, 0)
        samples[kit.declared.measured["api"].tag] = Sample(results[last], Quality.GOOD, 1e6 + last, at)
        due = k % 10 == 5
        state = replace(state, next_at=at if due else at + 100.0)
        state, events = believe(kit, Snapshot.empty(at, index).extended(samples), state)
        assert events == ()
        assert state.estimate is not None
        found += [state.estimate.x.tobytes()] if due and k > 30 else []
    return found


def test_late_results_count_as_if_they_had_come_at_once() -> None:
    assert believed(delay=4) == believed(delay=0)
    assert believed(delay=7) != believed(delay=0)


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("ekf", []),
        ("mhe", []),
        ("{kind: mhe, horizon: 2m, iterations: 3, arrival: 0.5}", []),
        ("ukf", ["loops.blend.estimator: found 'ukf', expected ekf or mhe, alone or with settings"]),
        (
            "{kind: mhe, horizon: 300}",
            ["loops.blend.estimator.horizon: found 300, expected a duration such as 500ms, 10s, 5m or 8h"],
        ),
        (
            "{kind: mhe, iterations: 0}",
            ["loops.blend.estimator.iterations: found 0, expected a whole number from 1 to 10"],
        ),
        ("{kind: ekf, horizon: 2m}", ["loops.blend.estimator.horizon: unknown key; known are kind"]),
        ("{kind: mhe, horizon: 2h}", ["loops.blend.estimator.horizon: found 2h, expected at most 1800 cycles, 30m"]),
    ],
)
def test_an_estimator_is_named_or_described(written: str, sentences: list[str]) -> None:
    assert said(GOOD.replace("max_solve: 2s", f"max_solve: 2s\n    estimator: {written}")) == sentences


def test_a_line_that_names_no_estimator_has_the_filter_and_remembers_nothing() -> None:
    line_b = load(shipped("b"))
    declared = cast("Mpc", line_b.loops["granulation"])
    kit = loop("granulation", declared, line_b)
    assert declared.estimator == EkfSettings()
    assert (kit.memory, kit.smoother) == (None, None)


def test_a_window_that_no_period_has_time_for_is_refused_with_what_it_takes() -> None:
    slow = MheSettings.model_validate({"kind": "mhe", "horizon": "25m", "iterations": 10})
    policy = load(shipped("C"))
    told = policy.loops["synthesis"].model_copy(update={"estimator": slow})
    with pytest.raises(
        ValueError, match=r"estimator: found a window of 25m, gone through 10 times, .* about \d\.?\d* s"
    ):
        loop("synthesis", cast("Mpc", told), policy)


def test_what_a_window_takes_grows_with_its_length_and_with_how_often_it_is_gone_through() -> None:
    short, long = horizon(horizon="1m").takes_s, horizon(horizon="10m").takes_s
    assert long == pytest.approx(10.0 * short)
    assert horizon(horizon="1m", iterations=10).takes_s > 3.0 * short
    assert 0.015 < horizon(horizon="5m").takes_s < 0.06  # 25 ms were measured
