"""UCUM codes of process control, converted exactly."""

from math import inf, isnan, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.units import convert, convertible, difference, known, nearest

CODES = """
kg/h g/s g/min kg g mg ug t m cm mm um nm m2 m3 L mL L/h mL/min m3/h m/s s ms min h d /s /min /h Hz Cel K [degF] % 1
[ppm] [ppb] Pa kPa MPa bar mbar [psi] N kN N.m J kJ W kW V mV A mA mol mmol/L g/L kg/m3 mPa.s J/(kg.K) uS/cm [pH]
{rev}/min {tablets}/h kg.m-2.s-1 10*3/uL m[H2O] mm[Hg] [IU]/mL deg 1/min W/(m2.K)
"""
USUAL = CODES.split()
NONE = "kgh rpm degC °C kg/ / kg//h (kg kg) 0 m999 k %% mCel Cel/min (((( ."
WRONG = ["", " ", "kg h", "a" * 65, *NONE.split()]


@pytest.mark.parametrize("code", USUAL)
def test_the_units_of_process_control_are_known(code: str) -> None:
    assert known(code)
    assert convert(7.3, code, code) == 7.3


@pytest.mark.parametrize("code", WRONG)
def test_what_is_no_ucum_code_is_unknown(code: str) -> None:
    assert not known(code)
    assert not convertible(code, code)


@pytest.mark.parametrize(
    ("value", "old", "new", "wanted"),
    [
        (3.6, "kg/h", "g/s", 1.0),
        (5.0, "%", "1", 0.05),
        (1.0, "bar", "kPa", 100.0),
        (1.0, "[psi]", "kPa", 6.894757293168361),
        (1.0, "m3/h", "L/min", 16.666666666666668),
        (60.0, "/min", "Hz", 1.0),
        (25.0, "Cel", "K", 298.15),
        (212.0, "[degF]", "Cel", 100.0),
        (-40.0, "Cel", "[degF]", -40.0),
        (1.0, "kJ/(kg.K)", "J/kg/K", 1000.0),
        (1.0, "N.m", "J", 1.0),
        (1.0, "L", "dm3", 1.0),
        (1e4, "[ppm]", "%", 1.0),
        (180.0, "deg", "rad", 3.141592653589793),
        (1.0, "kat", "mol/s", 1.0),
        (inf, "kg", "g", inf),
        (1e308, "Ym", "ym", inf),
    ],
)
def test_a_value_is_converted_exactly(value: float, old: str, new: str, wanted: float) -> None:
    assert convert(value, old, new) == wanted


def test_no_number_stays_no_number() -> None:
    assert isnan(convert(nan, "kg", "g"))
    assert isnan(difference(nan, "kg", "g"))


def test_a_difference_of_temperatures_has_no_zero_point() -> None:
    assert difference(10.0, "Cel", "K") == 10.0
    assert difference(18.0, "[degF]", "Cel") == 10.0
    assert convert(10.0, "Cel", "K") == 283.15


@pytest.mark.parametrize(("old", "new"), [("kg", "kg/h"), ("Cel", "%"), ("mol", "1"), ("rad/s", "/s"), ("[pH]", "1")])
def test_different_quantities_do_not_convert(old: str, new: str) -> None:
    assert not convertible(old, new)
    with pytest.raises(ValueError, match="they measure different quantities"):
        convert(1.0, old, new)


def test_an_unknown_code_is_named() -> None:
    with pytest.raises(ValueError, match=r"^'kgh' is not a known UCUM code$"):
        convert(1.0, "kg", "kgh")


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("°C", "Cel"),
        ("degC", "Cel"),
        ("rpm", "/min"),
        ("kg/hr", "kg/h"),
        ("percent", "%"),
        ("psi", "[psi]"),
        ("?", None),
    ],
)
def test_a_habit_is_answered_with_the_code(code: str, meant: str | None) -> None:
    assert nearest(code) == meant


@settings(derandomize=True)
@given(value=st.floats(-1e6, 1e6), old=st.sampled_from(USUAL), new=st.sampled_from(USUAL))
def test_there_and_back_again_is_the_same_value(value: float, old: str, new: str) -> None:
    if convertible(old, new):
        there = convert(value, old, new)
        assert convert(there, new, old) == pytest.approx(value, rel=1e-12, abs=1e-9)


@settings(derandomize=True)
@given(st.text("kgmsh/.()%[]{}10*^-+ePL", max_size=70))
def test_any_text_is_known_or_not(code: str) -> None:
    assert known(code) in {True, False}
