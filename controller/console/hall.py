"""What every page of one console shares: who may be there, what is known of the run, and where orders go."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from dataclasses import dataclass, field
from queue import SimpleQueue
from secrets import token_urlsafe

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from controller.console import acts
from controller.console.board import Board
from controller.console.doors import Doors
from controller.console.hub import Hub
from controller.console.pages import Pages
from controller.console.sessions import Session, Sessions
from controller.cycle import Act, Order
from controller.people import Denied, People, User
from controller.rights import needed
from plant_io.clocks import WallClock
from policies.people import Right, may

_FRESH_S = 2.0


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
    inbox: SimpleQueue[Order]
    """Where orders go."""
    people: People | None
    """The users who may do anything here; None where the policy takes orders from anybody at this machine."""
    clock: WallClock = field(default_factory=WallClock)
    """Time of sessions and of acts."""
    boot: str = field(default_factory=lambda: token_urlsafe(8))
    """Tells this start of the console from every other."""
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
        act = acts.read(sent, self.board.kit)
        why = acts.why(sent)
        who = await self.allowed(session, needed(act), sent)
        self.inbox.put(Order(who, why, act))
        return act

    async def allowed(self, session: Session, right: Right, sent: acts.Sent) -> str:
        """Return who may do something, having given their password at the act where there are users.

        Raises
        ------
        Denied
            If they may not, or do not give their password.
        """
        if self.people is None:
            if right not in LOCAL:
                raise Denied(f"to {right.value} needs a user with a role; the policy knows none")
            return getpass.getuser()
        if session.user is None:
            raise Denied("log in first")
        if right in CALM and may(session.user.role, right):
            return session.user.name
        password = sent.get("password")
        if not may(session.user.role, right):
            raise Denied(f"{session.user.name}: the role {session.user.role.value} may not {right.value}")
        if not isinstance(password, str) or not password:
            raise Denied("found no password, wanted it again for this act")
        await run_in_threadpool(self.people.allowed, session.user.name, password, right, self.clock.now())
        return session.user.name


CALM = frozenset({Right.ATTEND})
"""What the log-in is enough for: it moves nothing and hides nothing."""
LOCAL = frozenset({Right.RELEASE, Right.LEAD, Right.ADJUST, Right.ATTEND, Right.SHELVE, Right.DISABLE})
"""What anybody at this machine may do where the policy takes orders from anybody, as at its terminal."""
