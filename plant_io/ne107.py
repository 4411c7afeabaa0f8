"""What the state of a device says of the values it measures.

References
----------
NAMUR NE 107, "Self-monitoring and diagnosis of field devices", 2017; OPC 10000-100, 4.5.4, DeviceHealthEnumeration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from plant_io.quality import Quality, Reason
from plant_io.signals import Codes, Floats
from plant_io.verdicts import NOTHING, Flags, Positions, Verdict
from policies.quality import Ne107

_MEANING: Mapping[str, tuple[Quality, Reason]] = MappingProxyType(
    {
        "normal": (Quality.GOOD, Reason.NONE),
        "failure": (Quality.BAD, Reason.DEVICE_FAILURE),
        "check_function": (Quality.UNCERTAIN, Reason.CHECK_FUNCTION),
        "off_spec": (Quality.UNCERTAIN, Reason.OFF_SPEC),
        "maintenance_required": (Quality.GOOD, Reason.MAINTENANCE_REQUIRED),
    }
)


@dataclass(frozen=True, slots=True)
class Told:
    """A tag whose device tells by another tag how well it is."""

    tag: int
    """Its position among the tags [1]."""
    teller: int
    """Position of the other tag [1]."""
    slot: int
    """Position of the value of the other tag [1]."""
    declared: Ne107
    """What the numbers mean."""


@dataclass(frozen=True, slots=True, eq=False)
class Health:
    """All tags whose devices tell how well they are, and every number they may tell it by."""

    tags: Positions
    """Positions of the tags, shape ``(n,)``."""
    tellers: Positions
    """Positions of the tags that tell, shape ``(n,)``."""
    slots: Positions
    """Positions of their values, shape ``(n,)``."""
    owner: Positions
    """Which of the tags a number belongs to, shape ``(m,)``."""
    number: Floats
    """The numbers [1], shape ``(m,)``."""
    quality: Codes
    """`Quality` each number means, shape ``(m,)``."""
    reason: Codes
    """`Reason` each number means, shape ``(m,)``."""

    @classmethod
    def of(cls, told: Iterable[Told]) -> Health:
        """Return all that is told of devices."""
        every = list(told)
        numbers = [
            (i, float(number), *meaning)
            for i, one in enumerate(every)
            for state, meaning in _MEANING.items()
            for number in getattr(one.declared, state)
        ]
        return cls(
            tags=np.array([one.tag for one in every], np.intp),
            tellers=np.array([one.teller for one in every], np.intp),
            slots=np.array([one.slot for one in every], np.intp),
            owner=np.array([i for i, _, _, _ in numbers], np.intp),
            number=np.array([number for _, number, _, _ in numbers], np.float64),
            quality=np.array([quality for _, _, quality, _ in numbers], np.uint8),
            reason=np.array([reason for _, _, _, reason in numbers], np.uint8),
        )

    def judged(self, values: Floats, believed: Flags) -> Verdict:
        """Return what the devices say of themselves; of one that says nothing known, that it is not known.

        Parameters
        ----------
        values
            Values of the line, each in the unit of its tag, shape ``(index.width,)``.
        believed
            Whether each tag is believed as far as it goes without its device, shape ``(n_tags,)``.
        """
        if not self.tags.size:
            return NOTHING
        quality = np.full(len(self.tags), Quality.UNCERTAIN, np.uint8)
        reason = np.full(len(self.tags), Reason.HEALTH_UNKNOWN, np.uint8)
        hit = (values[self.slots][self.owner] == self.number) & believed[self.tellers][self.owner]
        quality[self.owner[hit]], reason[self.owner[hit]] = self.quality[hit], self.reason[hit]
        said = reason != Reason.NONE
        return Verdict(self.tags[said], quality[said], reason[said])
