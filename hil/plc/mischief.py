"""What a simulated line asks of whatever goes wrong on it."""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from hil.plc.line import Image, SimulatedLine


class Mischief(Protocol):
    """What goes wrong beside the plant, and what people at the plant do."""

    @property
    def frozen(self) -> Collection[str]:
        """Return the connections whose PLC does not look at its instruments."""
        ...

    def before(self, line: SimulatedLine) -> None:
        """Act on the PLCs before they scan."""
        ...

    def felt(self, setpoints: dict[str, float]) -> Mapping[str, float]:
        """Return what the actuators make of setpoints.

        Parameters
        ----------
        setpoints
            Setpoints by tag, each in its unit.
        """
        ...

    def after(self, image: Image, sampled: Container[str]) -> None:
        """Look at what would be shown after a step, its times being plant time; `sampled` tags hold their readings."""
        ...

    def shown(self, image: Image) -> Image:
        """Return what is shown instead."""
        ...

    def columns(self, time: float) -> Mapping[str, float]:
        """Return how far each fault is developed at a plant `time` [s], by name of its column of truth [1]."""
        ...
