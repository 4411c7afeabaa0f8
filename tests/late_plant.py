"""A loop with one measurement that is there at once and one whose results come late, fed by hand in simulated time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from fakes import POLICY

from controller.believe import believe
from controller.estimates import Estimate
from controller.kit import LoopKit, prepare
from controller.state import LoopState
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from policies import Policy

EPOCH = 1e6


def policy(changes: Mapping[str, object], /, **words: object) -> Policy:
    """Return a policy in which the results of `z` come late, as `words` say, and with other changes to its loop."""
    tags = {
        name: {**POLICY["tags"]["Y"], "unit": unit, "address": f"input:{address}"}
        for name, unit, address in (("Z", "1", 20), ("Z_TAKEN", "s", 22), ("Z_CLOCK", "min", 24), ("COUNT", "1", 26))
    }
    hold = {k: v for k, v in POLICY["loops"]["hold"].items() if k not in {"model", "process"}}
    answers = {"y": {"u": {"gain": 1.0, "lags": (20.0,)}}, "z": {"u": {"gain": 2.0, "dead_time": 7.0, "lags": (30.0,)}}}
    late = {"tag": "Z", "unit": "1", "sd": 0.05, "bias_sd": 0.2, **words}
    loop = {
        **hold,
        "kind": "transfer_function",
        "time": "s",
        "matrix": answers,
        "measured": {**hold["measured"], "z": late},
    }
    return Policy.model_validate({**POLICY, "tags": {**POLICY["tags"], **tags}, "loops": {"hold": {**loop, **changes}}})


class Desk:
    """Shows a loop what its tags are, cycle by cycle."""

    changes: ClassVar[Mapping[str, object]] = {}
    """What its loop has beside the usual."""

    def __init__(self, **words: object) -> None:
        whole = policy(self.changes, **words)
        kit = prepare(whole)
        self.kit: LoopKit = kit.loops["hold"]
        self.index: TagIndex = kit.index
        self.state = LoopState()
        self.at = EPOCH
        self.shown: dict[str, tuple[float, float]] = {}
        self.bad: set[str] = set()
        self.said: list[str] = []

    def show(self, tag: str, value: float, source: float | None = None) -> None:
        """Let a tag show a value, taken by its source just now if nothing else is said [s]."""
        self.shown[tag] = (value, self.at + 1.0 if source is None else source)

    def cycle(self, y: float, u: float, **late: float) -> None:
        """Go on for a second; `late` are tags with what they show now."""
        for tag, value in late.items():
            self.show(tag, value)
        self.at += 1.0
        samples = {tag: self._sample(tag, *shown) for tag, shown in self.shown.items()}
        prompt = {tag: self._sample(tag, value, self.at) for tag, value in (("Y", y), ("U", u), ("U_ACT", u))}
        seen = Snapshot.empty(self.at, self.index).extended(samples | prompt)
        self.state, events = believe(self.kit, seen, self.state)
        self.said += [event.what for event in events]

    def _sample(self, tag: str, value: float, source: float) -> Sample:
        if tag in self.bad:
            return Sample(value, Quality.BAD, source, self.at, Reason.STALE)
        return Sample(value, Quality.GOOD, source, self.at)

    @property
    def estimate(self) -> Estimate:
        assert self.state.estimate is not None
        return self.state.estimate


class Counted(Desk):
    """The same where a tag counts samples of two seconds."""

    changes: ClassVar[Mapping[str, object]] = {"trigger": "COUNT", "sample": "2s", "deadline": "2s"}


def same(one: Desk, other: Desk) -> bool:
    """Return whether two loops believe the same, bit for bit."""
    pairs: Any = ((one.estimate.x, other.estimate.x), (one.estimate.p, other.estimate.p))
    return all(a.tobytes() == b.tobytes() for a, b in pairs)


def day(cycles: int, seed: int) -> list[tuple[float, float]]:
    """Return what `y` and `u` are in each cycle of a run."""
    rng = np.random.default_rng(seed)
    u = 5.0 + np.cumsum(rng.normal(0.0, 0.1, cycles))
    return list(zip((5.0 + rng.normal(0.0, 0.1, cycles)).tolist(), u.tolist(), strict=True))
