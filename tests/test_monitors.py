"""A monitor in the cycle: what it is given, when it is silent, what it says, and which model it takes."""

import json
from collections.abc import Iterator
from math import isnan

import numpy as np
import pytest
from seen import EPOCH, written

from anomaly import Alert, latched, watched
from anomaly.artefact import Model, Settings
from anomaly.fitting import Training, fit
from anomaly.heard import NOTHING, Heard
from anomaly.latched import LatchKit, Row
from anomaly.onset import onset
from anomaly.watched import MonitorKit, MonitorState
from plant_io import Quality, Sample, Snapshot
from plant_io.signals import Floats
from policies import Monitor, Policy, load, shipped

LINE_A = load(shipped("a"))
TAGS = ("PRS.MCF", "PRS.FILL", "BLD.N_PV")
MIDDLE = (6.0, 9.0, 200.0)
RUNS = {"tag": "LINE.TOTAL_PV", "at_least": 10, "settle": "1m"}


def declared(**more: object) -> Monitor:
    given = {"kind": "monitor", "model": "a.monitor.json", "tags": list(TAGS), "response": "Look.", "every": "10s"}
    return Monitor.model_validate(given | more)


def snap(after: float, *values: float | None, **others: float) -> Snapshot:
    """The line with values of the three tags, None where one is bad."""
    at, samples = EPOCH + after, dict[str, Sample]()
    for tag, value in zip(TAGS, values, strict=False):
        bad = value is None
        samples[tag] = Sample(0.0 if bad else value, Quality.BAD if bad else Quality.GOOD, at, at)
    samples |= {tag.replace("__", "."): Sample(value, Quality.GOOD, at, at) for tag, value in others.items()}
    return written(at, LINE_A, samples)


def gathering(**more: object) -> LatchKit:
    return latched.gathering(declared(**more), LINE_A, {})


def rows(kit: LatchKit, snapshots: Iterator[Snapshot], heard: Heard = NOTHING) -> list[Row]:
    memory = latched.nothing(kit)
    return [row for each in snapshots if (row := latched.latch(each, heard, memory, kit)) is not None]


def test_a_look_is_at_the_mean_of_what_came_since_the_last() -> None:
    found = rows(gathering(), (snap(t, 6.0 + (t % 10) / 10.0, 9.0, 200.0) for t in range(31)))
    assert [row.at - EPOCH for row in found] == [10.0, 20.0, 30.0]
    # From the cycle of the last look, which is in it, to that of this one.
    assert found[1].values.tolist() == pytest.approx([6.45, 9.0, 200.0])


def test_a_value_that_came_before_counts_as_long_as_it_is_good() -> None:
    at = EPOCH + 1.0
    once = {"PRS.MCF": Sample(6.5, Quality.GOOD, at, at)}
    (_, second) = rows(gathering(), (written(EPOCH + t, LINE_A, once) for t in range(1, 21)))
    assert second.values[0] == 6.5


def test_a_tag_without_a_good_value_is_masked_and_the_others_are_not() -> None:
    found = rows(gathering(), (snap(t, None if t > 5 else 6.0, 9.0, 200.0) for t in range(21)))
    assert isnan(found[1].values[0])
    assert found[1].values[1:].tolist() == [9.0, 200.0]


def test_what_is_no_number_is_never_in_a_mean() -> None:
    found = rows(gathering(), (snap(t, float("inf") if t == 15 else 6.0, 9.0, float("nan")) for t in range(21)))
    assert found[1].values[0] == 6.0
    assert isnan(found[1].values[2])


def test_nothing_is_judged_until_the_line_has_run_for_a_while() -> None:
    kit = gathering(runs=RUNS)
    found = rows(kit, (snap(t, *MIDDLE, LINE__TOTAL_PV=20.0 if t >= 100 else 0.0) for t in range(201)))
    assert [row.at - EPOCH for row in found if row.steady] == [160.0, 170.0, 180.0, 190.0, 200.0]


def test_the_first_steady_minutes_of_each_run_are_its_baseline() -> None:
    kit = gathering(runs=RUNS, baseline="2m")

    def course() -> Iterator[Snapshot]:
        for t in range(601):
            stopped = 300 <= t < 320
            yield snap(t, 7.0 if t >= 300 else 6.0, 9.0, 200.0, LINE__TOTAL_PV=0.0 if stopped else 20.0)

    found = {round(row.at - EPOCH): row for row in rows(kit, course())}
    assert [at for at, row in found.items() if row.steady] == [*range(180, 300, 10), *range(500, 601, 10)]
    assert found[290].values.tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert found[600].values.tolist() == pytest.approx([0.0, 0.0, 0.0])
    assert found[600].shown.tolist() == pytest.approx([7.0, 9.0, 200.0])


def test_there_is_no_departure_before_the_means_of_the_run_are_known() -> None:
    kit = gathering(baseline="1m", absolute=["PRS.FILL"])
    found = rows(kit, (snap(t, *MIDDLE) for t in range(91)))
    assert [isnan(row.values[0]) for row in found] == [True] * 6 + [False] * 3
    assert [row.values[1] for row in found] == [9.0] * 9


def test_a_tag_may_be_judged_as_it_is_and_another_by_its_logarithm() -> None:
    kit = gathering(baseline="1m", absolute=["PRS.FILL"], log=["PRS.MCF"])
    found = rows(kit, (snap(t, 6.0 if t < 90 else 6.0 * np.e, 9.0, 200.0) for t in range(121)))
    assert found[-1].values.tolist() == pytest.approx([1.0, 9.0, 0.0])
    nothing = rows(gathering(log=["PRS.MCF"]), (snap(t, 0.0, 9.0, 200.0) for t in range(21)))
    assert isnan(nothing[0].values[0])


def test_a_setpoint_that_a_loop_moves_counts_from_where_the_run_began() -> None:
    kit = gathering(baseline="1m", tags=["PRS.MCF"], inputs=["PRS.FILL", "FDR_API.N"], moved=["PRS.FILL"])
    found = rows(kit, (snap(t, 6.0, 9.0 if t < 90 else 9.5, 200.0, FDR_API__N=80.0) for t in range(121)))
    assert found[-1].values.tolist() == pytest.approx([0.0, 0.5, 80.0])


def test_an_announced_change_silences_it_for_a_while() -> None:
    kit = gathering(suppressed=[{"tag": "PRS.GAP_ACT", "changes": True, "settle": "30s"}])
    found = rows(kit, (snap(t, *MIDDLE, PRS__GAP_ACT=3.0 if t < 50 else 3.1) for t in range(121)))
    assert [round(row.at - EPOCH) for row in found if not row.steady] == [50, 60, 70, 80]


def test_a_state_that_a_tag_shows_silences_it_while_it_stands() -> None:
    kit = gathering(suppressed=[{"tag": "LINE.DIVERT", "at_least": 1}])
    found = rows(kit, (snap(t, *MIDDLE, LINE__DIVERT=float(35 <= t < 55)) for t in range(81)))
    assert [round(row.at - EPOCH) for row in found if not row.steady] == [40, 50]


def test_a_phase_of_a_loop_silences_it() -> None:
    kit = gathering(suppressed=[{"loop": "blend", "phases": ["off", "init"]}])
    looks = [rows(kit, (snap(t, *MIDDLE) for t in range(21)), Heard(phases={"blend": p})) for p in ("init", "active")]
    assert [[row.steady for row in each] for each in looks] == [[False, False], [True, True]]


def test_what_a_loop_believes_is_a_column_like_any_other() -> None:
    watch = declared(tags=["PRS.MCF", "blend.bias.api_flow"])
    policy = LINE_A.model_copy(update={"watches": {"m": watch}})
    assert latched.believed(policy) == ("blend.bias.api_flow",)
    kit = latched.gathering(watch, policy, {"blend.bias.api_flow": 0})
    found = rows(kit, (snap(t, *MIDDLE) for t in range(21)), Heard(np.array([0.25])))
    assert found[0].values.tolist() == [6.0, 0.25]
    nothing = rows(kit, (snap(t, *MIDDLE) for t in range(21)), Heard(np.array([np.nan])))
    assert isnan(nothing[0].values[1])


def normal(n: int, seed: int, offset: float = 0.0) -> Floats:
    """Three tags that follow each other, on a line of its own that is off by something."""
    rng, x, out = np.random.default_rng(seed), np.zeros(3), list[Floats]()
    for e in rng.standard_normal((n, 3)):
        x = np.array([0.7 * x[0], 0.5 * x[1] + 0.3 * x[0], 0.2 * x[2]]) + e
        out.append(np.array(MIDDLE) + np.array([0.1, 0.2, 2.0]) * (x + offset))
    return np.array(out)


def model(runs: list[Floats], inputs: tuple[str, ...] = (), **how: object) -> Model:
    settings = Settings.model_validate(how)
    return fit(runs, Training(TAGS, inputs, 10.0), settings).limited(2.0)


@pytest.fixture(scope="module")
def fitted() -> Model:
    return model([normal(1500, seed) for seed in (1, 2, 3)])


def policy_of(found: Model, watch: Monitor) -> Policy:
    changed = LINE_A.model_copy(update={"watches": {"m": watch}})
    return changed.sealed("0" * 64, {**LINE_A.files, watch.model: found.model_dump_json().encode()})


def ready(found: Model, **more: object) -> MonitorKit:
    watch = declared(**more)
    return watched.prepare("m", watch, policy_of(found, watch), {})


def told(kit: MonitorKit, series: Floats) -> list[Alert]:
    state = watched.start(kit)
    return [alert for k, row in enumerate(series) for alert in judged(kit, state, k, row)]


def judged(kit: MonitorKit, state: MonitorState, k: int, row: Floats) -> list[Alert]:
    alerts = watched.judge(Row(EPOCH + 10.0 * k, row, row, steady=True), state, kit)
    return [alert for alert in alerts if alert is not None]


def stepped(series: Floats, at: int, tag: int, size: float, until: int | None = None) -> Floats:
    moved = series.copy()
    moved[at:until, tag] += size
    return moved


def test_a_quiet_line_says_nothing(fitted: Model) -> None:
    assert told(ready(fitted), normal(2000, 11)) == []


def test_a_tag_that_leaves_is_told_once_with_its_side_and_since_when(fitted: Model) -> None:
    series = stepped(normal(1200, 12), 600, 1, -1.4, until=900)
    begun, ended = (one for one in told(ready(fitted), series) if one.watch == "m")
    assert (begun.active, ended.active, begun.lane.value) == (True, False, "locked")
    assert begun.signs[0].tag == "PRS.FILL"
    assert begun.signs[0].z < 0.0
    assert begun.onset is not None
    assert abs(begun.onset - (EPOCH + 6000.0)) <= 50.0
    assert begun.at - EPOCH < 6300.0
    assert begun.what.startswith("The line is not as its model foretells: PRS.FILL below by")
    assert fitted.fingerprint[:8] in begun.what


def test_the_limit_and_the_hysteresis_may_be_those_of_the_policy(fitted: Model) -> None:
    series = stepped(normal(1200, 12), 600, 1, -1.4, until=900)
    assert told(ready(fitted, limit=1e6), series) == []
    early, late = (told(ready(fitted, on_delay=n), series)[0] for n in (1, 20))
    assert late.at - early.at >= 150.0


def noisy(n: int, seed: int, offset: float) -> Floats:
    """Three tags at rest on a line of its own, that is off by something."""
    rng = np.random.default_rng(seed)
    return np.array(MIDDLE) + np.array([0.1, 0.2, 2.0]) * (rng.standard_normal((n, 3)) + offset)


def based(run: Floats) -> Floats:
    return np.asarray(run[90:] - run[:90].mean(axis=0))


def test_a_drift_on_a_line_of_its_own_is_seen_where_the_baseline_of_the_run_is_known() -> None:
    offsets = np.random.default_rng(7).normal(0.0, 3.0, 12)
    runs = [noisy(500, 20 + i, offset) for i, offset in enumerate(offsets)]
    departures = model([based(run) for run in runs]).model_copy(update={"baseline_s": 900.0})
    plain, mixed = ready(model(runs)), ready(departures, baseline="15m")
    other = noisy(800, 99, 3.5)
    assert told(mixed, based(other)) == []
    # A drift of 2.5 standard deviations of the noise of a line, less than what one line differs from another by.
    other[200:, 1] += 0.5 * np.linspace(0.0, 1.0, 600)
    late = told(plain, other[90:])[0]
    first = told(mixed, based(other))[0]
    assert late.at - first.at > 900.0
    assert first.signs[0].tag == "PRS.FILL"
    assert first.onset is not None
    assert abs(first.onset - (EPOCH + 1100.0)) < 1000.0


def test_a_line_that_has_slowly_gone_elsewhere_asks_for_a_new_model(fitted: Model) -> None:
    found = fitted.model_copy(
        update={"settings": fitted.settings.model_copy(update={"horizon": 300, "on": 50.0, "stray": 1e6})}
    )
    ramp = np.linspace(0.0, 1.0, 6000)[:, None] * np.array([[0.0, 0.0, 8.0]])
    series = normal(6000, 31) + ramp
    advice = [one for one in told(ready(found, rebaseline="30m"), series) if one.watch == "m.twin"]
    assert advice
    assert (advice[0].lane.value, advice[0].active) == ("learning", True)
    assert advice[0].what.startswith("Re-baseline? For 30 min the twin")
    assert advice[0].signs[0].tag == "BLD.N_PV"


def test_the_same_rows_give_the_same_words(fitted: Model) -> None:
    series = stepped(normal(900, 12), 600, 1, -1.4)
    assert told(ready(fitted), series) == told(ready(fitted), series) != []


@pytest.mark.parametrize(
    ("more", "place"),
    [
        (
            {"tags": list(reversed(TAGS))},
            "watches.m.tags: expected those of a.monitor.json in its order; they stand in an",
        ),
        (
            {"tags": [*TAGS[:2], "HOP.M"]},
            "watches.m.tags: expected those of a.monitor.json in its order; BLD.N_PV is only",
        ),
        (
            {"baseline": "15m"},
            "watches.m.baseline: found 900 s, but a.monitor.json was fitted with 0 s",
        ),
        (
            {"log": ["PRS.MCF"]},
            "watches.m.log: expected the tags a.monitor.json was fitted with; they differ in PRS.MCF",
        ),
        ({"every": "20s"}, "watches.m.every: found 20 s, but a.monitor.json looks every 10 s"),
    ],
)
def test_a_model_of_something_else_is_refused(fitted: Model, more: dict[str, object], place: str) -> None:
    with pytest.raises(ValueError, match=r"watches\.m") as caught:
        ready(fitted, **more)
    assert str(caught.value).startswith(place)


def test_a_model_that_learns_is_refused_in_the_locked_lane(fitted: Model) -> None:
    learns = fitted.model_copy(update={"settings": fitted.settings.model_copy(update={"adaptation": "gated"})})
    with pytest.raises(ValueError, match="learns on line; a locked watch needs adaptation: frozen"):
        ready(learns)


def test_a_file_that_is_no_model_is_refused_with_the_first_thing_wrong(fitted: Model) -> None:
    watch = declared()
    broken = json.loads(fitted.model_dump_json()) | {"limit": -1}
    policy = LINE_A.sealed("0" * 64, {watch.model: json.dumps(broken).encode()})
    with pytest.raises(ValueError, match=r"watches\.m\.model: a\.monitor\.json is no model of a monitor: limit: "):
        watched.prepare("m", watch, policy, {})


def test_the_beginning_of_a_step_and_of_a_ramp_is_found() -> None:
    noise = np.random.default_rng(5).standard_normal(200)
    step, ramp = noise.copy(), noise.copy()
    step[150:] += 3.0
    ramp[120:] += np.arange(80) * 0.1
    assert abs(onset(step) - 150) <= 2
    assert abs(onset(ramp) - 120) <= 15
    step[160:170] = np.nan
    assert abs(onset(step) - 150) <= 2
