"""The users of a station: who they are, what they may do, and what was done about it.

What counts is the chain of deeds: roles, who is disabled, whose password is the newest, who is locked out, are all read
from it anew each time. Beside it lie only the secrets, each with its SHA-256 in the chain, so that none can be put in
the place of another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from controller.records.audit import AUTOMATIC, Deed
from controller.records.chain import Signer
from controller.records.ledger import Ledger
from plant_io.security.passwords import Hashing, fits, hashed, locked_up, opened, refused
from policies.approval import fingerprint
from policies.people import Right, Role, may

TRIES = 5
"""Wrong passwords in a row after which a user is locked out [1]."""
LOCKED_S = 900.0
"""How long somebody is locked out [s]."""
_NAME = re.compile(r"[a-z][a-z0-9_.\-]{1,31}")
_TABLES = "CREATE TABLE secrets (name TEXT PRIMARY KEY, hash TEXT NOT NULL, key TEXT NOT NULL) STRICT"
_KEPT = "INSERT INTO secrets VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET hash = excluded.hash, key = excluded.key"
_WRONG = "the name or the password is wrong, or the user is locked out or disabled"
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$c3RlYWR5bGluZS5ub2JvZHk$WzGdHm6PXIRzoJ3i6Uc4bgX8sJ4m3b3NnOqj6QxkQFk"


class Denied(PermissionError):  # noqa: N818  # the condition, in the words of the field
    """Somebody is not who they say, or may not do what they ask; the message says which."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with a password and a role."""

    name: str
    """Identity, never given to anybody else."""
    printed: str
    """Name as it is printed beside signatures."""
    role: Role
    """What they are here to do."""
    enabled: bool = True
    """Whether they may do anything at all."""
    key: str = ""
    """Fingerprint of the key they sign with."""
    secret: str = ""
    """SHA-256 of what is kept of their password and key."""
    initial: bool = False
    """Whether somebody else gave them their password, so that it must be changed before it counts for anything."""
    failures: int = 0
    """Wrong passwords in a row [1]."""
    locked_until: float = 0.0
    """Until when they are locked out, POSIX time [s]."""
    keys: Mapping[str, float] = field(default_factory=dict[str, float])
    """Since when each key has been theirs, by fingerprint, the newest last, POSIX time [s]."""

    def plain(self) -> dict[str, object]:
        """Return what may be shown as plain values."""
        return {
            "name": self.name,
            "printed": self.printed,
            "role": self.role.value,
            "enabled": self.enabled,
            "key": self.key,
            "initial": self.initial,
            "failures": self.failures,
            "locked_until": self.locked_until,
        }


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody who has just given their password."""

    user: User
    """Who."""
    private: bytes
    """Key they sign with, 32 bytes."""


@dataclass(frozen=True, slots=True)
class People:
    """The users in one directory.

    ``now`` is always the time of the act, POSIX time [s].
    """

    directory: Path
    """Where they are kept, for nobody else to read."""
    hashing: Hashing = field(default_factory=Hashing)
    """What a try at a password costs."""
    signer: Signer | None = None
    """Signs the chain of deeds; nobody does where None."""

    @property
    def ledger(self) -> Ledger:
        """The chain of deeds."""
        return Ledger(self.directory, self.signer)

    @property
    def there(self) -> bool:
        """Return whether there are users at all."""
        return self.ledger.path.exists()

    def users(self) -> dict[str, User]:
        """Return every user by name, as the chain of deeds says.

        Raises
        ------
        OSError
            If they cannot be read, or others may read them.
        ValueError
            If they are not what was written.
        """
        return self._state()[0]

    def _state(self) -> tuple[dict[str, User], int]:
        """Return every user, and how many deeds say so."""
        if not self.there:
            raise FileNotFoundError(f"{self.directory}: there are no users here; run: steadyline user add")
        found, deeds = dict[str, User](), self.ledger.deeds()
        for deed in deeds:
            _happened(found, deed)
        return found, len(deeds)

    def first(self, user: User, password: str, who: str, now: float) -> User:
        """Make the first user, who must be an administrator.

        Parameters
        ----------
        user
            Name, printed name and role.
        password
            Their password.
        who
            Account of the operating system that asks.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        Denied
            If there are users already, or the role is another one.
        ValueError
            If the name or the password is not taken.
        """
        if self.there:
            raise Denied(f"{self.directory}: there are users already; an administrator adds others")
        if user.role is not Role.ADMIN:
            raise Denied(f"found the role {user.role.value} for the first user, wanted {Role.ADMIN.value}")
        made, secrets = self._secured(_named(user), password, now, initial=False)
        deed = _administered(None, made, f"account {who}", now, "first user")
        self.ledger.begin(_TABLES, deed, [(_KEPT, (made.name, *secrets))])
        return made

    def known(self, name: str, password: str, now: float) -> Known:
        """Return somebody who gives their password; five wrong ones in a row lock them out for a quarter of an hour.

        Parameters
        ----------
        name
            Who they say they are.
        password
            Their password.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        Denied
            If the password is wrong, or they are locked out, disabled or unknown; it is not said which.
        """
        user = self.users().get(name)
        if user is None or not user.enabled or now < user.locked_until:
            fits(_NOBODY, password)  # whoever guesses names learns nothing from how long it takes
            raise Denied(_WRONG)
        kept, key = self._secrets(user)
        if not fits(kept, password):
            deed = Deed("login", name, "wrong password", name, None, None, now, "", exception=True)
            self.ledger.add(deed)
            raise Denied(_WRONG)
        if user.failures:
            self.ledger.add(Deed("login", name, "right password", name, None, None, now, "after wrong ones"))
        return Known(user, opened(key, password))

    def allowed(self, name: str, password: str, right: Right, now: float) -> Known:
        """Return somebody who gives their password and may do something.

        Parameters
        ----------
        name
            Who they say they are.
        password
            Their password, or a token of the issuer that is trusted here.
        right
            What is to be done.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        Denied
            If they are not who they say, must change their password first, or may not do it.
        """
        from controller.trusting import vouched  # noqa: PLC0415  # heavy

        found = vouched(self, name, password, right, now) or self.known(name, password, now)
        if found.user.initial:
            raise Denied(f"{name}: somebody else chose this password; change it first: steadyline user passwd {name}")
        if not may(found.user.role, right):
            deed = Deed("denied", name, right.value, found.user.role.value, None, None, now, "", exception=True)
            self.ledger.add(deed)
            raise Denied(f"{name}: the role {found.user.role.value} may not {right.value}")
        return found

    def add(self, by: Known, user: User, password: str, why: str, now: float) -> User:
        """Add a user, who must change the password before anything else.

        Parameters
        ----------
        by
            The administrator.
        user
            Name, printed name and role.
        password
            A first password.
        why
            Reason.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        ValueError
            If the name or password is not taken, or the name was given to anybody before.
        """
        users, count = self._state()
        if user.name in users:
            raise ValueError(f"{user.name}: this name is taken; a name is never given to anybody else")
        made, secrets = self._secured(_named(user), password, now, initial=True)
        self._kept(_administered(None, made, by.user.name, now, why), count, made.name, secrets)
        return made

    def change(self, by: Known, name: str, new: Callable[[User], User], why: str, now: float) -> User:
        """Change the role of a user, or disable, enable or unlock them.

        Parameters
        ----------
        by
            The administrator.
        name
            The user.
        new
            What becomes of the user.
        why
            Reason.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        ValueError
            If there is no such user, or nobody would be left to administer.
        """
        users, count = self._state()
        user = _there(users, name)
        changed = replace(new(user), failures=0, locked_until=0.0)
        rest = [u for u in (*(u for n, u in users.items() if n != name), changed) if u.enabled and u.role is Role.ADMIN]
        if not rest:
            raise ValueError(f"{name}: nobody would be left who may administer users")
        self._kept(_administered(user, changed, by.user.name, now, why), count)
        return changed

    def password(self, by: Known, name: str, password: str, why: str, now: float) -> User:
        """Change a password: their own keeps the key they sign with, somebody else's gets a new key.

        Parameters
        ----------
        by
            The user, or an administrator.
        name
            Whose password it is.
        password
            The new one.
        why
            Reason.
        now
            Time of the act, POSIX time [s].

        Raises
        ------
        ValueError
            If there is no such user, or the password is not taken.
        """
        users, count = self._state()
        user = _there(users, name)
        own = by.user.name == name
        if fits(self._secrets(user)[0], password):
            raise ValueError(f"{name}: found the password there is, wanted another one")
        private = by.private if own else None
        changed, secrets = self._secured(user, password, now, initial=not own, private=private)
        self._kept(_administered(user, changed, by.user.name, now, why), count, name, secrets)
        return changed

    def tell(self, deed: Deed) -> None:
        """Keep a deed that is not about users, such as a signature."""
        self.ledger.add(deed)

    def _secured(
        self, user: User, password: str, now: float, *, initial: bool, private: bytes | None = None
    ) -> tuple[User, tuple[str, str]]:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415  # heavy

        wrong = refused(password, user.name)
        if wrong:
            raise ValueError(f"{user.name}: {wrong}")
        key = Ed25519PrivateKey.generate() if private is None else Ed25519PrivateKey.from_private_bytes(private)
        secrets = hashed(password, self.hashing), locked_up(key.private_bytes_raw(), password, self.hashing)
        name = fingerprint(key.public_key().public_bytes_raw())
        keys = user.keys if name in user.keys else {**user.keys, name: now}
        return (
            replace(user, key=name, keys=keys, secret=_digest(*secrets), initial=initial, failures=0, locked_until=0.0),
            secrets,
        )

    def _secrets(self, user: User) -> tuple[str, str]:
        rows = self.ledger.rows("SELECT hash, key FROM secrets WHERE name = ?", user.name)
        if len(rows) != 1 or _digest(*rows[0]) != user.secret:
            raise ValueError(f"{self.ledger.path}: what is kept of the password of {user.name} is not what was written")
        return str(rows[0][0]), str(rows[0][1])

    def _kept(self, deed: Deed, after: int, name: str = "", secrets: tuple[str, str] | None = None) -> None:
        self.ledger.add(deed, () if secrets is None else [(_KEPT, (name, *secrets))], after)


def _named(user: User) -> User:
    if not _NAME.fullmatch(user.name):
        said = "wanted 2 to 32 lower-case letters, digits, dots, dashes and underscores, a letter first"
        raise ValueError(f"found the name {user.name!r}, {said}")
    if user.name in AUTOMATIC:
        raise ValueError(f"found the name {user.name!r}, under which the controller itself acts, wanted another")
    if not user.printed.strip():
        raise ValueError(f"{user.name}: found no printed name, wanted the one that stands beside signatures")
    return user


def _there(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise ValueError(f"{name}: there is no such user")
    return users[name]


def _digest(hash_: str, key: str) -> str:
    return sha256(f"{hash_}\0{key}".encode()).hexdigest()


def _administered(old: User | None, new: User, who: str, now: float, why: str) -> Deed:
    """Return what is kept of an act of user administration: everything that counts of a user, before and after."""
    if not why.strip():
        raise ValueError("found no reason, wanted one for the record")
    before, after = (None if each is None else _counts(each) for each in (old, new))
    changed = [key for key, value in (after or {}).items() if before is None or before[key] != value]
    what = "user added" if before is None else f"changed: {', '.join(changed) or 'unlocked'}"
    return Deed("user", who, what, new.name, before, after, now, why, exception=True)


def _counts(user: User) -> dict[str, object]:
    said = {key: value for key, value in user.plain().items() if key not in {"failures", "locked_until"}}
    return said | {"secret": user.secret}


def _happened(users: dict[str, User], deed: Mapping[str, Any]) -> None:
    """Let a deed count."""
    name, at = str(deed["subject"]), float(deed["at"])
    if deed["kind"] == "user":
        said, had = deed["new"], users.get(name)
        keys = dict[str, float]() if had is None else had.keys
        users[name] = User(
            name=name,
            printed=said["printed"],
            role=Role(said["role"]),
            enabled=said["enabled"],
            key=said["key"],
            secret=said["secret"],
            initial=said["initial"],
            keys=keys if said["key"] in keys else {**keys, said["key"]: at},
        )
    elif deed["kind"] == "login":
        wrong = users[name].failures + 1 if deed["what"] == "wrong password" else 0
        locked = wrong >= TRIES
        until = at + LOCKED_S if locked else users[name].locked_until
        users[name] = replace(users[name], failures=0 if locked else wrong, locked_until=until)
