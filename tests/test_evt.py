"""Limits from a budget of false alarms: tails, episodes, choice of the method, and what is said of them."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from anomaly import evt, tails
from anomaly.evt import Episodes
from plant_io.signals import Floats
from policies.budgets import per_second

DAY = 86_400.0
HOURLY = Episodes(3600.0, merge_s=0.0, clear=1.0)
THREE_MINUTES = Episodes(180.0)


def charted(days: float, seed: int, tags: int = 10) -> Floats:
    """Largest of EWMA charts of several rates on independent tags: what an engine scores, every 3 minutes."""
    values = np.random.default_rng(seed).standard_normal((round(days * DAY / 180.0), tags))
    charts = [lfilter([w], [1.0, w - 1.0], values, axis=0) / np.sqrt(w / (2.0 - w)) for w in (1.0, 0.3, 0.1)]
    found: Floats = np.abs(np.concatenate(charts, axis=1)).max(axis=1)
    return found


def draws(seed: int) -> Floats:
    """Independent values with an exponential tail, every 5 minutes for 25 days."""
    return np.asarray(np.random.default_rng(seed).exponential(size=7200))


def realised(found: evt.Limit, scores: Floats, rate: float) -> float:
    """Episodes above a limit, as a share of those permitted."""
    return len(evt.peaks(scores, found.value, THREE_MINUTES)) / (len(scores) * 180.0 * rate)


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_a_generalised_pareto_tail_is_found_as_scipy_finds_it(shape: float) -> None:
    above = stats.genpareto.rvs(shape, scale=2.0, size=800, random_state=np.random.default_rng(3))
    scale, found = tails.pareto(above)
    theirs, _, their_scale = stats.genpareto.fit(above, floc=0.0)
    assert found == pytest.approx(theirs, abs=0.01)
    assert scale == pytest.approx(their_scale, rel=0.01)
    assert tails.left(1.5 / scale, found) == pytest.approx(stats.genpareto.sf(1.5, found, scale=scale))


@pytest.mark.parametrize(("shape", "end"), [(-0.9, -0.25), (1.5, 0.5)])
def test_a_shape_beyond_belief_is_put_at_the_end_of_belief(shape: float, end: float) -> None:
    above = stats.genpareto.rvs(shape, size=200, random_state=np.random.default_rng(4))
    scale, found = tails.pareto(above)
    assert found == end
    assert scale == pytest.approx(float(above.mean()) * (1.0 - end))


@pytest.mark.parametrize("shape", [-0.2, 0.0, 0.25])
def test_weighted_moments_come_near_the_truth_without_a_search(shape: float) -> None:
    draws = [np.random.default_rng(seed) for seed in range(40)]
    fits = [tails.weighted(np.sort(stats.genpareto.rvs(shape, scale=2.0, size=500, random_state=rng))) for rng in draws]
    assert np.mean([scale for scale, _ in fits]) == pytest.approx(2.0, rel=0.05)
    assert np.mean([found for _, found in fits]) == pytest.approx(shape, abs=0.04)


@pytest.mark.parametrize("method", ["exponential", "gpd", "gumbel"])
def test_every_method_finds_the_level_of_an_exponential_tail(method: evt.Method) -> None:
    rate, often = 1.0 / (7.0 * DAY), Episodes(300.0, merge_s=0.0, clear=1.0)
    # Of n independent values in a week, one is above log(n).
    true = np.log(7.0 * DAY / 300.0)
    found = [evt.limit(draws(s), rate, often, method) for s in range(60)]
    assert np.mean([one.value for one in found]) == pytest.approx(true, rel=0.03)
    assert np.mean([one.low <= true <= one.high for one in found]) >= 0.83
    assert np.std([one.value for one in found]) == pytest.approx(
        np.mean([(one.high - one.low) / 3.92 for one in found]), rel=0.35
    )


def test_gumbel_maxima_are_found_as_scipy_finds_them() -> None:
    tops = np.asarray(stats.gumbel_r.rvs(5.0, 0.7, size=300, random_state=np.random.default_rng(6)))
    found = evt.limit(tops, 1.0 / (30.0 * DAY), Episodes(evt.BLOCK_S), "gumbel")
    assert (found.threshold, found.scale) == pytest.approx(stats.gumbel_r.fit(tops), rel=1e-3)


def test_few_episodes_make_an_exponential_limit_more_careful() -> None:
    # The predictive tail of ten episodes is heavier than the exponential with their mean.
    scores = np.zeros(2400)
    scores[100::100] = 1.0 + stats.expon.ppf(np.arange(0.5, 23.0) / 23.0)
    found = evt.limit(scores, 1.0 / (100.0 * DAY), HOURLY, "exponential")
    plain = found.threshold + found.scale * np.log(found.exceedances / (found.span_s * found.promised))
    assert found.value > plain
    assert found.rate(found.value) == pytest.approx(found.promised)


@pytest.mark.parametrize("method", ["exponential", "gpd", "gumbel"])
def test_the_rate_at_the_limit_is_the_promise(method: evt.Method) -> None:
    rate = 1.0 / (7.0 * DAY)
    found = evt.limit(charted(25.0, seed=1), rate, THREE_MINUTES, method)
    assert found.rate(found.value) == pytest.approx(rate, rel=1e-6)
    assert found.p_value(found.value, 7.0 * DAY) == pytest.approx(1.0 - np.exp(-1.0), rel=1e-6)
    assert found.rate(found.value + 1.0) < rate < found.rate(found.threshold)


def test_an_episode_ends_by_hysteresis_and_follows_another_after_the_merging_time() -> None:
    scores = np.array([0.0, 5.0, 4.0, 6.0, 0.0, 0.0, 7.0, 0.0, 0.0, 0.0, 5.5, 0.0])
    apart = Episodes(60.0, merge_s=0.0, clear=0.7)
    assert evt.peaks(scores, 5.0, apart).tolist() == [6.0, 7.0, 5.5]
    assert evt.peaks(scores, 5.0, Episodes(60.0, merge_s=0.0, clear=0.9)).tolist() == [5.0, 6.0, 7.0, 5.5]
    assert evt.peaks(scores, 5.0, Episodes(60.0, merge_s=120.0, clear=0.7)).tolist() == [7.0, 5.5]
    assert evt.peaks(scores, 9.0, apart).tolist() == []


def test_what_does_not_last_out_the_delay_is_no_episode() -> None:
    scores = np.array([0.0, 9.0, 0.0, 6.0, 7.0, 8.0, 0.0])
    assert evt.peaks(scores, 5.0, Episodes(60.0, merge_s=0.0, on_delay_s=120.0)).tolist() == [6.0]


def test_a_gap_neither_ends_an_episode_nor_counts_as_calibration() -> None:
    nan = np.nan
    assert evt.peaks(np.array([0.0, 5.0, nan, nan, 6.0, 0.0]), 4.0, HOURLY).tolist() == [6.0]
    scores = np.random.default_rng(2).exponential(size=2400)
    scores[::2] = nan
    assert evt.limit(scores, 1.0 / (7.0 * DAY), HOURLY).span_s == pytest.approx(50.0 * DAY)


def test_short_calibration_has_an_exponential_tail_and_long_the_higher_of_two() -> None:
    rate = per_second("1/week")
    assert evt.limit(charted(19.0, seed=1), rate, THREE_MINUTES).method == "exponential"
    long = charted(21.0, seed=1)
    both = [evt.limit(long, rate, THREE_MINUTES, method) for method in ("gpd", "gumbel")]
    assert evt.limit(long, rate, THREE_MINUTES).value == max(one.value for one in both)


def test_a_limit_rarer_than_the_calibration_says_so() -> None:
    scores = charted(21.0, seed=1)
    weekly, monthly = (evt.limit(scores, per_second(often), THREE_MINUTES) for often in ("1/week", "1/month"))
    assert (weekly.extrapolated, monthly.extrapolated) == (False, True)
    assert monthly.why.startswith("1 per month: limit ")
    assert monthly.why.endswith("extrapolated, for this is rarer than once in the whole calibration.")
    assert "extrapolated" not in weekly.why


def test_gaussian_limits_break_the_budget_and_limits_of_extremes_keep_it() -> None:
    fresh, rate = charted(400.0, seed=1000), per_second("1/week")
    short, long, gauss = [], [], []
    for seed in range(6):
        scores = charted(20.5, seed)
        short.append(realised(evt.limit(scores[: 10 * 480], rate, THREE_MINUTES), fresh, rate))
        long.append(realised(evt.limit(scores, rate, THREE_MINUTES), fresh, rate))
        # Three standard deviations for one in 370 samples, as they are for one in a week's 3360.
        wrong = scores.mean() + stats.norm.isf(0.5 / 3360.0) * scores.std()
        gauss.append(len(evt.peaks(fresh, float(wrong), THREE_MINUTES)) / (len(fresh) * 180.0 * rate))
    assert np.mean(gauss) > 1.8
    assert np.mean(short) <= 1.0
    assert max(short) <= 2.0
    assert 0.3 < np.mean(long) <= 1.0
    assert max(long) <= 1.5


def test_nothing_to_go_by_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="found 1 episodes in 20 h of calibration, expected at least 10"):
        evt.limit(np.zeros(20), 1e-5, HOURLY)
    with pytest.raises(ValueError, match="found 5 blocks of 4 h with scores, expected at least 10"):
        evt.limit(np.zeros(20), 1e-5, HOURLY, "gumbel")
    with pytest.raises(ValueError, match="expected more than none"):
        evt.limit(np.zeros(20), 0.0, HOURLY)
