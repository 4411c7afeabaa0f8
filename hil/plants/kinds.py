"""What a catalogue says of a kind of fault."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of a catalogue."""

    unit: str
    """Kind of unit operation it can fall on, as in the `TARGETS` of the lines, or another kind of target."""
    meaning: str
    """What happens, in a few words."""
    magnitude: float
    """Severity if none is given, in the unit of `measure`."""
    neutral: float
    """Severity of a healthy plant, in the unit of `measure`."""
    span: tuple[float, float]
    """Least and greatest severity that makes sense, in the unit of `measure`."""
    measure: str
    """What the magnitude counts, with its unit."""
    lasts_s: float = inf
    """How long a pulse lasts if it has no end of its own [s]."""
    only: tuple[str, ...] = ()
    """Names of the units it is confined to; every unit of the kind if empty."""
    of_range: bool = False
    """Whether `magnitude` and `span` count widths of the tag's range; a magnitude given is in the unit of the tag."""
    family: str = ""
    """Number of the specification's catalogue it belongs to where its name is another one, for example ``F70``."""
