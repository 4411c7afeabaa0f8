"""The process of the console: it is told of every cycle, answers browsers, sends orders back, and ends with the run."""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing.connection import Connection

from controller.console.console import Console, Shown
from controller.console.wire import Back, Opening, read
from controller.kit import Kit, prepare

_NICE = 5


def serve(link: Connection, at: socket.socket) -> None:
    """Serve the console until the run says that it is over, or is no more.

    Parameters
    ----------
    link
        Link to the run.
    at
        Socket at which browsers are awaited.
    """
    back, served, kit = Back(link), None, None
    try:
        while data := link.recv_bytes():
            word = read(data, None if kit is None else kit.index)
            if not isinstance(word, Opening):
                if served is not None:
                    served.take(word)
                continue
            kit = prepare(word.policy, word.station)
            if served is None:
                served = Console(_shown(kit, word, back), word.doors, at)
                back.ready()
            else:
                served.follow(_shown(kit, word, back))
    finally:
        if served is not None:
            served.close()


def _shown(kit: Kit, opening: Opening, back: Back) -> Shown:
    users = None if opening.users is None else opening.users()
    return Shown(kit, opening.record, back, users)


def main() -> None:
    """Serve the console for the run that started this process; the loop comes first."""
    for name in (signal.SIGINT, signal.SIGTERM):  # a service manager tells everybody; the run says when it is over
        signal.signal(name, signal.SIG_IGN)
    os.nice(_NICE)
    link, at = int(sys.argv[1]), int(sys.argv[2])
    with suppress(EOFError, ConnectionError):  # the run is no more
        serve(Connection(link), socket.socket(fileno=at))


if __name__ == "__main__":
    main()
