"""What a policy says of sensors that are watched for faults of their own."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.told import Lane, Route, Told
from policies.words import Duration, Name, Positive, Word


class Sensors(Told):
    """Sensors whose values hang together, watched for faults that are theirs and not those of the process."""

    kind: Literal["sensors"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: nothing is learnt on line."""
    route: Route = "maintenance"
    """Who is told."""
    tags: Annotated[dict[Name, Positive], Field(min_length=1)]
    """Tags watched, each with the standard deviation of its change from look to look, in the unit of the tag."""
    every_s: Duration = Field(default=1.0, alias="every")
    """Time between two looks [s]."""
    still: Annotated[int, Field(ge=5)] = 60
    """Looks with new values in a row without movement after which a sensor is stuck [1]."""
    monitor: Word | None = None
    """Watch of kind monitor that foretells the tags; without one, neither bias nor drift is seen."""
    action: Literal["alert"] = "alert"
    """Tells people."""
