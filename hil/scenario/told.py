"""What a scenario may claim of alarms and of telling people."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from controller.alarms.lifecycle import AlarmState
from hil.scenario.claims import During, Within, bounded
from policies.words import Word


class AlarmIs(Within):
    """An alarm reaches a state of its life cycle within a time."""

    kind: Literal["alarm"]
    """Kind of assertion."""
    alarm: str
    """Name of the alarm; `incident` for one of any incident."""
    state: AlarmState
    """State wanted."""
    who: str | None = None
    """Who must have brought it there; anybody if absent."""


class AlarmLoad(During):
    """How many alarms come in any ten minutes of a span, at most or at least once."""

    kind: Literal["alarm_load"]
    """Kind of assertion."""
    at_most: Annotated[int, Field(ge=0)] | None = None
    """Most alarms in any ten minutes [1]."""
    more_than: Annotated[int, Field(ge=0)] | None = None
    """Alarms that must be exceeded in some ten minutes [1]."""

    @model_validator(mode="after")
    def _bounds(self) -> AlarmLoad:
        return bounded(self, "at_most", "more_than")


class NoticeComes(Within):
    """A receiver is sent a notice within a time."""

    kind: Literal["notice"]
    """Kind of assertion."""
    receiver: Word
    """Receiver, by its name in the policy."""
    of: Literal["alarm", "digest", "escalation"] | None = None
    """What the notice must be; anything if absent."""
    alarm: str = ""
    """Alarm it must tell of; any if empty."""
    delivered: bool = True
    """Whether it must be taken in that time, or fail for good."""
