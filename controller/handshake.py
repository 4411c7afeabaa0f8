"""What the PLCs say of themselves, and what is said to them: scan counters, states, claims, arm words, heartbeats.

Under a lease everything said to a PLC in one cycle is one whole frame: every setpoint it takes, the claim, the arm word
and the heartbeat. What no loop moves is written as it was read back. Whatever reaches the PLC last then overwrites all
that came before it, so that no claim ever vouches for a setpoint of somebody else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from controller.kit import Kit
from controller.lease import claim_after, newer
from controller.state import Scan, State
from plant_io import Setpoint, Snapshot
from plant_io.values import quick
from policies import Handshake, Policy

LOCAL, REMOTE, FALLBACK = 0, 1, 2
"""State words of a PLC [1]."""
FROZEN_S = 5.0
"""Time for which a counter of a PLC may stand still before it counts as stopped, or as deaf, but for `frozen` [s]."""
KNOCK = 8
"""Beats after which a PLC that does not grant remote setpoints is shown a zero once: it may want to see a rise [1]."""
_CYCLES = 3.0
_WRAP = 2**32
_BEATS = 2**16


@quick
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
    fallen: frozenset[str] = frozenset()
    """Connections whose PLC has fallen back because it lost the heartbeat."""
    echoes: Mapping[str, Scan] = field(default_factory=dict[str, Scan])
    """Newest echo of the heartbeat by connection."""
    deaf: frozenset[str] = frozenset()
    """Connections whose PLC takes remote setpoints and shows beats no more."""


def look(snapshot: Snapshot, state: State, kit: Kit) -> Links:
    """Return what the PLCs with a handshake say of themselves.

    A PLC was restarted if its scan counter steps back, or if the connection says so because the counter cannot: it has
    caught up meanwhile, or cannot be read yet. One whose counter stands still has stopped, whatever its server answers.
    """
    policy, known = kit.policy, kit.handshakes
    restarted, longest = set(snapshot.restarted), frozen(policy)
    scans = {name: scan for name, scan in state.scans.items() if name not in restarted}
    heard, remote, foreign, fallen, deaf = set[str](), set[str](), set[str](), set[str](), set[str]()
    echoes = dict[str, Scan]()
    for name, tags in known.items():
        count, word = _count(snapshot, tags), _word(snapshot, tags, policy)
        if count is None or word is None:
            continue
        before = scans.get(name)
        scans[name] = scan = _since(before, count, snapshot.at)
        if before is not None and count < before.count and not (before.count > 0.9 * _WRAP and count < 0.1 * _WRAP):
            restarted.add(name)
        if tags.scan_tag is not None and snapshot.at - scan.since > longest:
            continue
        heard.add(name)
        if word == FALLBACK:
            fallen.add(name)
        elif word == REMOTE and not _ours(snapshot, tags, state.claims.get(name)):
            foreign.add(name)
        elif word == REMOTE:
            remote.add(name)
            if name in state.armed:
                echoes[name] = echo = _echo(snapshot, policy.tags[tags.heartbeat].read_back, state.echoes.get(name))
                if snapshot.at - echo.since > longest:
                    deaf.add(name)
    return Links(
        scans=scans,
        restarted=frozenset(restarted),
        heard=frozenset(heard),
        remote=frozenset(remote),
        foreign=frozenset(foreign),
        fallen=frozenset(fallen),
        echoes=echoes,
        deaf=frozenset(deaf),
    )


def frozen(policy: Policy) -> float:
    """Return for how long a counter of a PLC may stand still [s]; three cycles, where they are long."""
    return max(FROZEN_S, _CYCLES * policy.period_s)


def _count(snapshot: Snapshot, words: Handshake) -> float | None:
    """Return the scan counter of a PLC, 0 where it has none; None where it cannot be read."""
    return 0.0 if words.scan_tag is None else snapshot.good(words.scan_tag)


def _word(snapshot: Snapshot, words: Handshake, policy: Policy) -> float | None:
    """Return the state word of a PLC, or what stands for it where it has none; None where it cannot be read."""
    if words.state_tag is not None:
        return snapshot.good(words.state_tag)
    if words.fallback is not None:
        fallen = snapshot.good(words.fallback)
        return None if fallen is None else float(FALLBACK if fallen else REMOTE)
    echo = policy.tags[words.heartbeat].read_back or words.heartbeat
    return None if snapshot.good(echo) is None else float(REMOTE)


def _since(before: Scan | None, count: float, at: float) -> Scan:
    return before if before is not None and before.count == count else Scan(count, at)


def _echo(snapshot: Snapshot, tag: str | None, before: Scan | None) -> Scan:
    """Return the echo of the heartbeat; one that cannot be read says nothing, and is no reason to doubt."""
    shown = None if tag is None else snapshot.good(tag)
    if shown is None:
        return Scan(before.count if before is not None else 0.0, snapshot.at)
    return _since(before, shown, snapshot.at)


@quick
@dataclass(frozen=True, slots=True)
class Wanted:
    """What the loops want of the PLCs in one cycle."""

    connections: frozenset[str] = frozenset()
    """Connections through which a loop wants to write."""
    setpoints: Sequence[Setpoint] = ()
    """Setpoints that are written in this cycle."""


@quick
@dataclass(frozen=True, slots=True)
class Words:
    """What is said to the PLCs in one cycle, and what is remembered of it."""

    writes: tuple[Setpoint, ...]
    """Setpoints that stand, claims, arm words and, last for each PLC, heartbeats."""
    armed: frozenset[str]
    """Connections whose PLC was asked for remote setpoints and has not been told otherwise."""
    beat: int
    """Newest heartbeat [1]."""
    claims: Mapping[str, float]
    """Number claimed last, by connection, 0 where there is no lease [1]."""
    standing: Mapping[str, float]
    """Read-back seen last of each setpoint under a lease, by tag, in its unit."""


def speak(links: Links, snapshot: Snapshot, state: State, wanted: Wanted, kit: Kit) -> Words:
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
        What the loops want.
    kit
        What is declared, and which controller this is.
    """
    within = links.heard - links.foreign
    asked = wanted.connections & within
    beat = (state.beat + 1) % _BEATS if asked else state.beat
    armed = (state.armed | asked) - links.restarted - links.foreign
    claims, standing, writes = dict(state.claims), _standing(snapshot, state, kit), list[Setpoint]()
    asking = {setpoint.tag for setpoint in wanted.setpoints}
    for name, words in kit.handshakes.items():
        if name not in within:
            continue
        if name in asked:
            kept = name in state.armed - links.restarted
            claim = _claim(snapshot, words, claims.get(name), kit.station, kept=kept)
            others = kit.takes.get(name, {}).keys() - asking
            if claim is None or others - standing.keys():
                continue  # half a frame is none
            claims[name] = claim
            writes += [Setpoint(tag, standing[tag]) for tag in sorted(others)] if others else ()
            knocks = words.claim is None and name not in links.remote and beat % KNOCK == 0
            writes += _said(words, claim, 0.0 if knocks else 1.0)
            writes.append(Setpoint(words.heartbeat, float(beat)))
        elif name in armed:
            writes += _said(words, claims.get(name, 0.0), 0.0)
            if words.state_tag is None or snapshot.good(words.state_tag) == LOCAL:
                armed -= {name}
    return Words(tuple(writes), armed, beat, claims, standing)


def _standing(snapshot: Snapshot, state: State, kit: Kit) -> dict[str, float]:
    found = dict(state.standing)
    for read_backs in kit.takes.values():
        for tag, read_back in read_backs.items():
            value = snapshot.good(read_back)
            if value is not None:
                found[tag] = value
    return found


def _said(words: Handshake, claim: float, arm: float) -> list[Setpoint]:
    said = ((words.claim, claim), (words.arm_tag, arm))
    return [Setpoint(tag, value) for tag, value in said if tag is not None]


def _ours(snapshot: Snapshot, words: Handshake, claim: float | None) -> bool:
    return words.epoch is None or (claim is not None and snapshot.good(words.epoch) == claim)


def _claim(snapshot: Snapshot, words: Handshake, before: float | None, station: int, *, kept: bool) -> float | None:
    """Return the claim on one PLC: the one that stands, or one that was never used; None where none can be made."""
    if words.epoch is None:
        return 0.0
    epoch = snapshot.good(words.epoch)
    if epoch is None:
        return None
    ahead = before is not None and newer(before, epoch)
    taking = snapshot.good(words.state) == REMOTE
    if before is not None and kept and (ahead or (taking and before == epoch)):
        return before
    return claim_after(before if before is not None and ahead else epoch, station)
