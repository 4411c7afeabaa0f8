"""What is wrong between a policy and a plant, in sentences with remedies, found from one survey."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from types import MappingProxyType

from plant_io.doubt import credible, meant_factor, meant_orders
from plant_io.latch import tags_of
from plant_io.ne43 import FAILED_HIGH_MA, FAILED_LOW_MA, current
from plant_io.quality import Quality, Reason
from plant_io.racing import FASTEST_HZ
from plant_io.scan import Coherence
from plant_io.signals import Sample, Snapshot
from plant_io.survey import Look, Survey
from plant_io.troubles import TROUBLES, recognised
from policies import Access, OpcUa, Policy, Tag

_SKEW_S = 2.0
_ANSWER_SHARE = 0.5
_REMOTE = 1
_STATES: Mapping[int, str] = MappingProxyType({0: "local", 2: "fallback after a lost heartbeat", 3: "starting"})
_JUDGED_HERE = frozenset({Reason.OUT_OF_RANGE, Reason.NOT_FINITE, Reason.STALE, Reason.FUTURE})
_OF_THE_DEVICE = frozenset(
    {
        Reason.LINK_DOWN,
        Reason.DEVICE_FAILURE,
        Reason.SENSOR_FAILURE,
        Reason.OUT_OF_SERVICE,
        Reason.BAD_STATUS,
        Reason.BUSY,
        Reason.LAST_USABLE,
        Reason.SUBNORMAL,
        Reason.LIMIT_LOW,
        Reason.LIMIT_HIGH,
        Reason.CONSTANT,
        Reason.NOT_ACCURATE,
        Reason.OVERRIDDEN,
        Reason.SUBSTITUTED,
        Reason.MISCONFIGURED,
        Reason.UNIT_CHANGED,
        Reason.UNCERTAIN_STATUS,
    }
)
_OF_HEALTH = frozenset(
    {
        Reason.DEVICE_FAILURE,
        Reason.CHECK_FUNCTION,
        Reason.OFF_SPEC,
        Reason.MAINTENANCE_REQUIRED,
        Reason.HEALTH_UNKNOWN,
    }
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong."""

    trouble: str
    """Its name in `TROUBLES`."""
    connection: str
    """Connection it belongs to."""
    sentence: str
    """What was found."""
    tag: str | None = None
    """Tag it belongs to; None for the connection as a whole."""

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return TROUBLES[self.trouble].remedy


def diagnosed(survey: Survey) -> tuple[Finding, ...]:
    """Return everything that is wrong, connection by connection."""
    return tuple(finding for look in survey.looks for finding in _of(look, survey))


def _of(look: Look, survey: Survey) -> Iterator[Finding]:
    if look.trouble:
        yield _link(look)
    yield from _noted(look, survey.policy)
    if not look.answers or look.trouble:
        return
    yield from _slow(look, survey.policy)
    yield from _standing(look, survey.policy)
    yield from _handshake(look, survey)
    racing = tuple(_racing(look, survey))
    yield from racing
    yield from _values(look, survey, own=not racing)


def _link(look: Look) -> Finding:
    """Say why a connection gives nothing."""
    name = recognised(look.trouble) or look.knock or "other"
    said = f"{look.address}: {look.trouble}" if look.address not in look.trouble else look.trouble
    if look.opened_s is not None:
        said += "; the connection was established before"
    return Finding(name, look.connection, said)


def _noted(look: Look, policy: Policy) -> Iterator[Finding]:
    """Say what the driver found at connect; a missing node with what is nearest to it."""
    tags = tags_of(look.connection, policy)
    for note in look.identity.notes:
        name, _, said = note.partition(": ")
        tag = tags.get(name)
        trouble = recognised(note) or "other"
        if tag is None:
            yield Finding(trouble, look.connection, note)
            continue
        near = get_close_matches(tag.address, look.offered, n=1, cutoff=0.5) if trouble == "node_missing" else []
        yield Finding(trouble, look.connection, said + (f"; the nearest it has is {near[0]}" if near else ""), name)


def _slow(look: Look, policy: Policy) -> Iterator[Finding]:
    waited_s = min(policy.connections[look.connection].timeout_s, _ANSWER_SHARE * policy.period_s)
    if look.read_s is not None and look.read_s > waited_s:
        said = f"one reading took {1000 * look.read_s:.0f} ms, and a cycle waits {1000 * waited_s:.0f} ms for it"
        yield Finding("slow", look.connection, said)


def _standing(look: Look, policy: Policy) -> Iterator[Finding]:
    """Say how an OPC UA server's clock and rights differ from what the policy needs."""
    standing, server = look.standing, policy.connections[look.connection]
    if standing is None or not isinstance(server, OpcUa):
        return
    if standing.ahead_s is not None and abs(standing.ahead_s) > _SKEW_S:
        way = "ahead of" if standing.ahead_s > 0 else "behind"
        yield Finding("clock", look.connection, f"the server's clock is {abs(standing.ahead_s):.1f} s {way} ours")
    for name, tag in tags_of(look.connection, policy).items():
        if tag.access is Access.WRITE and standing.writable.get(tag.address) is False:
            yield Finding("read_only", look.connection, f"the server lets {tag.address} only be read", name)


def _handshake(look: Look, survey: Survey) -> Iterator[Finding]:
    words = survey.policy.connections[look.connection].handshake
    if words is None or len(look.answers) < len(survey.snapshots):
        return
    if words.scan_tag is None or words.state_tag is None:
        return
    first, second = (snapshot[words.scan] for snapshot in survey.snapshots)
    if Quality.BAD not in {first.quality, second.quality} and first.value == second.value:
        apart_s = second.arrival - first.arrival
        said = f"it reads {second.value:g}, and did so {apart_s:.1f} s before"
        yield Finding("frozen", look.connection, said, words.scan)
    state = survey.snapshots[-1][words.state]
    if state.quality is Quality.GOOD and state.value != _REMOTE:
        said = f"it reads {state.value:g}, {_STATES.get(round(state.value), 'which has no meaning')}"
        yield Finding("not_remote", look.connection, said, words.state)


def _racing(look: Look, survey: Survey) -> Iterator[Finding]:
    """Say that a scan counter cannot be true; then none of the connection's tags is believed, for that reason alone."""
    coherence = Coherence.of(look.connection, survey.policy)
    if coherence is None or len(look.answers) < len(survey.snapshots):
        return
    first, second = (snapshot[coherence.counter] for snapshot in survey.snapshots)
    apart_s = second.arrival - first.arrival
    if second.value - first.value > FASTEST_HZ * apart_s:
        said = f"it goes from {first.value:.0f} to {second.value:.0f} in {apart_s:.1f} s, and no PLC scans so fast; "
        yield Finding(
            "word_order", look.connection, said + "until that is put right, no tag is good", coherence.counter
        )


def _values(look: Look, survey: Survey, *, own: bool) -> Iterator[Finding]:
    """Say what is wrong with each tag; `own` is whether a wrong type is the tag's own and not that of all of them."""
    tags = tags_of(look.connection, survey.policy)
    meant = meant_orders(look.orders, tags)
    for name, tag in tags.items():
        sample, noted = survey.snapshots[-1][name], any(note.startswith(f"{name}: ") for note in look.identity.notes)
        order = meant.get(name)
        if order is not None and not credible(sample.value, tag):
            would = look.orders[name][order]
            said = f"it reads {_shown(sample, tag)}; with byte_order: {order} it would read {would:.6g} {tag.unit}"
            yield Finding("word_order", look.connection, said, name)
        elif (not noted or sample.reason in _JUDGED_HERE) and (own or sample.reason is not Reason.WRONG_TYPE):
            told = _current(tag, sample) or _health(tag, survey.snapshots[-1], sample)
            yield from [Finding(told[0], look.connection, told[1], name)] if told else _value(name, tag, sample, look)


def _current(tag: Tag, sample: Sample) -> tuple[str, str] | None:
    """Say what the current of a channel tells of its transmitter."""
    if tag.ne43 is None or tag.scale == 0.0:
        return None
    shown = current(tag.ne43, (sample.value - tag.offset) / tag.scale)
    if FAILED_LOW_MA < shown < FAILED_HIGH_MA:
        limited = sample.reason in {Reason.LIMIT_LOW, Reason.LIMIT_HIGH}
        return ("transmitter", f"its current of {shown:.2f} mA tells that it is at its limit") if limited else None
    failed = sample.reason is Reason.SENSOR_FAILURE and isfinite(shown)
    return ("transmitter", f"its current of {shown:.2f} mA tells that it has failed") if failed else None


def _health(tag: Tag, seen: Snapshot, sample: Sample) -> tuple[str, str] | None:
    """Say what another tag tells of the device."""
    if tag.ne107 is None or sample.reason not in _OF_HEALTH:
        return None
    return "health", f"{tag.ne107.tag} shows {seen[tag.ne107.tag].value:g}: {spoken(sample.reason)}"


def _value(name: str, tag: Tag, sample: Sample, look: Look) -> Iterator[Finding]:
    shown, (low, high) = _shown(sample, tag), tag.range
    match sample.reason:
        case Reason.OUT_OF_RANGE if low <= sample.value <= high:
            yield Finding("reported", look.connection, "the device says: out of range", name)
        case Reason.OUT_OF_RANGE:
            factor = meant_factor(sample.value, tag)
            said = f"it reads {shown}, outside {low:g} to {high:g} {tag.unit}"
            if factor is not None and tag.offset == 0.0:
                scaled = f"with scale: {tag.scale / factor:g} it would read {sample.value / factor:g} {tag.unit}"
                yield Finding("scale", look.connection, f"{said}; {scaled}", name)
            else:
                yield Finding("out_of_range", look.connection, said, name)
        case Reason.NOT_FINITE:
            yield Finding("not_finite", look.connection, "it reads something that is no finite number", name)
        case Reason.STALE:
            old_s = sample.arrival - sample.source
            told = f"{old_s:.0f} s old" if old_s == old_s else "without a time"  # noqa: PLR0124  # not a number
            said = f"its source time is {told}, and it is stale after {tag.stale_after_s:g} s"
            yield Finding("stale", look.connection, said, name)
        case Reason.FUTURE:
            ahead_s = sample.source - sample.arrival
            yield Finding("clock", look.connection, f"its source time is {ahead_s:.0f} s in the future", name)
        case Reason.REFUSED:
            yield Finding("not_readable", look.connection, "the device refuses to give it", name)
        case Reason.WRONG_TYPE:
            yield Finding("wrong_type", look.connection, "the device gives it in another type or length", name)
        case reason if reason in _OF_THE_DEVICE:
            said = f"the device says: {spoken(sample.reason)}"
            yield Finding("reported", look.connection, said, name)
        case _:
            return


def _shown(sample: Sample, tag: Tag) -> str:
    return f"{sample.value:.6g} {tag.unit}"


def spoken(reason: Reason) -> str:
    """Return a reason as people say it.

    Examples
    --------
    >>> spoken(Reason.OUT_OF_RANGE)
    'out of range'
    """
    return re.sub("_", " ", reason.name.lower())
