"""Runs of line B as a hybrid soft sensor sees them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from controller.soft.samples import Indices, Samples
from hil.runs_b import Runs, beyond, designed, made

TAGS = {
    "liquid_flow": "PMP.F_PV",
    "api_flow": "FDR_API.F_PV",
    "exc_flow": "FDR_EXC.F_PV",
    "inlet": "DRY.TIN_PV",
    "air": "DRY.AIR_PV",
    "humidity": "DRY.Y_IN",
    "speed": "TSG.N_PV",
    "bed": "DRY.T_BED",
    "outlet_humidity": "DRY.Y_OUT",
    "outlet": "DRY.T_OUT",
    "torque": "TSG.TORQUE",
    "wet": "CAM_W.D50",
    "power": "MIL.POWER",
}
"""What is read, by name of the input."""

SETTINGS = ("liquid_flow", "api_flow", "exc_flow", "inlet", "air", "humidity", "speed")
"""Process parameters as they are shown; the rest are further sensors."""

WETTEST = 8.0
"""Loss on drying up to which runs outside the design count [%]; beyond it nobody would run the line."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One line with its designs."""

    sets: dict[int, Runs]
    """Designed runs by their number."""
    inside: Runs
    """Withheld runs within the ranges of the designs."""
    outside: Runs
    """Withheld runs outside them."""


def draw(seed: int, sizes: tuple[int, ...], withheld: int) -> Draw:
    """Return the runs of one line.

    Parameters
    ----------
    seed
        Seed of line and designs.
    sizes
        Numbers of designed runs [1].
    withheld
        Number of runs in each of the withheld sets [1].
    """
    rng = np.random.default_rng([100, seed])
    sets = {n: made(seed, designed(n, rng), 1000 * n + seed) for n in sizes}
    return Draw(sets, made(seed, designed(withheld, rng), 5), made(seed, beyond(withheld, rng), 6))


def samples(runs: Runs, result: str, keep: Indices | None = None) -> Samples:
    """Return runs as labelled samples, in the order in which they were made.

    Parameters
    ----------
    runs
        The runs.
    result
        What the laboratory determined.
    keep
        Places of the runs that count, shape ``(m,)`` [1]; all if absent.
    """
    order = np.arange(len(runs.labels[result])) if keep is None else keep
    at = np.arange(len(order), dtype=float)
    inputs = {name: runs.tags[tag][order] for name, tag in TAGS.items()}
    return Samples(inputs, runs.labels[result][order], at, at)
