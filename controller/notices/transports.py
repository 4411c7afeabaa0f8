"""Ways of carrying one notice to one receiver: HTTP with a signature, mail, Apprise; whatever goes wrong is a value.

The signature of a webhook is HMAC-SHA256 (RFC 2104) over the time of the attempt, a full stop and the body, so that
neither can be changed and an old message cannot be played again; `docs/alarms.md` shows how a receiver checks it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol, cast

from controller.notices.state import Notice
from controller.notices.words import instant, subject, text
from policies.notices import Chat, Email, Kept, Notices, Receiver, Webhook

_AGAIN = frozenset({408, 425, 429})
_TAKEN = 300
_BROKEN = 500
_SERVICE_CLOSING = 421
_PERMANENT = 500


@dataclass(frozen=True, slots=True)
class Sent:
    """What came of one attempt."""

    delivered: bool
    """Whether the receiver took it."""
    status: str
    """What it said, or why nothing was heard of it."""
    again: bool = True
    """Whether another attempt may come to something else."""


class Transport(Protocol):
    """A way to one receiver."""

    async def send(self, notice: Notice, at: float) -> Sent:
        """Try once; `at` is the time of the attempt, POSIX time [s]. Nothing is raised."""
        ...

    async def close(self) -> None:
        """Let go of the way."""
        ...


def body(notice: Notice) -> bytes:
    """Return a notice as a webhook is sent it: JSON, always the same bytes for the same notice."""
    plain = asdict(notice)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def signature(key: bytes, timestamp: str, said: bytes) -> str:
    """Return what proves that a webhook was sent by who knows the key.

    Examples
    --------
    >>> signature(b"key", "1", b"{}")[:20]
    'v1=1ba6b8171186efc61'
    """
    return "v1=" + hmac.new(key, timestamp.encode() + b"." + said, hashlib.sha256).hexdigest()


def found(kept: Kept) -> str:
    """Return something secret from where it is kept.

    Raises
    ------
    ValueError
        If it is not there, or empty.
    """
    try:
        value = os.environ[kept.env] if kept.env is not None else Path(kept.file or "").read_text(encoding="utf-8")
    except (KeyError, OSError, UnicodeDecodeError) as error:
        raise ValueError(f"nothing secret was found in {kept.env or kept.file}") from error
    value = value.rstrip("\r\n")
    if not value:
        raise ValueError(f"{kept.env or kept.file} is empty")
    return value


def transports(declared: Notices) -> dict[str, Transport]:
    """Return a way to every receiver; one that cannot be had says so at every attempt."""
    return {name: _opened(one) for name, one in declared.receivers.items()}


def _opened(declared: Receiver) -> Transport:
    try:
        if isinstance(declared, Webhook):
            return Hook(declared)
        return Mail(declared) if isinstance(declared, Email) else Chats(declared)
    except (ValueError, OSError) as error:
        return Missing(str(error))


@dataclass(frozen=True, slots=True)
class Missing:
    """A way that cannot be had."""

    why: str
    """Why."""

    async def send(self, notice: Notice, at: float) -> Sent:
        """Say that it cannot be had; `at` is the time of the attempt, POSIX time [s]."""
        del notice, at
        return Sent(delivered=False, status=self.why, again=False)

    async def close(self) -> None:
        """Do nothing."""


class Hook:
    """A program that is posted each notice, signed.

    Parameters
    ----------
    declared
        What the policy says of it.

    Raises
    ------
    OSError
        If the authority of its certificate cannot be read.
    ValueError
        If its key is not there.
    """

    def __init__(self, declared: Webhook) -> None:
        import httpx  # noqa: PLC0415  # heavy

        self._declared, self._key = declared, found(declared.secret).encode()
        context = ssl.create_default_context(cafile=declared.ca)
        self._client = httpx.AsyncClient(
            verify=context, timeout=declared.timeout_s, follow_redirects=False, trust_env=False
        )
        self._broken: type[Exception] = httpx.HTTPError

    async def send(self, notice: Notice, at: float) -> Sent:
        """Post it once; `at` is the time of the attempt, POSIX time [s]."""
        said, timestamp = body(notice), f"{at:.0f}"
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": notice.key,
            "X-Steadyline-Timestamp": timestamp,
            "X-Steadyline-Signature": signature(self._key, timestamp, said),
        }
        try:
            answer = await self._client.post(self._declared.url, content=said, headers=headers)
        except self._broken as error:
            return Sent(delivered=False, status=f"{type(error).__name__}: {error}".rstrip(": "))
        code = answer.status_code
        taken = code < _TAKEN
        return Sent(taken, f"HTTP {code}", again=not taken and (code >= _BROKEN or code in _AGAIN))

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()


class Mail:
    """People who are sent each notice by mail.

    Parameters
    ----------
    declared
        What the policy says of them.

    Raises
    ------
    OSError
        If the authority of the server's certificate cannot be read.
    ValueError
        If the password is not there.
    """

    def __init__(self, declared: Email) -> None:
        import aiosmtplib  # noqa: PLC0415  # heavy

        self._declared, self._send = declared, aiosmtplib.send
        self._password = None if declared.password is None else found(declared.password)
        self._context = None if declared.security == "none" else ssl.create_default_context(cafile=declared.ca)
        self._broken: tuple[type[Exception], ...] = (aiosmtplib.SMTPException, OSError)

    async def send(self, notice: Notice, at: float) -> Sent:
        """Hand it to the mail server once; `at` is the time of the attempt, POSIX time [s]."""
        one, security = self._declared, self._declared.security
        try:
            refused, said = await self._send(
                letter(notice, one, at),
                hostname=one.host,
                port=one.port,
                username=one.user,
                password=self._password,
                use_tls=security == "tls",
                start_tls=security == "starttls",
                tls_context=self._context,
                timeout=one.timeout_s,
            )
        except self._broken as error:
            code = getattr(error, "code", None)
            again = not isinstance(code, int) or code < _PERMANENT
            return Sent(delivered=False, status=f"{type(error).__name__}: {error}", again=again)
        if refused:
            return Sent(delivered=False, status=f"not taken for {', '.join(refused)}", again=False)
        return Sent(delivered=True, status=said.strip())

    async def close(self) -> None:
        """Do nothing: each notice has a connection of its own."""


def letter(notice: Notice, declared: Email, at: float) -> EmailMessage:
    """Return a notice as a letter.

    Parameters
    ----------
    notice
        The notice.
    declared
        What the policy says of who gets it.
    at
        Time of the attempt, POSIX time [s].
    """
    message = EmailMessage()
    message["Subject"] = subject(notice)
    message["From"], message["To"] = declared.sender, ", ".join(declared.to)
    message["Date"] = format_datetime(instant(at))
    message["Message-ID"] = f"<{notice.key}@{declared.sender.partition('@')[2]}>"
    message["X-Steadyline-Key"] = notice.key
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text(notice))
    return message


class _Apprise(Protocol):
    def add(self, servers: str, /) -> bool: ...

    def notify(self, body: str, title: str) -> bool | None: ...


class Chats:
    """A service reached by Apprise.

    Parameters
    ----------
    declared
        What the policy says of it.

    Raises
    ------
    ValueError
        If Apprise is not installed, does not know the address, or the address is not there.
    """

    def __init__(self, declared: Chat) -> None:
        try:
            import apprise  # noqa: PLC0415  # an extra
        except ImportError as error:
            raise ValueError("Apprise is not installed; run: pip install steadyline[notify]") from error
        made = cast("Callable[[], _Apprise]", vars(apprise)["Apprise"])
        self._timeout_s, self._service = declared.timeout_s, made()
        if not self._service.add(found(declared.url)):
            raise ValueError("Apprise does not know the address of this receiver")

    async def send(self, notice: Notice, at: float) -> Sent:
        """Hand it to the service once, beside the loop; `at` is the time of the attempt, POSIX time [s]."""
        del at
        try:
            async with asyncio.timeout(self._timeout_s):
                taken = await asyncio.to_thread(self._service.notify, text(notice), subject(notice))
        except (OSError, TypeError, ValueError) as error:
            return Sent(delivered=False, status=f"{type(error).__name__}: {error}")
        return Sent(delivered=bool(taken), status="taken" if taken else "Apprise could not deliver it")

    async def close(self) -> None:
        """Do nothing."""


Open = Callable[[Notices], Mapping[str, Transport]]
"""Opens a way to every receiver of a policy."""
