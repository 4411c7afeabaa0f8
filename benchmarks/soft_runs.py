"""Runs of line B as a hybrid soft sensor sees them, simulated side by side and, if wanted, kept on disk."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np

from controller.soft.samples import Indices, Samples
from hil import plants, runs_b
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

_PARTS = ("settings", "tags", "labels", "truth")


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One line with its designs."""

    seed: int
    """Its seed."""
    sets: dict[int, Runs]
    """Designed runs by their number."""
    inside: Runs
    """Withheld runs within the ranges of the designs."""
    outside: Runs
    """Withheld runs outside them."""


def draw(seed: int, sizes: tuple[int, ...], withheld: int, folder: Path | None = None) -> Draw:
    """Return the runs of one line.

    Parameters
    ----------
    seed
        Seed of line, designs, lots and laboratory.
    sizes
        Numbers of designed runs [1].
    withheld
        Number of runs in each of the withheld sets [1].
    folder
        Where simulated runs are kept for the next time; nowhere if absent.
    """
    rng = np.random.default_rng([100, seed])
    designs = [designed(n, rng) for n in sizes] + [designed(withheld, rng), beyond(withheld, rng)]
    settings = {name: np.concatenate([one[name] for one in designs]) for name in designs[0]}
    whole = _kept(seed, settings, folder)
    ends = list(accumulate(len(one["liquid"]) for one in designs))
    *sets, inside, outside = (_rows(whole, np.arange(*ends_)) for ends_ in zip([0, *ends], ends, strict=False))
    return Draw(seed, dict(zip(sizes, sets, strict=True)), inside, outside)


def _kept(seed: int, settings: dict[str, np.ndarray], folder: Path | None) -> Runs:
    """Return runs as they were simulated before by the same plant, or anew."""
    if folder is None:
        return made(seed, settings, seed)
    digest = hashlib.sha256(repr(seed).encode())
    for source in sorted([*Path(next(iter(plants.__path__))).glob("*.py"), Path(runs_b.__file__)]):
        digest.update(source.read_bytes())
    for name, values in settings.items():
        digest.update(name.encode() + values.tobytes())
    path = folder / f"runs_b_{digest.hexdigest()[:16]}.npz"
    if not path.exists():
        runs = made(seed, settings, seed)
        folder.mkdir(parents=True, exist_ok=True)
        flat = {f"{part}/{name}": v for part in _PARTS for name, v in getattr(runs, part).items()}
        np.savez(path, allow_pickle=False, **flat)
    with np.load(path) as stored:
        return Runs(
            **{part: {k.split("/")[1]: stored[k] for k in stored.files if k.split("/")[0] == part} for part in _PARTS}
        )


def _rows(runs: Runs, which: Indices) -> Runs:
    return Runs(**{part: {name: v[which] for name, v in getattr(runs, part).items()} for part in _PARTS})


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
