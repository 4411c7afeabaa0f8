"""Modbus over TCP: coalesced reads, own decoding, whole values written."""

from __future__ import annotations

from collections.abc import Sequence

from plant_io.blocks import LONGEST_READ_WRITE, LONGEST_WRITE, Order, Reach, joined, places
from plant_io.decode import encode, text
from plant_io.drivers.modbus_scan import Reading
from plant_io.drivers.modbus_wire import Wire
from plant_io.latch import tags_of
from plant_io.ports import Batch, Identity, Refusal
from plant_io.scan import Coherence, scans_of
from plant_io.signals import Outcome, Receipt, Setpoint
from policies import Modbus, Policy
from policies.registers import READ_ONLY, spot
from policies.scans import CONTROL


class ModbusDriver:
    """One connection to one Modbus device.

    Parameters
    ----------
    connection
        Name of the connection in `policy`.
    policy
        Gives the address of the device and its tags.

    Raises
    ------
    ValueError
        If the connection is of another kind, or a tag has no Modbus address.
    """

    def __init__(self, connection: str, policy: Policy) -> None:
        device = policy.connections[connection]
        if not isinstance(device, Modbus):
            raise ValueError(f"connection {connection} is not a Modbus connection")  # noqa: TRY004  # a value of the policy
        self._device = device
        self._tags = tags_of(connection, policy)
        names = tuple(self._tags)
        found = places(tuple(self._tags.values()), device.byte_order, Reach.of(device))
        self._first = {names[place.tag]: place for place in reversed(found)}
        coherence = Coherence.of(connection, policy)
        counter = None if coherence is None else self._first[coherence.counter]
        scans = scans_of(connection, policy)
        self._readings = {name: Reading(tags, device, counter) for name, tags in scans.items()}
        self._nothing = Reading({}, device, None)
        self._wire: Wire | None = None

    async def open(self) -> Identity:
        """Connect, see that it is the right device, and read once, which finds the addresses it does not have."""
        self._wire = Wire(self._device)
        await self._wire.connect()
        texts = {name: await self._text(name) for name in self._device.texts}
        notes = [note for reading in self._readings.values() for note in await reading.explored(self._connected())]
        return Identity(notes=tuple(notes), texts=texts)

    async def read(self, scan: str = CONTROL) -> Batch:
        """Read one scan class; what the device refuses is bad, what it does not answer is link trouble."""
        return await self._readings.get(scan, self._nothing).batch(self._connected())

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write whole values in order; neighbours travel together where the device takes blocks."""
        receipts: dict[int, Receipt] = {}
        orders: list[Order] = []
        for i, setpoint in enumerate(setpoints):
            try:
                orders.append(self._order(i, setpoint))
            except ValueError as refusal:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, str(refusal))
        longest = LONGEST_READ_WRITE if self._device.write_by == "read_write" else LONGEST_WRITE
        for order in orders if self._device.write_by == "single" else joined(orders, longest):
            outcome, why = await self._connected().put(order.table, order.address, order.words)
            receipts |= {i: Receipt(setpoints[i], outcome, why) for i in order.which}
        return [receipts[i] for i in range(len(setpoints))]

    async def abort(self) -> None:
        """Drop the connection now."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.drop()

    async def _text(self, name: str) -> str:
        """Return a text of the device, or refuse the device if it is not the expected one."""
        wanted = self._device.texts[name]
        where = spot(wanted.address)
        words = await self._connected().words(where.table, where.address, (wanted.length + 1) // 2)
        found = None if isinstance(words, int) else text(words, wanted.length, self._device.byte_order)
        if wanted.expect is not None and found != wanted.expect:
            shown = "does not give it" if found is None else f"shows {found!r}"
            raise Refusal(f"it may be the wrong device: {name} should be {wanted.expect!r}, and the device {shown}")
        return found or ""

    def _order(self, i: int, setpoint: Setpoint) -> Order:
        place = self._first[setpoint.tag]
        if place.table in READ_ONLY or place.bit is not None:
            raise ValueError(f"{self._tags[setpoint.tag].address} cannot be written")
        words = encode(setpoint.value, place.kind, place.order)
        if len(words) > 1 and self._device.write_by == "single":
            raise ValueError(f"it takes {len(words)} registers, and the device is written one by one")
        return Order(place.table, place.address, words, (i,))

    def _connected(self) -> Wire:
        if self._wire is None:
            raise ConnectionError("not connected")
        return self._wire
