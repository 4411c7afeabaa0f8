"""What a policy says of material: what is fed, how long it stays in each unit, and what is diverted."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from policies.phases import Batches, Phases
from policies.release import Release
from policies.turndown import Turndown
from policies.words import Declared, Duration, Name, Number, Positive, Span, Word

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False, strict=True)]
"""Share of a whole, above 0 and below 1."""


class Blind(Declared):
    """When a feeder cannot tell what it feeds."""

    tag: Name
    """Tag that shows it."""
    shows: Number
    """Value it then has, in the unit of `tag`."""
    excess: Annotated[float, Field(gt=-1, lt=1, allow_inf_nan=False, strict=True)] = 0.0
    """What is then fed beyond the flow shown, relative to it [1]."""
    sd: Share
    """Standard deviation of that, relative to the flow shown [1]."""
    settle_s: Duration = Field(default=20.0, alias="settle")
    """How long after it the flow shown still finds its value [s]; it is held against the one shown before."""
    weighed_sd: Share | None = None
    """Standard deviation of the mass of a charge, relative to it [1]; then what was fed meanwhile is checked by it."""


class Feed(Declared):
    """One material that is fed into the first unit."""

    flow: Name
    """Tag of its mass flow."""
    sd: Share = 0.003
    """Standard deviation of the flow shown, lasting over a residence time, relative to it [1]."""
    blind: Blind | None = None
    """When the flow shown is not what is fed; never where absent."""
    lot: Name | None = None
    """Tag whose value numbers the charge put into its hopper last; one lot for all of it where absent."""
    charge: Name | None = None
    """Tag of the mass of that charge; given with `held`."""
    held: Name | None = None
    """Tag of the mass in its hopper, in which charges mix; a charge takes over at once where absent."""

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.charge is None) != (self.held is None) or (self.charge is not None and self.lot is None):
            raise ValueError("expected charge and held together, and lot beside them")
        if self.blind is not None and self.blind.weighed_sd is not None and self.charge is None:
            raise ValueError("expected charge and held beside blind.weighed_sd")
        return self


class Passed(Declared):
    """One unit that the material passes, in the order in which units are declared."""

    rtd: str
    """Residence-time distribution, a file beside the policy written by `identify --rtd`."""
    speed: Name | None = None
    """Tag of the speed on which its hold-up depends; that of the reference where absent."""


class Content(Declared):
    """The quality attribute that is followed through the line: the share of one feed."""

    of: Word
    """Feed whose share it is."""
    unit: str
    """UCUM code of the numbers below."""
    limits: Span
    """Lowest and highest conforming value, in `unit`."""
    correct: Name | None = None
    """Virtual tag of what the product shows, with a standard deviation; only what was fed counts where absent."""
    beyond: Name | None = None
    """Tag of what the flows say of the same product, which is taken off; `correct` is a difference where absent."""
    within: tuple[Name, ...] = ()
    """Tags that must lie inside the limits themselves, by `within_far`."""
    within_far: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 2.0
    """By how many of their standard deviations they must [1]."""
    kept_s: Duration = Field(default=1800.0, alias="kept")
    """Time for which the last good correction stands after which the quality is unknown [s]."""
    lost_s: Duration = Field(default=60.0, alias="lost")
    """Time without a good value of a tag of `within` after which the quality is unknown [s]."""
    unknown_sd: Positive
    """Standard deviation of material of which nothing is known, in `unit`."""


class Measured(Declared):
    """A quality attribute that is the followed content times what a tag shows, such as the content of a tablet."""

    tag: Name
    """Tag by which the content is multiplied."""
    per: Positive
    """Value of `tag` at which the attribute is the content, in its unit."""
    sd: Share
    """Standard deviation where the tag gives none or cannot be read, relative to `per` [1]."""
    limits: Span
    """Lowest and highest conforming value, in the unit of the content."""


class Divert(Declared):
    """The gate that lets material out of the line or rejects it."""

    tag: Name
    """Tag that is written."""
    shown: Name | None = None
    """Tag that shows where the gate stands, 0 where it lets out; where it was sent to where absent."""
    diverts: Number = 1.0
    """Value that rejects, in the unit of `tag`."""
    accepts: Number = 0.0
    """Value that lets out, in the unit of `tag`."""
    escape: Annotated[float, Field(gt=0, le=0.1, allow_inf_nan=False, strict=True)]
    """Probability that anything not conforming of one disturbance is let out, at most [1]."""
    ahead_s: Duration = Field(default=4.0, alias="ahead")
    """Time by which the gate is opened before material arrives that must not pass [s]."""
    hold_s: Duration = Field(default=10.0, alias="hold")
    """Time for which all must conform before the gate is closed again [s]."""


class Containers(Declared):
    """How what is let out is put into containers."""

    mass: Positive
    """Mass after which the next one is begun [kg]."""


class Material(Declared):
    """How material is followed through the line and what becomes of it."""

    feeds: Annotated[dict[Word, Feed], Field(min_length=1)]
    """What is fed into the first unit, by name."""
    units: Annotated[dict[Word, Passed], Field(min_length=1)]
    """Units in the order of the material, by name."""
    quantum: Positive
    """Mass in whose steps material moves on [kg]."""
    content: Content
    """The attribute that is followed."""
    measured: dict[Word, Measured] = Field(default_factory=dict)
    """Attributes that are the content times a tag, by name."""
    start: Literal["unknown", "steady"] = "unknown"
    """What the line holds when the controller starts: unknown, or what the flows then say."""
    divert: Divert | None = None
    """The gate; material is only followed where absent."""
    containers: Containers | None = None
    """How product is parted; not at all where absent."""
    phases: Phases | None = None
    """How start-up, pause and shutdown are told from production, and what holds in them; not at all where absent."""
    turndown: Turndown | None = None
    """How the line is turned down while all it makes is rejected; not at all where absent."""
    release: Release | None = None
    """What verdicts on containers and batches are made of besides the content that is followed."""
    batches: Batches | None = None
    """Where one batch ends and the next begins; all of a run is one where absent."""

    @model_validator(mode="after")
    def _names(self) -> Self:
        if self.content.of not in self.feeds:
            raise ValueError(f"content.of: found {self.content.of!r}, expected one of {', '.join(self.feeds)}")
        return self

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        feeds = [(f.flow, f.lot, f.charge, f.held, f.blind.tag if f.blind else None) for f in self.feeds.values()]
        more = [*(unit.speed for unit in self.units.values()), self.divert.shown if self.divert else None]
        content = [self.content.correct, self.content.beyond, *self.content.within]
        found = [*(tag for row in feeds for tag in row), *more, *content]
        return tuple([tag for tag in found if tag is not None] + [one.tag for one in self.measured.values()])
