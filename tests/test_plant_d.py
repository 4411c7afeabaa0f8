"""Line D against the numbers it was specified by, and the faults it can suffer."""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest

from hil.plants.faults import CATALOGUE, Fault, targets_of
from hil.plants.line_d import NOMINAL, TARGETS, LineD
from hil.plants.ops import BATCHED, SINGLE
from hil.plants.wfi import LIMIT_CFU_ML, Loop, LoopRun, LoopSkew, cooled, exceedances, growth, killing, settled

Run = Mapping[str, np.ndarray]
HOUR, DAY = 3600.0, 86400.0
ON_S = 3 * HOUR
BRANCH_FLOWS = ("BR1.F_SP", "BR2.F_SP", "BR3.F_SP", "BR4.F_SP")


def run(line: LineD, setpoints: Mapping[str, float], seconds: float, dt: float = 60.0) -> Run:
    rows = []
    for _ in range(round(seconds / dt)):
        line.step(dt, setpoints)
        rows.append(line.truth() | line.tags)
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def quiet(*faults: Fault) -> LineD:
    return LineD(1, mismatch=0.0, noise=0.0, faults=faults)


@cache
def days(fault: Fault | None = None, count: float = 2.0) -> Run:
    return run(quiet(*([] if fault is None else [fault])), NOMINAL, count * DAY)


def changed(fault: Fault, count: float = 2.0) -> dict[str, float]:
    """How far each value ends from where it would have been."""
    sick, sound = days(fault, count), days(None, count)
    return {name: float(sick[name][-1] - sound[name][-1]) for name in sick}


def test_net_growth_depends_on_temperature_as_specified() -> None:
    net = [3600.0 * (growth(SINGLE, t) - killing(SINGLE, t)) for t in (35.0, 45.0, 50.0, 60.0)]
    assert net == pytest.approx([0.11, -0.03, -0.39, -5.3], rel=0.02, abs=0.005)
    assert growth(SINGLE, 4.0) == growth(SINGLE, 55.0) == 0.0


def test_the_loop_loses_as_much_heat_as_specified() -> None:
    drop = [80.0 - cooled(SINGLE, 80.0, 22.0, 60.0, share * 2.66e-3) for share in (1.0, 0.3, 0.15)]
    assert drop == pytest.approx([0.32, 1.1, 2.1], rel=0.05)
    ends = [cooled(SINGLE, 80.0, 22.0, 12.0, 1e-3 * flow) for flow in (0.5, 0.05, 0.02, 0.01)]
    assert ends == pytest.approx([79.7, 76.7, 72.0, 65.2], abs=0.1)


@pytest.mark.parametrize(("share", "celsius"), [(1.0, 79.7), (0.1, 76.7), (0.04, 72.0), (0.02, 65.2)])
def test_a_branch_of_the_line_gets_as_cold_as_specified(share: float, celsius: float) -> None:
    truth = run(quiet(), {**NOMINAL, "BR3.F_SP": 0.5 * share}, 12 * HOUR)
    assert truth["t_br3"][-1] == pytest.approx(celsius, abs=0.1)
    assert truth["t_br1"][-1] == pytest.approx(79.7, abs=0.1)


def test_the_quiet_loop_rests_from_the_start() -> None:
    start = quiet().truth()
    end = {name: y[-1] for name, y in days().items()}
    assert {name: end[name] for name in start} == pytest.approx(start, rel=1e-6, abs=1e-4)
    assert (start["t_supply"], start["toc"], start["film_br1"]) == pytest.approx((80.0, 20.0, -2.0), rel=1e-6)
    assert start["velocity"] == pytest.approx(1.5, rel=0.05)


def test_a_branch_follows_with_the_lag_of_its_volume() -> None:
    line = quiet()
    run(line, {**NOMINAL, "BR1.F_SP": 0.1}, 2 * HOUR)
    before = line.truth()["t_br1"]
    warmer = run(line, {**NOMINAL, "BR1.F_SP": 0.1, "LOOP.T_SP": 78.0}, HOUR, 1.0)
    way = (warmer["t_br1"] - before) / (warmer["t_br1"][-1] - before)
    supply = (warmer["t_supply"] - 80.0) / -2.0
    assert np.argmax(way > 0.632) - np.argmax(supply > 0.632) == pytest.approx(100.0, rel=0.1)


def test_a_standing_branch_cools_and_grows_while_the_counts_come_days_later() -> None:
    line = quiet(Fault("D01", "BR2", HOUR))
    truth = run(line, NOMINAL, 14 * DAY)
    exceeds = float(np.argmax(truth["germs"] > LIMIT_CFU_ML)) / 1440.0
    tells = float(np.argmax(truth["LAB.CFU"] > 100.0 * LIMIT_CFU_ML)) / 1440.0
    shows = float(np.argmax(truth["t_br2"] < 50.0)) / 1440.0
    assert 5.0 < exceeds < 8.0
    assert 3.0 < tells - exceeds < 6.0
    assert shows < 0.3
    assert truth["film_br2"][-1] == 6.0
    assert (truth["film_br1"] == -2.0).all()


def test_hot_water_at_full_flow_sanitises_a_fouled_branch() -> None:
    line = quiet()
    line._loop.biofilm[1] = 5.0
    assert run(line, NOMINAL, HOUR)["film_br2"][-1] == -2.0


def test_the_label_looks_ahead_and_not_at_the_present() -> None:
    germs = np.array([0.2, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0])
    assert exceedances(germs, 2).tolist() == [False, False, True, True, False]
    bad = run(quiet(Fault("D01", "BR2", HOUR)), NOMINAL, 8 * DAY)["germs"][::60]
    label = exceedances(bad, 5 * 24)
    assert not label[0]
    assert label[-1]
    assert not exceedances(days()["germs"][::60], 24).any()


def test_no_water_is_lost_in_a_week_of_noise_and_faults() -> None:
    every = [(id_, target) for id_ in CATALOGUE for target in targets_of(id_, TARGETS)]
    line = LineD(3, faults=[Fault(*each, on_s=HOUR * i, off_s=HOUR * i + 12 * HOUR) for i, each in enumerate(every)])
    run(line, {**NOMINAL, "LOOP.F_SP": 1.2}, 3 * DAY)
    run(line, NOMINAL, 4 * DAY)
    assert abs(line.missing()["WATER"]) < 1e-9
    assert line._loop.used > 20.0


def test_the_way_does_not_depend_on_the_step() -> None:
    change = {**NOMINAL, "LOOP.T_SP": 75.0, "BR4.F_SP": 0.01}
    fine, coarse = run(quiet(), change, 6 * HOUR, 5.0), run(quiet(), change, 6 * HOUR, 60.0)
    for name in ("t_tank", "t_supply", "t_return", "t_br4", "level"):
        assert coarse[name][-1] == pytest.approx(fine[name][-1], rel=1e-3), name


@pytest.mark.parametrize("loss", [-0.01, -1e-9, 0.0, 1e-9, 1e-3, 0.3])
def test_source_and_loss_are_solved_exactly(loss: float) -> None:
    fine = 0.5
    for _ in range(1000):
        fine = settled(SINGLE, fine, 2.0, loss, 0.06)
    assert settled(SINGLE, 0.5, 2.0, loss, 60.0) == pytest.approx(fine, rel=1e-8)


def test_a_batch_goes_the_way_of_every_single_run_in_it() -> None:
    celsius, ones = np.array([80.0, 60.0, 40.0]), np.ones(3)
    skew = np.array([0.8, 1.0, 1.3])
    wide_run = LoopRun(
        celsius, 2.66e-3 * ones, [0.5e-3 * ones] * 4, 22.0 * ones, 2e-4 * ones, ones, [0.0 * ones] * 4, 0.0 * ones
    )
    wide = Loop(BATCHED, LoopSkew(skew, [skew] * 4, skew, skew), wide_run)
    later = wide_run._replace(
        branches=[0.5e-3 * ones, np.array([0.0, 1e-6, 1e-4]), 0.4e-3 * ones, 0.0 * ones],
        exchange=np.array([1.0, 0.05, 0.0]), chill=[0.0 * ones, 0.2 * ones, 0.6 * ones, 0.0 * ones],
        organics=np.array([0.0, 100.0, 500.0]),
    )  # fmt: skip
    for _ in range(500):
        wide.step(30.0, later)
    for i in range(3):
        one = Loop(SINGLE, LoopSkew(skew[i], [skew[i]] * 4, skew[i], skew[i]), row(wide_run, i))
        for _ in range(500):
            one.step(30.0, row(later, i))
        for name in ("tank", "supply", "returned", "germs", "carbon", "water", "organics"):
            assert getattr(one, name) == pytest.approx(getattr(wide, name)[i], rel=1e-12), name
        assert one.branches == pytest.approx([x[i] for x in wide.branches], rel=1e-12)
        assert one.biofilm == pytest.approx([x[i] for x in wide.biofilm], rel=1e-12)


def row(wide: LoopRun[np.ndarray], i: int) -> LoopRun[float]:
    return LoopRun(*(float(x[i]) if isinstance(x, np.ndarray) else [float(y[i]) for y in x] for x in wide))


def test_equal_seeds_give_equal_runs_and_disturbances_do_not_depend_on_the_setpoints() -> None:
    one, two, moved = LineD(7), LineD(7), LineD(7)
    a, b = run(one, NOMINAL, DAY), run(two, NOMINAL, DAY)
    c = run(moved, {**NOMINAL, "LOOP.T_SP": 70.0, "BR2.F_SP": 0.02}, DAY)
    assert {k: v.tobytes() for k, v in a.items()} == {k: v.tobytes() for k, v in b.items()}
    assert (a["use"] == c["use"]).all()
    assert (a["cond"] == c["cond"]).all()
    assert not (a["t_br2"] == c["t_br2"]).all()
    assert LineD(8).truth() != LineD(7).truth()


def test_seeds_differ_in_their_parameters_only_where_mismatch_is_asked_for() -> None:
    assert len({LineD(seed, mismatch=0.0, noise=0.0).truth()["t_br1"] for seed in range(4)}) == 1
    losses = [LineD(seed, noise=0.0)._loop._skew.branch_loss for seed in range(60)]
    assert np.std(np.log(losses)) == pytest.approx(0.3, rel=0.25)


def test_instruments_are_as_good_and_as_late_as_specified() -> None:
    line = LineD(5, mismatch=0.0)
    rows, taken = [], []
    for _ in range(8640):
        line.step(10.0, NOMINAL)
        truth, tags = line.truth(), line.tags
        rows.append(
            (tags["TANK.T"] - truth["t_tank"], tags["BR1.F_PV"] / truth["f_br1"], tags["LOOP.COND"] - truth["cond"])
        )
        taken.append((line.time, line.taken["LOOP.TOC"], line.taken["LAB.CFU"], tags["LOOP.TOC"] - truth["toc"]))
    assert np.std(rows, axis=0) == pytest.approx([0.1, 0.01, 0.02], rel=0.05)
    assert {t - toc for t, toc, _, _ in taken} == {10.0 * k for k in range(36)}
    assert np.std([error for *_, error in taken]) == pytest.approx(2.0, rel=0.1)
    assert line.time - line.taken["TANK.T"] == 0.0


def test_plates_are_counted_daily_and_told_after_three_to_five_days() -> None:
    delays = []
    for seed in range(3):
        line = LineD(seed)
        seen = []
        for _ in range(6 * 1440):
            line.step(60.0, NOMINAL)
            seen.append((line.time, line.taken["LAB.CFU"]))
        news = [b for a, b in pairwise(seen) if a[1] != b[1]]
        assert [taken for _, taken in news] == [DAY * k for k in range(len(news))]
        delays += [t - taken for t, taken in news]
    assert 3.0 * DAY <= min(delays) < max(delays) <= 5.0 * DAY + 60.0


def test_plate_counts_are_whole_and_scatter_like_counts() -> None:
    line = LineD(1, mismatch=0.0)
    counts = []
    for k in range(400):
        line._loop.germs = 0.2
        line._plates._next_s, line.time = 0.0, DAY * k
        line._sense({})
        counts.append(line._plates._waiting[-1][1].value if line._plates._waiting else 0.0)
    assert all(count == int(count) for count in counts)
    assert np.mean(counts) == pytest.approx(20.0, rel=0.05)
    assert np.var(counts) == pytest.approx(20.0, rel=0.2)


def stuck(moves: Mapping[str, float]) -> None:
    assert moves["BR2.F_PV"] == pytest.approx(-0.498)
    assert moves["BR2.T_PV"] < -40.0
    assert moves["film_br2"] > 1.0
    assert abs(moves["BR1.T_PV"]) < 0.1


def slow(moves: Mapping[str, float]) -> None:
    assert moves["LOOP.F_PV"] == pytest.approx(-1.33)
    assert moves["velocity"] == pytest.approx(-0.77, abs=0.01)
    assert moves["LOOP.T_RET"] < -0.2


def fouled(moves: Mapping[str, float]) -> None:
    """A tank of two tons cools by degrees per day."""
    assert moves["LOOP.T_SUP"] < -2.0
    assert moves["TANK.T"] < -2.0
    assert moves["LOOP.F_PV"] == 0.0


def dead(moves: Mapping[str, float]) -> None:
    """Nothing shows it but the germs, much later."""
    assert moves["BR2.T_PV"] == moves["BR2.F_PV"] == 0.0
    assert moves["film_br2"] > 0.3


def broken(moves: Mapping[str, float]) -> None:
    assert moves["LOOP.TOC"] == pytest.approx(300.0, rel=0.05)
    assert moves["LOOP.COND"] == 0.0


def drifting(moves: Mapping[str, float]) -> None:
    assert moves["BR2.T_PV"] == pytest.approx(5.0)
    assert moves["t_br2"] == 0.0


SIGNS: Mapping[str, tuple[Fault, Callable[[Mapping[str, float]], None]]] = {
    "D01": (Fault("D01", "BR2", ON_S), stuck),
    "D02": (Fault("D02", "PUMP", ON_S), slow),
    "D03": (Fault("D03", "HX", ON_S), fouled),
    "D04": (Fault("D04", "BR2", ON_S, magnitude=0.75), dead),
    "D05": (Fault("D05", "STILL", ON_S), broken),
    "D06": (Fault("D06", "BR2", ON_S), drifting),
}
"""Fault, and what must be seen two days later."""


@pytest.mark.parametrize("fault_id", SIGNS)
def test_a_fault_of_line_d_shows_where_the_catalogue_says(fault_id: str) -> None:
    fault, signs = SIGNS[fault_id]
    signs(changed(fault))


def test_every_fault_that_line_d_knows_is_tested() -> None:
    assert {*SIGNS} == {id_ for id_ in CATALOGUE if targets_of(id_, TARGETS)}


@pytest.mark.parametrize(
    ("tag", "unit"), [("LOOP.T_SP", "LOOP|BR"), ("LOOP.F_SP", "LOOP|BR"), *((tag, tag[:3]) for tag in BRANCH_FLOWS)]
)
def test_a_state_that_is_not_finite_names_its_unit(tag: str, unit: str) -> None:
    with pytest.raises(FloatingPointError, match=unit):
        run(LineD(1), {**NOMINAL, tag: nan}, 120.0)


@pytest.mark.parametrize("tag", NOMINAL)
@pytest.mark.parametrize("value", [inf, -inf, 0.0])
def test_a_senseless_setpoint_moves_an_actuator_to_its_stop_and_no_further(tag: str, value: float) -> None:
    truth = run(LineD(1), {**NOMINAL, tag: value}, 6 * HOUR)
    assert all(np.isfinite(y).all() for y in truth.values())


@pytest.mark.parametrize("dt", [0.0, -0.5, 61.0, nan])
def test_a_step_of_no_sensible_length_is_refused(dt: float) -> None:
    with pytest.raises(ValueError, match="at most 60 s"):
        LineD(1).step(dt, NOMINAL)


def test_a_fault_line_d_cannot_suffer_is_refused() -> None:
    with pytest.raises(ValueError, match="D01 cannot fall on 'PUMP', expected one of: BR1, BR2, BR3, BR4"):
        LineD(1, faults=[Fault("D01", "PUMP", 0.0)])
