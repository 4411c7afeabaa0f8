"""What of a run is plotted: variables with their targets and limits, and what happened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite

import numpy as np

from hil.plants.faults import end
from hil.rig.play import Played
from hil.rig.score import judged
from plant_io.signals import Floats

_BUCKETS = 400


@dataclass(frozen=True, slots=True)
class Panel:
    """One variable over time, thinned so that no peak is lost."""

    title: str
    """What it is, with its unit."""
    minutes: Floats
    """Line time, shape ``(points,)`` [min]."""
    values: Floats
    """The variable, shape ``(points,)``, in the unit of the title."""
    target: float | None = None
    """Value wanted, in the unit of the title."""
    limits: tuple[float | None, float | None] = (None, None)
    """Lowest and highest good value, in the unit of the title; None where there is none."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened."""

    kind: str
    """What it was: fault, alert, incident or phase."""
    begin: float
    """When it began, line time [min]."""
    end: float | None
    """When it ended, line time [min]; None for something of one moment."""
    text: str
    """What to call it."""


def thinned(panel: Panel) -> Panel:
    """Return a panel that keeps the lowest and the highest of each stretch of values, in their order."""
    values = panel.values
    stretches = np.array_split(np.arange(values.size), min(_BUCKETS, values.size))
    kept = np.unique([(part[values[part].argmin()], part[values[part].argmax()]) for part in stretches])
    return Panel(panel.title, panel.minutes[kept].round(3), values[kept], panel.target, panel.limits)


def panels(played: Played) -> Iterator[Panel]:
    """Yield what is plotted of a run: what is scored, and what its loops move."""
    minutes = played.truth["time"] / 60.0
    for name, one in judged(played.policy).items():
        low, high = (bound if isfinite(bound) else None for bound in one.limits)
        yield thinned(Panel(f"true {name} [{one.unit}]", minutes, one.value(played.truth), one.target, (low, high)))
    for loop in played.policy.loops.values():
        for moved in loop.moved.values():
            title = f"{moved.tag} [{moved.unit}]"
            yield thinned(Panel(title, minutes, played.truth[moved.tag], None, moved.limits))


def marks(played: Played) -> tuple[Mark, ...]:
    """Return what happened in a run: its faults, the phases of its loops, and its incidents.

    Where alerts are not folded into incidents, they stand in their place.
    """
    last_s = played.scenario.for_s
    faults = [
        Mark("fault", fault.on_s / 60.0, min(end(fault), last_s) / 60.0, f"{fault.id} on {fault.target}")
        for fault in played.scenario.struck(played.seed)
    ]
    told = _incidents(played) if played.policy.incidents is not None else _alerts(played)
    phases = [Mark("phase", at / 60.0, None, f"{loop} {phase}") for at, loop, phase in played.phases]
    return (*faults, *told, *phases)


def _alerts(played: Played) -> list[Mark]:
    begun = (alert for alert in played.ran.tally.alerts if alert.active)
    return [Mark("alert", (alert.at - played.began) / 60.0, None, alert.watch) for alert in begun]


def _incidents(played: Played) -> list[Mark]:
    last = {one.id: one for one in played.ran.tally.incidents}
    return [
        Mark("incident", (one.opened - played.began) / 60.0, None, one.reading or one.unit or one.watches[0])
        for one in last.values()
    ]
