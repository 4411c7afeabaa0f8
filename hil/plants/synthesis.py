"""First step of line C: nucleophilic aromatic substitution of a difluoronitrobenzene by pyrrolidine in a heated coil.

Concentrations are in mol/m3, which is mmol/L. The equations run single or batched, see `hil.plants.ops`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, NamedTuple

from hil.plants.ops import Ops, Value
from hil.plants.rk4 import rk4

SM, AMINE, PARA, BIS, SECOND, NITRO, ALD = range(7)
"""Order of the species: starting material, pyrrolidine, para isomer (IMP_A), bis adduct (IMP_B), second unknown (U2),
the wanted nitro compound, and aldehyde of the solvent."""

SPECIES = 7
"""Number of species in the coil [1]."""

CELLS = 5
"""Mixed cells in series that stand for the coil [1]."""

VOLUME_M3 = 90e-6
"""Volume of a clean coil [m3]."""

KINETICS = ((0.579, 33.3e3), (0.0270, 35.3e3), (0.00865, 38.9e3), (0.0163, 44.8e3))
"""Rate constant at 90 degC [L/mol/s] and activation energy [J/mol] of the four substitutions: SM to NITRO, SM to PARA,
NITRO to BIS, PARA to BIS; C. A. Hone et al., React. Chem. Eng. 2(2), 2017, doi:10.1039/C6RE00109B."""

GAS_CONSTANT = 8.314462618
"""Molar gas constant [J/mol/K]."""

KELVIN = 273.15
"""Zero of the Celsius scale [K]."""

_KINETICS_C = 90.0
_M3_PER_L = 1e-3
_HALVINGS = 60


class CoilRun(NamedTuple, Generic[Value]):
    """How the coil is run."""

    flow: Value
    """Flow through it [m3/s]."""
    temperature: Value
    """Temperature of the liquid [degC]."""
    volume: Value
    """Volume the liquid has [m3]."""
    spoiling: Value
    """Rate constant at which NITRO turns into the second unknown [1/s]."""


def arrhenius(ops: Ops[Value], ratio: float, temperature: Value, reference: float) -> Value:
    """Return a rate constant relative to that at the reference temperature [1].

    Parameters
    ----------
    ops
        Operations.
    ratio
        Activation energy over the gas constant [K].
    temperature
        Temperature [degC].
    reference
        Reference temperature [degC].

    Examples
    --------
    >>> from hil.plants.ops import SINGLE
    >>> round(0.579 * arrhenius(SINGLE, 33.3e3 / GAS_CONSTANT, 60.0, 90.0), 3)
    0.214
    """
    return ops.exp(ratio / (reference + KELVIN) - ratio / (temperature + KELVIN))


def substitutions(ops: Ops[Value], temperature: Value, skew: Sequence[Value]) -> list[Value]:
    """Return the rate constants of the four substitutions, in the order of `KINETICS` [m3/mol/s].

    Parameters
    ----------
    ops
        Operations.
    temperature
        Temperature [degC].
    skew
        True over published constant, one by one [1].
    """
    return [
        _M3_PER_L * constant * factor * arrhenius(ops, energy / GAS_CONSTANT, temperature, _KINETICS_C)
        for (constant, energy), factor in zip(KINETICS, skew, strict=True)
    ]


def coil_slopes(x: list[Value], fed: Sequence[Value], k: Sequence[Value], renewal: Value) -> list[Value]:
    """Return the rate of change of every concentration in the coil, cell by cell [mol/m3/s].

    Species A of the published code is credited with the wrong constant there; here every mole that leaves one species
    arrives in another.

    Parameters
    ----------
    x
        Concentrations, `SPECIES` per cell, cell by cell [mol/m3].
    fed
        Concentrations in the feed, in the order of the species [mol/m3].
    k
        Rate constants of the four substitutions [m3/mol/s], and of spoiling [1/s].
    renewal
        Flow over the volume of one cell [1/s].
    """
    ka, kb, kc, kd, ku = k
    slopes: list[Value] = []
    sm0, amine0, para0, bis0, second0, nitro0, ald0 = fed
    for i in range(0, len(x), SPECIES):
        sm, amine, para, bis, second, nitro, ald = x[i : i + SPECIES]
        wanted, astray = ka * sm * amine, kb * sm * amine
        again, across, spoilt = kc * nitro * amine, kd * para * amine, ku * nitro
        slopes += (
            renewal * (sm0 - sm) - wanted - astray,
            renewal * (amine0 - amine) - wanted - astray - again - across,
            renewal * (para0 - para) + astray - across,
            renewal * (bis0 - bis) + again + across,
            renewal * (second0 - second) + spoilt,
            renewal * (nitro0 - nitro) + wanted - again - spoilt,
            renewal * (ald0 - ald),
        )
        sm0, amine0, para0, bis0, second0, nitro0, ald0 = sm, amine, para, bis, second, nitro, ald
    return slopes


def coil_at_rest(ops: Ops[Value], fed: Sequence[Value], k: Sequence[Value], stay: Value) -> list[Value]:
    """Return the steady state of the coil, cell by cell, without spoiling [mol/m3].

    In every cell all species follow from the amine, and the amine is found by halving.

    Parameters
    ----------
    ops
        Operations.
    fed
        Concentrations in the feed, in the order of the species [mol/m3].
    k
        Rate constants of the four substitutions [m3/mol/s].
    stay
        Residence time in one cell [s].
    """
    ka, kb, kc, kd = (one * stay for one in k)
    x: list[Value] = []
    sm0, amine0, para0, bis0, second, nitro0, ald = fed

    def settled(amine: Value) -> tuple[Value, Value, Value, Value]:
        sm = sm0 / (1.0 + (ka + kb) * amine)
        para = (para0 + kb * sm * amine) / (1.0 + kd * amine)
        nitro = (nitro0 + ka * sm * amine) / (1.0 + kc * amine)
        used = amine * ((ka + kb) * sm + kc * nitro + kd * para)
        return sm, para, nitro, amine + used

    for _ in range(CELLS):
        low, high = 0.0 * amine0, amine0
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            enough = settled(middle)[3] >= amine0
            low, high = ops.where(enough, low, middle), ops.where(enough, middle, high)
        sm, para, nitro, _ = settled(high)
        bis0 = bis0 + high * (kc * nitro + kd * para)
        sm0, amine0, para0, nitro0 = sm, high, para, nitro
        x += (sm, high, para, bis0, second, nitro, ald)
    return x


class Coil(Generic[Value]):
    """The coil with its liquid, at a steady state from the start.

    Parameters
    ----------
    ops
        Operations.
    skew
        True over published rate constant, in the order of `KINETICS` [1].
    fed
        Concentrations in the feed at the start, in the order of the species [mol/m3].
    run
        How it is run at the start.
    """

    __slots__ = ("_ops", "_skew", "displaced", "volume", "x")

    def __init__(self, ops: Ops[Value], skew: Sequence[Value], fed: Sequence[Value], run: CoilRun[Value]) -> None:
        self._ops: Ops[Value] = ops
        self._skew: Sequence[Value] = skew
        k = substitutions(ops, run.temperature, skew)
        self.x: list[Value] = coil_at_rest(ops, fed, k, run.volume / (CELLS * run.flow))
        """Concentrations, `SPECIES` per cell, cell by cell [mol/m3]."""
        self.volume: Value = run.volume
        """Volume of the liquid [m3]."""
        self.displaced: list[Value] = [0.0 * one for one in fed]
        """Amounts pushed out of the way by deposit, in the order of the species [mol]."""

    def step(self, dt: float, fed: Sequence[Value], run: CoilRun[Value]) -> list[Value]:
        """Run the coil for one step and return the mean concentrations that left it in the step [mol/m3].

        Parameters
        ----------
        dt
            Step [s], at most 1.
        fed
            Concentrations in the feed, in the order of the species [mol/m3].
        run
            How it is run.
        """
        room = (self.volume - run.volume) / CELLS
        self.displaced = [was + room * one for was, one in zip(self.displaced, self._summed(), strict=True)]
        self.volume = run.volume
        k = substitutions(self._ops, run.temperature, self._skew)
        k.append(run.spoiling)
        renewal = run.flow * CELLS / run.volume
        self.x, left = rk4(lambda x: coil_slopes(x, fed, k, renewal), self.x, dt, SPECIES)
        return left

    def held(self) -> list[Value]:
        """Return the amount of every species in the coil [mol]."""
        return [self.volume / CELLS * one for one in self._summed()]

    def _summed(self) -> list[Value]:
        total = self.x[:SPECIES]
        for i in range(SPECIES, len(self.x), SPECIES):
            total = [a + b for a, b in zip(total, self.x[i : i + SPECIES], strict=True)]
        return total
