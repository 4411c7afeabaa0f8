"""What the current of a 4 to 20 mA channel says of its transmitter.

References
----------
NAMUR NE 43, "Standardization of the signal level for the failure information of digital transmitters", 2003 and 2021.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np

from plant_io.quality import Quality, Reason
from plant_io.signals import Floats
from plant_io.verdicts import NOTHING, Positions, Verdict
from policies import Tag
from policies.quality import Ne43

FAILED_LOW_MA = 3.6
"""Largest current by which a transmitter says that it has failed, below the signal [mA]."""
LEAST_MA = 3.8
"""Smallest current that measures [mA]."""
MOST_MA = 20.5
"""Largest current that measures [mA]."""
FAILED_HIGH_MA = 21.0
"""Smallest current by which a transmitter says that it has failed, above the signal [mA]."""

_ZERO_MA, _FULL_MA = 4.0, 20.0
_ROUNDING_MA = 1e-4  # a limit that travelled as a float32 is still the limit
_SAME_END = 0.01  # of the span; scales are written with few digits


@dataclass(frozen=True, slots=True, eq=False)
class Currents:
    """All channels of 4 to 20 mA of a line; every array has the shape ``(n_channels,)``."""

    tags: Positions
    """Their positions among the tags."""
    slots: Positions
    """Positions of their values."""
    failed_low: Floats
    """Raw values up to which a transmitter has failed, units of the devices."""
    least: Floats
    """Smallest raw values that measure, units of the devices."""
    most: Floats
    """Largest raw values that measure, units of the devices."""
    failed_high: Floats
    """Raw values from which on a transmitter has failed, units of the devices."""

    @classmethod
    def of(cls, channels: Iterable[tuple[int, int, Ne43]]) -> Currents:
        """Return the channels given by position of tag, position of value, and declaration."""
        every = list(channels)

        def raw(milliamperes: float) -> Floats:
            return np.array([_raw(declared, milliamperes) for _, _, declared in every], np.float64)

        return cls(
            tags=np.array([tag for tag, _, _ in every], np.intp),
            slots=np.array([slot for _, slot, _ in every], np.intp),
            failed_low=raw(FAILED_LOW_MA + _ROUNDING_MA),
            least=raw(LEAST_MA - _ROUNDING_MA),
            most=raw(MOST_MA + _ROUNDING_MA),
            failed_high=raw(FAILED_HIGH_MA - _ROUNDING_MA),
        )

    def judged(self, raw: Floats) -> Verdict:
        """Return the channels whose transmitter has failed, or has reached its limit.

        Parameters
        ----------
        raw
            Raw values of the line, units of the devices, shape ``(index.width,)``.
        """
        if not self.tags.size:
            return NOTHING
        here = raw[self.slots]
        failed = (here <= self.failed_low) | (here >= self.failed_high)
        low, high = here < self.least, here > self.most
        reason = np.where(failed, Reason.SENSOR_FAILURE, np.where(low, Reason.LIMIT_LOW, Reason.LIMIT_HIGH))
        hit = failed | low | high
        quality = np.where(failed, Quality.BAD, Quality.UNCERTAIN)
        return Verdict(self.tags[hit], quality[hit].astype(np.uint8), reason[hit].astype(np.uint8))


def limits(tag: Tag) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the values that are believed in full, and those that are possible at all, each lowest and highest.

    Both are the range, unless the policy says beyond which values the signal has failed. An end of the range that is
    the value at 4 mA or 20 mA reaches to 3.8 mA or 20.5 mA; what is beyond there, the current says better.

    Parameters
    ----------
    tag
        The tag; limits are in its unit.

    Examples
    --------
    >>> flow = Tag.model_validate({"unit": "kg/h", "range": (0, 6), "connection": "plc", "address": "input:0",
    ...     "scale": 0.375, "offset": -1.5, "ne43": {}})
    >>> [round(end, 2) for end in limits(flow)[0]], limits(flow)[1]
    ([-0.08, 6.19], (-inf, inf))
    """
    believed, possible = tag.range, tag.fail or tag.range
    if tag.ne43 is None:
        return believed, possible
    currents = (_ZERO_MA, _FULL_MA, LEAST_MA - _ROUNDING_MA, MOST_MA + _ROUNDING_MA)
    at_4, at_20, least, most = (_raw(tag.ne43, current) * tag.scale + tag.offset for current in currents)
    (low, lowest), (high, highest) = sorted(((at_4, least), (at_20, most)))
    near = _SAME_END * (high - low)
    ends = abs(believed[0] - low) <= near, abs(believed[1] - high) <= near
    wide = (min(believed[0], lowest) if ends[0] else believed[0], max(believed[1], highest) if ends[1] else believed[1])
    if tag.fail is None:
        possible = (-inf if ends[0] else possible[0], inf if ends[1] else possible[1])
    return wide, possible


def current(channel: Ne43, raw: float) -> float:
    """Return the current a channel shows [mA].

    Parameters
    ----------
    channel
        What it shows at 4 mA and at 20 mA.
    raw
        What it shows now, unit of the device.

    Examples
    --------
    >>> current(Ne43(raw_4ma=0.0, raw_20ma=27648.0), -864.0)
    3.5
    """
    share = (raw - channel.raw_4ma) / (channel.raw_20ma - channel.raw_4ma)
    return _ZERO_MA + (_FULL_MA - _ZERO_MA) * share


def _raw(channel: Ne43, milliamperes: float) -> float:
    share = (milliamperes - _ZERO_MA) / (_FULL_MA - _ZERO_MA)
    return channel.raw_4ma + (channel.raw_20ma - channel.raw_4ma) * share
