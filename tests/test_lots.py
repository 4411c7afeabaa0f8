"""What the lot tells of the next batch, when results are censored, rounded, late or strange."""

from __future__ import annotations

import json
from math import inf, sqrt

import numpy as np
import pytest

from anomaly.lots import Batch, Covariate, LotForecast, LotModel, LotSeen, Part, covariance, likelihood, middle, taught
from anomaly.lots_fit import fitted
from benchmarks import impurity_tablets, tablets
from benchmarks.impurity_tablets import SHARE

PARTS = (Part(sd=1.0), Part(of=("product",), sd=0.10), Part(of=("product", "lot"), sd=0.06), Part(along="age", sd=0.02))
AGES = {"age": Covariate(centre=6.0, scale=6.0)}
PLAIN = LotModel(parts=PARTS, covariates=AGES, noise=0.02)


def batches(n: int, *, lots_of: int = 6, seed: int = 1) -> tuple[list[Batch], list[float]]:
    """Two products, a lot every few batches, each of some age; the truth drawn as the model says."""
    rng = np.random.default_rng(seed)
    products = {name: rng.normal(0.3, 0.10) for name in "XY"}
    lots: dict[tuple[str, str], float] = {}
    made, values = list[Batch](), list[float]()
    for i in range(n):
        product, lot, age = "XY"[i % 2], str(i // (2 * lots_of)), float(rng.uniform(0.0, 12.0))
        effect = lots.setdefault((product, lot), float(rng.normal(0.0, 0.06)))
        made.append(Batch(str(i), float(i), {"product": product, "lot": lot}, {"age": age}))
        values.append(products[product] + effect + 0.015 * (age - 6.0) / 6.0 + float(rng.normal(0.0, 0.02)))
    return made, values


def run(model: LotModel, made: list[Batch], values: list[float]) -> list[LotSeen]:
    forecast = LotForecast(model)
    return [forecast.take(batch, value) for batch, value in zip(made, values, strict=True)]


def test_without_censoring_the_forecast_is_the_best_linear_one() -> None:
    made, values = batches(40)
    seen = run(PLAIN.model_copy(update={"clip": 1e9}), made, values)
    whole = covariance(PLAIN, made)
    for i in (1, 17, 39):
        weights = np.linalg.solve(whole[:i, :i], whole[:i, i])
        assert seen[i].expected.mean == pytest.approx(float(weights @ np.array(values[:i])), abs=1e-9)
        assert seen[i].expected.sd == pytest.approx(sqrt(whole[i, i] - float(weights @ whole[:i, i])), rel=1e-6)


def test_a_known_lot_tells_its_next_batch_and_a_new_lot_is_told_from_its_product() -> None:
    made, values = batches(61)
    forecast = LotForecast(PLAIN)
    for batch, value in zip(made, values, strict=True):
        forecast.take(batch, value)
    known = forecast.foretell(made[-1])
    new = forecast.foretell(Batch("n", 61.0, {"product": "X", "lot": "new"}, {"age": 6.0}))
    assert known.sd < 0.03
    assert 0.05 < new.sd < 0.075


def test_the_limit_keeps_the_share_that_was_promised() -> None:
    made, values = batches(900, seed=4)
    seen = run(PLAIN.model_copy(update={"share": 0.05}), made, values)
    assert 0.03 < np.mean([one.above for one in seen[200:]]) < 0.07


def test_no_limit_is_set_from_too_few_results() -> None:
    made, values = batches(100)
    assert all(one.expected.limit == inf for one in run(PLAIN.model_copy(update={"share": 0.005}), made, values))


@pytest.mark.parametrize(
    ("low", "high"), [(-inf, -1.0), (-inf, 2.0), (-0.3, 0.2), (1.0, 1.5), (-2.5, -2.0), (0.5, inf)]
)
def test_the_mean_between_two_ends_is_that_of_many_draws(low: float, high: float) -> None:
    draws = np.random.default_rng(3).standard_normal(2_000_000)
    held = draws[(draws > low) & (draws < high)]
    mean, lost = middle(low, high)
    assert mean == pytest.approx(held.mean(), abs=5e-3)
    assert 1.0 - lost == pytest.approx(held.var(), abs=5e-3)
    assert likelihood(low, high) == pytest.approx(np.log(len(held) / len(draws)), abs=0.03)


def test_a_result_under_the_limit_teaches_nothing_where_it_was_expected_there_anyway() -> None:
    assert taught(-inf, 6.0, PLAIN) == pytest.approx((0.0, 0.0), abs=1.1e-3)
    share, white = taught(-inf, -2.0, PLAIN)
    assert 0.9 < share < 1.0
    assert -3.0 <= white < -2.0


def test_a_lot_under_the_limit_does_not_make_the_smallest_step_above_it_an_alarm() -> None:
    model = LotModel(parts=(Part(sd=0.1), Part(of=("lot",), sd=0.03)), noise=0.01, loq=0.05, step=0.01)
    forecast = LotForecast(model)
    for i in range(40):
        forecast.take(Batch(str(i), i, {"lot": "A"}), 0.05)
    seen = forecast.judge(Batch("41", 41, {"lot": "A"}), 0.06)
    assert seen.z < 3.5
    assert forecast.foretell(Batch("41", 41, {"lot": "A"})).sd > 0.011


def test_rounding_is_not_taken_for_a_value() -> None:
    made, values = batches(400, seed=7)
    fine, coarse = (run(PLAIN.model_copy(update={"step": s}), made, values) for s in (0.0, 0.05))
    rough = [round(value / 0.05) * 0.05 for value in values]
    known = run(PLAIN.model_copy(update={"step": 0.05}), made, rough)
    assert np.std([one.z for one in known[100:]]) < np.std([one.z for one in run(PLAIN, made, rough)[100:]])
    assert len(fine) == len(coarse)


def test_a_strange_batch_does_not_teach_its_lot_all_it_shows() -> None:
    made, values = batches(60)
    forecast = LotForecast(PLAIN)
    for batch, value in zip(made, values, strict=True):
        forecast.take(batch, value)
    before = forecast.foretell(made[-1])
    strange = forecast.take(made[-1], values[-1] + 2.0)
    assert strange.z > 50.0
    assert forecast.foretell(made[-1]).mean - before.mean < 0.03


def test_what_was_expected_when_a_batch_was_made_may_be_kept_until_its_result_comes() -> None:
    made, values = batches(30)
    forecast = LotForecast(PLAIN)
    for batch, value in zip(made[:20], values[:20], strict=True):
        forecast.take(batch, value)
    then = forecast.foretell(made[25])
    for batch, value in zip(made[20:25], values[20:25], strict=True):
        forecast.take(batch, value)
    assert forecast.judge(made[25], values[25], then).expected == then
    assert forecast.foretell(made[25]).sd < then.sd


def test_the_size_of_effects_is_found_from_results() -> None:
    made, values = batches(300, seed=5)
    guess = PLAIN.model_copy(update={"noise": 0.05, "parts": tuple(p.model_copy(update={"sd": 0.1}) for p in PARTS)})
    found = fitted(guess, made, values)
    assert found.noise == pytest.approx(0.02, rel=0.15)
    assert found.parts[2].sd == pytest.approx(0.06, rel=0.4)
    with pytest.raises(ValueError, match="found 5 batches to fit"):
        fitted(guess, made[:5], values[:5])


def test_the_same_numbers_give_the_same_limits() -> None:
    made, values = batches(80)
    again = LotModel.model_validate_json(PLAIN.model_dump_json())
    assert run(PLAIN, made, values) == run(again, made, values)


@pytest.mark.slow
@pytest.mark.skipif(tablets.folder() is None, reason="no development data; set STEADYLINE_DATA")
def test_on_real_batches_the_lot_tells_what_rules_on_values_alone_do_not() -> None:
    root = tablets.folder()
    assert root is not None
    ours, rivals, _ = impurity_tablets.figures(root, tries=60)
    assert _number(ours["detected_010"]) >= 0.76
    assert _number(ours["flagged"]) <= 0.024
    assert SHARE < 0.024
    assert _number(ours["l_median_batches"]) <= 3.0
    assert _number(ours["l_false_per_550"]) <= 4.0
    for one in rivals.values():
        worse = one.get("detected_010") or 0.0
        assert worse < _number(ours["detected_010"])
    assert json.dumps(rivals, allow_nan=False)


def _number(found: float | None) -> float:
    assert found is not None
    return found
