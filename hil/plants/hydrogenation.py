"""Second step of line C: hydrogenation of the nitro compound in a packed bed of palladium catalyst.

The nitro group is reduced through a hydroxylamine that can condense to an azo-type dimer, which is consumed again. The
topology was found for an API surrogate in a micro packed bed (Yang et al., Green Chem. 2018, C7GC03469E); the constants
are chosen, not measured. Concentrations are in mol/m3. The equations run single or batched, see `hil.plants.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp
from typing import Generic, NamedTuple

from hil.plants import synthesis
from hil.plants.ops import Ops, Value
from hil.plants.rk4 import rk4
from hil.plants.synthesis import GAS_CONSTANT, arrhenius

SM, AMINE, PARA, BIS, SECOND, NITRO, HYDROXYL, API, DIMER, DESFLUORO, UNKNOWN, ALD = range(12)
"""Order of the species: the six of the coil, hydroxylamine (IMP_H), API, dimer (IMP_C), des-fluoro API (IMP_D), N-ethyl
API (U, not in any list), and aldehyde."""

SPECIES = 12
"""Number of species in the bed [1]."""

RINGS = (1, 0, 1, 1, 1, 1, 1, 1, 2, 1, 1, 0)
"""Aryl rings in one molecule, in the order of the species [1]."""

AMINES = (0, 1, 1, 2, 1, 1, 1, 1, 2, 1, 1, 0)
"""Pyrrolidines, free or bound, in one molecule, in the order of the species [1]."""

CELLS = 3
"""Mixed cells in series that stand for the bed [1]."""

VOLUME_M3 = 120e-6
"""Volume of the liquid in the bed [m3]."""

KINETICS = ((0.22, 40e3), (0.50, 45e3), (0.08e-3, 60e3), (0.020, 50e3), (1.5e-5, 75e3), (0.02e-3, 35e3))
"""Rate constant at 60 degC and 12 bar [1/s; the third and the sixth m3/mol/s] and activation energy [J/mol] of: NITRO
to HYDROXYL, HYDROXYL to API, two HYDROXYL to DIMER (not catalysed), DIMER to two API, API to DESFLUORO, API and ALD to
UNKNOWN. Chosen."""

_KINETICS_C, _KINETICS_BAR, _HYDROGEN_ORDER = 60.0, 12.0, 0.7
_DECAY_1_S = 3e-6
_POISONING_M3_MOL, _SHELTER = 4e3, 1.2
_LONGEST_STEP_S = 0.5


class BedRun(NamedTuple, Generic[Value]):
    """How the bed is run."""

    flow: Value
    """Flow through it [m3/s]."""
    temperature: Value
    """Temperature of catalyst and liquid [degC]."""
    pressure: Value
    """Pressure of hydrogen [bar]."""
    poison: Value
    """Catalyst poison in the feed [mol/m3]."""
    wear: Value
    """Decay of the catalyst relative to the usual [1]."""


class BedSkew(NamedTuple, Generic[Value]):
    """How this bed differs from the nominal one."""

    kinetics: Sequence[Value]
    """True over nominal rate constant, in the order of `KINETICS` [1]."""
    decay: Value
    """True over nominal rate of decay [1]."""


def reductions(ops: Ops[Value], run: BedRun[Value], skew: Sequence[Value]) -> list[Value]:
    """Return the rate constants of fresh catalyst, in the order and units of `KINETICS`.

    Hydrogen helps, to the power of 0.7, where it is consumed: in the first, second and fourth reaction.

    Parameters
    ----------
    ops
        Operations.
    run
        How the bed is run.
    skew
        True over nominal constant, one by one [1].
    """
    k = [
        constant * factor * arrhenius(ops, energy / GAS_CONSTANT, run.temperature, _KINETICS_C)
        for (constant, energy), factor in zip(KINETICS, skew, strict=True)
    ]
    hydrogen = ops.power(run.pressure / _KINETICS_BAR, _HYDROGEN_ORDER)
    return [k[0] * hydrogen, k[1] * hydrogen, k[2], k[3] * hydrogen, k[4], k[5]]


def bed_slopes(
    x: list[Value], fed: Sequence[Value], k: Sequence[Value], activity: Sequence[Value], renewal: Value
) -> list[Value]:
    """Return the rate of change of every concentration in the bed, cell by cell [mol/m3/s].

    Parameters
    ----------
    x
        Concentrations, `SPECIES` per cell, cell by cell [mol/m3].
    fed
        Concentrations in the feed, in the order of the species [mol/m3].
    k
        Rate constants of fresh catalyst, in the order and units of `KINETICS`.
    activity
        Activity of the catalyst, cell by cell [1].
    renewal
        Flow over the volume of one cell [1/s].
    """
    k1, k2, k3, k4, k5, k6 = k
    slopes: list[Value] = []
    sm0, amine0, para0, bis0, second0, nitro0, hydroxyl0, api0, dimer0, desfluoro0, unknown0, ald0 = fed
    for i, a in enumerate(activity):
        cell = x[i * SPECIES : (i + 1) * SPECIES]
        sm, amine, para, bis, second, nitro, hydroxyl, api, dimer, desfluoro, unknown, ald = cell
        first, reduced, joined = k1 * a * nitro, k2 * a * hydroxyl, k3 * hydroxyl * hydroxyl
        split, stripped, ethylated = k4 * a * dimer, k5 * a * api, k6 * a * api * ald
        slopes += (
            renewal * (sm0 - sm),
            renewal * (amine0 - amine),
            renewal * (para0 - para),
            renewal * (bis0 - bis),
            renewal * (second0 - second),
            renewal * (nitro0 - nitro) - first,
            renewal * (hydroxyl0 - hydroxyl) + first - reduced - 2.0 * joined,
            renewal * (api0 - api) + reduced + 2.0 * split - stripped - ethylated,
            renewal * (dimer0 - dimer) + joined - split,
            renewal * (desfluoro0 - desfluoro) + stripped,
            renewal * (unknown0 - unknown) + ethylated,
            renewal * (ald0 - ald) - ethylated,
        )
        sm0, amine0, para0, bis0, second0, nitro0 = sm, amine, para, bis, second, nitro
        hydroxyl0, api0, dimer0, desfluoro0, unknown0, ald0 = hydroxyl, api, dimer, desfluoro, unknown, ald
    return slopes


def bed_at_rest(ops: Ops[Value], fed: Sequence[Value], k: Sequence[Value], stay: Value) -> list[Value]:
    """Return the steady state of a fresh bed, cell by cell, without aldehyde [mol/m3].

    Parameters
    ----------
    ops
        Operations.
    fed
        Concentrations in the feed, in the order of the species [mol/m3].
    k
        Rate constants of fresh catalyst, in the order and units of `KINETICS`.
    stay
        Residence time in one cell [s].
    """
    k1, k2, k3, k4, k5, _ = (one * stay for one in k)
    x: list[Value] = []
    passing: list[Value] = list(fed[:NITRO])
    nitro, hydroxyl, api, dimer, desfluoro, unknown, ald = fed[NITRO:]
    for _ in range(CELLS):
        nitro = nitro / (1.0 + k1)
        half, made = 0.5 * (1.0 + k2), hydroxyl + k1 * nitro
        hydroxyl = made / (half + ops.power(half * half + 2.0 * k3 * made, 0.5))
        dimer = (dimer + k3 * hydroxyl * hydroxyl) / (1.0 + k4)
        api = (api + k2 * hydroxyl + 2.0 * k4 * dimer) / (1.0 + k5)
        desfluoro = desfluoro + k5 * api
        x += passing
        x += (nitro, hydroxyl, api, dimer, desfluoro, unknown, ald)
    return x


def from_coil(left: Sequence[Value]) -> list[Value]:
    """Return the feed of the bed: what left the coil, and none of what the bed makes [mol/m3].

    Parameters
    ----------
    left
        Concentrations at the end of the coil, in the order of its species [mol/m3].
    """
    fed = list(left)
    fed[synthesis.ALD : synthesis.ALD] = [0.0 * left[0]] * (SPECIES - synthesis.SPECIES)
    return fed


class Bed(Generic[Value]):
    """The bed with its liquid and fresh catalyst, at a steady state from the start.

    Parameters
    ----------
    ops
        Operations.
    skew
        How it differs from the nominal one.
    fed
        Concentrations in the feed at the start, in the order of the species [mol/m3].
    run
        How it is run at the start.
    """

    __slots__ = ("_ops", "_skew", "activity", "x")

    def __init__(self, ops: Ops[Value], skew: BedSkew[Value], fed: Sequence[Value], run: BedRun[Value]) -> None:
        self._ops: Ops[Value] = ops
        self._skew: BedSkew[Value] = skew
        k = reductions(ops, run, skew.kinetics)
        self.x: list[Value] = bed_at_rest(ops, fed, k, VOLUME_M3 / (CELLS * run.flow))
        """Concentrations, `SPECIES` per cell, cell by cell [mol/m3]."""
        self.activity: list[Value] = [1.0 + 0.0 * run.flow] * CELLS
        """Activity of the catalyst, cell by cell [1]."""

    def step(self, dt: float, fed: Sequence[Value], run: BedRun[Value]) -> list[Value]:
        """Run the bed for one step and return the mean concentrations that left it in the step [mol/m3].

        The catalyst ages first; poison spares the cells behind, as those in front catch it. The reactions then take
        steps of at most 0.5 s, which the fastest of them needs on the hottest bed.

        Parameters
        ----------
        dt
            Step [s].
        fed
            Concentrations in the feed, in the order of the species [mol/m3].
        run
            How it is run.
        """
        for i, a in enumerate(self.activity):
            poisoned = 1.0 + _POISONING_M3_MOL * exp(-_SHELTER * i) * run.poison
            self.activity[i] = a * self._ops.exp(-dt * _DECAY_1_S * self._skew.decay * run.wear * poisoned)
        k = reductions(self._ops, run, self._skew.kinetics)
        renewal = run.flow * CELLS / VOLUME_M3
        parts = ceil(dt / _LONGEST_STEP_S)
        left = [0.0 * one for one in fed]
        for _ in range(parts):
            self.x, out = rk4(lambda x: bed_slopes(x, fed, k, self.activity, renewal), self.x, dt / parts, SPECIES)
            left = [a + b / parts for a, b in zip(left, out, strict=True)]
        return left

    def held(self) -> list[Value]:
        """Return the amount of every species in the bed [mol]."""
        share = VOLUME_M3 / CELLS
        cells = zip(self.x[:SPECIES], self.x[SPECIES : 2 * SPECIES], self.x[2 * SPECIES :], strict=True)
        return [share * (a + b + c) for a, b, c in cells]
