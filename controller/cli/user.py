"""The verb user: who the users of a station are, and what they may do."""

from __future__ import annotations

import asyncio
import functools
import getpass
from collections.abc import Callable
from dataclasses import replace
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.asking import USERS, Asker, PasswordFrom, Users
from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, people

if TYPE_CHECKING:
    from controller.people import Known, People, User
    from policies.people import Role

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the user.")]
By = Annotated[str | None, typer.Option("--as", metavar="ADMIN", help="Administrator who does it.")]
Why = Annotated[str, typer.Option("--why", help="Reason, for the record.")]
Authorities = Annotated[
    Path | None, typer.Option("--ca", metavar="FILE", help="Authorities in PEM that vouch for the issuer's server.")
]
_ROLES = "viewer, operator, engineer, qa, admin or service."
_PKI = Path("pki")
Pki = Annotated[Path, typer.Option("--pki", metavar="DIR", help="Folder of the key that signs what is done here.")]


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    user = typer.Typer(
        help="The users of this station: add, list, role, disable, enable, passwd.", no_args_is_help=True
    )
    user.command("add")(added)
    user.command("list")(listed)
    for verb in (role, disable, enable, passwd, issuer, token):
        user.command()(verb)
    app.add_typer(user, name="user")


def opened(directory: Path, pki: Path | None = None) -> People:
    """Return the users in a directory; what is done is signed where the station has a key."""
    from controller.people import People  # noqa: PLC0415  # heavy
    from controller.records.chain import Signer  # noqa: PLC0415  # heavy
    from plant_io.security.signing import station_key  # noqa: PLC0415  # heavy

    key = station_key(pki or _PKI)
    return People(directory, signer=None if key is None else Signer(key))


def now() -> float:
    """Return the time of an act, POSIX time [s]."""
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    return WallClock().now()


def added(
    name: Name,
    *,
    printed: Annotated[str, typer.Option("--printed", help="Name as it is printed beside signatures.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help=_ROLES)],
    by: By = None,
    why: Why = "",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Add a user; the first one is an administrator. The password given here must be changed before it counts."""
    from controller.people import User  # noqa: PLC0415  # heavy

    ask, wanted = Asker(password_fd), User(name, printed, _role(role))
    with reading():
        users = opened(directory, pki)
        if users.there:
            admin = _admin(users, by, ask)
            made = users.add(admin, wanted, ask.new(name), why, now())
        else:
            made = users.first(wanted, ask.new(name), getpass.getuser(), now())
    _said(made, json)
    return 0


def listed(*, directory: Users = USERS, json: Json = None) -> int:
    """List the users with their roles, keys and locks."""
    with reading():
        found = opened(directory).users()
    at = now()
    for user in found.values():
        state = "" if user.enabled else ", disabled"
        state += ", locked out" if at < user.locked_until else ""
        state += ", must change the password" if user.initial else ""
        people.print(f"{user.name} ({user.printed}), {user.role.value}{state}, key {user.key[:16]}", markup=False)
    give({"users": [user.plain() for user in found.values()]}, json)
    return 0


def role(
    name: Name,
    wanted: Annotated[str, typer.Argument(metavar="ROLE", help=_ROLES)],
    *,
    by: By = None,
    why: Why = "",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Give a user another role."""
    found = _role(wanted)
    return _changed(name, lambda user: replace(user, role=found), (by, why, password_fd), (directory, pki), json)


def disable(
    name: Name,
    *,
    by: By = None,
    why: Why = "",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Disable a user, for good or until enabled again; the name is never given to anybody else."""
    return _changed(name, lambda user: replace(user, enabled=False), (by, why, password_fd), (directory, pki), json)


def enable(
    name: Name,
    *,
    by: By = None,
    why: Why = "",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Enable a user who was disabled or is locked out."""
    return _changed(name, lambda user: replace(user, enabled=True), (by, why, password_fd), (directory, pki), json)


def passwd(
    name: Name,
    *,
    by: By = None,
    why: Why = "password changed",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Change a password: your own, or with --as that of somebody who must then change it, and who gets a new key."""
    ask = Asker(password_fd)
    with reading():
        users = opened(directory, pki)
        if by is None or by == name:
            known = users.known(name, ask(f"password of {name}"), now())
        else:
            known = _admin(users, by, ask)
        changed = users.password(known, name, ask.new(name), why, now())
    _said(changed, json)
    return 0


def issuer(
    url: Annotated[str, typer.Argument(metavar="URL", help="Issuer, as its tokens give it; none: nobody any more.")],
    *,
    client: Annotated[str, typer.Option("--client", metavar="ID", help="This station, as the issuer knows it.")] = "",
    keys: Annotated[
        Path | None, typer.Option("--keys", metavar="FILE", help="Its public keys; fetched from it if absent.")
    ] = None,
    ca: Authorities = None,
    claim: Annotated[str, typer.Option("--roles", metavar="CLAIM", help="Claim whose words make a role.")] = "groups",
    words: Annotated[
        list[str] | None, typer.Option("--map", metavar="WORD=ROLE", help="A word and its role; may be repeated.")
    ] = None,
    names: Annotated[str, typer.Option("--names", metavar="CLAIM", help="Claim that names people here.")] = (
        "preferred_username"
    ),
    by: By = None,
    why: Why = "",
    directory: Users = USERS,
    pki: Pki = _PKI,
    password_fd: PasswordFrom = None,
    json: Json = None,
) -> int:
    """Believe tokens of an OpenID Connect issuer from now on, or of none; orders may then be placed with them."""
    from controller.login import Login  # noqa: PLC0415  # heavy
    from controller.trusting import trust  # noqa: PLC0415  # heavy
    from controller.vouched import Issuer, usable  # noqa: PLC0415  # heavy

    with reading():
        wanted: Issuer | None = None
        if url != "none":
            if not client:
                raise Refused("user issuer: found no --client, wanted this station as the issuer knows it")
            known = loads(keys.read_bytes()) if keys else asyncio.run(Login(url, ca).keys())
            made = {word: _role(name).value for word, _, name in (each.rpartition("=") for each in words or ())}
            said = {"url": url, "client": client, "role_claim": claim, "roles": made, "name_claim": names}
            wanted = Issuer.read({**said, "keys": usable(known)})
        users = opened(directory, pki)
        trust(users, _admin(users, by, Asker(password_fd)), wanted, why, now())
    people.print(f"tokens of {url} are believed from now on", markup=False)
    give({"issuer": None if wanted is None else wanted.plain()}, json)
    return 0


def token(*, ca: Authorities = None, directory: Users = USERS) -> int:
    """Get an ID token of the issuer that is believed here, on stdout, to be given where a password would be."""
    from controller.login import Login  # noqa: PLC0415  # heavy
    from controller.trusting import trusted  # noqa: PLC0415  # heavy
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy

    with reading():
        found = trusted(opened(directory))
        if found is None:
            raise Refused("user token: no issuer is believed here; an administrator runs: steadyline user issuer")
        say = functools.partial(people.print, markup=False)
        typer.echo(asyncio.run(Login(found.url, ca).token(found.client, WallClock(), say)))
    return 0


def _role(text: str) -> Role:
    from policies.people import Role  # noqa: PLC0415  # heavy

    try:
        return Role(text)
    except ValueError:
        raise Refused(f"user: found the role {text!r}, wanted one of {', '.join(Role)}") from None


def _admin(users: People, by: str | None, ask: Asker) -> Known:
    from policies.people import Right  # noqa: PLC0415  # heavy

    if by is None:
        raise Refused("user: found no --as, wanted the administrator who does it")
    return users.allowed(by, ask(f"password of {by}"), Right.ADMINISTER, now())


def _changed(
    name: str,
    new: Callable[[User], User],
    act: tuple[str | None, str, int | None],
    where: tuple[Path, Path],
    json: str | None,
) -> int:
    by, why, descriptor = act
    with reading():
        users = opened(*where)
        changed = users.change(_admin(users, by, Asker(descriptor)), name, new, why, now())
    _said(changed, json)
    return 0


def _said(user: User, json: str | None) -> None:
    state = "" if user.enabled else ", disabled"
    people.print(f"{user.name} ({user.printed}): {user.role.value}{state}, signs with key {user.key}", markup=False)
    if user.initial:
        people.print(f"to be changed first: steadyline user passwd {user.name}", markup=False)
    give(user.plain(), json)
