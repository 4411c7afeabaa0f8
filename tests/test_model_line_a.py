import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from controller.models import ControlModel, LineA, model
from controller.models.process import read
from controller.models.symbolic import Compiled, Matrix, ahead, outputs, rates, readings, vector
from plant_io.signals import Floats
from policies import load, shipped

POLICY = load(shipped("A"))
PROCESS = POLICY.files["process.json"]
U, W = np.array([2.0, 17.8]), np.array([0.2])
FED = 100 * 2.03 / 19.93
SHOWN = {"api_flow": 2.0, "exc_flow": 17.8, "api": 10.0}


def compiled(chosen: LineA, make: Callable[[ControlModel, Matrix, Matrix, Matrix], Matrix]) -> Compiled:
    x, u, w = vector("x", len(chosen.states)), vector("u", len(chosen.inputs)), vector("w", len(chosen.known))
    return Compiled([x, u, w], [make(chosen, x, u, w)])


def run(chosen: LineA, x: Floats, u: Floats, seconds: int) -> Floats:
    step = compiled(chosen, lambda m, x, u, w: ahead(m, x, u, w, 1.0))
    along = [x]
    for _ in range(seconds):
        along.append(step(along[-1], u, W)[0])
    return np.array(along)


@pytest.fixture(scope="module")
def chosen() -> LineA:
    return LineA.of(read(PROCESS))


def test_the_steady_state_stands_still_and_shows_what_was_measured(chosen: LineA) -> None:
    shown = {"api_flow": 2.03, "exc_flow": 17.7, "api": 9.7}
    x = chosen.steady(U, W, shown)
    assert compiled(chosen, rates)(x, U, W)[0] == pytest.approx(np.zeros(13), abs=1e-9)
    assert compiled(chosen, readings)(x, U, W)[0] == pytest.approx([2.03, 17.7, 9.7, 0, 0, FED, 0, 0], rel=1e-6)


def test_a_start_without_a_concentration_believes_the_feeders(chosen: LineA) -> None:
    x = chosen.steady(U, W, {"api_flow": 2.0, "exc_flow": 17.8, "api": float("nan")})
    assert compiled(chosen, outputs)(x, U, W)[0] == pytest.approx([10.0, 20.0], rel=1e-6)


def test_an_absurd_concentration_at_the_start_is_blamed_on_the_probe_and_not_in_full(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN | {"api": 0.0})
    assert (x[8], x[10]) == (0.0, -1.0)
    assert np.isfinite(chosen.steady(np.zeros(2), np.zeros(1), {})).all()


def test_gains_follow_the_mass_balance(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN)
    more_api = run(chosen, x, np.array([2.2, 17.8]), 2000)[-1]
    other_ratio = run(chosen, x, np.array([2.2, 17.6]), 2000)[-1]
    assert more_api[5] == pytest.approx(100 * 2.2 / 20.2, rel=1e-6)
    assert other_ratio[5] == pytest.approx(11.0, rel=1e-6)


def test_the_mean_time_on_the_way_is_what_the_identified_parameters_say(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN)
    c = run(chosen, x, np.array([2.002, 17.798]), 3000)[:, 5]
    mean_s = np.sum(1.0 - (c - c[0]) / (c[-1] - c[0])) - 0.5
    # The excipient's step is part of the way with its own lag, a tenth of the effect.
    lag_s = 0.9 * chosen.lag_api_s + 0.1 * chosen.lag_exc_s
    assert mean_s == pytest.approx(lag_s + sum(chosen.tanks) * 3600.0 / 20.0, rel=0.01)


def test_a_hidden_feed_error_moves_the_concentration_and_not_the_flow_readings(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN)
    x[8] = -0.04
    shown = compiled(chosen, readings)(run(chosen, x, U, 2000)[-1], U, W)[0]
    assert shown[:4] == pytest.approx([2.0, 17.8, 100 * 1.92 / 19.92, -0.04], rel=1e-6)


def test_a_wrong_probe_moves_its_reading_and_nothing_else(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN)
    x[10] = 0.1
    shown = compiled(chosen, readings)(run(chosen, x, U, 2000)[-1], U, W)[0]
    assert shown == pytest.approx([2.0, 17.8, 10.1, 0.0, 0.0, 10.0, 0.0, 0.0], abs=1e-6)


def test_what_is_fed_unseen_during_a_refill_arrives_later_and_fades(chosen: LineA) -> None:
    x = chosen.steady(U, W, SHOWN)
    x[11] = chosen.excess_api
    along = run(chosen, x, U, 900)
    # The mass fed too much is that of 10 s of the excess, and all of it passes the feed frame.
    assert np.sum(along[:, 5] - 10.0) == pytest.approx(10.0 * chosen.excess_api * 10.0 * 0.9, rel=0.1)
    assert along[-1, 5] == pytest.approx(10.0, abs=5e-3)


def test_the_nir_reading_lags_behind_the_feed_frame(chosen: LineA) -> None:
    along = run(chosen, chosen.steady(U, W, SHOWN), np.array([2.2, 17.8]), 150)
    shown = compiled(chosen, readings)(along[-1], U, W)[0][2]
    assert shown == pytest.approx(along[-1 - round(chosen.nir_delay_s), 5], abs=2e-3)
    assert shown < along[-1, 5] - 0.005


def test_a_state_vector_is_named_in_order_and_every_measurement_but_what_is_true_has_its_bias(chosen: LineA) -> None:
    assert list(chosen.states) == ["Fa", "Fe", "c1", "c2", "c3", "c4", "b_a", "b_e", "d", "e", "n", "h_a", "h_e"]
    assert chosen.biases.keys() == chosen.measured.keys() - {"assay", "api_blind", "exc_blind"}
    assert set(chosen.biases.values()) <= chosen.states.keys()
    assert chosen.start_sd.keys() == chosen.states.keys()
    assert chosen.wander_sd.keys() == chosen.states.keys() - set(chosen.biases.values())


def test_every_bias_can_be_told_from_its_measurement(chosen: LineA) -> None:
    x, u, w = vector("x", 13), vector("u", 2), vector("w", 1)
    at = chosen.steady(U, W, SHOWN)
    h = 1e-5
    step, show = Compiled([x, u, w], [ahead(chosen, x, u, w, 1.0)]), Compiled([x, u, w], [readings(chosen, x, u, w)])

    def slope(f: Compiled) -> Floats:
        return np.column_stack([(f(at + h * e, U, W)[0] - f(at - h * e, U, W)[0]) / (2 * h) for e in np.eye(13)])

    f, c = slope(step), slope(show)
    for pole in np.linalg.eigvals(f):
        if abs(pole) > 1.0 - 1e-6:  # what does not fade by itself must be seen
            seen = np.vstack([pole * np.eye(13) - f, c])
            assert np.linalg.matrix_rank(seen, tol=1e-8) == 13


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("line_x", {}, "no control model is called line_x; there are line_a, line_b"),
        ("line_a", {"model": "line_b"}, "identified parameters: found those of model line_b, wanted those of line_a"),
        ("line_a", {"seed": "x"}, "identified parameters: seed: input should be a valid integer"),
        ("line_a", {"extra": 1}, "identified parameters: extra: extra inputs are not permitted"),
    ],
)
def test_a_wrong_process_file_is_refused_in_a_sentence(name: str, change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        model(name, json.dumps(json.loads(PROCESS) | change).encode())


def test_a_missing_parameter_and_a_wrong_unit_are_named() -> None:
    told = json.loads(PROCESS)
    told["parameters"]["tank_4"]["unit"] = "g"
    with pytest.raises(ValueError, match="parameter tank_4 is given in g; the model wants it in kg"):
        model("line_a", json.dumps(told).encode())
    del told["parameters"]["tank_4"]
    with pytest.raises(ValueError, match="parameter tank_4 is missing; the model wants it in kg"):
        model("line_a", json.dumps(told).encode())


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(ValueError, match="identified parameters: not JSON"):
        model("line_a", b"\xff{")


def test_the_longest_step_follows_the_fastest_part(chosen: LineA) -> None:
    assert replace(chosen, lag_api_s=1.0).longest_step_s == 0.5
    assert model("line_a", PROCESS) == chosen
