"""Faults beside the plant: instruments, PLCs, actuators and people do what the catalogue says, when it says so."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, isinf, isnan

import numpy as np
import pytest

from hil.faults.carried import Place, cannot
from hil.faults.course import Course, Setup, Turn
from hil.faults.shapes import grown
from hil.faults.struck import column, simulate
from hil.faults.tables import (
    BESIDE,
    BREAKS,
    CONTROL,
    LINKS,
    MODBUS_FAULTS,
    OPCUA_FAULTS,
    PLCS,
    SENSORS,
    SOLVERS,
    STAMPS,
)
from hil.plants.faults import CATALOGUE, Fault, intensity
from hil.plc.guard import Word
from hil.plc.line import Image, SimulatedLine
from hil.plc.lines import blueprint
from plant_io.quality import Quality
from policies import Policy, load, shipped

ON_S = 20.0
FLOW, MASS, SPECTRUM = "FDR_API.F_PV", "HOP.M", "NIR.SPECTRUM"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def images(policy: Policy, *faults: Fault, seconds: float = 60.0, **more: object) -> list[Image]:
    """What the PLCs of line A show each second, the first at time 0."""
    course = Course(faults=faults, **more)  # type: ignore[arg-type]  # turns and setups as they are given
    line = simulate(policy, 1, course)
    return [line.image(), *(_after(line) for _ in range(round(seconds)))]


def _after(line: SimulatedLine, seconds: float = 1.0) -> Image:
    line.advance(seconds)
    return line.image()


def values(run: list[Image], tag: str) -> np.ndarray:
    return np.array([image.values[tag] for image in run])


def both(policy: Policy, fault: str, tag: str, **more: object) -> tuple[np.ndarray, np.ndarray]:
    """A tag of a run with a fault from 20 s on, and of one without."""
    struck = images(policy, Fault(fault, tag, ON_S, **more))  # type: ignore[arg-type]  # as they are given
    return values(struck, tag), values(images(policy), tag)


EXPECTED: Mapping[str, tuple[float | None, object]] = {
    "bias": (0.3, lambda seen, true: seen == pytest.approx(true + 0.3)),
    "gain": (1.5, lambda seen, true: seen == pytest.approx(1.5 * true)),
    "saturated": (1.5, lambda seen, true: (seen <= 1.5).all() and (true > 1.5).all()),
    "quantised": (0.5, lambda seen, true: np.allclose(seen % 0.5, 0.0) and abs(seen - true).max() <= 0.25),
    "nan": (None, lambda seen, _: np.isnan(seen).all()),
    "inf": (-1.0, lambda seen, _: (seen == -inf).all()),
    "stuck": (None, lambda seen, _: np.ptp(seen) == 0.0),
}


@pytest.mark.parametrize("fault", EXPECTED)
def test_a_reading_is_spoilt_as_the_catalogue_says_and_only_from_its_onset_on(policy: Policy, fault: str) -> None:
    magnitude, holds = EXPECTED[fault]
    seen, true = both(policy, fault, FLOW, magnitude=magnitude)
    assert (seen[:20] == true[:20]).all()
    assert holds(seen[21:], true[21:])  # type: ignore[operator]  # a function of two arrays


def test_a_magnitude_of_the_catalogue_counts_widths_of_the_range(policy: Policy) -> None:
    low, high = policy.tags[FLOW].range
    seen, true = both(policy, "bias", FLOW)
    assert seen[30] - true[30] == pytest.approx(0.05 * (high - low))


def test_a_drift_grows_by_the_hour(policy: Policy) -> None:
    seen, true = both(policy, "drift", FLOW, magnitude=3.6)
    assert seen[[30, 50]] - true[[30, 50]] == pytest.approx([0.010, 0.030])


def test_a_restless_reading_keeps_its_mean(policy: Policy) -> None:
    seen, true = (x[25:] for x in both(policy, "noise", FLOW, magnitude=10.0))
    assert seen.std() > 4.0 * true.std()
    assert seen.mean() == pytest.approx(true.mean(), abs=0.1)


def test_what_a_probe_sees_wanders_about_the_bulk_within_half_a_minute(policy: Policy) -> None:
    run = images(policy, Fault("sampling", FLOW, 0.0, magnitude=0.5, seed=2), seconds=900.0)
    astray = values(run, FLOW) - values(images(policy, seconds=900.0), FLOW)
    assert astray.std() == pytest.approx(0.5, abs=0.12)
    assert np.corrcoef(astray[:-30], astray[30:])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.2)


def test_spikes_are_rare_and_drawn_from_the_seed(policy: Policy) -> None:
    first, again, other = (
        values(images(policy, Fault("spike", FLOW, 0.0, magnitude=3.0, seed=seed), seconds=300.0), FLOW)
        for seed in (5, 5, 6)
    )
    assert (first == again).all()
    assert (first != other).any()
    assert 0.01 < (first > 4.0).mean() < 0.12


def test_a_lost_reading_is_bad_and_repeats_the_last(policy: Policy) -> None:
    run = images(policy, Fault("dropout", MASS, ON_S))
    assert {image.quality.get(MASS, Quality.GOOD) for image in run[21:]} == {Quality.BAD}
    assert np.ptp(values(run[21:], MASS)) == 0.0


def test_a_lag_follows_slowly_and_a_swap_shows_the_other(policy: Policy) -> None:
    swapped = values(images(policy, Fault("swapped", FLOW, ON_S, other="FDR_EXC.F_PV")), FLOW)
    assert swapped[:20] == pytest.approx(2.0, abs=0.3)
    assert swapped[21:] == pytest.approx(17.8, abs=2.0)
    lagged = values(
        images(policy, Fault("swapped", FLOW, ON_S, other="FDR_EXC.F_PV"), Fault("lag", FLOW, 0.0, magnitude=20.0)),
        FLOW,
    )
    assert lagged[40] - lagged[20] == pytest.approx((1.0 - np.exp(-1.0)) * 15.8, abs=0.8)


def test_a_film_makes_a_probe_blind_to_what_changes(policy: Policy) -> None:
    seen, true = both(policy, "fouled", SPECTRUM, magnitude=1.0)
    assert np.ptp(seen[21:], axis=0).max() == 0.0
    assert np.ptp(true[21:], axis=0).max() > 0.0


def test_late_results_are_old_and_come_in_order(policy: Policy) -> None:
    run = images(policy, Fault("late", SPECTRUM, ON_S, magnitude=30.0), seconds=120.0)
    taken = np.array([image.taken[SPECTRUM] for image in run])
    assert (np.diff(taken) >= 0.0).all()
    ages = np.arange(121.0) - taken
    assert ages[:20].max() <= 11.0
    assert ages[100:].min() >= 30.0


@pytest.mark.parametrize(
    ("fault", "found"),
    [
        ("ne107_failure", {Quality.BAD}),
        ("ne107_check", {Quality.BAD}),
        ("ne107_out_of_spec", {Quality.UNCERTAIN}),
        ("ne107_maintenance", {Quality.GOOD}),
        ("flicker", {Quality.GOOD, Quality.UNCERTAIN, Quality.BAD}),
    ],
)
def test_what_an_instrument_says_of_itself_is_shown(policy: Policy, fault: str, found: set[Quality]) -> None:
    run = images(policy, Fault(fault, MASS, ON_S))
    assert {image.quality.get(MASS, Quality.GOOD) for image in run[:20]} == {Quality.GOOD}
    assert {image.quality.get(MASS, Quality.GOOD) for image in run[21:]} == found


@pytest.mark.parametrize(("fault", "by_s"), [("time_ahead", 60.0), ("time_behind", -60.0)])
def test_a_source_time_is_off(policy: Policy, fault: str, by_s: float) -> None:
    struck, sound = images(policy, Fault(fault, SPECTRUM, ON_S)), images(policy)
    assert struck[40].taken[SPECTRUM] - sound[40].taken[SPECTRUM] == pytest.approx(by_s)
    assert struck[10].taken[SPECTRUM] == sound[10].taken[SPECTRUM]


def test_a_frozen_source_time_goes_on_with_fresh_values(policy: Policy) -> None:
    run = images(policy, Fault("time_frozen", SPECTRUM, ON_S))
    assert len({image.taken[SPECTRUM] for image in run[21:]}) == 1
    assert np.ptp(values(run[21:], SPECTRUM), axis=0).max() > 0.0


def test_the_clock_of_a_plc_is_off_for_its_own_tags_only(policy: Policy) -> None:
    struck, sound = images(policy, Fault("plc_clock", "line", ON_S, magnitude=-30.0)), images(policy)
    assert struck[40].taken[MASS] - sound[40].taken[MASS] == -30.0
    assert struck[40].taken[FLOW] == sound[40].taken[FLOW]


def test_a_frozen_image_keeps_its_heartbeat(policy: Policy) -> None:
    run = images(policy, Fault("plc_frozen", "feeders", ON_S, 40.0))
    assert np.ptp(values(run[21:40], FLOW)) == 0.0
    assert (np.diff(values(run[21:40], "SUP_F.SCAN")) > 0.0).all()
    assert np.ptp(values(run[21:40], MASS)) > 0.0
    assert np.ptp(values(run[41:], FLOW)) > 0.0


def test_a_scan_that_takes_too_long_stops_the_counter_for_as_long(policy: Policy) -> None:
    scans = values(images(policy, Fault("plc_overrun", "feeders", ON_S, 40.0, magnitude=4.0)), "SUP_F.SCAN")
    assert np.diff(scans)[:19].min() == 2.0
    assert np.diff(scans)[21:39].mean() < 0.7
    assert np.diff(scans)[45:].min() == 2.0


@pytest.mark.parametrize(("fault", "kept"), [("plc_cold", 2.0), ("plc_warm", 2.4)])
def test_a_restarted_plc_counts_anew_and_keeps_its_setpoints_if_it_is_warm(
    policy: Policy, fault: str, kept: float
) -> None:
    turned = Turn("FDR_API.F_SP", 1.0, 0.4)
    run = images(policy, Fault(fault, "feeders", ON_S, ON_S + 1.0), turns=(turned,))
    assert values(run, "FDR_API.F_ACT")[[10, 25]] == pytest.approx([2.4, kept])
    scans = values(run, "SUP_F.SCAN")
    assert scans[22] < scans[20]
    assert np.diff(scans)[23:].min() > 0.0


def test_people_turn_local_setpoints_and_those_of_a_plc_that_is_not_remote(policy: Policy) -> None:
    turns = (Turn("BLD.N_SP", 10.0, 50.0, "ramp", 40.0, 20.0), Turn("FDR_API.F_SP", 10.0, 0.2, "pulse", 20.0))
    line = simulate(policy, 1, Course(turns=turns))
    rows = []
    for _ in range(60):
        line.advance(1.0)
        rows.append(line.truth())
    speeds = [row["BLD.N_SP"] for row in rows]
    assert (speeds[5], speeds[20], speeds[35], speeds[50]) == pytest.approx((250.0, 276.25, 300.0, 250.0), abs=2.6)
    assert [rows[k]["FDR_API.F_ACT"] for k in (5, 15, 40)] == pytest.approx([2.0, 2.2, 2.0])


def test_a_binary_sequence_takes_two_values_and_is_drawn_from_its_seed(policy: Policy) -> None:
    def turned(seed: int) -> list[float]:
        turn = Turn("BLD.N_SP", 10.0, 20.0, "prbs", span_s=5.0, seed=seed)
        line = simulate(policy, 1, Course(turns=(turn,)))
        found = []
        for _ in range(120):
            line.advance(1.0)
            found.append(line.truth()["BLD.N_SP"])
        return found

    first, again, other = turned(1), turned(1), turned(2)
    assert set(first[12:]) == {230.0, 270.0}
    assert first == again != other


def test_a_plc_is_set_up_as_the_course_says(policy: Policy) -> None:
    setup = Setup(scan_s=2.0, watchdog_s=3.0, start={"FDR_API.F_SP": 2.3, "FDR_LUB.F_SP": 0.25}, permitted=False)
    line = simulate(policy, 1, Course(setups={"feeders": setup}))
    line.advance(60.0)
    truth = line.truth()
    assert (truth["FDR_API.F_ACT"], truth["FDR_LUB.F_SP"]) == (2.3, 0.25)
    assert truth["SUP_F.SCAN"] == pytest.approx(30.0, abs=1.0)
    assert (line.plcs["feeders"].rules.watchdog_s, line.plcs["feeders"].permitted) == (3.0, False)


def test_an_actuator_sticks_until_it_is_moved_far_enough(policy: Policy) -> None:
    small, large = (Turn("FDR_API.F_SP", at, by) for at, by in ((ON_S + 2.0, 0.1), (40.0, 0.3)))
    stuck = Fault("sp_sticky", "FDR_API.F_SP", ON_S, magnitude=0.2)
    line = simulate(policy, 1, Course(faults=(stuck,), turns=(small, large)))
    flows = []
    for _ in range(120):
        line.advance(1.0)
        flows.append(line.plant.truth()["flow_api"])
    assert line.setpoint("FDR_API.F_SP") == pytest.approx(2.4)
    assert np.mean(flows[30:40]) == pytest.approx(2.0, abs=0.07)
    assert np.mean(flows[80:]) == pytest.approx(2.22, abs=0.06)  # moved once it was pushed by more than 0.2, then stuck


def test_how_far_each_fault_is_developed_is_part_of_the_truth(policy: Policy) -> None:
    faults = (Fault("F04", "FDR_API", 10.0, shape="ramp", ramp_s=20.0), Fault("bias", FLOW, 30.0, 40.0))
    line = simulate(policy, 1, Course(faults=faults))
    line.advance(20.0)
    assert [line.truth()[column(fault)] for fault in faults] == [0.5, 0.0]
    line.advance(15.0)
    assert [line.truth()[column(fault)] for fault in faults] == [1.0, 1.0]


def test_the_watchdog_is_made_to_trip_while_setpoints_are_remote(policy: Policy) -> None:
    line = simulate(policy, 1, Course(faults=(Fault("plc_watchdog", "feeders", 30.0, 31.0),)))
    line.advance(28.0)
    plc = line.plcs["feeders"]
    plc.block = plc.block._replace(word=Word.REMOTE, silence_s=0.0)
    plc.write(plc.words.arm, 1.0)
    seen = []
    for _ in range(4):
        line.advance(1.0)
        seen.append(plc.block.word is Word.REMOTE)
    assert seen == [True, True, False, False]


@pytest.mark.parametrize(
    ("shape", "times", "found"),
    [("ramp", (0.0, 15.0, 60.0), [0.0, 0.5, 1.0]), ("step", (0.0, 99.0), [1.0, 1.0]), ("pulse", (0.0,), [1.0])],
)
def test_shapes_grow_as_they_are_called(shape: str, times: tuple[float, ...], found: list[float]) -> None:
    assert [grown(shape, at, 30.0, 0) for at in times] == found  # type: ignore[arg-type]  # one of the shapes


def test_what_wanders_has_its_time_constant_and_comes_from_its_seed() -> None:
    path = np.array([grown("ou", float(at), 30.0, 3) for at in range(20_000)])
    assert path.std() == pytest.approx(1.0, abs=0.1)
    assert np.corrcoef(path[:-30], path[30:])[0, 1] == pytest.approx(np.exp(-1.0), abs=0.1)
    assert path[0] == pytest.approx(0.0, abs=0.7)
    assert [grown("ou", float(at), 30.0, 3) for at in (10, 5000)] == [path[10], path[5000]]


def test_what_comes_and_goes_begins_at_its_onset() -> None:
    fault = Fault("stuck", FLOW, 100.0, 700.0, "random", None, 20.0, seed=4)
    there = [intensity(fault, float(at)) for at in range(800)]
    assert (sum(there[:100]), there[100], sum(there[700:])) == (0.0, 1.0, 0.0)
    assert 150 < sum(there) < 450


def test_every_fault_beside_the_plant_says_what_it_is_and_has_somewhere_to_fall(policy: Policy) -> None:
    reported = policy.tags["HOP.M"].model_copy(update={"scan": "subscribe"})
    place = Place(blueprint("A"), policy.model_copy(update={"tags": {**policy.tags, "HOP.M": reported}}))
    for name, kind in BESIDE.items():
        assert kind.meaning
        assert kind.measure.count("[") == (0 if kind.of_range else 1)
        assert place.targets(name), name
        assert not isnan(kind.magnitude)
        assert not isinf(kind.magnitude)
    assert BESIDE.items() <= CATALOGUE.items()


def test_a_clock_carries_what_it_can() -> None:
    on_all = [*SENSORS, *STAMPS, *PLCS, "F04"]
    assert {cannot(name, clock) for name in on_all for clock in ("memory", "virtual", "lockstep", "wall")} == {""}
    assert [name for name in (*LINKS, *OPCUA_FAULTS, *MODBUS_FAULTS) if cannot(name, "virtual")] == []
    assert all(cannot(name, "memory") for name in (*LINKS, *OPCUA_FAULTS, *MODBUS_FAULTS))
    # Over real sockets links break; what is noticed by waiting needs time that does not wait for it.
    assert [name for name in LINKS if not cannot(name, "lockstep")] == [*BREAKS]
    assert [name for name in CONTROL if cannot(name, "wall")] == [*SOLVERS]
    assert {cannot(name, "wall") for name in LINKS} == {""}
