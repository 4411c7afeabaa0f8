"""The control model of line B: its balances, its gains, its identified parameters, and what it makes of a bad day."""

from collections.abc import Callable

import numpy as np
import pytest

from controller.models import ControlModel, LineB
from controller.models.identify_b import identify
from controller.models.process import read
from controller.models.symbolic import Compiled, Matrix, ahead, outputs, rates, readings, vector
from controller.models.vapour import saturated
from hil import commissioning_b
from hil.rig.play import in_memory
from hil.scenario import Scenario
from plant_io.signals import Floats
from policies import load, shipped

POLICY = load(shipped("B"))
PROCESS = read(POLICY.files["process.json"])
U, W = np.array([0.25, 53.0, 700.0]), np.array([3.0, 12.0, 360.0, 0.008])
SHOWN = {"lod": 2.3, "d50": 400.0, "bed": 38.5, "inlet": 53.2, "liquid": 3.6, "wet": 440.0}


def compiled(chosen: LineB, make: Callable[[ControlModel, Matrix, Matrix, Matrix], Matrix]) -> Compiled:
    x, u, w = vector("x", len(chosen.states)), vector("u", len(chosen.inputs)), vector("w", len(chosen.known))
    return Compiled([x, u, w], [make(chosen, x, u, w)])


@pytest.fixture(scope="module")
def chosen() -> LineB:
    return LineB.of(PROCESS)


def at_rest(chosen: LineB, u: Floats, w: Floats = W, shown: dict[str, float] | None = None) -> tuple[float, float]:
    x = chosen.steady(u, w, shown or {})
    lod, size = compiled(chosen, outputs)(x, u, w)[0].tolist()
    return lod, size


def test_the_steady_state_stands_still_and_shows_what_was_measured(chosen: LineB) -> None:
    x = chosen.steady(U, W, SHOWN)
    assert compiled(chosen, rates)(x, U, W)[0] == pytest.approx(np.zeros(len(chosen.states)), abs=1e-9)
    assert compiled(chosen, readings)(x, U, W)[0] == pytest.approx(list(SHOWN.values()), rel=1e-6)


def test_a_start_from_nothing_is_finite(chosen: LineB) -> None:
    assert np.isfinite(chosen.steady(np.zeros(3), np.zeros(4), {"lod": float("nan")})).all()


@pytest.mark.parametrize(
    ("change", "lod", "size"),
    [
        ((0.02, 0.0, 0.0), 0.553, 33.0),
        ((0.0, 5.0, 0.0), -0.652, 0.0),
        ((0.0, 0.0, 100.0), 0.0, -9.5),
    ],
)
def test_gains_are_those_of_the_step_tables_within_a_half(
    chosen: LineB, change: tuple[float, float, float], lod: float, size: float
) -> None:
    before, after = at_rest(chosen, U), at_rest(chosen, U + np.array(change))
    assert after[0] - before[0] == pytest.approx(lod, rel=0.5, abs=0.03)
    assert after[1] - before[1] == pytest.approx(size, rel=0.5, abs=0.1)


def test_humid_air_makes_wetter_granules(chosen: LineB) -> None:
    damp = at_rest(chosen, U, np.array([3.0, 12.0, 360.0, 0.012]))[0]
    assert damp - at_rest(chosen, U)[0] == pytest.approx(0.695, rel=0.5)


def test_the_water_that_leaves_the_powder_is_in_the_air(chosen: LineB) -> None:
    x = chosen.steady(U, W, {})
    powder = 15.001 / 3600.0
    air = chosen.air * 360.0 / 3600.0 * 353.1 / (53.0 + 273.15) / 1.008
    taken_up = powder * (x[0] - x[3])
    assert 0.0 < taken_up / air < float(saturated(x[5])) - 0.008  # type: ignore[arg-type]  # a number, not a symbol


@pytest.mark.parametrize(("celsius", "kg_per_kg"), [(10.0, 0.00767), (25.0, 0.02009), (40.0, 0.04914)])
def test_saturated_air_is_that_of_the_tables_within_a_hundredth(celsius: float, kg_per_kg: float) -> None:
    assert saturated(celsius) == pytest.approx(kg_per_kg, rel=0.01)  # type: ignore[arg-type]  # a number, not a symbol


def test_a_state_vector_is_named_in_order_and_every_measurement_has_its_bias(chosen: LineB) -> None:
    assert list(chosen.states)[-6:] == list(chosen.biases.values())
    assert chosen.biases.keys() == chosen.measured.keys()
    assert chosen.start_sd.keys() == chosen.states.keys()
    assert chosen.wander_sd.keys() == chosen.states.keys() - set(chosen.biases.values())


def test_every_bias_can_be_told_from_its_measurement(chosen: LineB) -> None:
    at, h = chosen.steady(U, W, SHOWN), 1e-6
    step, show = compiled(chosen, lambda m, x, u, w: ahead(m, x, u, w, 1.0)), compiled(chosen, readings)

    def slope(f: Compiled) -> Floats:
        return np.column_stack([(f(at + h * e, U, W)[0] - f(at - h * e, U, W)[0]) / (2 * h) for e in np.eye(14)])

    f, c = slope(step), slope(show)
    for pole in np.linalg.eigvals(f):
        if abs(pole) > 1.0 - 1e-6:  # what does not fade by itself must be seen
            seen = np.vstack([pole * np.eye(14) - f, c])
            assert np.linalg.matrix_rank(seen, tol=1e-7) == 14


def test_the_identified_parameters_predict_what_they_were_not_fitted_to() -> None:
    report = PROCESS.report
    assert report["lod"].rmse < 0.3
    assert report["d50"].rmse < 20.0
    assert (report["bed"].rmse, report["inlet"].rmse) < (0.8, 0.4)
    assert report["api"].rmse < 0.15


@pytest.mark.slow
def test_the_shipped_parameters_are_what_the_script_makes() -> None:
    again = identify(commissioning_b.record(PROCESS.seed), commissioning_b.NOISE, PROCESS.seed, PROCESS.how)
    assert again.parameters.keys() == PROCESS.parameters.keys()
    for name, one in again.parameters.items():
        assert one.value == pytest.approx(PROCESS.parameters[name].value, rel=1e-3), name


def test_the_path_of_the_api_alone_is_identified_where_that_is_asked_for() -> None:
    steps = [commissioning_b.Step(), commissioning_b.Step(api=3.3, exc=11.7)]
    found = identify(commissioning_b.record(1, steps=steps), commissioning_b.NOISE, 1, "a step", whole=False)
    tanks = [parameter.value for parameter in found.parameters.values()]
    assert (found.model, found.report.keys()) == ("path", {"api"})
    assert sum(tanks) == pytest.approx(1.85, rel=0.25)


@pytest.mark.slow
def test_moisture_and_size_are_held_through_a_front_and_a_lot_better_than_left_alone() -> None:
    told: dict[str, object] = {
        "scenario": 1,
        "title": "A weather front, then a lot that wets badly",
        "line": "B",
        "for": "70m",
        "faults": [
            {"id": "F30", "target": "DRY", "after": "15m"},
            {"id": "F20", "target": "TSG", "after": "40m", "magnitude": -0.12},
        ],
        "assertions": {},
    }
    alone = in_memory(Scenario.model_validate(told), POLICY, 101)
    orders = {"orders": [{"after": "3m", "mode": "auto"}]}
    held = in_memory(Scenario.model_validate(told | orders), POLICY, 101)
    assert held.missed == 0
    for name in ("lod", "d50"):
        assert held.kpis[name]["rmse"] < 0.6 * alone.kpis[name]["rmse"], name  # type: ignore[index]  # a figure of a loop
    assert held.kpis["lod"]["in_spec_fraction"] == 1.0  # type: ignore[index]  # a figure of a loop
