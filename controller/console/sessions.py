"""Who is at which browser: random names of sessions, kept in memory, that end when nobody does anything for a while."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import compare_digest, token_urlsafe

from controller.people import User

IDLE_S = 900.0
"""Time without a request after which a session ends [s]."""
LONGEST_S = 43_200.0
"""Time after which a session ends whatever is done in it [s]."""
MOST = 1000
"""Most sessions at the same time; the one longest unused gives way [1]."""
_BYTES = 32
_SAID = 5


@dataclass(slots=True)
class Session:
    """One browser."""

    id: str
    """Its name, known to the browser only."""
    csrf: str
    """What forms of this browser must bring back."""
    user: User | None
    """Who has logged in there; None where nobody has, at a station that asks nobody."""
    opened: float
    """When it began, by the clock of the sessions [s]."""
    used: float
    """When it was used last, by the clock of the sessions [s]."""
    said: list[str] = field(default_factory=list[str])
    """Sentences its next page shows once."""

    def say(self, sentence: str) -> None:
        """Show a sentence on the next page."""
        self.said = [*self.said, sentence][-_SAID:]

    def told(self) -> list[str]:
        """Return the sentences to be shown, once."""
        found, self.said = self.said, []
        return found

    def brings(self, token: str) -> bool:
        """Return whether a form was made for this browser."""
        return compare_digest(token.encode(), self.csrf.encode())


class Sessions:
    """All browsers at this console.

    Parameters
    ----------
    now
        Gives the time [s]; it never goes back.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._there = dict[str, Session]()

    def open(self, user: User | None) -> Session:
        """Return a new session, under a name nobody can guess."""
        now = self._now()
        if len(self._there) >= MOST:
            del self._there[min(self._there.values(), key=lambda each: each.used).id]
        session = Session(token_urlsafe(_BYTES), token_urlsafe(_BYTES), user, now, now)
        self._there[session.id] = session
        return session

    def find(self, name: str, *, uses: bool = True) -> Session | None:
        """Return a session, if there is one and it has not ended.

        Parameters
        ----------
        name
            What the browser brought.
        uses
            Whether this keeps it from ending.
        """
        session, now = self._there.get(name), self._now()
        if session is None:
            return None
        if now - session.used > IDLE_S or now - session.opened > LONGEST_S:
            del self._there[name]
            return None
        if uses:
            session.used = now
        return session

    def close(self, name: str) -> None:
        """End a session."""
        self._there.pop(name, None)
