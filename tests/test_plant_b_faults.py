"""Every fault that line B can suffer shows where the catalogue says, and nowhere it should not."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

from hil.plants.batch_b import BatchB
from hil.plants.faults import CATALOGUE, Fault, targets_of
from hil.plants.line_b import NOMINAL, LineB, targets

Run = Mapping[str, np.ndarray]
ON_S = 300
WET = {"PMP.LS_SP": 0.36}

FAULTS = {
    "F01": Fault("F01", "FDR_API", 0.0),
    "F02": Fault("F02", "FDR_API", ON_S, shape="pulse"),
    "F03": Fault("F03", "FDR_API", ON_S),
    "F04": Fault("F04", "FDR_API", ON_S),
    "F05": Fault("F05", "FDR_API", ON_S),
    "F06": Fault("F06", "FDR_API", 0.0),
    "F07": Fault("F07", "FDR_API", ON_S),
    "F08": Fault("F08", "FDR_API", ON_S, shape="pulse"),
    "N01": Fault("N01", "FDR_API", ON_S),
    "N02": Fault("N02", "FDR_EXC", ON_S),
    "F20": Fault("F20", "TSG", ON_S),
    "F21": Fault("F21", "PMP", ON_S),
    "F21M": Fault("F21M", "PMP", ON_S),
    "F22": Fault("F22", "PMP", ON_S),
    "F23": Fault("F23", "TSG", ON_S, shape="ramp", ramp_s=600.0),
    "F30": Fault("F30", "DRY", ON_S),
    "F31": Fault("F31", "DRY", ON_S),
    "F32": Fault("F32", "DRY", ON_S),
    "F32M": Fault("F32M", "DRY", ON_S),
    "F33": Fault("F33", "DRY", ON_S),
    "F40": Fault("F40", "MIL", ON_S),
    "F41": Fault("F41", "MIL", ON_S),
    "F53": Fault("F53", "CAM_W", ON_S),
}


@cache
def runs() -> Mapping[str, Run]:
    """Truth and tags each second of quiet lines, one for each fault, and of two without: sound, and sound but wet."""
    cases: dict[str, tuple[Fault, ...]] = {"sound": (), "wet": (), "blind": (FAULTS["F41"],)}
    cases |= {id_: (fault,) for id_, fault in FAULTS.items()}
    batch = BatchB([1] * len(cases), mismatch=0.0, noise=0.0, faults=list(cases.values()))
    for hoppers in batch._hoppers:
        api, exc = hoppers.feeders
        api.mass = api.indicated = api._start = 0.90
        exc.mass = exc.indicated = exc._start = 50.0
    ratios = np.array([WET["PMP.LS_SP"] if case in {"wet", "blind"} else NOMINAL["PMP.LS_SP"] for case in cases])
    rows = []
    for k in range(3000):
        batch.step(0.5, {**NOMINAL, "PMP.LS_SP": ratios})
        if k % 2:
            rows.append({**batch.truth(), **batch.tags})
    return {case: {name: np.array([row[name][i] for row in rows]) for name in rows[0]} for i, case in enumerate(cases)}


def after(run: Run, name: str, wait_s: int = 0) -> np.ndarray:
    return run[name][ON_S + wait_s :]


def packed(sick: Run, sound: Run) -> None:
    blind = sick["FDR_API.MODE"] == 0.0
    assert blind.any()
    assert sick["flow_api"][blind].max() > 3.1
    assert np.ptp(sick["FDR_API.F_PV"][blind]) < 0.01
    assert sick["api_pct"].max() > sound["api_pct"].max() + 0.02


def bridged(sick: Run, _: Run) -> None:
    assert after(sick, "FDR_API.F_PV").min() < 2.0
    assert sick["api_pct"].min() < 19.6
    assert sick["api_pct"][-1] == pytest.approx(20.0, abs=0.3)


def hollow(sick: Run, sound: Run) -> None:
    assert after(sick, "FDR_API.N", 60)[:60].mean() > 1.2 * after(sound, "FDR_API.N", 60)[:60].mean()
    assert sick["FDR_API.F_PV"][-1] == pytest.approx(3.0, abs=0.05)


def stealthy(sick: Run, sound: Run) -> None:
    assert sick["api_pct"][-1] == pytest.approx(100.0 * 2.88 / 14.88, abs=0.03)
    assert sick["FDR_API.F_PV"][-1] == pytest.approx(sound["FDR_API.F_PV"][-1], abs=0.02)


def touched(sick: Run, _: Run) -> None:
    assert np.abs(after(sick, "FDR_API.F_PV")[:20] - 3.0).max() > 0.5


def starved(sick: Run, _: Run) -> None:
    assert sick["FDR_API.W"][-1] < 0.05
    assert sick["FDR_API.REFILL"].max() == 1.0
    assert sick["flow_api"][-1] < 0.5
    assert sick["api_pct"][-1] < 18.0


def worn(sick: Run, sound: Run) -> None:
    assert after(sick, "FDR_API.N", 200)[:100].mean() == pytest.approx(
        after(sound, "FDR_API.N", 200)[:100].mean() / 0.9, rel=0.01
    )
    assert sick["api_pct"][-1] == pytest.approx(20.0, abs=0.02)


def flushed(sick: Run, _: Run) -> None:
    assert after(sick, "flow_api")[:4] / 3.0 == pytest.approx(1.2, abs=0.03)


def hydrolysed(sick: Run, sound: Run) -> None:
    assert sick["api_pct"][-1] == pytest.approx(19.5, abs=0.02)
    assert sick["flow_api"][-1] == pytest.approx(sound["flow_api"][-1], rel=1e-6)


def damp(sick: Run, sound: Run) -> None:
    assert sick["lod_pct"][-1] > sound["lod_pct"][-1] + 0.2
    assert sick["wet_d50"][-1] > sound["wet_d50"][-1] + 20.0
    assert sick["PMP.F_PV"][-1] == pytest.approx(sound["PMP.F_PV"][-1], rel=1e-6)


def other_lot(sick: Run, sound: Run) -> None:
    assert sick["wet_d50"][-1] - sound["wet_d50"][-1] == pytest.approx(-30.0, abs=1.5)
    assert sick["TSG.TORQUE"] == pytest.approx(sound["TSG.TORQUE"], rel=1e-9)


def weak_pump(sick: Run, sound: Run) -> None:
    assert sick["PMP.F_PV"][-1] == pytest.approx(0.9 * sound["PMP.F_PV"][-1], rel=1e-3)
    assert sick["wet_d50"][-1] - sound["wet_d50"][-1] == pytest.approx(-71.0, abs=3.5)
    assert sick["DRY.Y_OUT"][-1] < sound["DRY.Y_OUT"][-1] - 0.0005


def false_meter(sick: Run, sound: Run) -> None:
    assert sick["PMP.F_PV"] == pytest.approx(sound["PMP.F_PV"], rel=1e-6)
    assert sick["liquid_kg_h"][-1] == pytest.approx(sound["liquid_kg_h"][-1] / 1.1, rel=1e-3)
    assert sick["TSG.TORQUE"][-1] < sound["TSG.TORQUE"][-1] - 0.09


def pulsing(sick: Run, sound: Run) -> None:
    """The flowmeter sees it well; of the size, three mixed zones leave less than a micrometre of the swing."""
    assert after(sound, "PMP.F_PV", 100).std() < 0.01
    assert after(sick, "PMP.F_PV", 100).std() > 0.05 * 3.75
    assert 0.3 < after(sick, "wet_d50", 100).std() < 1.0
    assert sick["lod_pct"][-1] == pytest.approx(sound["lod_pct"][-1], abs=0.05)


def fouled_barrel(sick: Run, sound: Run) -> None:
    assert sick["TSG.TORQUE"][-1] == pytest.approx(1.3 * sound["TSG.TORQUE"][-1], rel=1e-3)
    assert sick["TSG.TORQUE"][ON_S + 300] == pytest.approx(1.15 * sound["TSG.TORQUE"][-1], rel=0.01)
    assert abs(sick["lod_pct"][-1] - sound["lod_pct"][-1]) < 0.02


def weather(sick: Run, sound: Run) -> None:
    assert sick["DRY.Y_IN"][-1] == pytest.approx(0.012, rel=1e-3)
    assert sick["lod_pct"][-1] - sound["lod_pct"][-1] == pytest.approx(0.7, abs=0.04)


def weak_heater(sick: Run, sound: Run) -> None:
    assert sick["DRY.TIN_PV"][-1] == pytest.approx(45.0, abs=0.1)
    assert sick["lod_pct"][-1] > sound["lod_pct"][-1] + 1.0


def clogged(sick: Run, sound: Run) -> None:
    assert sick["DRY.AIR_PV"][-1] == pytest.approx(0.91 * 360.0, rel=1e-3)
    assert sick["lod_pct"][-1] > sound["lod_pct"][-1] + 0.3
    assert sick["DRY.T_OUT"][-1] < sound["DRY.T_OUT"][-1]


def clogged_unseen(sick: Run, sound: Run) -> None:
    assert sick["DRY.AIR_PV"] == pytest.approx(sound["DRY.AIR_PV"])
    assert sick["lod_pct"] == pytest.approx(runs()["F32"]["lod_pct"], rel=1e-9)


def false_humidity(sick: Run, sound: Run) -> None:
    assert sick["DRY.Y_OUT"][-1] == pytest.approx(1.03 * sound["DRY.Y_OUT"][-1], rel=1e-6)
    assert sick["lod_pct"] == pytest.approx(sound["lod_pct"], rel=1e-9)


def worn_screen(sick: Run, sound: Run) -> None:
    assert sick["milled_d90"][-1] > sound["milled_d90"][-1] + 30.0
    assert sick["wet_d90"] == pytest.approx(sound["wet_d90"], rel=1e-9)
    quick = after(sick, "milled_d90")[30] - sound["milled_d90"][-1]
    assert quick > 0.8 * (sick["milled_d90"][-1] - sound["milled_d90"][-1])


def blinded(sick: Run, sound: Run) -> None:
    assert sick["mill_kg"] == pytest.approx(sound["mill_kg"], rel=1e-9)
    wet, blind = runs()["wet"], runs()["blind"]
    assert wet["lod_pct"][-1] > 4.0
    assert blind["MIL.POWER"][-1] > wet["MIL.POWER"][-1] + 20.0
    assert blind["mill_kg"][-1] > 1.5 * wet["mill_kg"][-1]


def fouled_window(sick: Run, sound: Run) -> None:
    assert sick["CAM_W.D50"][-1] == pytest.approx(1.15 * sound["CAM_W.D50"][-1], rel=1e-6)
    assert sick["CAM_M.D50"] == pytest.approx(sound["CAM_M.D50"], rel=1e-9)


SIGNS: Mapping[str, Callable[[Run, Run], None]] = {
    "F01": packed,
    "F02": bridged,
    "F03": hollow,
    "F04": stealthy,
    "F05": touched,
    "F06": starved,
    "F07": worn,
    "F08": flushed,
    "N01": hydrolysed,
    "N02": damp,
    "F20": other_lot,
    "F21": weak_pump,
    "F21M": false_meter,
    "F22": pulsing,
    "F23": fouled_barrel,
    "F30": weather,
    "F31": weak_heater,
    "F32": clogged,
    "F32M": clogged_unseen,
    "F33": false_humidity,
    "F40": worn_screen,
    "F41": blinded,
    "F53": fouled_window,
}


@pytest.mark.parametrize("fault_id", SIGNS)
def test_a_fault_shows_where_the_catalogue_says(fault_id: str) -> None:
    SIGNS[fault_id](runs()[fault_id], runs()["sound"])


def test_every_fault_of_the_catalogue_that_line_b_knows_is_tested() -> None:
    known = {id_ for id_ in CATALOGUE if targets_of(id_, targets("six_cell"))}
    assert {*SIGNS, "F34", "F53L", "F50", "F51", "F52", "N03"} == known


def test_fading_light_makes_a_camera_noisy() -> None:
    line = LineB(2, mismatch=0.0, faults=[Fault("F53L", "CAM_M", 1000.0)])
    errors = []
    for k in range(2000):
        line.step(1.0, NOMINAL)
        if k % 10 == 9:
            errors.append(line.tags["CAM_M.D50"] / line.truth()["milled_d50"] - 1.0)
    assert np.std(errors[:98]) == pytest.approx(0.02, rel=0.25)
    assert np.std(errors[102:]) == pytest.approx(0.06, rel=0.25)


def test_a_leaking_cell_is_wet_every_round() -> None:
    line = LineB(1, mismatch=0.0, noise=0.0, faults=[Fault("F34", "CELL_3", 0.0)], dryer="six_cell")
    found: dict[int, list[float]] = {place: [] for place in range(1, 7)}
    for k in range(1, 2161):
        line.step(1.0, NOMINAL)
        if k % 180 == 179:
            found[int(line.tags["DRY.CELL_ID"]) % 6 + 1].append(line.truth()["dryer_lod_pct"])
    wet = found.pop(3)[-1]
    others = [lods[-1] for lods in found.values()]
    assert np.ptp(others) < 0.15
    assert wet > max(others) + 0.5
