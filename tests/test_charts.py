"""Charts people know: each rule against an example by hand, and how often each speaks without reason."""

import numpy as np
import pytest
from seen import EPOCH, written

from anomaly import Alert, charts, runlength
from anomaly.charts import CALM, ChartsKit, ChartsState, Memory, take
from plant_io import Quality, Sample, Snapshot
from policies import load, shipped
from policies.charts import Averaging, Chart, Rule, Summing

POLICY, TAG = load(shipped("a")), "PRS.MCF"

# Thirty values with a shift by one standard deviation after the twentieth: D. C. Montgomery, "Introduction to
# statistical quality control", 6th ed., 2009, table 9.1.
SHIFTED = (
    9.45, 7.99, 9.29, 11.66, 12.16, 10.18, 8.04, 11.46, 9.20, 10.34, 9.03, 11.47, 10.51, 9.40, 10.08,
    9.37, 10.62, 10.31, 8.52, 10.84, 10.90, 9.33, 12.29, 11.50, 10.60, 11.08, 10.38, 11.62, 11.31, 10.52,
)  # fmt: skip


def chart(*rules: Rule, **changes: object) -> Chart:
    declared = {"kind": "chart", "tag": TAG, "reference": {"mean": 6.0, "sd": 0.1}, "response": "Look."}
    return Chart.model_validate(declared | {"rules": rules} | changes)


def first_broken(declared: Chart, residuals: list[float]) -> int | None:
    """Number of the residual, from 1, that first breaks a rule."""
    memory = Memory()
    for i, z in enumerate(residuals, 1):
        memory, broken = take(memory, z, declared)
        if broken:
            return i
    return None


def test_the_cusum_of_the_textbook_speaks_at_its_29th_value() -> None:
    memory, sums = Memory(), []
    for x in SHIFTED:
        memory, _ = take(memory, x - 10.0, chart("cusum"))
        sums.append((round(memory.up, 2), round(memory.down, 2)))
    assert sums[:3] == [(0.0, 0.05), (0.0, 1.56), (0.0, 1.77)]
    assert sums[28:] == [(5.28, 0.0), (5.3, 0.0)]
    assert first_broken(chart("cusum"), [x - 10.0 for x in SHIFTED]) == 29


def test_a_cusum_is_over_soon_after_what_raised_it_however_long_that_lasted() -> None:
    declared, memory, after = chart("cusum", cusum={"slack": 1.0, "limit": 8.0}), Memory(), 0
    for _ in range(500):
        memory, _ = take(memory, 20.0, declared)
    while take(memory, 0.0, declared)[1]:
        memory, after = take(memory, 0.0, declared)[0], after + 1
    assert memory.up == 9.0
    assert after == 7


def test_the_ewma_of_the_textbook_speaks_at_its_29th_value() -> None:
    declared = chart("ewma", ewma={"weight": 0.1, "limit": 2.7})
    memory, averages = Memory(), []
    for x in SHIFTED:
        memory, _ = take(memory, x - 10.0, declared)
        averages.append(10.0 + memory.average)
    assert averages[:3] == pytest.approx([9.945, 9.7495, 9.7036], abs=1e-4)
    assert first_broken(declared, [x - 10.0 for x in SHIFTED]) == 29


HUG = [0.5, -0.5] * 7 + [0.5]
BY_HAND: dict[Rule, tuple[list[float], list[float]]] = {
    "shewhart": ([0.0, 3.1], [0.0, 3.0]),
    "western_electric_1": ([0.0, -3.1], [0.0, -3.0]),
    "western_electric_2": ([2.1, 0.0, 2.1], [2.1, 0.0, -2.1]),
    "western_electric_3": ([1.1, 1.1, 0.0, 1.1, 1.1], [1.1, 1.1, 0.0, 1.1, -1.1]),
    "western_electric_4": ([0.1] * 8, [0.1] * 7),
    "nelson_1": ([3.1], [2.9]),
    "nelson_2": ([-0.1] * 9, [-0.1] * 8 + [0.1]),
    "nelson_3": ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [0.0, 0.1, 0.2, 0.3, 0.4, 0.4]),
    "nelson_4": ([0.0, 1.0] * 7, [0.0, 1.0] * 6 + [0.0, -1.0]),
    "nelson_5": ([-2.1, -2.1], [-2.1, -1.9]),
    "nelson_6": ([1.1] * 4, [1.1] * 3),
    "nelson_7": (HUG, [*HUG[:-1], 1.1]),
    "nelson_8": ([1.1, -1.1] * 4, [1.1, -1.1] * 3 + [1.1, 0.9]),
}


@pytest.mark.parametrize("rule", BY_HAND)
def test_each_rule_is_broken_by_its_last_value_and_not_before(rule: Rule) -> None:
    broken, kept = BY_HAND[rule]
    assert first_broken(chart(rule), broken) == len(broken)
    assert first_broken(chart(rule), kept) is None


@pytest.mark.parametrize(("limit", "shift", "known"), [(4.0, 0.0, 168.0), (5.0, 0.0, 465.0), (5.0, 1.0, 10.4)])
def test_the_run_length_of_the_cusum_is_the_known_one(limit: float, shift: float, known: float) -> None:
    assert runlength.cusum(Summing(limit=limit), shift) == pytest.approx(known, rel=0.01)


@pytest.mark.parametrize(("weight", "limit"), [(0.4, 3.054), (0.25, 2.998), (0.2, 2.962), (0.1, 2.814), (0.05, 2.615)])
def test_the_run_length_of_the_ewma_is_500_where_it_is_known_to_be(weight: float, limit: float) -> None:
    assert runlength.ewma(Averaging(weight=weight, limit=limit)) == pytest.approx(500.0, rel=0.01)


# C. W. Champ, W. H. Woodall, "Exact results for Shewhart control charts with supplementary runs rules", Technometrics
# 29(4), 1987, doi:10.1080/00401706.1987.10488266.
KNOWN: list[tuple[tuple[Rule, ...], float]] = [
    (("western_electric_1",), 370.4),
    (("western_electric_1", "western_electric_2"), 225.44),
    (("western_electric_1", "western_electric_3"), 166.05),
    (("western_electric_1", "western_electric_4"), 152.73),
    (("western_electric_1", "western_electric_2", "western_electric_3", "western_electric_4"), 91.75),
]


@pytest.mark.parametrize(("rules", "known"), KNOWN)
def test_the_run_length_of_runs_rules_is_the_known_one(rules: tuple[Rule, ...], known: float) -> None:
    found, error = runlength.played(chart(*rules), seed=1, runs=300)
    assert abs(found - known) < 3.5 * error


def test_what_watches_has_the_run_length_that_is_reckoned() -> None:
    found, error = runlength.played(chart("cusum", cusum={"limit": 4.0}), seed=2)
    assert abs(found - runlength.cusum(Summing(limit=4.0))) < 3.5 * error


def told(declared: Chart, values: list[float]) -> list[Alert]:
    kit, state, alerts = ChartsKit("force", declared, "kN"), ChartsState(), []
    for at, value in enumerate(values):
        state, alert = charts.look(snap(at, value), state, kit)
        alerts += [alert] if alert else []
    return alerts


def snap(at: float, value: float, quality: Quality = Quality.GOOD, source: float | None = None) -> Snapshot:
    taken = EPOCH + (at if source is None else source)
    return written(EPOCH + at, POLICY, {TAG: Sample(value, quality, taken, EPOCH + at)})


def test_a_broken_rule_is_told_once_by_name_and_ends_after_calm() -> None:
    begun, ended = told(chart("nelson_2", "shewhart"), [6.04] * 12 + [5.96, 6.04] * 10)
    assert begun.at == EPOCH + 8.0
    assert begun.what == "PRS.MCF breaks Nelson 2 (nine in a row on one side of normal): 6.04 kN against 6 kN."
    assert ended.at == EPOCH + 11.0 + CALM
    assert ended.what.startswith("PRS.MCF has broken no rule of its charts for 15 values")


def test_a_rule_that_is_off_is_not_broken() -> None:
    assert told(chart("shewhart"), [6.04] * 50) == []


def test_what_the_last_value_foretells_breaks_no_rule() -> None:
    rng, values = np.random.default_rng(3), [6.0]
    for shock in rng.standard_normal(400).tolist():
        values.append(6.0 + 0.95 * (values[-1] - 6.0) + 0.1 * (1.0 - 0.95**2) ** 0.5 * shock)
    assert standing(told(chart("nelson_2", memory=0.95), values), 401.0) < 0.1
    assert standing(told(chart("nelson_2"), values), 401.0) > 0.5


def standing(alerts: list[Alert], length: float) -> float:
    """Share of the time in which a condition stands."""
    ends = [alert.at - EPOCH for alert in alerts] + [length] * (len(alerts) % 2)
    return sum(end - begin for begin, end in zip(ends[::2], ends[1::2], strict=True)) / length


def test_a_value_counts_once_and_one_that_is_no_evidence_not_at_all() -> None:
    kit, state = ChartsKit("force", chart("nelson_2"), "kN"), ChartsState()
    for at in range(50):
        state, alert = charts.look(snap(at, 6.04, source=0.0), state, kit)
        assert alert is None
    assert charts.look(snap(51.0, 9.0, Quality.UNCERTAIN), state, kit) == (state, None)
