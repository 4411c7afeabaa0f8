"""Line B keeps what it is given, repeats itself, and runs alike alone and among many."""

from collections.abc import Mapping
from itertools import pairwise
from math import inf, nan

import numpy as np
import pytest
from granulated import at_flow, quiet, run

from hil.plants.batch_b import BatchB
from hil.plants.faults import CATALOGUE, Fault, targets_of
from hil.plants.granulation import DryerKind
from hil.plants.line_b import NOMINAL, TARGETS, LineB, targets

KINDS: tuple[DryerKind, ...] = ("continuous", "six_cell")


def every_fault(kind: DryerKind) -> list[Fault]:
    """Every fault on every target, one after the other and overlapping."""
    pairs = [(id_, target) for id_ in CATALOGUE for target in targets_of(id_, targets(kind))]
    return [Fault(*pair, on_s=40.0 * i, off_s=40.0 * i + 600.0) for i, pair in enumerate(pairs)]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_lost_in_noise_refills_and_faults(kind: DryerKind) -> None:
    line = LineB(3, faults=every_fault(kind), dryer=kind)
    for _ in range(2000):
        line.step(1.0, NOMINAL)
    assert line.truth()["produced_kg"] > 6.0
    missing = line.missing()
    heat = missing.pop("HEAT")
    assert all(abs(kg) < 1e-9 for kg in missing.values()), missing
    assert abs(heat) < 1e-9 * line._behind._dryer.bed.received


@pytest.mark.parametrize("kind", KINDS)
def test_a_starved_line_loses_nothing_and_starts_again(kind: DryerKind) -> None:
    line = LineB(5, mismatch=0.0, dryer=kind)
    stopped = {**NOMINAL, **at_flow(0.0)}
    for _ in range(1800):
        line.step(1.0, stopped)
    assert line.truth()["mill_kg"] < 3e-3
    for _ in range(1800):
        line.step(1.0, NOMINAL)
    truth, missing = line.truth(), line.missing()
    assert truth["lod_pct"] == pytest.approx(2.25 if kind == "continuous" else 1.3, abs=0.6)
    assert truth["wet_d50"] == pytest.approx(465.0, abs=30.0)
    assert 260.0 < truth["milled_d50"] < 450.0
    assert max(abs(value) for name, value in missing.items() if name != "HEAT") < 1e-9


def test_the_steady_state_does_not_depend_on_the_step() -> None:
    setpoints = {**NOMINAL, "TSG.N_SP": 800.0}
    ends = []
    for dt in (0.1, 0.5, 1.0):
        line = quiet()
        for _ in range(round(400.0 / dt)):
            line.step(dt, setpoints)
        ends.append(line.truth())
    for end in ends[1:]:
        for name in ("wet_d10", "wet_d50", "wet_d90"):
            assert end[name] == pytest.approx(ends[0][name], abs=0.1), name


@pytest.mark.parametrize("dt", [0.1, 0.25, 1.0])
def test_a_line_at_rest_stays_there_at_every_step(dt: float) -> None:
    line = quiet()
    before = line.truth()
    for _ in range(round(300.0 / dt)):
        line.step(dt, NOMINAL)
    after = line.truth()
    assert after["lod_pct"] == pytest.approx(before["lod_pct"], abs=2e-3)
    for name in ("wet_d50", "milled_d10", "milled_d50", "milled_d90"):
        assert after[name] == pytest.approx(before[name], abs=0.1), name


LABORATORY = {"LAB.LOD", "LAB.D10", "LAB.D50", "LAB.D90", "LAB.API"}


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_in_a_batch_does_what_it_does_alone(kind: DryerKind) -> None:
    seeds = (3, 14, 15)
    faults = [(), (Fault("F22", "PMP", 60.0), Fault("F04", "FDR_API", 30.0)), (Fault("F30", "DRY", 90.0, 200.0),)]
    batch = BatchB(seeds, faults=faults, dryer=kind)
    lines = [LineB(seed, faults=each, dryer=kind) for seed, each in zip(seeds, faults, strict=True)]
    for k in range(400):
        ratios = (0.25, 0.26, 0.27) if k > 100 else (0.25, 0.25, 0.25)
        batch.step(0.5, {**NOMINAL, "PMP.LS_SP": np.array(ratios)})
        for line, ratio in zip(lines, ratios, strict=True):
            line.step(0.5, {**NOMINAL, "PMP.LS_SP": ratio})
    for many, one in ((batch.truth(), [line.truth() for line in lines]), (batch.tags, [line.tags for line in lines])):
        assert set(many) == set(one[0]) - {"NIR.SPECTRUM"} - LABORATORY
        for name, row in many.items():
            assert row == pytest.approx(np.array([each[name] for each in one]), rel=1e-12, abs=1e-15), name
    assert batch.taken | {"NIR.SPECTRUM": 190.0} == {t: at for t, at in lines[0].taken.items() if t not in LABORATORY}
    assert all(np.abs(kg).max() < 1e-9 for name, kg in batch.missing().items() if name != "HEAT")


def test_equal_seeds_and_setpoints_give_equal_runs_bit_for_bit() -> None:
    one, two, other = LineB(7), LineB(7), LineB(8)
    for k in range(600):
        setpoints = {**NOMINAL, "PMP.LS_SP": 0.25 + 0.01 * (k // 200)}
        for line in (one, two, other):
            line.step(0.5, setpoints)
    assert one.truth() == two.truth()
    assert all(np.array_equal(value, two.tags[tag]) for tag, value in one.tags.items())
    assert one.truth() != other.truth()


def test_the_disturbances_do_not_depend_on_the_setpoints() -> None:
    one, two = LineB(7, mismatch=0.0), LineB(7, mismatch=0.0)
    run(one, NOMINAL, 600.0, dt=1.0)
    run(two, {**NOMINAL, **at_flow(1.3), "DRY.TIN_SP": 60.0}, 600.0, dt=1.0)
    for name in ("wettability", "inlet_kg_kg", "room_c"):
        assert one.truth()[name] == two.truth()[name]


def test_seeds_differ_in_their_parameters_only_where_mismatch_is_asked_for() -> None:
    alike, apart = BatchB(range(24), mismatch=0.0, noise=0.0), BatchB(range(24), noise=0.0)
    assert np.ptp(alike.truth()["wet_d50"]) < 1e-9
    assert np.ptp(alike.tags["FDR_EXC.W"]) > 1.0
    assert 20.0 < np.std(apart.truth()["wet_d50"]) < 80.0
    assert 0.15 < np.std(apart.truth()["lod_pct"]) < 0.6


def test_sampled_tags_say_when_they_were_sampled() -> None:
    line = LineB(2)
    assert line.taken["CAM_M.D50"] == -10.0
    seen = []
    for _ in range(120):
        line.step(0.5, NOMINAL)
        seen.append((line.time, line.taken, line.tags))
    assert all(5.0 <= t - taken["CAM_W.D50"] < 10.0 for t, taken, _ in seen)
    assert all(10.0 <= t - taken["NIR_LOD"] < 20.0 for t, taken, _ in seen)
    assert all(t - taken["DRY.TIN_PV"] < 1.0 for t, taken, _ in seen)
    changed = [b[0] for a, b in pairwise(seen) if a[2]["CAM_M.D50"] != b[2]["CAM_M.D50"]]
    assert changed == [10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    assert line.quality == {}


def test_instruments_scatter_as_specified() -> None:
    line = LineB(11, mismatch=0.0)
    rows: list[tuple[Mapping[str, float], Mapping[str, float]]] = []
    for k in range(3000):
        line.step(1.0, NOMINAL)
        if k % 10 == 0:
            rows.append((line.tags, line.truth()))
    specified = {
        ("TSG.TORQUE", "torque_nm"): 0.02 * 1.8,
        ("DRY.TIN_PV", "inlet_c"): 0.2,
        ("DRY.T_OUT", "outlet_c"): 0.3,
        ("DRY.T_BED", "cell_3_c"): 0.4,
        ("NIR_LOD", "lod_pct"): 0.15,
        ("NIR_API", "api_pct"): 0.30,
        ("CAM_W.D50", "wet_d50"): 0.045 * 460.0,
        ("CAM_M.D90", "milled_d90"): 0.03 * 820.0,
        ("DRY.Y_OUT", "outlet_kg_kg"): 0.02 * 0.0168,
    }
    for (tag, name), sd in specified.items():
        errors = [tags[tag] - truth[name] for tags, truth in rows]
        assert np.std(errors) == pytest.approx(sd, rel=0.2), tag
        assert abs(np.mean(errors)) < 0.4 * sd, tag


def test_every_tag_of_the_specification_is_shown() -> None:
    feeders = {f"FDR_{one}.{tag}" for one in ("API", "EXC") for tag in ("W", "F_PV", "N", "MODE", "REFILL")}
    dryer = {f"DRY.{tag}" for tag in ("TIN_PV", "AIR_PV", "T_OUT", "T_BED", "Y_IN", "Y_OUT", "CELL_ID")}
    cameras = {f"CAM_{place}.{size}" for place in "WM" for size in ("D10", "D50", "D90")}
    others = {"PMP.F_PV", "TSG.N_PV", "TSG.TORQUE", "TSG.T_BARREL", "MIL.N_PV", "MIL.POWER", "NIR_LOD", "NIR_API"}
    others |= {"NIR.SPECTRUM"}
    assert set(LineB(1).tags) == feeders | dryer | cameras | others | LABORATORY


@pytest.mark.parametrize(
    ("tag", "value", "unit"),
    [
        ("FDR_EXC.F_SP", nan, "FDR_EXC"),
        ("PMP.LS_SP", inf, "PMP"),
        ("TSG.N_SP", nan, "TSG"),
        ("DRY.TIN_SP", nan, "DRY"),
        ("DRY.AIR_SP", inf, "DRY"),
        ("DRY.TFILL_SP", nan, "DRY"),
        ("MIL.N_SP", nan, "MIL"),
    ],
)
def test_a_state_that_is_not_finite_names_its_unit(tag: str, value: float, unit: str) -> None:
    with pytest.raises(FloatingPointError, match=unit):
        run(LineB(1, dryer="six_cell"), {**NOMINAL, tag: value}, 2.0)


@pytest.mark.parametrize("tag", ["TSG.N_SP", "DRY.TIN_SP", "DRY.AIR_SP", "MIL.N_SP", "PMP.LS_SP", *at_flow(0.0)])
def test_a_unit_that_is_stopped_or_told_nonsense_stays_finite(tag: str) -> None:
    line = LineB(1)
    for value in (0.0, -100.0, 5.0 * NOMINAL[tag]):
        for _ in range(300):
            line.step(1.0, {**NOMINAL, tag: value})
    assert all(np.isfinite(value) for value in line.truth().values())


@pytest.mark.parametrize("dt", [0.0, -0.5, 1.5, nan])
def test_a_step_of_no_sensible_length_is_refused(dt: float) -> None:
    with pytest.raises(ValueError, match="at most 1 s"):
        LineB(1).step(dt, NOMINAL)
    with pytest.raises(ValueError, match="at most 1 s"):
        BatchB([1]).step(dt, NOMINAL)


def test_a_fault_the_line_cannot_suffer_is_refused() -> None:
    with pytest.raises(ValueError, match="F34 cannot fall on 'CELL_1'"):
        LineB(1, faults=[Fault("F34", "CELL_1", 0.0)])
    with pytest.raises(ValueError, match="F20 cannot fall on 'DRY', expected one of: TSG"):
        BatchB([1, 2], faults=[(), (Fault("F20", "DRY", 0.0),)])
    with pytest.raises(ValueError, match="2 seeds and faults for 1 lines"):
        BatchB([1, 2], faults=[()])
    assert targets("six_cell").keys() - TARGETS.keys() == {f"CELL_{place}" for place in range(1, 7)}
