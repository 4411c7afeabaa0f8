"""Granules on their way, and what sets one line B apart from another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple

from hil.plants.ops import Floats, Ops, Value

FEED_KG_S = 15.0 / 3600.0
"""Dry mass flow the line is made for [kg/s]."""

LEAST_KG = 1e-12
"""Mass below which a place counts as empty [kg]."""


class Powder(NamedTuple, Generic[Value]):
    """Masses that enter the granulator in one step."""

    dry: Value
    """Dry solids [kg]."""
    water: Value
    """Water [kg]."""
    api: Value
    """API, a part of the dry solids [kg]."""


class Granules(NamedTuple, Generic[Value]):
    """Granules that move in one step, or that a place holds."""

    dry: Value
    """Dry solids [kg]."""
    water: Value
    """Water [kg]."""
    api: Value
    """API, a part of the dry solids [kg]."""
    sizes: Floats
    """Mass fractions of the size classes, shape ``(..., 12)`` [1]."""


class Traits(NamedTuple, Generic[Value]):
    """Parameters in which the lines of different seeds differ."""

    sticking: Value
    """Rate of aggregation [1/s]."""
    breaking: Value
    """Rate of breakage of granules of 1 mm at 700 rpm [1/s]."""
    soaking: Value
    """Liquid to solid ratio at which all powder is wetted into nuclei [1]."""
    transfer: Value
    """Number of transfer units of a full drying cell [1]."""
    critical: Value
    """Critical moisture of granules of the reference size [kg/kg]."""
    loss: Value
    """Heat loss of the dryer to the room [W/K]."""
    air: Value
    """True over indicated flow of drying air [1]."""


def drawn(ops: Ops[Value], skew: Callable[[], Value]) -> Traits[Value]:
    """Return the traits of a line: the nominal ones, off by lognormal factors.

    Parameters
    ----------
    ops
        Operations of the run.
    skew
        Source of standard normal values, scaled by how far the line may differ [1].
    """
    return Traits(
        sticking=1.0 * ops.exp(0.2 * skew()),
        breaking=0.30 * ops.exp(0.2 * skew()),
        soaking=0.40 * ops.exp(0.06 * skew()),
        transfer=6.0 * ops.exp(0.15 * skew()),
        critical=0.11 * ops.exp(0.10 * skew()),
        loss=4.0 * ops.exp(0.3 * skew()),
        air=1.0 * ops.exp(0.03 * skew()),
    )


def moisture(ops: Ops[Value], held: Granules[Value]) -> Value:
    """Return the water per dry solids of granules, 0 where there are none [kg/kg].

    Parameters
    ----------
    ops
        Operations of the run.
    held
        The granules [kg].
    """
    return held.water / ops.maximum(held.dry, LEAST_KG)


def drying_loss(x: Value) -> Value:
    """Return the loss on drying of granules [% of the wet mass].

    Parameters
    ----------
    x
        Water per dry solids [kg/kg].

    Examples
    --------
    >>> drying_loss(0.25)
    20.0
    """
    return 100.0 * x / (1.0 + x)
