"""What a policy says of witnesses of one value, and of how they are reconciled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.words import Declared, Duration, Name, Number, Positive, Span, Suffix, Word


class Testimony(Declared):
    """One witness: a tag, or what an instrument claims of itself, and how it depends on what is unknown."""

    tag: Name | None = None
    """Tag that is read; none where the witness claims `shows` all the time."""
    shows: Number = 0.0
    """What is claimed without a tag, in the unit of the quantities of `of`."""
    of: Annotated[dict[Word, Number], Field(min_length=1)]
    """How much the reading changes with each unknown quantity, unit of the reading per unit of the quantity."""
    sd: Positive
    """Standard deviation of one reading, in the unit of the reading."""
    bias_sd: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Standard deviation of what all readings may be off by together, in the same unit."""
    from_path: bool = False
    """Whether the path at the time of the sample is taken off, as for readings of the value itself."""
    over_s: Duration = Field(default=900.0, alias="over")
    """Time over which readings are averaged [s]."""
    zero_s: Duration | None = Field(default=None, alias="zero")
    """Time after its first reading at which its bias is found from the others and taken off [s]; never if not given."""
    zeroed_sd: Positive | None = None
    """Standard deviation of what it may still be off by after that, in the unit of the reading; given with `zero`."""
    awaited: bool = False
    """Whether it must have spoken since a disagreement began before anybody is named."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if (self.zero_s is None) != (self.zeroed_sd is None):
            raise ValueError("expected zero and zeroed_sd together")
        if self.tag is None and (self.from_path or self.awaited or self.zero_s is not None):
            raise ValueError("a witness without a tag claims the same all the time: nothing is taken off or awaited")
        return self


class Reconciled(Declared):
    """A value reconciled from redundant witnesses by weighted least squares, which names the witness that is off.

    It gives its own name (the reconciled value with its standard deviation), and with suffixes: ``.SUSPECT``, the place
    of the witness that is off, counted from 1, 0 for none and -1 where they disagree and no one can be named;
    ``.MISFIT``, the largest disagreement in multiples of the limit; and one tag for each witness, how far it is off
    what the others say, in standard deviations.
    """

    kind: Literal["reconciled"]
    """Form of the soft sensor."""
    unit: str
    """UCUM code of the value."""
    range: Span
    """Lowest and highest value that can be meant, in `unit`."""
    path: Name
    """Tag of a path that follows the value quickly but may be off, in the same unit."""
    truth: Word
    """Quantity that is the value less the path."""
    witnesses: Annotated[dict[Suffix, Testimony], Field(min_length=2)]
    """What bears on the quantities, by suffix of its tag."""
    limit: Positive = 4.0
    """Standard deviations at which a witness is off [1]."""
    likelier: Annotated[float, Field(gt=1)] = 20.0
    """How much likelier the named one must be than any other [1]."""
    every_s: Duration = Field(default=10.0, alias="every")
    """Time between two looks [s]."""

    @model_validator(mode="after")
    def _names_are_apart(self) -> Self:
        if taken := {"SUSPECT", "MISFIT"} & self.witnesses.keys():
            raise ValueError(f"found a witness called {min(taken)}, expected another name")
        if self.truth not in self.quantities:
            raise ValueError(f"no witness speaks of {self.truth}")
        return self

    @property
    def quantities(self) -> tuple[str, ...]:
        """Return the unknown quantities, in the order in which witnesses name them."""
        return tuple(dict.fromkeys(name for witness in self.witnesses.values() for name in witness.of))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        return (self.path, *(witness.tag for witness in self.witnesses.values() if witness.tag is not None))

    def outputs(self, name: str) -> dict[str, tuple[str, tuple[float, float]]]:
        """Return unit and range of every tag this sensor named `name` gives."""
        return reconciled(name, self.unit, self.range, self.witnesses)


def reconciled(
    name: str, unit: str, span: tuple[float, float], witnesses: Iterable[str]
) -> dict[str, tuple[str, tuple[float, float]]]:
    """Return unit and range of every tag a reconciled sensor gives.

    Parameters
    ----------
    name
        Name of the sensor.
    unit
        UCUM code of the value.
    span
        Lowest and highest value, in `unit`.
    witnesses
        Suffixes of the witnesses.
    """
    far: dict[str, tuple[str, tuple[float, float]]] = {f"{name}.{one}": ("1", (-1e9, 1e9)) for one in witnesses}
    own = {name: (unit, span), f"{name}.SUSPECT": ("1", (-1.0, 1e3)), f"{name}.MISFIT": ("1", (0.0, 1e9))}
    return own | far
