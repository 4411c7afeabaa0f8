"""Budgets of false alarms: how they are written, shared out, and held against what came of them."""

import re

import numpy as np
import pytest
from scipy import stats

from anomaly import budget
from anomaly.budget import Share, Tally, allocate, kept, poisson_interval
from policies import Monitor, PolicyError, load, parse, shipped
from policies.budgets import Budgets, per_second, said

WEEK = 7.0 * 86_400.0


@pytest.mark.parametrize(
    ("text", "days"), [("1/day", 1.0), ("2/week", 3.5), ("1/month", 30.0), ("3/shift", 1 / 9), ("0.5/year", 730.0)]
)
def test_a_budget_is_read_as_it_is_said(text: str, days: float) -> None:
    assert per_second(text) == pytest.approx(1.0 / (days * 86_400.0))


@pytest.mark.parametrize("text", ["2/fortnight", "often", "-1/day", "1 / day", 2, "0/day"])
def test_what_is_no_budget_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected"):
        per_second(text)


@pytest.mark.parametrize("text", ["1/day", "2/week", "1/month", "6/hour"])
def test_a_budget_is_said_as_it_was_written(text: str) -> None:
    assert said(per_second(text)) == text.replace("/", " per ")


def with_budgets(section: str) -> bytes:
    """Line A with other budgets than its own."""
    return re.sub(rb"(?m)^budgets:.*\n", b"", shipped("a").read_bytes()) + section.encode()


def test_a_policy_declares_budgets() -> None:
    files = dict(load(shipped("a")).files)
    text = "budgets: {operator: 2/week, qa: 1/month, maintenance: 1/week}\n"
    declared = parse(with_budgets(text), "line_a.yaml", files).budgets.declared
    assert declared == {"operator": 2.0 / WEEK, "qa": 1.0 / (30.0 * 86_400.0), "maintenance": 1.0 / WEEK}


@pytest.mark.parametrize(
    ("section", "said_of_it"),
    [
        ("budgets: {operator: 2/fortnight}", "a number of false alarms in a time, such as 1/day, 2/week or 1/month"),
        ("budgets: {operator: 0/week}", "a budget of none"),
        ("budgets: {janitor: 2/week}", "operator"),
    ],
)
def test_a_mistake_in_a_budget_is_told_where_it_stands(section: str, said_of_it: str) -> None:
    with pytest.raises(PolicyError) as refused:
        parse(with_budgets(section + "\n"), "line_a.yaml", dict(load(shipped("a")).files))
    (problem,) = refused.value.problems
    assert problem.path.startswith("budgets.")
    assert said_of_it in problem.message


def test_the_budget_of_a_class_is_shared_out_among_its_watches() -> None:
    watches = {"fused": Share("operator", 3.0), "feeder": Share("operator"), "trend": Share("qa"), "fan": Share("lab")}
    found = allocate({"operator": 4.0, "qa": 1.0}, watches)
    assert found == {"fused": 3.0, "feeder": 1.0, "trend": 1.0}
    with pytest.raises(ValueError, match="fused: found a weight of 0, expected more than 0"):
        allocate({"operator": 4.0}, {"fused": Share("operator", 0.0)})


def test_monitors_of_a_class_bear_its_budget_together() -> None:
    policy = load(shipped("a"))
    fast = Monitor.model_validate({"kind": "monitor", "model": "m.json", "tags": ["PRS.MCF"], "response": "Look."})
    others = {name: watch for name, watch in policy.watches.items() if not isinstance(watch, Monitor)}
    more = {"fast": fast, "slow": fast, "worn": fast.model_copy(update={"route": "maintenance"})}
    whole = Budgets.model_validate({"operator": "2/week"})
    policy = policy.model_copy(update={"watches": others | more, "budgets": whole})
    assert budget.of_monitor(policy, "fast") == pytest.approx(1.0 / WEEK)
    assert budget.of_monitor(policy, "worn") is None


def test_promise_and_outcome_stand_side_by_side() -> None:
    tally = Tally().after(10.0 * WEEK)
    for _ in range(3):
        tally = tally.alarmed("operator")
    found = kept({"operator": 2.0 / WEEK, "qa": 1.0 / WEEK}, tally)
    assert found["operator"].ratio == pytest.approx(0.15)
    assert found["qa"].realised == 0.0
    assert found["operator"].why == "Promised 2 per week; 3 told in 70 days, 0.15 of the promise (95 %: 0.031 to 0.44)."
    assert not found["operator"].broken


def test_an_alarm_that_was_right_is_no_false_one() -> None:
    tally = Tally().after(WEEK).alarmed("qa").alarmed("qa").confirmed("qa")
    assert tally.told == {"qa": 1}
    assert Tally().confirmed("qa").told == {"qa": 0}


def test_a_promise_is_broken_only_beyond_chance() -> None:
    once = {"qa": 1.0 / WEEK}
    few = Tally(WEEK, {"qa": 3})
    many = Tally(WEEK, {"qa": 4})
    assert (kept(once, few)["qa"].broken, kept(once, many)["qa"].broken) == (False, True)


def test_the_interval_of_a_rate_is_exact() -> None:
    for told in (0, 1, 7):
        low, high = poisson_interval(told, 2.0)
        assert low == pytest.approx(stats.chi2.ppf(0.025, 2 * told) / 4.0 if told else 0.0)
        assert high == pytest.approx(stats.chi2.ppf(0.975, 2 * told + 2) / 4.0)
    assert poisson_interval(0, 0.0) == (0.0, float("inf"))


def test_the_interval_of_a_rate_holds_as_often_as_it_says() -> None:
    counts = np.random.default_rng(1).poisson(3.0, size=400)
    hits = [low <= 3.0 <= high for low, high in (poisson_interval(int(n), 1.0) for n in counts)]
    assert np.mean(hits) >= 0.95


def test_nothing_watched_promises_nothing_broken() -> None:
    (found,) = kept({"qa": 1.0 / WEEK}, Tally()).values()
    assert not found.broken
    assert found.why.endswith("0 of the promise (95 %: 0 and up).")
    assert budget.Kept(1.0, 0, 0.0, 0.0, 1.0).realised == 0.0
