"""What a policy says of alarms: what raises them, how soon and to whom they are told, and what people may do to them.

The words are those of ISA-18.2 and IEC 62682. Whatever watches, loops and incidents tell people is an alarm without
being named here; what is named here is told otherwise, or is told besides.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.told import Priority, Route
from policies.words import Declared, Duration, Name, Number, Phrase, Positive, Word

ServicePhase = Literal["off", "ready", "request", "init", "active", "hold", "shed"]
"""How far a loop is in service."""

Response = Annotated[str, Field(min_length=1)]
"""What the person told should do; an alarm nobody is to do anything about is none (ISA-18.2)."""


class Suppressed(Declared):
    """A condition under which an alarm is suppressed by design: a tag that shows it, or a loop that is out of service.

    A tag that is no evidence suppresses nothing.
    """

    tag: Name | None = None
    """Tag that shows it."""
    at_least: Number | None = None
    """Lowest value at which it holds, in the unit of `tag`."""
    at_most: Number | None = None
    """Highest value at which it holds, in the unit of `tag`."""
    loop: Word | None = None
    """Loop whose phase shows it."""
    phases: tuple[ServicePhase, ...] = ()
    """Phases of that loop in which it holds."""

    @model_validator(mode="after")
    def _one(self) -> Suppressed:
        bound = self.at_least is not None or self.at_most is not None
        if (self.tag is None) == (self.loop is None):
            raise ValueError("found both or neither of tag and loop, expected one of them")
        if (self.tag is None) == bound:
            raise ValueError("expected at_least or at_most beside tag, and only there")
        if (self.loop is None) == bool(self.phases):
            raise ValueError("expected phases beside loop, and only there")
        return self


class Handled(Declared):
    """How an alarm is told and what people may do to it, whoever says what to do about it."""

    priority: Priority | None = None
    """How soon a person must act; that of what raises it where absent, medium where that has none."""
    sort: Phrase = Field(default="process", alias="class")
    """What it is about, for routing and figures: `product quality`, `safety`, `equipment`."""
    consequence: str = ""
    """What happens if nobody acts."""
    routing: tuple[Route, ...] = ()
    """Who is told, the first to act first; those of what raises it where empty, the operator where that has none."""
    on_delay_s: Duration | None = Field(default=None, alias="on_delay")
    """Time its condition must stand before it is told, besides that of what raises it [s]; none where absent."""
    off_delay_s: Duration | None = Field(default=None, alias="off_delay")
    """Time its condition must be over before that is told [s]; none where absent."""
    latching: bool = False
    """Whether it stays until a person resets it, though its condition is over."""
    max_shelving_s: Duration | None = Field(default=None, alias="max_shelving")
    """Longest time for which it may be shelved at once [s]; that of all alarms where absent."""
    suppressed: Suppressed | None = None
    """Condition under which it is suppressed by design; none where absent."""


class Handling(Handled):
    """How an alarm of a watch, a loop or an incident is told and what people may do to it."""

    response: Response | None = None
    """What the person told should do; that of what raises it where absent."""


class Answered(Handled):
    """An alarm that only the policy raises, and so must say itself what to do."""

    response: Response
    """What the person told should do."""


class LimitAlarm(Answered):
    """A value beyond a limit."""

    tag: Name
    """Tag, plant or virtual, whose good value is compared."""
    unit: str
    """UCUM code of the numbers below; converted to the unit of `tag`."""
    high: Number | None = None
    """Value above which it stands, in `unit`."""
    low: Number | None = None
    """Value below which it stands, in `unit`."""
    dead_band: Positive | None = None
    """How far back the value must be before it is over, in `unit`; a hundredth of the range of `tag` where absent."""

    @model_validator(mode="after")
    def _one(self) -> LimitAlarm:
        if (self.high is None) == (self.low is None):
            raise ValueError("found both or neither of high and low, expected one of them: each limit is an alarm")
        return self


class QualityAlarm(Answered):
    """Values that are no evidence."""

    tags: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Tags, plant or virtual; it stands while any of them is."""
    worst: Literal["bad", "uncertain"] = "bad"
    """Worst a value must at least be: bad, or uncertain as well."""


class LinkAlarm(Answered):
    """A connection that is lost, or whose PLC is not heard."""

    connection: Word
    """The connection."""


class Alarms(Declared):
    """How alarms are told, and which are raised besides what watches, loops and incidents say."""

    max_shelving_s: Duration = Field(default=28_800.0, alias="max_shelving")
    """Longest time for which an alarm may be shelved at once, where it says nothing else [s]."""
    watches: dict[str, Handling] = Field(default_factory=dict[str, Handling])
    """Alarms of watches by name of the watch, and of loops as `loops.NAME.released` and `loops.NAME.serves`."""
    incidents: Handling = Handling()
    """Alarms of incidents, all of them."""
    limits: dict[Word, LimitAlarm] = Field(default_factory=dict[str, LimitAlarm])
    """Alarms of limits, by name."""
    quality: dict[Word, QualityAlarm] = Field(default_factory=dict[str, QualityAlarm])
    """Alarms of values that are no evidence, by name."""
    links: dict[Word, LinkAlarm] = Field(default_factory=dict[str, LinkAlarm])
    """Alarms of connections, by name."""
