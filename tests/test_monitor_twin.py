"""The twin that learns beside the frozen model: what it may learn, and what it must not."""

import numpy as np

from anomaly.monitor import Monitor
from plant_io.signals import Floats
from tests.watched import model, normal


def ramp(size: float, seed: int) -> Floats:
    data = normal(4000, seed)
    data[1000:, 0] += np.minimum(np.arange(3000) / 1500.0, 1.0) * size
    return data


def test_a_slow_ramp_is_found_by_the_frozen_model_as_if_nothing_learnt_beside_it() -> None:
    alone, beside = Monitor(model(twin=False)), Monitor(model())
    verdicts = [(alone.step(row), beside.step(row)) for row in ramp(3.0, seed=21)]
    assert [one.alarm for one, _ in verdicts] == [one.alarm for _, one in verdicts]
    assert not any(one.alarm for one, _ in verdicts[:1000])
    assert all(one.alarm for one, _ in verdicts[2500:])


def test_a_slow_ramp_cannot_be_absorbed_without_end() -> None:
    monitor = Monitor(model(adaptation="gated"))
    verdicts = [monitor.step(row) for row in ramp(8.0, seed=21)]
    assert not any(one.alarm for one in verdicts[:1000])
    assert all(one.alarm for one in verdicts[2500:])


def test_nothing_is_learnt_from_the_fifth_sample_above_the_limit_until_the_incident_is_over() -> None:
    data = normal(400, seed=22)
    data[200:300, 0] += 5.0
    monitor = Monitor(model())
    verdicts = [monitor.step(row) for row in data]
    over = np.array([one.lanes[1].over for one in verdicts])
    latched = np.array([one.latched for one in verdicts])
    assert latched[np.flatnonzero(over == 5)].all()
    assert not any(one.learnt for one in verdicts if one.latched or one.lanes[1].over)
    assert not latched[-20:].any()


def test_the_frozen_model_never_learns() -> None:
    data = normal(500, seed=23)
    alone, beside = Monitor(model(twin=False)), Monitor(model())
    assert all(alone.step(row).lanes[0] == beside.step(row).lanes[0] for row in data)


def test_an_incident_that_is_closed_lets_the_twin_learn_again() -> None:
    data = normal(260, seed=24)
    data[200:, 0] += 5.0
    monitor = Monitor(model())
    verdicts = [monitor.step(row) for row in data]
    assert verdicts[-1].latched
    monitor.close()
    assert not monitor.step(data[-1]).latched


def test_memory_does_not_grow() -> None:
    data, monitor = normal(500, seed=25), Monitor(model())
    monitor.step(data[0])
    before = monitor.nbytes
    for row in data:
        monitor.step(row)
    assert monitor.nbytes == before


def test_a_twin_cannot_unlearn_what_a_long_training_showed() -> None:
    lost: dict[float, float] = {}
    for stray in (1.5, 1e9):
        monitor = Monitor(model(adaptation="gated", stray=stray, leash=1e9))
        alarms = [monitor.step(row).alarm for row in ramp(6.0, seed=21)]
        lost[stray] = 1.0 - float(np.mean(alarms[2500:]))
    assert lost == {1.5: 0.0, 1e9: 1.0}
