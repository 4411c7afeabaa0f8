"""Snapshots of line A, drawn straight from the simulated plant or written down by hand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from hil.plants.faults import Fault
from hil.plants.line_a import NOMINAL, LineA
from plant_io import Quality, Reason, Sample, Snapshot, TagIndex
from policies import Policy

EPOCH = 1_800_000_000.0


def shown(line: LineA, policy: Policy, index: TagIndex) -> Snapshot:
    """Return what the controller would see of a line right now, open loop."""
    at = EPOCH + line.time
    seen = Snapshot.empty(at, index)
    in_force = {f"{name}.F_ACT": NOMINAL[f"{name}.F_SP"] for name in ("FDR_API", "FDR_EXC", "FDR_LUB")}
    for name, value in (line.tags | in_force).items():
        if name not in policy.tags:
            continue
        i = index.position[name]
        seen.values[index.start[i] : index.start[i] + index.lengths[i]] = value
        seen.source[i], seen.arrival[i] = EPOCH + line.taken.get(name, line.time), at
        good = name not in line.quality
        seen.quality[i], seen.reason[i] = (0, 0) if good else (Quality.BAD, Reason.SENSOR_FAILURE)
    return seen


def hours(
    seed: int, policy: Policy, seconds: int, faults: Sequence[Fault] = ()
) -> Iterator[tuple[Snapshot, Mapping[str, float]]]:
    """Yield a snapshot and the truth, once a second, of the line at its nominal setpoints."""
    line, index = LineA(seed, faults=faults), TagIndex.of(policy)
    for _ in range(seconds):
        line.step(0.5, NOMINAL)
        line.step(0.5, NOMINAL)
        yield shown(line, policy, index), line.truth()


def written(at: float, policy: Policy, samples: Mapping[str, Sample], spectrum: np.ndarray | None = None) -> Snapshot:
    """Return a snapshot with a few tags written down by hand; all others have never been read."""
    index = TagIndex.of(policy)
    seen = Snapshot.empty(at, index).extended(samples)
    if spectrum is None:
        return seen
    i = index.position["NIR.SPECTRUM"]
    values = seen.values.copy()
    values[index.start[i] : index.start[i] + index.lengths[i]] = spectrum
    return replace(seen, values=values)


def good(value: float, at: float) -> Sample:
    """Return a good sample taken and arrived at one instant."""
    return Sample(value, Quality.GOOD, at, at)
