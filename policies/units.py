"""Units of measure, written as UCUM codes and converted exactly.

The part of UCUM 2.1 that process control uses: the SI units with their prefixes, the customary ones below, products,
quotients, powers, brackets and annotations (``{rev}/min``). Two deliberate differences: the mole is a quantity of its
own, not a number, and temperatures with an offset (Cel, [degF]) stand alone. Factors are fractions, so that 5 % is
0.05 and not nearly so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from functools import lru_cache
from math import inf, isfinite, pi

_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip
_BASES = ("m", "s", "g", "K", "A", "cd", "mol", "rad", "[IU]", "[CFU]", "[pH]")
_PREFIXED = (
    "m", "s", "g", "K", "A", "cd", "mol", "rad", "Hz", "N", "Pa", "J", "W", "V", "Ohm", "C", "F", "S", "Wb", "T",
    "H", "L", "l", "t", "bar", "cal", "kat", "Bq", "lm", "lx", "P", "St", "m[H2O]", "m[Hg]", "[IU]",
)  # fmt: skip
_DERIVED: dict[str, tuple[str, str]] = {
    "Hz": ("1", "/s"), "N": ("1", "kg.m/s2"), "Pa": ("1", "N/m2"), "J": ("1", "N.m"), "W": ("1", "J/s"),
    "C": ("1", "A.s"), "V": ("1", "J/C"), "Ohm": ("1", "V/A"), "S": ("1", "A/V"), "F": ("1", "C/V"),
    "Wb": ("1", "V.s"), "T": ("1", "Wb/m2"), "H": ("1", "Wb/A"), "Bq": ("1", "/s"), "lm": ("1", "cd"),
    "lx": ("1", "lm/m2"), "kat": ("1", "mol/s"), "L": ("1", "dm3"), "l": ("1", "dm3"), "t": ("1000", "kg"),
    "bar": ("100000", "Pa"), "atm": ("101325", "Pa"), "m[H2O]": ("9.80665", "kPa"), "m[Hg]": ("133.3220", "kPa"),
    "dyn": ("1", "g.cm/s2"), "[g]": ("9.80665", "m/s2"), "P": ("1", "dyn.s/cm2"), "St": ("1", "cm2/s"),
    "cal": ("4.184", "J"),
    "min": ("60", "s"), "h": ("60", "min"), "d": ("24", "h"), "wk": ("7", "d"),
    "%": ("0.01", "1"), "[ppth]": ("1e-3", "1"), "[ppm]": ("1e-6", "1"), "[ppb]": ("1e-9", "1"),
    "[pptr]": ("1e-12", "1"), "10*": ("10", "1"), "10^": ("10", "1"), "deg": (str(Fraction(pi) / 180), "rad"),
    "[in_i]": ("2.54", "cm"), "[ft_i]": ("12", "[in_i]"), "[mi_i]": ("5280", "[ft_i]"), "[gal_us]": ("231", "[in_i]3"),
    "[lb_av]": ("453.59237", "g"), "[oz_av]": ("1/16", "[lb_av]"), "[lbf_av]": ("9.80665", "[lb_av].m/s2"),
    "[psi]": ("1", "[lbf_av]/[in_i]2"), "[Btu_IT]": ("1.05505585262", "kJ"), "[HP]": ("550", "[ft_i].[lbf_av]/s"),
}  # fmt: skip
_HABITS = {
    "°C": "Cel", "degC": "Cel", "celsius": "Cel", "°F": "[degF]", "degF": "[degF]", "rpm": "/min", "RPM": "/min",
    "psi": "[psi]", "ppm": "[ppm]", "ppb": "[ppb]", "percent": "%", "sec": "s", "hr": "h", "kg/hr": "kg/h", "µm": "um",
    "ohm": "Ohm", "-": "1", "": "1", "mbara": "mbar", "barg": "bar", "Nm": "N.m", "lb": "[lb_av]", "in": "[in_i]",
}  # fmt: skip
_USUAL = (
    "kg/h", "g/h", "g/s", "g/min", "kg/min", "kg", "g", "mg", "ug", "t", "m", "cm", "mm", "um", "nm", "m2", "m3",
    "L", "mL", "L/h", "L/min", "mL/min", "m3/h", "m/s", "mm/s", "s", "ms", "min", "h", "d", "/s", "/min", "/h",
    "Hz", "Cel", "K", "[degF]", "%", "1", "[ppm]", "[ppb]", "Pa", "kPa", "MPa", "bar", "mbar", "[psi]", "N", "kN",
    "N.m", "J", "kJ", "W", "kW", "V", "mV", "A", "mA", "mol", "mmol/L", "mol/L", "g/L", "kg/m3", "mPa.s", "kg/kg",
    "J/(kg.K)", "kJ/kg", "uS/cm", "mS/cm", "[pH]",
)  # fmt: skip
_TOKEN = re.compile(
    r"(?P<sign>[./()])|(?P<note>\{[^{}]*\})|(?P<symbol>10[*^]|(?:[A-Za-z%]|\[[A-Za-z0-9_]+\])+)(?P<power>[+-]?\d{1,2})?(?!\d)|(?P<count>\d{1,9})"
)
_LONGEST = 64


@dataclass(frozen=True, slots=True)
class _Unit:
    """A unit in base units: one base value is ``(value + offset) * scale``."""

    scale: Fraction
    powers: tuple[tuple[str, int], ...] = ()
    offset: Fraction = Fraction(0)

    def times(self, other: _Unit, power: int) -> _Unit:
        total = dict(self.powers)
        for base, exponent in other.powers:
            total[base] = total.get(base, 0) + exponent * power
        kept = tuple(sorted((base, exponent) for base, exponent in total.items() if exponent))
        return _Unit(self.scale * other.scale**power, kept)


_ONE = _Unit(Fraction(1))
_KELVIN = (("K", 1),)
_TEMPERATURES = {
    "Cel": _Unit(Fraction(1), _KELVIN, Fraction("273.15")),
    "[degF]": _Unit(Fraction(5, 9), _KELVIN, Fraction("459.67")),
}


def convert(value: float, old: str, new: str) -> float:
    """Return a value in another unit.

    Parameters
    ----------
    value
        Value in the unit of `old`.
    old, new
        UCUM codes.

    Raises
    ------
    ValueError
        If a code is unknown, or the two measure different quantities.

    Examples
    --------
    >>> convert(2.0, "kg/h", "g/min"), convert(25.0, "Cel", "K"), convert(5.0, "%", "1")
    (33.333333333333336, 298.15, 0.05)
    """
    source, target = _pair(old, new)
    if not isfinite(value):
        return value
    return _number((Fraction(value) + source.offset) * source.scale / target.scale - target.offset)


def difference(value: float, old: str, new: str) -> float:
    """Return a difference, a rate or a standard deviation in another unit.

    Parameters
    ----------
    value
        Difference in the unit of `old`; zero points of temperatures do not count.
    old, new
        UCUM codes.

    Raises
    ------
    ValueError
        If a code is unknown, or the two measure different quantities.

    Examples
    --------
    >>> difference(10.0, "Cel", "K"), difference(9.0, "[degF]", "Cel")
    (10.0, 5.0)
    """
    source, target = _pair(old, new)
    return _number(Fraction(value) * source.scale / target.scale) if isfinite(value) else value


def convertible(old: str, new: str) -> bool:
    """Return whether both codes are known and measure the same quantity."""
    source, target = _parse(old), _parse(new)
    return source is not None and target is not None and source.powers == target.powers


def known(code: str) -> bool:
    """Return whether `code` is a UCUM code this module understands.

    Examples
    --------
    >>> known("kg/h"), known("J/(kg.K)"), known("rpm")
    (True, True, False)
    """
    return _parse(code) is not None


def code_of(text: str) -> str | None:
    """Return the UCUM code of a unit as people and devices write it, or None; nothing is guessed.

    Examples
    --------
    >>> code_of("kg/h"), code_of("°C"), code_of("rpm"), code_of("furlong")
    ('kg/h', 'Cel', '/min', None)
    """
    return text if known(text) else _HABITS.get(text)


def nearest(code: str) -> str | None:
    """Return the code that was probably meant by an unknown one, or None.

    Examples
    --------
    >>> nearest("rpm"), nearest("kg/hr"), nearest("degC")
    ('/min', 'kg/h', 'Cel')
    """
    found = _HABITS.get(code) or next(iter(get_close_matches(code, _USUAL, n=1)), None)
    return None if found == code else found


def _number(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return inf if exact > 0 else -inf


def _pair(old: str, new: str) -> tuple[_Unit, _Unit]:
    source, target = _parse(old), _parse(new)
    if source is None or target is None:
        raise ValueError(f"{old if source is None else new!r} is not a known UCUM code")
    if source.powers != target.powers:
        raise ValueError(f"{old!r} cannot be converted to {new!r}: they measure different quantities")
    return source, target


@lru_cache(maxsize=1024)
def _parse(code: str) -> _Unit | None:
    if code in _TEMPERATURES:
        return _TEMPERATURES[code]
    if not 0 < len(code) <= _LONGEST:
        return None
    tokens = list(_TOKEN.finditer(code))
    if "".join(token[0] for token in tokens) != code:
        return None
    unit, end = _term(tokens, 0)
    return unit if end == len(tokens) else None


def _term(tokens: list[re.Match[str]], at: int) -> tuple[_Unit | None, int]:
    """Read factors joined by ``.`` and ``/`` from left to right, as UCUM does."""
    total = _ONE
    power = 1
    if at < len(tokens) and tokens[at][0] == "/":
        power, at = -1, at + 1
    while True:
        factor, at = _factor(tokens, at)
        if factor is None:
            return None, at
        total = total.times(factor, power)
        if at == len(tokens) or tokens[at][0] not in "./":
            return total, at
        power, at = (1 if tokens[at][0] == "." else -1), at + 1


def _factor(tokens: list[re.Match[str]], at: int) -> tuple[_Unit | None, int]:
    if at == len(tokens):
        return None, at
    token = tokens[at]
    if token["note"]:
        return _ONE, at + 1
    if token[0] == "(":
        inner, end = _term(tokens, at + 1)
        closed = end < len(tokens) and tokens[end][0] == ")"
        return (inner, end + 1) if closed else (None, end)
    unit = _Unit(Fraction(token["count"])) if token["count"] and int(token["count"]) else _symbol(token["symbol"])
    if unit is not None:
        unit = _ONE.times(unit, int(token["power"] or 1))
    noted = at + 1 < len(tokens) and tokens[at + 1]["note"] is not None
    return unit, at + 1 + noted


def _symbol(symbol: str | None) -> _Unit | None:
    if symbol is None:
        return None
    if (plain := _atom(symbol)) is not None:
        return plain
    for width in (1, 2):
        prefix, rest = symbol[:width], symbol[width:]
        if prefix in _PREFIXES and rest in _PREFIXED and (unit := _atom(rest)) is not None:
            return _Unit(unit.scale * Fraction(10) ** _PREFIXES[prefix], unit.powers)
    return None


def _atom(symbol: str) -> _Unit | None:
    if symbol in _BASES:
        return _Unit(Fraction(1), ((symbol, 1),))
    if symbol not in _DERIVED:
        return None
    factor, code = _DERIVED[symbol]
    unit = _parse(code)
    return None if unit is None else _Unit(Fraction(factor) * unit.scale, unit.powers)
