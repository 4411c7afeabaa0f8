"""Trends are sought on line, named after the library where it explains them, and called unknown where it does not."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from seen import EPOCH, hours, written

from anomaly import Alert, engine, trend
from anomaly.match import Bank, Noise, Signatures, bank, look, match, worth
from anomaly.trending import TrendKit, read
from controller import soft
from hil.plants.faults import Fault
from plant_io import Quality, Sample
from policies import load, shipped
from policies.library import Exponential, Ramp, Step

POLICY = load(shipped("a"))
SENSORS = soft.prepare(POLICY)
KIT = engine.prepare(POLICY).trends[0]
STEP, RAMP = Step(kind="step"), Ramp(kind="ramp")
POINTS = 40

Window = NDArray[np.float64]


def signatures(low: Sequence[float], high: Sequence[float], courses: Bank) -> Signatures:
    return Signatures(np.array([low]), np.array([high]), np.ones((1, len(courses.courses)), np.bool_))


def quiet(channels: int, seed: int = 1) -> Window:
    return np.random.default_rng(seed).standard_normal((POINTS, channels))


def test_the_ratio_of_a_step_is_that_of_the_textbook() -> None:
    points, courses = quiet(1), bank([STEP], POINTS, 30.0)
    points[25:] += 3.0
    tails = [points[onset:, 0] for onset in range(POINTS - 1)]
    by_hand = max(0.5 * len(tail) * float(tail.mean()) ** 2 for tail in tails)
    none, one = Noise(np.zeros(1), np.zeros((2, 1))), signatures([1.0], [1.0], courses)
    assert match(points, none, courses, one).free == pytest.approx(by_hand)
    assert match(np.full((POINTS, 1), np.nan), none, courses, one).free == 0.0


def test_whitening_makes_the_ratio_that_of_the_joint_density() -> None:
    memory, courses = 0.7, bank([RAMP], POINTS, 30.0)
    points = quiet(1)
    covariance = memory ** np.abs(np.subtract.outer(np.arange(POINTS), np.arange(POINTS)))
    weight = np.linalg.inv(covariance)
    found = match(points, Noise(np.array([memory]), np.zeros((2, 1))), courses, signatures([-1.0], [1.0], courses))
    by_hand = [float((c @ weight @ points[:, 0]) ** 2 / (c @ weight @ c)) / 2.0 for c in courses.courses]
    assert found.free == pytest.approx(max(by_hand))


def test_gaps_are_left_out_and_nothing_is_invented_for_them() -> None:
    points, courses = quiet(1) + 1.0, bank([STEP], POINTS, 30.0)
    points[10:20] = points[38:] = np.nan
    tails = [tail[np.isfinite(tail)] for tail in (points[onset:, 0] for onset in range(POINTS - 1))]
    by_hand = max(0.5 * len(tail) * float(tail.mean()) ** 2 for tail in tails if len(tail))
    found = match(points, Noise(np.zeros(1), np.zeros((2, 1))), courses, signatures([1.0], [1.0], courses))
    assert found.free == pytest.approx(by_hand)
    assert (
        match(
            np.full((POINTS, 1), np.nan),
            Noise(np.zeros(1), np.zeros((2, 1))),
            courses,
            signatures([1.0], [1.0], courses),
        ).free
        == 0.0
    )


@pytest.mark.parametrize("lines", [[[0.0, 1.5, 4.0], [0.3, 0.0, 0.1]], np.zeros((2, 3)).tolist()])
def test_moves_are_those_of_least_squares_with_the_whole_covariance_of_autoregression_level_and_slope(
    lines: list[list[float]],
) -> None:
    rng, courses = np.random.default_rng(1), bank((STEP, RAMP), 25, 60.0)
    noise = Noise(np.array([0.0, 0.5, 0.9]), np.array(lines))
    points, time = rng.standard_normal((25, 3)), np.arange(25.0) - 12.0
    points[7] = np.nan
    seen, left = look(points, noise, courses), 0.0
    there = np.isfinite(points[:, 0])
    together = np.equal.outer(np.cumsum(~there), np.cumsum(~there))[np.ix_(there, there)]
    apart = np.abs(np.subtract.outer(time, time))[np.ix_(there, there)]
    for k, memory in enumerate(noise.memory):
        level, slope = noise.lines[:, k] ** 2
        cover = together * memory**apart + level + slope * np.outer(time, time)[np.ix_(there, there)]
        inverse, rows, y = np.linalg.inv(cover), courses.courses[:, there], points[there, k]
        power = np.einsum("ki,ij,kj->k", rows, inverse, rows)
        assert seen.power[:, k] == pytest.approx(power, rel=1e-6, abs=1e-9)
        assert seen.moves[:, k] == pytest.approx(rows @ inverse @ y / power, rel=1e-6, abs=1e-9)
        left += 0.5 * float(y @ inverse @ y)
    assert worth(points, noise) == pytest.approx(left)


@pytest.mark.parametrize("straight", [[0.0, 0.0], [3.0, 0.0], [3.0, 0.1]])
def test_a_run_that_stands_elsewhere_or_drifts_as_runs_do_is_no_trend(straight: list[float]) -> None:
    rng, courses = np.random.default_rng(4), bank((STEP, RAMP), POINTS, 60.0)
    line = straight[0] + straight[1] * np.arange(POINTS)[:, None]
    points, noise = rng.standard_normal((POINTS, 1)) + line, Noise(np.zeros(1), np.array([[3.0], [0.1]]))
    one = signatures([1.0], [1.0], courses)
    assert match(points, noise, courses, one).free < 6.0
    assert straight == [0.0, 0.0] or match(points, Noise(np.zeros(1), np.zeros((2, 1))), courses, one).free > 40.0
    points[POINTS // 2 :] += 6.0
    assert match(points, noise, courses, one).free > 15.0


def test_a_trend_is_not_named_after_an_entry_whose_moves_it_refutes() -> None:
    window = np.zeros((KIT.declared.window, len(KIT.tags))) + KIT.centre
    place = KIT.tags.index("SOFT.API.GAP")
    window[-30:, place] -= 0.9
    window[-30:, KIT.tags.index("PRS.MCF")] += 0.2
    strict = replace(KIT, declared=KIT.declared.model_copy(update={"misfit": 5.0}))
    assert (read(window, KIT).name, read(window, strict).name) == ("api_below_flows", "")
    assert read(window, KIT, refuted=("api_below_flows",)).name == ""


def test_an_entry_explains_what_moves_its_way_and_nothing_else() -> None:
    courses = bank([RAMP], POINTS, 30.0)
    both = signatures([1.0, 0.4], [1.0, 0.6], courses)
    moves = {"its way": (10.0, 5.0), "half of it": (10.0, 0.0), "against it": (-10.0, -5.0)}
    shares = {}
    for name, size in moves.items():
        points = quiet(2) + np.linspace(0.0, 1.0, POINTS)[:, None] * np.array(size)
        shares[name] = float(match(points, Noise(np.zeros(2), np.zeros((2, 2))), courses, both).explained(2)[0])
    assert shares["its way"] > 0.95
    assert 0.6 < shares["half of it"] < 0.95
    assert shares["against it"] == pytest.approx(0.0, abs=0.05)


def test_what_a_signature_leaves_out_is_counted_on_its_own() -> None:
    courses = bank([STEP], POINTS, 30.0)
    points = quiet(2)
    points[20:] += np.array([30.0, 4.0])
    found = match(points, Noise(np.zeros(2), np.zeros((2, 2))), courses, signatures([1.0, 0.0], [1.0, 0.0], courses))
    assert found.explained(2)[0] > 0.97
    assert found.astray[0] == pytest.approx(0.5 * 20 * 4.0**2, rel=0.3)


@pytest.mark.parametrize("shape", [STEP, RAMP, Exponential(kind="exponential", tau="5m")])
def test_every_course_starts_at_its_onset_and_ends_at_one(shape: Step | Ramp | Exponential) -> None:
    courses = bank([shape], POINTS, 30.0)
    for course, onset in zip(courses.courses, courses.onsets, strict=True):
        assert course[-1] == 1.0
        assert not course[: max(int(onset), 0)].any()
        assert (np.diff(course) >= 0.0).all()


def fed(points: Iterable[Sequence[float]], kit: TrendKit = KIT) -> list[Alert]:
    """What a library says of points given one by one, each in the sd of its channel; not a number is a gap."""
    state = trend.start(kit)
    alerts: list[Alert] = []
    channels = kit.declared.channels.items()
    for k, point in enumerate([*points, [0.0] * len(channels)]):
        at = EPOCH + 30.0 * k
        samples = {}
        for (tag, channel), value in zip(channels, point, strict=True):
            scaled = channel.mean + channel.sd * value
            quality = Quality.GOOD if np.isfinite(scaled) else Quality.BAD
            samples[tag] = Sample(np.exp(scaled) if channel.scale == "log" else scaled, quality, at, at)
        state, told = trend.look(written(at, POLICY, samples), state, kit)
        alerts += told
    return alerts


def trending(move: Sequence[float], points: int = 60, onset: int = 30, seed: int = 2) -> Window:
    rng, memory = np.random.default_rng(seed), KIT.memory
    rows, x = [], np.zeros(len(memory))
    for k in range(points):
        x = memory * x + np.sqrt(1.0 - memory**2) * rng.standard_normal(len(memory))
        rows.append(x + np.array(move) * max(k - onset + 1, 0) / (points - onset))
    return np.array(rows)


def test_a_known_trend_is_named_with_share_onset_slope_and_units() -> None:
    (alert,) = fed(trending([0.0, 0.0, 0.0, 20.0, 0.0]))
    assert alert.what.startswith("Moisture taken up by the excipient: explains ")
    assert "SOFT.API.WATER up " in alert.what
    assert alert.evidence["moisture explains [1]"] > 0.65
    assert alert.evidence["SOFT.API.WATER slope [%/h]"] > 0.0
    assert alert.evidence["began before [s]"] % 30.0 == 0.0
    assert (alert.route, alert.priority) == ("qa", "medium")
    assert "loss on drying" in alert.response
    assert alert.score > alert.limit


def test_a_trend_no_entry_explains_is_called_unknown_with_the_nearest_entry() -> None:
    (alert,) = fed(trending([0.0, 0.0, 0.0, 0.0, -20.0]))
    assert alert.what.startswith("Unknown trend: ")
    assert "comes nearest, explains " in alert.what
    assert "PRS.MCF down" in alert.what
    assert (alert.route, alert.priority) == ("qa", "high")


def test_a_large_known_trend_does_not_hide_a_foreign_one_beside_it() -> None:
    alone = fed(trending([0.0, 0.0, 0.0, 40.0, 0.0]))[-1]
    beside = fed(trending([0.0, 0.0, 0.0, 40.0, -15.0]))[-1]
    assert alone.what.startswith("Moisture")
    assert beside.what.startswith("Unknown trend")


def test_entries_that_explain_it_equally_well_are_both_told() -> None:
    early = trending([6.0, 0.0, 0.0, 0.0, 0.0])
    (alert,) = fed(early)
    assert "not yet told apart from" in alert.what


def test_what_is_before_the_line_has_settled_is_left_out() -> None:
    rising = np.linspace(-20.0, 0.0, 20)[:, None] * np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    starting = np.vstack([rising, np.zeros((POINTS, 5))])
    patient = replace(KIT, declared=KIT.declared.model_copy(update={"settle_s": 600.0}))
    assert fed(starting) != []
    assert fed(starting, patient) == []


def test_noise_gaps_and_silence_say_nothing() -> None:
    rows = trending([0.0] * 5, points=240)
    rows[40:60, 3] = np.nan
    rows[100:130] = np.nan
    assert fed(rows) == []
    assert fed([[np.nan] * 5] * 100) == []


def test_a_trend_with_holes_in_it_is_still_named() -> None:
    rows = trending([0.0, 0.0, 0.0, 20.0, 0.0])
    rows[20:24] = rows[40:44, 3:] = np.nan
    assert [alert.what.partition(":")[0] for alert in fed(rows)] == ["Moisture taken up by the excipient"]


def test_a_trend_that_goes_away_is_told_to_have_ended() -> None:
    rows = np.vstack([trending([0.0, 0.0, 0.0, 20.0, 0.0]), trending([0.0] * 5, points=120, seed=5)])
    first, *_, last = fed(rows)
    assert (first.active, last.active) == (True, False)
    assert "no longer seen" in last.what


def test_a_trend_seen_otherwise_ends_under_its_old_name_and_begins_under_its_new() -> None:
    rows = np.vstack([trending([0.0, 0.0, 0.0, 20.0, 0.0]), trending([60.0, 0.0, 0.0, 0.0, 0.0], onset=0)])
    rows[60:, 3] += 20.0
    ended, begun = (alert for alert in fed(rows)[1:3])
    assert (ended.active, begun.active) == (False, True)
    assert ended.at == begun.at
    assert "now seen as" in ended.what


def watched(seed: int, seconds: int, faults: Sequence[Fault] = ()) -> list[Alert]:
    """What the locked lane says of line A at its nominal setpoints; a fault begins after 15 minutes."""
    kit = engine.prepare(POLICY)
    kit = replace(kit, learners=())
    state, memory = engine.start(kit), soft.start(SENSORS)
    alerts: list[Alert] = []
    for snapshot, _ in hours(seed, POLICY, seconds, faults):
        seen, memory = soft.enrich(snapshot, memory, SENSORS)
        state, locked, _ = engine.watch(seen, state, kit)
        alerts += locked.alerts
    return alerts


def begins(alerts: Iterable[Alert], watch: str) -> float:
    """Time from the fault to the first word of a watch [s]."""
    return next(alert.at for alert in alerts if alert.watch == watch and alert.active) - EPOCH - 900.0


N01 = Fault("N01", "FDR_API", 900.0, shape="ramp", ramp_s=1800.0)
N02 = Fault("N02", "FDR_EXC", 900.0, shape="ramp", ramp_s=1800.0)
F51 = Fault("F51", "NIR", 900.0, shape="ramp", ramp_s=7200.0)
F04 = Fault("F04", "FDR_API", 900.0)
CASES = [
    (N01, "Hydrolysis product of the API", 900.0),
    (N02, "Moisture taken up by the excipient", 1080.0),
    (F51, "Wavelength axis or lamp of the NIR instrument has drifted", 360.0),
    (F04, "Spectrum shows less API than the flows", 960.0),
]


@pytest.mark.parametrize(("fault", "name", "within"), CASES, ids=lambda case: getattr(case, "id", ""))
def test_a_fault_of_the_line_is_told_under_its_name(fault: Fault, name: str, within: float) -> None:
    trends = [alert for alert in watched(206, 900 + int(within), [fault]) if alert.watch == "impurities"]
    assert [alert.what.partition(":")[0] for alert in trends] == [name]


def test_a_drifting_wavelength_trips_the_fit_of_the_spectrum_before_it_biases_the_result() -> None:
    assert 0.0 < begins(watched(207, 1380, [F51]), "nir_fit") < 450.0


def test_a_quarter_of_an_hour_of_normal_operation_with_refills_raises_no_locked_alert() -> None:
    assert watched(209, 900) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(206, 211))
def test_an_hour_of_normal_operation_with_refills_raises_no_locked_alert(seed: int) -> None:
    assert watched(seed, 3600) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(207, 211))
@pytest.mark.parametrize(("fault", "name", "within"), CASES, ids=lambda case: getattr(case, "id", ""))
def test_a_fault_is_told_under_its_name_on_every_seed(fault: Fault, name: str, within: float, seed: int) -> None:
    trends = [alert for alert in watched(seed, 900 + int(within), [fault]) if alert.watch == "impurities"]
    assert [alert.what.partition(":")[0] for alert in trends] == [name]
