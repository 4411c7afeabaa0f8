"""Cross-rules of names, units, handshakes and soft sensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from policies.check_shape import hint
from policies.check_view import View
from policies.errors import Problem
from policies.positions import Path
from policies.sampled import OF_SOURCE
from policies.units import known, nearest

Kind = Literal["signal", "plant tag", "connection", "loop"]
"""What a name can be the name of."""

_REFERENCES: tuple[tuple[str, Kind], ...] = (
    ("connections.*.handshake.heartbeat", "plant tag"),
    ("connections.*.handshake.arm", "plant tag"),
    ("connections.*.handshake.state", "plant tag"),
    ("connections.*.handshake.scan", "plant tag"),
    ("connections.*.handshake.fallback", "plant tag"),
    ("connections.*.handshake.claim", "plant tag"),
    ("connections.*.handshake.epoch", "plant tag"),
    ("connections.*.coherence.counter", "plant tag"),
    ("tags.*.connection", "connection"),
    ("tags.*.read_back", "plant tag"),
    ("tags.*.ne107.tag", "plant tag"),
    ("tags.*.substitute.tag", "signal"),
    ("lockstep.request", "plant tag"),
    ("lockstep.done", "plant tag"),
    ("soft_sensors.*.spectrum", "plant tag"),
    ("soft_sensors.*.active", "plant tag"),
    ("soft_sensors.*.others.*", "plant tag"),
    ("soft_sensors.*.mass", "plant tag"),
    ("soft_sensors.*.flow", "signal"),
    ("soft_sensors.*.refill", "plant tag"),
    ("soft_sensors.*.charge", "plant tag"),
    ("soft_sensors.*.count", "plant tag"),
    ("soft_sensors.*.positions", "plant tag"),
    ("soft_sensors.*.injection", "plant tag"),
    ("soft_sensors.*.method", "plant tag"),
    ("soft_sensors.*.version", "plant tag"),
    ("soft_sensors.*.areas", "plant tag"),
    ("soft_sensors.*.number", "plant tag"),
    ("soft_sensors.*.path", "signal"),
    ("soft_sensors.*.tag", "signal"),
    ("soft_sensors.*.content", "signal"),
    ("soft_sensors.*.speed", "signal"),
    ("soft_sensors.*.force", "signal"),
    ("soft_sensors.*.weighed", "signal"),
    ("soft_sensors.*.witnesses.*.tag", "signal"),
    ("soft_sensors.*.reads.*", "signal"),
    ("soft_sensors.*.lab.tag", "signal"),
    ("soft_sensors.*.lab.taken", "plant tag"),
    ("soft_sensors.*.lab.clock", "plant tag"),
    ("material.feeds.*.flow", "signal"),
    ("material.feeds.*.blind.tag", "signal"),
    ("material.feeds.*.lot", "signal"),
    ("material.feeds.*.charge", "signal"),
    ("material.feeds.*.held", "signal"),
    ("material.units.*.speed", "signal"),
    ("material.content.correct", "signal"),
    ("material.content.beyond", "signal"),
    ("material.content.within.*", "signal"),
    ("material.measured.*.tag", "signal"),
    ("material.release.units.tag", "signal"),
    ("material.release.blend.tag", "signal"),
    ("material.divert.tag", "plant tag"),
    ("material.divert.shown", "signal"),
    ("loops.*.controlled.*.tag", "signal"),
    ("loops.*.moved.*.tag", "plant tag"),
    ("loops.*.moved.*.follows.tag", "plant tag"),
    ("loops.*.measured.*.tag", "signal"),
    ("loops.*.measured.*.taken", "signal"),
    ("loops.*.measured.*.clock", "signal"),
    ("loops.*.known.*", "signal"),
    ("loops.*.known.*.tag", "signal"),
    ("loops.*.known.*.next", "signal"),
    ("loops.*.known.*.at", "signal"),
    ("loops.*.controlled.*.coming.next", "signal"),
    ("loops.*.controlled.*.coming.at", "signal"),
    ("loops.*.controlled.*.target", "signal"),
    ("loops.*.trigger", "plant tag"),
    ("plant_time.speed", "plant tag"),
    ("plant_time.running", "plant tag"),
    ("watches.*.tag", "signal"),
    ("watches.*.holds.*", "loop"),
    ("watches.*.yields.*", "loop"),
    ("alarms.limits.*.tag", "signal"),
    ("alarms.quality.*.tags.*", "signal"),
    ("alarms.links.*.connection", "connection"),
    ("alarms.*.*.suppressed.tag", "signal"),
    ("alarms.*.*.suppressed.loop", "loop"),
    ("alarms.incidents.suppressed.tag", "signal"),
    ("alarms.incidents.suppressed.loop", "loop"),
)
_LISTS = ("spectrum", "positions", "areas")
_WHOLE = ("alarms", "quality")
_KEY_REFERENCES = ("watches.*.tags.*", "watches.*.channels.*")
_SECTIONS = {"signal": "tags", "plant tag": "tags", "connection": "connections", "loop": "loops"}
_UNITS = ("tags.*.unit", "soft_sensors.*.unit", "soft_sensors.*.also.*", "loops.*.*.*.unit", "alarms.limits.*.unit")
_WRITTEN = (
    "connections.*.handshake.heartbeat",
    "connections.*.handshake.arm",
    "connections.*.handshake.claim",
    "lockstep.request",
)


def references(view: View) -> Iterator[Problem]:
    """Check that every name is the name of something declared."""
    for pattern, kind in _REFERENCES:
        for path in view.match(pattern):
            name = view.text(*path)
            if name is not None and (path[-1], name) != ("taken", OF_SOURCE):
                yield from _reference(view, path, name, kind)
    for pattern in _KEY_REFERENCES:
        for path in view.match(pattern):
            if isinstance(path[-1], str):  # lists of names are looked at by the rules of their own watch
                yield from _reference(view, path, path[-1], "signal", at_key=True)


def _reference(view: View, path: Path, name: str, kind: Kind, *, at_key: bool = False) -> Iterator[Problem]:
    names = list(view.signals) if kind == "signal" else list(view.names(_SECTIONS[kind]))
    if name not in names:
        if kind == "plant tag" and name in view.signals:
            yield view.problem(path, f"found {name!r}, a virtual tag, expected a tag of the plant", at_key=at_key)
        elif not _misspelt(view, _SECTIONS[kind]):
            thing = "tag" if kind in {"signal", "plant tag"} else str(kind)
            if path[-1] == "taken":
                thing, names = f"tag that shows when the sample was taken, or {OF_SOURCE}", [*names, OF_SOURCE]
            message = f"found {name!r}, expected the name of a {thing}{hint(name, names)}"
            yield view.problem(path, message, at_key=at_key)
        return
    length = view.signals[name].length if kind in {"signal", "plant tag"} else 1
    if length != 1 and path[-1] not in _LISTS and path[:2] != _WHOLE:
        message = f"found {name!r} of {length} values, expected a tag of one value"
        yield view.problem(path, message, at_key=at_key)


def idle(view: View) -> Iterator[Problem]:
    """Check that every connection brings at least one tag; one without is dialled in vain, or its tags are lost."""
    used = {view.text(*path) for path in view.match("tags.*.connection")}
    if used <= set(view.names("connections")):
        for name in view.names("connections"):
            if used and name not in used:
                message = "found a connection without tags, expected at least one tag that comes through it"
                yield view.problem(("connections", name), message, at_key=True)


def _misspelt(view: View, section: str) -> bool:
    """Return whether a whole section is not found, which has been said already."""
    return not view.names(section) and any(hint(key, [section]) for key in view.names())


def units(view: View) -> Iterator[Problem]:
    """Check that every unit is known, and that read-backs, flows and substitutes are in the unit they stand for."""
    for path in (path for pattern in _UNITS for path in view.match(pattern)):
        unit = view.text(*path)
        if unit is not None and not known(unit):
            meant = f"; did you mean {near!r}?" if (near := nearest(unit)) else ""
            message = f"found {unit!r}, expected a UCUM code such as kg/h, Cel or 1 for a pure number{meant}"
            yield view.problem(path, message)
    for path in (*view.match("tags.*.read_back"), *view.match("tags.*.substitute.tag")):
        yield from _same_unit(view, path, view.text(*path), str(path[1]))
    for path in view.match("soft_sensors.*.others.*"):
        yield from _same_unit(view, path, view.text(*path), view.text(*path[:2], "active"))
    for path in view.match("soft_sensors.*.charge"):
        yield from _same_unit(view, path, view.text(*path), view.text(*path[:2], "mass"))


def _same_unit(view: View, path: Path, name: str | None, like: str | None) -> Iterator[Problem]:
    one, other = _unit(view, name), _unit(view, like)
    if one and other and one != other:
        yield view.problem(path, f"found {name!r} in {one}, expected a tag in {other} as {like!r}")


def _unit(view: View, name: str | None) -> str | None:
    signal = view.signals.get(name) if name else None
    return signal.unit if signal and signal.unit and known(signal.unit) else None


def writes(view: View) -> Iterator[Problem]:
    """Check that every written tag is one value with a read-back, and that what the controller writes is writable."""
    for name, signal in view.signals.items():
        here = ("tags", name)
        if signal.writable and view.get(*here, "read_back") is None:
            message = "missing, expected the tag that shows what the plant made of a write"
            yield view.problem((*here, "read_back"), message, at_key=True)
        if signal.writable and signal.length != 1:
            yield view.problem((*here, "length"), f"found {signal.length}, expected 1 for a tag that is written")
    for path in (path for pattern in _WRITTEN for path in view.match(pattern)):
        yield from only_read(view, path)


def only_read(view: View, path: Path) -> Iterator[Problem]:
    """Say so if the plant tag named at a path may not be written."""
    name = view.text(*path) or ""
    signal = view.signals.get(name)
    if signal and not signal.virtual and not signal.writable:
        yield view.problem(path, f"found {name!r}, which is only read, expected a tag with access: write")


def handshakes(view: View) -> Iterator[Problem]:
    """Check that a handshake is different tags of the connection it belongs to, and that a lease is whole."""
    for here in view.match("connections.*.handshake"):
        seen: dict[str, str] = {}
        yield from _whole(view, here)
        for role in view.names(*here):
            name = view.text(*here, role) or ""
            signal = view.signals.get(name)
            if name in seen:
                message = f"found {name!r}, which is also the {seen[name]}, expected another tag"
                yield view.problem((*here, role), message)
            elif signal and signal.connection and signal.connection != here[1]:
                message = f"found {name!r} of connection {signal.connection}, expected a tag of connection {here[1]}"
                yield view.problem((*here, role), message)
            seen[name] = role


def _whole(view: View, here: Path) -> Iterator[Problem]:
    roles = set(view.names(*here))
    for both in (("claim", "epoch"), ("arm", "state")):
        found = roles & set(both)
        if len(found) == 1:
            (one,) = found
            yield view.problem((*here, one), f"found {one} alone, expected {' and '.join(both)} together", at_key=True)
    for role, other in (("claim", "scan"), ("arm", "scan")):
        if role in roles and other not in roles:
            yield view.problem((*here, role), f"found {role} without {other}, expected both", at_key=True)
    if {"state", "fallback"} <= roles:
        message = "found fallback beside state, which tells the same, expected one of them"
        yield view.problem((*here, "fallback"), message, at_key=True)


def virtual_names(view: View) -> Iterator[Problem]:
    """Check that no soft sensor gives a tag that exists already."""
    taken = set(view.names("tags"))
    for sensor in view.names("soft_sensors"):
        for name in sorted(taken & set(view.given(sensor))):
            message = f"gives the tag {name!r}, which exists already; expected another name"
            yield view.problem(("soft_sensors", sensor), message, at_key=True)
        taken |= set(view.given(sensor))
