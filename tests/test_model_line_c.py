"""Line C's control model: what it says of the simulated line, how it was identified, and the loop closed with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

from controller.models import ControlModel
from controller.models.identify_c import identify
from controller.models.line_c import LineC
from controller.models.line_c_feed import IMPURITIES, MOVING
from controller.models.process import read
from controller.models.symbolic import Compiled, Matrix, ahead, outputs, rates, readings, vector
from hil import commissioning_c
from hil.plants import line_c as plant
from hil.rig.play import in_memory
from hil.scenario import Scenario
from plant_io.signals import Floats
from policies import load, shipped

POLICY = load(shipped("C"))
PROCESS = read(POLICY.files["process.json"])
U, W = np.array([1.4, 60.0, 1.0, 60.0, 12.0]), np.array([30.0, 12.0, 18.0])
SHOWN = {
    "coil": 60.1, "bed": 59.8, "hydrogen": 12.05, "flow_sm": 30.1, "flow_amine": 11.9, "flow_ethanol": 18.2,
    "ftir_sm": 19.0, "ftir_nitro": 350.0, "sm": 4.6, "imp_a": 3.8, "imp_b": 4.3, "nitro": 0.1, "imp_h": 0.07,
    "imp_c": 0.08, "imp_d": 0.14,
}  # fmt: skip
SETPOINTS = ("EQ_SP", "R1.T_SP", "Q_SP", "R2.T_SP", "R2.PH2_SP")


def compiled(chosen: LineC, make: Callable[[ControlModel, Matrix, Matrix, Matrix], Matrix]) -> Compiled:
    x, u, w = vector("x", len(chosen.states)), vector("u", len(chosen.inputs)), vector("w", len(chosen.known))
    return Compiled([x, u, w], [make(chosen, x, u, w)])


@pytest.fixture(scope="module")
def chosen() -> LineC:
    return LineC.of(PROCESS)


def at_rest(chosen: LineC, u: Floats, w: Floats = W) -> dict[str, float]:
    found = compiled(chosen, outputs)(chosen.steady(u, w, {}), u, w)[0]
    return dict(zip(chosen.controlled, found.tolist(), strict=True))


@cache
def plant_at_rest(u: tuple[float, ...]) -> Mapping[str, float]:
    """Return the truth of the line that was commissioned, without noise, 40 min after a change of its setpoints."""
    line = plant.LineC(PROCESS.seed, noise=0.0)
    for _ in range(2400):
        line.step(1.0, {**plant.NOMINAL, **dict(zip(SETPOINTS, u, strict=True))})
    return line.truth()


def test_the_steady_state_stands_still_and_shows_what_was_measured(chosen: LineC) -> None:
    x = chosen.steady(U, W, SHOWN)
    assert compiled(chosen, rates)(x, U, W)[0] == pytest.approx(np.zeros(len(chosen.states)), abs=1e-9)
    assert compiled(chosen, readings)(x, U, W)[0] == pytest.approx([SHOWN[n] for n in chosen.measured], rel=1e-3)


def test_a_start_from_nothing_is_finite(chosen: LineC) -> None:
    assert np.isfinite(chosen.steady(np.zeros(5), np.zeros(3), {"sm": float("nan")})).all()


def test_at_usual_setpoints_the_model_shows_the_line_it_was_identified_on_within_a_tenth(chosen: LineC) -> None:
    true, model = plant_at_rest(tuple(U.tolist())), at_rest(chosen, U)
    for name in IMPURITIES:
        assert model[name] == pytest.approx(true[name], rel=0.1, abs=0.005), name


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ((0.1, 0.0, 0.0, 0.0, 0.0), ("sm", "imp_b")),
        ((0.0, 5.0, 0.0, 0.0, 0.0), ("sm", "imp_b")),
        ((0.0, 0.0, 0.1, 0.0, 0.0), ("sm", "imp_b", "nitro", "imp_h", "imp_c", "imp_d")),
        ((0.0, 0.0, 0.0, 5.0, 0.0), ("nitro", "imp_h", "imp_c", "imp_d")),
        ((0.0, 0.0, 0.0, 0.0, -4.0), ("nitro", "imp_h", "imp_c")),
    ],
)
def test_gains_are_those_of_the_line_it_was_identified_on_within_a_third(
    chosen: LineC, change: tuple[float, ...], names: tuple[str, ...]
) -> None:
    after = U + np.array(change)
    true = [plant_at_rest(tuple(u.tolist())) for u in (U, after)]
    model = [at_rest(chosen, u) for u in (U, after)]
    for name in names:
        gain = true[1][name] - true[0][name]
        assert model[1][name] - model[0][name] == pytest.approx(gain, rel=0.33, abs=0.003), name


def test_the_pyrrolidine_that_is_gone_is_in_the_products(chosen: LineC) -> None:
    x = dict(zip(chosen.states, chosen.steady(U, W, {}).tolist(), strict=True))
    fed, amine = 400.0, 560.0
    bound = (fed - x["S3"]) + x["B3"]  # one in each molecule that reacted, another in each bis adduct
    assert amine - x["N3"] == pytest.approx(bound, abs=0.05)


def test_throughput_changes_the_residence_time_and_not_the_mixture(chosen: LineC) -> None:
    more = np.array([1.4, 60.0, 1.2, 60.0, 12.0])
    shown = [dict(zip(chosen.measured, compiled(chosen, readings)(chosen.steady(u, W, {}), u, W)[0], strict=True)) for u in (U, more)]  # fmt: skip  # noqa: E501  # two states side by side
    for flow in ("flow_sm", "flow_amine", "flow_ethanol"):
        assert shown[1][flow] == pytest.approx(1.2 * shown[0][flow], rel=1e-4)
    assert shown[1]["sm"] > shown[0]["sm"]


def test_a_state_vector_is_named_in_order_and_every_measurement_has_its_bias(chosen: LineC) -> None:
    assert list(chosen.states)[len(MOVING) :] == list(chosen.biases.values())
    assert chosen.biases.keys() == chosen.measured.keys()
    assert chosen.start_sd.keys() == chosen.states.keys()
    assert chosen.wander_sd.keys() == chosen.states.keys() - set(chosen.biases.values())


def test_every_bias_can_be_told_from_its_measurement(chosen: LineC) -> None:
    n, at = len(chosen.states), chosen.steady(U, W, SHOWN)
    step, show = compiled(chosen, lambda m, x, u, w: ahead(m, x, u, w, 60.0)), compiled(chosen, readings)

    def slope(f: Compiled) -> Floats:
        h = 1e-5 * np.maximum(np.abs(at), 1.0)
        return np.column_stack([(f(at + d * e, U, W)[0] - f(at - d * e, U, W)[0]) / (2 * d) for d, e in zip(h, np.eye(n), strict=True)])  # fmt: skip  # noqa: E501  # one derivative

    f, c = slope(step), slope(show)
    seen = np.vstack([np.eye(n) - f, c / np.abs(c).max(axis=1, keepdims=True)])
    assert np.linalg.matrix_rank(seen, tol=1e-6) == n  # what does not fade by itself must be seen


def test_the_identified_parameters_predict_what_they_were_not_fitted_to() -> None:
    report = PROCESS.report
    assert report["sm"].rmse < 0.2
    assert report["imp_b"].rmse < 0.15
    assert (report["nitro"].rmse, report["imp_h"].rmse, report["imp_c"].rmse, report["imp_d"].rmse) < (0.02,) * 4
    assert min(report[name].r2 for name in ("sm", "imp_b", "nitro", "imp_h", "imp_c", "imp_d")) > 0.9


@pytest.mark.slow
def test_the_shipped_parameters_are_what_the_script_makes() -> None:
    again = identify(commissioning_c.record(PROCESS.seed), commissioning_c.NOISE, PROCESS.seed, PROCESS.how)
    assert again.parameters.keys() == PROCESS.parameters.keys()
    for name, one in again.parameters.items():
        assert one.value == pytest.approx(PROCESS.parameters[name].value, rel=1e-3), name


@pytest.mark.slow
def test_impurities_are_held_through_a_weak_amine_pump_better_than_left_alone() -> None:
    told: dict[str, object] = {
        "scenario": 1,
        "title": "The pump of the amine loses a twelfth",
        "line": "C",
        "for": "80m",
        "faults": [{"id": "F60", "target": "P2", "after": "40m", "magnitude": 0.08}],
        "assertions": {},
    }
    orders: dict[str, object] = {"orders": [{"after": "5m", "mode": "auto"}]}
    runs = {bool(more): in_memory(Scenario.model_validate(told | more), POLICY, 101).truth for more in ({}, orders)}

    def within(name: str, limit: float, *, led: bool) -> float:
        truth = runs[led]
        return float(np.mean(truth[name][truth["time"] > 2400.0] <= limit))

    assert within("sm", 5.0, led=True) > within("sm", 5.0, led=False) + 0.5
    assert within("imp_b", 4.6, led=True) > 0.8
    assert within("imp_d", 0.2, led=True) > within("imp_d", 0.2, led=False) + 0.5
