"""A Modbus TCP server that shows one connection of a policy."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import cast

from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from hil.faults.modbus import Garbled
from hil.plc.line import Image
from hil.servers.wire import Raw, from_registers, to_raw, to_registers, to_value, width
from policies import Modbus, Policy, Tag
from policies.registers import Spot, Table, spot

# What it would say, whoever serves says in a sentence.
logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

_BITS: Mapping[Table, int] = {"coil": 1, "discrete": 2}
_WORDS: Mapping[Table, int] = {"holding": 3, "input": 4}
_CLIENT_WRITES = (5, 6, 15, 16, 22, 23)


class ModbusServer:
    """The registers of one Modbus connection, at their addresses, in their byte order, behind a real socket.

    A value that is no number is shown as one where the device holds floats, since Modbus has no quality of its own. A
    text is shown as the policy expects it, or else as its name.

    Parameters
    ----------
    policy
        The policy that declares the tags.
    connection
        Name of the connection shown.
    listen
        Address and TCP port to listen at; port 0 for any free one.
    on_write
        Called whenever a client has written.
    """

    def __init__(self, policy: Policy, connection: str, listen: tuple[str, int], on_write: Callable[[], None]) -> None:
        device = policy.connections[connection]
        if not isinstance(device, Modbus):
            raise TypeError(f"connections.{connection} speaks {device.protocol}, not modbus")
        self._declared, self._unit, self._listen, self._on_write = device, device.unit_id, listen, on_write
        self._tags = {name: tag for name, tag in policy.tags.items() if tag.connection == connection}
        self._where = {name: spot(tag.address) for name, tag in self._tags.items()}
        self._order = {name: tag.byte_order or device.byte_order for name, tag in self._tags.items()}
        texts = _texts(device)
        ends = [(at.table, self._end(name)) for name, at in self._where.items()]
        ends += [(at.table, at.address + len(words) - 1) for at, words in texts]
        self._tables: dict[Table, list[int]] = {
            table: [0] * (1 + max((end for t, end in ends if t == table), default=0)) for table in (*_BITS, *_WORDS)
        }
        for at, words in texts:
            self._tables[at.table][at.address : at.address + len(words)] = words
        self._shown: dict[str, float] = {}
        self._touched: set[str] = set()
        self._server: ModbusTcpServer | None = None
        self._garbled: Garbled | None = None

    def misbehave(self, garbled: Garbled) -> None:
        """Let something be wrong with the answers; only before it is started."""
        self._garbled = garbled

    @property
    def address(self) -> str:
        """Where to connect, as ``host:port``; only while it is listening."""
        sockets = cast("asyncio.Server", self._running().transport).sockets
        return f"{self._listen[0]}:{sockets[0].getsockname()[1]}"

    async def start(self, image: Image) -> None:
        """Show `image` and listen.

        Raises
        ------
        OSError
            If the port is taken.
        """
        framer = FramerType.RTU if self._declared.framing == "rtu" else FramerType.SOCKET
        self._server = ModbusTcpServer(self._device(), framer=framer, address=self._listen, trace_packet=self._garbled)
        try:
            await self._server.serve_forever(background=True)
        except RuntimeError as error:
            raise OSError(f"Modbus cannot listen at {self._listen[0]}:{self._listen[1]}") from error
        await self.publish(image)

    async def publish(self, image: Image) -> None:
        """Show what has changed; all of it appears at once."""
        changed: set[Table] = set()
        for name, tag in self._tags.items():
            value = image.values[name]
            if not isinstance(value, float):
                raise TypeError(f"tags.{name}: an array cannot be shown through Modbus")
            if self._shown.get(name) == value:
                continue
            self._shown[name] = value
            changed.add(self._place(name, tag, to_raw(tag, value)))
        for table in changed:
            await self._running().async_setValues(self._unit, _code(table), 0, _held(table, self._tables[table]))

    async def take(self) -> Mapping[str, float]:
        """Return what clients have written since the last call, by tag, each in its unit."""
        written: dict[str, float] = {}
        touched, self._touched = self._touched, set()
        for name in [name for name in self._tags if name in touched]:
            at = self._where[name]
            count = 1 if at.table in _BITS else width(self._tags[name])
            held = await self._running().async_getValues(self._unit, _code(at.table), at.address, count)
            written[name] = to_value(self._tags[name], self._raw(name, [int(word) for word in held]))
            self._shown.pop(name, None)
        return written

    async def stop(self) -> None:
        """Close the socket and every connection."""
        if self._server is not None:
            await self._server.shutdown()  # type: ignore[no-untyped-call]  # pymodbus is typed in parts

    def _running(self) -> ModbusTcpServer:
        if self._server is None:
            raise RuntimeError("the Modbus server has not been started")
        return self._server

    def _device(self) -> SimDevice:
        bits = [[SimData(0, values=[False] * len(self._tables[t]), datatype=DataType.BITS)] for t in _BITS]
        words = [[SimData(0, values=self._tables[t], datatype=DataType.REGISTERS)] for t in _WORDS]
        return SimDevice(self._unit, (bits[0], bits[1], words[0], words[1]), action=self._accessed)

    async def _accessed(
        self, code: int, _start: int, at: int, count: int, _held: list[int], new: list[int] | list[bool] | None
    ) -> None:
        """Remember what a client writes; called before the write and more than once for some requests."""
        if new is not None and code in _CLIENT_WRITES:
            table = "coil" if code in (5, 15) else "holding"
            here = [
                name
                for name, first in self._where.items()
                if first.table == table and first.address < at + count and at <= self._end(name)
            ]
            self._touched.update(here)
            self._on_write()

    def _place(self, name: str, tag: Tag, raw: Raw) -> Table:
        at = self._where[name]
        table = self._tables[at.table]
        if at.bit is not None:
            [mask] = to_registers(tag, 1 << at.bit, self._order[name])
            words = [table[at.address] | mask if raw else table[at.address] & ~mask]
        else:
            words = [int(bool(raw))] if at.table in _BITS else to_registers(tag, raw, self._order[name])
        table[at.address : at.address + len(words)] = words
        return at.table

    def _raw(self, name: str, held: list[int]) -> Raw:
        if self._where[name].table in _BITS:
            return bool(held[0])
        return from_registers(self._tags[name], held, self._order[name])

    def _end(self, name: str) -> int:
        at = self._where[name]
        return at.address + (1 if at.table in _BITS else width(self._tags[name])) - 1


def _texts(device: Modbus) -> list[tuple[Spot, list[int]]]:
    """Return where the texts of a device begin, and their registers."""
    found: list[tuple[Spot, list[int]]] = []
    swapped = device.byte_order in {"BADC", "DCBA"}
    for name, text in device.texts.items():
        size = 2 * ((text.length + 1) // 2)
        shown = (text.expect or name).encode("latin-1", "replace")[: text.length].ljust(size, b"\0")
        words = [int.from_bytes(shown[i : i + 2], "little" if swapped else "big") for i in range(0, size, 2)]
        found.append((spot(text.address), words))
    return found


def _code(table: Table) -> int:
    return _BITS.get(table) or _WORDS[table]


def _held(table: Table, values: list[int]) -> list[int] | list[bool]:
    return [bool(value) for value in values] if table in _BITS else values
