"""What a policy says of a loop that has to do without some of what it holds or moves."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared, Name, Number

OnBad = Literal["drop", "hold"]
"""A controlled variable without evidence: the loop goes on without it, or stands still."""
OnLost = Literal["drop", "release"]
"""An input whose PLC does not follow: the loop goes on without it, or is released."""
OnClamp = Literal["narrow", "release"]
"""An input whose PLC takes only so much: the loop reckons with that as a limit, or is released."""


class Follows(Declared):
    """How a PLC shows that the loop of a setpoint follows it, and not somebody at the plant."""

    tag: Name
    """Tag that shows the mode of the loop."""
    shows: Number
    """Value it shows while the loop follows, in its unit."""


class Needs(Declared):
    """The fewest a loop goes on with; with less it stands still and is released as if all were needed."""

    controlled: Annotated[int, Field(ge=1)] = 1
    """Fewest controlled variables [1]."""
    moved: Annotated[int, Field(ge=1)] = 1
    """Fewest moved variables [1]."""
