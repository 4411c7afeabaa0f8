"""The supervisory block of one PLC: it takes setpoints only from a controller that is armed, permitted and alive.

Everything here is pure: a scan takes the block as it was and what stands in the registers, and gives the block as it
is afterwards. The PLC trusts nobody: it clamps, limits the rate and refuses nonsense again, whatever the controller
has done before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from math import inf, isfinite
from types import MappingProxyType
from typing import TypeGuard

_WRAP = 2**32


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


@dataclass(frozen=True, slots=True)
class Asked:
    """What a scan finds in the registers that others write; any of it may be nonsense."""

    beat: object = 0
    """Heartbeat counter of the controller."""
    arm: object = 0
    """1 asks for remote setpoints; anything else hands them back."""
    setpoints: Mapping[str, object] = field(default_factory=dict[str, object])
    """Setpoints written since the last scan, by tag, in the unit of the tag."""


@dataclass(frozen=True, slots=True)
class Block:
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


def boot(rules: Rules, kept: Block | None = None) -> Block:
    """Return the block of a PLC that has just been started.

    Parameters
    ----------
    rules
        What its program fixes.
    kept
        The block before a warm start, whose setpoints are retained; None for a cold start.
    """
    start = MappingProxyType({tag: limit.start for tag, limit in rules.limits.items()})
    return Block(
        word=Word.STARTING,
        scan=0,
        echo=0,
        silence_s=inf,
        owed=0,
        rearmed=False,
        accepted=kept.accepted if kept else start,
        in_force=kept.in_force if kept else start,
    )


def scan(block: Block, asked: Asked, rules: Rules, *, permitted: bool, dt: float) -> Block:
    """Return the block after one more scan.

    A setpoint counts only if the PLC was remote when it was written and still is. In every other state the accepted
    setpoints stay, and a ramp under way to them is finished, so that the read-back tells the truth.

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
    heard = _hear(block, asked.beat, rules, dt)
    now = _follow(heard, asked.arm, rules, permitted=permitted)
    remote = block.word is Word.REMOTE and now.word is Word.REMOTE
    accepted = _accept(block.accepted, asked.setpoints, rules) if remote else block.accepted
    in_force = {tag: _ramp(block.in_force[tag], accepted[tag], rules.limits[tag].rate * dt) for tag in accepted}
    return replace(now, accepted=accepted, in_force=MappingProxyType(in_force))


def _hear(block: Block, beat: object, rules: Rules, dt: float) -> Block:
    count = (block.scan + 1) % _WRAP
    if _is_number(beat) and beat != block.echo:
        return replace(block, scan=count, echo=int(beat), silence_s=0.0, owed=max(0, block.owed - 1))
    silence_s = block.silence_s + dt
    owed = rules.beats if block.owed and silence_s >= rules.watchdog_s else block.owed
    return replace(block, scan=count, silence_s=silence_s, owed=owed)


def _follow(block: Block, arm: object, rules: Rules, *, permitted: bool) -> Block:
    armed = _is_number(arm) and arm == 1
    alive = block.silence_s < rules.watchdog_s
    if block.word is Word.STARTING and block.scan <= rules.starting:
        return block
    if block.word is Word.REMOTE and not alive:
        return replace(block, word=Word.FALLBACK, rearmed=False, owed=rules.beats)
    if not armed:
        return replace(block, word=Word.LOCAL, rearmed=True)
    if block.word is Word.REMOTE:
        return block if permitted else replace(block, word=Word.LOCAL, rearmed=False)
    if block.rearmed and permitted and alive and not block.owed:
        return replace(block, word=Word.REMOTE)
    return block if block.word is Word.FALLBACK else replace(block, word=Word.LOCAL)


def _accept(before: Mapping[str, float], written: Mapping[str, object], rules: Rules) -> Mapping[str, float]:
    taken = {
        tag: min(max(float(value), rules.limits[tag].low), rules.limits[tag].high)
        for tag, value in written.items()
        if tag in rules.limits and _is_number(value)
    }
    return MappingProxyType({**before, **taken}) if taken else before


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _ramp(value: float, wanted: float, reach: float) -> float:
    return min(max(wanted, value - reach), value + reach)
