"""The operator console beside a run: opened with it, told of every policy that follows, closed with it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace

from controller.cli.ends import Refused
from controller.cli.show import people
from controller.console.doors import Doors
from controller.kit import Kit
from controller.people import People
from controller.runtime import Options


@contextmanager
def console(kit: Kit, options: Options, doors: Doors | None, users: People | None) -> Generator[Options]:
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
        The users of this station; None where nobody is ever asked who they are.

    Raises
    ------
    Refused
        If it may not be served there, or cannot.
    """
    if doors is None:
        yield options
        return
    from controller.console.console import Console, Shown  # noqa: PLC0415  # heavy

    wrong = doors.refused(users=users is not None and users.there)
    if wrong:
        raise Refused(wrong)
    try:
        served = Console(Shown(kit, options.record, options.inbox, asked(kit, doors, users)), doors)
    except OSError as error:
        raise Refused(f"the console cannot be served at {doors.host}: {error.strerror or error}") from error
    people.print(f"operator console: {served.url}", style="bold", markup=False)
    try:
        yield replace(options, shown=served)
    finally:
        served.close()


def asked(kit: Kit, doors: Doors, users: People | None) -> People | None:
    """Return the users who must log in; None where anybody at this machine may do what the terminal lets them."""
    return None if doors.local and kit.policy.people.orders == "anybody" else users


def follow(kit: Kit, options: Options, users: People | None) -> None:
    """Show a run under another policy on the console there is."""
    from controller.console.console import Console, Shown  # noqa: PLC0415  # heavy

    if isinstance(options.shown, Console):
        who = asked(kit, options.shown.hall.doors, users)
        options.shown.follow(Shown(kit, options.record, options.inbox, who))
