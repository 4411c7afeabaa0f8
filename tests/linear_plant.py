"""A small plant of first-order lags with dead times, stepped finely by itself, and the contract of its controller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp
from pathlib import Path
from typing import cast

import numpy as np

import policies
from controller.cycle import Decision, Mode, Order, SetMode
from controller.decide import decide
from controller.kit import prepare
from controller.mpc.solver import solvers
from controller.plan import Plan
from plant_io import Quality, Reason, Sample, Snapshot
from policies import Policy, TransferFunction

EXAMPLES = Path(policies.__file__).parent / "examples"
COLUMN = {
    ("xD", "R"): (12.8, 16.7, 1.0),
    ("xD", "S"): (-18.9, 21.0, 3.0),
    ("xB", "R"): (6.6, 10.9, 7.0),
    ("xB", "S"): (-19.4, 14.4, 3.0),
    ("xD", "F"): (3.8, 14.9, 8.1),
    ("xB", "F"): (4.9, 13.2, 3.4),
}
"""Gain, lag and dead time [min] of the column of Wood and Berry, by measurement and input."""
_FINE = 0.05
EPOCH = 1_800_000_000.0


class Lags:
    """First-order lags with dead times, in steps of a twentieth of the unit of time."""

    def __init__(self, table: Mapping[tuple[str, str], tuple[float, float, float]]) -> None:
        self.table = dict(table)
        self.x = dict.fromkeys(table, 0.0)
        self.late = {pair: [0.0] * round(dead / _FINE) for pair, (_, _, dead) in table.items()}

    def step(self, inputs: Mapping[str, float], span: float) -> None:
        for _ in range(round(span / _FINE)):
            for pair, (gain, lag, _) in self.table.items():
                queue = self.late[pair]
                queue.append(inputs.get(pair[1], 0.0))
                self.x[pair] += (1.0 - exp(-_FINE / lag)) * (gain * queue.pop(0) - self.x[pair])

    def shown(self) -> dict[str, float]:
        names = dict.fromkeys(name for name, _ in self.table)
        return {name: sum(x for (row, _), x in self.x.items() if row == name) for name in names}


@dataclass
class Contract:
    """A plant that counts its samples, wants a heartbeat, and shows targets; in memory, led by the controller."""

    plant: Lags = field(default_factory=lambda: Lags(COLUMN))
    targets: dict[str, float] = field(default_factory=lambda: {"xD": 0.0, "xB": 0.0})
    moved: dict[str, float] = field(default_factory=lambda: {"R": 0.0, "S": 0.0})
    hidden: dict[str, float] = field(default_factory=dict)
    noise: float = 0.0
    done: int = 0
    beat: float = 0.0
    fallback: float = 0.0
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(5))
    _applied: dict[str, float] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    _heard: tuple[float, int] = (0.0, 0)

    def __post_init__(self) -> None:
        self._applied = dict(self.moved)
        self._look()

    def step(self) -> None:
        """Go on for one sample."""
        if self.beat != self._heard[0]:
            self._heard = (self.beat, self.done)
        self.fallback = float(self.done - self._heard[1] > 5)
        if not self.fallback:
            self._applied = dict(self.moved)
        self.plant.step(self._applied | self.hidden, 1.0)
        self.done += 1
        self._look()

    def _look(self) -> None:
        self.seen = {name: value + self._rng.normal(0.0, self.noise) for name, value in self.plant.shown().items()}

    def tags(self) -> dict[str, float]:
        return (
            {f"PV.{name}": value for name, value in self.seen.items()}
            | {f"SP.{name}": value for name, value in self.targets.items()}
            | {f"MV.{name}": value for name, value in self.moved.items()}
            | {f"MVA.{name}": value for name, value in self._applied.items()}
            | {"SYS.Heartbeat": self.beat, "SYS.Fallback": self.fallback, "SYS.Running": 1.0, "SYS.Speed": 1.0}
            | {"SYS.StepRequest": float(self.done), "SYS.StepDone": float(self.done)}
        )

    def take(self, tag: str, value: float) -> None:
        if tag == "SYS.Heartbeat":
            self.beat = value
        elif tag.startswith("MV."):
            self.moved[tag.removeprefix("MV.")] = value


class Led:
    """The controller of an example leads a plant in memory; each plan comes one cycle after its problem."""

    def __init__(self, plant: Contract | None = None, policy: Policy | None = None) -> None:
        self.policy = policies.load(EXAMPLES / "wood_berry.yaml") if policy is None else policy
        self.kit = prepare(self.policy)
        self.state = self.kit.start()
        self.plant = Contract() if plant is None else plant
        self.solvers = solvers(dict(self.policy.loops), dict(self.policy.files))
        self.plans: tuple[Plan, ...] = ()
        self.at = EPOCH
        self.bad: dict[str, float] = {}
        self.said: list[str] = []
        self.modes: list[str] = []

    def snapshot(self) -> Snapshot:
        samples = {name: Sample(value, Quality.GOOD, self.at, self.at) for name, value in self.plant.tags().items()}
        for tag, value in self.bad.items():
            samples[tag] = Sample(value, Quality.BAD, self.at, self.at, Reason.SENSOR_FAILURE)
        return Snapshot.empty(self.at, self.kit.index).extended(samples)

    def cycle(self, *orders: Order) -> Decision:
        decision, self.state = decide(self.snapshot(), orders, self.plans, self.state, self.kit)
        for setpoint in (*decision.setpoints, *decision.handshake):
            self.plant.take(setpoint.tag, setpoint.value)
        self.plans = tuple(self.solvers[problem.loop].solve(problem) for problem in decision.problems)
        self.said += [event.what for event in decision.events]
        self.modes.append(next(iter(decision.modes.values()))[1].value)
        self.at += self.policy.period_s
        return decision

    def sample(self, *orders: Order) -> list[Decision]:
        """Go through the cycles of one sample, then let the plant go on."""
        loop = next(iter(self.policy.loops.values()))
        count = round(loop.sample_s / self.policy.period_s)
        decisions = [self.cycle(*(orders if i == 0 else ())) for i in range(count)]
        self.plant.step()
        return decisions

    def samples(self, count: int) -> list[float]:
        """Go through some samples, and return the mean distance from the targets after each."""
        found = list[float]()
        for _ in range(count):
            self.sample()
            truth = self.plant.plant.shown()
            found.append(sum(abs(truth[n] - target) for n, target in self.plant.targets.items()) / len(truth))
        return found

    def auto(self) -> Led:
        self.sample(Order("test", "try", SetMode("column", Mode.AUTO)))
        return self


def loop(matrix: Mapping[str, Mapping[str, Mapping[str, object]]], **changes: object) -> TransferFunction:
    """Return a loop of any matrix; all that is not said is usual."""
    inputs = dict.fromkeys(name for row in matrix.values() for name in row)
    known = changes.get("known", {})
    assert isinstance(known, dict)
    moved = {n: _moved(n) for n in inputs if n not in known}
    given: dict[str, object] = {
        "kind": "transfer_function",
        "time": "min",
        "sample": "1m",
        "horizon": 40,
        "deadline": "40s",
        "max_solve": "1s",
        "move_weight": 0.05,
        "hold_on_bad": "10m",
        "trigger": "COUNT",
        "matrix": {y: {u: _tuples(r) for u, r in row.items()} for y, row in matrix.items()},
        "controlled": {y: {"tag": y.upper(), "unit": "1", "target": 0.0, "scale": 0.1} for y in matrix},
        "moved": moved,
        "measured": {y: {"tag": y.upper(), "unit": "1", "sd": 0.01, "bias_sd": 0.05} for y in matrix},
    }
    return TransferFunction.model_validate(_merged(given, changes)).every(20.0)


def _moved(name: str) -> dict[str, object]:
    wide: dict[str, object] = {
        "limits": (-10.0, 10.0),
        "max_rate": 1.0,
        "max_move": 5.0,
        "scale": 0.5,
        "tolerance": 1e-6,
    }
    return {"tag": name.upper(), "unit": "1"} | wide


def _tuples(response: Mapping[str, object]) -> dict[str, object]:
    return {k: tuple(cast("list[float]", v)) if isinstance(v, list) else v for k, v in response.items()}


def _merged(given: dict[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    found = dict(given)
    for key, value in changes.items():
        before = found.get(key)
        both = isinstance(before, dict) and isinstance(value, dict)
        found[key] = _merged(cast("dict[str, object]", before), cast("Mapping[str, object]", value)) if both else value
    return found
