"""Who must bear out what a loop believes before it may correct far: measurements that share no error with its guide."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policies.authority import Within
from policies.words import Declared, Positive, Word


class SecondWitness(Declared):
    """Measurements of the loop that bear out what it believes, or do not.

    By itself a loop may correct an input by its `authority` from the value found at take-over. Whenever a reading of a
    witness of that input lies near what was believed before it came, the input is borne out as it stood on average over
    one horizon before the sample was taken, and the loop may go on by as much again from there; but never further from
    the value at take-over than `authority` here.
    """

    of: Annotated[dict[Word, tuple[Word, ...]], Field(min_length=1)]
    """Measurements that are witnesses of each moved variable."""
    authority: Within
    """By how much a moved variable may be corrected in all from its value at take-over: share, or amounts by name."""
    agrees: Positive = 4.0
    """Distance from what was believed at which a reading still agrees, in standard deviations of the reading [1]."""
