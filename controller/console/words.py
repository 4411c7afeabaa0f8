"""How numbers, units, times and states are written on pages, and what makes one of them abnormal."""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil, isfinite, log10
from typing import NamedTuple

from plant_io import Quality
from plant_io.quality import Reason

NOTHING = "\N{EN DASH}"
"""Stands where there is no value."""
_UNITS = {"1": "", "Cel": "°C", "/min": "1/min", "um": "µm", "/h": "1/h"}
_PARTS = 1000.0
_MOST = 6
BAD = "bad"
"""State of a value that is no evidence."""
UNCERTAIN = "unc"
"""State of a value that is to be doubted."""
LIMIT = "lim"
"""State of a value at or beyond a limit."""
STATES: dict[int, str] = {int(Quality.GOOD): "", int(Quality.UNCERTAIN): UNCERTAIN, int(Quality.BAD): BAD}
"""State of a value by its quality."""
LETTERS: dict[int, str] = {int(Quality.GOOD): "G", int(Quality.UNCERTAIN): "U", int(Quality.BAD): "B"}
"""Letter of each quality."""


class Cell(NamedTuple):
    """One value as it stands on a page."""

    text: str
    """What is written."""
    state: str = ""
    """What is abnormal about it; empty where nothing is."""


def unit(code: str) -> str:
    """Return a UCUM unit as people write it.

    Examples
    --------
    >>> unit("Cel"), unit("1"), unit("kg/h")
    ('°C', '', 'kg/h')
    """
    return _UNITS.get(code, code)


def places(span: float) -> int:
    """Return how many decimals show a thousandth of a span.

    Parameters
    ----------
    span
        Width of the range of a value, in any unit.

    Examples
    --------
    >>> places(25.0), places(6.0), places(65535.0)
    (2, 3, 0)
    """
    if not isfinite(span) or span <= 0.0:
        return 3
    return min(max(ceil(-log10(span / _PARTS)), 0), _MOST)


def number(value: float | None, decimals: int) -> str:
    """Return a value in words.

    Parameters
    ----------
    value
        The value, in any unit.
    decimals
        Decimals shown [1].

    Examples
    --------
    >>> number(2.0134, 3), number(float("nan"), 3) == NOTHING, number(1234567.0, 0)
    ('2.013', True, '1234567')
    """
    if value is None or not isfinite(value):
        return NOTHING
    return f"{value:.{decimals}f}".replace("-", "\N{MINUS SIGN}")


def about(value: float | None) -> str:
    """Return a value of unknown size in four figures.

    Parameters
    ----------
    value
        The value, in any unit.

    Examples
    --------
    >>> about(0.0123456), about(None) == NOTHING
    ('0.01235', True)
    """
    if value is None or not isfinite(value):
        return NOTHING
    return f"{value:.4g}".replace("-", "\N{MINUS SIGN}")


def clock(at: float) -> str:
    """Return an instant as time of the day in UTC.

    Parameters
    ----------
    at
        The instant, POSIX time [s].

    Examples
    --------
    >>> clock(1_767_225_600.0)
    '00:00:00'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S") if isfinite(at) else NOTHING


def stamp(at: float | None) -> str:
    """Return an instant as date and time in UTC.

    Parameters
    ----------
    at
        The instant, POSIX time [s].

    Examples
    --------
    >>> stamp(1_767_225_600.0)
    '2026-01-01 00:00:00'
    """
    if at is None or not isfinite(at):
        return NOTHING
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def age(seconds: float) -> str:
    """Return a length of time in short.

    Parameters
    ----------
    seconds
        The time [s].

    Examples
    --------
    >>> age(4.2), age(75.0), age(7300.0), age(200_000.0)
    ('4 s', '1 min 15 s', '2 h 01 min', '2 d 07 h')
    """
    if not isfinite(seconds):
        return NOTHING
    whole = max(0, int(seconds))
    if whole < 60:  # noqa: PLR2004  # seconds of a minute
        return f"{whole} s"
    if whole < 3600:  # noqa: PLR2004  # seconds of an hour
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 86_400:  # noqa: PLR2004  # seconds of a day
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600:02} h"


def reason(code: Reason) -> str:
    """Return why a value is not good, in words.

    Examples
    --------
    >>> reason(Reason.LINK_DOWN), reason(Reason.NONE)
    ('link down', '')
    """
    return "" if code is Reason.NONE else code.name.lower().replace("_", " ")
