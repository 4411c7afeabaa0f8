"""Detectors of river beside a monitor: on its whitened averages, on one scale, and under the rules of the twin."""

import pickle

import numpy as np
import pytest

from anomaly.members import WARM, Ensemble, Kind, Opinion
from tests.watched import model, normal

KINDS: tuple[Kind, ...] = ("half_space_trees", "loda", "one_class_svm")


def heard(shift: float, seed: int, kinds: tuple[Kind, ...] = KINDS) -> list[Opinion]:
    data = normal(5 * WARM, seed)
    data[4 * WARM :, 0] += shift
    ensemble = Ensemble(model(), kinds)
    return [ensemble.step(row) for row in data]


def test_members_speak_once_they_know_what_is_usual() -> None:
    said = heard(0.0, seed=31)
    assert all(set(one.decades) == {"monitor"} for one in said[: 2 * WARM])
    assert set(said[-1].decades) == {"monitor", *KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_a_member_finds_on_whitened_averages_what_shifts(kind: Kind) -> None:
    said = [one.decades[kind] for one in heard(4.0, seed=32, kinds=(kind,))[3 * WARM :]]
    assert np.median(said[WARM + 20 :]) > np.quantile(said[:WARM], 0.95)


def test_members_learn_nothing_while_the_twin_must_not() -> None:
    ensemble, data = Ensemble(model(), ("half_space_trees",)), normal(5 * WARM, seed=33)
    for row in data[: 4 * WARM]:
        ensemble.step(row)
    shifted = data[4 * WARM :] + np.array([5.0, 0.0, 0.0, 0.0, 0.0])
    said = [ensemble.step(row) for row in shifted]
    late = [one.decades["half_space_trees"] for one in said if one.verdict.latched]
    assert len(late) > 0.9 * len(shifted)
    assert np.mean(late[-50:]) >= 0.9 * np.mean(late[:50])


def test_asking_members_leaves_no_trace_and_the_same_seed_says_the_same() -> None:
    asked, left = Ensemble(model(), KINDS), Ensemble(model(), KINDS)
    for row in normal(3 * WARM, seed=34):
        assert asked.score_array(row) == asked.score_array(row)
        assert asked.step(row).decades == left.step(row).decades


def test_a_copy_of_an_ensemble_goes_on_as_the_original_does() -> None:
    ensemble, data = Ensemble(model(), ("half_space_trees",)), normal(3 * WARM, seed=35)
    for row in data[: 5 * WARM // 2]:
        ensemble.step(row)
    copy = pickle.loads(pickle.dumps(ensemble))  # noqa: S301  # our own
    assert all(copy.step(row).decades == ensemble.step(row).decades for row in data[5 * WARM // 2 :])
