"""What every page of one console shares: who may be there, what is known of the run, and where orders go."""

from __future__ import annotations

import getpass
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Protocol

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from anomaly.cases import Countersign, Dispose
from controller.console import acts, judging, trends
from controller.console.beside import Beside
from controller.console.board import Board
from controller.console.doors import Doors
from controller.console.hub import Hub
from controller.console.pages import Pages
from controller.console.sessions import Session, Sessions
from controller.cycle import Act, Order
from controller.people import Denied, Known, People, User
from controller.rights import needed
from plant_io.clocks import WallClock
from policies.people import Right, may

_FRESH_S = 2.0


class Inbox(Protocol):
    """Where orders go."""

    def put(self, item: Order, /) -> None:
        """Take an order; returns at once."""
        ...


class Wanting(PermissionError):  # noqa: N818  # the condition, in the words of the field
    """Somebody must log in first."""


@dataclass(slots=True)
class Hall:
    """One console."""

    hub: Hub
    """What tells browsers of changes."""
    pages: Pages
    """What draws pages."""
    doors: Doors
    """Where it is served."""
    inbox: Inbox
    """Where orders go."""
    people: People | None
    """The users who may do anything here; None where the policy takes orders from anybody at this machine."""
    clock: WallClock = field(default_factory=WallClock)
    """Time of sessions and of acts."""
    boot: str = field(default_factory=lambda: token_urlsafe(8))
    """Tells this start of the console from every other."""
    beside: Beside = field(default_factory=Beside)
    """What takes its time is worked out there."""
    sessions: Sessions = field(init=False)
    """Who is at which browser."""
    _users: tuple[float, Mapping[str, User]] = (float("-inf"), {})

    def __post_init__(self) -> None:
        self.sessions = Sessions(self.clock.now)

    @property
    def board(self) -> Board:
        """What is known of the run."""
        return self.hub.board

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the name of a session."""
        return "__Host-steadyline" if self.doors.secure else "steadyline"

    def session(self, request: Request, *, uses: bool = True) -> Session:
        """Return who asks; where nobody needs to log in, a new session if there is none.

        Parameters
        ----------
        request
            What is asked.
        uses
            Whether this keeps the session from ending.

        Raises
        ------
        Wanting
            If somebody must log in first.
        """
        found = self.sessions.find(request.cookies.get(self.cookie, ""), uses=uses)
        if self.people is None:
            return found or self.sessions.open(None)
        if found is None or found.user is None:
            raise Wanting("log in first")
        now = self._known().get(found.user.name)
        if now is None or not now.enabled or now.initial:
            self.sessions.close(found.id)
            raise Wanting("log in again")
        found.user = now
        return found

    def _known(self) -> Mapping[str, User]:
        """Return the users as the chain of deeds says, no older than two seconds."""
        at, found = self._users
        now = self.clock.now()
        if self.people is not None and now - at > _FRESH_S:
            found = self.people.users()
            self._users = (now, found)
        return found

    async def logged_in(self, name: str, password: str) -> Session:
        """Return a new session of somebody who gives their password.

        Raises
        ------
        Denied
            If they are not who they say, or must change their password first.
        """
        if self.people is None:
            raise Denied("nobody logs in here: the policy takes orders from anybody at this machine")
        known = await run_in_threadpool(self.people.known, name, password, self.clock.now())
        if known.user.initial:
            raise Denied(f"{name}: somebody else chose this password; change it first: steadyline user passwd {name}")
        self._users = (float("-inf"), {})
        return self.sessions.open(known.user)

    def may(self, session: Session, right: Right) -> bool:
        """Return whether a page offers somebody something; whether they may is judged again when they do it."""
        if self.people is None:
            return right in LOCAL
        return session.user is not None and may(session.user.role, right)

    async def order(self, session: Session, sent: acts.Sent) -> Act:
        """Put an order on the desk.

        Parameters
        ----------
        session
            Who asks.
        sent
            What they sent.

        Raises
        ------
        ValueError
            If it is nothing that can be asked for.
        Denied
            If they may not, or do not give their password.
        """
        act, why = acts.read(sent, self.board), acts.why(sent)
        who, known = await self.allowed(session, needed(act), sent)
        if isinstance(act, Dispose | Countersign):
            act = self._signed(act, why, known)
        self.inbox.put(Order(who, why, act))
        return act

    def _signed(self, act: Dispose | Countersign, why: str, known: Known | None) -> Dispose | Countersign:
        """Return a disposition with the signature the policy wants next; as it is where it wants none."""
        declared = self.board.kit.policy.cases
        if declared is None or not declared.signatures:
            return act
        if known is None or self.people is None:
            raise Denied("the policy wants it signed, which needs users with keys")
        case = trends.case(self.board, act.case)
        return judging.signed_act(self.people, known, judging.Judged(act, case, why, declared), self.clock.now())

    async def allowed(self, session: Session, right: Right, sent: acts.Sent) -> tuple[str, Known | None]:
        """Return who may do something, having given their password at the act where there are users.

        Parameters
        ----------
        session
            Who asks.
        right
            What it takes.
        sent
            What they sent.

        Raises
        ------
        Denied
            If they may not, or do not give their password.
        """
        if self.people is None:
            if right not in LOCAL:
                raise Denied(f"to {right.value} needs a user with a role; the policy knows none")
            return getpass.getuser(), None
        if session.user is None:
            raise Denied("log in first")
        if not may(session.user.role, right):
            raise Denied(f"{session.user.name}: the role {session.user.role.value} may not {right.value}")
        if right in CALM:
            return session.user.name, None
        password = sent.get("password")
        if not isinstance(password, str) or not password:
            raise Denied("found no password, wanted it again for this act")
        known = await run_in_threadpool(self.people.allowed, session.user.name, password, right, self.clock.now())
        return session.user.name, known


Answer = Callable[[Hall, Request, Session], Awaitable[Response]]
"""Answers a request of somebody known."""
CALM = frozenset({Right.ATTEND})
"""What the log-in is enough for: it moves nothing and hides nothing."""
LOCAL = frozenset(
    {
        Right.RELEASE,
        Right.LEAD,
        Right.DIRECT,
        Right.ADJUST,
        Right.ATTEND,
        Right.SHELVE,
        Right.DISABLE,
        Right.FOLLOW,
    }
)
"""What anybody at this machine may do where the policy takes orders from anybody, as at its terminal."""
