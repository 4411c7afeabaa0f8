"""The laboratory of a line: samples are taken when they are due, and results shown late, each with its own error."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from types import MappingProxyType
from typing import NamedTuple

from numpy.random import Generator

from hil.plants.ops import Floats
from hil.plants.sensors import Sampled


class Method(NamedTuple):
    """One method of analysis."""

    of: str
    """Column of the truth it determines."""
    period_s: float
    """Time from sample to sample [s]."""
    late_s: float
    """Time from sample to result [s]."""
    sd: float = 0.0
    """Standard deviation of one result, in the unit of the column."""
    relative: float = 0.0
    """The same in proportion to what is found [1]."""


Methods = Mapping[str, Method]
"""Methods by the tag that shows their results."""

LINE_A: Methods = MappingProxyType({"LAB.API": Method("api_frame", 1800.0, 1800.0, relative=0.005)})
"""Assay of tablets, of what the feed frame holds."""

LINE_B: Methods = MappingProxyType(
    {
        "LAB.LOD": Method("lod_pct", 900.0, 900.0, sd=0.10),
        "LAB.D10": Method("milled_d10", 1800.0, 1200.0, relative=0.02),
        "LAB.D50": Method("milled_d50", 1800.0, 1200.0, relative=0.02),
        "LAB.D90": Method("milled_d90", 1800.0, 1200.0, relative=0.02),
        "LAB.API": Method("api_pct", 1800.0, 1800.0, sd=0.10),
    }
)
"""Of milled granules: loss on drying by infrared balance, sizes by laser diffraction, assay of the dry mass."""

LINE_B2: Methods = MappingProxyType({**LINE_B, "LAB.LOD": LINE_B["LAB.LOD"]._replace(of="dryer_lod_pct")})
"""The same, but the loss on drying is that of the batch that left the dryer last."""

LINE_C: Methods = MappingProxyType(
    {
        "LAB.CONVERSION": Method("conversion", 1800.0, 1200.0, sd=0.10),
        "LAB.ACTIVITY": Method("activity", 1800.0, 1800.0, relative=0.03),
    }
)
"""Conversion by HPLC behind the bed, and activity of the catalyst by a standard test of the bed."""


class Laboratory:
    """Results of all methods of a line; each result draws one number, whatever is found.

    Parameters
    ----------
    rng
        Source of the randomness of the methods; nobody else may draw from it.
    noise
        Multiplier of their standard deviations [1].
    methods
        The methods, by tag.
    first
        The truth at the start, by column and in the unit of the column.
    """

    __slots__ = ("_groups", "_noise", "_rng")

    def __init__(self, rng: Generator, noise: float, methods: Methods, first: Mapping[str, float]) -> None:
        self._rng, self._noise = rng, noise
        timings = dict.fromkeys((one.period_s, one.late_s) for one in methods.values())
        together = [{tag: one for tag, one in methods.items() if one[1:3] == timing} for timing in timings]
        self._groups = [
            (alike, Sampled(*timing, self._found(alike, first)))
            for timing, alike in zip(timings, together, strict=True)
        ]

    def look(self, t: float, truth: Callable[[], Mapping[str, float]]) -> None:
        """Take the samples that are due, and show what has been found by now.

        Parameters
        ----------
        t
            Plant time [s].
        truth
            Gives the truth by column, each in its unit; asked only where a sample is due.
        """
        for methods, sampled in self._groups:
            if sampled.due(t):
                sampled.take(t, self._found(methods, truth()))
            sampled.show(t)

    def show(self, tags: MutableMapping[str, float | Floats], taken: dict[str, float]) -> None:
        """Write the newest results, and when their samples were taken.

        Parameters
        ----------
        tags
            Where to write results, in the units of the tags.
        taken
            Where to write times of sampling, plant time [s].
        """
        for _, sampled in self._groups:
            shown = sampled.shown
            tags.update(shown.value)
            taken.update(dict.fromkeys(shown.value, shown.taken_s))

    def _found(self, methods: Methods, truth: Mapping[str, float]) -> dict[str, float]:
        found = dict[str, float]()
        for tag, one in methods.items():
            drawn = self._noise * self._rng.standard_normal()
            found[tag] = truth[one.of] * (1.0 + one.relative * drawn) + one.sd * drawn
        return found
