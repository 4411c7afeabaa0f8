"""What line C is fed with, and the names of all that its control model knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from controller.models.base import Expression, Symbols

_STOCKS = (800.0, 2800.0)
"""Strengths on the labels of starting material and pyrrolidine [mmol/L]."""
_USUAL_FLOW, _SECONDS_PER_MINUTE, _TRACE = 60.0, 60.0, 1e-3
"""Usual total flow [mL/min], and what keeps a ratio defined when nothing flows."""

IMPURITIES = ("sm", "imp_a", "imp_b", "nitro", "imp_h", "imp_c", "imp_d")
"""Impurities the method of the chromatograph lists: starting material, para isomer, bis adduct, nitro compound,
hydroxylamine, dimer and des-fluoro product."""

MOVING: Mapping[str, str] = {
    "T1": "Cel",
    "T2": "Cel",
    **{f"{name}{i}": "mmol/L" for i in (1, 2, 3) for name in ("S", "N", "B")},
    **{f"{name}{i}": "mmol/L" for i in (4, 5) for name in ("S", "B")},
    "C": "%",
    "D": "%",
}
"""States that are no biases, with their units."""

BIASES: Mapping[str, tuple[str, str, float]] = {
    "coil": ("b_1", "K", 0.3),
    "bed": ("b_2", "K", 0.3),
    "hydrogen": ("b_p", "bar", 0.2),
    "flow_sm": ("f_1", "1", 0.01),
    "flow_amine": ("f_2", "1", 0.01),
    "flow_ethanol": ("f_3", "1", 0.01),
    "ftir_sm": ("b_s", "mmol/L", 3.0),
    "ftir_nitro": ("b_n", "mmol/L", 8.0),
    "sm": ("q", "1", 0.03),
    "imp_a": ("l_a", "1", 0.2),
    "imp_b": ("l_b", "1", 0.2),
    "nitro": ("a", "1", 0.3),
    "imp_h": ("l_h", "1", 0.3),
    "imp_c": ("l_c", "1", 0.5),
    "imp_d": ("l_d", "1", 0.3),
}
"""By measurement its bias, the unit of that and the doubt about it at the start."""


PARAMETERS: Mapping[str, str] = {
    "coil": "mL",
    "bed": "mL",
    "lag_coil": "s",
    "lag_bed": "s",
    "wanted": "L/(mol.s)",
    "wanted_by_heat": "1",
    "again": "L/(mol.s)",
    "again_by_heat": "1",
    "isomer": "1",
    "order": "1",
    "nitro": "%",
    "nitro_by_effort": "1",
    "nitro_by_heat": "1",
    "hydroxyl": "%",
    "hydroxyl_by_effort": "1",
    "hydroxyl_by_heat": "1",
    "dimer": "%",
    "dimer_by_effort": "1",
    "dimer_by_heat": "1",
    "desfluoro": "%",
    "desfluoro_by_heat": "1",
}
"""Identified parameters with their units."""


class Run(NamedTuple):
    """How the line is run, by setpoints and what is wrong with them."""

    stay: Expression
    """Time for the total flow to fill one millilitre [s/mL]."""
    sm: Expression
    """Starting material in the mixed feed [mmol/L]."""
    amine: Expression
    """Pyrrolidine in the mixed feed [mmol/L]."""
    pumped: Expression
    """Flow of the stock of starting material [mL/min]."""
    swift: Expression
    """Total flow over the usual one [1]."""


def run(x: Symbols, u: Symbols, w: Symbols) -> Run:
    """Return how the line is run by its states, inputs and known inputs."""
    each, q = flows(x, u, w), named(x)["q"]
    total = each[0] + each[1] + each[2] + _TRACE
    return Run(
        stay=_SECONDS_PER_MINUTE / total,
        sm=_STOCKS[0] * each[0] / total + _TRACE,
        amine=_STOCKS[1] * (1.0 + q) * each[1] / total,
        pumped=each[0],
        swift=total / _USUAL_FLOW,
    )


def flows(x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, Expression, Expression]:
    """Return the flows of the pumps behind the ratio station [mL/min]."""
    biases = named(x)
    sm, rest = u[2] * w[0], u[2] * (w[1] + w[2])
    amine = u[0] * sm * (_STOCKS[0] / _STOCKS[1])
    return sm * (1.0 + biases["f_1"]), amine * (1.0 + biases["f_2"]), (rest - amine) * (1.0 + biases["f_3"])


def named(x: Symbols) -> dict[str, Expression]:
    """Return the biases among the states, by name."""
    return dict(zip((name for name, _, _ in BIASES.values()), x[len(MOVING) :], strict=True))
