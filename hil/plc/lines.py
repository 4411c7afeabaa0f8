"""The simulated lines by name: a new one is a file ``line_X.py`` beside this with a constant ``LINE``, named here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hil.plc.blueprint import Blueprint


def blueprint(name: str) -> Blueprint:
    """Return a line by its name, in either case; nothing of the other lines is loaded.

    Raises
    ------
    ValueError
        If there is none.
    """
    found = _LINES.get(name.upper())
    if found is None:
        raise ValueError(f"found the line {name!r}, expected one of {', '.join(_LINES)}")
    return found()


def names() -> tuple[str, ...]:
    """Return the names of the lines."""
    return tuple(_LINES)


def _a() -> Blueprint:
    from hil.plc.line_a import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


def _b() -> Blueprint:
    from hil.plc.line_b import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


def _c() -> Blueprint:
    from hil.plc.line_c import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


def _d() -> Blueprint:
    from hil.plc.line_d import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


def _b2() -> Blueprint:
    from hil.plc.line_b2 import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


def _e() -> Blueprint:
    from hil.plc.line_e import LINE  # noqa: PLC0415  # only what is asked for

    return LINE


_LINES: Mapping[str, Callable[[], Blueprint]] = MappingProxyType(
    {"A": _a, "B": _b, "B2": _b2, "C": _c, "D": _d, "E": _e}
)
