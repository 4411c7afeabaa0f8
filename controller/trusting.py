"""Whether somebody whom an issuer vouches for may do something at this station, and who decided that it is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from controller.records.audit import Deed
from controller.vouched import Issuer, permitted, token_like

if TYPE_CHECKING:
    from controller.people import Known, People
    from policies.people import Right

_KIND = "issuer"


def trusted(people: People) -> Issuer | None:
    """Return the issuer whose tokens are believed here, as the chain of the users says; None where none is."""
    return _newest(people.ledger.deeds()) if people.there else None


def trust(people: People, by: Known, issuer: Issuer | None, why: str, now: float) -> None:
    """Believe tokens of an issuer from now on.

    Parameters
    ----------
    people
        The users.
    by
        The administrator.
    issuer
        The issuer; None where none is to be believed any more.
    why
        Reason.
    now
        Time of the act, POSIX time [s].

    Raises
    ------
    ValueError
        If no reason is given.
    """
    if not why.strip():
        raise ValueError("found no reason, wanted one for the record")
    deeds = people.ledger.deeds()
    before = _newest(deeds)
    old, new = (None if each is None else each.plain() for each in (before, issuer))
    meant = issuer or before
    subject = "none" if meant is None else meant.url
    what = "issuer no longer believed" if issuer is None else "issuer believed"
    people.ledger.add(Deed(_KIND, by.user.name, what, subject, old, new, now, why, exception=True), after=len(deeds))


def vouched(people: People, name: str, token: str, right: Right, now: float) -> Known | None:
    """Return somebody whom the issuer vouches for and who may do something; None where what was given is no token.

    Parameters
    ----------
    people
        The users.
    name
        Who they say they are.
    token
        What they give in the place of a password.
    right
        What is to be done.
    now
        Time of the act, POSIX time [s].

    Raises
    ------
    Denied
        If the token is not believed, speaks of somebody else, or is not enough.
    """
    from controller.people import Denied, Known, User  # noqa: PLC0415  # it is the other half of this

    issuer = trusted(people) if token_like(token) else None
    if issuer is None:
        return None
    try:
        found = issuer.vouches(token, now)
        wrong = "" if found.name == name else "it speaks of somebody else"
        wrong = wrong or ("a user of this station has this name" if name in people.users() else "")
        wrong = wrong or permitted(found, right)
    except ValueError as error:
        wrong, found = str(error), None
    if wrong or found is None:
        people.ledger.add(Deed("denied", name, right.value, "token", None, None, now, wrong, exception=True))
        raise Denied(f"{name}: {wrong}")
    return Known(User(found.name, found.printed, found.role), b"")


def _newest(deeds: list[dict[str, Any]]) -> Issuer | None:
    said = next((deed["new"] for deed in reversed(deeds) if deed["kind"] == _KIND), None)
    return None if said is None else Issuer.read(said)
