"""Every fault of line C shows where the catalogue says, and nowhere it should not."""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest

from hil.plants.faults import CATALOGUE, Fault, targets_of
from hil.plants.line_c import NOMINAL, TARGETS, LineC

Run = Mapping[str, np.ndarray]
ON_S = 600.0
AREAS = ("sm", "imp_a", "imp_b", "nitro", "imp_h", "imp_c", "imp_d")


@cache
def day(fault: Fault | None = None, coil: float = 60.0, seconds: float = 2400.0) -> Run:
    """Truth and scalar tags of one quiet run of the line, and what the UHPLC left unnamed, every five seconds."""
    line = LineC(4, mismatch=0.0, noise=0.0, faults=() if fault is None else (fault,))
    rows = []
    setpoints = {**NOMINAL, "R1.T_SP": coil}
    for _ in range(round(seconds / 5.0)):
        for _ in range(5):
            line.step(1.0, setpoints)
        shown = {tag: value for tag, value in line.tags.items() if isinstance(value, float)}
        unnamed = sum(peak.area for peak in line.result.peaks if peak.name is None)
        rows.append(line.truth() | shown | {"unnamed": unnamed, "bad": float(len(line.quality))})
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def moved(sick: Run, sound: Run, name: str) -> float:
    return float(sick[name][-1] - sound[name][-1])


def still(sick: Run, sound: Run, *names: str) -> None:
    for name in names:
        assert sick[name] == pytest.approx(sound[name], rel=0.003, abs=1e-6), name


def dosed_low(sick: Run, sound: Run) -> None:
    assert sick["P2.F_PV"][-1] == pytest.approx(0.92 * 12.0)
    assert moved(sick, sound, "sm") > 1.0
    assert moved(sick, sound, "imp_b") < -0.5
    still(sick, sound, "R1.T_PV", "P1.F_PV")


def clogged(sick: Run, sound: Run) -> None:
    assert moved(sick, sound, "sm") > 1.0
    assert moved(sick, sound, "imp_b") < -0.4
    assert sick["R1.P"][-1] == pytest.approx(22.0 + 1.5 / 0.85**2)
    still(sick, sound, "eq", "flow")


def poisoned(sick: Run, sound: Run) -> None:
    """Ramps of hours: at half an hour they have just begun."""
    for name in ("imp_h", "imp_c", "nitro"):
        ramp = sick[name] - sound[name]
        assert ramp[-1] > 0.02, name
        assert ramp[-1] > 1.5 * ramp[-120] > 0.0, name
    assert moved(sick, sound, "imp_d") < -0.01
    assert sick["activity_front"][-1] < sick["activity"][-1] < sound["activity"][-1]
    still(sick, sound, "sm", "imp_b")


def starved(sick: Run, sound: Run) -> None:
    assert sick["R2.PH2_PV"][-1] == 8.0
    steps = [moved(sick, sound, name) for name in ("nitro", "imp_h", "imp_c")]
    assert steps == pytest.approx([0.11, 0.08, 0.09], abs=0.006)
    still(sick, sound, "sm", "imp_b")


def overheated(sick: Run, sound: Run) -> None:
    assert moved(sick, sound, "imp_d") == pytest.approx(0.073, rel=0.05)
    assert moved(sick, sound, "imp_c") < -0.02
    still(sick, sound, "R2.T_PV", "sm", "imp_b")


def foreign(sick: Run, sound: Run) -> None:
    assert sick["u"][-1] == pytest.approx(0.249, rel=0.05)
    assert sick["unnamed"][-1] == pytest.approx(0.249, rel=0.05)
    assert sick["UHPLC.N_PEAK"][-1] == sound["UHPLC.N_PEAK"][-1] + 1.0
    still(sick, sound, *AREAS)


def spoiling(sick: Run, sound: Run) -> None:
    hours = (5.0 * len(sick["u2"]) - ON_S) / 3600.0
    assert sick["u2"][-1] == pytest.approx(1.0 * hours, rel=0.1)
    assert sick["u2"][-1] > 1.3 * sick["u2"][-120] > 0.0
    assert not sound["u2"].any()
    still(sick, sound, "sm", "imp_a")


def aged(sick: Run, sound: Run) -> None:
    assert sick["unnamed"][-1] == pytest.approx(sick["imp_b"][-1] + sick["imp_c"][-1], rel=0.01)
    still(sick, sound, *AREAS, "UHPLC.N_PEAK")


def weak_sm(sick: Run, sound: Run) -> None:
    assert moved(sick, sound, "sm") == pytest.approx(-0.60, rel=0.05)
    assert moved(sick, sound, "imp_b") == pytest.approx(0.31, rel=0.05)
    still(sick, sound, "P1.F_PV", "P2.F_PV")


def weak_amine(sick: Run, sound: Run) -> None:
    assert moved(sick, sound, "sm") > 1.0
    assert moved(sick, sound, "imp_b") < -0.5
    still(sick, sound, "P1.F_PV", "P2.F_PV", "R1.P")


def instrument_only(sick: Run, sound: Run) -> None:
    still(sick, sound, *AREAS)


def missed(sick: Run, sound: Run) -> None:
    assert sick["bad"][-1] == 8.0
    assert sick["UHPLC.SEQ"][-1] == 2.0
    assert sound["UHPLC.SEQ"][-1] == 6.0
    still(sick, sound, *AREAS)


def decaying(sick: Run, sound: Run) -> None:
    assert sick["activity"][-1] == pytest.approx(np.exp(-3e-6 * (600.0 + 100.0 * 1800.0)), rel=1e-3)
    assert sick["activity_front"][-1] == pytest.approx(sick["activity"][-1])
    for name in ("imp_h", "imp_c", "nitro"):
        assert moved(sick, sound, name) > 0.1, name
    assert moved(sick, sound, "imp_d") < -0.04


def misread(sick: Run, sound: Run) -> None:
    assert sick["FTIR.SM"][-1] / sound["FTIR.SM"][-1] == pytest.approx(1.1)
    assert sick["FTIR.P"][-1] / sound["FTIR.P"][-1] == pytest.approx(1.1)
    still(sick, sound, *AREAS)


def reversioned(sick: Run, sound: Run) -> None:
    assert (sick["UHPLC.VERSION"][-1], sound["UHPLC.VERSION"][-1]) == (4.0, 3.0)
    still(sick, sound, *AREAS)


SIGNS: Mapping[str, tuple[Fault, float, Callable[[Run, Run], None]]] = {
    "F60": (Fault("F60", "P2", ON_S), 60.0, dosed_low),
    "F61": (Fault("F61", "R1", ON_S), 60.0, clogged),
    "F62": (Fault("F62", "R2", ON_S), 60.0, poisoned),
    "F63": (Fault("F63", "R2", ON_S), 60.0, starved),
    "F64": (Fault("F64", "R2", ON_S), 60.0, overheated),
    "F65": (Fault("F65", "P3", ON_S), 60.0, foreign),
    "F66": (Fault("F66", "R1", ON_S, magnitude=1.0), 75.0, spoiling),
    "F67": (Fault("F67", "UHPLC", ON_S), 60.0, aged),
    "C01": (Fault("C01", "P1", ON_S), 60.0, weak_sm),
    "C02": (Fault("C02", "P2", ON_S), 60.0, weak_amine),
    "C03": (Fault("C03", "UHPLC", ON_S), 60.0, instrument_only),
    "C04": (Fault("C04", "UHPLC", ON_S), 60.0, instrument_only),
    "C05": (Fault("C05", "UHPLC", ON_S, magnitude=1.0), 60.0, missed),
    "C06": (Fault("C06", "R2", ON_S, magnitude=100.0), 60.0, decaying),
    "C07": (Fault("C07", "FTIR", ON_S), 60.0, misread),
    "C08": (Fault("C08", "UHPLC", ON_S), 60.0, reversioned),
}
"""Fault, temperature of the coil [degC], and what must be seen."""


@pytest.mark.parametrize("fault_id", SIGNS)
def test_a_fault_of_line_c_shows_where_the_catalogue_says(fault_id: str) -> None:
    fault, coil, signs = SIGNS[fault_id]
    sick, sound = day(fault, coil), day(None, coil)
    before = int(ON_S / 5.0)
    assert all((sick[name][:before] == sound[name][:before]).all() for name in sick)
    signs(sick, sound)


def test_every_fault_that_line_c_knows_is_tested() -> None:
    assert {*SIGNS} == {id_ for id_ in CATALOGUE if targets_of(id_, TARGETS)}


def test_a_cool_coil_spoils_nothing() -> None:
    assert not day(Fault("F66", "R1", ON_S, magnitude=1.0), 60.0)["u2"].any()


def test_a_fault_that_ends_is_forgotten_where_it_leaves_no_trace() -> None:
    run = day(Fault("F63", "R2", ON_S, 900.0))
    assert run["R2.PH2_PV"][-1] == 12.0
    assert run["imp_h"][-1] == pytest.approx(day()["imp_h"][-1], rel=1e-3)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("F04", "P1", 0.0), "F04 cannot fall on 'P1', expected one of"),
        (Fault("F65", "P1", 0.0), "F65 cannot fall on 'P1', expected one of: P3"),
        (Fault("F61", "R2", 0.0), "F61 cannot fall on 'R2', expected one of: R1"),
        (Fault("F63", "R2", 0.0, magnitude=30.0), "magnitude 30 of fault F63, expected 0 to 20"),
    ],
)
def test_a_fault_line_c_cannot_suffer_is_refused(fault: Fault, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LineC(1, faults=[fault])
