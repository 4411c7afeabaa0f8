"""A run of the whole controller against line A over real sockets, in a network namespace whose packets are dropped.

Run as a program, by root, within ``unshare --net``; it prints what was read, written and dropped as one JSON object.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parent))

from fakes import MOVER
from moves import moves

from controller.cycle import Cycle, Mode, Order, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.mpc.worker import Inline
from controller.runtime import Door, Options, operate
from hil.rig.process import PlcProcess, Served
from plant_io import Outcome, Quality
from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import Handshake, Policy, load, rebind, shipped

SCANS_PER_S = 2.0


@dataclass(frozen=True)
class Drop:
    """Packets of one connection that are lost, both ways."""

    connection: str
    from_s: float
    to_s: float


def able() -> str:
    """Return why packets cannot be dropped here, or nothing."""
    if sys.platform != "linux":
        return "only Linux has network namespaces"
    missing = [tool for tool in ("unshare", "ip", "iptables") if shutil.which(tool) is None]
    if missing:
        return f"{', '.join(missing)} not installed"
    tried = subprocess.run(["unshare", "--net", "iptables", "-L", "-n"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no network namespace: {tried.stderr.strip() or 'refused'}"


def tables(act: str, port: int) -> None:
    """Begin (``-A``) or cease (``-D``) to drop whatever goes to or comes from a port."""
    for end in ("--dport", "--sport"):
        subprocess.run(["iptables", act, "INPUT", "-p", "tcp", end, str(port), "-j", "DROP"], check=True)


async def dropping(
    drops: Sequence[Drop], ports: Mapping[str, int], first: asyncio.Future[float], seen: list[list[float]]
) -> None:
    clock, begun = WallClock(), await first
    for drop in drops:
        await clock.sleep_until(begun + drop.from_s)
        await asyncio.to_thread(tables, "-A", ports[drop.connection])
        began = clock.now()
        await clock.sleep_until(begun + drop.to_s)
        await asyncio.to_thread(tables, "-D", ports[drop.connection])
        seen.append([began, clock.now()])


def play(drops: Sequence[Drop], asked: Sequence[float], for_s: float) -> dict[str, object]:
    """Run the controller, asked for AUTO now and then [s], and drop packets meanwhile."""
    policy = quick(load(shipped("A")))
    cycles: list[Cycle] = []
    spans: list[list[float]] = []
    with PlcProcess(Served("A", lockstep=False, seed=5)) as process:
        bound = rebind(policy, process.connect)
        ports = {name: urlsplit(at if "://" in at else f"//{at}").port or 0 for name, at in process.connect.items()}

        async def run() -> None:
            clock = WallClock()
            through = Door(clock, Line(bound, clock), Inline(MOVER, (dict(policy.loops), dict(policy.files))))
            auto = tuple(Timed(at, Order("ana", "test", SetMode("blend", Mode.AUTO))) for at in asked)
            options = Options(for_s=for_s, orders=auto, unrecorded=True)
            first: asyncio.Future[float] = asyncio.get_running_loop().create_future()

            def see(cycle: Cycle) -> None:
                cycles.append(cycle)
                if not first.done():
                    first.set_result(cycle.snapshot.at)

            lost = asyncio.create_task(dropping(drops, ports, first, spans))
            await operate(prepare(bound), options, through, (see,))
            await lost

        asyncio.run(run())
    rows = [row(cycle, policy, process.epoch) for cycle in cycles]
    return {"spans": spans, "rows": rows, "links": [drop.connection for drop in drops]}


def quick(policy: Policy) -> Policy:
    settled = {n: loop.model_copy(update={"settle": 3}) for n, loop in policy.loops.items()}
    return policy.model_copy(update={"loops": settled})


def row(cycle: Cycle, policy: Policy, epoch: float) -> dict[str, object]:
    """Return what a test wants to know of one cycle."""
    seen = cycle.snapshot
    bad = {policy.tags[n].connection for n in policy.tags if seen[n].quality is not Quality.GOOD}
    counts = {name: seen.good(words.scan) for name, words in handshakes(policy).items()}
    true = SCANS_PER_S * (seen.at - epoch)
    return {
        "at": seen.at,
        "bad": sorted(bad),
        "off": {name: count - true for name, count in counts.items() if count is not None},
        "phase": cycle.decision.modes["blend"][1].value,
        "moved": len(moves(cycle)),
        "taken": sorted({policy.tags[r.setpoint.tag].connection for r in cycle.receipts if r.outcome is Outcome.TAKEN}),
    }


def handshakes(policy: Policy) -> dict[str, Handshake]:
    return {name: c.handshake for name, c in policy.connections.items() if c.handshake is not None}


if __name__ == "__main__":
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    given = json.loads(sys.argv[1])
    print(json.dumps(play([Drop(*each) for each in given["drops"]], given["asked"], given["for_s"])))
