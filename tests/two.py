"""Two controllers on one PLC in simulated time: each pauses, dies and loses its link as chance wants."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from fakes import POLICY, kit

from controller.cycle import Mode, Order, SetMode
from controller.decide import decide
from controller.kit import Kit
from controller.lease import taken
from controller.plan import Plan, Status
from hil.plc.device import Plc
from hil.plc.guard import Limits, Rules, Word
from plant_io import Quality, Reason, Sample, Setpoint, Snapshot

SCAN_S, PERIOD_S = 0.5, 1.0
SIGNED = 1e-6
"""What tells in a setpoint who wrote it: one for the first process, two for the second, and so on."""
_LEASE = {"claim": "SUP.CLAIM", "epoch": "SUP.EPOCH"}


def policy(*, leased: bool) -> dict[str, Any]:
    """The toy policy, with or without a lease."""
    known = dict(POLICY)
    word = {"unit": "1", "range": [0, 2**32 - 1], "connection": "plc", "type": "uint32"}
    plc = known["connections"]["plc"]
    if leased:
        more = {
            "SUP.EPOCH": word | {"address": "input:10"},
            "SUP.CLAIM": word | {"address": "holding:6", "access": "write", "read_back": "SUP.EPOCH"},
        }
        known["tags"] = known["tags"] | more
        known["connections"] = {"plc": plc | {"handshake": plc["handshake"] | _LEASE}}
    return known


@dataclass
class Frame:
    """What one process wrote in one cycle, on its way."""

    process: int
    writes: Sequence[Setpoint]
    due: float


@dataclass
class Controller:
    """One controller, whose process may be paused, killed and started anew, and whose link may be lost."""

    kit: Kit
    rng: np.random.Generator
    phase: int
    process: int = 0
    state: Any = None
    paused_to: float = 0.0
    away_to: float = 0.0
    begun: int = 0
    in_hand: list[Frame] = field(default_factory=list)

    def start(self, process: int) -> None:
        """Start a process that knows nothing; what the one before has sent is still on its way."""
        self.process, self.begun = process, 0
        self.kit = replace(self.kit, station=int(self.rng.integers(2**16)))
        self.state = self.kit.start()

    def cycle(self, at: float, shown: Mapping[str, float]) -> Frame:
        """One real cycle; the frame leaves later if the process is paused, or the link stalls, in the middle of it."""
        bad = self.away_to > at
        samples = {
            name: Sample(value, *((Quality.BAD, at, at, Reason.LINK_DOWN) if bad else (Quality.GOOD, at, at)))
            for name, value in shown.items()
            if name in self.kit.index.position
        }
        snapshot = Snapshot.empty(at, self.kit.index).extended(samples)
        mode = self.state.loops["hold"].mode
        orders = [] if mode is Mode.AUTO or self.rng.random() > 0.2 else [self._order(Mode.AUTO)]
        orders += [self._order(Mode.SHADOW)] if self.rng.random() < 0.01 else []
        plans = [self._plan(at)] if self.begun % 4 == 0 else []
        self.begun += 1
        decision, self.state = decide(snapshot, orders, plans, self.state, self.kit)
        late = self.rng.random()
        due = at
        if late < 0.03:
            due = self.paused_to = at + self.rng.uniform(0.5, 20.0)
        elif late < 0.06:
            due = self.away_to = at + self.rng.uniform(0.5, 20.0)
        signed = [self._signed(s) for s in (*decision.setpoints, *decision.handshake)]
        return Frame(self.process, [] if bad else signed, due)

    def _signed(self, setpoint: Setpoint) -> Setpoint:
        mark = round(setpoint.value, 3) + SIGNED * self.process
        return replace(setpoint, value=mark) if setpoint.tag == "U" else setpoint

    def _order(self, mode: Mode) -> Order:
        return Order("ana", "test", SetMode("hold", mode))

    def _plan(self, at: float) -> Plan:
        moves = np.full((5, 1), self.rng.uniform(4.8, 5.2))
        return Plan("hold", 1, at, Status.SOLVED, moves, np.zeros((6, 1)))


@dataclass
class Seen:
    """What a run showed."""

    taken: list[tuple[int, int, int]] = field(default_factory=list)
    """Scan, process and epoch of every setpoint the PLC took [1]."""
    claims: dict[int, set[int]] = field(default_factory=dict)
    """Processes that have sent each claim [1]."""
    faults: list[str] = field(default_factory=list)

    @property
    def turns(self) -> list[int]:
        """Processes in the order in which they moved the plant, each as often as it began to."""
        who = [process for _, process, _ in self.taken]
        return [p for i, p in enumerate(who) if i == 0 or who[i - 1] != p]


class Bout:
    """Two controllers and a PLC, for one seed."""

    def __init__(self, seed: int, *, leased: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        declared = kit(**{k: v for k, v in policy(leased=leased).items() if k in ("tags", "connections")})
        declared = replace(declared, takes=taken(declared.policy))
        self.plc = Plc(declared.policy, "plc", Rules({"U": Limits(0.0, 10.0, 1.0, 5.0)}))
        self.two = [Controller(declared, self.rng, phase) for phase in self.rng.integers(2, size=2)]
        self.processes = 0
        self.seen = Seen()
        self._frames: list[Frame] = []
        for each in self.two:
            self._start(each)

    def _start(self, each: Controller) -> None:
        self.processes += 1
        each.start(self.processes)

    def run(self, scans: int) -> Seen:
        """Let time go by, with all that can go wrong."""
        for k in range(scans):
            at = 1000.0 + SCAN_S * k
            self._mishap()
            for i in self.rng.permutation(2):
                each = self.two[i]
                if k % round(PERIOD_S / SCAN_S) == each.phase and each.paused_to <= at:
                    self._frames.append(each.cycle(at, {"Y": 1.0, **self.plc.shown()}))
            self._deliver(at)
            before = self.plc.block
            self.plc.scan(SCAN_S)
            self._judge(k, before)
        return self.seen

    def _mishap(self) -> None:
        chance = self.rng.random()
        if chance < 0.005:
            self._start(self.two[self.rng.integers(2)])
        elif chance < 0.008:
            self.plc.restart(cold=bool(self.rng.random() < 0.5))
        elif chance < 0.011:
            self.plc.permitted = not self.plc.permitted
        elif not self.plc.permitted and chance < 0.1:
            self.plc.permitted = True

    def _deliver(self, at: float) -> None:
        due = [frame for frame in self._frames if frame.due <= at]
        self._frames = [frame for frame in self._frames if frame.due > at]
        for i in self.rng.permutation(len(due)):
            for setpoint in due[i].writes:
                if setpoint.tag == "SUP.CLAIM":
                    self.seen.claims.setdefault(int(setpoint.value), set()).add(due[i].process)
                self.plc.write(setpoint.tag, setpoint.value)

    def _judge(self, k: int, before: Any) -> None:
        now, old = self.plc.block.accepted["U"], before.accepted["U"]
        if now == old:
            return
        process = round((now - round(now, 3)) / SIGNED)
        if before.word is not Word.REMOTE or self.plc.block.word is not Word.REMOTE:
            self.seen.faults.append(f"scan {k}: process {process} moved the plant while nobody held it")
        if self.plc.rules.leased and self.seen.claims.get(self.plc.block.epoch) != {process}:
            self.seen.faults.append(f"scan {k}: process {process} moved the plant under {self.plc.block.epoch}")
        self.seen.taken.append((k, process, self.plc.block.epoch))
