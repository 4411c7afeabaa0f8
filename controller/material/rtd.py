"""Residence-time distribution of one unit operation: its form, and what tracer tests leave known of its parameters.

The hold-up of a unit follows throughput and speed by a power law, ``M = M0 (F/F0)^a (n/n0)^b``; the mean residence time
is ``M/F``. What is known of the parameters is a normal distribution of the logarithms of hold-up and shape and of the
exponents as they are. Forms and their use for powder units are reviewed by Y. Gao et al., Powder Technol. 228, 2012,
doi:10.1016/j.powtec.2012.05.060.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from controller.stored import declared, written
from policies.words import Declared, Number, Positive

Shape = Literal["tanks", "dispersion", "kernel"]
"""Tanks in series, axial dispersion in a closed-open vessel, or a measured convolution kernel."""

NAMES: Mapping[Shape, tuple[str, ...]] = {
    "tanks": ("holdup", "tanks", "by_flow", "by_speed"),
    "dispersion": ("holdup", "peclet", "by_flow", "by_speed"),
    "kernel": ("holdup", "by_flow", "by_speed"),
}
"""Parameters of each form: hold-up [kg], number of tanks or Peclet number [1], exponents of flow and speed [1]."""

_LOGARITHMIC = ("holdup", "tanks", "peclet")
_SYMMETRY = 1e-9


class Reference(Declared):
    """Where the hold-up is that of the parameters."""

    flow: Positive
    """Throughput [kg/h]."""
    speed: Positive = 1.0
    """Speed, in the unit of the tag of the unit."""


class Followed(Declared):
    """How well the model follows the tracer."""

    rmse: Number
    """Root of the mean squared residual, in the unit of the tracer."""
    r2: Number
    """Share of the variance explained [1]."""
    samples: int
    """Samples compared [1]."""


class Rtd(Declared):
    """Residence-time distribution of one unit with what is known of its parameters."""

    version: Literal["steadyline.rtd/1"] = Field(alias="schema")
    """Version of this file format."""
    form: Shape
    """Form of the distribution."""
    how: str
    """How it was found, in words."""
    reference: Reference
    """Flow and speed at which the hold-up is meant."""
    names: tuple[str, ...]
    """Parameters that were found, in the order below; exponents that are absent are zero."""
    mean: tuple[Number, ...]
    """Mean of each: natural logarithm of hold-up in kg and of the number of tanks or Peclet number, exponents [1]."""
    covariance: tuple[tuple[Number, ...], ...]
    """Covariance of these, row by row, in the same units."""
    kernel: tuple[Annotated[float, Field(ge=0, allow_inf_nan=False)], ...] = ()
    """Share that leaves in each of equal parts of `kernel_until`, in any unit; for the form kernel only."""
    kernel_until: Positive = 4.0
    """Longest residence over the mean one that the kernel knows [1]."""
    fit: Followed | None = None
    """How well it follows the tracer it was found from."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        n, known = len(self.names), NAMES[self.form]
        if unknown := [name for name in self.names if name not in known]:
            raise ValueError(f"found the parameter {unknown[0]!r}, expected some of {', '.join(known)}")
        if missing := [name for name in known if name in _LOGARITHMIC and name not in self.names]:
            raise ValueError(f"the parameter {missing[0]!r} is missing")
        if len(self.mean) != n or len(self.covariance) != n or any(len(row) != n for row in self.covariance):
            raise ValueError(f"expected {n} means and {n} x {n} covariances")
        if any(abs(self.covariance[i][j] - self.covariance[j][i]) > _SYMMETRY for i in range(n) for j in range(i)):
            raise ValueError("the covariance is not symmetric")
        if (self.form == "kernel") != (sum(self.kernel) > 0.0):
            raise ValueError("expected a kernel where the form is kernel, and none where it is not")
        return self

    def at(self, found: Sequence[float], flow: float, speed: float) -> Held:
        """Return hold-up and shape at an operating point.

        Parameters
        ----------
        found
            A value of each parameter, in the order of `names` and in the units of `mean`.
        flow
            Throughput [kg/h].
        speed
            Speed, in the unit of its tag.
        """
        known = dict(zip(self.names, found, strict=True))
        by_flow = (flow / self.reference.flow) ** known.get("by_flow", 0.0)
        by_speed = (speed / self.reference.speed) ** known.get("by_speed", 0.0)
        shape = known.get("tanks", known.get("peclet", 0.0))
        return Held(exp(known["holdup"]) * by_flow * by_speed, exp(shape))


class Held(NamedTuple):
    """A unit at one operating point."""

    holdup: float
    """Mass whose passage is the mean residence [kg]."""
    shape: float
    """Number of tanks or Peclet number [1]."""


def read(data: bytes) -> Rtd:
    """Return the distribution written in `data`.

    Raises
    ------
    ValueError
        If `data` is no JSON, or not of this format; every mistake is named.
    """
    return declared(Rtd, data, "residence-time distribution")


def write(rtd: Rtd) -> bytes:
    """Return a distribution as a file that a person can read."""
    return written(rtd, without_none=True)
