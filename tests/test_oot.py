"""Methods for results out of trend: each against a formula or a published number that the method does not share."""

from __future__ import annotations

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from anomaly.oot import limits, serial, several
from anomaly.oot.methods import METHODS, judge
from anomaly.oot.pooling import pooled
from anomaly.oot.study import Row, Settings, lines
from policies.charts import Chart

AGES = (0.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0)


def study(
    slopes: tuple[float, ...], starts: tuple[float, ...], *, noise: float = 0.01, seed: int = 1, odd: float = 0.0
) -> list[Row]:
    """Batches over age; `odd` is added to the newest result of the last one."""
    rng = np.random.default_rng(seed)
    rows = [
        Row(batch=f"B{i}", age=age, values={"imp": start + slope * age + float(rng.normal(0.0, noise))})
        for i, (slope, start) in enumerate(zip(slopes, starts, strict=True))
        for age in AGES
    ]
    last = rows[-1]
    return [*rows[:-1], last.model_copy(update={"values": {"imp": last.values["imp"] + odd}})]


def settings(method: str, tested: tuple[str, ...] = ("B5",), **more: object) -> Settings:
    return Settings.model_validate({"method": method, "columns": ("imp",), "tested": tested} | more)


SAME = study((0.005,) * 6, (0.10,) * 6)
ODD = study((0.005,) * 6, (0.10,) * 6, odd=0.08)


def table(rows: list[Row], *, tested: bool) -> tuple[np.ndarray, np.ndarray]:
    mine = [row for row in rows if (row.batch == "B5") is tested]
    return np.array([row.age for row in mine], float), np.array([row.values["imp"] for row in mine])


def test_the_regression_chart_is_the_prediction_interval_of_a_line() -> None:
    x, y = table(SAME, tested=False)
    fit = stats.linregress(x, y)
    s = sqrt(sum((y - fit.intercept - fit.slope * x) ** 2) / (len(x) - 2))
    out = judge(SAME, settings("regression", coverage=0.95))
    for one in out.held:
        half = stats.t.ppf(0.975, len(x) - 2) * s
        half *= sqrt(1.0 + 1.0 / len(x) + (one.age - x.mean()) ** 2 / (len(x) * x.var()))
        expected = fit.intercept + fit.slope * one.age
        assert (one.low, one.expected, one.high) == pytest.approx((expected - half, expected, expected + half))


def test_z_limits_are_so_many_residual_standard_deviations() -> None:
    x, y = table(SAME, tested=False)
    s = sqrt(np.polyfit(x, y, 1, full=True)[1][0] / (len(x) - 2))
    one = judge(SAME, settings("regression", limits="z", z=2.5)).held[3]
    assert one.high - one.expected == pytest.approx(2.5 * s)


@pytest.mark.parametrize(("side", "factor"), [("both", 2.217), ("high", 1.8752)], ids=["two sides", "one side"])
def test_tolerance_factors_are_those_of_the_handbook(side: str, factor: float) -> None:
    # NIST/SEMATECH e-Handbook of Statistical Methods, 7.2.6.3: 43 values, 90 % of the population, 99 % confidence.
    told = settings("regression", limits="tolerance", side=side, coverage=0.90, confidence=0.99)
    assert limits.reach(told, 42, 1.0 / 43.0) == pytest.approx(factor, abs=2e-3)


def test_the_chart_by_time_point_is_that_of_its_age_alone() -> None:
    past = np.array([row.values["imp"] for row in SAME if row.age == 12.0 and row.batch != "B5"])
    one = next(one for one in judge(SAME, settings("time_point", coverage=0.99)).held if one.age == 12.0)
    half = stats.t.ppf(0.995, 4) * past.std(ddof=1) * sqrt(1.2)
    assert (one.low, one.high) == pytest.approx((past.mean() - half, past.mean() + half))


def test_an_age_that_history_does_not_have_is_said_and_not_judged() -> None:
    rows = [*SAME, Row(batch="B5", age=36.0, values={"imp": 9.0})]
    out = judge(rows, settings("time_point"))
    assert all(one.age < 36.0 for one in out.held)
    assert "B5 at 36 mo: 0 results of the history; it is not judged." in out.notes


def test_the_slope_chart_judges_the_slope_so_far() -> None:
    steep = study((0.005,) * 5 + (0.012,), (0.10,) * 6)
    out = judge(steep, settings("slope"))
    past = [np.polyfit(AGES[:5], [r.values["imp"] for r in steep if r.batch == f"B{i}"][:5], 1)[0] for i in range(5)]
    one = next(one for one in out.held if one.age == 12.0)
    own = np.polyfit(AGES[:5], [r.values["imp"] for r in steep if r.batch == "B5"][:5], 1)[0]
    assert (one.value, one.expected) == pytest.approx((own, np.mean(past)))
    assert one.high == pytest.approx(np.mean(past) + stats.t.ppf(0.995, 4) * np.std(past, ddof=1) * sqrt(1.2))
    assert out.out


@pytest.mark.parametrize("method", ["regression", "time_point", "random_coefficients"])
def test_one_odd_result_is_out_of_trend_and_the_rest_is_not(method: str) -> None:
    assert not judge(SAME, settings(method)).out
    assert [one.age for one in judge(ODD, settings(method)).held if one.out] == [24.0]


def rss(columns: list[np.ndarray], y: np.ndarray) -> float:
    weights = np.linalg.lstsq(np.column_stack(columns), y, rcond=None)[0]
    return float(((y - np.column_stack(columns) @ weights) ** 2).sum())


@pytest.mark.parametrize(
    ("slopes", "starts", "model"),
    [
        ((0.005,) * 3, (0.10,) * 3, "one line"),
        ((0.005,) * 3, (0.10, 0.13, 0.16), "common slope"),
        ((0.003, 0.006, 0.009), (0.10,) * 3, "separate lines"),
    ],
)
def test_q1e_pools_as_far_as_the_tests_at_a_quarter_allow(
    slopes: tuple[float, ...], starts: tuple[float, ...], model: str
) -> None:
    rows = study(slopes, starts, seed=4)
    found, of_slopes, of_intercepts = pooled(lines(rows, settings("q1e", ()), tested=False))
    x, y = (np.array([row.age if k else row.values["imp"] for row in rows], float) for k in (1, 0))
    which = [np.array([row.batch == f"B{i}" for row in rows], float) for i in range(3)]
    full, common = rss([*which, *(w * x for w in which)], y), rss([*which, x], y)
    single = rss([np.ones(len(x)), x], y)
    f_slopes = (common - full) / 2.0 / (full / (len(y) - 6))
    f_starts = (single - common) / 2.0 / (common / (len(y) - 4))
    assert (of_slopes.ratio, of_slopes.chance) == pytest.approx((f_slopes, stats.f.sf(f_slopes, 2, len(y) - 6)))
    assert (of_intercepts.ratio, of_intercepts.chance) == pytest.approx((f_starts, stats.f.sf(f_starts, 2, len(y) - 4)))
    assert found.model == model


def test_the_shelf_life_is_where_the_confidence_limit_meets_the_criterion() -> None:
    rows = study((0.005,) * 3, (0.10,) * 3, seed=4)
    out = judge(rows, settings("q1e", ("B2",), accept_high=0.25))
    x, y = np.array([row.age for row in rows], float), np.array([row.values["imp"] for row in rows])
    slope, start = np.polyfit(x, y, 1)
    s2 = ((y - start - slope * x) ** 2).sum() / (len(x) - 2)
    t2s2, spread = stats.t.ppf(0.95, len(x) - 2) ** 2 * s2, ((x - x.mean()) ** 2).sum()
    # (c - a - b x)^2 = t^2 s^2 (1/n + (x - m)^2/S), the smaller root
    roots = np.roots(
        [
            slope**2 - t2s2 / spread,
            -2.0 * slope * (0.25 - start) + 2.0 * t2s2 * x.mean() / spread,
            (0.25 - start) ** 2 - t2s2 * (1.0 / len(x) + x.mean() ** 2 / spread),
        ]
    )
    assert out.numbers["shelf life [mo]"] == pytest.approx(min(roots), rel=1e-9)
    assert not out.out
    assert judge(rows, settings("q1e", ("B2",), accept_high=0.25, proposed=36.0)).out
    assert any("ICH Q1E proposes no more than 36 mo" in note for note in out.notes)


def test_a_criterion_that_is_never_met_gives_no_end() -> None:
    rows = study((-0.005,) * 3, (0.40,) * 3)
    assert judge(rows, settings("q1e", ("B2",), accept_high=1.0)).numbers["shelf life [mo]"] == inf


def test_random_coefficients_of_balanced_batches_have_a_closed_form() -> None:
    rng = np.random.default_rng(3)
    slopes = tuple((0.005 + 0.002 * rng.standard_normal(12)).tolist())
    starts = tuple((0.10 + 0.03 * rng.standard_normal(12)).tolist())
    rows = study(slopes, starts, seed=5)
    numbers = judge(rows, settings("random_coefficients", ("B11",))).numbers
    z = np.column_stack([np.ones(len(AGES)), AGES])
    inverse = np.linalg.inv(z.T @ z)
    y = np.array([[r.values["imp"] for r in rows if r.batch == f"B{i}"] for i in range(11)])
    own = y @ z @ inverse
    within2 = ((y - own @ z.T) ** 2).sum() / (11 * (len(AGES) - 2))
    between = np.cov(own.T) - within2 * inverse
    assert numbers["intercept [%]"] == pytest.approx(own[:, 0].mean())
    assert numbers["slope [%/mo]"] == pytest.approx(own[:, 1].mean())
    assert numbers["standard deviation of intercepts [%]"] == pytest.approx(sqrt(between[0, 0]), rel=1e-3)
    assert numbers["standard deviation of slopes [%/mo]"] == pytest.approx(sqrt(between[1, 1]), rel=1e-3)
    assert numbers["standard deviation about the line of the batch [%]"] == pytest.approx(sqrt(within2), rel=1e-3)


def test_a_result_strange_for_its_own_batch_is_for_the_laboratory_first() -> None:
    rng = np.random.default_rng(8)
    starts = (*(0.10 + 0.05 * rng.standard_normal(11)).tolist(), 0.02)
    rows = study((0.005,) * 12, starts, odd=0.08)
    out = judge(rows, settings("random_coefficients", ("B11",)))
    assert not out.out
    assert any(note.startswith("B11 at 24 mo: +") for note in out.notes)


def chart(rules: tuple[str, ...], **more: object) -> Chart:
    words = {"kind": "chart", "tag": "x", "reference": {"mean": 0.0, "sd": 1.0}, "response": "Look."}
    return Chart.model_validate(words | {"rules": rules} | more)


WESTERN = tuple(f"western_electric_{i}" for i in range(1, 5))


def test_the_true_rate_of_western_electric_rules_is_the_published_one() -> None:
    # Champ and Woodall, Technometrics 29(4), 1987: an average run length of 91.75 for rules 1 to 4.
    found = serial.rate(chart(WESTERN), serial.Normal(0.0, 1.0, 0.0, 1500), 7, 150)
    assert abs(found.run - 91.75) < 3.0 * found.error + 2.0


def test_results_that_hang_together_break_rules_far_more_often_and_whitening_mends_it() -> None:
    usual = serial.Normal(0.0, 1.0, 0.6, 200)
    plain, white = (serial.rate(chart(WESTERN, memory=m), usual, 7, 60) for m in (0.0, 0.6))
    assert plain.share > 3.0 * white.share
    assert plain.run < 0.5 * white.run


def test_few_results_of_the_history_cost_false_alarms() -> None:
    few, many = (serial.rate(chart(("shewhart",)), serial.Normal(0.0, 1.0, 0.0, n), 7, 60) for n in (10, 1000))
    assert many.share == pytest.approx(0.0027, abs=0.0008)
    assert few.share > 3.0 * many.share


def row_of(values: list[float], tested: int) -> list[Row]:
    first = len(values) - tested
    return [Row(batch="new" if i >= first else f"H{i}", values={"imp": one}) for i, one in enumerate(values)]


NOISE: list[float] = np.random.default_rng(2).normal(0.30, 0.02, 40).tolist()


def test_the_ewma_is_the_weighted_sum_of_all_results() -> None:
    values = [*NOISE, 0.36, 0.37]
    out = judge(row_of(values, 2), settings("ewma", ("new",), ewma={"weight": 0.2, "limit": 2.8}))
    z = (np.array(values) - np.mean(NOISE)) / np.std(NOISE, ddof=1)
    n = len(z)
    assert out.held[-1].value == pytest.approx(float(0.2 * (0.8 ** np.arange(n)[::-1]) @ z))
    assert out.held[-1].high == pytest.approx(2.8 * sqrt(0.2 / 1.8 * (1.0 - 0.8 ** (2 * n))))
    assert out.held[-1].out


def test_the_cusum_is_the_largest_tail_sum_beyond_the_slack() -> None:
    values = [*NOISE, 0.33, 0.35, 0.35]
    out = judge(row_of(values, 3), settings("cusum", ("new",)))
    z = (np.array(values) - np.mean(NOISE)) / np.std(NOISE, ddof=1) - 0.5
    assert out.held[-1].value == pytest.approx(max(float(z[k:].sum()) for k in range(len(z))))
    assert out.numbers["results until the first false alarm, by the book [1]"] == pytest.approx(465.0, rel=0.01)


def test_the_rules_say_which_they_are_and_how_often_they_speak_without_reason() -> None:
    out = judge(row_of([*NOISE, 0.40], 1), settings("rules", ("new",)))
    assert out.out
    assert "new: Nelson 1 (beyond three standard deviations)." in out.notes
    assert 0.5 < out.numbers["normal results that break a rule, simulated [%]"] < 10.0


def test_rules_on_residuals_of_a_line_see_what_is_left_of_a_trend() -> None:
    rows = sorted(SAME, key=lambda row: row.age or 0.0)
    odd = [
        row if (row.batch, row.age) != ("B5", 0.0) else row.model_copy(update={"values": {"imp": 0.19}}) for row in rows
    ]
    told = {kind: judge(odd, settings("rules", rules=("nelson_1",), residual=kind)) for kind in ("mean", "line")}
    assert not told["mean"].out
    (one,) = (one for one in told["line"].held if one.out)
    x, y = table(SAME, tested=False)
    slope, start = np.polyfit(x, y, 1)
    left = y - start - slope * x
    assert (one.age, one.value, one.expected) == pytest.approx((0.0, 0.19, start))
    assert one.high - one.expected == pytest.approx(3.0 * left.std(ddof=1))
    assert told["mean"].numbers["correlation of one result with the next [1]"] > 0.5


def several_rows(last: tuple[float, float, float]) -> list[Row]:
    rng = np.random.default_rng(6)
    base = rng.multivariate_normal([1.0, 2.0, 3.0], [[0.04, 0.03, 0.0], [0.03, 0.05, 0.01], [0.0, 0.01, 0.09]], 30)
    names = ("a", "b", "c")
    history = [Row(batch=f"H{i}", values=dict(zip(names, map(float, one), strict=True))) for i, one in enumerate(base)]
    return [*history, Row(batch="new", values=dict(zip(names, last, strict=True)))]


def test_t2_of_all_components_is_the_distance_of_mahalanobis() -> None:
    rows = several_rows((1.3, 1.7, 3.2))
    out = judge(rows, settings("t2_q", ("new",), columns=("a", "b", "c"), explained=0.9999999))
    x = np.array([list(row.values.values()) for row in rows[:-1]])
    away = np.array([1.3, 1.7, 3.2]) - x.mean(axis=0)
    assert out.held[0].value == pytest.approx(float(away @ np.linalg.inv(np.cov(x.T)) @ away))
    assert out.held[0].high == pytest.approx(3.0 * 31.0 * 29.0 / (30.0 * 27.0) * stats.f.ppf(0.99, 3, 27))
    assert out.out
    assert any("T2 comes from" in note for note in out.notes)


def test_the_limit_of_q_of_equal_components_is_that_of_chi_squared() -> None:
    assert several.q_limit(np.full(4, 0.25), 0.99) == pytest.approx(0.25 * stats.chi2.ppf(0.99, 4), rel=0.005)


def test_the_limit_of_q_is_about_the_quantile_of_a_weighted_sum_of_squares() -> None:
    powers = np.array([0.5, 0.3, 0.1])
    draws = (np.random.default_rng(1).standard_normal((400_000, 3)) ** 2) @ powers
    assert several.q_limit(powers, 0.99) == pytest.approx(np.quantile(draws, 0.99), rel=0.05)


def test_limits_that_know_the_lot_see_what_the_product_hides() -> None:
    rng = np.random.default_rng(9)
    lots = {str(k): float(rng.normal(0.2, 0.05)) for k in range(20)}
    rows = [
        Row(
            batch=f"B{i}",
            values={"imp": round(lots[str(i // 8)] + float(rng.normal(0.0, 0.005)), 2)},
            factors={"lot": str(i // 8)},
        )
        for i in range(158)
    ]
    odd = rows[-1].model_copy(update={"batch": "odd", "values": {"imp": rows[-1].values["imp"] + 0.06}})
    told = settings("lots", ("odd",), by=(("lot",),), step=0.01, coverage=0.98)
    out = judge([*rows, odd], told)
    assert out.out
    assert out.numbers["effect of lot [%]"] == pytest.approx(0.05, rel=0.5)
    assert not judge([*rows, odd], settings("rules", ("odd",), rules=("nelson_1",))).out


@pytest.mark.parametrize(
    ("method", "rows", "said"),
    [
        ("regression", SAME[:2], "found no results of batch B5"),
        ("rules", row_of([0.1] * 20, 1), "one and the same result"),
        ("rules", row_of([0.1, 0.2, 0.1], 1), "found 2 results of the history, expected 8 or more"),
        ("q1e", study((0.0,), (0.1,)), "found 1 batch of two ages"),
        ("lots", row_of(NOISE[:20], 1), "found 19 results before the first tested batch, expected 30"),
    ],
)
def test_too_little_is_refused_in_one_sentence(method: str, rows: list[Row], said: str) -> None:
    tested = ("B5",) if method == "regression" else (rows[-1].batch,)
    with pytest.raises(ValueError, match=said):
        judge(rows, settings(method, tested))


@pytest.mark.parametrize(
    ("censored", "said"), [(3, "3 results are below {} count as"), (1, "1 result is below {} counts as")]
)
def test_censored_results_are_said(censored: int, said: str) -> None:
    rows = [row.model_copy(update={"below": ("imp",)}) if i < censored else row for i, row in enumerate(SAME)]
    notes = judge(rows, settings("regression", below="half")).notes
    whole = said.format("the limit of quantification and") + " half of it"
    assert any(note.startswith(whole) for note in notes)


def test_every_method_has_a_name_and_a_version() -> None:
    assert all(known.title and known.version for known in METHODS.values())


def test_limits_that_know_the_lot_take_a_result_under_the_limit_for_what_it_is() -> None:
    rng = np.random.default_rng(12)
    rows = [
        Row(batch=f"B{i}", values={"imp": 0.05}, below=("imp",))
        if rng.random() < 0.6
        else Row(batch=f"B{i}", values={"imp": 0.05 + abs(float(rng.normal(0.0, 0.005)))})
        for i in range(80)
    ]
    last = Row(batch="B5", values={"imp": 0.05}, below=("imp",))
    out = judge([*rows[:5], *rows[6:], last], settings("lots", coverage=0.9))
    assert not out.out
    assert out.held[0].expected < 0.055
