"""Who may begin a run, and place orders in it, where the policy demands users and signatures."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from controller.cli.asking import USERS, Asker
from controller.cli.ends import Refused
from controller.cli.orders import Gate
from controller.cli.user import now, opened
from controller.people import People
from controller.signed import beside, demanded
from policies import Policy
from policies.approval import SUFFIX
from policies.people import Right

_SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Station:
    """Who is there when a run begins."""

    directory: Path = USERS
    """Where the users are kept."""
    user: str | None = None
    """Who begins the run; None where nobody said."""
    pki: str | None = None
    """Folder of the key that signs what users do; None for the usual one."""
    password_fd: int | None = None
    """File descriptor that gives passwords [1]; None for the terminal."""

    def people(self) -> People:
        """Return the users."""
        return opened(self.directory, None if self.pki is None else Path(self.pki))


def begun(policy: Policy, path: Path, mode: str, station: Station) -> tuple[str, str]:
    """Return why no loop may be put in service, empty where it may, and who begins the run.

    Parameters
    ----------
    policy
        The policy.
    path
        Its file, beside which its signatures lie.
    mode
        Mode asked for at the start.
    station
        Who is there.

    Raises
    ------
    Refused
        If the policy lacks signatures and may not run without them, or nobody said who begins the run.
    Denied
        If whoever begins it may not.
    """
    people = station.people()
    barred = demanded(policy, beside(path), people)
    if barred and (mode != _SHADOW or policy.people.unsigned != _SHADOW):
        raise Refused(f"{path}: {barred}")
    if policy.people.orders == "anybody":
        return barred, "command line"
    if station.user is None:
        raise Refused(f"{path}: the policy takes orders from users alone; found no --user, wanted who begins the run")
    ask = Asker(station.password_fd)
    password = ask(f"password of {station.user}")
    for right in (Right.START, *([] if mode == _SHADOW else [Right.LEAD])):
        people.allowed(station.user, password, right, now())
    return barred, station.user


def gate(policy: Policy, station: Station) -> Gate | None:
    """Return what sees that users may place the orders they type; None where the policy takes them from anybody.

    Parameters
    ----------
    policy
        The policy.
    station
        Who is there.
    """
    if policy.people.orders == "anybody":
        return None
    people, ask = station.people(), Asker(station.password_fd)

    def see(who: str, rights: Collection[Right]) -> None:
        password = ask(f"password of {who}")
        for right in rights:
            people.allowed(who, password, right, now())

    return see


def signatures(path: Path) -> bytes:
    """Return the signatures that lie beside a policy; nothing where there are none."""
    there = path.with_name(path.name + SUFFIX)
    return there.read_bytes() if there.exists() else b""
