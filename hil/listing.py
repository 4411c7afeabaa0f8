"""The catalogue of faults as people look things up in it."""

from __future__ import annotations

from math import isfinite

from hil.faults.carried import Place, cannot
from hil.plants.faults import CATALOGUE
from hil.plc.lines import blueprint
from policies import load, shipped

CLOCKS = ("memory", "virtual", "lockstep", "wall")
"""Every way in which time can go by."""


def listed(line: str) -> list[dict[str, object]]:
    """Return every fault that can fall on a line, on what is around it, and on the controller, as plain values.

    Raises
    ------
    ValueError
        If there is no such line.
    """
    place = Place(blueprint(line), load(shipped(line)))
    rows: list[dict[str, object]] = []
    for name, kind in CATALOGUE.items():
        targets, needs = place.possible(name)
        if targets:
            rows.append(
                {
                    "id": name,
                    "family": kind.family or name,
                    "what": kind.meaning,
                    "kind": kind.unit,
                    "targets": targets,
                    "needs": needs,
                    "magnitude": kind.magnitude,
                    "span": [bound if isfinite(bound) else None for bound in kind.span],
                    "measure": kind.measure,
                    "of_range": kind.of_range,
                    "clocks": [clock for clock in CLOCKS if not cannot(name, clock)],
                }
            )
    return rows
