"""When a measurement was taken, where that is not when it is seen: results of analysers and laboratories."""

from __future__ import annotations

from pydantic import Field

from policies.words import Declared, Duration, Name

OF_SOURCE = "source"
"""Stands where the name of a tag could, for the time that comes with the value from its device."""


class Sampled(Declared):
    """When its sample was taken; just now, where nothing is said."""

    taken: Name | None = None
    """Tag that shows when: POSIX time, or time by `clock`; or ``source``, for the time its device gives with it."""
    clock: Name | None = None
    """Tag of the same device that shows what time it was by the clock of `taken` when the value came."""
    age_s: Duration | None = Field(default=None, alias="age")
    """Time from the sample to what `taken` shows, or to the value being seen where there is no `taken` [s]."""
    oldest_s: Duration = Field(default=900.0, alias="oldest")
    """Age of a sample beyond which it is not used any more, where `taken` tells it [s]."""

    @property
    def memory_s(self) -> float:
        """How far back a value of it can belong [s]."""
        return self.oldest_s if self.taken is not None else self.age_s or 0.0
