"""Runs of line B for its tests."""

from collections.abc import Mapping, Sequence

import numpy as np

from hil.plants.batch_b import BatchB
from hil.plants.faults import Fault
from hil.plants.granulation import DryerKind
from hil.plants.line_b import NOMINAL, LineB

POWDER = ("FDR_API.F_SP", "FDR_EXC.F_SP")


def at_flow(share: float) -> dict[str, float]:
    """Setpoints at another throughput; the liquid follows by itself."""
    return {name: share * NOMINAL[name] for name in POWDER}


def quiet(dryer: DryerKind = "continuous", faults: Sequence[Fault] = ()) -> LineB:
    """The nominal line without noise, with hoppers so full that no refill comes."""
    line = LineB(1, mismatch=0.0, noise=0.0, faults=faults, dryer=dryer)
    for feeder in line._hoppers.feeders:
        feeder.mass = feeder.indicated = feeder._start = 100.0
    return line


def run(line: LineB, setpoints: Mapping[str, float], seconds: float, dt: float = 0.5) -> dict[str, np.ndarray]:
    """Truth after every step."""
    rows = []
    for _ in range(round(seconds / dt)):
        line.step(dt, setpoints)
        rows.append(line.truth())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def abreast(
    cases: Sequence[tuple[Mapping[str, float], Sequence[Fault]]],
    seconds: float,
    dryer: DryerKind = "continuous",
    dt: float = 0.5,
) -> dict[str, np.ndarray]:
    """Truth of quiet nominal lines side by side, one for each case of changed setpoints and faults, each second."""
    batch = BatchB([1] * len(cases), mismatch=0.0, noise=0.0, faults=[faults for _, faults in cases], dryer=dryer)
    for hoppers in batch._hoppers:
        for feeder in hoppers.feeders:
            feeder.mass = feeder.indicated = feeder._start = 100.0
    setpoints = {name: np.array([{**NOMINAL, **changes}[name] for changes, _ in cases]) for name in NOMINAL}
    rows = [batch.truth()]
    for _ in range(round(seconds)):
        for _ in range(round(1.0 / dt)):
            batch.step(dt, setpoints)
        rows.append(batch.truth())
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
