"""Half widths of intervals that differ by what is said, as a policy or the file of a model has them."""

from __future__ import annotations

from collections.abc import Sequence

from policies.words import Declared, Number, Positive


class Region(Declared):
    """A part of what a soft sensor says whose errors were looked at by themselves."""

    up_to: Number | None = None
    """Largest value said in it, in the unit of the result; none for the last."""
    half: Positive
    """Half width of intervals there, in the multiples of the `half` beside the regions [1]."""


def rising(regions: Sequence[Region]) -> None:
    """Refuse regions that are not in rising order, or whose last ends somewhere.

    Raises
    ------
    ValueError
        If they are not.
    """
    ends = [one.up_to for one in regions[:-1]]
    known = [end for end in ends if end is not None]
    open_end = not regions or regions[-1].up_to is None
    if len(known) < len(ends) or known != sorted(set(known)) or not open_end:
        raise ValueError("expected regions that end one above the other, the last of them nowhere")


def half_among(regions: Sequence[Region], whole: float, value: float) -> float:
    """Return the half width of the interval around a value [1].

    Parameters
    ----------
    regions
        Parts of what is said, in rising order.
    whole
        Half width where there are none [1].
    value
        What is said, in the unit of the result.

    Examples
    --------
    >>> parts = (Region(up_to=2.0, half=1.0), Region(half=1.5))
    >>> [half_among(parts, 1.2, value) for value in (1.0, 2.0, 3.0)]
    [1.0, 1.0, 1.5]
    >>> half_among((), 1.2, 3.0)
    1.2
    """
    return next((one.half for one in regions if one.up_to is None or value <= one.up_to), whole)
