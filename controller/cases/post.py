"""Orders about cases that other programs leave beside the record of a run, which takes them in while it goes on.

Each is one file that appears whole. Where the policy takes orders from users alone, it bears the signature of a user
whose role permits it; whatever else lies there is refused, said once, and removed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from threading import Event, Thread
from typing import Any, Self

from anomaly.cases import Carry, CaseAct, Countersign, Dispose
from controller.cases.plain import act, needed
from controller.cycle import Order
from controller.people import Denied, People
from controller.runtime import Options
from controller.signed import found
from plant_io.clocks import WallClock
from policies import Policy
from policies.approval import Approval, read
from policies.people import may

FOLDER = "orders"
"""Where orders are left, in the directory of the record."""
_EVERY_S, _FRESH_S = 0.5, 600.0
_LONGEST = 200_000


@dataclass(frozen=True, slots=True)
class Letter:
    """One order that was left."""

    who: str
    """Who orders it."""
    why: str
    """Reason."""
    act: CaseAct
    """What is to be done."""
    approval: str = ""
    """Signature of the user, as `policies.approval` writes it; empty where none is wanted."""

    def text(self) -> str:
        """Return what is signed, as JSON."""
        return json.dumps({"who": self.who, "why": self.why, "act": asdict(self.act)}, sort_keys=True)

    @property
    def sha256(self) -> str:
        """SHA-256 of what is signed, hexadecimal."""
        return sha256(self.text().encode()).hexdigest()


def left(record: Path, letter: Letter) -> Path:
    """Leave an order beside a record; return its file, which is gone once it was taken in.

    Parameters
    ----------
    record
        Record directory of the run.
    letter
        The order.

    Raises
    ------
    OSError
        If it cannot be written.
    """
    folder = record / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{token_hex(8)}.json"
    half = file.with_suffix(".part")
    half.write_text(json.dumps({"order": letter.text(), "approval": letter.approval}), encoding="utf-8")
    half.chmod(0o600)
    half.replace(file)
    return file


class Post:
    """Takes in orders that are left beside the record of a run, in a thread of its own, while it is entered.

    Parameters
    ----------
    options
        How the run is run: its record, and where its orders go.
    policy
        Policy of the run.
    users
        Gives the users of the station.
    tell
        Says why an order is not taken.
    """

    def __init__(
        self, options: Options, policy: Policy, users: Callable[[], People], tell: Callable[[str], None]
    ) -> None:
        self._inbox, self._record, self._users, self._tell = options.inbox, options.record, users, tell
        self._only_users = policy.people.orders == "users"
        self._over = Event()

    def __enter__(self) -> Self:
        """Begin."""
        Thread(target=self._look, name="post", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()

    def _look(self) -> None:
        while not self._over.wait(_EVERY_S):
            self.collect()

    def collect(self) -> None:
        """Take in what was left, the oldest first."""
        folder = None if self._record is None else self._record / FOLDER
        try:
            files = sorted(folder.glob("*.json"), key=os.path.getmtime) if folder is not None else []
        except OSError:
            return
        for file in files:
            try:
                self._inbox.put(self._taken(file))
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._tell(f"an order left beside the record is refused: {error}")
            file.unlink(missing_ok=True)

    def _taken(self, file: Path) -> Order:
        if file.stat().st_size > _LONGEST:
            raise ValueError(f"{file.name}: found more than {_LONGEST} bytes")
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        order: dict[str, Any] = json.loads(said["order"])
        letter = Letter(str(order["who"]), str(order["why"]), act(order["act"]), str(said["approval"]))
        if isinstance(letter.act, Carry):
            raise Denied("only the run itself goes on with cases of an earlier one")
        if self._only_users:
            self._permitted(letter)
        self._owned(letter.act)
        return Order(letter.who, letter.why, letter.act)

    def _permitted(self, letter: Letter) -> None:
        """See that a user signed an order who may place it."""
        if not letter.approval:
            raise Denied(f"{letter.who}: the policy takes orders from users alone, and this one is not signed")
        (approval,) = read(letter.approval.encode())
        people = self._users()
        (judged,) = found(people, letter.sha256, [approval])
        if judged.wrong or approval.user != letter.who or approval.act != "order":
            raise Denied(f"{letter.who}: the signature of the order does not count: {judged.wrong or 'of another'}")
        if abs(WallClock().now() - approval.at) > _FRESH_S:
            raise Denied(f"{letter.who}: the order was signed more than {_FRESH_S:g} s ago")
        user = people.users()[letter.who]
        if not user.enabled or not may(user.role, needed(letter.act)):
            raise Denied(f"{letter.who}: the role {user.role.value} may not {needed(letter.act).value}")

    def _owned(self, done: CaseAct) -> None:
        """See that a signature under a disposition is by a user of this station, where there are any."""
        people = self._users()
        if not isinstance(done, Dispose | Countersign) or not done.signature or not people.there:
            return
        (approval,) = read(done.signature.encode())
        wrong = _foreign(approval, people)
        if wrong:
            raise Denied(f"{approval.who}: the signature does not count: {wrong}")


def _foreign(approval: Approval, people: People) -> str:
    (judged,) = found(people, approval.sha256, [approval])
    return judged.wrong
