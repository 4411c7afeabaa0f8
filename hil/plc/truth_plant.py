"""What stands behind simulated PLCs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from plant_io.signals import Floats


class TruthPlant(Protocol):
    """What a simulated line needs of the plant inside it."""

    @property
    def time(self) -> float:
        """Return plant time since the start [s]."""
        ...

    @property
    def tags(self) -> Mapping[str, float | Floats]:
        """Return what the instruments show, each in the unit of its tag."""
        ...

    @property
    def taken(self) -> Mapping[str, float]:
        """Return the plant time at which instruments that sample took their value [s]; arrays are always sampled."""
        ...

    @property
    def quality(self) -> Mapping[str, str]:
        """Return ``bad`` or ``uncertain`` for instruments that complain."""
        ...

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Let `dt` of plant time go by [s] under `setpoints`."""
        ...

    def truth(self) -> Mapping[str, float]:
        """Return what is really so; for scores only."""
        ...
