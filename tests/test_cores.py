"""Mechanistic cores: physics that is sound, parameters that can be identified, a start with few labels."""

from __future__ import annotations

import numpy as np
import pytest
from hybrids import samples

from controller.models.line_b import PARAMETERS, LineB
from controller.models.process import read
from controller.models.rest_b import Dryer, Fed, moistures
from controller.soft.cores import CORES
from controller.soft.few import simulated, together
from controller.soft.hybrid_fit import identified
from controller.soft.recipes import Plan
from controller.soft.samples import Samples, check
from policies import shipped

LINE_B = {
    "liquid_flow": 3.75,
    "api_flow": 3.0,
    "exc_flow": 12.0,
    "inlet": 53.0,
    "air": 360.0,
    "humidity": 0.008,
    "speed": 700.0,
    "wet": 465.0,
    "fill": 180.0,
}
LINE_C = {
    "flow_sm": 30.0,
    "flow_amine": 12.0,
    "flow_ethanol": 18.0,
    "coil": 60.0,
    "bed": 60.0,
    "hydrogen": 12.0,
    "nitro": 0.1,
    "activity": 1.0,
}
LINE_A = {"mass": 200.0, "gap": 3.0, "lubricant": 0.2, "total": 20.0}


def value(core: str, **changed: float) -> float:
    usual = {**LINE_A, **LINE_B, **LINE_C} | changed
    known = CORES[core]
    inputs = {name: np.array([usual[name]]) for name, one in known.inputs.items() if one.needed}
    return float(known({name: one.guess for name, one in known.unknowns.items()}, inputs)["value"][0])


def test_the_two_zones_at_rest_are_the_control_model_at_rest() -> None:
    found = read((shipped("b").parent / "process.json").read_bytes())
    model = LineB.of(found)
    x = model.steady(np.array([0.25, 53.0, 700.0]), np.array([3.0, 12.0, 360.0, 0.008]), {})
    numbers = {name: found.number(name, PARAMETERS[name]) for name in ("air", "critical", "equilibrium")}
    one = [np.array([v]) for v in (0.25, 15.0, 53.0, 360.0, 0.008)]
    moisture, warm = moistures(Dryer(**numbers), Fed(*one))
    assert float(moisture[0]) == pytest.approx(float(x[3]), abs=1e-5)
    assert float(warm[0]) == pytest.approx(float(x[5]), abs=1e-2)


@pytest.mark.parametrize(
    ("core", "changed", "rises"),
    [
        ("two_zone", {"liquid_flow": 4.2}, True),
        ("two_zone", {"inlet": 58.0}, False),
        ("two_zone", {"air": 400.0}, False),
        ("two_zone", {"humidity": 0.012}, True),
        ("per_cell", {"liquid_flow": 4.2}, True),
        ("per_cell", {"inlet": 48.0}, True),
        ("per_cell", {"humidity": 0.012}, True),
        ("power_law", {"liquid_flow": 4.2}, True),
        ("power_law", {"speed": 800.0}, False),
        ("milled", {"wet": 520.0}, True),
        ("milled", {"liquid_flow": 4.2}, True),
        ("milled", {"inlet": 58.0}, False),
        ("feeders", {"api_flow": 3.2}, True),
        ("coil", {"coil": 66.0}, True),
        ("coil", {"flow_amine": 14.0}, True),
        ("bed", {"nitro": 0.3}, False),
        ("bed", {"hydrogen": 16.0}, False),
        ("isomer", {"flow_amine": 14.0}, True),
        ("bis", {"coil": 66.0}, True),
        ("bis", {"flow_amine": 14.0}, True),
        ("reduced", {"activity": 0.5}, True),
        ("reduced", {"hydrogen": 16.0}, False),
        ("reduced", {"bed": 65.0}, False),
        ("stripped", {"activity": 0.5}, False),
        ("stripped", {"bed": 65.0}, True),
        ("stripped", {"flow_sm": 36.0}, False),
    ],
)
def test_every_core_answers_in_the_right_direction(core: str, changed: dict[str, float], rises: bool) -> None:  # noqa: FBT001
    assert (value(core, **changed) > value(core)) is rises


@pytest.mark.parametrize("core", CORES)
def test_many_rows_at_once_are_what_each_is_by_itself(core: str) -> None:
    known, rng = CORES[core], np.random.default_rng(3)
    usual = {**LINE_A, **LINE_B, **LINE_C}
    inputs = {n: usual[n] * rng.uniform(0.95, 1.05, 5) for n, one in known.inputs.items() if one.needed}
    guesses = {name: one.guess for name, one in known.unknowns.items()}
    whole = known(guesses, inputs)["value"]
    alone = [float(known(guesses, {n: v[i : i + 1] for n, v in inputs.items()})["value"][0]) for i in range(5)]
    assert whole.tolist() == pytest.approx(alone, rel=1e-12)


def test_parameters_are_found_again_from_labels_without_error() -> None:
    core, drawn = CORES["power_law"], {"size": 430.0, "by_liquid": 1.3, "by_speed": 0.2}
    rng = np.random.default_rng(4)
    inputs = {
        "liquid_flow": rng.uniform(3.0, 4.5, 30),
        "api_flow": np.full(30, 3.0),
        "exc_flow": rng.uniform(11.0, 13.0, 30),
        "speed": rng.uniform(550.0, 850.0, 30),
    }
    labels = core(dict(drawn), inputs)["value"]
    at = np.arange(30.0)
    from_labels = identified(Plan("power_law", ("parallel",)), Samples(inputs, labels, at, at))
    assert from_labels["size"].value == pytest.approx(430.0, rel=0.01)
    assert from_labels["by_liquid"].value == pytest.approx(1.3, rel=0.05)
    assert from_labels["size"].sd < 20.0


def test_the_milled_size_is_a_power_of_the_wet_one_and_is_found_again_with_the_toughness_of_damp_granules() -> None:
    core, drawn = CORES["milled"], {"size": 430.0, "by_wet": 0.75, "tougher": 0.03}
    rng = np.random.default_rng(6)
    names = [name for name, one in core.inputs.items() if one.needed]
    inputs = {name: LINE_B[name] * rng.uniform(0.85, 1.15, 40) for name in names}
    labels = core(dict(drawn), inputs)["value"]
    dried = core({**drawn, "tougher": 0.0}, inputs)["value"]
    assert dried.tolist() == pytest.approx((430.0 * (inputs["wet"] / 500.0) ** 0.75).tolist())
    at = np.arange(40.0)
    found = identified(Plan("milled", ("parallel",)), Samples(inputs, labels, at, at))
    assert {name: found[name].value for name in drawn} == pytest.approx(drawn, rel=0.1)


def test_simulated_samples_are_labelled_by_the_core_alone_and_seeded() -> None:
    ranges = {
        name: (0.9 * LINE_B[name], 1.1 * LINE_B[name]) for name, one in CORES["two_zone"].inputs.items() if one.needed
    }
    one, two = (simulated("two_zone", ranges, 60, np.random.default_rng(8)) for _ in range(2))
    assert one.labels.tolist() == two.labels.tolist()
    assert np.isfinite(one.labels).all()
    assert float(np.std(one.labels)) > 0.1
    both = together(one, samples(8), 3)
    assert both.n == 60 + 24
    assert set(both.inputs) == set(ranges)
    with pytest.raises(ValueError, match="the core two_zone wants ranges of air"):
        simulated("two_zone", {n: span for n, span in ranges.items() if n != "air"}, 60, np.random.default_rng(8))


def test_samples_that_go_back_in_time_are_refused() -> None:
    found = samples(8)
    with pytest.raises(ValueError, match="found a label known before its sample 1 was taken"):
        check(Samples(found.inputs, found.labels, found.at, found.at - 1.0), "two_zone")
