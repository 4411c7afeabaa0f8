"""What a policy says of soft sensors of tablets and of the blend they are made of."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.regions import Region, rising
from policies.words import Declared, Duration, Name, Positive, Span

Given = dict[str, tuple[str, tuple[float, float]]]
"""Unit and range of every tag a sensor gives."""


class MovingBlock(Declared):
    """How uniform a blend is: the relative standard deviation of the newest values, a block that moves on with each.

    It gives its own name, in %, and the scatter of the instrument is in it: that of the blend is at most this.
    """

    kind: Literal["moving_block"]
    """Form of the soft sensor."""
    tag: Name
    """Tag whose values are taken, once for each source time."""
    block: Annotated[int, Field(ge=5, le=500)]
    """Values of a block [1]."""
    range: Span = (0.0, 100.0)
    """Lowest and highest relative standard deviation that can be meant [%]."""
    gap_s: Duration = Field(default=120.0, alias="gap")
    """Time without a value after which a block is begun anew [s]."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        return (self.tag,)

    def outputs(self, name: str) -> Given:
        """Return unit and range of every tag this sensor named `name` gives."""
        return blocked(name, self.range)


class LabelClaim(Declared):
    """Active ingredient of the tablets made now in % of what the label claims, with an interval.

    The content where the probe looks is carried on to the dies through a mixed tank of `held` and multiplied by the
    mass of a tablet. That is the flow over the tablets made, averaged, corrected by tablets weighed at line, and moved
    with the compression force, which feels it at once. It gives its own name, ``.LOW`` and ``.HIGH``, and ``.MASS``.
    """

    kind: Literal["label_claim"]
    """Form of the soft sensor."""
    range: Span = (50.0, 150.0)
    """Lowest and highest content that can be meant [%]."""
    content: Name
    """Tag of the content of the blend, with a standard deviation."""
    target: Positive
    """Content of the blend that gives what the label claims, in the unit of `content`."""
    held_kg: Annotated[float, Field(ge=0, allow_inf_nan=False, alias="held")] = 0.0
    """Powder between the probe and the dies [kg]."""
    flow: Name
    """Tag of the mass flow through the press."""
    speed: Name
    """Tag of the turret speed [/min]."""
    stations: Annotated[int, Field(ge=1)]
    """Dies of the turret [1]."""
    force: Name
    """Tag of the main compression force."""
    process: str
    """What was identified of the press, beside the policy; gives the mass of a tablet per compression force."""
    weighed: Name
    """Tag of the mass of tablets weighed at line, dated when they were taken."""
    weighed_sd: Positive
    """Standard deviation of one such result [mg]."""
    weight: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Share of a new difference in the correction, an exponentially weighted mean [1]."""
    mass: Positive
    """Mass of a tablet wanted [mg]."""
    mass_sd: Positive
    """Standard deviation of a tablet about what is said of its mass [mg]."""
    mass_range: Span
    """Lowest and highest mass that can be meant [mg]."""
    over_s: Duration = Field(default=600.0, alias="over")
    """Time over which flow and force are averaged [s]."""
    half: Positive
    """Half width of the interval, in multiples of the standard deviation [1], found on simulated or past runs."""
    regions: tuple[Region, ...] = ()
    """The same by what is said, in rising order; `half` holds everywhere where there are none."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        rising(self.regions)
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        return (self.content, self.flow, self.speed, self.force, self.weighed)

    def outputs(self, name: str) -> Given:
        """Return unit and range of every tag this sensor named `name` gives."""
        return claimed(name, self.range, self.mass_range)


def blocked(name: str, span: tuple[float, float]) -> Given:
    """Return unit and range of every tag a moving block gives.

    Parameters
    ----------
    name
        Name of the sensor.
    span
        Lowest and highest relative standard deviation [%].
    """
    return {name: ("%", span)}


def claimed(name: str, span: tuple[float, float], masses: tuple[float, float]) -> Given:
    """Return unit and range of every tag a label claim gives.

    Parameters
    ----------
    name
        Name of the sensor.
    span
        Lowest and highest content [%].
    masses
        Lowest and highest mass of a tablet [mg].
    """
    return {**dict.fromkeys((name, f"{name}.LOW", f"{name}.HIGH"), ("%", span)), f"{name}.MASS": ("mg", masses)}
