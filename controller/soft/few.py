"""A start with few labels: samples of a core whose parameters are drawn at random, to be learnt from beside real ones.

What is drawn is our own core with the doubt there is about it before any data, never the plant. A learner that has seen
a thousand lines of the kind needs few labels of the one it is used on (domain randomisation).

References
----------
J. Tobin et al., "Domain randomization for transferring deep neural networks from simulation to the real world",
IEEE/RSJ IROS 2017, doi:10.1109/IROS.2017.8202133.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

import numpy as np
from numpy.random import Generator

from controller.soft.cores import CORES
from controller.soft.samples import Samples
from plant_io.signals import Floats

LINES = 25
"""Lines that are drawn, each with parameters of its own [1]."""


def simulated(core: str, ranges: Mapping[str, tuple[float, float]], n: int, rng: Generator) -> Samples:
    """Return samples of a core with drawn parameters and inputs; clues are not drawn, as nothing is off.

    Parameters
    ----------
    core
        Name of the core.
    ranges
        Lowest and highest value of each input it needs, in their units.
    n
        Number of samples [1].
    rng
        Source of randomness.

    Raises
    ------
    ValueError
        If the core needs an input that is not there.
    """
    known = CORES[core]
    lacking = [name for name, one in known.inputs.items() if one.needed and name not in ranges]
    if lacking:
        raise ValueError(f"the core {core} wants ranges of {', '.join(lacking)}")
    inputs = {name: rng.uniform(low, high, n) for name, (low, high) in ranges.items()}
    labels = np.empty(n)
    for part in np.array_split(np.arange(n), min(LINES, n)):
        drawn: dict[str, Floats | float] = {
            name: one.guess * exp(one.spread * float(rng.standard_normal())) for name, one in known.unknowns.items()
        }
        labels[part] = known(drawn, {name: values[part] for name, values in inputs.items()})["value"]
    never = np.full(n, -np.inf)
    return Samples(inputs, labels, never, never)


def together(simulated_ones: Samples, real: Samples, times: int) -> Samples:
    """Return simulated samples and real ones, each real one several times, as it counts for more.

    Parameters
    ----------
    simulated_ones
        Simulated samples.
    real
        Real samples; of their inputs only those of the simulated ones are kept.
    times
        How often each real one is taken [1].
    """
    rows = np.tile(np.arange(real.n), times)
    repeated = real.rows(rows)
    return Samples(
        {name: np.concatenate([values, repeated.inputs[name]]) for name, values in simulated_ones.inputs.items()},
        np.concatenate([simulated_ones.labels, repeated.labels]),
        np.concatenate([simulated_ones.at, repeated.at]),
        np.concatenate([simulated_ones.known_at, repeated.known_at]),
    )
