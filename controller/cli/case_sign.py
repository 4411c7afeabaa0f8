"""Who orders something about a case, and the signatures that go with it; the password is asked for once."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from typing import Protocol

from anomaly.cases import Case, CaseAct, Disposition
from controller.cases import judging
from controller.cases.plain import needed
from controller.cases.post import Letter
from controller.cli.asking import Asker
from controller.cli.ends import Refused
from controller.cli.show import people as screen
from controller.cli.user import now
from controller.people import Denied, Known, People
from controller.signed import entered
from policies import Policy
from policies.approval import Approval, Statement
from policies.people import SIGNING, Meaning, Right, may


class Way(Protocol):
    """How an order is placed."""

    @property
    def user(self) -> str | None:
        """Who places it; None where nobody said."""
        ...

    @property
    def why(self) -> str:
        """Reason."""
        ...


@dataclass(slots=True)
class Signs:
    """Signs what one person orders about one case."""

    people: People
    """The users of the station."""
    ask: Asker
    """Asks for the password."""
    case: Case
    """The case."""
    policy: Policy
    """Policy of the run."""
    _known: dict[str, Known] = field(default_factory=dict[str, Known])

    def judged(self, disposition: Disposition, reason: str, way: Way) -> str:
        """Return the signature under a disposition, empty where the policy wants none; it shows what is signed first.

        Parameters
        ----------
        disposition
            What the case is judged to be.
        reason
            Reason of the disposition.
        way
            Who signs, and why.

        Raises
        ------
        Refused
            If nobody said who signs.
        Denied
            If they may not.
        """
        wanted = () if self.policy.cases is None else self.policy.cases.signatures
        place = 0 if self.case.disposition is None else len(self.case.signatures)
        if place >= len(wanted):
            return ""
        shown = judging.shown(self.case, disposition, reason)
        screen.print(shown, markup=False)
        meaning = wanted[place]
        known = self._who(way, Right.JUDGE)
        self._may(known, meaning)
        digest = judging.subject(self.case, disposition, reason)
        return self._made(known, Statement(
            act="judge", file=self.case.id, sha256=digest, who=known.user.printed, why=way.why, at=now(), key="",
            user=known.user.name, meaning=meaning, shown=shown,
        ))  # fmt: skip

    def letter(self, act: CaseAct, way: Way) -> Letter:
        """Return the order, signed by a user where the policy takes orders from users alone.

        Raises
        ------
        Refused
            If nobody said who places it.
        Denied
            If they may not.
        """
        if self.policy.people.orders != "users":
            return Letter(way.user or getpass.getuser(), way.why, act)
        known = self._who(way, needed(act))
        plain = Letter(known.user.name, way.why, act)
        text = self._made(known, Statement(
            act="order", file=self.case.id, sha256=plain.sha256, who=known.user.printed, why=way.why, at=now(),
            key="", user=known.user.name, meaning=Meaning.AUTHORSHIP,
        ))  # fmt: skip
        return Letter(known.user.name, way.why, act, text)

    def _who(self, way: Way, right: Right) -> Known:
        if way.user is None:
            raise Refused("found no --user, wanted who does it: this is signed")
        if way.user not in self._known:
            password = self.ask(f"password of {way.user}")
            self._known[way.user] = self.people.allowed(way.user, password, right, now())
        return self._known[way.user]

    @staticmethod
    def _may(known: Known, meaning: Meaning) -> None:
        if not may(known.user.role, SIGNING[meaning]):
            raise Denied(f"{known.user.name}: the role {known.user.role.value} may not {SIGNING[meaning].value}")

    def _made(self, known: Known, statement: Statement) -> str:
        approval: Approval = entered(self.people, known, statement)
        return approval.model_dump_json(exclude_none=True)
