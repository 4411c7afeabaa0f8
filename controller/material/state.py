"""What is remembered of material from one cycle to the next, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf, nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from controller.material.batches import NO_BATCH, Batching
from controller.material.phases import UNTOLD, Phase
from plant_io.signals import Floats
from plant_io.values import quick

if TYPE_CHECKING:
    from controller.cycle import Order

TOTAL, ACTIVE, DOUBT = range(3)
"""What is followed through the cells: all material, the feed whose share counts, and what may be wrong with it [kg]."""


@dataclass(frozen=True, slots=True)
class Diversion:
    """One diversion, told when it begins and again when it ends."""

    number: int
    """Count of diversions since the start, from 1 [1]."""
    trigger: str
    """Attribute that would not conform, or ``unknown``."""
    reason: str
    """One sentence."""
    since: float
    """When it began, POSIX time [s]."""
    until: float | None = None
    """When it ended, POSIX time [s]; None while it goes on."""
    mass_kg: float = 0.0
    """Mass rejected since it began [kg]."""
    low: float = nan
    """Lowest the content may have been when it began, in the unit of content."""
    high: float = nan
    """Highest it may have been, in the unit of content."""


@dataclass(frozen=True, slots=True)
class Container:
    """One container that was filled."""

    number: int
    """Count of containers since the start, from 1 [1]."""
    since: float
    """When it was begun, POSIX time [s]."""
    until: float
    """When it was full, POSIX time [s]."""
    mass_kg: float
    """Mass in it [kg]."""
    content: float
    """Mean content by what was fed and what the product shows, in the unit of content."""
    lowest: float
    """Lowest content there may be in it, in the unit of content."""
    highest: float
    """Highest content there may be in it, in the unit of content."""
    lots: Mapping[str, float]
    """Mass of each lot in it, by name [kg]."""


class Hopper(NamedTuple):
    """What is in the hopper of one feed."""

    number: float
    """Charge put in last, as its tag shows it [1]; not a number where nothing was read."""
    lots: tuple[tuple[str, float], ...]
    """Share of each lot, by name [1]."""


class Weighing(NamedTuple):
    """What is known of a feeder that cannot tell what it feeds, to be balanced once its charge is known."""

    held_kg: float
    """Mass in its hopper when it still could [kg]."""
    number: float
    """Charge put in last before that, as its tag shows it [1]."""
    usual: tuple[float, ...] = ()
    """What the last three refills did not balance, relative to their charges, oldest first [1]."""
    assumed_kg: float = 0.0
    """Mass taken to have been fed since [kg]."""
    began: bool = False
    """Whether it cannot tell now, or could not until now."""


class Unseen(NamedTuple):
    """What is known of a feeder that cannot tell what it feeds, or could not until lately."""

    since: float
    """When that began, POSIX time [s]."""
    flow: float
    """Flow shown then [kg/s]."""
    until: float = inf
    """When it could tell again, POSIX time [s]."""
    doubted_kg: float = 0.0
    """Standard deviation by which what it fed meanwhile is doubted already [kg]."""


class Belief(NamedTuple):
    """What is believed of the material that leaves the last unit."""

    mean: float
    """Content by what was fed, in the unit of content."""
    sd: float
    """Its standard deviation, in the unit of content."""
    mean_slope: float
    """Change of the mean, unit of content per kg fed."""
    sd_slope: float
    """Change of the standard deviation, unit of content per kg fed."""


NOTHING = Belief(nan, inf, 0.0, 0.0)
"""Belief before anything was fed."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """The material in the cells of the line."""

    cells: Floats
    """Mass of what is followed in each cell at every point of the posterior, shape ``(k, n, 3)`` [kg]."""
    names: tuple[str, ...]
    """Lots in the cells or in hoppers."""
    lots: Floats
    """Mass of each lot in each cell at the mean of the posterior, shape ``(n, lots)`` [kg]."""
    recipe: Floats
    """Share of each lot in each feed, shape ``(feeds, lots)`` [1]."""
    hoppers: tuple[Hopper, ...]
    """Hopper of each feed."""


class Gate(NamedTuple):
    """Where the gate is wanted."""

    open: bool
    """Whether it rejects."""
    sound_since: float
    """Since when all has conformed, POSIX time [s]; infinite while it does not."""
    diversion: Diversion | None
    """What goes on."""
    number: int
    """Diversions since the start [1]."""


class Filling(NamedTuple):
    """The container that is filled now."""

    number: int
    """Its number, from 1 [1]."""
    since: float
    """When it was begun, POSIX time [s]."""
    mass_kg: float
    """Mass in it [kg]."""
    active_kg: float
    """Mass of the feed whose share counts in it [kg]."""
    lowest: float
    """Lowest content there may be in it, in the unit of content."""
    highest: float
    """Highest content there may be in it, in the unit of content."""
    lots: Mapping[str, float]
    """Mass of each lot in it, by name [kg]."""


SHUT_OUT = Gate(open=True, sound_since=inf, diversion=None, number=0)
"""The gate before anything was seen: nothing is let out."""


class Turndown(NamedTuple):
    """Whether the line is turned down."""

    since: float = nan
    """Since when, POSIX time [s]; not a number while it is not."""
    former: float | None = None
    """Target before that, in the unit the loop gives for it; None for that of the policy."""
    why: str = ""
    """Why it is."""
    left: int = 0
    """Diversion for which a person has taken the target, from 1 [1]; 0 for none."""
    waits: str = ""
    """Why it is not, although all has been rejected for long enough; empty where it is, or has not."""
    asks: tuple[Order, ...] = ()
    """Orders to be obeyed in the next cycle."""


UP = Turndown()
"""The state of a line that is not turned down."""


@quick
@dataclass(frozen=True, slots=True, eq=False)
class MaterialState:
    """Memory of material; times are POSIX times [s]."""

    asked: frozenset[str] = frozenset()
    """Loops people want in AUTO, for which the gate serves."""
    at: float = nan
    """When the last cycle began [s]."""
    flows: tuple[float, ...] = ()
    """Newest flow of each feed, good or not [kg/s]; empty before any was read."""
    pending: tuple[float, ...] = ()
    """Fed and not yet moved on: each feed, then the doubt [kg]."""
    weighings: tuple[Weighing | None, ...] = ()
    """What is balanced of each feed; empty before anything was read."""
    unseen: tuple[Unseen | None, ...] = ()
    """Feeders that cannot tell what they feed, or could not until lately, by feed."""
    line: Line | None = None
    """What is in the line; None before every flow was read."""
    belief: Belief = NOTHING
    """What is believed of what leaves it."""
    corrected: tuple[float, float] = (0.0, nan)
    """Newest correction and its standard deviation, in the unit of content."""
    corrected_at: float = nan
    """When it was last good [s]; not a number if never."""
    shown_at: float = nan
    """When all tags that must lie inside the limits were last good [s]; not a number if never."""
    gate: Gate = SHUT_OUT
    """The gate."""
    filling: Filling | None = None
    """The container."""
    made_kg: float = 0.0
    """Mass that left the line since the start [kg]."""
    diverted_kg: float = 0.0
    """Mass of it that was rejected [kg]."""
    unfollowed_since: float = inf
    """Since when the gate has not followed, POSIX time [s]."""
    fed_kg: float = 0.0
    """Mass fed since the start [kg]."""
    phase: Phase = UNTOLD
    """The phase of the line."""
    batching: Batching = NO_BATCH
    """The batch that is being made."""
    turndown: Turndown = UP
    """Whether the line is turned down."""


def held(line: Line, cells: slice) -> dict[str, float]:
    """Return the mass of each lot in some cells [kg]."""
    masses = line.lots[cells].sum(axis=0).tolist()
    return {name: mass for name, mass in zip(line.names, masses, strict=True) if mass > 0.0}


def empty(points: int, size: int) -> Floats:
    """Return cells without anything in them, shape ``(points, size, 3)`` [kg]."""
    return np.zeros((points, size, 3))
