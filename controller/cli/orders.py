"""Orders typed while a run goes on: a mode or an acceptance, and why."""

from __future__ import annotations

import getpass
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread

from controller.cli.show import people
from controller.cycle import Accept, Cycle, Mode, Order, SetMode

HELP = "type an order and why, such as: auto line is steady | advisory night shift | accept looks right | shadow | off"


class Listener:
    """Reads orders from standard input in a thread of its own, and puts them on the desk.

    Parameters
    ----------
    inbox
        Where orders go.
    loops
        Names of the loops; an order is for all of them.
    """

    def __init__(self, inbox: SimpleQueue[Order], loops: tuple[str, ...]) -> None:
        self._inbox, self._loops = inbox, loops
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
                for order in parse(line, self._who, self._loops, self._offers):
                    self._inbox.put(order)
            except ValueError as refusal:
                people.print(str(refusal), markup=False)


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
        If the word is none, the reason is missing where it is needed, or nothing is on offer.

    Examples
    --------
    >>> parse("auto line is steady", "ana", ("blend",), {})
    [Order(who='ana', why='line is steady', act=SetMode(loop='blend', mode=<Mode.AUTO: 'auto'>))]
    """
    word, _, why = line.strip().partition(" ")
    if not word:
        return []
    if word == "accept":
        if not offers:
            raise ValueError("accept: nothing is on offer")
        return [Order(who, why or "accepted", Accept(loop, at)) for loop, at in offers.items()]
    if word not in set(Mode):
        raise ValueError(f"found {word!r}; {HELP}")
    if word in {Mode.AUTO, Mode.ADVISORY} and not why:
        raise ValueError(f"{word}: say why, for the record")
    return [Order(who, why or "asked for", SetMode(loop, Mode(word))) for loop in loops]
