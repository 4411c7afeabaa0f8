"""What a policy says of the phases of a line and of its batches (ISA-88)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from policies.words import Declared, Duration, Positive, Span


class PhaseLimits(Declared):
    """What holds in one phase instead of what holds in production."""

    limits: Span | None = None
    """Lowest and highest conforming value of the content, in its unit; those of production where absent."""
    hold_s: Duration | None = Field(default=None, alias="hold")
    """Time for which all must conform before the gate is closed [s]; that of production where absent."""


class Phases(Declared):
    """How the phases of the line are told from each other, and what holds in each."""

    flows: Positive
    """Throughput of all feeds at which the line runs; below half of it, it stands [kg/h]."""
    start_up: PhaseLimits = PhaseLimits()
    """From the first flow until material is let out."""
    restart: PhaseLimits = PhaseLimits()
    """The same after a pause."""
    shut_down: PhaseLimits = PhaseLimits()
    """From the order to shut down until the line stands."""
    longest_pause_s: Duration = Field(default=1800.0, alias="longest_pause")
    """Time for which what is in the line may stand; after it, nothing is known of it any more [s]."""


class Batches(Declared):
    """Where one batch ends and the next begins (ICH Q13, 2.2)."""

    by: Literal["mass_in", "mass_out", "time"]
    """Whether a batch is what a mass of feeds makes, a mass of product, or what is made in a time."""
    mass: Positive | None = None
    """Mass fed, or let out [kg]; not for a time."""
    length_s: Duration | None = Field(default=None, alias="length")
    """Length of the time [s]; only for a time."""

    @model_validator(mode="after")
    def _sized(self) -> Self:
        if (self.by == "time") != (self.length_s is not None) or (self.by == "time") != (self.mass is None):
            raise ValueError("expected length with by: time, and mass with by: mass_in or by: mass_out")
        return self
