"""Values of a cycle as CBOR (RFC 8949), bit for bit: equal values give equal bytes, and come back as they were."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, lru_cache
from math import nan
from operator import attrgetter
from struct import pack as packed
from typing import Any, cast

import cbor2
import numpy as np

from controller.alarms.lifecycle import AlarmEvent, AlarmState
from controller.alarms.state import Alarm, AlarmChange
from controller.cases.plain import act as case_act
from controller.cycle import (
    Accept,
    AlarmAct,
    Attention,
    CarryAlarms,
    Cycle,
    Decision,
    Delivered,
    Directive,
    DirectLine,
    HandleAlarm,
    LoopAct,
    Mode,
    Order,
    SetLimits,
    SetMode,
    SetTarget,
)
from controller.plan import Binding, Limit, Plan, Problem, Status
from plant_io import Snapshot, TagIndex
from plant_io.signals import Codes, Floats

_FLOATS = ("values", "sd", "source", "arrival")
_CODES = ("quality", "reason")
_NEWS = ("restarted", "notes", "torn")
_TRACED = {"handshake", "soft", "armed", "modes"}
_REST = tuple(field.name for field in fields(Decision) if field.name not in _TRACED)
_ALL = (*_NEWS, *_REST)
_news, _concluded = attrgetter(*_NEWS), attrgetter(*_REST)
_POSED = tuple(field.name for field in fields(Problem) if field.name not in {"loop", "number", "at"})
_LIST, _MAP = 4 << 5, 5 << 5
_BARE = frozenset({str, float, int, bool, bytes, type(None)})
Fields = Mapping[str, Any]


def pack(value: object) -> bytes:
    """Return `value`, made of dataclasses, arrays, mappings and plain values, as canonical CBOR.

    Examples
    --------
    >>> pack({"b": 1.5, "a": (1, 2)}) == pack({"a": [1, 2], "b": 1.5})
    True
    """
    # The library turns plain values into bytes; of arrays and nested maps it takes four times as long as this.
    kind = type(value)
    if kind in _BARE:
        return cbor2.dumps(value, canonical=True)
    if kind is dict:
        return _mapped(cast("Mapping[str, object]", value))
    if kind is tuple or kind is list:
        return _listed(cast("Sequence[object]", value))
    keys = _keys(cast("Hashable", kind))
    if keys is not None:
        return _head(_MAP, len(keys)) + b"".join([key + pack(getattr(value, name)) for key, name in keys])
    return _mapped(_snapshot(value)) if isinstance(value, Snapshot) else _seldom(value)


def unpack(data: bytes) -> Any:  # noqa: ANN401  # CBOR is as dynamic as JSON
    """Return what `pack` wrote, as plain values: mappings, lists, numbers, text and bytes."""
    return cbor2.loads(data)


def trace(cycle: Cycle) -> bytes:
    """Return what the digest of a run is taken over for one cycle: all that was read and all that was concluded.

    The start and the arrays of the snapshot and the numbers of handshake and virtual tags stand as they are,
    little-endian; their names, what is armed and how far the loops are follow as lines of text, and all the rest, where
    there is any, as canonical CBOR.
    """
    seen, decision = cycle.snapshot, cycle.decision
    every = (*_news(seen), *_concluded(decision))
    # In most cycles there is nothing of it.
    rest = {name: found for name, found in zip(_ALL, every, strict=True) if found} if any(every) else {}
    said = [(setpoint.tag, setpoint.value) for setpoint in decision.handshake]
    modes = [(loop, mode.value, phase.value) for loop, (mode, phase) in decision.modes.items()]
    read = packed("<d", seen.at) + seen.data()
    tags = tuple([tag for tag, _ in said])
    words = _words(tags, tuple(decision.soft), decision.armed, tuple(modes))
    return read + _numbers(said, decision.soft) + words + _more(rest)


def retrace(data: Fields) -> bytes:
    """Return the same for a cycle in plain form."""
    seen, decision = data["snapshot"], data["decision"]
    rest = {name: found for name in _NEWS if (found := seen.get(name))}
    rest |= {name: found for name in _REST if (found := decision.get(name))}
    said, soft = [(setpoint["tag"], setpoint["value"]) for setpoint in decision["handshake"]], decision["soft"]
    modes = [(loop, mode, phase) for loop, (mode, phase) in decision["modes"].items()]
    read = packed("<d", seen["at"]) + b"".join(seen[name] for name in (*_FLOATS, *_CODES))
    words = _words(tuple([tag for tag, _ in said]), tuple(soft), frozenset(decision["armed"]), tuple(modes))
    return read + _numbers(said, soft) + words + _more(rest)


def _numbers(said: Sequence[tuple[str, float]], soft: Mapping[str, Sequence[float]]) -> bytes:
    numbers = [value for _, value in said]
    for name in _sorted(tuple(soft)):
        numbers += soft[name]
    same = [value if value == value else nan for value in numbers]  # noqa: PLR0124  # one bit pattern for no number
    return packed(f"<{len(same)}d", *same)


@lru_cache(maxsize=64)  # they are nearly always those of the cycle before
def _sorted(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(names))


@lru_cache(maxsize=64)  # so are these
def _words(
    said: tuple[str, ...], soft: tuple[str, ...], armed: frozenset[str], modes: tuple[tuple[str, str, str], ...]
) -> bytes:
    parts = (said, sorted(soft), sorted(armed), sorted(map(" ".join, modes)))
    return "\f".join(map("\n".join, parts)).encode()


def _more(rest: Mapping[str, object]) -> bytes:
    return pack(rest) if rest else b""


@lru_cache(maxsize=256)
def _head(kind: int, count: int) -> bytes:
    """Return the head of a list or a map of so many: a whole number with the kind in its first bits (section 3)."""
    whole = cbor2.dumps(count)
    return bytes([whole[0] | kind]) + whole[1:]


def _listed(values: Sequence[object]) -> bytes:
    if _BARE.issuperset(map(type, values)):
        return cbor2.dumps(list(values), canonical=True)
    return _head(_LIST, len(values)) + b"".join([pack(value) for value in values])


def _mapped(values: Mapping[str, object]) -> bytes:
    """Return a map with its keys in canonical order, the shorter first (section 4.2.3)."""
    keys = [(pack(name), value) for name, value in values.items()]
    parts = sorted([(len(key), key, pack(value)) for key, value in keys])
    return _head(_MAP, len(parts)) + b"".join([key + value for _, key, value in parts])


_ARRAY = _head(_MAP, 2) + cbor2.dumps("f8")


@lru_cache(maxsize=256)
def _shape(shape: tuple[int, ...]) -> bytes:
    return cbor2.dumps("shape") + _listed(shape)


@cache
def _keys(kind: type) -> tuple[tuple[bytes, str], ...] | None:
    """Return the fields of a dataclass as keys, in canonical order; None for other types, snapshots included."""
    if not is_dataclass(kind) or kind is Snapshot:
        return None
    named = [(cbor2.dumps(field.name), field.name) for field in fields(kind)]
    return tuple(sorted(named, key=lambda pair: (len(pair[0]), pair[0])))


def _seldom(value: object) -> bytes:
    if isinstance(value, np.ndarray):
        array = cast("Floats", value)
        return _ARRAY + cbor2.dumps(array.astype("<f8").tobytes()) + _shape(array.shape)
    if isinstance(value, Enum):
        return pack(value.value)
    if isinstance(value, Mapping):
        return _mapped(cast("Mapping[str, object]", value))
    if isinstance(value, (set, frozenset)):
        return _listed(sorted(cast("frozenset[str]", value)))
    if isinstance(value, (list, tuple)):
        return _listed(cast("Sequence[object]", value))
    return cbor2.dumps(value, canonical=True)


def _snapshot(snapshot: Snapshot) -> dict[str, object]:
    floats: dict[str, object] = {n: cast("Floats", getattr(snapshot, n)).astype("<f8").tobytes() for n in _FLOATS}
    codes: dict[str, object] = {n: cast("Codes", getattr(snapshot, n)).tobytes() for n in _CODES}
    # What is seldom there takes no room where it is not.
    news: dict[str, object] = {
        "restarted": sorted(snapshot.restarted),
        "notes": list(snapshot.notes),
        "torn": {name: list(counters) for name, counters in snapshot.torn.items()},
    }
    return {"at": snapshot.at} | floats | codes | {name: said for name, said in news.items() if said}


def snapshot(data: Fields, index: TagIndex) -> Snapshot:
    """Return a snapshot from its plain form.

    Raises
    ------
    ValueError
        If the arrays do not have the lengths of `index`.
    """
    values, sd, source, arrival = (np.frombuffer(data[name], "<f8").astype(np.float64) for name in _FLOATS)
    quality, reason = (np.frombuffer(data[name], np.uint8) for name in _CODES)
    if len(values) != index.width or len(quality) != len(index):
        raise ValueError(f"found a record of {len(quality)} tags, expected the {len(index)} of the policy")
    return Snapshot(
        at=data["at"],
        index=index,
        values=values,
        sd=sd,
        quality=quality,
        reason=reason,
        source=source,
        arrival=arrival,
        restarted=frozenset(data.get("restarted", ())),
        notes=tuple(data.get("notes", ())),
        torn={name: (first, last) for name, (first, last) in data.get("torn", {}).items()},
    )


def order(data: Fields) -> Order:
    """Return an order from its plain form."""
    act = data["act"]
    return Order(data["who"], data["why"], case_act(act) if "case" in act else _act(act))


def _act(data: Fields) -> LoopAct | AlarmAct | DirectLine:
    if "mode" in data:
        return SetMode(data["loop"], Mode(data["mode"]))
    if "limits" in data:
        limits = data["limits"]
        return SetLimits(data["loop"], data["name"], None if limits is None else (limits[0], limits[1]))
    if "target" in data:
        return SetTarget(data["loop"], data["name"], data["target"])
    return Accept(data["loop"], data["proposed_at"]) if "proposed_at" in data else _aside(data)


def _aside(data: Fields) -> AlarmAct | DirectLine:
    """Return what was asked of no loop."""
    if "directive" in data:
        return DirectLine(Directive(data["directive"]))
    if "attention" in data:
        return HandleAlarm(data["alarm"], Attention(data["attention"]), data["for_s"], data["raised"])
    if "delivered" in data:
        return Delivered(**data)
    return CarryAlarms(tuple(alarm(one) for one in data["alarms"]))


def alarm(data: Fields) -> Alarm:
    """Return an alarm from its plain form."""
    found: dict[str, Any] = {**data, "state": AlarmState(data["state"]), "routing": tuple(data["routing"])}
    return Alarm(**found)


def alarm_change(data: Fields) -> AlarmChange:
    """Return a step of an alarm from its plain form."""
    event = None if data["event"] is None else AlarmEvent(data["event"])
    return AlarmChange(data["at"], event, AlarmState(data["before"]), alarm(data["alarm"]))


def plan(data: Fields) -> Plan:
    """Return a plan from its plain form."""
    return Plan(
        loop=data["loop"],
        number=data["number"],
        at=data["at"],
        status=Status(data["status"]),
        moves=_array(data["moves"]),
        outputs=_array(data["outputs"]),
        why=data["why"],
        active=tuple(
            Binding(one["name"], Limit(one["limit"]), one["first"], one["last"], one["price"])
            for one in data.get("active", ())
        ),
    )


def problem(data: Fields) -> Problem:
    """Return a control problem from its plain form."""
    there = {name: _array(data[name]) for name in _POSED if name in data}
    return Problem(data["loop"], data["number"], data["at"], **there)


def _array(data: Fields) -> Floats:
    return np.frombuffer(data["f8"], "<f8").astype(np.float64).reshape(data["shape"])
