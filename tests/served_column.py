"""A column of two by two lags behind a real server, led period by period or going by itself: `served_column.py KIND`.

It prints its port, plays a step of each target, and prints the mean distance from the targets at its end.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from typing import Any, cast

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from linear_plant import Contract
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

NAMESPACE = "urn:bench:plant"
WRITTEN = ("SYS.Heartbeat", "SYS.StepRequest", "MV.R", "MV.S")
INPUTS = {"SYS.StepDone": 2, "SYS.Running": 6, "SYS.Fallback": 8, "PV.xD": 10, "PV.xB": 12}
TARGETS = {"SP.xD": 60, "SP.xB": 62, "MVA.R": 80, "MVA.S": 82}
HOLDING = {"SYS.Heartbeat": 0, "SYS.StepRequest": 2, "MV.R": 10, "MV.S": 12}


class OpcUa:
    def __init__(self) -> None:
        self.server, self.nodes, self.port = Server(), dict[str, Node](), 0

    async def open(self, tags: dict[str, float]) -> None:
        await self.server.init()
        self.server.set_endpoint("opc.tcp://127.0.0.1:0/bench")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self.server.register_namespace(NAMESPACE)
        for name, value in tags.items():
            node, label = (
                ua.NodeId(ua.String(f"wood_berry.{name}"), ua.Int16(index)),
                ua.QualifiedName(name, ua.UInt16(index)),
            )
            self.nodes[name] = await self.server.nodes.objects.add_variable(node, label, value, ua.VariantType.Double)
            if name in WRITTEN:
                await self.nodes[name].set_writable()
        await self.server.start()
        assert self.server.bserver is not None
        self.port = self.server.bserver.port

    async def show(self, tags: dict[str, float]) -> None:
        for name, value in tags.items():
            if name not in WRITTEN:
                await self.nodes[name].write_value(float(value))

    async def written(self) -> dict[str, float]:
        return {name: float(await self.nodes[name].read_value()) for name in WRITTEN}


class Modbus:
    def __init__(self) -> None:
        self.port = 0

    async def open(self, _tags: dict[str, float]) -> None:
        words = SimData(0, values=[0] * 200, datatype=DataType.REGISTERS)
        bits = SimData(0, values=[False] * 8, datatype=DataType.BITS)
        self.server = ModbusTcpServer(SimDevice(1, ([bits], [bits], [words], [words])), address=("127.0.0.1", 0))
        await self.server.serve_forever(background=True)
        self.port = cast("Any", self.server.transport).sockets[0].getsockname()[1]

    async def show(self, tags: dict[str, float]) -> None:
        for name, address in (INPUTS | TARGETS).items():
            high, low = struct.unpack(">HH", struct.pack(">f", tags[name]))
            await self.server.async_setValues(1, 16 if name in WRITTEN else 4, address, [high, low])

    async def written(self) -> dict[str, float]:
        registers = list(await self.server.async_getValues(1, 3, 0, 20))
        return {n: struct.unpack(">f", struct.pack(">HH", *registers[a : a + 2]))[0] for n, a in HOLDING.items()}


async def serve(kind: str, speed: float | None, samples: int) -> None:
    plant, door = Contract(noise=0.01), OpcUa() if kind == "opcua" else Modbus()
    await door.open(plant.tags())
    await door.show(plant.tags())
    print(door.port, flush=True)
    off = list[float]()
    while plant.done < samples:
        written = await door.written()
        if speed is None and written["SYS.StepRequest"] <= plant.done:
            await asyncio.sleep(0.001)
            continue
        if speed is not None:
            await asyncio.sleep(60.0 / speed)
            written = await door.written()
        for name in ("SYS.Heartbeat", "MV.R", "MV.S"):
            plant.take(name, written[name])
        plant.targets = {"xD": 0.75 if plant.done >= 10 else 0.0, "xB": 0.5 if plant.done >= 30 else 0.0}
        plant.step()
        truth = plant.plant.shown()
        off.append(sum(abs(truth[name] - target) for name, target in plant.targets.items()) / 2.0)
        await door.show(plant.tags() | {"SYS.Running": float(plant.done < samples)})
    await asyncio.sleep(1.0)
    print(json.dumps({"mean": sum(off) / len(off), "last": off[-1]}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], float(sys.argv[2]) if sys.argv[2] != "led" else None, int(sys.argv[3])))
