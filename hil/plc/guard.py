"""The supervisory block of one PLC: it takes setpoints only from a controller that is armed, permitted and alive.

Everything here is pure: a scan takes the block as it was and what stands in the registers, and gives the block as it
is afterwards. The PLC trusts nobody: it clamps, limits the rate and refuses nonsense again, whatever the controller
has done before. ``docs/plc.md`` says the same in words and ``docs/plc/guard.st`` in Structured Text; a test holds
the two programs together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from math import inf, isfinite
from types import MappingProxyType
from typing import NamedTuple, TypeGuard

_WRAP = 2**32
_STATIONS = 2**16
_LEVELS = 2**16
_NUMBER = (int, float)
_NOTHING: Mapping[str, object] = MappingProxyType({})


class Word(IntEnum):
    """What a PLC says of itself."""

    LOCAL = 0
    """Keeps its own setpoints."""
    REMOTE = 1
    """Takes setpoints from the controller."""
    FALLBACK = 2
    """Keeps the last setpoints after the heartbeat was lost, until the controller hands them back."""
    STARTING = 3
    """Has just been started."""


# Members are found slowly.
_LOCAL, _REMOTE, _FALLBACK, _STARTING = Word.LOCAL, Word.REMOTE, Word.FALLBACK, Word.STARTING


@dataclass(frozen=True, slots=True)
class Limits:
    """What one remote setpoint may be."""

    low: float
    """Lowest value ever in force, in the unit of the tag."""
    high: float
    """Highest value ever in force, in the unit of the tag."""
    rate: float
    """Fastest change of the value in force, unit of the tag per second."""
    start: float
    """Value in force after a cold start, in the unit of the tag."""
    fallback: float | None = None
    """Value the PLC goes to by itself when the heartbeat is lost, in the unit of the tag; None keeps the last."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the program of one PLC fixes."""

    limits: Mapping[str, Limits] = field(default_factory=dict[str, Limits])
    """Limits of each remote setpoint, by tag."""
    watchdog_s: float = 5.0
    """Silence of the heartbeat after which the controller counts as dead [s]."""
    beats: int = 3
    """Good beats wanted after a silence before setpoints are taken again [1]."""
    starting: int = 3
    """Scans after a start in which nothing is taken [1]."""
    leased: bool = False
    """Whether remote setpoints are granted to one claim at a time, and taken only under it."""


class Asked(NamedTuple):
    """What a scan finds in the registers that others write; any of it may be nonsense."""

    beat: object = 0
    """Heartbeat counter of the controller."""
    arm: object = 0
    """1 asks for remote setpoints; anything else hands them back."""
    setpoints: Mapping[str, object] = _NOTHING
    """Setpoints written since the last scan, by tag, in the unit of the tag."""
    claim: object = 0
    """Claim written since the last scan, 0 for none; it vouches for what was written with it, and for nothing else."""
    local: Mapping[str, object] = _NOTHING
    """Setpoints people at the plant have set since the last scan, by tag, in the unit of the tag."""


class Block(NamedTuple):
    """The supervisory block after one scan."""

    word: Word
    """What the PLC says of itself."""
    scan: int
    """Scans since the start [1]."""
    echo: int
    """Heartbeat as last seen [1]."""
    silence_s: float
    """Plant time since the heartbeat last changed [s]."""
    owed: int
    """Good beats still wanted before setpoints are taken [1]."""
    rearmed: bool
    """Whether the arm word has been 0 since the start, or since remote setpoints were last lost."""
    accepted: Mapping[str, float]
    """Setpoints accepted, clamped, by tag, in the unit of the tag."""
    in_force: Mapping[str, float]
    """Setpoints the plant gets: on their way to `accepted` at the limited rate, in the unit of the tag."""
    epoch: int = 0
    """Claim granted last, 0 for none yet [1]; it holds only while `word` is REMOTE."""
    bidder: int = 0
    """Claim that is being heard, to be granted next, 0 for none [1]."""


def boot(rules: Rules, kept: Block | None = None) -> Block:
    """Return the block of a PLC that has just been started.

    Parameters
    ----------
    rules
        What its program fixes.
    kept
        The block before a warm start, whose setpoints and epoch are retained; None for a cold start.
    """
    start = MappingProxyType({tag: limit.start for tag, limit in rules.limits.items()})
    return Block(
        word=_STARTING,
        scan=0,
        echo=0,
        silence_s=inf,
        owed=0,
        rearmed=False,
        accepted=kept.accepted if kept else start,
        in_force=kept.in_force if kept else start,
        epoch=kept.epoch if kept else 0,
    )


def scan(block: Block, asked: Asked, rules: Rules, *, permitted: bool, dt: float) -> Block:
    """Return the block after one more scan.

    A setpoint counts only if the PLC was remote when it was written and still is, and, under a lease, only if it was
    written together with the claim that was granted. In every other state the accepted setpoints stay, unless people
    at the plant change them, and a ramp under way to them is finished, so that the read-back tells the truth.

    Parameters
    ----------
    block
        The block after the last scan.
    asked
        What stands in the registers.
    rules
        What the program fixes.
    permitted
        Whether the people at the plant permit remote setpoints.
    dt
        Plant time since the last scan [s].
    """
    if rules.leased:
        claim = _claim(asked)
        bid = block if block.word is _REMOTE else _bid(block, asked, rules, claim)
        ours = claim == (bid.epoch if bid.word is _REMOTE else bid.bidder) != 0
        heard = _hear(bid, asked.beat if ours else bid.echo, rules, dt)
        now = _grant(heard, asked, rules, claim, permitted=permitted)
    else:
        ours = True
        heard = _hear(block, asked.beat, rules, dt)
        now = _follow(heard, asked.arm, rules, permitted=permitted)
    written = asked.setpoints if now.word is _REMOTE else asked.local
    counts = now.word is not _REMOTE or (ours and block.word is _REMOTE)
    accepted = _accept(block, now, written, rules) if counts else block.accepted
    if accepted is now.accepted and accepted == block.in_force:
        return now
    in_force = {tag: _ramp(block.in_force[tag], accepted[tag], rules.limits[tag].rate * dt) for tag in accepted}
    return now._replace(accepted=accepted, in_force=MappingProxyType(in_force))


def _bid(block: Block, asked: Asked, rules: Rules, claim: int) -> Block:
    """Begin to listen to a claim that is newer than the last granted, while nobody else is listened to."""
    if block.word is _STARTING or block.bidder or not _armed(asked.arm):
        return block
    return block._replace(bidder=claim, owed=rules.beats) if _newer(claim, block.epoch) else block


def _hear(block: Block, beat: object, rules: Rules, dt: float) -> Block:
    # Every field by its place, for `_replace` takes four times as long and this is done in every scan.
    word, count, echo, silence_s, owed, rearmed, accepted, in_force, epoch, bidder = block
    count = (count + 1) % _WRAP
    if beat != echo and _is_count(beat):
        echo, silence_s, owed = int(beat), 0.0, max(0, owed - 1)
    else:
        silence_s += dt
        owed = rules.beats if owed and silence_s >= rules.watchdog_s else owed
    return Block(word, count, echo, silence_s, owed, rearmed, accepted, in_force, epoch, bidder)


def _grant(block: Block, asked: Asked, rules: Rules, claim: int, *, permitted: bool) -> Block:
    """Return who holds the lease; it is granted to one bidder, and closed for good when it is lost or handed back."""
    alive = block.silence_s < rules.watchdog_s
    if block.word is _STARTING and block.scan <= rules.starting:
        return block
    mine = claim != 0 and claim == (block.bidder or block.epoch)
    handed = mine and not _armed(asked.arm)
    if block.word is _REMOTE:
        if not alive:
            return block._replace(word=_FALLBACK)
        return block._replace(word=_LOCAL) if handed or not permitted else block
    if handed:
        return block._replace(word=_LOCAL, bidder=0)
    if block.bidder and alive and permitted and not block.owed:
        return block._replace(word=_REMOTE, epoch=block.bidder, bidder=0)
    word = _FALLBACK if block.word is _FALLBACK else _LOCAL
    return block._replace(word=word, bidder=block.bidder if alive else 0)


def _follow(block: Block, arm: object, rules: Rules, *, permitted: bool) -> Block:
    alive = block.silence_s < rules.watchdog_s
    if block.word is _STARTING and block.scan <= rules.starting:
        return block
    if block.word is _REMOTE and not alive:
        return block._replace(word=_FALLBACK, rearmed=False, owed=rules.beats)
    if not _armed(arm):
        return block._replace(word=_LOCAL, rearmed=True)
    if block.word is _REMOTE:
        return block if permitted else block._replace(word=_LOCAL, rearmed=False)
    if block.rearmed and permitted and alive and not block.owed:
        return block._replace(word=_REMOTE)
    return block if block.word is _FALLBACK else block._replace(word=_LOCAL)


def _accept(before: Block, now: Block, written: Mapping[str, object], rules: Rules) -> Mapping[str, float]:
    fallen, limits, accepted = before.word is _REMOTE and now.word is _FALLBACK, rules.limits, before.accepted
    asked: Mapping[str, object] = written
    if fallen:
        own = {tag: limit.fallback for tag, limit in limits.items() if limit.fallback is not None}
        asked = {**own, **{tag: value for tag, value in written.items() if _is_number(value)}}
    if not asked:
        return accepted
    news: dict[str, float] = {}
    for tag, value in asked.items():
        limit = limits.get(tag)
        if limit is not None and _is_number(value):
            taken = min(max(float(value), limit.low), limit.high)
            if accepted[tag] != taken:
                news[tag] = taken
    return MappingProxyType({**accepted, **news}) if news else accepted


def _newer(claim: int, epoch: int) -> bool:
    """Return whether a claim is of a later level than the last one granted; levels count round (RFC 1982)."""
    ahead = (claim // _STATIONS - epoch // _STATIONS) % _LEVELS
    return claim != 0 and 0 < ahead < _LEVELS // 2


def _claim(asked: Asked) -> int:
    return int(asked.claim) if _is_count(asked.claim) else 0


def _armed(arm: object) -> bool:
    return _is_number(arm) and arm == 1


def _is_number(value: object) -> TypeGuard[float]:
    if type(value) is float:
        return isfinite(value)
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and isfinite(value)


def _is_count(value: object) -> TypeGuard[float]:
    # This is asked twice in every scan; no number and no end is whole.
    if type(value) is float:
        return 0.0 <= value < _WRAP and value.is_integer()
    if type(value) is int:
        return 0 <= value < _WRAP
    return _is_number(value) and 0 <= value < _WRAP and value == int(value)


def _ramp(value: float, wanted: float, reach: float) -> float:
    return min(max(wanted, value - reach), value + reach)
