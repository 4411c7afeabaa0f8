"""The hybrid soft sensor in the cycle: physics, what was learnt beside it, an interval and a domain."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

import numpy as np
import pytest
from hybrids import TAGS, model, policy, runs, tuned

from controller import soft
from controller.soft.aligned import Timing, along, moved, of_path
from controller.soft.hybrid_model import said
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from policies import Hybrid, Lane, Policy, PolicyError, load, shipped

EPOCH = 1_800_000_000.0
USUAL = {
    "PMP.F_PV": 3.75,
    "FDR_API.F_PV": 3.0,
    "FDR_EXC.F_PV": 12.0,
    "DRY.TIN_PV": 53.0,
    "DRY.AIR_PV": 360.0,
    "DRY.Y_IN": 0.0085,
    "DRY.T_BED": 40.0,
    "DRY.Y_OUT": 0.0172,
}
LAB = (
    '  LAB.THIEF: {unit: "%", range: [0, 30], connection: dryer, address: s=LAB.THIEF, age_from: source, '
    "stale_after: 2h, description: Loss on drying by the laboratory}\n"
)
CORRECTED = "    lab: {tag: LAB.THIEF, taken: source, oldest: 1h, sd: 0.1}\n"


def snap(which: Policy, at: float, seen: Mapping[str, float], lab: tuple[float, float] | None = None) -> Snapshot:
    samples = {tag: Sample(v, Quality.GOOD, EPOCH + at, EPOCH + at) for tag, v in seen.items()}
    if lab is not None:
        samples["LAB.THIEF"] = Sample(lab[0], Quality.GOOD, EPOCH + lab[1], EPOCH + at)
    return Snapshot.empty(EPOCH + at, TagIndex.of(which)).extended(samples)


def course(
    which: Policy, until: int, seen: Mapping[str, float], lab: Mapping[int, tuple[float, float]] | None = None
) -> list[Snapshot]:
    kit = soft.prepare(which)
    state, found = soft.start(kit), list[Snapshot]()
    newest: tuple[float, float] | None = None
    for at in range(0, until, 10):
        newest = lab.get(at, newest) if lab else newest
        after, state = soft.enrich(snap(which, float(at), seen, newest), state, kit)
        found.append(after)
    return found


def last(until: int, seen: Mapping[str, float], which: Policy | None = None) -> Snapshot:
    return course(which or policy(), until, seen)[-1]


def test_the_value_is_that_of_the_model_with_an_interval_around_it() -> None:
    found = last(1200, USUAL)
    inputs = {key: np.array([USUAL[tag]]) for key, tag in TAGS.items()}
    value = float(said(model(), inputs).value[0])
    one = found["SOFT.HYBRID"]
    assert (one.quality, one.reason) == (Quality.GOOD, Reason.NONE)
    assert one.value == pytest.approx(value, abs=1e-9)
    assert found["SOFT.HYBRID.LOW"].value < one.value < found["SOFT.HYBRID.HIGH"].value
    half = model().half * float(said(model(), inputs).spread[0])
    assert found["SOFT.HYBRID.HIGH"].value - one.value == pytest.approx(half)
    assert one.sd == pytest.approx(half / 1.645, rel=1e-3)


def test_core_and_learner_add_up_and_every_tag_is_given() -> None:
    found = last(1200, USUAL)
    parts = found["SOFT.HYBRID.MECH"].value + found["SOFT.HYBRID.ML"].value
    assert parts == pytest.approx(found["SOFT.HYBRID"].value)
    given = policy().soft_sensors["SOFT.HYBRID"].outputs("SOFT.HYBRID")
    assert all(isfinite(found[tag].value) for tag in given if tag != "SOFT.HYBRID.RES")


def test_until_the_residence_time_has_passed_the_value_is_in_doubt() -> None:
    found = course(policy(), 600, USUAL)
    grades = [one["SOFT.HYBRID"].quality for one in found]
    settled = round(max(one.delay_s + one.lag_s for one in model().inputs.values()))
    assert settled == 438
    assert set(grades[:43]) == {Quality.UNCERTAIN}
    assert set(grades[45:]) == {Quality.GOOD}


def test_a_step_of_the_liquid_arrives_after_the_residence_time() -> None:
    kit, which = soft.prepare(policy()), policy()
    state, values = soft.start(kit), list[float]()
    for at in range(0, 3000, 10):
        wetter = USUAL | {"PMP.F_PV": 4.2 if at >= 600 else 3.75}
        found, state = soft.enrich(snap(which, float(at), wetter), state, kit)
        values.append(found["SOFT.HYBRID.MECH"].value)
    before, after = values[59], values[-1]
    share = (np.array(values[60:]) - before) / (after - before)
    assert after > before + 0.5
    assert share[18] == pytest.approx(0.0, abs=1e-9)
    assert 350 < 10 * int(np.argmax(share > 0.6)) < 520


def test_inputs_far_from_the_training_data_leave_the_core_alone() -> None:
    far = last(1200, USUAL | {"DRY.T_BED": 75.0})
    assert far["SOFT.HYBRID.T2"].value > 1.0
    assert (far["SOFT.HYBRID"].quality, far["SOFT.HYBRID"].reason) == (Quality.UNCERTAIN, Reason.FALLBACK)
    assert far["SOFT.HYBRID"].value == far["SOFT.HYBRID.MECH"].value
    withheld = last(1200, USUAL | {"DRY.T_BED": 75.0}, policy("    outside: none\n"))
    assert (withheld["SOFT.HYBRID"].quality, withheld["SOFT.HYBRID"].reason) == (Quality.BAD, Reason.UNFIT)


def test_a_reading_that_cannot_be_gives_no_value() -> None:
    found = last(1200, USUAL | {"DRY.T_BED": 900.0})
    assert found["SOFT.HYBRID"].quality is Quality.BAD


def test_without_an_input_of_the_learner_the_core_speaks_and_without_one_of_the_core_nobody() -> None:
    lacking = last(1200, {tag: v for tag, v in USUAL.items() if tag != "DRY.T_BED"})
    assert (lacking["SOFT.HYBRID"].quality, lacking["SOFT.HYBRID"].reason) == (Quality.UNCERTAIN, Reason.FALLBACK)
    assert lacking["SOFT.HYBRID"].value == lacking["SOFT.HYBRID.MECH"].value
    blind = last(1200, {tag: v for tag, v in USUAL.items() if tag != "DRY.TIN_PV"})
    assert (blind["SOFT.HYBRID"].quality, blind["SOFT.HYBRID"].reason) == (Quality.BAD, Reason.NO_EVIDENCE)


def test_an_input_that_is_lost_is_held_then_doubted_then_given_up() -> None:
    which = policy()
    kit = soft.prepare(which)
    state, grades = soft.start(kit), dict[int, Quality]()
    for at in range(0, 1100, 5):
        seen = {tag: v for tag, v in USUAL.items() if at <= 900 or tag != "PMP.F_PV"}
        found, state = soft.enrich(snap(which, float(at), seen), state, kit)
        grades[at] = found["SOFT.HYBRID"].quality
    assert (grades[910], grades[930], grades[970]) == (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)


def test_late_results_move_the_bias_by_the_declared_share_of_what_was_said_then() -> None:
    which = policy(CORRECTED, lab=LAB)
    plain = last(1200, USUAL)["SOFT.HYBRID"].value
    found = course(which, 3000, USUAL, {1500: (plain + 1.0, 900.0), 2400: (plain + 1.0, 1800.0)})
    assert found[149]["SOFT.HYBRID.BIAS"].value == 0.0
    assert found[150]["SOFT.HYBRID.BIAS"].value == pytest.approx(0.3)
    assert found[150]["SOFT.HYBRID.BIAS"].sd == pytest.approx(0.03)
    assert found[150]["SOFT.HYBRID"].value == pytest.approx(plain + 0.3)
    assert found[150]["SOFT.HYBRID.RES"].value == pytest.approx(1.0)
    assert found[150]["SOFT.HYBRID.RES"].source == EPOCH + 900.0
    assert found[-1]["SOFT.HYBRID.BIAS"].value == pytest.approx(0.51)
    assert found[-1]["SOFT.HYBRID"].sd > found[140]["SOFT.HYBRID"].sd


def test_a_result_older_than_what_is_remembered_moves_nothing() -> None:
    which = policy(CORRECTED, lab=LAB)
    found = course(which, 1200, USUAL, {600: (9.0, -500.0)})
    assert found[-1]["SOFT.HYBRID.BIAS"].value == 0.0


def test_equal_histories_give_equal_states() -> None:
    which = policy(CORRECTED, lab=LAB)
    kit = soft.prepare(which)
    one = two = soft.start(kit)
    for at in range(0, 900, 10):
        seen = snap(which, float(at), USUAL, (2.0, 300.0) if at > 600 else None)
        first, one = soft.enrich(seen, one, kit)
        second, two = soft.enrich(seen, two, kit)
        assert first == second
    assert one == two


def test_the_sensor_is_near_the_truth_of_runs_it_has_not_seen() -> None:
    found = runs(64, 9)
    off = said(model(), {k: found.tags[tag] for k, tag in TAGS.items()}).value - found.truth["lod"]
    assert float(np.sqrt(np.mean(off**2))) < 0.25


@pytest.mark.parametrize(
    ("extra", "fitted", "says"),
    [
        ("    outside: nowhere\n", None, "found 'nowhere', expected mechanistic, uncertain or none"),
        ("    stale_after: soon\n", None, "expected a duration"),
        (CORRECTED, None, "found 'LAB.THIEF', expected the name of a tag"),
        (
            "    lab: {tag: SOFT.API, taken: source, oldest: 1h, sd: 0.1}\n",
            None,
            "found 'SOFT.API', a virtual tag, expected a tag of the plant, or a peak of a chromatogram",
        ),
    ],
)
def test_what_is_wrong_with_a_declaration_is_said_with_its_place(extra: str, fitted: None, says: str) -> None:
    with pytest.raises(PolicyError, match=r"line_b\.yaml") as error:
        policy(extra, fitted)
    problem = error.value.problems[0]
    assert says in problem.message
    assert problem.line > 100
    assert problem.column > 1


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"form": "serial_features"}, r"soft_sensors.SOFT.HYBRID.form: found parallel, but .* is of the form serial"),
        ({"unit": "g"}, r"soft_sensors.SOFT.HYBRID.unit: found %, but lod.soft.json gives g"),
    ],
)
def test_a_model_that_does_not_fit_its_declaration_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        soft.prepare(policy(fitted=tuned(**changes)))


def test_an_input_in_a_unit_that_cannot_be_converted_is_refused() -> None:
    inputs = {**model().inputs, "inlet": model().inputs["inlet"].model_copy(update={"unit": "kg/h"})}
    with pytest.raises(ValueError, match=r"reads.inlet: found DRY.TIN_PV in Cel, but the model wants it in kg/h"):
        soft.prepare(policy(fitted=tuned(inputs=inputs)))


def test_an_alignment_has_the_mean_and_the_spread_of_a_row_of_tanks() -> None:
    timing, at = of_path(400.0, 4.0, 1.0), np.arange(0.0, 4000.0)
    step = along(at, np.where(at >= 1.0, 1.0, 0.0), timing)
    arrived = np.diff(step)
    mean = float(np.sum(arrived * at[1:]))
    assert mean == pytest.approx(401.0, abs=4.0)
    assert float(np.sqrt(np.sum(arrived * (at[1:] - mean) ** 2))) == pytest.approx(200.0, rel=0.02)


def test_a_delay_line_stays_short_however_long_it_runs() -> None:
    lane, timing = None, Timing(300.0, 100.0)
    for at in range(5000):
        lane = moved(lane, float(at), 1.0, timing)
    assert lane is not None
    assert len(lane.points) < 70


@pytest.mark.parametrize("line", ["a", "b", "b2", "c"])
def test_every_shipped_sensor_with_late_results_is_watched_for_drift_of_its_residuals(line: str) -> None:
    which = load(shipped(line))
    late = {f"{name}.RES" for name, one in which.soft_sensors.items() if isinstance(one, Hybrid) and one.lab}
    watched = {getattr(one, "tag", None) for one in which.watches.values() if one.lane is Lane.LOCKED}
    assert late <= watched
    assert late
