"""One Modbus connection: requests, and answers that are sure to be the answers to them (pymodbus)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import cast

import numpy as np
from pymodbus import FramerType
from pymodbus.client import AsyncModbusTcpClient
from pymodbus.pdu import DecodePDU, ModbusPDU, ReadCoilsRequest, ReadHoldingRegistersRequest
from pymodbus.pdu.bit_message import ReadDiscreteInputsRequest, WriteMultipleCoilsRequest, WriteSingleCoilRequest
from pymodbus.pdu.register_message import (
    ReadInputRegistersRequest,
    ReadWriteMultipleRegistersRequest,
    WriteMultipleRegistersRequest,
    WriteSingleRegisterRequest,
)

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
_EXCEPTION = 0x80
_HELD = 16384  # bytes that may have come and not been looked at
_READS: Mapping[Table, type[ModbusPDU]] = MappingProxyType(
    {
        "coil": ReadCoilsRequest,
        "discrete": ReadDiscreteInputsRequest,
        "holding": ReadHoldingRegistersRequest,
        "input": ReadInputRegistersRequest,
    }
)
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
    """One connection to one Modbus device; an answer is waited for as long as whoever asks for it wants.

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
            timeout=1.0 + 2.0 * device.timeout_s,
            retries=0,
            reconnect_delay=0,
            trace_connect=self._notice,
        )
        self._client.ctx.framer.decoder = _Decoder(is_server=False)
        # pymodbus throws away all it holds beyond one frame, and with an answer that came twice the answer itself.
        self._client.ctx.max_buffer_size = _HELD

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
        answer = await self._ask(_READS[table](address=address, count=length, dev_id=self._device.unit_id))
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
        request = self._writing(table, address, list(words))
        answer = await self._ask(request)
        if answer.isError():
            refusal = meaning(answer.exception_code)
            return refusal.outcome, f"the device gives {refusal.said}"
        if isinstance(request, ReadWriteMultipleRegistersRequest):
            return _compared(words, answer.registers)
        if answer.address != address:
            return Outcome.NOT_CONFIRMED, f"the device confirms address {answer.address} instead of {address}"
        return Outcome.TAKEN, ""

    def _writing(self, table: Table, address: int, words: list[int]) -> ModbusPDU:
        unit, n, by = self._device.unit_id, len(words), self._device.write_by
        if table == "coil":
            bits = [bool(word) for word in words]
            return (WriteSingleCoilRequest if n == 1 else WriteMultipleCoilsRequest)(
                address=address, bits=bits, dev_id=unit
            )
        if by == "read_write":
            return ReadWriteMultipleRegistersRequest(address, n, address, words, unit)
        kind = WriteSingleRegisterRequest if by == "single" else WriteMultipleRegistersRequest
        return kind(address=address, registers=words, dev_id=unit)

    async def _ask(self, request: ModbusPDU) -> ModbusPDU:
        """Return the answer to one request, sure that it is the answer to this one."""
        rtu = self._device.framing == "rtu"
        # One question after the other: a device need not take two, and between them one scan may overtake another.
        async with self._turn:
            if rtu and self._overdue:
                raise ConnectionError(_OVERDUE)
            self._overdue = True
            answer = await asked(partial(self._answered, request), _means)
            self._overdue = False
        if not answer.function_code:
            raise ConnectionError(_BROKEN)
        # pymodbus takes transaction 0, and any function, for the answer it waits for.
        foreign = not rtu and answer.transaction_id != request.transaction_id
        if foreign or answer.function_code & ~_EXCEPTION != request.function_code:
            raise ConnectionError(_ANOTHER)
        return answer

    async def _answered(self, request: ModbusPDU) -> ModbusPDU:
        """Send one request and return what comes back.

        pymodbus's own way round the same calls has a lock, a deadline and retries; ours are elsewhere, and its deadline
        alone costs a third of the time.
        """
        manager = self._client.ctx
        if cast("asyncio.BaseTransport | None", manager.transport) is None:
            raise ConnectionError(_CLOSED)
        request.transaction_id = manager.getNextTID()
        manager.response_future = asyncio.get_running_loop().create_future()
        manager.pdu_send(request)  # pyright: ignore[reportUnknownMemberType]  # typed in parts
        return cast("ModbusPDU", await manager.response_future)

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
    return ConnectionError(str(trouble))
