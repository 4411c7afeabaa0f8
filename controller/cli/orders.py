"""Orders typed while a run goes on: a mode, an acceptance, limits or a target, and why."""

from __future__ import annotations

import getpass
import signal
import sys
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from controller.cli.ends import Refused
from controller.cli.show import people
from controller.cycle import (
    Accept,
    Attention,
    Cycle,
    Directive,
    DirectLine,
    HandleAlarm,
    Mode,
    Order,
    SetMode,
)
from controller.ordering import POLICY, limits, target
from controller.rights import needed
from policies.people import Right
from policies.words import seconds

HELP = (
    "type an order and why, such as: auto line is steady | advisory night shift | accept looks right | shadow | off"
    " | limits api_sp 1.8 2.2 worn screw | limits api_sp policy screw changed | target api 9.9 low assay"
    " | acknowledge nir_bad seen | shelve nir_bad 30m probe is being cleaned"
    " | unshelve nir_bad probe is clean | reset nir_bad why | remove nir_bad why | restore nir_bad why"
    " | shut_down end of the campaign | go_on order withdrawn | end_batch next lot"
    " | adopt line_a_7.yaml limits after the trial | rollback assay drifts"
)
_LIKE = {
    "limits": "limits api_sp 1.8 2.2 worn screw",
    "target": "target api 9.9 low assay",
    "acknowledge": "acknowledge nir_bad called maintenance",
    "reset": "reset nir_bad probe is clean",
    "shelve": "shelve nir_bad 30m probe is being cleaned",
    "unshelve": "unshelve nir_bad probe is clean",
    "remove": "remove nir_bad probe is away for repair",
    "restore": "restore nir_bad probe is back",
}
_DIRECTIVES = {one.value.replace(" ", "_"): one for one in Directive}


Gate = Callable[[str, Collection[Right]], None]
"""Sees that somebody has some rights; raises `PermissionError` where not."""
Adopt = Callable[[str, str], None]
"""Takes an order for another policy, from whom and in which words; raises `ValueError` where it cannot follow."""
_ADOPTS = ("adopt", "rollback")


class Listener:
    """Reads orders from standard input in a thread of its own, and puts them on the desk.

    Parameters
    ----------
    inbox
        Where orders go.
    loops
        Names of the loops; an order is for all of them.
    gate
        Sees that users may place the orders they type behind their names; None where nobody is asked who they are.
    adopt
        Takes orders for another policy; None where none can follow.
    """

    def __init__(
        self, inbox: SimpleQueue[Order], loops: tuple[str, ...], gate: Gate | None = None, adopt: Adopt | None = None
    ) -> None:
        self._inbox, self._loops, self._gate, self._adopt = inbox, loops, gate, adopt
        self._offers: dict[str, float] = {}
        self._who = getpass.getuser()

    def start(self) -> None:
        """Begin to listen; ends with the program.

        A controller in the background of a terminal must not be stopped for reading from it: it listens to nobody then.
        """
        if hasattr(signal, "SIGTTIN"):
            signal.signal(signal.SIGTTIN, signal.SIG_IGN)
        Thread(target=self._listen, name="orders", daemon=True).start()

    def watch(self, cycle: Cycle) -> None:
        """Remember which moves are on offer."""
        self._offers = {offer.loop: offer.at for offer in cycle.decision.proposals}

    def _listen(self) -> None:
        with suppress(OSError):
            self._read()

    def _read(self) -> None:
        for line in sys.stdin:
            try:
                for order in self._permitted(line):
                    self._inbox.put(order)
            except (ValueError, OSError, Refused) as refusal:
                people.print(str(refusal), markup=False)

    def follow(self, loops: tuple[str, ...], gate: Gate | None) -> None:
        """Take orders under another policy.

        Parameters
        ----------
        loops
            Names of its loops.
        gate
            As at the beginning.
        """
        self._loops, self._gate, self._offers = loops, gate, {}

    def _permitted(self, line: str) -> list[Order]:
        who, said = self._who, line.strip()
        if self._gate is not None:
            who, colon, said = said.partition(":")
            if not colon:
                raise ValueError(
                    f"found {line.strip()!r}, wanted who orders it first, such as ana: auto line is steady"
                )
        adopts = self._adopt if said.strip().partition(" ")[0] in _ADOPTS else None
        orders = [] if adopts is not None else parse(said, who, self._loops, self._offers)
        rights = {Right.ADOPT} if adopts is not None else {needed(order.act) for order in orders}
        if self._gate is not None and rights:
            self._gate(who, rights)
        if adopts is not None:
            adopts(who, said)
        return orders


def parse(line: str, who: str, loops: tuple[str, ...], offers: Mapping[str, float]) -> list[Order]:
    """Return the orders one typed line stands for.

    Parameters
    ----------
    line
        A word and a reason.
    who
        Identity of the person.
    loops
        Names of the loops.
    offers
        When the moves now on offer were offered, by loop, POSIX time [s].

    Raises
    ------
    ValueError
        If the word is none, the reason or a number is missing where it is needed, or nothing is on offer.

    Examples
    --------
    >>> parse("auto line is steady", "ana", ("blend",), {})
    [Order(who='ana', why='line is steady', act=SetMode(loop='blend', mode=<Mode.AUTO: 'auto'>))]
    >>> parse("limits api_sp 1.8 2.2 worn screw", "ana", ("blend",), {})
    [Order(who='ana', why='worn screw', act=SetLimits(loop='blend', name='api_sp', limits=(1.8, 2.2)))]
    >>> parse("target blend.api policy end of trial", "ana", ("blend",), {})
    [Order(who='ana', why='end of trial', act=SetTarget(loop='blend', name='api', target=None))]
    >>> parse("shelve nir_bad 30m probe is being cleaned", "ana", ("blend",), {})[0].act
    HandleAlarm(alarm='nir_bad', attention=<Attention.SHELVE: 'shelve'>, for_s=1800.0, raised=None)
    """
    word, _, why = line.strip().partition(" ")
    if not word:
        return []
    if word in _DIRECTIVES:
        if not why:
            raise ValueError(f"{word}: say why, for the record")
        return [Order(who, why, DirectLine(_DIRECTIVES[word]))]
    if word in set(Attention):
        return [_handle(Attention(word), why, who)]
    if word in {"limits", "target"}:
        return [_set(word, why.split(), who, loops)]
    if word == "accept":
        if not offers:
            raise ValueError("accept: nothing is on offer")
        return [Order(who, why or "accepted", Accept(loop, at)) for loop, at in offers.items()]
    if word not in set(Mode):
        raise ValueError(f"found {word!r}; {HELP}")
    if word in {Mode.AUTO, Mode.ADVISORY} and not why:
        raise ValueError(f"{word}: say why, for the record")
    return [Order(who, why or "asked for", SetMode(loop, Mode(word))) for loop in loops]


def _handle(attention: Attention, rest: str, who: str) -> Order:
    """Return the order for an alarm, which is named first; a time follows where it is shelved."""
    alarm, _, why = rest.strip().partition(" ")
    often, _, after = why.strip().partition(" ")
    shelves = attention is Attention.SHELVE
    why = after.strip() if shelves else why.strip()
    if not alarm or (not why and attention in {Attention.SHELVE, Attention.REMOVE}):
        what = "an alarm, for how long, and why" if shelves else "an alarm and why"
        raise ValueError(f"{attention.value}: expected {what}, such as {_LIKE[attention.value]}")
    try:
        for_s = seconds(often) if shelves else None
    except ValueError as error:
        raise ValueError(f"{attention.value}: found {often!r}, {error}") from None
    return Order(who, why or attention.value, HandleAlarm(alarm, attention, for_s))


def _set(word: str, words: list[str], who: str, loops: tuple[str, ...]) -> Order:
    """Return the order for limits or a target; the loop is named before a dot where there are several."""
    count = 1 if words[1:2] == [POLICY] else 2 if word == "limits" else 1
    numbers, why = words[1 : 1 + count], " ".join(words[1 + count :])
    loop, _, name = words[0].rpartition(".") if words else ("", "", "")
    loop = loop or (loops[0] if len(loops) == 1 else "")
    if loop not in loops or len(numbers) < count or not why:
        what = "its lowest and highest value" if word == "limits" else "its value"
        raise ValueError(f"{word}: expected a variable, {what} or the word {POLICY}, and why, such as {_LIKE[word]}")
    act = limits(loop, name, numbers[0], numbers[-1]) if word == "limits" else target(loop, name, numbers[0])
    return Order(who, why, act)
