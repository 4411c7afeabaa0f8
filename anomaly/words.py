"""How numbers are said in the sentences of alerts."""

from __future__ import annotations

_MINUTES_FROM_S, _HOURS_FROM_S = 120.0, 7200.0


def amount(value: float, unit: str) -> str:
    """Return a value with its unit, in three significant digits.

    Parameters
    ----------
    value
        Value, in `unit`.
    unit
        UCUM code; ``1`` is not said.

    Examples
    --------
    >>> amount(0.12345, "%"), amount(7.0, "1"), amount(12345.0, "kg/h")
    ('0.123 %', '7', '12300 kg/h')
    """
    digits = f"{float(f'{value:.3g}'):.10g}"
    return digits if unit == "1" else f"{digits} {unit}"


def span(seconds: float) -> str:
    """Return a length of time as it is said.

    Parameters
    ----------
    seconds
        Length [s].

    Examples
    --------
    >>> span(45.0), span(600.0), span(7200.0)
    ('45 s', '10 min', '2 h')
    """
    if seconds < _MINUTES_FROM_S:
        return f"{seconds:.0f} s"
    return f"{seconds / 60.0:.0f} min" if seconds < _HOURS_FROM_S else f"{seconds / 3600.0:.3g} h"
