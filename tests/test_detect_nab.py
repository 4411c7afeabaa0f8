"""The scorer of the NAB: what is earned where, against sums by hand; and what our detector earns."""

from math import exp

import numpy as np
import pytest

from benchmarks import detect_nab as nab
from benchmarks.detect_nab import PROFILES, Profile, Series, Told

STANDARD = PROFILES["standard"]


def labelled(*windows: tuple[int, int], n: int = 1000) -> Series:
    return Series("made/up.csv", np.arange(0.0, 300.0 * n, 300.0), np.zeros(n), windows)


def at(*places: int, n: int = 1000) -> Told:
    told = np.zeros(n, np.bool_)
    told[list(places)] = True
    return told


def sigmoid(y: float) -> float:
    return 2.0 / (1.0 + exp(5.0 * y)) - 1.0


def test_everything_found_at_once_is_a_hundred_and_silence_nothing() -> None:
    series = [labelled((300, 399), (600, 699)), labelled((500, 599))]
    assert nab.standing(series, [at(300, 600), at(500)], STANDARD) == pytest.approx(100.0)
    for profile in PROFILES.values():
        assert nab.standing(series, [at(), at()], profile) == pytest.approx(0.0)


def test_a_window_is_worth_less_the_later_it_is_found_and_counts_once() -> None:
    series = labelled((300, 399))
    assert nab.score(series, at(350), STANDARD) == pytest.approx(sigmoid(-0.5) / sigmoid(-1.0))
    assert nab.score(series, at(350, 351, 399), STANDARD) == nab.score(series, at(350), STANDARD)
    assert nab.score(series, at(399), STANDARD) == pytest.approx(sigmoid(-0.01) / sigmoid(-1.0))


def test_speaking_soon_after_a_window_costs_less_than_far_from_any() -> None:
    series = labelled((300, 399))
    found = nab.score(series, at(300), STANDARD)
    assert nab.score(series, at(300, 409), STANDARD) - found == pytest.approx(0.11 * sigmoid(10 / 99))
    assert nab.score(series, at(300, 900), STANDARD) - found == pytest.approx(-0.11)
    assert nab.score(series, at(200, 300), STANDARD) - found == pytest.approx(-0.11)


def test_nothing_is_scored_in_probation() -> None:
    assert labelled().probation == 150
    assert labelled(n=22_000).probation == 750
    assert nab.score(labelled((300, 399)), at(10, 149, 300), STANDARD) == pytest.approx(1.0)


def test_a_missed_window_costs_what_the_profile_says() -> None:
    assert nab.score(labelled((300, 399)), at(), Profile(0.11, 2.0)) == -2.0


def test_the_best_limit_of_a_rival_is_found_on_the_labels() -> None:
    scores = np.where(at(300), 5.0, np.linspace(0.0, 1.0, 1000))
    assert nab.tuned([labelled((300, 399))], [scores]) == pytest.approx(100.0)


@pytest.mark.slow
def test_our_detector_earns_65_on_the_development_data_and_baselines_far_less() -> None:
    root = nab.folder()
    if root is None:
        pytest.skip("no development data; set STEADYLINE_DATA")
    every = nab.load(root)
    assert nab.figures(every)["standard"] >= 65.0
    assert max(nab.baselines(every, quick=True).values()) < 60.0
