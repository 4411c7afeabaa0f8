"""Orders that users of the station place from elsewhere: each asks for the password again, and is checked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from queue import SimpleQueue
from threading import Lock

from controller import ordering
from controller.cycle import (
    Accept,
    Act,
    Attention,
    Cycle,
    Directive,
    DirectLine,
    HandleAlarm,
    LoopAct,
    Mode,
    Order,
    SetMode,
)
from controller.kit import Kit
from controller.people import Denied, People
from controller.rights import needed
from plant_io import Clock
from plant_io.served.values import Call
from policies.sentences import among
from policies.words import seconds

_WHO = (("user", "Name of the user who orders it."), ("password", "Their password; it is asked for each time."))
_WHY = ("why", "Reason, for the record.")
_LOOP = ("loop", "Name of the loop.")
_ALARM = ("alarm", "Name of the alarm.")
_NAME = ("name", "Name of the variable.")


class Counter:
    """Takes orders over a counter: who it is, whether they may, and onto the desk.

    Parameters
    ----------
    kit
        The policy, made ready.
    people
        The users of the station.
    inbox
        Where orders go.
    clock
        Time at which passwords are looked at.
    """

    def __init__(self, kit: Kit, people: People, inbox: SimpleQueue[Order], clock: Clock) -> None:
        self._kit, self._people, self._inbox, self._clock = kit, people, inbox, clock
        self._offers: Mapping[str, float] = {}
        self._one = Lock()

    def watch(self, cycle: Cycle) -> None:
        """Remember which moves are on offer."""
        self._offers = {offer.loop: offer.at for offer in cycle.decision.proposals}

    def calls(self) -> tuple[Call, ...]:
        """Return what may be asked for."""
        acts: tuple[tuple[str, tuple[tuple[str, str], ...], str, Callable[..., Act]], ...] = (
            ("SetMode", (_LOOP, ("mode", "off, shadow, advisory or auto.")), "Put a loop in a mode.", _moded),
            ("Accept", (_LOOP,), "Let the controller make the move it proposes.", self._accept),
            ("SetTarget", (_LOOP, _NAME, ("target", "Wanted value, or policy.")), "Hold elsewhere.", ordering.target),
            (
                "SetLimits",
                (_LOOP, _NAME, ("low", "Lowest value, or policy."), ("high", "Highest value, or policy.")),
                "Keep a variable within narrower limits.",
                ordering.limits,
            ),
            ("DirectLine", (("directive", "shut down, go on or end batch."),), "Tell of the line.", _directed),
            ("Acknowledge", (_ALARM,), "Say that an alarm was seen.", _handled(Attention.ACKNOWLEDGE)),
            ("Reset", (_ALARM,), "Let go of an alarm that latched.", _handled(Attention.RESET)),
            ("Shelve", (_ALARM, ("time", "How long, such as 30m.")), "Keep an alarm from people.", _shelved),
            ("Unshelve", (_ALARM,), "End that.", _handled(Attention.UNSHELVE)),
            ("Remove", (_ALARM,), "Take an alarm out of service.", _handled(Attention.REMOVE)),
            ("Restore", (_ALARM,), "Put it back into service.", _handled(Attention.RESTORE)),
        )
        return tuple(Call(name, (*_WHO, *words, _WHY), what, self._placing(make)) for name, words, what, make in acts)

    def _placing(self, make: Callable[..., Act]) -> Callable[..., str]:
        def place(who: str, password: str, *words: str) -> str:
            *said, why = words
            if not why.strip():
                raise ValueError("found no reason, wanted one for the record")
            act = make(*said)
            if isinstance(act, LoopAct) and act.loop not in self._kit.loops:
                raise ValueError(f"found the loop {act.loop!r}, {among(self._kit.loops, 'loop')}")
            with self._one:  # a wrong password is counted before the next is looked at
                try:
                    self._people.allowed(who, password, needed(act), self._clock.now())
                except FileNotFoundError as error:
                    raise Denied(str(error)) from error
            self._inbox.put(Order(who, why, act))
            return f"ordered by {who}: {act}"

        return place

    def _accept(self, loop: str) -> Act:
        if loop in self._kit.loops and loop not in self._offers:
            raise ValueError(f"{loop}: nothing is on offer")
        return Accept(loop, self._offers.get(loop, 0.0))


def _moded(loop: str, mode: str) -> Act:
    return SetMode(loop, ordering.one_of(Mode, "mode", mode))


def _directed(directive: str) -> Act:
    return DirectLine(ordering.one_of(Directive, "directive", directive))


def _handled(attention: Attention) -> Callable[[str], Act]:
    return lambda alarm: HandleAlarm(alarm, attention)


def _shelved(alarm: str, time: str) -> Act:
    return HandleAlarm(alarm, Attention.SHELVE, seconds(time))
