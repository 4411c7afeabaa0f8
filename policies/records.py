"""What a policy says of its records: how often they are signed, what is kept how long, and what is held in reserve."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policies.site import SiteCopy
from policies.words import Declared, Duration, Positive


class Keep(Declared):
    """How long what is recorded is kept; the audit trail and every place in the chain are kept for good."""

    cycles_days: Positive | None = None
    """Time for which whole cycles are kept, from which decisions can be made again [d]; for good where absent."""
    trends_days: Positive | None = None
    """Time for which columns of values are kept, from which trends are drawn [d]; for good where absent."""


class Records(Declared):
    """How a run is recorded."""

    checkpoint_s: Duration = Field(default=60.0, alias="checkpoint")
    """Time from one signature to the next, where the station has a key [s]."""
    block_s: Duration = Field(default=3600.0, alias="block")
    """Time of which the values are put together in columns, one per tag [s]."""
    state_s: Duration = Field(default=3600.0, alias="state")
    """Time from one state of the controller that is kept to the next, where records are signed [s]."""
    keep: Keep = Keep()
    """What is kept how long."""
    ballast_mb: Annotated[float, Field(ge=0.0, le=100_000.0)] = 16.0
    """Room held in reserve on the disk, given up to record the shedding when it is full [MB]."""
    site: SiteCopy | None = None
    """Database of the site to which it is copied; nowhere where absent."""
