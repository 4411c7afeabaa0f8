"""A loop of two controlled and two moved variables on two PLCs, which believes what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from fakes import POLICY, Belief, Bench, _tag

from anomaly import engine
from controller import soft, substitute
from controller.cycle import Mode, Order, Phase, SetMode
from controller.guard import Fence
from controller.kit import Kit, LoopKit, Scale
from controller.plan import Plan, Problem, Status
from plant_io import TagIndex
from policies import Policy

WORDS = ("HEARTBEAT", "ARM", "STATE", "SCAN", "ECHO")


def _plc(name: str, at: int) -> dict[str, dict[str, object]]:
    """The tags of one PLC with one setpoint."""
    i = {word: f"{kind}:{at + 10 + 2 * k}" for k, (word, kind) in enumerate(zip(WORDS, KINDS, strict=True))}
    return {
        f"{name}.Y": _tag(f"input:{at}"),
        f"{name}.ACT": _tag(f"input:{at + 2}"),
        f"{name}.LOOP": _tag(f"input:{at + 4}"),
        f"{name}.SP": _tag(f"holding:{at}", access="write", read_back=f"{name}.ACT"),
        f"{name}.STATE": _tag(i["STATE"]),
        f"{name}.SCAN": _tag(i["SCAN"]),
        f"{name}.ECHO": _tag(i["ECHO"]),
        f"{name}.HEARTBEAT": _tag(i["HEARTBEAT"], access="write", read_back=f"{name}.ECHO"),
        f"{name}.ARM": _tag(i["ARM"], access="write", read_back=f"{name}.STATE"),
    }


KINDS = ("holding", "holding", "input", "input", "input")


def _connection(name: str, port: int) -> dict[str, object]:
    words = {key: f"{name}.{key.upper()}" for key in ("heartbeat", "arm", "state", "scan")}
    return {"protocol": "modbus", "host": "127.0.0.1", "port": port, "handshake": words}


def declared(**changes: object) -> dict[str, Any]:
    """What the policy says of the loop; `changes` go by `y1`, `y2`, `u1`, `u2` or the name of a word."""
    loop: dict[str, Any] = {**POLICY["loops"]["hold"]}
    goal = {"unit": "1", "target": 2.0, "limits": [0, 4], "scale": 1.0}
    steer = dict(loop["moved"]["u"])
    loop["controlled"] = {f"y{i}": {**goal, "tag": f"P{i}.Y", **_given(changes, f"y{i}")} for i in (1, 2)}
    loop["moved"] = {f"u{i}": {**steer, "tag": f"P{i}.SP", **_given(changes, f"u{i}")} for i in (1, 2)}
    loop["measured"] = {f"y{i}": {"tag": f"P{i}.Y", "unit": "1", "sd": 0.1, "bias_sd": 0.1} for i in (1, 2)}
    return loop | {key: value for key, value in changes.items() if key not in {"y1", "y2", "u1", "u2"}}


def _given(changes: Mapping[str, object], name: str) -> dict[str, object]:
    return cast("dict[str, object]", changes.get(name, {}))


def policy(**changes: object) -> Policy:
    """The policy of the loop."""
    given = {
        **POLICY,
        "connections": {"p1": _connection("P1", 5020), "p2": _connection("P2", 5021)},
        "tags": {
            name: {**tag, "connection": name[:2].lower()} for i in (1, 2) for name, tag in _plc(f"P{i}", 0).items()
        },
        "loops": {"pair": declared(**changes)},
    }
    return Policy.model_validate(given)


class _Model:
    inputs: Mapping[str, str] = {"u1": "1", "u2": "1"}
    known: Mapping[str, str] = {}
    measured: Mapping[str, str] = {"y1": "1", "y2": "1"}
    controlled: Mapping[str, str] = {"y1": "1", "y2": "1"}


class _Estimator:
    def start(self, _inputs: object, _known: object, measured: Mapping[str, float]) -> Belief:
        return Belief(np.array([measured["y1"], measured["y2"]]))

    def step(self, old: Belief, _inputs: object, _known: object, fresh: Mapping[str, float]) -> Belief:
        return Belief(np.array([fresh.get("y1", old.x[0]), fresh.get("y2", old.x[1])]))


def kit(**changes: object) -> Kit:
    """The loop, ready."""
    given = policy(**changes)
    loop, index, same = given.loops["pair"], TagIndex.of(given), Scale(1.0, 0.0)
    ready = LoopKit(
        name="pair",
        declared=loop,
        model=cast("Any", _Model()),
        estimator=cast("Any", _Estimator()),
        fences={f"u{i}": Fence(f"P{i}.SP", 0.0, 10.0, 0.1, 0.001) for i in (1, 2)},
        read_backs={f"u{i}": f"P{i}.ACT" for i in (1, 2)},
        scales=dict.fromkeys(given.tags, same),
        low=np.zeros(2),
        high=np.full(2, 10.0),
        targets=np.full(2, 2.0),
        period_s=1.0,
        connections=frozenset({"p1", "p2"}),
        drops=frozenset(n for n, one in loop.controlled.items() if one.on_bad != "hold"),
        spares=frozenset(n for n, one in loop.moved.items() if one.on_lost == "drop"),
        homes={"u1": "p1", "u2": "p2"},
        follows={n: one.follows for n, one in loop.moved.items() if one.follows is not None},
    )
    substitutes = substitute.prepare(given, index)
    return Kit(given, index, soft.prepare(given), engine.prepare(given), {"pair": ready}, substitutes)


class Pair(Bench):
    """Feeds the loop; PLCs take what is written unless told otherwise."""

    def __init__(self, **changes: object) -> None:
        super().__init__()
        self.kit = kit(**changes)
        self.state = self.kit.start()
        self.values = {f"P{i}.{name}": value for i in (1, 2) for name, value in _AT_FIRST.items()}
        self.most = dict.fromkeys(("P1", "P2"), (-np.inf, np.inf))
        self.deaf: set[str] = set()
        self.posed: list[Problem] = []
        self.said: list[str] = []
        self.told: list[tuple[str, bool]] = []

    def cycle(self, *orders: Any, plans: tuple[Plan, ...] = (), **news: Any) -> Any:
        for name in ("P1", "P2"):
            self.values[f"{name}.SCAN"] += 2.0
        self.values["SUP.SCAN"] = 0.0
        decision = super().cycle(*orders, plans=plans, **news)
        for setpoint in (*decision.setpoints, *decision.handshake):
            plc, word = setpoint.tag.split(".")
            if word == "HEARTBEAT":
                self.values[f"{plc}.ECHO"] = setpoint.value
            elif word == "SP" and plc not in self.deaf:
                low, high = self.most[plc]
                self.values[f"{plc}.ACT"] = min(max(setpoint.value, low), high)
        self.posed += decision.problems
        self.said += [event.what for event in decision.events]
        self.told += [(alert.watch, alert.active) for alert in decision.alerts]
        return decision

    def snapshot(self) -> Any:
        self.values.pop("SUP.SCAN", None)
        return super().snapshot()

    def plan(self, *moves: float, status: Status = Status.SOLVED) -> Plan:
        """A plan of these inputs for all samples."""
        return Plan("pair", 1, self.at, status, np.tile(moves, (5, 1)), np.zeros((6, 2)))

    @property
    def loop(self) -> Any:
        return self.state.loops["pair"]

    def go(self, cycles: int, *moves: float) -> list[Any]:
        """Go through some cycles, with a plan of these inputs in each; with none where none are given."""
        return [self.cycle(plans=(self.plan(*moves),) if moves else ()) for _ in range(cycles)]

    def auto(self, *moves: float) -> Pair:
        """Bring it into service with a plan."""
        wanted = moves or (5.0, 5.0)
        self.go(4, *wanted)
        self.cycle(Order("ana", "start of shift", SetMode("pair", Mode.AUTO)))
        self.values |= {"P1.STATE": 1.0, "P2.STATE": 1.0}
        self.go(3, *wanted)
        assert self.loop.phase is Phase.ACTIVE
        return self


_AT_FIRST = {"Y": 1.0, "ACT": 5.0, "LOOP": 2.0, "STATE": 0.0, "SCAN": 10.0, "ECHO": 0.0}
