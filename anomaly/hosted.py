"""Detectors of others in the learning lane: of river, or installed under an entry point.

They are looked at as the forest of a learner is: once in every interval, on tags in standard deviations or scaled to
the unit cube, learning only below their own limit and not at all in an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import cast

from anomaly.learner import Forest, LearnerKit
from policies.learners import Detector

GROUP = "steadyline.detectors"
"""Entry points of plug-ins: a name, and what makes a detector when it is called with the options of the policy."""

RIVER = "river.anomaly."
"""How names of detectors of river begin."""


def prepare(name: str, declared: Detector, units: Mapping[str, str]) -> LearnerKit:
    """Return a detector of others as a learner, ready.

    Raises
    ------
    ValueError
        If there is none of that name, or it cannot be made with the options.
    """
    make, options = maker(declared.detector), dict(declared.options)

    def plant() -> Forest:
        return make(**options)

    try:
        plant()
    except (TypeError, ValueError) as error:
        raise ValueError(f"{declared.detector} cannot be made with its options: {error}") from None
    return LearnerKit(
        name, declared, tuple(units[tag] for tag in declared.tags), plant, unit_cube=declared.scale == "unit"
    )


def maker(detector: str) -> Callable[..., Forest]:
    """Return what makes a detector.

    Raises
    ------
    ValueError
        If river has none of that name, and none is installed.
    """
    if detector.startswith(RIVER):
        return _of_river(detector.removeprefix(RIVER))
    installed = entry_points(group=GROUP)
    if detector not in installed.names:
        names = ", ".join(sorted(installed.names)) or "none"
        raise ValueError(f"no detector {detector} is installed; installed are {names}, and those of {RIVER[:-1]}")
    return cast("Callable[..., Forest]", installed[detector].load())


def _of_river(name: str) -> Callable[..., Forest]:
    from river import anomaly, base  # noqa: PLC0415  # takes a second

    known = {
        key: value
        for key, value in vars(anomaly).items()
        if isinstance(value, type) and issubclass(value, base.AnomalyDetector)
    }
    if name not in known:
        raise ValueError(f"found {RIVER}{name}, expected one of {', '.join(sorted(known))} behind {RIVER}")
    return cast("Callable[..., Forest]", known[name])
