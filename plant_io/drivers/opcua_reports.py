"""Values that an OPC UA server reports by itself, and whether it still does (asyncua)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.ua.attribute_ids import AttributeIds

from plant_io.clocks import WallClock
from plant_io.drivers.asking import asked
from plant_io.drivers.opcua_nodes import Spot
from plant_io.drivers.opcua_words import Changes, Ended, Granted, Published, Result

_KEEP_ALIVE = 10  # publishing intervals without news after which the server says that it is there
_LIFETIME = 60  # publishing intervals after which the server forgets a subscription nobody asks for
_SILENCE = 15  # publishing intervals of silence after which it is lost


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a server is to report."""

    spots: Mapping[int, Spot]
    """Nodes, by their positions in a batch [1]."""
    period_s: float
    """How often it may report [s]."""
    chunk: int
    """Most nodes in one request [1]."""


class Reports:
    """One subscription.

    A subscription may die at the server while the connection lives, so silence is counted, and numbers that are missing
    between two reports are noticed. Either way the connection is given up and made anew.

    Parameters
    ----------
    client
        Connected client.
    wanted
        What is to be reported.
    """

    def __init__(self, client: Client, wanted: Wanted) -> None:
        self.latest: dict[int, ua.DataValue] = {}
        """Newest report of each node, by its position in a batch."""
        self._client = client
        self._wanted = wanted
        self._clock = WallClock()
        self._heard_at = self._clock.now()
        self._silence_s = _SILENCE * wanted.period_s
        self._last: int | None = None
        self._lost = ""

    async def begin(self, now: Sequence[ua.DataValue]) -> tuple[str, ...]:
        """Ask for the reports, and return what the server will not report, one sentence each.

        Parameters
        ----------
        now
            Present values of the nodes, in the order in which they are wanted.

        Raises
        ------
        OSError
            If the server does not take subscriptions.
        """
        interval = 1000.0 * self._wanted.period_s
        order = ua.CreateSubscriptionParameters(
            RequestedPublishingInterval=ua.Double(interval),
            RequestedLifetimeCount=ua.UInt32(_LIFETIME),
            RequestedMaxKeepAliveCount=ua.UInt32(_KEEP_ALIVE),
        )
        create = self._client.uaclient.session.create_subscription
        granted = cast("Granted", await asked(partial(create, order, self._heard), _means))
        # A server may keep silent longer than it was asked to; then it takes longer to tell silence from death.
        quiet = max(_SILENCE, granted.RevisedMaxKeepAliveCount + _SILENCE - _KEEP_ALIVE)
        self._silence_s = quiet * granted.RevisedPublishingInterval / 1000.0
        self.latest = dict(zip(self._wanted.spots, now, strict=True)) | self.latest
        notes = list[str]()
        handles = list(self._wanted.spots)
        for i in range(0, len(handles), self._wanted.chunk):
            notes += await self._watch(granted.SubscriptionId, handles[i : i + self._wanted.chunk])
        return tuple(notes)

    def age(self) -> float:
        """Return for how long nothing has been heard [s].

        Raises
        ------
        ConnectionError
            If the reports are lost.
        """
        age = self._clock.now() - self._heard_at
        if age > self._silence_s:
            raise ConnectionError(f"the server has reported nothing for {age:.1f} s, not even that it is there")
        if self._lost:
            raise ConnectionError(self._lost)
        if self._client.state is not UaClientState.CONNECTED:
            raise ConnectionError("the connection was closed")
        return age

    async def _watch(self, subscription: int, handles: Sequence[int]) -> list[str]:
        spots = self._wanted.spots
        items = [_item(handle, spots[handle], 1000.0 * self._wanted.period_s) for handle in handles]
        order = ua.CreateMonitoredItemsParameters(
            SubscriptionId=ua.UInt32(subscription),
            TimestampsToReturn=ua.TimestampsToReturn.Both,
            ItemsToCreate=items,
        )
        found = await asked(partial(self._client.uaclient.session.create_monitored_items, order), _means)
        notes: list[str] = []
        for handle, result in zip(handles, cast("list[Result]", found), strict=True):
            if not result.StatusCode.is_good():
                self.latest[handle] = ua.DataValue(StatusCode=result.StatusCode)
                notes.append(f"the server does not report {spots[handle].tag.address}: {result.StatusCode.name}")
        return notes

    def _heard(self, published: Published) -> None:
        self._heard_at = self._clock.now()
        number, news = published.NotificationMessage.SequenceNumber, published.NotificationMessage.NotificationData
        # A report that brings nothing carries the number of the next (OPC 10000-4, 5.14.1.1).
        if self._last is not None and number != self._last % 0xFFFF_FFFF + 1:
            self._lost = "a report of the server got lost on the way"
        if news:
            self._last = number
        for note in news or ():
            if isinstance(note, ua.DataChangeNotification):
                items = cast("Changes", note).MonitoredItems or ()
                self.latest |= {item.ClientHandle: item.Value for item in items}
            elif isinstance(note, ua.StatusChangeNotification):
                self._lost = f"the server has ended its reports: {cast('Ended', note).Status.name}"


def _item(handle: int, spot: Spot, interval: float) -> ua.MonitoredItemCreateRequest:
    # Where the age counts from the source, a new time is news even if the value is the old one.
    stamped = spot.tag.age_from == "source"
    trigger = ua.DataChangeTrigger.StatusValueTimestamp if stamped else ua.DataChangeTrigger.StatusValue
    return ua.MonitoredItemCreateRequest(
        ItemToMonitor=ua.ReadValueId(spot.node, ua.UInt32(AttributeIds.Value)),
        MonitoringMode=ua.MonitoringMode.Reporting,
        RequestedParameters=ua.MonitoringParameters(
            ClientHandle=ua.UInt32(handle),
            SamplingInterval=ua.Double(interval),
            Filter=ua.DataChangeFilter(Trigger=trigger),
            QueueSize=ua.UInt32(1),
            DiscardOldest=True,
        ),
    )


def _means(trouble: Exception) -> OSError:
    return ConnectionError(f"the server does not take subscriptions: {type(trouble).__name__}: {trouble}")
