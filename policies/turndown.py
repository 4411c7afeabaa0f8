"""What a policy says of turning a line down, instead of stopping it, while it makes nothing that may be let out."""

from __future__ import annotations

from pydantic import Field

from policies.words import Declared, Duration, Number, Word


class Turndown(Declared):
    """The target that is lowered while the line is in production and all it makes is rejected."""

    loop: Word
    """Loop whose target it is."""
    name: Word
    """Controlled variable of the loop, such as the throughput."""
    target: Number
    """Target meanwhile, in the unit the loop gives for it."""
    after_s: Duration = Field(alias="after")
    """Time for which the gate has rejected without a break when the line is turned down [s]."""
    back_s: Duration = Field(default=60.0, alias="back")
    """Time for which all has conformed when the former target returns [s]."""
