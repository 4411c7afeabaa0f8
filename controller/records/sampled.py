"""What a record shows of dosage units and of the blend while product was let out, and what is missing of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite

from controller.material.release import Uniformity, uniformity
from plant_io import Quality
from policies.release import DosageUnits, Release

Shown = tuple[float, float, int]
"""Value and standard deviation of a tag in its unit, and its quality."""


@dataclass(frozen=True, slots=True)
class Excursion:
    """A time in which what was let out showed a content beyond its limits."""

    since: float
    """When it began, POSIX time [s]."""
    until: float
    """When it was last seen, POSIX time [s]."""
    worst: float
    """Content farthest from the middle of the limits [% of the claim]."""


@dataclass(slots=True)
class Sampled:
    """Samples taken in the course of a record, one for each unit that is judged."""

    release: Release
    """What a verdict is made of."""
    units: list[tuple[float, float, float]] = field(default_factory=list[tuple[float, float, float]])
    """Time [s], content and its standard deviation [% of the claim]."""
    blends: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Time [s] and relative standard deviation of the blend, in the unit of its tag."""
    lacking: list[float] = field(default_factory=list[float])
    """Times of samples that could not be taken, POSIX time [s]."""
    _due: float = 0.0

    def look(self, at: float, shown: Callable[[str], Shown]) -> None:
        """Take a sample where one is due; only while product is let out.

        Parameters
        ----------
        at
            Now, POSIX time [s].
        shown
            Gives value and standard deviation of a tag in its unit, and its quality.
        """
        units, blend = self.release.units, self.release.blend
        if blend is not None and (found := shown(blend.tag))[2] == Quality.GOOD:
            self.blends.append((at, found[0]))
        if units is None or at < self._due:
            return
        self._due = at + units.every_s
        value, sd, quality = shown(units.tag)
        if quality == Quality.GOOD and isfinite(value):
            doubt = sd if isfinite(sd) else 0.0
            self.units.append((at, 100.0 * value / units.claim, 100.0 * doubt / units.claim))
        else:
            self.lacking.append(at)

    def judged(self, since: float, until: float) -> Judged:
        """Return what is to be said of what was let out in some time.

        Parameters
        ----------
        since
            Begin of the time, POSIX time [s].
        until
            Its end, POSIX time [s].
        """
        taken = [one for one in self.units if since <= one[0] <= until]
        missing = sum(since <= at <= until for at in self.lacking)
        blends = [value for at, value in self.blends if since <= at <= until]
        found = None
        if self.release.units is not None:
            found = uniformity([(value, sd) for _, value, sd in taken], self.release.units, self.release.far)
        return Judged(
            uniformity=found,
            blend=max(blends) if blends else None,
            missing=(missing, missing + len(taken)),
            excursions=tuple(_excursions(taken, self.release.units)),
            looks=tuple(self._looks(max(blends) if blends else None, missing, missing + len(taken))),
        )

    def _looks(self, blend: float | None, missing: int, due: int) -> Iterable[str]:
        declared = self.release.blend
        if declared is not None and blend is None:
            yield f"nothing is known of {declared.tag}"
        elif declared is not None and blend is not None and blend > declared.at_most:
            yield f"{declared.tag} was up to {blend:.2f}, at most {declared.at_most:g} needs no look"
        if due and missing > self.release.missing * due:
            yield f"{missing} of {due} samples of units could not be taken"


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be said of dosage units and of the blend in some time."""

    uniformity: Uniformity | None
    """Uniformity of dosage units; None where it is not judged."""
    blend: float | None
    """Largest relative standard deviation of the blend, in the unit of its tag; None where nothing was seen."""
    missing: tuple[int, int]
    """Samples that could not be taken, and that were due [1]."""
    excursions: tuple[Excursion, ...]
    """Times with a content beyond its limits."""
    looks: tuple[str, ...]
    """What a person is to look at."""


NOT_JUDGED = Judged(None, None, (0, 0), (), ())
"""Where nothing is judged."""


def _excursions(taken: Iterable[tuple[float, float, float]], units: DosageUnits | None) -> Iterable[Excursion]:
    """Return runs of samples beyond the limits; samples farther apart than three are two runs."""
    if units is None:
        return
    low, high = units.limits
    middle, apart = (low + high) / 2.0, 3.0 * units.every_s
    now: Excursion | None = None
    for at, value, _ in taken:
        if low <= value <= high:
            continue
        if now is not None and at - now.until <= apart:
            worst = value if abs(value - middle) > abs(now.worst - middle) else now.worst
            now = Excursion(now.since, at, worst)
            continue
        if now is not None:
            yield now
        now = Excursion(at, at, value)
    if now is not None:
        yield now
