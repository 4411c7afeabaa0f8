"""Cross-rules of measurements that come late, and of windows that are weighed again."""

from __future__ import annotations

from collections.abc import Iterator

from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.sampled import OF_SOURCE, Sampled
from policies.units import convertible, known
from policies.words import written

_MOST_CYCLES = 1800
_MOST_AGE = 400
_MOST_OLDEST = 100_000
_MOST_OLDEST_S = 86_400.0
_OLDEST_S = Sampled().oldest_s
_ROUNDING = 1e-9


def late(view: View) -> Iterator[Problem]:
    """Check that what tells the time of a sample can."""
    for here in view.match("loops.*.measured.*"):
        yield from _times(view, here)
        yield from _alone(view, here)
        yield from _source(view, here)
        yield from _long(view, here)


def results(view: View) -> Iterator[Problem]:
    """Check that a result by which a soft sensor is corrected has the time of a sample of its own."""
    for here in view.match("soft_sensors.*.lab.tag"):
        name, sensors = view.text(*here) or "", view.names("soft_sensors")
        if name in view.signals and name not in view.names("tags"):
            before = sensors[: sensors.index(str(here[1]))]
            lists = [one for one in before if view.text("soft_sensors", one, "kind") == "peaks"]
            if not any(name.startswith(f"{one}.") for one in lists):
                wanted = "expected a tag of the plant, or a peak of a chromatogram that stands before it"
                yield view.problem(here, f"found {name!r}, a virtual tag, {wanted}")


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


def _long(view: View, here: Path) -> Iterator[Problem]:
    """Check that what is made again for each reading can be, and that what is remembered is not without end."""
    counted = view.get(*here[:2], "trigger") is not None
    step = view.duration(*here[:2], "sample") if counted else view.duration("period")
    if step is None:
        return
    steps = "samples" if counted else "cycles"
    age, oldest = view.duration(*here, "age"), view.duration(*here, "oldest")
    if view.get(*here, "taken") is None and age is not None and age > _MOST_AGE * step * (1.0 + _ROUNDING):
        wanted = f"at most {_MOST_AGE} {steps}, {written(_MOST_AGE * step)}, where no tag tells when a sample was taken"
        yield view.problem((*here, "age"), f"found {view.text(*here, 'age')}, expected {wanted}")
    if view.get(*here, "taken") is not None and age is not None and age >= (oldest or _OLDEST_S):
        wanted = f"less than oldest, {written(oldest or _OLDEST_S)}: a sample would be too old when it is shown"
        yield view.problem((*here, "age"), f"found {view.text(*here, 'age')}, expected {wanted}")
    most = min(_MOST_OLDEST_S, _MOST_OLDEST * step)
    if oldest is not None and oldest > most * (1.0 + _ROUNDING):
        wanted = f"at most {written(_MOST_OLDEST_S)} and {_MOST_OLDEST} {steps}, {written(most)}"
        yield view.problem((*here, "oldest"), f"found {view.text(*here, 'oldest')}, expected {wanted}")


def _source(view: View, here: Path) -> Iterator[Problem]:
    signal = view.signals.get(view.text(*here, "tag") or "")
    link = signal.connection if signal else None
    if view.text(*here, "taken") == OF_SOURCE and link and view.text("connections", link, "protocol") == "modbus":
        message = f"found {OF_SOURCE} for a tag of {link}, which gives no times over Modbus; expected a tag, or an age"
        yield view.problem((*here, "taken"), message)
