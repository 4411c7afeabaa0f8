"""The PLC process: a simulated line behind real OPC UA and Modbus servers, on its own clock or in lock-step."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Protocol

from hil.faults.course import Course, Handled, Setup, Turn, handled_of, setups_of, turns_of
from hil.faults.modbus import Garbled
from hil.faults.opcua import Strange
from hil.faults.struck import simulate
from hil.faults.tables import LINKS, MODBUS_FAULTS, OPCUA_FAULTS
from hil.plants.faults import Fault
from hil.plants.noise import Mismatch
from hil.plc import lines
from hil.plc.line import Image, SimulatedLine
from hil.plc.scans import SCAN_S
from hil.rig.labels import label
from hil.rig.links import disturb
from hil.rig.truth import TruthLog
from hil.servers.modbus import ModbusServer
from hil.servers.opcua import OpcUaServer
from hil.servers.plant_times import Led, Paced, PlantTimes
from hil.servers.roads import Roads, port_of
from plant_io.clocks import PacedClock, WallClock
from policies import Modbus, OpcUa, Policy, load, shipped

_MOST = 2.0**32  # periods a controller may count


class Server(Protocol):
    """What the process needs of a server."""

    @property
    def address(self) -> str:
        """Return where to connect."""
        ...

    async def start(self, image: Image) -> None:
        """Show `image` and listen."""
        ...

    async def publish(self, image: Image) -> None:
        """Show what has changed."""
        ...

    async def take(self) -> Mapping[str, float]:
        """Return what clients have written since the last call, each in the unit of its tag."""
        ...

    async def stop(self) -> None:
        """Close the socket."""
        ...


@dataclass(frozen=True, slots=True)
class Options:
    """What is served, where and how fast."""

    line: str
    """Name of the simulated line."""
    policy: Path
    """Policy that names the tags."""
    host: str = "127.0.0.1"
    """Address to listen at."""
    opcua: int = 0
    """TCP port of OPC UA, 0 for any [1]."""
    modbus: int = 0
    """TCP port of Modbus, 0 for any [1]."""
    lockstep: bool = False
    """Whether plant time waits for the controller."""
    speed: float = 1.0
    """Plant seconds per wall second, where it does not wait [1]."""
    origin: float | None = None
    """Instant at which plant time and the wall's agree, where it does not wait, POSIX time [s]; the present if None."""
    seed: int = 1
    """Seed of the line [1]."""
    start: float = 1.7e9
    """Instant of plant time 0, POSIX time [s]; where plant time does not wait, the present."""
    faults: tuple[Fault, ...] = ()
    """What goes wrong, and when."""
    turns: tuple[Turn, ...] = ()
    """What people at the plant turn."""
    setups: Mapping[str, Setup] = field(default_factory=dict[str, Setup])
    """How its PLCs are set up, by connection, where that differs from the line's own."""
    handled: tuple[Handled, ...] = ()
    """What operators do at the stations of loops."""
    mismatch: Mismatch = 1.0
    """Spread of the true parameters, 1 as specified, or ``hard``: each two standard deviations off [1]."""
    for_s: float = 86400.0
    """How long the run is to be, within which links fail at random [s]."""
    truth: Path | None = None
    """Where the truth log is left at the end."""
    pki: Path | None = None
    """Folder of certificates; with one, OPC UA speaks to trusted clients only."""
    fmu: Path | None = None
    """FMU that is the plant, instead of one of ours."""
    mapping: Path | None = None
    """File that ties its variables to tags; the one beside it if None."""
    tethered: bool = False
    """Whether the process ends when its standard input does, so that none is left behind."""


class Rack:
    """A simulated line, its servers and its truth log.

    Parameters
    ----------
    policy
        The policy that names the tags.
    options
        What is served, where and how fast.
    """

    def __init__(self, policy: Policy, options: Options) -> None:
        self.line = _simulated(policy, options)
        self.written = asyncio.Event()
        """Set whenever a client has written."""
        self.log = TruthLog([label(fault, inf).plain() for fault in options.faults])
        self.servers = {name: _server(policy, name, options, self.written.set) for name in _in_order(policy)}
        for name, server in self.servers.items():
            self._spoil(name, server, policy, options.faults)
        self.epoch = options.start
        """Instant of plant time 0, POSIX time [s]."""
        self._period_s = policy.period_s
        self._request = None if policy.lockstep is None else policy.lockstep.request
        self._asked, self._led = 0.0, False
        self.passed: Callable[[float], None] = lambda _: None
        """Told plant time [s] whenever it has gone by, before what then is is shown."""
        self._wanted = options.truth is not None

    def _spoil(self, name: str, server: Server, policy: Policy, faults: Sequence[Fault]) -> None:
        """Let something be wrong with a server, if there is a fault of it."""
        mine = [fault for fault in faults if fault.id in OPCUA_FAULTS or fault.id in MODBUS_FAULTS]
        if mine and isinstance(server, OpcUaServer):
            server.misbehave(Strange(mine, policy, name, lambda: self.line.plant.time))
        if mine and isinstance(server, ModbusServer):
            server.misbehave(Garbled(mine, policy, name, lambda: self.line.plant.time))

    async def start(self) -> dict[str, str]:
        """Listen, and return where to connect, by connection."""
        image = self.line.image(self.epoch)
        for server in self.servers.values():
            await server.start(image)
        return {name: server.address for name, server in self.servers.items()}

    async def collect(self) -> None:
        """Hand what clients have written to the PLCs."""
        for server in self.servers.values():
            for tag, value in (await server.take()).items():
                self.line.write(tag, value)
                if tag == self._request and 1.0 <= value < _MOST:
                    self._asked = value

    async def show(self) -> None:
        """Publish what the PLCs show, the lock-step counter last."""
        image = self.line.image(self.epoch)
        for server in self.servers.values():
            await server.publish(image)

    async def stop(self) -> None:
        """Close all sockets."""
        for server in self.servers.values():
            await server.stop()

    async def follow(self) -> None:
        """Let one period go by whenever the controller asks for it; wait as long as it does not."""
        while True:
            await self.written.wait()
            self.written.clear()
            await self.collect()
            if self.line.wanted:
                self._join()
                self.line.advance(self._period_s)
                self._keep()
                self.passed(self.line.plant.time)
                self.line.grant()
            await self.show()

    def _join(self) -> None:
        """Let a plant that has just been started begin where the controller is: it asks for its k-th period."""
        if not self._led:
            self._led = True
            self.epoch += max(0.0, self._asked - 1.0) * self._period_s

    async def pace(self, speed: float, origin: float | None = None) -> None:
        """Run one scan after the other, from `epoch` on; what is late is caught up.

        Parameters
        ----------
        speed
            Plant seconds per wall second [1].
        origin
            Instant at which plant time and the wall's agree, POSIX time [s]; `epoch` if None.
        """
        clock = PacedClock.from_origin(speed, self.epoch if origin is None else origin)
        while True:
            await clock.sleep_until(self.epoch + self.line.plant.time + SCAN_S)
            await self.collect()
            self.line.advance(SCAN_S)
            if (self.line.plant.time / self._period_s).is_integer():
                self._keep()
            await self.show()

    def _keep(self) -> None:
        if self._wanted:
            self.log.add(self.line.truth())


async def serve(options: Options) -> None:
    """Serve until told to end, say once when both servers listen, and leave the truth log.

    Raises
    ------
    policies.PolicyError
        If the policy is no good.
    OSError
        If a port is taken, or the truth log cannot be written.
    """
    ended = asyncio.Event()
    _heed(ended.set, tethered=options.tethered)
    policy = load(options.policy)
    failing = {fault.target for fault in options.faults if fault.id in LINKS}
    rack = Rack(policy, replace(options, opcua=0, modbus=0) if failing else options)
    origin, roads = None, None
    if options.truth is not None:
        rack.log.spill(options.truth)
    try:
        lead = await rack.start()
        if not options.lockstep:
            origin = WallClock().now() if options.origin is None else options.origin
            rack.epoch = PacedClock.from_origin(options.speed, origin).now()
            await rack.show()
        roads = _roads(rack, options, origin) if failing else None
        connect = lead if roads is None else _forwarded(roads, lead, options)
        said = {"ready": True, "connect": connect, "lead": lead, "epoch": rack.epoch}
        print(json.dumps(said), flush=True)  # noqa: T201  # its one answer
        work = asyncio.create_task(rack.follow() if options.lockstep else rack.pace(options.speed, origin))
        end = asyncio.create_task(ended.wait())
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
        work.cancel()
    finally:
        if options.truth is not None:
            rack.log.save(options.truth)
        if roads is not None:
            roads.close()
        await rack.stop()


def _roads(rack: Rack, options: Options, origin: float | None) -> Roads:
    """Return what stands between the servers of a rack and their clients, where links fail."""
    if origin is None:
        times: PlantTimes = Led()
    else:
        times = Paced(PacedClock.from_origin(options.speed, origin), rack.epoch, options.speed)
    rack.passed = times.advance
    return Roads(times, options.seed)


def _forwarded(roads: Roads, servers: Mapping[str, str], options: Options) -> dict[str, str]:
    """Return where clients connect instead of at the servers, over links that fail as the faults say."""
    ports = {name: options.opcua if "://" in address else options.modbus for name, address in servers.items()}
    connect = {name: roads.forward(address, options.host, ports[name]) for name, address in servers.items()}
    disturb(options.faults, options.for_s)(roads, {name: port_of(address) for name, address in servers.items()})
    return connect


def _heed(end: Callable[[], None], *, tethered: bool) -> None:
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    inlet = sys.stdin.fileno() if tethered else -1

    def listen() -> None:
        if not os.read(inlet, 4096):
            loop.remove_reader(inlet)
            end()

    if tethered:
        loop.add_reader(inlet, listen)


def _in_order(policy: Policy) -> list[str]:
    """Return the connections, the one with the lock-step counter last."""
    last = policy.tags[policy.lockstep.done].connection if policy.lockstep else ""
    return sorted(policy.connections, key=lambda name: name == last)


def _simulated(policy: Policy, options: Options) -> SimulatedLine:
    if options.fmu is None:
        course = Course(options.faults, options.turns, options.setups, options.handled)
        return simulate(policy, options.seed, course, options.mismatch)
    from hil.plc import fmu  # noqa: PLC0415  # an extra

    return fmu.simulate(policy, options.fmu, options.mapping)


def _server(policy: Policy, name: str, options: Options, on_write: Callable[[], None]) -> Server:
    match policy.connections[name]:
        case OpcUa():
            return OpcUaServer(policy, name, (options.host, options.opcua), on_write, options.pki)
        case Modbus():
            return ModbusServer(policy, name, (options.host, options.modbus), on_write)
        case other:
            raise ValueError(f"connections.{name} speaks {other.protocol}, which no simulated server does")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m hil.serve", description=__doc__)
    parser.add_argument("line", type=str.upper, choices=lines.names(), help="line to simulate")
    parser.add_argument("--policy", type=Path, help="policy that names the tags; the shipped one if absent")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at")
    parser.add_argument("--opcua", type=int, default=0, metavar="PORT", help="port of OPC UA; any if 0")
    parser.add_argument("--modbus", type=int, default=0, metavar="PORT", help="port of Modbus TCP; any if 0")
    parser.add_argument("--clock", choices=["lockstep", "wall"], default="wall", help="whether plant time waits")
    parser.add_argument("--speed", type=float, default=1.0, help="plant seconds per wall second")
    parser.add_argument(
        "--origin", type=float, metavar="POSIX", help="instant at which plant and wall agree; the present if absent"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the line")
    parser.add_argument(
        "--start", type=float, default=1.7e9, metavar="POSIX", help="instant of plant time 0 in lock-step"
    )
    parser.add_argument("--faults", type=_faults, default=(), metavar="JSON", help="list of faults, as objects")
    parser.add_argument("--turns", type=turns_of, default=(), metavar="JSON", help="list of turned setpoints")
    parser.add_argument("--handled", type=handled_of, default=(), metavar="JSON", help="list of acts at stations")
    parser.add_argument("--setups", type=setups_of, default={}, metavar="JSON", help="how PLCs are set up, by name")
    parser.add_argument("--mismatch", type=_mismatch, default=1.0, help="spread of the true parameters, or hard")
    parser.add_argument("--for", type=float, default=86400.0, metavar="SECONDS", help="length of the run")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="truth log to leave, .csv or .npz")
    parser.add_argument(
        "--pki", type=Path, metavar="DIR", help="folder of certificates; OPC UA for trusted clients only"
    )
    parser.add_argument("--tether", action="store_true", help="end when standard input ends")
    return parser


def _options(arguments: Sequence[str] | None) -> Options:
    given = _parser().parse_args(arguments)
    return Options(
        line=given.line,
        policy=given.policy or shipped(given.line),
        host=given.host,
        opcua=given.opcua,
        modbus=given.modbus,
        lockstep=given.clock == "lockstep",
        speed=given.speed,
        origin=given.origin,
        seed=given.seed,
        start=given.start,
        faults=given.faults,
        turns=given.turns,
        setups=given.setups,
        handled=given.handled,
        mismatch=given.mismatch,
        for_s=vars(given)["for"],
        truth=given.truth,
        pki=given.pki,
        tethered=given.tether,
    )


def _mismatch(text: str) -> Mismatch:
    return "hard" if text == "hard" else float(text)


def _faults(text: str) -> tuple[Fault, ...]:
    try:
        return tuple(Fault(**each) for each in json.loads(text))
    except (TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"expected a list of faults as JSON objects: {error}") from error


if __name__ == "__main__":
    asyncio.run(serve(_options(None)))
