"""One Modbus connection: requests, and answers that are sure to be the answers to them (pymodbus)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

import numpy as np
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.exceptions import ConnectionException, ModbusIOException
from pymodbus.pdu import DecodePDU, ModbusPDU

from plant_io.decode import Words
from plant_io.drivers.asking import asked
from plant_io.modbus_codes import WRONG_LENGTH, meaning
from plant_io.signals import Outcome
from policies import Modbus
from policies.registers import BITS, Table

# The link supervisor says once what pymodbus would say, with a dump of frames, at every attempt.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_CLOSED = "the device closed the connection"
_ANOTHER = "the device answers another question than the one it was asked"
_BROKEN = "the device gives an answer that cannot be understood"
_OVERDUE = "an answer is overdue, and RTU frames do not tell which question they answer"
_WRITE_COIL, _WRITE_REGISTER, _WRITE_COILS, _WRITE_REGISTERS, _READ_WRITE = 5, 6, 15, 16, 23
_EXCEPTION = 0x80
_REGISTERS = (b"\x03", b"\x04")


class _Registers(ModbusPDU):
    """Registers as they came; pymodbus would make numbers of them one by one, and text that nobody reads."""

    def __init__(self, frame: bytes) -> None:
        super().__init__()
        self.function_code = frame[0]
        self.words: Words = np.frombuffer(frame, ">u2", offset=2).astype(np.uint16)


class _Decoder(DecodePDU):
    """Makes a broken answer an answer to nothing; pymodbus would raise where only the event loop sees it."""

    def decode(self, frame: bytes) -> ModbusPDU:
        if frame[:1] in _REGISTERS and len(frame) % 2 == 0 and len(frame) == 2 + frame[1]:
            return _Registers(frame)
        return super().decode(frame) or ModbusPDU()


class Wire:
    """One connection to one Modbus device.

    Parameters
    ----------
    device
        Gives address, framing, unit identifier and how it is written.
    """

    def __init__(self, device: Modbus) -> None:
        self._device = device
        self._overdue = False
        self._turn = asyncio.Lock()
        self._client = AsyncModbusTcpClient(
            device.host,
            port=device.port,
            framer=FramerType.RTU if device.framing == "rtu" else FramerType.SOCKET,
            # Longer than the deadlines of the link, which are the ones that count.
            timeout=1.0 + 2.0 * device.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._notice,
        )
        self._client.ctx.framer.decoder = _Decoder(is_server=False)
        self._reads = {
            "coil": (1, self._client.read_coils),
            "discrete": (2, self._client.read_discrete_inputs),
            "holding": (3, self._client.read_holding_registers),
            "input": (4, self._client.read_input_registers),
        }

    async def connect(self) -> None:
        """Connect.

        Raises
        ------
        OSError
            If the device cannot be reached.
        """
        if not await asked(self._client.connect, _means):
            raise ConnectionError(f"{self._device.host}:{self._device.port} cannot be reached")

    def drop(self) -> None:
        """Drop the connection now."""
        transport = cast("asyncio.Transport | None", self._client.ctx.transport)
        self._client.close()
        if transport is not None:
            transport.abort()

    async def words(self, table: Table, address: int, length: int) -> Words | int:
        """Return what neighbouring addresses hold, or the number of the exception.

        Parameters
        ----------
        table
            Table of the device.
        address
            First address, counted from zero [1].
        length
            Number of addresses [1].

        Returns
        -------
        Words | int
            Registers, or bits as 0 and 1, shape ``(length,)``.

        Raises
        ------
        OSError
            If the connection is lost or the answer is none.
        """
        function, request = self._reads[table]
        answer = await self._ask(function, partial(request, address, count=length, device_id=self._device.unit_id))
        if answer.isError():
            return answer.exception_code
        if isinstance(answer, _Registers):
            return answer.words if len(answer.words) == length else WRONG_LENGTH
        # Bits come in whole bytes, so there may be more than were asked for.
        found = answer.bits[:length] if table in BITS else answer.registers
        return np.array(found, np.uint16) if len(found) == length else WRONG_LENGTH

    async def put(self, table: Table, address: int, words: Sequence[int]) -> tuple[Outcome, str]:
        """Write neighbouring addresses by one request; return what became of it, and why not more.

        Parameters
        ----------
        table
            Table of the device, of coils or holding registers.
        address
            First address, counted from zero [1].
        words
            Registers, or bits as 0 and 1 [1].

        Raises
        ------
        OSError
            If the connection is lost or the answer is none.
        """
        function = self._writing(table, len(words))
        answer = await self._ask(function, self._written(function, address, list(words)))
        if answer.isError():
            refusal = meaning(answer.exception_code)
            return refusal.outcome, f"the device gives {refusal.said}"
        if function == _READ_WRITE:
            return _compared(words, answer.registers)
        if answer.address != address:
            return Outcome.NOT_CONFIRMED, f"the device confirms address {answer.address} instead of {address}"
        return Outcome.TAKEN, ""

    def _writing(self, table: Table, length: int) -> int:
        if table == "coil":
            return _WRITE_COIL if length == 1 else _WRITE_COILS
        return {"block": _WRITE_REGISTERS, "single": _WRITE_REGISTER, "read_write": _READ_WRITE}[self._device.write_by]

    def _written(self, function: int, address: int, words: list[int]) -> Callable[[], Awaitable[ModbusPDU]]:
        client, unit, n = self._client, self._device.unit_id, len(words)
        bits = [bool(word) for word in words]
        return {
            _WRITE_COIL: lambda: client.write_coil(address, bits[0], device_id=unit),
            _WRITE_COILS: lambda: client.write_coils(address, bits, device_id=unit),
            _WRITE_REGISTER: lambda: client.write_register(address, words[0], device_id=unit),
            _WRITE_REGISTERS: lambda: client.write_registers(address, words, device_id=unit),
            _READ_WRITE: lambda: client.readwrite_registers(
                read_address=address, read_count=n, write_address=address, values=words, device_id=unit
            ),
        }[function]

    async def _ask(self, function: int, request: Callable[[], Awaitable[ModbusPDU]]) -> ModbusPDU:
        """Return the answer to one request, sure that it is the answer to this one."""
        rtu = self._device.framing == "rtu"
        # One question after the other: a device need not take two, and between them one scan may overtake another.
        async with self._turn:
            if rtu and self._overdue:
                raise ConnectionError(_OVERDUE)
            self._overdue = True
            answer = await asked(request, _means)
            self._overdue = False
            # pymodbus takes transaction 0, and any function, for the answer it waits for.
            foreign = not rtu and answer.transaction_id != self._client.ctx.request_transaction_id
        if not answer.function_code:
            raise ConnectionError(_BROKEN)
        if foreign or answer.function_code & ~_EXCEPTION != function:
            raise ConnectionError(_ANOTHER)
        return answer

    def _notice(self, connected: bool) -> None:  # noqa: FBT001  # as pymodbus calls it
        """Fail the request under way when the device hangs up; pymodbus would let it wait for its timeout."""
        if connected:
            return
        pending = cast("asyncio.Future[ModbusPDU]", self._client.ctx.response_future)
        if not pending.done():
            pending.set_exception(ConnectionError(_CLOSED))
            pending.exception()  # seen, so that nobody need wait for it


def _compared(wanted: Sequence[int], held: Sequence[int]) -> tuple[Outcome, str]:
    if list(wanted) == list(held):
        return Outcome.TAKEN, ""
    shown = " ".join(f"{word:04X}" for word in held)
    return Outcome.NOT_CONFIRMED, f"the device holds {shown} after {' '.join(f'{word:04X}' for word in wanted)}"


def _means(trouble: Exception) -> OSError:
    if isinstance(trouble, ConnectionException):
        return ConnectionError(_CLOSED)
    return TimeoutError(str(trouble)) if isinstance(trouble, ModbusIOException) else ConnectionError(str(trouble))
