"""What a control model is: named variables with units, and equations that any solver can take apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from plant_io.signals import Floats


class Expression(Protocol):
    """A symbol or a formula; CasADi's are meant, and nothing here needs to know."""

    def __add__(self, other: Expression | float, /) -> Expression: ...
    def __radd__(self, other: float, /) -> Expression: ...
    def __sub__(self, other: Expression | float, /) -> Expression: ...
    def __rsub__(self, other: float, /) -> Expression: ...
    def __mul__(self, other: Expression | float, /) -> Expression: ...
    def __rmul__(self, other: float, /) -> Expression: ...
    def __truediv__(self, other: Expression | float, /) -> Expression: ...
    def __rtruediv__(self, other: float, /) -> Expression: ...
    def __pow__(self, other: float, /) -> Expression: ...
    def __rpow__(self, other: float, /) -> Expression: ...
    def __neg__(self) -> Expression: ...


Symbols = Sequence[Expression]
"""One expression for each variable of a kind, in the order of its names."""


class ControlModel(Protocol):
    """A model of the line made for control: smooth, small, and with one bias state for each measurement.

    Every mapping of names goes to UCUM units and gives the order of the variables in vectors.
    """

    @property
    def states(self) -> Mapping[str, str]:
        """States, biases included, with their units."""
        ...

    @property
    def inputs(self) -> Mapping[str, str]:
        """Inputs that can be moved, with their units."""
        ...

    @property
    def known(self) -> Mapping[str, str]:
        """Inputs that are only read, with their units."""
        ...

    @property
    def measured(self) -> Mapping[str, str]:
        """Measurements, with their units."""
        ...

    @property
    def controlled(self) -> Mapping[str, str]:
        """Controlled outputs, with their units."""
        ...

    @property
    def biases(self) -> Mapping[str, str]:
        """The bias state that belongs to each measurement."""
        ...

    @property
    def start_sd(self) -> Mapping[str, float]:
        """Doubt about each state at the start, in the unit of the state."""
        ...

    @property
    def wander_sd(self) -> Mapping[str, float]:
        """Doubt each state but the biases gains in the square root of a minute, in the unit of the state."""
        ...

    @property
    def longest_step_s(self) -> float:
        """Longest Runge-Kutta step that follows the fastest state [s]."""
        ...

    def rhs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression | float, ...]:
        """Return the time derivatives of the states, unit of the state per second."""
        ...

    def outputs(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return the controlled outputs, each in its unit."""
        ...

    def readings(self, x: Symbols, u: Symbols, w: Symbols) -> tuple[Expression, ...]:
        """Return what the instruments show, biases included, each in its unit."""
        ...

    def steady(self, u: Floats, w: Floats, measured: Mapping[str, float]) -> Floats:
        """Return the steady state that agrees with inputs and measurements.

        Parameters
        ----------
        u
            Inputs, shape ``(n_u,)``, units of the model.
        w
            Known inputs, shape ``(n_w,)``, units of the model.
        measured
            Measurements by name, each in its unit; those missing or not finite are taken to agree with the model.
        """
        ...


@runtime_checkable
class Stepping(Protocol):
    """A control model with steps of its own, where time derivatives are not all there is."""

    def ahead(self, x: Symbols, u: Symbols, w: Symbols, span_s: float) -> tuple[Expression, ...]:
        """Return the states after one step, each in its unit.

        Parameters
        ----------
        x, u, w
            States, inputs and known inputs, units of the model.
        span_s
            Length of the step, a control period or a sample of the loop [s].
        """
        ...
