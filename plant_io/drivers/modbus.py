"""Modbus TCP: coalesced reads, own decoding, whole values written (pymodbus)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import cast

import numpy as np
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import ModbusPDU

from plant_io.blocks import Block, Order, Scan, coalesced, joined, places, split
from plant_io.decode import Words, encode
from plant_io.drivers.asking import asked
from plant_io.latch import tags_of
from plant_io.ports import Batch, Identity
from plant_io.quality import Quality, Reason
from plant_io.signals import Outcome, Receipt, Setpoint
from policies import Modbus, Policy

# The link supervisor says once what pymodbus would say, with a dump of frames, at every attempt.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_CLOSED = "the device closed the connection"
_ILLEGAL_ADDRESS = 2
_WRONG_LENGTH = 0
_MEANING: Mapping[int, tuple[Reason, str]] = MappingProxyType(
    {
        _WRONG_LENGTH: (Reason.WRONG_TYPE, "an answer of the wrong length"),
        1: (Reason.REFUSED, "exception 1, illegal function"),
        _ILLEGAL_ADDRESS: (Reason.REFUSED, "exception 2, illegal data address"),
        3: (Reason.REFUSED, "exception 3, illegal data value"),
        4: (Reason.DEVICE_FAILURE, "exception 4, device failure"),
        5: (Reason.BAD_STATUS, "exception 5, acknowledge"),
        6: (Reason.BAD_STATUS, "exception 6, device busy"),
        10: (Reason.LINK_DOWN, "exception 10, gateway path unavailable"),
        11: (Reason.LINK_DOWN, "exception 11, gateway target did not respond"),
    }
)


class ModbusDriver:
    """One connection to one Modbus TCP device.

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
        found = places(tuple(self._tags.values()), device.byte_order)
        self._scan = Scan.of(coalesced(found, device.max_gap))
        names = tuple(self._tags)
        self._first = {names[place.tag]: place for place in reversed(found)}
        self._client: AsyncModbusTcpClient | None = None

    async def open(self) -> Identity:
        """Connect and read once, which finds the addresses the device does not have."""
        device = self._device
        self._client = AsyncModbusTcpClient(
            device.host,
            port=device.port,
            # Longer than the deadlines of the link, which are the ones that count.
            timeout=1.0 + 2.0 * device.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._notice,
        )
        if not await asked(self._client.connect, _means):
            raise ConnectionError(f"{device.host}:{device.port} cannot be reached")
        notes: list[str] = []
        await self._batch(notes)
        return Identity(notes=tuple(notes))

    async def read(self) -> Batch:
        """Read every tag; what the device refuses is bad, what it does not answer is link trouble."""
        return await self._batch([])

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write whole values in order; neighbours travel together."""
        receipts: dict[int, Receipt] = {}
        orders: list[Order] = []
        for i, setpoint in enumerate(setpoints):
            try:
                orders.append(self._order(i, setpoint))
            except ValueError as refusal:
                receipts[i] = Receipt(setpoint, Outcome.REFUSED, str(refusal))
        for order in joined(orders):
            why = await self._put(order)
            outcome = Outcome.REFUSED if why else Outcome.TAKEN
            receipts |= {i: Receipt(setpoints[i], outcome, why) for i in order.which}
        return [receipts[i] for i in range(len(setpoints))]

    async def abort(self) -> None:
        """Drop the connection now."""
        client, self._client = self._client, None
        if client is None:
            return
        transport = cast("asyncio.Transport | None", client.ctx.transport)
        client.close()
        if transport is not None:
            transport.abort()

    async def _batch(self, notes: list[str]) -> Batch:
        answers = await self._answers()
        if len(answers) != len(self._scan.blocks):
            self._scan = Scan.of([block for block, _ in answers])
        n, names = len(self._tags), tuple(self._tags)
        quality, reason = np.full(n, Quality.GOOD, np.uint8), np.full(n, Reason.NONE, np.uint8)
        values = self._scan.values(np.concatenate([_or_zeros(words, block) for block, words in answers]))
        for block, code in answers:
            if not isinstance(code, int):
                continue
            why, said = _meaning(code)
            for place in block.places:
                quality[place.tag], reason[place.tag] = Quality.BAD, why
                values[place.slot : place.slot + place.count] = np.nan
                notes.append(f"{names[place.tag]}: the device gives {said} for {block.table}:{place.address}")
        return Batch(values, quality, reason, np.full(n, np.nan))

    async def _answers(self) -> list[tuple[Block, Words | int]]:
        """Read all blocks; one that is refused for its addresses is split until the culprit stands alone."""
        answers: list[tuple[Block, Words | int]] = []
        waiting = list(reversed(self._scan.blocks))
        while waiting:
            block = waiting.pop()
            answer = await self._get(block)
            if isinstance(answer, int) and answer == _ILLEGAL_ADDRESS and len(block.places) > 1:
                waiting += reversed(split(block))
            else:
                answers.append((block, answer))
        return answers

    async def _get(self, block: Block) -> Words | int:
        """Return the words of a block, or the number of the exception."""
        client = self._connected()
        request = {
            "coil": client.read_coils,
            "discrete": client.read_discrete_inputs,
            "input": client.read_input_registers,
            "holding": client.read_holding_registers,
        }[block.table]
        unit = self._device.unit_id
        answer = await asked(lambda: request(block.address, count=block.length, device_id=unit), _means)
        if answer.isError():
            return answer.exception_code
        bits = block.table in {"coil", "discrete"}
        # Bits come in whole bytes, so there may be more than were asked for.
        found = answer.bits[: block.length] if bits else answer.registers
        return np.array(found, np.uint16) if len(found) == block.length else _WRONG_LENGTH

    def _order(self, i: int, setpoint: Setpoint) -> Order:
        place = self._first[setpoint.tag]
        if place.table in {"discrete", "input"}:
            raise ValueError(f"{place.table}:{place.address} cannot be written")
        return Order(place.table, place.address, encode(setpoint.value, place.kind, place.order), (i,))

    async def _put(self, order: Order) -> str:
        """Write one order and return why it was refused, or nothing."""
        client, unit = self._connected(), self._device.unit_id
        address, words, bits = order.address, list(order.words), [bool(word) for word in order.words]
        if order.table == "holding":
            answer = await asked(lambda: client.write_registers(address, words, device_id=unit), _means)
        elif len(bits) == 1:
            answer = await asked(lambda: client.write_coil(address, bits[0], device_id=unit), _means)
        else:
            answer = await asked(lambda: client.write_coils(address, bits, device_id=unit), _means)
        return f"the device gives {_meaning(answer.exception_code)[1]}" if answer.isError() else ""

    def _notice(self, connected: bool) -> None:  # noqa: FBT001  # as pymodbus calls it
        """Fail the request under way when the device hangs up; pymodbus would let it wait for its timeout."""
        if connected or self._client is None:
            return
        pending = cast("asyncio.Future[ModbusPDU]", self._client.ctx.response_future)
        if not pending.done():
            pending.set_exception(ConnectionError(_CLOSED))
            pending.exception()  # seen, so that nobody need wait for it

    def _connected(self) -> AsyncModbusTcpClient:
        if self._client is None:
            raise ConnectionError("not connected")
        return self._client


def _means(trouble: Exception) -> OSError:
    if isinstance(trouble, ConnectionException):
        return ConnectionError(_CLOSED)
    return TimeoutError(str(trouble)) if isinstance(trouble, ModbusIOException) else ConnectionError(str(trouble))


def _meaning(code: int) -> tuple[Reason, str]:
    return _MEANING.get(code, (Reason.BAD_STATUS, f"exception {code}"))


def _or_zeros(words: Words | int, block: Block) -> Words:
    return np.zeros(block.length, np.uint16) if isinstance(words, int) else words
