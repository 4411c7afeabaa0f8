"""What the PLCs say of themselves, and what is said to them: scan counters, states, arm words, heartbeats."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from controller.state import State
from plant_io import Quality, Setpoint, Snapshot
from policies import Handshake, Policy

REMOTE = 1
"""State word of a PLC that takes remote setpoints [1]."""
KNOCK = 8
"""Beats after which a PLC that does not grant remote setpoints is shown a zero once: it may want to see a rise [1]."""
_WRAP = 2**32
_BEATS = 2**16


@dataclass(frozen=True, slots=True)
class Links:
    """What one cycle learns of the PLCs."""

    scans: Mapping[str, float]
    """Newest scan counter by connection [1]."""
    restarted: frozenset[str]
    """Connections whose PLC was restarted since the last cycle it was heard."""
    heard: frozenset[str]
    """Connections whose PLC is heard now."""
    remote: frozenset[str]
    """Connections whose PLC takes remote setpoints now."""


def look(snapshot: Snapshot, state: State, policy: Policy) -> Links:
    """Return what the PLCs with a handshake say of themselves.

    A PLC was restarted if its scan counter steps back, or if the connection says so because the counter cannot: it has
    caught up meanwhile, or cannot be read yet.
    """
    restarted = set(snapshot.restarted)
    scans = {name: scan for name, scan in state.scans.items() if name not in restarted}
    heard, remote = set[str](), set[str]()
    for name, words in _handshakes(policy).items():
        scan, word = snapshot.good(words.scan), snapshot.good(words.state)
        if scan is None or word is None:
            continue
        heard.add(name)
        if word == REMOTE:
            remote.add(name)
        before = scans.get(name)
        if before is not None and scan < before and not (before > 0.9 * _WRAP and scan < 0.1 * _WRAP):
            restarted.add(name)
        scans[name] = scan
    return Links(scans, frozenset(restarted), frozenset(heard), frozenset(remote))


def speak(
    links: Links, snapshot: Snapshot, state: State, wanted: frozenset[str], policy: Policy
) -> tuple[tuple[Setpoint, ...], frozenset[str], int]:
    """Return what is written to the PLCs, which stay armed, and the newest heartbeat.

    A PLC that is wanted gets its arm word and, last, a new heartbeat. One that was armed and is wanted no longer gets a
    zero until it shows that it has its setpoints back. One that is not heard gets nothing.

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
    policy
        What is declared.
    """
    beat = (state.beat + 1) % _BEATS if wanted & links.heard else state.beat
    armed = (state.armed | (wanted & links.heard)) - links.restarted
    writes: list[Setpoint] = []
    for name, words in _handshakes(policy).items():
        if name not in links.heard:
            continue
        if name in wanted:
            arm = 0.0 if name not in links.remote and beat % KNOCK == 0 else 1.0
            writes += [Setpoint(words.arm, arm), Setpoint(words.heartbeat, float(beat))]
        elif name in armed:
            writes.append(Setpoint(words.arm, 0.0))
            if snapshot.good(words.state) == 0.0:
                armed -= {name}
    return tuple(writes), armed, beat


def silent(snapshot: Snapshot, policy: Policy) -> tuple[str, ...]:
    """Return the connections that give nothing at all in this cycle."""
    dead: list[str] = []
    for name in policy.connections:
        tags = [tag for tag, declared in policy.tags.items() if declared.connection == name]
        if tags and all(snapshot[tag].quality is Quality.BAD for tag in tags):
            dead.append(name)
    return tuple(dead)


def _handshakes(policy: Policy) -> dict[str, Handshake]:
    return {name: c.handshake for name, c in policy.connections.items() if c.handshake is not None}
