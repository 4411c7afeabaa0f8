"""Sessions that an OPC UA server refuses, and reports that it loses, because something is wrong with it (asyncua)."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol, cast

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.ua.status_codes import StatusCodes

from hil.faults.opcua import Strange

_REFUSED: Mapping[str, int] = MappingProxyType(
    {
        "ua_full": StatusCodes.BadTooManySessions,
        "ua_expired": StatusCodes.BadCertificateTimeInvalid,
        "ua_untrusted": StatusCodes.BadCertificateUntrusted,
        "ua_uri": StatusCodes.BadCertificateUriInvalid,
        "ua_password": StatusCodes.BadIdentityTokenRejected,
    }
)
"""What whoever asks for a session is told."""
_NOBODY = User(role=UserRole.Anonymous)
_OVERFLOW = 0x0000_0480  # info type data value, overflow (OPC 10000-4, 7.39.1)

_Send = Callable[..., Coroutine[object, object, None]]


class _Message(Protocol):
    """What a report brings."""

    SequenceNumber: int
    NotificationData: list[object]


class _Report(Protocol):
    """One report."""

    NotificationMessage: _Message


class _Subscription(Protocol):
    """What is needed of a subscription; the library's own class is too large for type checkers."""

    pub_result_callback: _Send


class _Item(Protocol):
    """One value of a report."""

    Value: ua.DataValue


class _Changes(Protocol):
    """Values of a report."""

    MonitoredItems: list[_Item]


class Gate(InternalServer):
    """The inside of a server: it gives sessions to whoever connects, unless something is wrong."""

    strange: Strange | None = None
    """What is wrong with the server."""

    def create_session(self, name: str, user: User = _NOBODY, external: bool = False) -> InternalSession:  # noqa: FBT001, FBT002  # as the library calls it
        """Return a session.

        Raises
        ------
        ServiceError
            If it is refused.
        """
        refused = self.strange.refusal() if external and self.strange is not None else ""
        if refused:
            raise ServiceError(_REFUSED[refused])
        return super().create_session(name, user, external)

    def drop(self) -> None:
        """Close every connection."""
        for transport in list(self.asyncio_transports):
            transport.close()


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """The way of reports to a client, on which some are lost and some say that there were more."""

    send: _Send
    strange: Strange

    async def __call__(self, result: _Report, *request: object) -> None:
        """Send one report."""
        if result.NotificationMessage.NotificationData and self.strange.loses():
            await self.send(_lost(result), *request)
            return
        if self.strange.overflows():
            _mark(result)
        await self.send(result, *request)


def spoil(subscriptions: Iterable[object], strange: Strange) -> None:
    """Let reports of subscriptions go the way on which they may be lost; those that go it already are left alone."""
    for subscription in cast("Iterable[_Subscription]", subscriptions):
        if not isinstance(subscription.pub_result_callback, _Spoilt):
            subscription.pub_result_callback = _Spoilt(subscription.pub_result_callback, strange)


def _lost(result: _Report) -> _Report:
    """Return what comes instead of a lost report: one without news, with the number of the next (OPC 10000-4, 5.14)."""
    instead, message = copy(result), copy(result.NotificationMessage)
    message.NotificationData, message.SequenceNumber = [], message.SequenceNumber + 1
    instead.NotificationMessage = message
    return instead


def _mark(result: _Report) -> None:
    for note in result.NotificationMessage.NotificationData or ():
        if isinstance(note, ua.DataChangeNotification):
            for item in cast("_Changes", note).MonitoredItems:
                code = 0 if item.Value.StatusCode is None else item.Value.StatusCode.value
                item.Value = replace(item.Value, StatusCode=ua.StatusCode(ua.UInt32(code | _OVERFLOW)))
