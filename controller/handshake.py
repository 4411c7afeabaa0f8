"""What the PLCs say of themselves, and what is said to them: scan counters, states, arm words, heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.kit import Kit
from controller.lease import claim_after, newer
from controller.state import Scan, State
from plant_io import Setpoint, Snapshot
from policies import Handshake, Policy

REMOTE = 1
"""State word of a PLC that takes remote setpoints [1]."""
FROZEN_S = 5.0
"""Time for which a scan counter may stand still before its PLC counts as stopped [s]."""
KNOCK = 8
"""Beats after which a PLC that does not grant remote setpoints is shown a zero once: it may want to see a rise [1]."""
_WRAP = 2**32
_BEATS = 2**16


@dataclass(frozen=True, slots=True)
class Links:
    """What one cycle learns of the PLCs."""

    scans: Mapping[str, Scan]
    """Newest scan counter by connection."""
    restarted: frozenset[str]
    """Connections whose PLC was restarted since the last cycle it was heard."""
    heard: frozenset[str]
    """Connections whose PLC is heard now, and scans."""
    remote: frozenset[str]
    """Connections whose PLC takes remote setpoints of this controller now."""
    foreign: frozenset[str] = frozenset()
    """Connections whose PLC takes remote setpoints of another controller."""


def look(snapshot: Snapshot, state: State, policy: Policy) -> Links:
    """Return what the PLCs with a handshake say of themselves.

    A PLC was restarted if its scan counter steps back, or if the connection says so because the counter cannot: it has
    caught up meanwhile, or cannot be read yet. One whose counter stands still has stopped, whatever its server answers.
    """
    restarted = set(snapshot.restarted)
    scans = {name: scan for name, scan in state.scans.items() if name not in restarted}
    heard, remote, foreign = set[str](), set[str](), set[str]()
    for name, words in _handshakes(policy).items():
        count, word = snapshot.good(words.scan), snapshot.good(words.state)
        if count is None or word is None:
            continue
        before = scans.get(name)
        scans[name] = scan = before if before and before.count == count else Scan(count, snapshot.at)
        if before is not None and count < before.count and not (before.count > 0.9 * _WRAP and count < 0.1 * _WRAP):
            restarted.add(name)
        if snapshot.at - scan.since > FROZEN_S:
            continue
        heard.add(name)
        if word == REMOTE:
            (remote if _ours(snapshot, words, state.claims.get(name)) else foreign).add(name)
    return Links(scans, frozenset(restarted), frozenset(heard), frozenset(remote), frozenset(foreign))


@dataclass(frozen=True, slots=True)
class Words:
    """What is said to the PLCs in one cycle, and what is remembered of it."""

    writes: tuple[Setpoint, ...]
    """Claims, arm words and, last for each PLC, heartbeats."""
    armed: frozenset[str]
    """Connections whose PLC was asked for remote setpoints and has not been told otherwise."""
    beat: int
    """Newest heartbeat [1]."""
    claims: Mapping[str, float]
    """Number claimed last, by connection [1]."""


def speak(links: Links, snapshot: Snapshot, state: State, wanted: frozenset[str], kit: Kit) -> Words:
    """Return what is said to the PLCs.

    A PLC that is wanted gets a claim, its arm word and, last, a new heartbeat. One that was armed and is wanted no
    longer gets a zero until it shows that it has its setpoints back. One that is not heard, or that another controller
    holds, gets nothing.

    Parameters
    ----------
    links
        What the PLCs say of themselves.
    snapshot
        The line as latched.
    state
        What the last cycle left.
    wanted
        Connections through which a loop wants to write.
    kit
        What is declared, and which controller this is.
    """
    within = links.heard - links.foreign
    beat = (state.beat + 1) % _BEATS if wanted & within else state.beat
    armed = (state.armed | (wanted & within)) - links.restarted - links.foreign
    claims, writes = dict(state.claims), list[Setpoint]()
    for name, words in _handshakes(kit.policy).items():
        if name not in within:
            continue
        if name in wanted:
            claims |= _claim(snapshot, words, name, claims, kit.station)
            arm = 0.0 if name not in links.remote and beat % KNOCK == 0 else 1.0
            writes += _said(words, claims.get(name), arm)
            writes.append(Setpoint(words.heartbeat, float(beat)))
        elif name in armed:
            writes += _said(words, claims.get(name), 0.0)
            if snapshot.good(words.state) == 0.0:
                armed -= {name}
    return Words(tuple(writes), armed, beat, claims)


def _said(words: Handshake, claim: float | None, arm: float) -> list[Setpoint]:
    lease = [] if words.claim is None or claim is None else [Setpoint(words.claim, claim)]
    return [*lease, Setpoint(words.arm, arm)]


def _ours(snapshot: Snapshot, words: Handshake, claim: float | None) -> bool:
    return words.epoch is None or (claim is not None and snapshot.good(words.epoch) == claim)


def _claim(
    snapshot: Snapshot, words: Handshake, name: str, claims: Mapping[str, float], station: int
) -> dict[str, float]:
    """Return the claim on one PLC: the one made before, or a newer one where that can no longer be granted."""
    granted = None if words.epoch is None else snapshot.good(words.epoch)
    before = claims.get(name)
    if granted is None or (before is not None and (before == granted or newer(before, granted))):
        return {}
    return {name: claim_after(granted, station)}


def _handshakes(policy: Policy) -> dict[str, Handshake]:
    return {name: c.handshake for name, c in policy.connections.items() if c.handshake is not None}
