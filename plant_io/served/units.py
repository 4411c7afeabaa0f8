"""Units of OPC UA variables: UCUM codes as EUInformation (OPC UA part 8, 5.6.3; asyncua)."""

from __future__ import annotations

from asyncua import ua

_UNITS_URI = "http://www.opcfoundation.org/UA/units/un/cefact"
_UNECE = {
    "kg": "KGM",
    "kg/h": "E93",
    "/min": "RPM",
    "kN": "B47",
    "N": "NEW",
    "mm": "MMT",
    "mg": "MGM",
    "%": "P1",
    "1": "C62",
    "Cel": "CEL",
}
"""UNECE recommendation 20 codes of the UCUM units our lines use."""


def units(code: str) -> ua.EUInformation:
    """Return a UCUM unit as a server shows it; the common ones with their UNECE number."""
    common = _UNECE.get(code)
    number = int.from_bytes(common.encode("ascii"), "big") if common else -1  # OPC UA part 8, 5.6.3.3
    return ua.EUInformation(
        NamespaceUri=_UNITS_URI, UnitId=number, DisplayName=ua.LocalizedText(code), Description=ua.LocalizedText(code)
    )
