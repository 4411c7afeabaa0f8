"""A monitor over several tags: its scores, what explains them, and what it takes for evidence."""

import numpy as np
import pytest
from scipy.signal import lfilter

from anomaly.artefact import Model, Settings
from anomaly.fitting import Training, fit
from anomaly.monitor import Monitor
from anomaly.verdict import Evidence, Verdict
from plant_io.signals import Floats
from tests.watched import MOVED, TAGS, model, normal


def played(monitor: Monitor, data: Floats) -> list[Verdict]:
    return [monitor.step(row) for row in data]


def test_normal_operation_stays_below_the_limit() -> None:
    verdicts = played(Monitor(model()), normal(2000, seed=2))
    assert np.mean([one.ratio > 1.0 for one in verdicts]) < 0.01
    assert not any(one.alarm for one in verdicts)


@pytest.mark.parametrize(("column", "shift"), [(0, 3.0), (1, -30.0), (2, 0.03), (3, -3e6)])
def test_a_tag_that_shifts_is_found_and_named_with_its_side(column: int, shift: float) -> None:
    monitor, data = Monitor(model()), normal(300, seed=3)
    data[200:, column] += shift
    before, after = played(monitor, data[:200]), played(monitor, data[200:])
    assert not any(one.alarm for one in before)
    first = next(one for one in after if one.alarm)
    assert first.top()[0].tag == TAGS[column]
    assert first.top()[0].sign == np.sign(shift)
    assert first.p < 1e-3
    assert first.version == model().fingerprint


def test_a_relation_that_breaks_is_found_though_every_tag_is_within_its_range() -> None:
    monitor, data = Monitor(model()), normal(600, seed=4)
    other = normal(600, seed=5)
    data[300:, 0] = other[300:, 0]
    verdicts = played(monitor, data)
    assert not any(one.alarm for one in verdicts[:300])
    assert any(one.alarm for one in verdicts[300:])


def test_a_score_is_asked_for_without_a_trace() -> None:
    kit, data = model(), normal(200, seed=6)
    asked, left = Monitor(kit), Monitor(kit)
    for row in data:
        for _ in range(3):
            asked.score_array(row + 1.0)
        assert asked.score_array(row) == asked.score_array(row) == left.score_array(row)
        assert asked.step(row).score == left.step(row).score


def test_features_come_in_any_order_and_unknown_ones_are_passed_over() -> None:
    kit, data = model(), normal(100, seed=7)
    straight, shuffled = Monitor(kit), Monitor(kit)
    for row in data:
        x = dict(zip((*TAGS, MOVED), row.tolist(), strict=True))
        y = {"unknown": 1e9, **dict(reversed(x.items()))}
        assert straight.score_one(x) == shuffled.score_one(y)
        straight.learn_one(x)
        shuffled.learn_one(y)


def test_the_same_samples_give_the_same_verdicts_bit_for_bit() -> None:
    kit, data = Model.model_validate_json(model().model_dump_json()), normal(400, seed=8)
    data[300:, 1] += 20.0
    data[50:60, 2] = np.nan
    first, again = played(Monitor(model()), data), played(Monitor(kit), data)
    assert [one.lanes for one in first] == [one.lanes for one in again]
    assert all(np.array_equal(a.z, b.z) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_no_evidence_never_scores(bad: float) -> None:
    monitor, data = Monitor(model()), normal(400, seed=9)
    data[200:300, 0] = bad
    verdicts = played(monitor, data)
    assert not any(one.alarm for one in verdicts)
    assert all(one.z[:, :, 0].max() == 0.0 for one in verdicts[200:300])
    assert all(np.isfinite(one.score) for one in verdicts)


def test_bad_quality_is_as_good_as_no_value() -> None:
    monitor, data = Monitor(model()), normal(300, seed=10)
    data[200:, 0] += 1000.0
    good = np.array([False, True, True, True, True])
    assert not any(monitor.step(row, good if k >= 200 else None).alarm for k, row in enumerate(data))


@pytest.mark.parametrize("seed", range(30, 42))
def test_what_follows_a_value_that_is_missing_is_no_anomaly_and_what_does_not_follow_it_is_judged(seed: int) -> None:
    monitor, data = Monitor(model()), normal(500, seed)
    data[200:400, 4] = np.nan  # the moved variable, which A, B and C follow
    data[350:400, 3] += 3e6  # D does not
    verdicts = played(monitor, data)
    assert not any(one.alarm for one in verdicts[:350])
    assert next(one for one in verdicts[350:] if one.alarm).top()[0].tag == "D"


def test_a_value_that_is_back_leaves_nothing_behind() -> None:
    whole, held, data = Monitor(model()), Monitor(model()), normal(400, seed=43)
    straight = [whole.step(row).score for row in data]
    gone = [held.step(row, np.arange(5) != (4 if 100 <= k < 150 else 5)).score for k, row in enumerate(data)]
    assert gone[-1] == pytest.approx(straight[-1], rel=0.02)
    assert gone[120] != straight[120]


def test_without_any_evidence_there_is_no_verdict() -> None:
    monitor, data = Monitor(model()), normal(50, seed=11)
    played(monitor, data)
    verdict = monitor.step(np.full(5, np.nan))
    assert (verdict.evidence, verdict.score, verdict.alarm) == (Evidence.MISSING, 0.0, False)


def test_after_a_gap_the_lags_begin_anew() -> None:
    monitor, data = Monitor(model()), normal(300, seed=12)
    before = [monitor.step(row, at=float(k)) for k, row in enumerate(data[:100])]
    after = [monitor.step(row, at=float(k + 500)) for k, row in enumerate(data[200:])]
    assert before[-1].evidence is Evidence.JUDGED
    assert [one.evidence for one in after[:3]] == [Evidence.STARTING, Evidence.STARTING, Evidence.JUDGED]
    assert not any(one.alarm for one in after)


def test_one_sample_that_is_missing_is_bridged() -> None:
    monitor, data = Monitor(model()), normal(300, seed=13)
    kept = [k for k in range(300) if k % 10]
    verdicts = [monitor.step(data[k], at=float(k)) for k in kept]
    assert all(one.evidence is Evidence.JUDGED for one in verdicts[5:])
    assert not any(one.alarm for one in verdicts)


def test_samples_that_come_too_often_are_left_out() -> None:
    monitor, data = Monitor(model()), normal(200, seed=14)
    twice = [monitor.step(row, at=k + part) for k, row in enumerate(data) for part in (0.0, 0.2)]
    once = played(Monitor(model()), data)
    assert [one.lanes for one in twice[::2]] == [one.lanes for one in once]
    assert {one.evidence for one in twice[1::2]} == {Evidence.EARLY}


def test_a_clock_that_goes_back_is_a_gap() -> None:
    monitor, data = Monitor(model()), normal(200, seed=15)
    before = [monitor.step(row, at=1000.0 + k) for k, row in enumerate(data[:100])]
    after = [monitor.step(row, at=5.0 + k) for k, row in enumerate(data[100:])]
    assert [one.evidence for one in after[:3]] == [Evidence.STARTING, Evidence.STARTING, Evidence.JUDGED]
    assert not any(one.alarm for one in before + after)


def test_a_line_that_is_announced_to_move_raises_nothing() -> None:
    monitor, data = Monitor(model()), normal(300, seed=16)
    data[150:250, :4] += np.linspace(0.0, 30.0, 100)[:, None] * [1.0, 10.0, 0.01, 1e6]
    data[250:] = data[:50]
    verdicts = [monitor.step(row, steady=not 150 <= k < 250) for k, row in enumerate(data)]
    assert {one.evidence for one in verdicts[150:250]} == {Evidence.ANNOUNCED}
    assert not any(one.alarm for one in verdicts[:250])


def test_a_tag_that_stood_still_in_training_is_told_and_not_judged() -> None:
    still = np.column_stack([normal(500, seed=17)[:, :2], np.full(500, 7.0)])
    kit = fit([still], Training(("A", "B", "STILL")))
    assert kit.constant == ("STILL",)
    moved = np.column_stack([normal(200, seed=18)[:, :2], np.linspace(7.0, 9.0, 200)])
    assert all(one.z[:, :, 2].max() == 0.0 for one in played(Monitor(kit), moved))


def test_what_lies_beyond_the_training_is_said() -> None:
    monitor, data = Monitor(model()), normal(10, seed=19)
    data[9, 4] = 50.0
    assert [one.outside for one in played(monitor, data)][8:] == [(), (MOVED,)]


def test_a_model_says_what_it_was_made_from_and_changes_its_fingerprint_with_any_number() -> None:
    kit = model()
    assert Model.model_validate_json(kit.model_dump_json()) == kit
    assert kit.limited(kit.limit * 1.0000001).fingerprint != kit.fingerprint
    assert model(seed=2).fingerprint != kit.fingerprint
    assert model().fingerprint == kit.fingerprint


@pytest.mark.parametrize(
    ("data", "found"),
    [(normal(10, seed=1), "expected 20 or more"), (normal(100, seed=1)[:, :4], "expected 5 columns")],
)
def test_too_little_to_fit_is_refused(data: Floats, found: str) -> None:
    with pytest.raises(ValueError, match=found):
        fit([data], Training(TAGS, (MOVED,)))


def test_a_model_of_inputs_alone_goes_on_seeing_a_tag_that_has_departed_for_good() -> None:
    rng = np.random.default_rng(5)
    u, noise = rng.normal(size=(2, 6, 400))
    slow: Floats = np.asarray(lfilter([0.3], [1.0, -0.95], noise, axis=1), np.float64)
    runs = [np.column_stack([np.roll(a, 1) + b, a])[1:] for a, b in zip(u, slow, strict=True)]
    training = Training(("y",), ("u",))
    left: dict[str, float] = {}
    for how in (Settings(memory="own", twin=False), Settings(memory="inputs", twin=False)):
        monitor = Monitor(fit(runs, training, how))
        ramp = runs[0] + np.column_stack([np.linspace(0.0, 6.0, len(runs[0])), np.zeros(len(runs[0]))])
        left[how.memory] = [monitor.step(row).ratio for row in ramp][-1]
    assert left["inputs"] > 2.0 * left["own"]
    assert left["inputs"] > 1.2


def test_a_tag_that_stood_still_in_training_is_watched_where_a_least_deviation_is_declared() -> None:
    rng = np.random.default_rng(6)
    run = np.column_stack([np.full(300, 250.0), rng.normal(size=300)])
    told: dict[tuple[float, ...], float] = {}
    for least in ((), (0.5, 0.0)):
        monitor = Monitor(fit([run], Training(("still", "noise"), least=least), Settings(twin=False)))
        for row in run[:20]:
            monitor.step(row)
        told[least] = monitor.step(np.array([150.0, 0.0])).ratio
    assert told[()] < 1.2
    assert told[(0.5, 0.0)] > 2.0


def test_values_that_are_missing_in_training_cost_little() -> None:
    holed, rng = normal(1500, seed=1), np.random.default_rng(1)
    holed[rng.random(holed.shape) < 0.1] = np.nan
    holed[300:400] = np.nan
    holed[700, 2] = np.inf
    whole, found = model(), fit([holed], Training(TAGS, (MOVED,)))
    assert np.allclose(found.noise, whole.noise, rtol=0.25)
    assert not any(one.alarm for one in played(Monitor(found), normal(500, seed=2)))


def test_a_tag_without_any_value_in_training_is_not_judged() -> None:
    silent = np.column_stack([normal(500, seed=17)[:, :2], np.full(500, np.nan)])
    kit = fit([silent], Training(("A", "B", "SILENT")))
    assert kit.constant == ("SILENT",)
    with pytest.raises(ValueError, match="could be judged"):
        fit([np.full((100, 2), np.nan)], Training(("A", "B")))


def test_a_value_beyond_all_measure_leaves_nothing_behind() -> None:
    monitor, data = Monitor(model()), normal(400, seed=20)
    data[[0, 1, 200], 0] = 1e300
    verdicts = played(monitor, data)
    assert all(np.isfinite(one.z).all() for one in verdicts)
    assert verdicts[200].ratio > 1.0
    assert verdicts[200].top()[0].tag == "A"
    assert not any(one.alarm for one in verdicts[300:])
