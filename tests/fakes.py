"""A loop small enough to reason about: one input, one output, an estimator that believes what it reads."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from anomaly import engine
from controller import soft, substitute
from controller.guard import Fence
from controller.kit import Kit, LoopKit, Scale
from controller.plan import Plan, Problem, Status
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from policies import Mpc, Policy

HANDSHAKE = {"heartbeat": "SUP.HEARTBEAT", "arm": "SUP.ARM", "state": "SUP.STATE", "scan": "SUP.SCAN"}


def _tag(address: str, **more: object) -> dict[str, object]:
    return {"unit": "1", "range": [-1e6, 5e9], "connection": "plc", "address": address, "type": "float32"} | more


POLICY: dict[str, Any] = {
    "policy": 1,
    "line": "toy",
    "revision": "1",
    "period": "1s",
    "connections": {"plc": {"protocol": "modbus", "host": "127.0.0.1", "port": 5020, "handshake": HANDSHAKE}},
    "tags": {
        "Y": _tag("input:0"),
        "U_ACT": _tag("input:2"),
        "SUP.STATE": _tag("input:4"),
        "SUP.SCAN": _tag("input:6"),
        "SUP.ECHO": _tag("input:8"),
        "U": _tag("holding:0", access="write", read_back="U_ACT"),
        "SUP.HEARTBEAT": _tag("holding:2", access="write", read_back="SUP.ECHO"),
        "SUP.ARM": _tag("holding:4", access="write", read_back="SUP.STATE"),
    },
    "loops": {
        "hold": {
            "kind": "mpc",
            "model": "toy",
            "process": "process.json",
            "sample": "10s",
            "horizon": 5,
            "deadline": "5s",
            "max_solve": "1s",
            "move_weight": 1.0,
            "controlled": {"y": {"tag": "Y", "unit": "1", "target": 2.0, "limits": [0, 4], "scale": 1.0}},
            "moved": {
                "u": {
                    "tag": "U",
                    "unit": "1",
                    "limits": [0, 10],
                    "max_rate": 0.1,
                    "max_move": 1.0,
                    "scale": 1.0,
                    "tolerance": 0.001,
                }
            },
            "measured": {"y": {"tag": "Y", "unit": "1", "sd": 0.1, "bias_sd": 0.1}},
            "late": {"shift": 2, "hold": 3},
            "hold_on_bad": "20s",
            "settle": 3,
            "verify": "5s",
        }
    },
}


@dataclass(frozen=True)
class Belief:
    x: np.ndarray[Any, np.dtype[np.float64]]


class ToyModel:
    inputs: Mapping[str, str] = {"u": "1"}
    known: Mapping[str, str] = {}
    measured: Mapping[str, str] = {"y": "1"}
    controlled: Mapping[str, str] = {"y": "1"}


class ToyEstimator:
    def start(self, _inputs: object, _known: object, measured: Mapping[str, float]) -> Belief:
        return Belief(np.array([measured["y"]]))

    def step(self, old: Belief, _inputs: object, _known: object, fresh: Mapping[str, float]) -> Belief:
        return Belief(np.array([fresh["y"]])) if fresh else old


def kit(**changes: object) -> Kit:
    policy = Policy.model_validate(POLICY | changes)
    loops = {name: _loop(name, policy) for name in policy.loops}
    index = TagIndex.of(policy)
    return Kit(policy, index, soft.prepare(policy), engine.prepare(policy), loops, substitute.prepare(policy, index))


def _loop(name: str, policy: Policy) -> LoopKit:
    same = Scale(1.0, 0.0)
    return LoopKit(
        name=name,
        declared=policy.loops[name],
        model=cast("Any", ToyModel()),
        estimator=cast("Any", ToyEstimator()),
        fences={"u": Fence("U", 0.0, 10.0, 0.1, 0.001)},
        read_backs={"u": "U_ACT"},
        scales={"U": same, "U_ACT": same, "Y": same},
        low=np.array([0.0]),
        high=np.array([10.0]),
        targets=np.array([2.0]),
        period_s=policy.period_s,
        connections=frozenset({"plc"}),
    )


class Holder:
    """A solver that walks every input evenly towards the middle of what is permitted; quick, and never wrong."""

    goal = 0.5

    def solve(self, problem: Problem) -> Plan:
        share = np.linspace(0.1, 0.5, 30).reshape(-1, 1)
        moves = problem.inputs + share * (problem.low + self.goal * (problem.high - problem.low) - problem.inputs)
        return Plan(
            problem.loop, problem.number, problem.at, Status.SOLVED, moves, np.zeros((31, len(problem.targets)))
        )


def HOLDER(loops: Mapping[str, Mpc], _files: Mapping[str, bytes]) -> dict[str, Holder]:  # noqa: N802  # a builder
    return {name: Holder() for name in loops}


class Mover(Holder):
    """A solver that wants every input a little above the middle, so that a loop that takes over has to move."""

    goal = 0.6


def MOVER(loops: Mapping[str, Mpc], _files: Mapping[str, bytes]) -> dict[str, Holder]:  # noqa: N802  # a builder
    return {name: Mover() for name in loops}


class Mad:
    """A solver whose plans say solved and hold numbers that are none, far too large, or good."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(3)

    def solve(self, problem: Problem) -> Plan:
        plan = Holder().solve(problem)
        odd = self._rng.choice([np.nan, np.inf, -np.inf, 1e9, -1e9], size=plan.moves.shape)
        spoilt = self._rng.random(plan.moves.shape) < 0.5
        plan.moves[spoilt] = odd[spoilt]
        return plan


def mad(loops: Mapping[str, Mpc], _files: Mapping[str, bytes]) -> dict[str, Mad]:
    return {name: Mad() for name in loops}


class Stuck(Holder):
    """A solver that answers six problems and then never again."""

    def __init__(self) -> None:
        self._left = 6

    def solve(self, problem: Problem) -> Plan:
        self._left -= 1
        if self._left < 0:
            threading.Event().wait()
        return super().solve(problem)


def stuck(loops: Mapping[str, Mpc], _files: Mapping[str, bytes]) -> dict[str, Stuck]:
    """Build solvers; a process begun again is as stuck as the first, from the start."""
    solvers = {name: Stuck() for name in loops}
    mark = Path(os.environ["STEADYLINE_STUCK"])
    if mark.exists():
        for solver in solvers.values():
            solver._left = 0
    mark.touch()
    return solvers


class Bench:
    """Feeds the toy loop: a plant that is whatever the test says, in simulated time."""

    def __init__(self, **changes: object) -> None:
        from controller.decide import decide  # noqa: PLC0415  # the fake is imported by type tests too

        self.kit = kit(**changes)
        self.state = self.kit.start()
        self._decide = decide
        self.at = 1000.0
        self.values = {"Y": 1.0, "U_ACT": 5.0, "SUP.STATE": 0.0, "SUP.SCAN": 10.0, "SUP.ECHO": 0.0}
        self.bad: set[str] = set()
        self.hears = True

    def snapshot(self) -> Snapshot:
        samples = {
            name: Sample(
                value,
                Quality.BAD if name in self.bad else Quality.GOOD,
                self.at,
                self.at,
                Reason.LINK_DOWN if name in self.bad else Reason.NONE,
            )
            for name, value in self.values.items()
        }
        return Snapshot.empty(self.at, self.kit.index).extended(samples)

    def cycle(self, *orders: Any, plans: tuple[Plan, ...] = (), **news: Any) -> Any:
        self.at += 1.0
        self.values["SUP.SCAN"] += 2.0
        decision, self.state = self._decide(replace(self.snapshot(), **news), orders, plans, self.state, self.kit)
        for beat in decision.handshake:
            if beat.tag == "SUP.HEARTBEAT" and self.hears:
                self.values["SUP.ECHO"] = beat.value
        return decision

    @property
    def loop(self) -> Any:
        return self.state.loops["hold"]

    def plan(self, *moves: float, status: Status = Status.SOLVED) -> Plan:
        column = np.array(moves, dtype=float).reshape(-1, 1)
        return Plan("hold", 1, self.at, status, column, np.zeros((len(moves) + 1, 1)), "" if moves else "no reason")
