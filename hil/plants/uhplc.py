"""At-line UHPLC behind the bed of line C: what it is given, what it makes of it, and how late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from types import MappingProxyType
from typing import NamedTuple

from numpy.random import Generator

from hil.plants import hydrogenation as bed
from hil.plants.sensors import Sampled

CYCLE_S, SAMPLING_S, RUN_S = 360.0, 60.0, 240.0
"""Time from sample to sample, from sample to injection, and from injection to result [s]."""

SLOTS = 16
"""Most peaks one result can list [1]."""

LOD_PCT, LOQ_PCT = 0.01, 0.03
"""Smallest peak that is listed, and smallest whose size can be relied on [area-%]."""

METHOD, VERSION = 7.0, 3.0
"""Number of the method that is loaded, UHPLC-07, and its version [1]."""

WINDOW = 0.02
"""Largest difference from the method's retention time at which a peak gets a name, relative to the API [1]."""

RETENTION: Mapping[str, float] = MappingProxyType(
    {
        "SM": 0.62,
        "IMP_H": 0.88,
        "IMP_D": 0.94,
        "API": 1.00,
        "IMP_A": 1.05,
        "U2": 1.11,
        "NITRO": 1.21,
        "U": 1.32,
        "IMP_B": 1.46,
        "IMP_C": 1.72,
    }
)
"""Retention time of every species that absorbs, relative to the API, on a new column [1]."""

LISTED = tuple(name for name in RETENTION if name not in {"U", "U2"})
"""Species the method knows; the others stay without a name."""

_SPECIES = {
    "SM": bed.SM,
    "IMP_H": bed.HYDROXYL,
    "IMP_D": bed.DESFLUORO,
    "API": bed.API,
    "IMP_A": bed.PARA,
    "U2": bed.SECOND,
    "NITRO": bed.NITRO,
    "U": bed.UNKNOWN,
    "IMP_B": bed.BIS,
    "IMP_C": bed.DIMER,
}
_JITTER, _FLOOR_PCT, _SHARE = 0.003, 0.006, 0.015
_MISSED, _CARRIED = 0.01, 0.003
_STRETCH, _COLUMN_RUNS = 0.024, 1000.0


class Peak(NamedTuple):
    """One peak of a chromatogram."""

    rrt: float
    """Retention time relative to the API [1]."""
    area: float
    """Share of all peak area [area-%]."""
    name: str | None
    """Species the method takes it for; None if it knows none there."""
    quantified: bool
    """Whether it is large enough for its size to be relied on."""


class Result(NamedTuple):
    """What one injection gave."""

    sequence: int
    """Count of the injection [1]; a missed one leaves a gap."""
    injected_s: float
    """When it was injected, plant time [s]."""
    ready_s: float
    """When the result was ready, plant time [s]."""
    peaks: tuple[Peak, ...]
    """Peaks listed, by retention time."""
    version: float = VERSION
    """Version of the method it was run by [1]."""


def profile(x: Sequence[float]) -> dict[str, float]:
    """Return the true area of every species, by name [area-%]; empty without any.

    Every aryl ring answers alike, so that a dimer counts twice.

    Parameters
    ----------
    x
        Concentrations in the order of the species of the bed [mol/m3].
    """
    areas = {name: bed.RINGS[i] * x[i] for name, i in _SPECIES.items()}
    total = sum(areas.values())
    return {name: 100.0 * area / total for name, area in areas.items()} if total > 0.0 else {}


def named(rrt: float) -> str | None:
    """Return the species of the method nearest to a retention time, if it is near enough.

    Parameters
    ----------
    rrt
        Retention time relative to the API [1].

    Examples
    --------
    >>> named(1.055), named(1.32)
    ('IMP_A', None)
    """
    nearest = min(LISTED, key=lambda name: abs(RETENTION[name] - rrt))
    return nearest if abs(RETENTION[nearest] - rrt) <= WINDOW else None


class Uhplc:
    """The instrument with its column.

    Every injection draws the same number of values, whatever is in the sample. Peak areas scatter by
    ``sqrt(0.006**2 + (0.015 x)**2)`` area-%, and as the areas sum to 100, the API bears the rest.

    Parameters
    ----------
    rng
        Source of the randomness of the instrument; nobody else may draw from it.
    noise
        Multiplier of all noise [1].
    areas
        True area by species at the start [area-%].
    """

    __slots__ = ("_before", "_noise", "_rng", "_runs", "_sequence", "result")

    def __init__(self, rng: Generator, noise: float, areas: Mapping[str, float]) -> None:
        self._rng, self._noise = rng, noise
        self._runs = _COLUMN_RUNS * rng.random()
        self._sequence = 0
        self._before = areas
        self.result = Sampled(CYCLE_S, SAMPLING_S + RUN_S, self._run(-SAMPLING_S - RUN_S, areas, {}))
        """The last result, taken when its sample was."""

    def look(self, t: float, areas: Mapping[str, float], hit: Mapping[str, float]) -> None:
        """Take a sample if one is due, and show the result that is ready by now.

        Parameters
        ----------
        t
            Plant time [s].
        areas
            True area by species behind the bed [area-%].
        hit
            Severity by fault in force, in the units of the catalogue.
        """
        if self.result.due(t):
            self._sequence += 1
            missed = max(_MISSED * self._noise, hit.get("C05", 0.0)) > self._rng.random()
            found = self._run(t, areas, hit)
            if missed:
                self.result.lose(t)
            else:
                self._before = areas
                self.result.take(t, found)
        self.result.show(t)

    def _run(self, t: float, areas: Mapping[str, float], hit: Mapping[str, float]) -> Result:
        self._runs += 1.0
        draws = (self._noise * self._rng.standard_normal(2 * len(RETENTION))).tolist()
        seen = self._seen(areas, draws[: len(RETENTION)], hit)
        aged = 1.0 + self._noise * _STRETCH * min(self._runs / _COLUMN_RUNS, 1.0) + hit.get("F67", 0.0)
        peaks: list[Peak] = []
        for (name, rrt), jitter in zip(RETENTION.items(), draws[len(RETENTION) :], strict=True):
            at = rrt if name == "API" else 1.0 + aged * (rrt - 1.0) + _JITTER * jitter
            if seen.get(name, 0.0) >= LOD_PCT:
                peaks.append(Peak(at, seen[name], named(at), seen[name] >= LOQ_PCT))
        return Result(
            self._sequence, t + SAMPLING_S, t + SAMPLING_S + RUN_S, tuple(sorted(peaks)), hit.get("C08", VERSION)
        )

    def _seen(self, areas: Mapping[str, float], draws: list[float], hit: Mapping[str, float]) -> dict[str, float]:
        if not areas:
            return {}
        carried = hit.get("C03", _CARRIED)
        answer = 1.0 - hit.get("C04", 0.0)
        seen: dict[str, float] = {}
        for name, draw in zip(RETENTION, draws, strict=True):
            area = (areas[name] + carried * self._before.get(name, 0.0)) / (1.0 + carried)
            if area > 0.0 and name != "API":
                area *= answer
                seen[name] = max(area + sqrt(_FLOOR_PCT**2 + (_SHARE * area) ** 2) * draw, 0.0)
        return seen | {"API": max(100.0 - sum(seen.values()), 0.0)}
