"""Servers for benchmarks of input and output, in a process of their own: OPC UA (asyncua) and Modbus TCP (pymodbus).

The process says once, as JSON, at which ports it listens, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from asyncua import ua
from asyncua.server.server import Server
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

NAMESPACE = "urn:steadyline:benchmark"
REGISTERS = 1000
_FOLDER = 100  # nodes in one folder; asyncua takes long to fill large ones


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the servers listen."""

    opcua: int
    """TCP port [1]."""
    modbus: int
    """TCP port [1]."""


@contextmanager
def serving(nodes: int) -> Iterator[Ports]:
    """Give the ports of both servers, one with some OPC UA nodes called T0, T1 and so on, the other with registers."""
    command = [sys.executable, "-m", "benchmarks.servers", str(nodes)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Ports(**json.loads(child.stdout.readline() if child.stdout else ""))
    finally:
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        child.wait()


async def _opcua(nodes: int) -> Server:
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    space = await server.register_namespace(NAMESPACE)
    folder = server.nodes.objects
    for i in range(nodes):
        if i % _FOLDER == 0:
            folder = await server.nodes.objects.add_folder(space, f"F{i // _FOLDER}")
        await folder.add_variable(ua.NodeId.from_string(f"ns={space};s=T{i}"), f"T{i}", float(i))
    await server.start()
    return server


async def _modbus() -> ModbusTcpServer:
    words = [SimData(0, values=list(range(REGISTERS)), datatype=DataType.REGISTERS)]
    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS)]
    server = ModbusTcpServer(SimDevice(1, (bits, bits, words, words)), address=("127.0.0.1", 0))
    await server.serve_forever(background=True)
    return server


async def _serve(nodes: int) -> None:
    opcua, modbus = await _opcua(nodes), await _modbus()
    sockets = cast("asyncio.Server", modbus.transport).sockets
    ports = {"opcua": opcua.bserver.port if opcua.bserver else 0, "modbus": sockets[0].getsockname()[1]}
    print(json.dumps(ports), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await opcua.stop()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asyncio.run(_serve(int(sys.argv[1])))
