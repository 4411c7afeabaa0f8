"""Verdicts on dosage units are by intervals, and the acceptance value is that of the pharmacopoeias."""

from __future__ import annotations

import statistics
from math import comb, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from controller.material.batches import Batch
from controller.material.release import Verdict, criterion, uniformity
from controller.records.lots import Box, Made
from controller.records.sampled import NOT_JUDGED, Sampled
from plant_io import Quality
from policies.release import STANDARD, DosageUnits, Release

CERTAIN = 1e-9
"""A standard deviation of next to nothing [% of the claim]."""
LIMITS = (9.5, 10.5)


def units(**words: object) -> DosageUnits:
    return DosageUnits.model_validate({"tag": "TAB", "claim": 100.0, "unit_sd": 0.0, "limits": [95.0, 105.0]} | words)


def sure(values: list[float]) -> list[tuple[float, float]]:
    return [(value, CERTAIN) for value in values]


def spread(n: int, mean: float, sd: float) -> list[float]:
    """Return a sample with exactly this mean and standard deviation."""
    raw = np.random.default_rng(11).normal(size=n)
    return [float(v) for v in mean + sd * (raw - raw.mean()) / raw.std(ddof=1)]


# The acceptance value


@pytest.mark.parametrize(
    ("mean", "sd", "n", "target", "wanted"),
    [
        (100.0, 3.0, 10, 100.0, 7.2),  # inside: k s
        (97.0, 3.0, 10, 100.0, 1.5 + 7.2),  # below 98.5
        (103.0, 3.0, 10, 100.0, 1.5 + 7.2),  # above 101.5
        (103.0, 3.0, 10, 104.0, 7.2),  # aimed higher: nothing is taken off up to T
        (105.0, 2.0, 30, 104.0, 1.0 + 4.0),
        (99.0, 5.0, 30, 100.0, 10.0),
        (100.0, 5.0, 500, 100.0, 2.24 * 5.0),
    ],
)
def test_the_acceptance_value_is_that_of_the_tables(
    mean: float, sd: float, n: int, target: float, wanted: float
) -> None:
    found = uniformity(sure(spread(n, mean, sd)), units(target=target), 3.0)
    assert found.value == pytest.approx((wanted, wanted), abs=1e-6)
    assert (found.mean, found.sd) == pytest.approx((mean, sd), abs=1e-6)


def test_an_acceptance_value_above_l1_does_not_conform_and_one_below_does() -> None:
    verdicts = [uniformity(sure(spread(30, 100.0, sd)), units(), 3.0).verdict for sd in (7.4, 7.6)]
    assert verdicts == [Verdict.CONFORMING, Verdict.NOT_CONFORMING]


def test_one_unit_far_off_does_not_conform_in_thirty_and_four_do_in_five_hundred() -> None:
    for n, far, wanted in (
        (30, 1, Verdict.NOT_CONFORMING),
        (500, 4, Verdict.CONFORMING),
        (500, 5, Verdict.NOT_CONFORMING),
    ):
        values = [100.0] * (n - far) + [130.0] * far
        assert uniformity(sure(values), units(l1=60.0), 3.0).verdict is wanted


def test_how_units_differ_unseen_is_added_to_what_is_seen() -> None:
    found = uniformity(sure(spread(30, 100.0, 3.0)), units(unit_sd=4.0), 3.0)
    assert found.sd == pytest.approx(5.0, abs=1e-6)


def test_between_two_rows_the_stricter_of_both_holds() -> None:
    rows = [criterion(n, STANDARD) for n in (29, 30, 31, 384, 385)]
    assert [(row.c2, k) for row, k in rows] == [(0, 2.4), (0, 2.0), (0, 2.23), (0, 2.23), (3, 2.23)]


def test_samples_of_the_examples_of_the_chapter_are_held_against_what_it_says_of_them() -> None:
    """Ph. Eur. 2.9.47 (8.0) enters its table at 385, 407 and 490 units for samples of 400, 450 and 500."""
    rows = [criterion(n, STANDARD) for n in (400, 450, 500)]
    assert [(row.c2, k) for row, k in rows] == [(3, 2.23), (3, 2.24), (4, 2.24)]


@pytest.mark.parametrize("n", [501, 1800, 100_000])
def test_a_sample_beyond_what_is_known_of_the_table_is_held_against_the_strictest_constant(n: int) -> None:
    row, k = criterion(n, STANDARD)
    assert (row.c2, k) == (4, max(one.k for one in STANDARD))


def test_units_that_may_be_far_off_are_those_by_which_half_of_what_small_samples_pass_is_refused() -> None:
    """A share of units that 30 without one find with 75 % (Holte and Horvat 2012) passes a row with 50 % or less."""
    share = 1.0 - 0.75 ** (1.0 / 30.0)
    for n, c2 in ((385, 3), (490, 4)):
        passes = [sum(comb(m, i) * share**i * (1.0 - share) ** (m - i) for i in range(c2 + 1)) for m in (n - 1, n)]
        assert passes[1] <= 0.5 < passes[0]
        assert criterion(n, STANDARD)[0].c2 == c2


# Intervals


def test_what_is_not_certain_is_undecided() -> None:
    values = spread(30, 98.0, 5.0)
    verdicts = [uniformity([(v, sd) for v in values], units(), 3.0).verdict for sd in (CERTAIN, 1.0, 3.0)]
    assert verdicts == [Verdict.CONFORMING, Verdict.CONFORMING, Verdict.UNDECIDED]


@given(st.floats(85.0, 115.0), st.floats(0.1, 9.0), st.integers(10, 60), st.floats(0.0, 3.0), st.floats(-1.0, 1.0))
def test_the_value_of_units_that_are_off_by_no_more_than_doubted_lies_in_the_interval(
    mean: float, sd: float, n: int, doubt: float, share: float
) -> None:
    values = spread(n, mean, sd)
    found = uniformity([(v, doubt) for v in values], units(), 3.0)
    moved = [v + share * 3.0 * doubt for v in values]
    true, s = statistics.fmean(moved), statistics.stdev(moved)
    m = min(max(true, 98.5), 101.5)
    assert found.value[0] - 1e-6 <= abs(m - true) + found.k * s <= found.value[1] + 1e-6


def test_too_few_units_are_undecided_in_one_sentence() -> None:
    found = uniformity(sure([100.0] * 9), units(), 3.0)
    assert (found.verdict, found.why) == (Verdict.UNDECIDED, "9 units, wanted 10 at least")


# Samples


def sampled(values: list[tuple[float, float]], *, every: str = "10s") -> Sampled:
    release = Release.model_validate(
        {
            "units": units(every=every).model_dump(by_alias=True) | {"every": every},
            "blend": {"tag": "UNI", "at_most": 3.0},
        }
    )
    found = Sampled(release)
    for at, value in values:
        quality = Quality.BAD if value != value else Quality.GOOD  # noqa: PLR0124  # nan
        shown = {"TAB": (value, 0.4, int(quality)), "UNI": (2.0, 0.2, int(Quality.GOOD))}
        found.look(at, shown.__getitem__)
    return found


def test_samples_are_as_far_apart_as_declared_and_only_good_ones_count() -> None:
    judged = sampled([(float(at), 100.0 if at < 300 else float("nan")) for at in range(600)]).judged(0.0, 599.0)
    assert judged.uniformity is not None
    assert judged.uniformity.n == 30
    assert judged.missing == (30, 60)
    assert judged.looks == ("30 of 60 samples of units could not be taken",)


def test_a_run_of_samples_beyond_the_limits_is_one_excursion_with_its_worst() -> None:
    course = [
        (float(at), 106.0 + (at == 130) if 100 <= at < 200 else 94.0 if at >= 500 else 100.0) for at in range(520)
    ]
    first, second = sampled(course).judged(0.0, 519.0).excursions
    assert (first.since, first.until, first.worst) == (100.0, 190.0, 107.0)
    assert (second.since, second.until, second.worst) == (500.0, 510.0, 94.0)


def test_a_blend_that_varies_more_than_allowed_is_looked_at() -> None:
    found = sampled([(float(at), 100.0) for at in range(200)])
    found.blends[7] = (7.0, 3.4)
    assert found.judged(0.0, 199.0).looks == ("UNI was up to 3.40, at most 3 needs no look",)
    assert found.judged(100.0, 199.0).looks == ()


# Containers and batches


def box(number: int, *, content: float = 10.0, exceptions: tuple[str, ...] = ()) -> Box:
    return Box(number, 0.0, 900.0, 5.0, content, 9.8, 10.2, {}, exceptions=exceptions)


def batch(*boxes: Box, ended: bool = True, exceptions: tuple[str, ...] = ()) -> Made:
    return Made(Batch(1, 0.0, 900.0, 5.0, 5.0, 0.0, "5 kg were fed"), ended, boxes, NOT_JUDGED, exceptions)


@pytest.mark.parametrize(
    ("made", "wanted"),
    [
        (batch(box(1), box(2)), Verdict.CONFORMING),
        (batch(box(1), box(2, exceptions=("alarm nir_fit stood",))), Verdict.UNDECIDED),
        (batch(box(1), box(2, content=9.4)), Verdict.NOT_CONFORMING),
        (batch(box(1), ended=False), Verdict.UNDECIDED),
        (batch(box(1), exceptions=("alarm a was on the list when it ended",)), Verdict.UNDECIDED),
        (batch(), Verdict.UNDECIDED),
    ],
)
def test_a_batch_is_as_good_as_its_worst_container(made: Made, wanted: Verdict) -> None:
    assert made.verdict(LIMITS) is wanted


def test_criteria_must_rise_with_the_sample() -> None:
    with pytest.raises(ValidationError, match="expected at least one row, sizes rising"):
        units(criteria=[{"n": 30, "k": 2.0}, {"n": 10, "k": 2.4}])


def test_what_is_known_of_a_sample_does_not_depend_on_its_order() -> None:
    values = spread(40, 99.0, 2.0)
    one, other = (uniformity(sure(order), units(), 3.0) for order in (values, values[::-1]))
    assert one.value == pytest.approx(other.value)
    assert one.sd == pytest.approx(sqrt(statistics.variance(values)))
