"""Line B against the numbers it was specified by."""

from collections.abc import Mapping

import numpy as np
import pytest
from granulated import abreast, at_flow, quiet, run

from hil.plants.batch_b import BatchB
from hil.plants.faults import Fault
from hil.plants.line_b import NOMINAL

Truth = Mapping[str, np.ndarray]

STEPS: Mapping[str, tuple[Mapping[str, float], tuple[Fault, ...]]] = {
    "nothing": ({}, ()),
    "more liquid": ({"PMP.LS_SP": 0.27}, ()),
    "less liquid": ({"PMP.LS_SP": 0.23}, ()),
    "faster screws": ({"TSG.N_SP": 800.0}, ()),
    "more powder": (at_flow(1.1), ()),
    "hotter": ({"DRY.TIN_SP": 58.0}, ()),
    "cooler": ({"DRY.TIN_SP": 48.0}, ()),
    "more air": ({"DRY.AIR_SP": 396.0}, ()),
    "damper air": ({}, (Fault("F30", "DRY", 0.0),)),
    "more API": ({"FDR_API.F_SP": 3.15, "FDR_EXC.F_SP": 11.85}, ()),
    "faster mill": ({"MIL.N_SP": 1100.0}, ()),
    "other lot": ({}, (Fault("F20", "TSG", 0.0),)),
    "weak pump": ({}, (Fault("F21", "PMP", 0.0),)),
    "slow screws": ({"TSG.N_SP": 500.0}, ()),
    "fast screws": ({"TSG.N_SP": 900.0}, ()),
    "little powder": (at_flow(0.7), ()),
    "much powder": (at_flow(1.3), ()),
    **{f"hot {ratio}": ({"PMP.LS_SP": ratio, "DRY.TIN_SP": 60.0}, ()) for ratio in (0.15, 0.20, 0.25, 0.30, 0.35)},
}
"""What is changed at once, and nothing else."""


@pytest.fixture(scope="module")
def answers() -> Mapping[str, Truth]:
    """Truth of a quiet nominal line each second after each of the `STEPS`."""
    truth = abreast(list(STEPS.values()), 2300.0)
    return {case: {name: rows[:, i] for name, rows in truth.items()} for i, case in enumerate(STEPS)}


def gain(answer: Truth, name: str) -> float:
    return float(answer[name][-1] - answer[name][0])


def close(found: float, specified: float) -> bool:
    """Within 5 %, or what rounding to the digits printed allows."""
    digits = len(f"{specified}".partition(".")[2])
    return abs(found - specified) <= max(0.05 * abs(specified), 0.5 * 10.0**-digits)


def crossed(way: np.ndarray, level: float) -> float:
    """Time at which a level is first passed [s], between samples by a straight line."""
    k = int(np.argmax(way > level))
    return float(np.interp(level, way[k - 1 : k + 1], [k - 1, k]))


def times(answer: Truth, name: str) -> tuple[float, float]:
    """Dead time and time constant by the 28/63 % method [s]."""
    way = (answer[name] - answer[name][0]) / gain(answer, name)
    t28, t63 = (crossed(way, 0.283), crossed(way, 0.632))
    tau = 1.5 * (t63 - t28)
    return t63 - tau, tau


def test_the_quiet_line_rests_at_the_specified_steady_state(answers: Mapping[str, Truth]) -> None:
    specified = {
        "lod_pct": 2.25,
        "api_pct": 20.0,
        "torque_nm": 1.80,
        "wet_d10": 181.0,
        "wet_d50": 465.0,
        "wet_d90": 1143.0,
        "milled_d10": 157.0,
        "milled_d50": 403.0,
        "milled_d90": 823.0,
        "cell_1_x": 0.148,
        "cell_2_x": 0.065,
        "cell_3_x": 0.023,
        "cell_1_c": 24.9,
        "cell_2_c": 28.6,
        "cell_3_c": 38.9,
        "outlet_kg_kg": 0.0168,
    }
    for name, value in specified.items():
        assert answers["nothing"][name][0] == pytest.approx(value, rel=0.01), name
        assert answers["nothing"][name][-1] == pytest.approx(value, rel=0.01), name
    dried = answers["nothing"]["evaporated_kg"]
    assert 1000.0 * (dried[-1] - dried[0]) / 2300.0 == pytest.approx(0.946, rel=0.005)
    assert sum(answers["nothing"][f"cell_{i}_kg"][-1] for i in (1, 2, 3)) == pytest.approx(1.8, rel=1e-3)


@pytest.mark.parametrize(
    ("case", "specified"),
    [
        (
            "more liquid",
            {
                "lod_pct": 0.553, "milled_d10": 15, "milled_d50": 33, "milled_d90": 103, "wet_d50": 51,
                "torque_nm": 0.090,
            },
        ),
        ("less liquid", {"lod_pct": -0.450, "milled_d50": -42}),
        (
            "faster screws",
            {
                "lod_pct": -0.017, "milled_d10": -4.6, "milled_d50": -9.5, "milled_d90": -9.1, "wet_d50": -13.5,
                "torque_nm": -0.139,
            },
        ),
        (
            "more powder",
            {
                "lod_pct": 0.593, "milled_d10": 1.7, "milled_d50": 4.3, "milled_d90": 23, "wet_d50": 0.3,
                "torque_nm": 0.124,
            },
        ),
        ("hotter", {"lod_pct": -0.652}),
        ("cooler", {"lod_pct": 0.895}),
        ("more air", {"lod_pct": -0.467}),
        ("damper air", {"lod_pct": 0.695}),
        ("more API", {"api_pct": 1.00}),
        ("faster mill", {"milled_d10": -5, "milled_d50": -11, "milled_d90": -19}),
        ("other lot", {"lod_pct": -0.039, "milled_d10": -9, "milled_d50": -21, "milled_d90": -25, "wet_d50": -30}),
        (
            "weak pump",
            {
                "lod_pct": -0.548, "milled_d10": -19, "milled_d50": -54, "milled_d90": -87, "wet_d50": -71,
                "torque_nm": -0.113,
            },
        ),
    ],
)  # fmt: skip
def test_a_step_ends_where_specified(answers: Mapping[str, Truth], case: str, specified: Mapping[str, float]) -> None:
    for name, value in specified.items():
        assert close(gain(answers[case], name), value), name


def test_drier_granules_break_more_in_the_mill(answers: Mapping[str, Truth]) -> None:
    """The table of steps has 0 here, against its own equation; at 60 degC the specification too has 395, not 403 um."""
    for case, change in (("hotter", -6.1), ("cooler", 6.7), ("more air", -4.3), ("damper air", 5.4)):
        assert gain(answers[case], "milled_d50") == pytest.approx(change, rel=0.05), case


@pytest.mark.parametrize(
    ("case", "untouched"),
    [
        ("hotter", ["wet_d50", "torque_nm", "api_pct"]),
        ("more air", ["wet_d50", "torque_nm", "api_pct"]),
        ("damper air", ["wet_d50", "torque_nm", "api_pct"]),
        ("more API", ["lod_pct", "wet_d50", "milled_d50", "torque_nm"]),
        ("faster mill", ["lod_pct", "wet_d50", "torque_nm"]),
        ("other lot", ["torque_nm"]),
    ],
)
def test_a_step_leaves_alone_what_it_does_not_reach(
    answers: Mapping[str, Truth], case: str, untouched: list[str]
) -> None:
    for name in untouched:
        assert answers[case][name] == pytest.approx(answers["nothing"][name], rel=1e-3), name


@pytest.mark.parametrize(
    ("case", "name", "specified"),
    [
        ("more liquid", "lod_pct", (138.0, 248.0)),
        ("more liquid", "milled_d50", (180.0, 308.0)),
        ("more liquid", "wet_d50", (8.0, 8.0)),
        ("more powder", "lod_pct", (102.0, 180.0)),
        ("hotter", "lod_pct", (65.0, 180.0)),
        ("cooler", "lod_pct", (72.0, 232.0)),
        ("more air", "lod_pct", (15.0, 165.0)),
        ("damper air", "lod_pct", (-14.0, 200.0)),
        ("more API", "api_pct", (202.0, 308.0)),
        ("faster mill", "milled_d50", (2.0, 8.0)),
        ("weak pump", "lod_pct", (125.0, 210.0)),
    ],
)
def test_a_step_takes_as_long_as_specified(
    answers: Mapping[str, Truth], case: str, name: str, specified: tuple[float, float]
) -> None:
    """Two dead times differ from the table. It has 110 s for more powder; but a zone that empties faster lets out
    at once what it holds, or mass would be lost. It has 0 for damper air, where the method gives less than nothing."""
    assert times(answers[case], name) == pytest.approx(specified, rel=0.05, abs=2.0)


def test_more_powder_passes_dry_for_a_moment(answers: Mapping[str, Truth]) -> None:
    wet = answers["more powder"]["wet_d50"]
    assert wet[0] - wet.min() == pytest.approx(16.0, abs=1.5)
    assert wet[-1] - wet[0] == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize(
    ("ratio", "wet", "milled", "lod"),
    [
        (0.15, (82.0, 201.0, 418.0), (79.0, 194.0, 380.0), 0.65),
        (0.20, (124.0, 306.0, 662.0), (114.0, 283.0, 555.0), 0.84),
        (0.25, (181.0, 465.0, 1143.0), (152.0, 395.0, 809.0), 1.39),
        (0.30, (212.0, 592.0, 1543.0), (179.0, 467.0, 996.0), 2.43),
        (0.35, (245.0, 713.0, 1780.0), (197.0, 539.0, 1109.0), 4.08),
    ],
)
def test_sizes_and_moisture_follow_the_liquid_as_specified(
    answers: Mapping[str, Truth], ratio: float, wet: tuple[float, ...], milled: tuple[float, ...], lod: float
) -> None:
    found = answers[f"hot {ratio}"]
    assert [found[f"wet_{d}"][-1] for d in ("d10", "d50", "d90")] == pytest.approx(wet, rel=0.02)
    assert [found[f"milled_{d}"][-1] for d in ("d10", "d50", "d90")] == pytest.approx(milled, rel=0.02)
    assert found["lod_pct"][-1] == pytest.approx(lod, rel=0.01)


def test_wet_granules_follow_screw_speed_but_not_throughput(answers: Mapping[str, Truth]) -> None:
    slow, fast = answers["slow screws"], answers["fast screws"]
    assert (slow["wet_d50"][-1], fast["wet_d50"][-1]) == pytest.approx((502.0, 440.0), rel=0.01)
    assert (slow["wet_d90"][-1], fast["wet_d90"][-1]) == pytest.approx((1186.0, 1109.0), rel=0.01)
    for case in ("little powder", "much powder"):
        assert answers[case]["wet_d50"][-1] == pytest.approx(465.0, abs=1.5)


def test_the_six_cell_dryer_lets_out_what_was_specified() -> None:
    cases = [{}, {"DRY.TIN_SP": 58.0}, {"DRY.TIN_SP": 48.0}, {"DRY.AIR_SP": 400.0}, {"PMP.LS_SP": 0.27}]
    found = abreast([(changes, ()) for changes in cases], 1420.0, "six_cell", dt=1.0)
    assert found["dryer_lod_pct"][-1] == pytest.approx([1.49, 0.87, 2.57, 1.00, 2.03], rel=0.05)
    assert found["dryer_c"][-1][0] == pytest.approx(43.3, abs=0.2)


def test_the_cells_take_turns() -> None:
    line = quiet("six_cell")
    start, truth = line.truth(), run(line, NOMINAL, 1080.0, dt=1.0)
    for place in range(6):
        name = f"cell_{place + 1}_kg"
        kg = np.append(start[name], truth[name])
        filled, emptied = np.flatnonzero(np.diff(kg) > 1e-6), np.flatnonzero(np.diff(kg) < -1e-6)
        assert (filled.min(), filled.max()) == (180 * place, 180 * place + 179)
        assert (emptied.min(), emptied.max()) == ((180 * place - 25) % 1080, (180 * place - 1) % 1080)
        assert kg.max() == pytest.approx(0.75, abs=0.02)


@pytest.mark.slow
def test_normal_variability_is_that_of_a_healthy_line() -> None:
    """Sixteen runs of two hours, pooled; the specification has 0.18 %, 5 um, 10 um and 0.033 %w/w."""
    batch = BatchB(range(16), mismatch=0.0)
    rows = []
    for k in range(7200):
        batch.step(1.0, NOMINAL)
        if k % 10 == 0:
            rows.append(batch.truth())
    spread = {name: np.std([row[name] for row in rows]) for name in ("lod_pct", "milled_d50", "milled_d90", "api_pct")}
    assert spread == pytest.approx({"lod_pct": 0.18, "milled_d50": 5.0, "milled_d90": 10.0, "api_pct": 0.033}, rel=0.4)
