"""PLCs that do not take a setpoint in full: what they take becomes a limit, for as long as they do.

K. J. Åström and T. Hägglund, "Advanced PID Control", ISA 2006, section 3.5: a controller that knows what its actuator
does cannot wind up. Problems begin at what was read back anyway; here plans learn that no more is to be had.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from controller.cycle import Event
from controller.dropout import enough
from controller.kit import LoopKit
from controller.state import Closed, LoopState, Pending
from plant_io import Setpoint, Snapshot
from plant_io.changes import replace


def judge(
    kit: LoopKit, seen: Snapshot, old: LoopState, confirmed: Sequence[Setpoint], late: Sequence[Pending]
) -> tuple[LoopState, tuple[Event, ...], bool]:
    """Return the memory, what to say, and whether the loop may go on, after writes were followed or not.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    old
        Memory of the loop.
    confirmed
        Setpoints now seen in force.
    late
        Setpoints that should have been by now.
    """
    if not confirmed and not late and not old.closed:
        return old, (), True
    keys = {fence.tag: key for key, fence in kit.fences.items()}
    took = old.took | {keys[setpoint.tag] for setpoint in confirmed}
    closed, told = _opened(kit, seen, old.closed)
    followed = True
    for pending in late:
        key, tag, wrote = keys[pending.setpoint.tag], pending.setpoint.tag, pending.setpoint.value
        shown = seen.good(kit.read_backs[key])
        if shown is None:
            continue
        after = _after(kit, key, closed.get(key, Closed()), (wrote, shown), takes=key in took)
        after = replace(after, tried=seen.at)
        found = "shows" if after.stuck else f"takes no {'more' if wrote > shown else 'less'} than"
        told.append(Event(seen.at, f"{tag}: wrote {wrote:.6g}, the PLC {found} {shown:.6g}"))
        followed &= not after.stuck or (key in kit.spares and enough(kit, old, key))
        closed[key] = after
    next_at = None if closed.keys() != old.closed.keys() and kit.trigger is None else old.next_at
    # A proposal that the PLC does not take is not carried out for ever.
    proposal = None if late else old.proposal
    return replace(old, took=took, closed=closed, next_at=next_at, proposal=proposal), tuple(told), followed


def _after(kit: LoopKit, key: str, before: Closed, told: tuple[float, float], *, takes: bool) -> Closed:
    """Return how far a PLC lets an input go that was told one value and shows another."""
    wrote, shown = told
    after = replace(before, high=shown) if wrote > shown else replace(before, low=shown)
    shut = after.low is not None and after.high is not None and after.high - after.low <= 2.0 * _slack(kit, key)
    return replace(after, stuck=shut or not takes or kit.declared.moved[key].on_clamp == "release")


def _opened(kit: LoopKit, seen: Snapshot, before: Mapping[str, Closed]) -> tuple[dict[str, Closed], list[Event]]:
    """Return how far PLCs let inputs go, without ends that a read-back has gone beyond."""
    found, told = dict[str, Closed](), list[Event]()
    for key, closed in before.items():
        shown, slack, tag = seen.good(kit.read_backs[key]), _slack(kit, key), kit.fences[key].tag
        low, high = closed.low, closed.high
        if shown is not None and high is not None and shown > high + slack:
            told.append(Event(seen.at, f"{tag}: the PLC takes more than {high:.6g} again"))
            high = None
        if shown is not None and low is not None and shown < low - slack:
            told.append(Event(seen.at, f"{tag}: the PLC takes less than {low:.6g} again"))
            low = None
        if low is not None or high is not None:
            found[key] = replace(closed, low=low, high=high)
    return found, told


def _slack(kit: LoopKit, key: str) -> float:
    return kit.fences[key].tolerance


def probe(kit: LoopKit, at: float, old: LoopState, asked: Mapping[str, float]) -> dict[str, float]:
    """Return a little more than a PLC takes, by input, where a plan goes that far and it is time to ask again.

    Parameters
    ----------
    kit
        The loop.
    at
        Start of the cycle, POSIX time [s].
    old
        Memory of the loop.
    asked
        What the plan asks of each input, in the unit of its tag.
    """
    found = dict[str, float]()
    for key, closed in old.closed.items():
        if key not in asked or at - closed.tried < kit.declared.sample_s:
            continue
        more = max(2.0 * _slack(kit, key), kit.fences[key].dead_band)
        if closed.high is not None and asked[key] >= closed.high - _slack(kit, key):
            found[key] = closed.high + more
        elif closed.low is not None and asked[key] <= closed.low + _slack(kit, key):
            found[key] = closed.low - more
    return found


def tried(kit: LoopKit, at: float, old: LoopState, keys: Mapping[str, float]) -> LoopState:
    """Return the memory after PLCs were asked for more.

    Parameters
    ----------
    kit
        The loop.
    at
        When, POSIX time [s].
    old
        Memory of the loop.
    keys
        What was asked for by input, in the unit of its tag.
    """
    closed = {key: replace(one, tried=at) if key in keys else one for key, one in old.closed.items()}
    tags = {kit.fences[key].tag for key in keys}
    # What was asked before is not asked any more.
    return replace(old, closed=closed, pending=tuple(p for p in old.pending if p.setpoint.tag not in tags))
