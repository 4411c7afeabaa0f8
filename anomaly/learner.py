"""A forest of half-space trees that learns on line what a few tags usually do together; it advises people only.

It learns only while its score is below its own limit, and not at all from the fifth sample in a row above the limit
until the incident is over: otherwise it would learn the fault. Its input is scaled to the unit cube, outside of which
the trees see nothing.

References
----------
S. C. Tan, K. M. Ting, T. F. Liu, "Fast anomaly detection for streaming data", Proc. IJCAI, 2011,
doi:10.5591/978-1-57735-516-8/IJCAI11-254.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, cast

from anomaly.alerts import Alert, Sign
from anomaly.words import amount
from plant_io import Snapshot
from plant_io.changes import replace
from policies import Learner, Reference
from policies.learners import Detector

LATCH = 5
"""Samples in a row above the limit that make an incident and stop all learning [1]."""

CALM = 36
"""Samples in a row below the limit that end an incident [1]."""

REACH = 4.0
"""Distance from normal at which the scaled input ends, in standard deviations [1]."""

_TREES, _HEIGHT, _WINDOW = 25, 8, 120
_NAMED = 3


class Forest(Protocol):
    """The part of a river anomaly detector that is used."""

    def score_one(self, x: dict[str, float]) -> float:
        """Return how unusual `x`, scaled to the unit cube [1], is: 0 usual, 1 not [1]."""
        ...

    def learn_one(self, x: dict[str, float]) -> None:
        """Take `x`, scaled to the unit cube [1], for usual."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LearnerKit:
    """One learner, ready."""

    name: str
    """Name of the watch."""
    declared: Learner | Detector
    """What the policy says of it."""
    units: tuple[str, ...]
    """UCUM unit of each tag."""
    plant: Callable[[], Forest]
    """Makes a forest that has seen nothing, always the same."""
    unit_cube: bool = True
    """Whether it sees the tags scaled to the unit cube, or in standard deviations from normal."""
    warm: int = 0
    """Looks at the beginning that are learnt whatever they are, and not judged [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class LearnerState:
    """Memory of one learner; the forest in it changes in place, so a state is used once."""

    forest: Forest
    """What it has learnt."""
    slot: int | None = None
    """Number of the interval of the last look [1]."""
    over: int = 0
    """Samples in a row above the limit [1]."""
    calm: int = 0
    """Samples in a row below the limit [1]."""
    active: bool = False
    """Whether an incident stands; nothing is learnt then."""
    warmed: int = 0
    """Looks that were learnt without being judged [1]."""


def prepare(name: str, declared: Learner, units: Mapping[str, str]) -> LearnerKit:
    """Return a learner, ready."""
    from river.anomaly import HalfSpaceTrees  # noqa: PLC0415  # takes a second

    grow = cast("Callable[..., Forest]", HalfSpaceTrees)

    def plant() -> Forest:
        return grow(n_trees=_TREES, height=_HEIGHT, window_size=_WINDOW, seed=declared.seed)

    return LearnerKit(name, declared, tuple(units[tag] for tag in declared.tags), plant)


def start(kit: LearnerKit) -> LearnerState:
    """Return the memory of a learner that has seen nothing."""
    return LearnerState(kit.plant())


def look(snapshot: Snapshot, state: LearnerState, kit: LearnerKit) -> tuple[LearnerState, Alert | None]:
    """Score the tags once in every interval, and learn them where they are usual.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left; it must not be used again.
    kit
        The learner.

    Returns
    -------
    state
        What the learner remembers now.
    alert
        The incident, if it began or ended now.
    """
    slot = int(snapshot.at // kit.declared.every_s)
    if slot == state.slot:
        return state, None
    values = [snapshot.good(tag) for tag in kit.declared.tags]
    present = [value for value in values if value is not None]
    if len(present) < len(values):
        return replace(state, slot=slot), None
    return judge(snapshot.at, present, replace(state, slot=slot), kit)


def judge(at: float, values: list[float], state: LearnerState, kit: LearnerKit) -> tuple[LearnerState, Alert | None]:
    """Score values, and learn them where they are usual.

    Parameters
    ----------
    at
        When, POSIX time [s].
    values
        Value of each tag, in its unit.
    state
        What the last look left; it must not be used again.
    kit
        The learner.

    Returns
    -------
    state
        What the learner remembers now.
    alert
        The incident, if it began or ended now.
    """
    away = [_away(v, r) for v, r in zip(values, kit.declared.tags.values(), strict=True)]
    seen = map(_scaled, away) if kit.unit_cube else away
    x = dict(zip(kit.declared.tags, seen, strict=True))
    if state.warmed < kit.warm:
        state.forest.learn_one(x)
        return replace(state, warmed=state.warmed + 1), None
    score = state.forest.score_one(x)
    after = _count(state, high=score >= kit.declared.limit)
    if after.over == 0 and not after.active:
        after.forest.learn_one(x)
    return after, _alert(at, score, after, kit, values) if after.active != state.active else None


def _away(value: float, normal: Reference) -> float:
    return (value - normal.mean) / normal.sd


def _scaled(distance: float) -> float:
    return min(max(0.5 + distance / (2.0 * REACH), 0.0), 1.0)


def _count(state: LearnerState, *, high: bool) -> LearnerState:
    over = state.over + 1 if high else 0
    calm = 0 if high else state.calm + 1
    active = calm < CALM if state.active else over >= LATCH
    return replace(state, over=over, calm=calm, active=active)


def _alert(at: float, score: float, state: LearnerState, kit: LearnerKit, values: list[float]) -> Alert:
    declared = kit.declared
    rows = zip(declared.tags, declared.tags.values(), kit.units, values, strict=True)
    found = sorted(rows, key=lambda row: -abs(_away(row[3], row[1])))[:_NAMED]
    said = ", ".join(f"{tag} {amount(v, unit)} against {amount(normal.mean, unit)}" for tag, normal, unit, v in found)
    what = (
        f"The tags together are unlike anything learnt, score {score:.2f}; farthest from normal: {said}."
        if state.active
        else f"The tags together are as learnt again, score {score:.2f}."
    )
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=state.active,
        what=what,
        score=score,
        limit=declared.limit,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={f"{tag} [{unit}]": v for tag, _, unit, v in found},
        signs=tuple(Sign(tag, _away(v, normal)) for tag, normal, _, v in found),
        onset=at - LATCH * declared.every_s if state.active else None,
    )
