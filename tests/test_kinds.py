"""Watches on single tags from the policy to the alert, through the engine as it runs in every cycle."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import nan

import numpy as np
import pytest
from seen import EPOCH, written
from watched import TAGS, model

from anomaly import Alert, engine, kinds, univariate
from anomaly.engine import WatchKit
from anomaly.hosted import HostKit
from anomaly.kinds import KindsKit
from anomaly.monitor import Kit, Monitor
from anomaly.residual import STANDARD
from anomaly.watched import BUFFER, MonitorState
from plant_io import Quality, Sample, Snapshot
from policies import Lane, Policy, PolicyError, load, parse, shipped

LINE_A, TAG = load(shipped("a")), "PRS.MCF"
NORMAL = "{mean: 6.0, sd: 0.1}"


def policy(watch: str) -> Policy:
    """Line A with one watch and no other."""
    text = shipped("a").read_text()
    begin, end = text.index("\nwatches:"), text.find("\nincidents:")
    rest = text[end:] if end > begin else ""
    watches = f"\nwatches:\n  mine: {{{watch}, response: Look.}}\n"
    return parse((text[:begin] + watches + rest).encode(), "line_a.yaml", dict(LINE_A.files))


def snap(at: float, value: float, quality: Quality = Quality.GOOD) -> Snapshot:
    return written(EPOCH + at, LINE_A, {TAG: Sample(value, quality, EPOCH + at, EPOCH + at)})


def seen(kit: WatchKit, snapshots: Iterable[Snapshot]) -> tuple[list[Alert], list[Alert]]:
    """Alerts of the locked lane, and advice."""
    state, locked, advised = engine.start(kit), list[Alert](), list[Alert]()
    for snapshot in snapshots:
        state, lock, advice = engine.watch(snapshot, state, kit)
        locked += lock.alerts
        advised += advice.alerts
    return locked, advised


def values(n: int, *, shift_at: int, by: float, seed: int = 1) -> Iterator[Snapshot]:
    draws = np.random.default_rng(seed).standard_normal(n)
    return (snap(float(i), 6.0 + 0.1 * float(z) + (by if i >= shift_at else 0.0)) for i, z in enumerate(draws))


def test_charts_speak_in_the_locked_lane() -> None:
    kit = engine.prepare(policy(f"kind: chart, tag: {TAG}, reference: {NORMAL}, rules: [shewhart, cusum]"))
    locked, advised = seen(kit, values(150, shift_at=100, by=0.2))
    assert advised == []
    (first, *_) = locked
    assert (first.watch, first.lane, first.active) == ("mine", Lane.LOCKED, True)
    assert 100.0 <= first.at - EPOCH < 110.0


@pytest.mark.parametrize("method", ["adwin", "page_hinkley"])
def test_drift_is_advised_with_where_it_went_and_ends(method: str) -> None:
    declared = f"kind: drift, lane: learning, tag: {TAG}, reference: {NORMAL}, method: {method}, stands: 2m"
    locked, advised = seen(engine.prepare(policy(declared)), values(800, shift_at=500, by=0.15))
    assert locked == []
    begun, *others = advised
    assert (begun.active, begun.lane) == (True, Lane.LEARNING)
    assert 500.0 < begun.at - EPOCH < 560.0
    assert begun.what.startswith("PRS.MCF has changed, by ")
    assert begun.evidence["before [kN]"] == pytest.approx(6.0, abs=0.03)
    assert begun.evidence["now [kN]"] > 6.05
    assert [alert.active for alert in others if alert.what.endswith("has not changed for 2 min.")] == [False]


def test_drift_detectors_are_calm_where_nothing_drifts() -> None:
    for method in ("adwin", "page_hinkley"):
        declared = f"kind: drift, lane: learning, tag: {TAG}, reference: {NORMAL}, method: {method}"
        assert seen(engine.prepare(policy(declared)), values(1500, shift_at=9999, by=0.0, seed=4)) == ([], [])


def test_a_tag_by_itself_is_advised_on_with_its_reason() -> None:
    kit = engine.prepare(policy(f"kind: univariate, lane: learning, tag: {TAG}, every: 1s"))
    snapshots = [*values(600, shift_at=9999, by=0.0, seed=2), snap(600.0, 7.5)]
    snapshots += [snap(601.0 + i, 6.0 + 0.01 * (i % 7)) for i in range(univariate.STANDS + 5)]
    locked, advised = seen(kit, snapshots)
    assert locked == []
    begun, ended = [alert for alert in advised if alert.at >= EPOCH + 600.0]
    assert begun.what == (
        "PRS.MCF shows 7.5 kN: it has moved 1.69 kN up since the last value; "
        "fewer than one normal value in a million is as unusual."
    )
    assert (ended.active, ended.at) == (False, EPOCH + 600.0 + univariate.STANDS)


def test_a_detector_of_river_watches_by_name() -> None:
    declared = (
        f"kind: detector, lane: learning, detector: river.anomaly.HalfSpaceTrees, tags: {{{TAG}: {NORMAL}}}, "
        "scale: unit, limit: 0.9, every: 1s, warm: 0, options: {n_trees: 10, height: 6, window_size: 50, seed: 1}"
    )
    locked, (begun, *_) = seen(engine.prepare(policy(declared)), values(300, shift_at=200, by=0.35))
    assert locked == []
    assert 204.0 <= begun.at - EPOCH < 230.0
    assert begun.what.startswith("The tags together are unlike anything learnt, score ")


@pytest.mark.parametrize(
    ("detector", "said"),
    [
        ("river.anomaly.Lodda", r"found river\.anomaly\.Lodda, expected one of .*LODA"),
        ("acme", r"no detector acme is installed; installed are none, and those of river\.anomaly"),
    ],
)
def test_a_detector_that_is_not_there_is_missed_by_name(detector: str, said: str) -> None:
    declared = f"kind: detector, lane: learning, detector: {detector}, tags: {{{TAG}: {NORMAL}}}, limit: 1.0"
    with pytest.raises(ValueError, match=said):
        engine.prepare(policy(declared))


def test_options_a_detector_does_not_know_are_refused_before_the_run() -> None:
    declared = (
        f"kind: detector, lane: learning, detector: river.anomaly.LODA, tags: {{{TAG}: {NORMAL}}}, limit: 1.0, "
        "options: {trees: 5}"
    )
    with pytest.raises(ValueError, match=r"river\.anomaly\.LODA cannot be made with its options: .*trees"):
        engine.prepare(policy(declared))


def test_what_is_no_evidence_changes_nothing() -> None:
    for declared in (
        f"kind: chart, tag: {TAG}, reference: {NORMAL}, rules: [shewhart]",
        f"kind: univariate, lane: learning, tag: {TAG}, every: 1s",
        f"kind: drift, lane: learning, tag: {TAG}, reference: {NORMAL}, method: adwin",
    ):
        kit = engine.prepare(policy(declared))
        bad = [snap(float(i), 99.0, Quality.BAD) for i in range(200)] + [snap(200.0 + i, nan) for i in range(200)]
        assert seen(kit, bad) == ([], [])


def test_a_chart_on_what_a_monitor_leaves_sees_each_look_once() -> None:
    prepared = kinds.prepare(policy(f"kind: chart, tag: {TAG}, reference: {NORMAL}, rules: [nelson_2]"), ()).charts[0]
    felt = prepared.declared.model_copy(update={"reference": None, "monitor": "all"})
    kit = KindsKit(charts=(prepared._replace(declared=felt, felt=(0, 2)),))
    monitor = monitored()
    state, alerts = kinds.start(kit), list[Alert]()
    for look in range(12):
        monitor.ring[look % BUFFER, 2] = 0.5
        monitor.looks = look + 1
        for cycle in range(3):
            alerts += kinds.look(snap(3.0 * look + cycle, 6.0), state, kit, [monitor])[0]
    (alert,) = alerts
    assert alert.at == EPOCH + 24.0
    assert alert.what == (
        "PRS.MCF breaks Nelson 2 (nine in a row on one side of normal): "
        "+0.50 standard deviations from what all foretells."
    )


def monitored() -> MonitorState:
    """A monitor of four tags that has not looked yet."""
    return MonitorState(Monitor(model(), Kit(model())), None, np.full((BUFFER, len(TAGS)), nan))  # type: ignore[arg-type]


def test_drift_in_what_a_monitor_leaves_is_told_in_standard_deviations() -> None:
    declared = f"kind: drift, lane: learning, tag: {TAG}, reference: {NORMAL}, method: page_hinkley"
    (prepared,) = kinds.prepare(policy(declared), ()).drifts
    felt = prepared.declared.model_copy(update={"reference": None, "monitor": "all"})
    kit = KindsKit(drifts=(replace(prepared, declared=felt, felt=(0, 1)),))
    monitor, rng = monitored(), np.random.default_rng(5)
    state, told = kinds.start(kit), list[Alert]()
    for look in range(300):
        monitor.ring[look % BUFFER, 1] = rng.standard_normal() + (2.0 if look >= 200 else 0.0)
        monitor.looks = look + 1
        told += kinds.look(snap(float(look), 6.0), state, kit, [monitor])[1]
    assert 200.0 < told[0].at - EPOCH < 230.0
    assert told[0].what.startswith(
        "PRS.MCF has changed, by Page-Hinkley: what all does not foretell of it has gone from "
    )


def test_a_detector_on_a_monitor_sees_averages_of_what_it_leaves() -> None:
    declared = (
        "kind: detector, lane: learning, detector: river.anomaly.LODA, limit: 12, warm: 100, "
        f"tags: {{{TAG}: {NORMAL}}}, options: {{seed: 1}}"
    )
    (prepared,) = kinds.prepare(policy(declared), ()).hosted
    known = prepared.learner.declared.model_copy(update={"tags": dict.fromkeys(TAGS, STANDARD)})
    kit = KindsKit(hosted=(HostKit(replace(prepared.learner, declared=known, units=("1",) * len(TAGS)), 0),))
    monitor, rng = monitored(), np.random.default_rng(6)
    state, told = kinds.start(kit), list[Alert]()
    for look in range(300):
        monitor.ring[look % BUFFER] = rng.standard_normal(len(TAGS))
        monitor.ring[look % BUFFER, 3] += 6.0 if look >= 200 else 0.0
        monitor.looks = look + 1
        for _ in range(2):
            told += kinds.look(snap(float(look), 6.0), state, kit, [monitor])[1]
    assert 205.0 <= told[0].at - EPOCH < 215.0
    assert f"farthest from normal: {TAGS[3]} " in told[0].what


@pytest.mark.parametrize(
    ("watch", "said"),
    [
        ("kind: detector, lane: learning, detector: acme, limit: 1.0", "found both or neither of tags and monitor"),
        (f"kind: chart, tag: {TAG}, rules: [shewhart]", "found both or neither of reference and monitor"),
        (f"kind: chart, tag: {TAG}, monitor: nir, rules: [shewhart]", "expected a watch of kind monitor"),
        (f"kind: chart, tag: {TAG}, reference: {NORMAL}, rules: [nelson_9]", "nelson_8"),
        (f"kind: chart, tag: PRS.MFC, reference: {NORMAL}, rules: [ewma]", "did you mean 'PRS.MCF'?"),
        (f"kind: drift, lane: learning, tag: {TAG}, method: adwin", "found both or neither of reference and monitor"),
        (f"kind: drift, lane: locked, tag: {TAG}, reference: {NORMAL}, method: adwin", "expected learning"),
        (f"kind: univariate, lane: learning, tag: {TAG}, every: 1s, chance: 0.5", "expected a number"),
        (f"kind: univariate, lane: learning, tag: {TAG}, every: 1s, action: hold", "expected alert"),
    ],
)
def test_a_mistake_in_a_watch_is_told_where_it_stands(watch: str, said: str) -> None:
    with pytest.raises(PolicyError) as refused:
        policy(watch)
    assert said in " ".join(problem.message for problem in refused.value.problems)
    assert all(problem.path.startswith("watches.mine") for problem in refused.value.problems)


@pytest.mark.parametrize(
    "declared",
    [
        f"kind: chart, tag: {TAG}, reference: {NORMAL}, rules: [shewhart, cusum, ewma, nelson_2]",
        f"kind: univariate, lane: learning, tag: {TAG}, every: 1s",
        f"kind: drift, lane: learning, tag: {TAG}, reference: {NORMAL}, method: adwin",
        (
            f"kind: detector, lane: learning, detector: river.anomaly.LODA, tags: {{{TAG}: {NORMAL}}}, limit: 2.0, "
            "every: 1s, warm: 60, options: {seed: 1}"
        ),
        f"kind: sensors, tags: {{{TAG}: 0.14}}, still: 20",
    ],
    ids=["chart", "univariate", "drift", "detector", "sensors"],
)
def test_the_same_values_give_the_same_alerts_whenever_they_are_gone_through(declared: str) -> None:
    kit = engine.prepare(policy(declared))
    snapshots = [*values(400, shift_at=300, by=0.4, seed=8), *(snap(400.0 + i, 6.4) for i in range(40))]
    first, again = seen(kit, snapshots), seen(kit, snapshots)
    assert first == again
    assert any(first)
