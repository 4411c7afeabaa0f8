"""Cross-rules of measurements that come late, and of windows that are weighed again."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.sampled import OF_SOURCE
from policies.units import convertible, known
from policies.words import written

_MOST_CYCLES = 1800
_ROUNDING = 1e-9


def late(view: View) -> Iterator[Problem]:
    """Check that what tells the time of a sample can."""
    for here in view.match("loops.*.measured.*"):
        yield from _times(view, here)
        yield from _alone(view, here)
        yield from _source(view, here)


def windows(view: View) -> Iterator[Problem]:
    """Check that a window is no longer than a cycle has time for."""
    period = view.duration("period")
    for here in view.match("loops.*.estimator.horizon"):
        length = view.duration(*here)
        if period is not None and length is not None and length > _MOST_CYCLES * period * (1.0 + _ROUNDING):
            wanted = f"at most {_MOST_CYCLES} cycles, {written(_MOST_CYCLES * period)}"
            yield view.problem(here, f"found {view.text(*here)}, expected {wanted}")


def _times(view: View, here: Path) -> Iterator[Problem]:
    for word in ("taken", "clock"):
        name = view.text(*here, word) or ""
        signal = view.signals.get(name)
        if signal and signal.unit and known(signal.unit) and not convertible(signal.unit, "s"):
            message = f"found {name!r} in {signal.unit}, expected a tag in a unit of time such as s, min or h"
            yield view.problem((*here, word), message)


def _alone(view: View, here: Path) -> Iterator[Problem]:
    taken = view.text(*here, "taken")
    for word in ("clock", "oldest"):
        if view.get(*here, word) is not None and taken is None:
            message = f"found {word} without taken, expected the tag that shows when the sample was taken beside it"
            yield view.problem((*here, word), message, at_key=True)
    if taken == OF_SOURCE and view.get(*here, "clock") is not None:
        message = f"found a clock beside taken: {OF_SOURCE}, which is the time of the controller; expected one of them"
        yield view.problem((*here, "clock"), message, at_key=True)


def _source(view: View, here: Path) -> Iterator[Problem]:
    signal = view.signals.get(view.text(*here, "tag") or "")
    link = signal.connection if signal else None
    if view.text(*here, "taken") == OF_SOURCE and link and view.text("connections", link, "protocol") == "modbus":
        message = f"found {OF_SOURCE} for a tag of {link}, which gives no times over Modbus; expected a tag, or an age"
        yield view.problem((*here, "taken"), message)
