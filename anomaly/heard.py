"""What the loops believed at the end of the last cycle, as far as watches look at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from plant_io.signals import Floats

MOVING = ("init", "active", "hold")
"""Phases of a loop that has, or has had, its hands on setpoints."""


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """What the loops say of themselves."""

    values: Floats = field(default_factory=lambda: np.empty(0))
    """What they believe, in the order in which it was asked for, units of the models; not a number where nothing."""
    phases: Mapping[str, str] = field(default_factory=dict[str, str])
    """How far each loop is in service."""


NOTHING = Heard()
"""No loop says anything."""
