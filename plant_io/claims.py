"""What a server claims of its values, engineering unit and range, compared with what the policy says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isclose
from types import MappingProxyType

from policies import Tag
from policies.units import code_of, convert, convertible

_CEFACT = "http://www.opcfoundation.org/UA/units/un/cefact"
# Common codes of UNECE recommendation 20, as OPC 10000-8, 5.6.4.3 has servers give them.
_COMMON: Mapping[str, str] = MappingProxyType(
    {
        "KGM": "kg", "GRM": "g", "MGM": "mg", "MC": "ug", "TNE": "t", "KGS": "kg/s", "E93": "kg/h", "F27": "g/h",
        "4M": "mg/h", "MTR": "m", "CMT": "cm", "MMT": "mm", "4H": "um", "C45": "nm", "MTS": "m/s", "C16": "mm/s",
        "SEC": "s", "C26": "ms", "MIN": "min", "HUR": "h", "DAY": "d", "HTZ": "Hz", "RPM": "/min", "M46": "/min",
        "LTR": "L", "MLT": "mL", "MTQ": "m3", "L2": "L/min", "E32": "L/h", "41": "mL/min", "MQH": "m3/h",
        "CEL": "Cel", "KEL": "K", "FAH": "[degF]", "PAL": "Pa", "KPA": "kPa", "MPA": "MPa", "BAR": "bar",
        "MBR": "mbar", "NEW": "N", "B47": "kN", "NU": "N.m", "JOU": "J", "KJO": "kJ", "WTT": "W", "KWT": "kW",
        "VLT": "V", "2Z": "mV", "AMP": "A", "4K": "mA", "GL": "g/L", "KMQ": "kg/m3", "C24": "mPa.s", "G42": "uS/cm",
        "H61": "mS/cm", "P1": "%", "59": "[ppm]", "61": "[ppb]", "C62": "1", "Q30": "[pH]",
    }
)  # fmt: skip
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True)
class Claim:
    """What a server says of one node."""

    number: int | None = None
    """UnitId of its EngineeringUnits [1]; None where there are none."""
    space: str = ""
    """Namespace the number is from."""
    text: str = ""
    """How the server writes its unit."""
    span: tuple[float, float] | None = None
    """Its EURange, in its own unit."""


def differences(tag: Tag, claim: Claim) -> Iterator[str]:
    """Give what in a claim contradicts the policy, one sentence each.

    A server may speak of the value as it travels or of the value it stands for; either agrees, if the scale says so.

    Parameters
    ----------
    tag
        Tag as declared.
    claim
        What the server says.

    Examples
    --------
    >>> flow = Tag(unit="kg/h", range=(0, 6), connection="plc", address="s=F")
    >>> list(differences(flow, Claim(text="g/h", span=(0.0, 6.0))))
    ['the server gives its unit as g/h, the policy says kg/h']
    """
    theirs = unit_of(claim)
    said = claim.text or theirs or ""
    if theirs is None and (said or (claim.number or 0) > 0):
        yield f"the server gives its unit as {said or claim.number}, which is not known; the policy says {tag.unit}"
    elif theirs is not None and not _agree(tag, theirs):
        yield f"the server gives its unit as {said}, the policy says {tag.unit}"
    if claim.span is not None and claim.span[0] < claim.span[1] and not _same_span(tag, claim.span):
        low, high = claim.span
        wanted = _span(*tag.range, tag.unit)
        yield f"the server gives its range as {_span(low, high, said)}, the policy says {wanted}"


def _span(low: float, high: float, unit: str) -> str:
    return f"{low:g} to {high:g} {'' if unit == '1' else unit}".rstrip()


def unit_of(claim: Claim) -> str | None:
    """Return the UCUM code of a claimed unit, or None if there is none or it is not known."""
    if claim.space == _CEFACT and claim.number is not None and claim.number > 0:
        letters = claim.number.to_bytes(4, "big").strip(b"\0").decode("ascii", "replace")
        if letters in _COMMON:
            return _COMMON[letters]
    text = claim.text.strip()
    return code_of(text) if text else None


def _agree(tag: Tag, theirs: str) -> bool:
    if not convertible(theirs, tag.unit):
        return False
    shift = convert(0.0, theirs, tag.unit)
    slope = convert(1.0, theirs, tag.unit) - shift
    return any(
        isclose(slope, scale, rel_tol=_CLOSE) and isclose(shift, offset, rel_tol=_CLOSE, abs_tol=_CLOSE)
        for scale, offset in ((1.0, 0.0), (tag.scale, tag.offset))
    )


def _same_span(tag: Tag, span: tuple[float, float]) -> bool:
    low, high = tag.range
    scaled = sorted(value * tag.scale + tag.offset for value in span)
    near = _CLOSE * (high - low)
    return any(abs(a - low) <= near and abs(b - high) <= near for a, b in (span, scaled))
