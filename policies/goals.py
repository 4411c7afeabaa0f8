"""What a policy says of what a loop is to gain, which limits come first, and how far it stays away from them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policies.words import Declared

Worth = Annotated[float, Field(gt=0, le=10, allow_inf_nan=False, strict=True)]
"""What one `scale` for one sample is worth, in squared scales of deviation [1]; far less than a limit."""


class Earning(Declared):
    """A variable of which more, or less, is worth something within its limits."""

    maximise: Worth | None = None
    """What one `scale` more for one sample is worth, in squared scales of deviation [1]."""
    minimise: Worth | None = None
    """What one `scale` less for one sample is worth, in squared scales of deviation [1]."""

    @property
    def slope(self) -> float:
        """Cost of one `scale` more for one sample, in squared scales of deviation [1]; below zero for a gain."""
        return (self.minimise or 0.0) - (self.maximise or 0.0)


Rank = Annotated[int, Field(ge=1, le=5)]
"""Whose limits are kept where not all can be: those of lower number [1]."""
