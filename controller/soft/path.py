"""Residence-time path: what the feeder flows alone say of the concentration at the end of the line.

The line is a row of mixed tanks of constant mass. Its masses are identified, never copied from a plant.
"""

from __future__ import annotations

from collections.abc import Sequence

Tanks = tuple[float, ...]
"""Concentration in each tank, first to last."""


def step(tanks: Tanks, inlet: float, passed: float, masses: Sequence[float]) -> Tanks:
    """Return the concentrations after `passed` went through the tanks.

    Each balance ``M dc = (c_in - c) dm`` is solved implicitly, so that no step, however long, overshoots.

    Parameters
    ----------
    tanks
        Concentration in each tank, unit of `inlet`.
    inlet
        Concentration of what enters, unit of the result.
    passed
        Mass that went through [kg].
    masses
        Mass held by each tank [kg].

    Examples
    --------
    >>> step((0.0, 0.0), 10.0, 1.0, (1.0, 1.0))
    (5.0, 2.5)
    """
    result: list[float] = []
    entering = inlet
    for held, mass in zip(tanks, masses, strict=True):
        share = passed / mass
        entering = (held + share * entering) / (1.0 + share)
        result.append(entering)
    return tuple(result)
