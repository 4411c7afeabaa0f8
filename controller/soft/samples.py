"""Labelled samples to learn from, in the order of their times, and what keeps them from being learnt from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from controller.soft.cores import CORES, Core, Quantity, Values
from plant_io.signals import Floats
from policies.sentences import counted

FEWEST = 8
"""Fewest samples a hybrid soft sensor is fitted to [1]."""

_MISPLACED = 0.5
"""Share of values outside what can be meant from which another unit is suspected [1]."""

_APART = 50.0
"""Factor between labels and what the core would have of them from which another unit is suspected [1]."""

_LABEL = "the label"
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Labelled samples, each array of shape ``(n,)``."""

    inputs: Values
    """Aligned inputs by name, in their units."""
    labels: Floats
    """Results of the reference method, in their unit."""
    at: Floats
    """When each sample was taken, from any origin [s]."""
    known_at: Floats
    """When its result was known, from the same origin [s]."""

    @property
    def n(self) -> int:
        """Number of samples [1]."""
        return len(self.labels)

    def rows(self, which: Indices) -> Samples:
        """Return some of them."""
        inputs = {name: values[which] for name, values in self.inputs.items()}
        return Samples(inputs, self.labels[which], self.at[which], self.known_at[which])

    def sha256(self) -> str:
        """Return a hash over all numbers, hexadecimal."""
        digest = hashlib.sha256()
        for name in sorted(self.inputs):
            digest.update(name.encode())
            digest.update(self.inputs[name].astype("<f8").tobytes())
        for values in (self.labels, self.at, self.known_at):
            digest.update(values.astype("<f8").tobytes())
        return digest.hexdigest()


def check(samples: Samples, core: str, *, fewest: int = FEWEST, positive: bool = False, learnt: bool = True) -> None:
    """See that samples can be learnt from, or a model be held against them.

    Parameters
    ----------
    samples
        The samples.
    core
        Name of the mechanistic core, or of none.
    fewest
        Fewest samples that will do [1].
    positive
        Whether labels have to be above zero.
    learnt
        Whether something is learnt from them, so that every input has to change.

    Raises
    ------
    ValueError
        If they cannot; the first mistake found is named, in one sentence.
    """
    for problem in _problems(samples, CORES.get(core), (fewest, learnt), positive=positive):
        raise ValueError(problem)


def _problems(samples: Samples, core: Core | None, wanted: tuple[int, bool], *, positive: bool) -> Iterator[str]:
    fewest, learnt = wanted
    if core is not None:
        lacking = [n for n, one in core.inputs.items() if one.needed and n not in samples.inputs]
        if lacking:
            yield f"found no {', '.join(lacking)} among the inputs, expected every input the core needs"
    if samples.n < fewest:
        yield f"found {counted(samples.n, 'labelled sample')}, expected at least {fewest} for this method"
    for name, values in {**samples.inputs, _LABEL: samples.labels}.items():
        yield from _column(name, values, changes=learnt or (name == _LABEL and samples.n >= FEWEST))
    if core is not None:
        for name, quantity in core.inputs.items():
            yield from _plausible(name, samples.inputs.get(name), quantity)
        yield from _meant(samples, core)
    if positive and bool((samples.labels <= 0.0).any()):
        yield f"found the label {float(samples.labels.min()):g}, expected labels above zero for this core"
    yield from _times(samples)
    yield from _twice(samples)


def _column(name: str, values: Floats, *, changes: bool) -> Iterator[str]:
    gone = np.flatnonzero(~np.isfinite(values))
    if len(gone):
        share = f"{len(gone)} of {len(values)} labelled samples, the first of them sample {gone[0] + 1}"
        yield f"found no number for {name} in {share}, expected one in each"
    elif changes and len(values) and not float(np.ptp(values)) > 0.0:
        remedy = "" if name == _LABEL else f"; `--leave {name}` does without it"
        yield f"found {name} at {float(values[0]):g} in every sample, expected that it changes{remedy}"


def _plausible(name: str, values: Floats | None, quantity: Quantity) -> Iterator[str]:
    if values is None:
        return
    out = (values < quantity.low) | (values > quantity.high)
    if float(np.mean(out)) >= _MISPLACED:
        yield (
            f"found {name} from {float(values.min()):g} to {float(values.max()):g}, expected {quantity.unit} between "
            f"{quantity.low:g} and {quantity.high:g}; is the column in another unit?"
        )


def _meant(samples: Samples, core: Core) -> Iterator[str]:
    """See that labels are of the size the core would have with parameters out of a handbook."""
    said = core({name: one.guess for name, one in core.unknowns.items()}, samples.inputs)["value"]
    found, wanted = float(np.median(np.abs(samples.labels))), float(np.median(np.abs(said)))
    if isfinite(wanted) and not found <= _APART * wanted <= _APART * _APART * found:
        about = f"expected something like {wanted:.3g} {core.unit} by the core"
        yield f"found the label at {found:.3g} in the middle, {about}; is the column in another unit?"


def _times(samples: Samples) -> Iterator[str]:
    early = np.flatnonzero(samples.known_at < samples.at)
    if len(early):
        yield f"found a label known before its sample {early[0] + 1} was taken, expected labels that are younger"
    if samples.n > 1 and bool((np.diff(samples.at) < 0.0).any()):
        back = int(np.flatnonzero(np.diff(samples.at) < 0.0)[0]) + 2
        yield f"found sample {back} taken before the one above it, expected samples in the order of their times"


def _twice(samples: Samples) -> Iterator[str]:
    rows = np.column_stack([*samples.inputs.values(), samples.labels])
    seen: dict[bytes, int] = {}
    for i, row in enumerate(rows):
        if (first := seen.setdefault(row.tobytes(), i)) != i:
            yield f"found sample {i + 1} the same as sample {first + 1}, expected every batch once"
            return
