"""Turned down instead of stopped: a lower target while the line is in production and all it makes is rejected.

The target is asked for by an order like that of a person, obeyed in the next cycle before any of theirs. Whoever sets
the target meanwhile has it: the line is not turned down again before the next diversion.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from typing import NamedTuple

from controller.cycle import Event, Mode, Order, Phase, SetTarget
from controller.material.kit import TurndownKit
from controller.material.phases import LinePhase
from controller.material.state import UP, Diversion, MaterialState, Turndown

WHO = "material"
"""Who orders it."""


class Led(NamedTuple):
    """The loop whose target it is, as the same cycle leaves it."""

    mode: Mode
    """Mode asked for."""
    phase: Phase
    """How far it is in service."""
    wished: float | None
    """Target that was set, in the unit the policy gives for it; None for that of the policy."""
    span: tuple[float, float] | None = None
    """Limits people have set for it, in the same unit."""


def followed(
    at: float, orders: Sequence[Order], led: Led, now: MaterialState, words: TurndownKit
) -> tuple[Turndown, tuple[Event, ...]]:
    """Return whether the line is turned down after a cycle, what is asked for, and what to say of it.

    Parameters
    ----------
    at
        Now, POSIX time [s].
    orders
        What people asked since the last cycle.
    led
        The loop.
    now
        Memory of material after the cycle, but for this.
    words
        What the policy says.
    """
    setter = _setter(orders, led, words)
    if isfinite(now.turndown.since):
        return _down(at, setter, led, now, words)
    return _up(at, setter, led, now, words)


def _setter(orders: Sequence[Order], led: Led, words: TurndownKit) -> str:
    """Return who has just set the target themselves; nobody where what they asked was refused."""
    for order in reversed(orders):
        act = order.act
        mine = isinstance(act, SetTarget) and (act.loop, act.name) == (words.loop, words.name)
        if mine and isinstance(act, SetTarget) and act.target == led.wished:
            return order.who
    return ""


def _down(
    at: float, setter: str, led: Led, now: MaterialState, words: TurndownKit
) -> tuple[Turndown, tuple[Event, ...]]:
    """Return what becomes of a line that is turned down."""
    old, going = now.turndown, now.gate.diversion
    lasted = f"material: turndown ends after {at - old.since:.0f} s"
    if setter or led.wished != words.target:
        said = f"{lasted}: {setter or 'somebody'} has set the target of {words.what}"
        return UP._replace(left=_number(going)), (Event(at, said),)
    why = _over(at, led, now, words)
    if not why:
        return old._replace(asks=()), ()
    back = words.usual if old.former is None else old.former
    if kept := _kept(back, led, words):
        said = f"{lasted}: {why}; the target stays {words.target:g} {words.unit}, since {kept}"
        return UP._replace(left=old.left), (Event(at, said),)
    said = f"{lasted}, the target of {words.what} is {back:g} {words.unit} again: {why}"
    order = Order(WHO, f"turndown ends: {why}", SetTarget(words.loop, words.name, old.former))
    return UP._replace(left=old.left, asks=(order,)), (Event(at, said),)


def _over(at: float, led: Led, now: MaterialState, words: TurndownKit) -> str:
    """Return why a line is turned down no longer; nothing where it still is."""
    if now.phase.phase is not LinePhase.RUNNING:
        return f"the line is {now.phase.phase.value}"
    if led.mode is not Mode.AUTO:
        return f"{words.loop} is not in auto but in {led.mode.value}"
    conforms = not now.gate.open and at - now.gate.sound_since >= words.back_s
    return "what is made conforms" if conforms else ""


def _up(at: float, setter: str, led: Led, now: MaterialState, words: TurndownKit) -> tuple[Turndown, tuple[Event, ...]]:
    """Return what becomes of a line that is not turned down."""
    old, going = now.turndown, now.gate.diversion
    calm = old._replace(asks=(), waits="", left=_number(going) if setter else old.left)
    in_production = now.phase.phase is LinePhase.RUNNING
    if going is None or not in_production or at - going.since < words.after_s or calm.left == going.number:
        return calm, ()
    if waits := _waits(led, words):
        news = (Event(at, f"material: the line is not turned down: {waits}"),) if waits != old.waits else ()
        return calm._replace(waits=waits), news
    why = f"diversion {going.number} has rejected for {at - going.since:.0f} s: {going.reason}"
    said = f"material: {words.what} is turned down to {words.target:g} {words.unit}: {why}"
    order = Order(WHO, f"turned down: {why}", SetTarget(words.loop, words.name, words.target))
    return Turndown(at, led.wished, why, calm.left, "", (order,)), (Event(at, said),)


def _waits(led: Led, words: TurndownKit) -> str:
    """Return why the target may not be lowered now; nothing where it may."""
    if led.mode is not Mode.AUTO:
        return f"{words.loop} is not in auto but in {led.mode.value}"
    if led.phase is not Phase.ACTIVE:
        return f"{words.loop} moves nothing now, it is in {led.phase.value}"
    stands = words.usual if led.wished is None else led.wished
    if stands <= words.target:
        return f"the target of {words.what} is {stands:g} {words.unit} already"
    return _kept(words.target, led, words)


def _kept(target: float, led: Led, words: TurndownKit) -> str:
    """Return within which limits people keep what is turned down; nothing where these leave a target in."""
    if led.span is None or led.span[0] <= target <= led.span[1]:
        return ""
    low, high = led.span
    return f"people keep {words.what} within {low:g} to {high:g} {words.unit}"


def _number(going: Diversion | None) -> int:
    return 0 if going is None else going.number
