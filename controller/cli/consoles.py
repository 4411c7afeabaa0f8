"""The operator console beside a run: opened with it, told of every policy that follows, closed with it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from controller.cli.ends import Refused
from controller.cli.show import people
from controller.console.doors import Doors
from controller.kit import Kit
from controller.people import People
from controller.runtime import Options

if TYPE_CHECKING:
    from controller.console.wire import Opening


Users = Callable[[], People]
"""Gives the users of this station; it must survive pickling, since another process asks, too."""


@contextmanager
def console(
    kit: Kit, options: Options, doors: Doors | None, users: Users | None, log: Path | None = None
) -> Generator[Options]:
    """Serve the console while a run goes on; give the options with which the run shows itself there.

    Parameters
    ----------
    kit
        The policy, made ready.
    options
        How it is run.
    doors
        Where the console is served; nowhere where None.
    users
        Gives the users of this station; None where nobody is ever asked who they are.
    log
        File for machines, to which tracebacks of the console are appended; None for nowhere.

    Raises
    ------
    Refused
        If it may not be served there, or cannot.
    """
    if doors is None:
        yield options
        return
    from controller.console.apart import Apart  # noqa: PLC0415  # heavy
    from controller.served.log import note  # noqa: PLC0415  # heavy

    wrong = doors.refused(users=users is not None and users().there)
    if wrong:
        raise Refused(wrong)
    try:
        noted = partial(note, log, kit.policy.line, "console")
        served = Apart(_opening(kit, options, doors, users), options.inbox, _say, noted)
    except OSError as error:
        raise Refused(f"the console cannot be served at {doors.host}: {error.strerror or error}") from error
    people.print(f"operator console: {served.url}", style="bold", markup=False)
    try:
        yield replace(options, shown=served)
    finally:
        served.close()


def _opening(kit: Kit, options: Options, doors: Doors, users: Users | None) -> Opening:
    from controller.console.wire import Opening  # noqa: PLC0415  # heavy

    nobody = doors.local and kit.policy.people.orders == "anybody"
    return Opening(kit.policy, kit.station, options.record, None if nobody else users, doors)


def _say(sentence: str) -> None:
    people.print(sentence, style="dim", markup=False)


def follow(kit: Kit, options: Options, users: Users | None) -> None:
    """Show a run under another policy on the console there is."""
    from controller.console.apart import Apart  # noqa: PLC0415  # heavy

    if isinstance(options.shown, Apart):
        options.shown.follow(_opening(kit, options, options.shown.doors, users), options.inbox)
