"""Figures of merit of a run, computed from its truth log alone; the controller has no say in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from hil.plc.lines import blueprint
from hil.rig.truth import Truth
from plant_io.signals import Floats
from policies import Moved, Policy
from policies.units import convert

_LIMIT_SHARE = 1e-3
_GRAIN = 9  # decimals of a kg: what is left of the difference of two sums is no product


class Held(TypedDict):
    """How well one controlled variable was held."""

    target: float
    """Value wanted, in `unit`."""
    iae: float
    """Integral of the absolute error, in `unit` times second."""
    rmse: float
    """Root of the mean square error, in `unit`."""
    in_spec_fraction: float
    """Share of the time within the limits [1]."""
    max_abs_error: float
    """Largest absolute error, in `unit`."""
    settling_s: float | None
    """Time until it came near the target and stayed there [s]; None if it never did."""
    unit: str
    """UCUM code of the policy."""


class Worked(TypedDict):
    """How hard one manipulated variable was worked."""

    total_move: float
    """Sum of its absolute changes, in the unit of the policy."""
    at_limit_fraction: float
    """Share of the time at a limit [1]."""


Kpis = dict[str, Held | Worked | float]
"""Figures of a run: one entry for each controlled and each manipulated variable, and the masses in kg."""


def kpis(truth: Truth, policy: Policy, since_s: float = 0.0) -> Kpis:
    """Return the figures of a run.

    Parameters
    ----------
    truth
        Its truth log.
    policy
        Gives targets, limits and units.
    since_s
        Plant time from which it counts [s].

    Raises
    ------
    ValueError
        If no truth counts.
    """
    counts = truth["time"] > since_s
    if not counts.any():
        raise ValueError(f"the truth log ends before {since_s:g} s")
    kept = {name: column[counts] for name, column in truth.items()}
    found: Kpis = {name: held(kept["time"], one.value(kept), one, since_s) for name, one in judged(policy).items()}
    for loop in policy.loops.values():
        found |= {name: _worked(kept, moved, policy) for name, moved in loop.moved.items()}
    return found | _masses(truth, counts, blueprint(policy.line).specification)


class Wanted(Protocol):
    """What a value is held against."""

    @property
    def target(self) -> float:
        """Return the value wanted, in `unit`."""
        ...

    @property
    def limits(self) -> tuple[float, float]:
        """Return the lowest and the highest good value, in `unit`."""
        ...

    @property
    def unit(self) -> str:
        """Return the UCUM code."""
        ...


@dataclass(frozen=True, slots=True)
class Judged:
    """A true variable that is scored."""

    columns: tuple[str, ...]
    """Columns of truth whose sum it is, each in `measured_in`."""
    measured_in: str
    """UCUM code of the columns."""
    unit: str
    """UCUM code it is scored in."""
    target: float
    """Value wanted, in `unit`."""
    limits: tuple[float, float]
    """Lowest and highest good value, in `unit`; may be infinite."""

    def value(self, truth: Truth) -> Floats:
        """Return the variable, shape ``(rows,)``, in `unit`."""
        return _converted(np.sum([truth[column] for column in self.columns], axis=0), self.measured_in, self.unit)


def judged(policy: Policy) -> dict[str, Judged]:
    """Return what is scored of a line by name: its quality attributes, and what loops control where truth knows it.

    Where a loop controls an attribute, under the same name, target and limits are the policy's.
    """
    line, units = blueprint(policy.line), policy.units()
    found = {
        name: Judged(one.columns, one.unit, one.unit, one.target, one.limits) for name, one in line.attributes.items()
    }
    for loop in policy.loops.values():
        for name, wanted in loop.controlled.items():
            if wanted.tag in line.measures and isinstance(wanted.target, float) and wanted.limits is not None:
                columns = line.measures[wanted.tag]
                found[name] = Judged(columns, units[wanted.tag], wanted.unit, wanted.target, wanted.limits)
    return found


def held(time: Floats, value: Floats, wanted: Wanted, since_s: float) -> Held:
    """Return how well a true value was held on target.

    It has settled when it comes closer to the target than half the way to the nearer limit, and stays there.

    Parameters
    ----------
    time
        Plant time at the end of each period, evenly spaced, shape ``(rows,)`` [s].
    value
        True value, shape ``(rows,)``, in the unit of `wanted`.
    wanted
        Target and limits.
    since_s
        Plant time from which it counts [s].

    Examples
    --------
    >>> from policies.loops import Controlled
    >>> api = Controlled(tag="SOFT.API", unit="%", target=10.0, limits=(9.5, 10.5), scale=0.1)
    >>> held(np.arange(1.0, 5.0), np.array([9.4, 9.7, 9.9, 10.0]), api, 0.0)["settling_s"]
    2.0
    """
    error = np.abs(value - wanted.target)
    low, high = wanted.limits
    astray = np.flatnonzero(error > 0.5 * min(high - wanted.target, wanted.target - low))
    settled = astray.size == 0 or int(astray[-1]) + 1 < error.size
    quiet_from = float(time[astray[-1]]) if astray.size else since_s
    return Held(
        target=wanted.target,
        iae=float(error.sum()) * _step(time, since_s),
        rmse=float(np.sqrt(np.mean(error**2))),
        in_spec_fraction=float(np.mean((value >= low) & (value <= high))),
        max_abs_error=float(error.max()),
        settling_s=quiet_from - since_s if settled else None,
        unit=wanted.unit,
    )


def _worked(truth: Truth, moved: Moved, policy: Policy) -> Worked:
    tag = policy.tags[moved.tag]
    value = _converted(truth[tag.read_back or moved.tag], tag.unit, moved.unit)
    low, high = moved.limits
    near = _LIMIT_SHARE * (high - low)
    return Worked(
        total_move=float(np.abs(np.diff(value)).sum()),
        at_limit_fraction=float(np.mean((value <= low + near) | (value >= high - near))),
    )


def _masses(
    truth: Truth, counts: NDArray[np.bool_], specification: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Return what was made, what the gate rejected of it, and what went past the gate and was not good."""
    if "produced_kg" not in truth:
        return {}
    nothing = np.zeros_like(truth["time"])
    made, rejected = (np.diff(truth.get(name, nothing), prepend=0.0)[counts] for name in ("produced_kg", "rejected_kg"))
    inside = [(truth[name] >= low) & (truth[name] <= high) for name, (low, high) in specification.items()]
    good = np.all([nothing == 0.0, *inside], axis=0)[counts]
    return {
        "produced_kg": float(made.sum()),
        "diverted_kg": float(rejected.sum()),
        "escaped_kg": round(float((made - rejected)[~good].sum()), _GRAIN),
    }


def _converted(values: Floats, old: str, new: str) -> Floats:
    zero = convert(0.0, old, new)
    return zero + (convert(1.0, old, new) - zero) * values


def _step(time: Floats, since_s: float) -> float:
    return float(time[1] - time[0]) if time.size > 1 else float(time[0]) - since_s
