"""A device that is read by scan classes, in virtual time, and a policy that names them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import nan

import numpy as np

from hil.virtual.loop import VirtualLoop
from plant_io import Batch, Identity, Receipt, Setpoint, Snapshot
from plant_io.clocks import WallClock
from plant_io.line import Line
from plant_io.ports import Clock
from plant_io.scan import scans_of
from policies import Policy

EPOCH = 1_767_225_600.0
SCANS = {"fast": "200ms", "slow": {"every": "10s", "phase": "3s"}, "once": "on connect"}
TAGS = {"F": "fast", "C": "control", "S": "slow", "O": "once"}
HANDSHAKE = {"heartbeat": "HB", "arm": "ARM", "state": "STATE", "scan": "SCAN"}


def declared(
    tags: Mapping[str, str], connections: tuple[str, ...] = ("plc",), stale_after: str = "", **link: object
) -> Policy:
    """A policy whose tags, named by connection and letter, have the given scan classes."""
    plug = {"protocol": "fake", "options": {}, "timeout": "500ms"} | link
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": "1s",
            "scans": SCANS,
            "connections": dict.fromkeys(connections, plug),
            "tags": {
                f"{name}{letter}" if len(connections) > 1 else letter: {
                    "unit": "1",
                    "range": [-1e9, 1e9],
                    "connection": name,
                    "address": letter,
                    "scan": scan,
                    "type": "uint16",
                }
                | ({"stale_after": stale_after} if stale_after else {})
                for name in connections
                for letter, scan in tags.items()
            },
        }
    )


@dataclass
class Device:
    """A device of any make; its values count how often each class was read."""

    lasts: dict[str, float] = field(default_factory=dict)
    """How long a read of each class takes [s]."""
    reads: list[tuple[str, float]] = field(default_factory=list)
    """Class and time since the epoch [s] of every read that was begun."""
    counters: list[tuple[float, float]] = field(default_factory=list)
    down: bool = False

    def times(self, scan: str) -> list[float]:
        return [round(at, 3) for name, at in self.reads if name == scan]


class Fake:
    def __init__(self, devices: Mapping[str, Device], connection: str, policy: Policy) -> None:
        self.device, self.clock = devices[connection], WallClock()
        self.scans = scans_of(connection, policy)

    async def open(self) -> Identity:
        if self.device.down:
            raise ConnectionRefusedError("refused")
        return Identity()

    async def read(self, scan: str = "control") -> Batch:
        if self.device.down:
            raise ConnectionResetError("reset")
        self.device.reads.append((scan, self.clock.now() - EPOCH))
        await self.clock.sleep_until(self.clock.now() + self.device.lasts.get(scan, 0.0))
        n = len(self.scans[scan])
        value = float(len([name for name, _ in self.device.reads if name == scan]))
        counters = self.device.counters.pop(0) if self.device.counters else None
        good = np.zeros(n, np.uint8)
        return Batch(np.full(n, value), good, good.copy(), np.full(n, nan), counters=counters)

    async def write(self, setpoints: list[Setpoint]) -> list[Receipt]:
        raise NotImplementedError

    async def abort(self) -> None:
        pass


Story = Callable[[Line, Clock], Awaitable[list[Snapshot]]]


def told(policy: Policy, devices: Mapping[str, Device], story: Story) -> tuple[list[Snapshot], Line]:
    """Play a story in virtual time, beginning at the epoch."""

    async def run() -> tuple[list[Snapshot], Line]:
        clock = WallClock()
        line = Line(policy, clock, lambda name, bound: Fake(devices, name, bound))
        await line.open()
        try:
            return await story(line, clock), line
        finally:
            await line.close()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH)) as runner:
        return runner.run(run())


def cycles(until_s: int, *also: tuple[float, Callable[[], None]]) -> Story:
    """Read every second; at other times do something else."""

    async def story(line: Line, clock: Clock) -> list[Snapshot]:
        seen: list[Snapshot] = []
        events = sorted([(float(k), None) for k in range(1, until_s + 1)] + list(also), key=lambda event: event[0])
        for at, act in events:
            await clock.sleep_until(EPOCH + at)
            if act is None:
                seen.append(await line.read(clock.now()))
            else:
                act()
        return seen

    return story
