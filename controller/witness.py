"""What a second witness bears out; a loop does not correct far from what nobody but its guide bears out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite, nan

from controller.authority import Span
from controller.cycle import Event
from controller.kit import LoopKit
from controller.state import LoopState
from plant_io.changes import replace
from plant_io.signals import Floats
from plant_io.values import quick
from policies.units import difference


@quick
@dataclass(frozen=True, slots=True)
class Spoken:
    """What measurements had to say in one cycle."""

    at: float
    """When, POSIX time [s]."""
    names: Iterable[str]
    """Measurements with a new reading."""
    stood: Mapping[str, Floats]
    """Inputs as each reading bears them out, by measurement, shape ``(n_u,)``, units of the model: their mean until its
    sample was taken, for the loop goes to and fro; those of now where it is left out."""
    innovations: Mapping[str, float]
    """What each reading lay beyond what was believed, by measurement, in the unit of the model."""


def listen(kit: LoopKit, old: LoopState, spoken: Spoken) -> tuple[LoopState, tuple[Event, ...]]:
    """Return the memory after the witnesses among new readings were heard, and what to say of it.

    Parameters
    ----------
    kit
        The loop.
    old
        Memory of the loop.
    spoken
        New readings.
    """
    words = kit.declared.witness
    if words is None or old.inputs is None or not old.anchors:
        return old, ()
    borne, events = dict(old.borne), list[Event]()
    for name in spoken.names:
        beyond, led = spoken.innovations.get(name, nan), kit.witnessed.get(name, ())
        if not led or not isfinite(beyond):
            continue
        measured, unit = kit.declared.measured[name], kit.model.measured[name]
        if abs(beyond) <= words.agrees * difference(measured.sd, measured.unit, unit):
            stood = spoken.stood.get(name)
            standing = dict(zip(kit.model.inputs, old.inputs if stood is None else stood.tolist(), strict=True))
            borne |= {key: standing[key] for key in led}
        else:
            said = f"{kit.name}: second witness {name} does not agree, it is {beyond:+.3g} {unit} off what was believed"
            events.append(Event(spoken.at, said))
    return (replace(old, borne=borne) if borne != old.borne else old), tuple(events)


def span(kit: LoopKit, old: LoopState, key: str, permitted: Span) -> Span:
    """Return how far an input may be corrected, lowest and highest, unit of the model.

    Parameters
    ----------
    kit
        The loop.
    old
        Memory of the loop; the input has been found at take-over.
    key
        Name of the input.
    permitted
        Lowest and highest value of the policy, unit of the model.
    """
    alone, borne = kit.authority[key]
    anchor = _inside(old.anchors[key], permitted)
    if kit.declared.witness is None:
        return alone.around(anchor, permitted)
    widest = borne.around(anchor, permitted)
    return alone.around(_inside(old.borne.get(key, anchor), widest), widest)


def _inside(value: float, limits: Span) -> float:
    return min(max(value, limits[0]), limits[1])
