"""What a loop does without for a while: controlled variables without evidence, inputs that do not follow it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from controller import aims, bridges
from controller.cycle import Event, Mode
from controller.handshake import Links
from controller.kit import LoopKit
from controller.service import HOLDING
from controller.state import Absence, LoopState, Pending
from plant_io import Snapshot
from plant_io.changes import replace
from plant_io.signals import Floats
from policies.units import convert

_LEAST = 5
"""Fewest samples in which a controlled variable that came back is led to its target [1]."""
_STUCK = "its PLC takes nothing"
_NOBODY = frozenset[str]()


def approach_s(kit: LoopKit) -> float:
    """Return the time in which a controlled variable that came back is led to its target [s]: half the horizon."""
    return max(_LEAST, kit.declared.horizon // 2) * kit.declared.sample_s


def look(kit: LoopKit, seen: Snapshot, links: Links, old: LoopState) -> tuple[LoopState, tuple[Event, ...]]:
    """Return the memory after seeing what there is and what there is not, and what to say of it.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    links
        What the PLCs say of themselves.
    old
        Memory of the loop.
    """
    if not kit.drops and not kit.spares:
        return old, ()
    absent, idle = _controlled(kit, seen, old), _moved(kit, seen, links, old)
    if absent == old.absent and idle == old.idle:
        return old, ()
    few = len(kit.declared.controlled) - len(gone(absent)) < kit.declared.needs.controlled
    ours = "has lost" if few else "goes on without"
    theirs = "goes on without" if enough(kit, replace(old, idle=idle)) else "has lost"
    told = (*_said(kit, seen.at, (old.absent, absent), ours), *_said(kit, seen.at, (old.idle, idle), theirs))
    # What a PLC took before it went away says nothing of what it will take.
    lost = {key for key, home in kit.homes.items() if home not in links.remote} & old.closed.keys()
    closed = {key: one for key, one in old.closed.items() if key not in lost} if lost else old.closed
    new = replace(old, absent=absent, idle=idle, closed=closed, pending=_pending(kit, old, idle))
    changed = gone(new.absent) != gone(old.absent) or gone(new.idle) != gone(old.idle)
    # A plan that knows is wanted soon; where the plant counts the samples, with the next of them.
    next_at = None if changed and kit.trigger is None else old.next_at
    return replace(new, away=_away(kit, new), next_at=next_at), told


def gone(found: Mapping[str, Absence]) -> frozenset[str]:
    """Return the names of what is no part of the problem."""
    return frozenset([name for name, absence in found.items() if absence.back is None]) if found else _NOBODY


def without(state: LoopState) -> tuple[str, ...]:
    """Return the names of all that a loop does without."""
    return tuple(sorted(gone(state.absent) | gone(state.idle))) if state.absent or state.idle else ()


def enough(kit: LoopKit, old: LoopState, stuck: str | None = None) -> bool:
    """Return whether there are as many inputs as the loop needs, even without one more that is `stuck`."""
    out = gone(old.idle)
    count = len(out) + (stuck is not None and stuck not in out)
    return len(kit.declared.moved) - count >= kit.declared.needs.moved


def followed(kit: LoopKit, seen: Snapshot, old: LoopState) -> bool:
    """Return whether the PLCs follow every input the loop cannot do without, as far as they say; only in service."""
    if not kit.follows or old.phase not in HOLDING:
        return True
    out = gone(old.idle) if old.idle and enough(kit, old) else _NOBODY
    for key, wanted in kit.follows.items():
        shown = seen.good(wanted.tag)
        if shown is not None and shown != wanted.shows and key not in out:
            return False
    return True


def excused(kit: LoopKit, old: LoopState) -> frozenset[str]:
    """Return the tags that are no evidence and need not be, for the loop does without them."""
    if not old.absent and not old.idle:
        return frozenset()
    absent, declared = gone(old.absent), kit.declared
    few = len(declared.controlled) - len(absent) < declared.needs.controlled
    tags = () if few else (declared.controlled[name].tag for name in absent)
    out = gone(old.idle) if enough(kit, old) else frozenset[str]()
    modes = (kit.follows[key].tag for key in out if key in kit.follows)
    return frozenset((*tags, *(kit.read_backs[key] for key in out), *modes))


def present(kit: LoopKit, old: LoopState) -> Floats:
    """Return 1 for each output that counts and 0 for the others, shape ``(n_y,)`` [1]; empty where all count."""
    out = gone(old.absent)
    return np.array([float(name not in out) for name in kit.model.controlled]) if out else np.empty(0)


def targets(kit: LoopKit, at: float, old: LoopState) -> Floats:
    """Return the wanted outputs, shape ``(n_y,)``, units of the model.

    What came back is led from where it was found to where it is wanted, so that its return moves nothing by itself.

    Parameters
    ----------
    kit
        The loop.
    at
        Start of the cycle, POSIX time [s].
    old
        Memory of the loop.
    """
    wanted = aims.targets(kit, {**old.targets, **_wished(kit, old)})
    for name, absence in old.absent.items():
        if absence.back is not None:
            share = min(1.0, (at - absence.back) / approach_s(kit))
            row = list(kit.model.controlled).index(name)
            wanted[row] = absence.shown + share * (wanted[row] - absence.shown)
    return wanted


def _wished(kit: LoopKit, old: LoopState) -> dict[str, float]:
    declared, units = kit.declared.controlled, kit.model.controlled
    return {name: convert(value, declared[name].unit, units[name]) for name, value in old.wished.items()}


def _controlled(kit: LoopKit, seen: Snapshot, old: LoopState) -> dict[str, Absence]:
    """Return the controlled variables the loop does without; before it believes anything it needs them all."""
    if old.mode is Mode.OFF or old.estimate is None:
        return {}
    bridged, found = bridges.bridged(kit, seen.at, old), dict[str, Absence]()
    for name in sorted(kit.drops):
        tag = kit.declared.controlled[name].tag
        value = seen.good(tag)
        before = old.absent.get(name)
        out = before is not None and before.back is None  # a bridge is no evidence that it is back
        why = f"{tag} ({seen[tag].reason.name.lower()})" if value is None and (out or tag not in bridged) else ""
        after = _onward(before, why, seen.at, kit.declared.settle)
        if after is None or value is None:
            found |= {} if after is None else {name: after}
        elif after.back == seen.at:
            found[name] = replace(after, shown=kit.scales[tag].to_model(value))
        elif after.back is None or seen.at - after.back < approach_s(kit):
            found[name] = after
    return found


def _moved(kit: LoopKit, seen: Snapshot, links: Links, old: LoopState) -> dict[str, Absence]:
    """Return the inputs the loop does without; before it is in service it needs them all."""
    if old.phase not in HOLDING:
        return {}
    found = dict[str, Absence]()
    for key in sorted(kit.spares):
        after = _onward(old.idle.get(key), _trouble(kit, seen, links, old, key), seen.at, kit.declared.settle)
        knows = after is not None and after.back is not None and old.plan is not None and old.plan.at >= after.back
        if after is not None and not knows:
            found[key] = after
    return found


def _trouble(kit: LoopKit, seen: Snapshot, links: Links, old: LoopState, key: str) -> str:
    """Return why an input cannot be moved; nothing where it can."""
    home, tag = kit.homes.get(key), kit.read_backs[key]
    if home is not None and home in links.restarted:
        return f"its PLC, {home}, was restarted"
    if home is not None and (home not in links.remote or home in links.deaf):
        return f"its PLC, {home}, does not take remote setpoints"
    if seen.good(tag) is None:
        return f"{tag} ({seen[tag].reason.name.lower()})"
    if (shown := _astray(kit, seen, key)) is not None:
        return shown
    return _STUCK if key in old.closed and old.closed[key].stuck else ""


def _pending(kit: LoopKit, old: LoopState, idle: Mapping[str, Absence]) -> tuple[Pending, ...]:
    """Return the setpoints that are awaited; of an input that goes away what was asked before says nothing."""
    gained = gone(idle) - gone(old.idle)
    tags = {kit.fences[key].tag for key in gained if idle[key].why != _STUCK}
    return tuple(each for each in old.pending if each.setpoint.tag not in tags)


def _astray(kit: LoopKit, seen: Snapshot, key: str) -> str | None:
    """Return what shows that the loop in the PLC does not follow an input; None where nothing does."""
    if key not in kit.follows:
        return None
    wanted = kit.follows[key]
    shown = seen.good(wanted.tag)
    if shown is None:
        return f"{wanted.tag} ({seen[wanted.tag].reason.name.lower()})"
    return None if shown == wanted.shows else f"{wanted.tag} shows {shown:g}"


def _onward(before: Absence | None, why: str, at: float, settle: int) -> Absence | None:
    """Return the absence after one more cycle; None if nothing is and was wrong."""
    if why:
        kept = before is not None and before.back is None
        return replace(before, why=why, sound=0) if kept and before is not None else Absence(at, why)
    if before is None or before.back is not None:
        return before
    sound = before.sound + 1
    return replace(before, sound=sound, back=at if sound >= settle else None)


def _away(kit: LoopKit, old: LoopState) -> frozenset[str]:
    """Return the connections whose inputs the loop all does without, if it may."""
    out = gone(old.idle)
    if not out or not enough(kit, old):
        return frozenset()
    return frozenset(kit.homes[key] for key in out if key in kit.homes) - {
        home for key, home in kit.homes.items() if key not in out
    }


def _said(kit: LoopKit, at: float, found: tuple[Mapping[str, Absence], Mapping[str, Absence]], how: str) -> list[Event]:
    """Return what is said of what there was, and is now."""
    old, new = found
    left, back = gone(new) - gone(old), gone(old) - gone(new)
    return [
        *(Event(at, f"{kit.name}: {how} {name}: {new[name].why}") for name in sorted(left)),
        *(Event(at, f"{kit.name}: {name} is part of the problem again") for name in sorted(back & new.keys())),
    ]
