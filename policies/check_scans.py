"""Cross-rules of scan classes: every tag has one, fast enough for what it is for, and coherence has a counter."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf

from policies.check_shape import hint, listed
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.scans import CONTROL, ON_CONNECT, SUBSCRIBE, every

_MISSED = 2  # scans a value must outlive, so that one late scan does not make it stale


@dataclass(frozen=True, slots=True)
class _Class:
    """One scan class as far as it was understood."""

    name: str
    every_s: float
    """Time from one scan to the next [s]."""
    written: str

    def __str__(self) -> str:
        return f"{self.name}, which is read {_spoken(self.written)}"


def _spoken(time: str) -> str:
    return time if time == ON_CONNECT else f"every {time}"


def classes(view: View) -> Iterator[Problem]:
    """Check that scan classes have names of their own, and times that fit each other."""
    if SUBSCRIBE in view.names("scans"):
        message = f"found {SUBSCRIBE!r}, which stands for tags the server reports by itself, expected another name"
        yield view.problem(("scans", SUBSCRIBE), message, at_key=True)
    for name, scan in _classes(view).items():
        here = ("scans", name)
        if name == CONTROL:
            yield from _control(view, here, scan)
        for key, meaning in (("phase", "less than"), ("deadline", "at most")):
            length = view.duration(*here, key)
            late = length is not None and (length > scan.every_s or (key == "phase" and length == scan.every_s))
            if late or (key == "phase" and length is not None and scan.every_s == inf):
                wanted = "no phase for a class that is read on connect"
                if scan.every_s != inf:
                    wanted = f"{meaning} the {scan.written} from one scan to the next"
                yield view.problem((*here, key), f"found {view.text(*here, key)}, expected {wanted}")


def _control(view: View, here: Path, scan: _Class) -> Iterator[Problem]:
    period = view.duration("period")
    if period is not None and view.get(*here) is not None and scan.every_s != period:
        wanted = f"the period of {view.text('period')}: this class is read once in every cycle"
        yield view.problem(_time(view, here), f"found {scan.written}, expected {wanted}")
    if view.get(*here, "phase") is not None:
        yield view.problem((*here, "phase"), "found a phase, expected none: this class is read when a cycle begins")


def members(view: View) -> Iterator[Problem]:
    """Check that every tag has a scan class that exists and is fast enough, and does not go stale between two scans."""
    known, period = _classes(view), view.duration("period")
    hasty = _hasty(view)
    for path in view.match("tags.*.scan"):
        name, wanted = str(path[1]), view.text(*path)
        if wanted is None or wanted == SUBSCRIBE or (wanted in view.names("scans") and wanted not in known):
            continue
        scan = known.get(wanted)
        if scan is None:
            names = [*known, SUBSCRIBE]
            message = f"found {wanted!r}, expected {listed(names, 'or')}{hint(wanted, names)}"
            yield view.problem(path, message)
        elif period is not None and scan.every_s > period and (name in hasty or view.signals[name].writable):
            message = f"found {scan}, expected a class that is read in every cycle for a tag that is"
            yield view.problem(path, f"{message} {'written' if view.signals[name].writable else hasty[name]}")
        else:
            yield from _outlived(view, path[:-1], scan)


def _outlived(view: View, here: Path, scan: _Class) -> Iterator[Problem]:
    still, path = view.duration(*here, "frozen", "after"), (*here, "frozen", "after")
    if still is not None and still < _MISSED * scan.every_s:
        wanted = "no such rule" if scan.every_s == inf else f"at least {_MISSED} scans, {_MISSED * scan.every_s:g}s,"
        yield view.problem(path, f"found {view.text(*path)}, expected {wanted} for a tag of {scan}")
    stale, path = view.duration(*here, "stale_after"), (*here, "stale_after")
    if stale is None or stale >= _MISSED * scan.every_s:
        return
    if scan.every_s == inf:
        message = f"found {view.text(*path)} for a tag that is read on connect, expected none: its value stands while"
        yield view.problem(path, f"{message} the connection does")
    else:
        message = f"found {view.text(*path)}, expected at least {_MISSED} scans, {_MISSED * scan.every_s:g}s, for a tag"
        yield view.problem(path, f"{message} of {scan}")


def counters(view: View) -> Iterator[Problem]:
    """Check that coherence has one counter of its own connection to go by."""
    for here in view.match("connections.*.coherence"):
        path, name = (*here, "counter"), view.text(*here, "counter")
        signal = view.signals.get(name or "")
        if name is None and view.get(*here[:-1], "handshake") is None and view.get(*path) is None:
            message = "missing, expected the tag that counts the scans, for the connection has no handshake"
            yield view.problem(path, message, at_key=True)
        elif signal and signal.connection and signal.connection != here[1]:
            message = f"found {name!r} of connection {signal.connection}, expected a tag of connection {here[1]}"
            yield view.problem(path, message)


def _hasty(view: View) -> dict[str, str]:
    """Return the tags that must be read in every cycle, and why."""
    spoken = (*view.match("connections.*.handshake.*"), *view.match("lockstep.*"))
    backs = {view.text(*path) or "": "read back" for path in view.match("tags.*.read_back")}
    return backs | {view.text(*path) or "": "part of a handshake" for path in spoken}


def _classes(view: View) -> dict[str, _Class]:
    found: dict[str, _Class] = {}
    period = view.text("period")
    for name, path in ((CONTROL, ("period",)), *((name, ("scans", name)) for name in view.names("scans"))):
        written = view.text(*_time(view, path))
        try:
            found[name] = _Class(name, every(written), written or "")
        except ValueError:
            continue
    if CONTROL not in found and period is None:
        found[CONTROL] = _Class(CONTROL, 0.0, "")
    return found


def _time(view: View, here: Path) -> Path:
    return here if view.text(*here) is not None else (*here, "every")
