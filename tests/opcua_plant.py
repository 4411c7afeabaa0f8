"""An OPC UA server to test against, and a policy that knows it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server

from policies import Policy

NAMESPACE = "urn:test:plant"
V = ua.VariantType
KINDS = {
    "bool": V.Boolean,
    "int16": V.Int16,
    "uint16": V.UInt16,
    "int32": V.Int32,
    "uint32": V.UInt32,
    "int64": V.Int64,
    "uint64": V.UInt64,
    "float32": V.Float,
    "float64": V.Double,
}


class Plant:
    """An OPC UA server in a thread of its own."""

    def __init__(self) -> None:
        self.port = 0
        self.server = Server()
        self.nodes: dict[str, Node] = {}
        self._index = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()
        self.do(self._start())

    def stop(self) -> None:
        self.do(self.server.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:  # whatever the work gives
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30.0)

    def put(self, name: str, value: object, status: int = 0, **times: datetime) -> None:
        answer = ua.DataValue(ua.Variant(value, self._kind(name)), StatusCode=ua.StatusCode(ua.UInt32(status)), **times)
        self.do(self.nodes[name].write_value(answer))

    def get(self, name: str) -> ua.Variant:
        return self.do(self.nodes[name].read_data_value()).Value

    def tell(self, number: int, value: object, kind: ua.VariantType) -> None:
        """Let the server say something about itself."""
        node = self.server.get_node(ua.NodeId(ua.Int32(number)))
        self.do(node.write_value(ua.DataValue(ua.Variant(value, kind))))

    def _kind(self, name: str) -> ua.VariantType:
        return KINDS.get(name.lower(), V.Double)

    async def _start(self) -> None:
        await self.server.init()
        self.server.set_endpoint("opc.tcp://127.0.0.1:0/test")
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        self._index = await self.server.register_namespace(NAMESPACE)
        for name in (*(kind.upper() for kind in KINDS), "A", "B", "SIM.REQUEST", "SIM.DONE"):
            await self._add(name, False if name == "BOOL" else self._zero(name))
        await self._add("SPECTRUM", [0.0] * 64)
        await self._add("TEXT", "seven", V.String)
        await self._add("NOTHING", None, V.Null)
        await self.server.start()
        self.port = self.server.bserver.port

    def _zero(self, name: str) -> float:
        return 0.0 if self._kind(name) in {V.Float, V.Double} else 0

    async def _add(self, name: str, value: object, kind: ua.VariantType | None = None) -> None:
        node = ua.NodeId(ua.String(name), ua.Int16(self._index))
        label = ua.QualifiedName(name, ua.UInt16(self._index))
        self.nodes[name] = await self.server.nodes.objects.add_variable(
            node, label, value, self._kind(name) if kind is None else kind
        )
        await self.nodes[name].set_writable()


Tags = dict[str, dict[str, object]]


def declared(port: int, tags: Tags, period: str = "4s", **connection: object) -> Policy:
    common = {"unit": "1", "range": [-1e9, 1e9], "connection": "plc"}
    plc = {
        "protocol": "opcua",
        "endpoint": f"opc.tcp://127.0.0.1:{port}",
        "namespace": NAMESPACE,
        "security": "None",
        "timeout": "2s",
    }
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": period,
            "connections": {"plc": plc | connection},
            "tags": {name: common | {"address": f"s={name}"} | tag for name, tag in tags.items()},
        }
    )
