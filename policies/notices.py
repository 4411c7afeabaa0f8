"""What a policy says of notices: who is told of alarms beyond the screen, of which, how often, and who comes next.

No word of a policy is a secret: what receivers want to be shown stands in the environment or a file of the station.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from policies.served import local
from policies.told import Priority, Route
from policies.words import Declared, Duration, Phrase, Word

When = Literal["raised", "worsened", "cleared", "acknowledged", "shelved", "unshelved", "out of service"]
"""What may be told of an alarm."""

Address = Annotated[str, Field(pattern=r"^[^\s@<>]+@[^\s@<>]+$")]
"""A mail address, without a name."""


class Kept(Declared):
    """Where something secret is found when a run begins."""

    env: str | None = None
    """Variable of the environment."""
    file: str | None = None
    """File of the station, whose last line break is left out."""

    @model_validator(mode="after")
    def _one(self) -> Kept:
        if (self.env is None) == (self.file is None):
            raise ValueError("found both or neither of env and file, expected one of them")
        return self


class _Receiver(Declared):
    tries: Annotated[int, Field(ge=1, le=20)] = 5
    """Most attempts for one notice [1]."""
    backoff_s: Duration = Field(default=2.0, alias="backoff")
    """Time from the first attempt to the second, twice as long for each after it, an hour at most [s]."""
    timeout_s: Duration = Field(default=10.0, alias="timeout")
    """Longest time for one attempt [s]."""
    most: Annotated[int, Field(ge=1)] = 10
    """Most notices in `within`; what is more waits and comes as one [1]."""
    within_s: Duration = Field(default=600.0, alias="within")
    """Time in which they are counted [s]."""
    plain: bool = False
    """Whether it may be reached without encryption though it is another machine."""


class Webhook(_Receiver):
    """A program that is sent each notice by HTTP, signed."""

    kind: Literal["webhook"]
    """Way of telling."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s/]+")]
    """Address it is posted to."""
    secret: Kept
    """Key of the signature (HMAC-SHA256)."""
    ca: str | None = None
    """File of the station with the authority that signs its certificate; those of the system where absent."""

    @model_validator(mode="after")
    def _sealed(self) -> Webhook:
        split = urlsplit(self.url)
        if split.username is not None or split.password is not None:
            raise ValueError("found a user in the address, expected none: secrets are no part of a policy")
        if split.scheme == "http" and not self.plain and not local(split.hostname or ""):
            raise ValueError("found http to another machine, expected https, or plain: true")
        return self


class Email(_Receiver):
    """People who are sent each notice by mail."""

    kind: Literal["email"]
    """Way of telling."""
    host: str
    """Mail server."""
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    """Its port [1]."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """Encryption: asked for after connecting, from the first byte, or not at all."""
    sender: Address
    """Address they come from."""
    to: Annotated[tuple[Address, ...], Field(min_length=1)]
    """Addresses they go to."""
    user: str | None = None
    """Name shown to the server; nobody where absent."""
    password: Kept | None = None
    """Password of that user."""
    ca: str | None = None
    """File of the station with the authority that signs its certificate; those of the system where absent."""

    @model_validator(mode="after")
    def _sealed(self) -> Email:
        if self.security == "none" and not self.plain and not local(self.host):
            raise ValueError("found security: none to another machine, expected starttls or tls, or plain: true")
        if (self.user is None) != (self.password is None):
            raise ValueError("found one of user and password, expected both or neither")
        return self


class Chat(_Receiver):
    """A service reached by Apprise, which is an extra (`notify`)."""

    kind: Literal["apprise"]
    """Way of telling."""
    url: Kept
    """Address as Apprise writes it, which holds its secrets."""


Receiver = Annotated[Webhook | Email | Chat, Field(discriminator="kind")]
"""Anybody who is told."""


class _Chosen(Declared):
    to: Annotated[tuple[Word, ...], Field(min_length=1)]
    """Receivers by name."""
    priorities: tuple[Priority, ...] = ()
    """Priorities of the alarms; any where empty."""
    classes: tuple[Phrase, ...] = ()
    """Classes of the alarms; any where empty."""
    roles: tuple[Route, ...] = ()
    """Roles that the alarms are routed to; any where empty."""


class Way(_Chosen):
    """Which alarms go to whom."""

    when: Annotated[tuple[When, ...], Field(min_length=1)] = ("raised", "worsened", "unshelved")
    """What is told of them."""
    digest_s: Duration | None = Field(default=None, alias="digest")
    """Time for which they are gathered into one notice [s]; at once where absent."""


class Escalation(_Chosen):
    """Who is told when nobody acknowledges."""

    after_s: Duration = Field(alias="after")
    """Time for which an alarm is unacknowledged [s]."""
    owner: str
    """Whose alarm it is then."""


class Notices(Declared):
    """Who is told of alarms beyond the screen."""

    receivers: Annotated[dict[Word, Receiver], Field(min_length=1)]
    """Receivers by name; nobody else is ever told."""
    ways: dict[Word, Way] = Field(default_factory=dict[str, Way])
    """Which alarms go to whom, by name; an alarm takes every way that fits."""
    escalations: dict[Word, Escalation] = Field(default_factory=dict[str, Escalation])
    """Who is told when nobody acknowledges, by name."""
