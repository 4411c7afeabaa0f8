"""Control charts and the learner: what they say, when, once, and in which lane."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import nan, sqrt
from pathlib import Path

import numpy as np
import pytest
from seen import EPOCH, good, hours, written

from anomaly import Alert, engine, ewma, learner
from anomaly.ewma import ChartKit
from anomaly.learner import CALM, LATCH, LearnerKit, LearnerState
from controller import soft
from plant_io import Quality, Reason, Sample, Snapshot
from policies import Ewma, Lane, Learner, PolicyError, load, shipped

POLICY = load(shipped("a"))
TAG = "PRS.MCF"


def snap(at: float, value: float, *, source: float | None = None, quality: Quality = Quality.GOOD) -> Snapshot:
    taken = EPOCH + (at if source is None else source)
    return written(EPOCH + at, POLICY, {TAG: Sample(value, quality, taken, EPOCH + at)})


def chart(**changes: object) -> ChartKit:
    declared = {
        "kind": "ewma",
        "tag": TAG,
        "reference": {"mean": 6.0, "sd": 0.1},
        "weight": 0.2,
        "limit": 4,
        "response": "Look.",
    }
    return ChartKit("force", Ewma.model_validate(declared | changes), "kN")


def told(kit: ChartKit, snapshots: Iterable[Snapshot]) -> list[Alert]:
    state, alerts = ewma.start(kit), []
    for snapshot in snapshots:
        state, alert = ewma.look(snapshot, state, kit)
        alerts += [alert] if alert else []
    return alerts


def test_a_chart_rests_while_a_loop_moves_its_tag_and_until_it_is_normal_again() -> None:
    kit, state = chart(yields=["blend"]), ewma.start(chart())
    course = [(6.0, "off")] * 50 + [(6.5, "active")] * 50 + [(6.5, "off")] * 50 + [(6.0, "off")] * 50
    alerts: list[tuple[int, bool]] = []
    for at, (value, phase) in enumerate([*course, *[(6.5, "off")] * 20, *[(6.5, "init")] * 20]):
        state, alert = ewma.look(snap(at, value), state, kit, {"blend": phase})
        alerts += [(at, alert.active)] if alert else []
    assert [active for _, active in alerts] == [True, False]
    assert 200 <= alerts[0][0] < 205
    assert alerts[1][0] == 220


def test_a_chart_judges_nothing_before_the_line_has_run_for_a_while_nor_once_it_stops() -> None:
    kit = chart(runs={"tag": "LINE.TOTAL_PV", "at_least": 10, "settle": "30s"})
    course = [(6.5, 0.0)] * 50 + [(6.5, 20.0)] * 30 + [(6.0, 20.0)] * 50 + [(6.5, 20.0)] * 20 + [(6.5, 5.0)] * 20
    state, alerts = ewma.start(kit), list[Alert]()
    for at, (value, flow) in enumerate(course):
        taken = EPOCH + at
        seen = {TAG: good(value, taken), "LINE.TOTAL_PV": good(flow, taken)}
        state, alert = ewma.look(written(taken, POLICY, seen), state, kit)
        alerts += [alert] if alert else []
    begun, ended = alerts
    assert 130 <= begun.at - EPOCH < 135
    assert (ended.at - EPOCH, ended.active) == (150.0, False)
    assert ended.what == "PRS.MCF is not judged: the line does not run, or has only just begun to."


def test_what_shows_that_the_line_runs_has_to_be_a_tag_that_there_is(tmp_path: Path) -> None:
    text = shipped("b").read_text()
    line = tmp_path / "line_b.yaml"
    shutil.copytree(shipped("b").parent, tmp_path, dirs_exist_ok=True)
    line.write_text(
        text.replace("runs: {tag: FDR_EXC.F_PV, at_least: 1, settle: 15m}", "runs: {tag: FDR_EXC.F, at_least: 1}")
    )
    with pytest.raises(PolicyError, match=r"watches.moisture.runs.tag: found .*FDR_EXC.F"):
        load(line)


def test_a_shift_is_told_once_when_it_begins_and_once_when_it_ends() -> None:
    values = [6.0] * 50 + [6.5] * 50 + [6.0] * 50
    begun, ended = told(chart(), (snap(at, value) for at, value in enumerate(values)))
    assert (begun.active, ended.active) == (True, False)
    assert 50 <= begun.at - EPOCH < 53
    assert begun.what == (
        "PRS.MCF is above normal: its average 6.18 kN has been 5.4 standard deviations of its chart from 6 kN."
    )
    assert begun.evidence == {
        "average [kN]": pytest.approx(6.18),
        "normal [kN]": 6.0,
        "chart sd [kN]": pytest.approx(0.1 / 3.0),
    }
    assert ended.what.startswith("PRS.MCF is normal again")


def test_a_chart_says_about_since_when() -> None:
    steps = [6.0] * 50 + [6.5] * 50
    (begun,) = told(chart(weight=0.05), (snap(at, value) for at, value in enumerate(steps)))
    assert begun.onset is not None
    assert abs(begun.onset - EPOCH - 50.0) <= 3.0
    ramp = [6.0] * 50 + [6.0 + 0.005 * k for k in range(200)]
    (begun,) = told(chart(weight=0.05), (snap(at, value) for at, value in enumerate(ramp)))
    assert begun.onset is not None
    assert begun.at - EPOCH > 65.0
    assert abs(begun.onset - EPOCH - 50.0) <= 8.0


def test_the_chart_waits_out_its_delay() -> None:
    kit = chart(on_delay="30s")
    short = [6.5] * 20 + [6.0] * 100
    assert told(kit, (snap(at, value) for at, value in enumerate(short))) == []
    (begun,) = told(kit, (snap(at, 6.5) for at in range(60)))
    assert "for 30 s" in begun.what
    assert 30 <= begun.at - EPOCH < 35


def test_a_condition_at_its_limit_does_not_chatter() -> None:
    kit = chart(weight=1.0)
    wavering = [6.41, 6.39] * 30
    assert len(told(kit, (snap(at, value) for at, value in enumerate(wavering)))) == 1


def test_a_value_counts_once_however_often_it_is_seen() -> None:
    assert told(chart(), (snap(at, 6.3, source=0.0) for at in range(100))) == []


@pytest.mark.parametrize("quality", [Quality.UNCERTAIN, Quality.BAD])
def test_what_is_no_evidence_neither_brings_a_condition_about_nor_clears_it(quality: Quality) -> None:
    kit = chart()
    assert told(kit, (snap(at, 9.0, quality=quality) for at in range(100))) == []
    assert told(kit, (snap(at, nan) for at in range(100))) == []
    gone = [snap(at, 6.5) for at in range(20)] + [snap(at, 6.0, quality=quality) for at in range(20, 100)]
    assert [alert.active for alert in told(kit, gone)] == [True]


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.95])
def test_the_sd_of_the_chart_is_that_of_its_average(memory: float) -> None:
    kit, rng = chart(memory=memory, weight=0.1, limit=1e6), np.random.default_rng(7)
    x, state, averages = 0.0, ewma.start(kit), []
    for at, shock in enumerate(rng.standard_normal(20_000)):
        x = memory * x + sqrt(1.0 - memory**2) * float(shock)
        state, _ = ewma.look(_BLANK.at_value(at, 6.0 + 0.1 * x), state, kit)
        averages.append(state.average)
    assert float(np.std(averages[500:])) == pytest.approx(kit.sd, rel=0.15)


@dataclass
class Blank:
    """A snapshot whose one tag is rewritten, because twenty thousand snapshots take their time."""

    first: Snapshot = field(default_factory=lambda: snap(0.0, 6.0))

    def at_value(self, at: float, value: float) -> Snapshot:
        i = self.first.index.position[TAG]
        self.first.values[self.first.index.start[i]] = value
        self.first.source[i] = EPOCH + at
        return self.first


_BLANK = Blank()


@dataclass
class Trees:
    """A forest that finds everything above a half unusual and remembers what it was taught."""

    learnt: list[float] = field(default_factory=list[float])

    def score_one(self, x: dict[str, float]) -> float:
        return x[TAG]

    def learn_one(self, x: dict[str, float]) -> None:
        self.learnt.append(x[TAG])


def pupil() -> LearnerKit:
    declared = {
        "kind": "half_space_trees",
        "lane": "learning",
        "tags": {TAG: {"mean": 6.0, "sd": 0.1}},
        "limit": 0.8,
        "every": "1s",
        "response": "Look.",
    }
    return LearnerKit("habits", Learner.model_validate(declared), ("kN",), Trees)


def taught(values: Sequence[float]) -> tuple[list[Alert], list[float], LearnerState]:
    kit, trees = pupil(), Trees()
    state, alerts = LearnerState(trees), []
    for at, value in enumerate(values):
        state, alert = learner.look(snap(at, value), state, kit)
        alerts += [alert] if alert else []
    return alerts, trees.learnt, state


def test_the_learner_learns_only_what_is_usual() -> None:
    _, learnt, _ = taught([6.0, 6.5, 6.0])
    assert learnt == [0.5, 0.5]


def test_the_learner_stops_learning_in_an_incident_until_it_is_over() -> None:
    unusual, usual = [6.5] * LATCH, [6.0] * CALM
    alerts, learnt, _ = taught(unusual + usual[:-1])
    assert [alert.active for alert in alerts] == [True]
    assert learnt == []
    alerts, learnt, _ = taught([*unusual, *usual, 6.0])
    assert [alert.active for alert in alerts] == [True, False]
    assert learnt == [0.5, 0.5]


def test_the_learner_speaks_after_five_samples_in_a_row_and_names_the_tags() -> None:
    alerts, _, _ = taught([6.5] * (LATCH - 1) + [6.0] + [6.5] * LATCH)
    (alert,) = alerts
    assert alert.at == EPOCH + 2 * LATCH - 1
    assert alert.lane is Lane.LEARNING
    assert "PRS.MCF 6.5 kN against 6 kN" in alert.what
    assert alert.evidence == {"PRS.MCF [kN]": 6.5}


def test_the_learner_looks_once_in_its_interval_and_passes_over_gaps() -> None:
    kit, trees = pupil(), Trees()
    state = LearnerState(trees)
    for at in (0.0, 0.4, 0.8, 1.2):
        state, _ = learner.look(snap(at, 6.0), state, kit)
    state, _ = learner.look(snap(2.0, 6.0, quality=Quality.BAD), state, kit)
    assert len(trees.learnt) == 2


@pytest.mark.parametrize("value", [-1e9, 1e9])
def test_the_input_of_the_trees_never_leaves_the_unit_cube(value: float) -> None:
    kit, trees = pupil(), Trees()
    learner.look(snap(0.0, value), LearnerState(trees), kit)
    assert set(trees.learnt) <= {0.0}


def test_real_trees_are_awake_and_find_what_they_have_never_seen() -> None:
    declared = {
        "kind": "half_space_trees",
        "lane": "learning",
        "tags": {
            "FDR_API.N": {"mean": 73, "sd": 3},
            "FDR_EXC.N": {"mean": 55.3, "sd": 1.2},
            "PRS.MCF": {"mean": 6.01, "sd": 0.2},
        },
        "limit": 0.85,
        "every": "5s",
        "response": "Look.",
    }
    units = {"FDR_API.N": "r/min", "FDR_EXC.N": "r/min", "PRS.MCF": "kN"}
    kit = learner.prepare("habits", Learner.model_validate(declared), units)
    state, rng = learner.start(kit), np.random.default_rng(3)
    normal = kit.declared.tags.items()
    for at in range(0, 1500, 5):
        values = {tag: good(r.mean + 0.3 * r.sd * float(rng.standard_normal()), EPOCH + at) for tag, r in normal}
        state, _ = learner.look(written(EPOCH + at, POLICY, values), state, kit)
    usual = state.forest.score_one(dict.fromkeys(kit.declared.tags, 0.5))
    unusual = state.forest.score_one(dict.fromkeys(kit.declared.tags, 0.9))
    assert 0.0 < usual < kit.declared.limit < unusual


def verdicts(seed: int, seconds: int) -> list[tuple[tuple[Alert, ...], frozenset[str], tuple[Alert, ...]]]:
    kit, sensors = engine.prepare(POLICY), soft.prepare(POLICY)
    state, memory, found = engine.start(kit), soft.start(sensors), []
    for snapshot, _ in hours(seed, POLICY, seconds):
        seen, memory = soft.enrich(snapshot, memory, sensors)
        state, locked, advice = engine.watch(seen, state, kit)
        found.append((locked.alerts, locked.holds, advice.alerts))
    return found


def test_replay_from_the_start_gives_the_same_verdicts() -> None:
    assert verdicts(208, 900) == verdicts(208, 900)


def test_only_a_standing_chart_with_hold_holds_its_loops() -> None:
    kit = engine.prepare(POLICY)
    state, holds = engine.start(kit), []
    for at in range(120):
        misfit = 5.0 if 20 <= at < 60 else 0.33
        samples = {"SOFT.API.Q": good(misfit, EPOCH + at), "FDR_API.F_ACT": good(9.0, EPOCH + at)}
        state, locked, _ = engine.watch(written(EPOCH + at, POLICY, samples), state, kit)
        holds.append(locked.holds)
    assert set(holds) == {frozenset(), frozenset({"blend"})}
    assert [bool(held) for held in holds].index(True) == pytest.approx(50, abs=3)
    assert holds[-1] == frozenset()


def test_every_alert_carries_numbers_with_units() -> None:
    kit = engine.prepare(POLICY)
    state = engine.start(kit)
    alerts: list[Alert] = []
    for at in range(0, 300, 5):
        sample = Sample(5.0, Quality.GOOD, EPOCH + at, EPOCH + at, Reason.NONE)
        state, locked, _ = engine.watch(written(EPOCH + at, POLICY, {"SOFT.API.Q": sample}), state, kit)
        alerts += locked.alerts
    assert {alert.watch for alert in alerts} == {"nir_fit", "impurities"}
    assert all(key.endswith("]") and " [" in key for alert in alerts for key in alert.evidence)
    assert all(alert.what.endswith(".") and alert.response for alert in alerts)
