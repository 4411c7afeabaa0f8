"""The parts of asyncua's messages that are used here, with types; its own classes are too large for type checkers."""

from __future__ import annotations

from typing import Protocol

from asyncua import ua


class Text(Protocol):
    """Text in some language."""

    Text: str | None


class Application(Protocol):
    """Who a server says it is."""

    ApplicationUri: str | None


class Offer(Protocol):
    """One way a server may be spoken to."""

    SecurityPolicyUri: str | None
    SecurityMode: ua.MessageSecurityMode
    ServerCertificate: bytes | None
    Server: Application


class Target(Protocol):
    """One end of a path."""

    TargetId: ua.NodeId


class Found(Protocol):
    """Where one path leads."""

    StatusCode: ua.StatusCode
    Targets: list[Target] | None


class Units(Protocol):
    """Engineering unit of a node."""

    UnitId: int
    """Number of the unit in its namespace [1]."""
    NamespaceUri: str | None
    DisplayName: Text


class Span(Protocol):
    """Range of a node."""

    Low: float
    """Lowest value, in the unit of the node."""
    High: float
    """Highest value, in the unit of the node."""


class Label(Protocol):
    """Name of a node in its namespace."""

    Name: str | None


class Reference(Protocol):
    """One node that another one refers to."""

    ReferenceTypeId: ua.NodeId
    NodeId: ua.NodeId
    BrowseName: Label
    NodeClass: ua.NodeClass


class Seen(Protocol):
    """What a node refers to, or the first part of it."""

    StatusCode: ua.StatusCode
    ContinuationPoint: bytes | None
    References: list[Reference] | None


class Granted(Protocol):
    """What a server makes of the wish for a subscription."""

    SubscriptionId: int
    """Its number [1]."""
    RevisedPublishingInterval: float
    """Time between two reports [ms]."""
    RevisedMaxKeepAliveCount: int
    """Intervals without news after which the server says that it is there [1]."""


class Result(Protocol):
    """What became of one node that was to be reported."""

    StatusCode: ua.StatusCode


class Item(Protocol):
    """One reported value."""

    ClientHandle: int
    """Our number of the node [1]."""
    Value: ua.DataValue


class Changes(Protocol):
    """Reported values."""

    MonitoredItems: list[Item] | None


class Ended(Protocol):
    """The news that there will be no more."""

    Status: ua.StatusCode


class Message(Protocol):
    """What one report brings."""

    SequenceNumber: int
    """Its number, or that of the next where it brings nothing [1]."""
    NotificationData: list[object] | None


class Published(Protocol):
    """One report."""

    NotificationMessage: Message
