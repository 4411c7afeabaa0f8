"""Soft sensors of tablets: how uniform the blend is, and what is in the tablets made now.

References
----------
S. S. Sekulic et al., "On-line monitoring of powder blend homogeneity by near-infrared spectroscopy", Anal. Chem. 68(3),
1996, doi:10.1021/ac950964m (moving block).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import exp, hypot, inf, isfinite, nan, sqrt

from controller.models import process
from controller.models.identify_press import BY_FORCE, MG_PER_KN
from controller.soft.path import Tanks, step
from plant_io.changes import replace
from plant_io.kept import Kept
from plant_io.quality import Quality, Reason
from plant_io.signals import Sample, Snapshot
from plant_io.values import quick
from policies import LabelClaim, MovingBlock, Policy
from policies.regions import half_among
from policies.units import convert

Grade = tuple[Quality, Reason]
_GOOD: Grade = (Quality.GOOD, Reason.NONE)
_DOUBT: Grade = (Quality.UNCERTAIN, Reason.NOT_ACCURATE)
_BEYOND: Grade = (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
_NONE: Grade = (Quality.BAD, Reason.NO_EVIDENCE)
_REMEMBERED_S = 900.0


@dataclass(frozen=True, slots=True, eq=False)
class BlockKit:
    """One moving block, ready."""

    name: str
    """Name of its tag."""
    declared: MovingBlock
    """What the policy says of it."""


@quick
@dataclass(frozen=True, slots=True)
class BlockState:
    """Memory of one moving block."""

    values: tuple[float, ...] = ()
    """Newest values, oldest first, unit of the tag."""
    taken: float = -inf
    """When the newest was taken, POSIX time [s]."""


@dataclass(frozen=True, slots=True, eq=False)
class ClaimKit:
    """One label claim, ready."""

    name: str
    """Name of its tag."""
    declared: LabelClaim
    """What the policy says of it."""
    mg_per_turn: float
    """Mass of a tablet at a flow of 1 in the unit of its tag and one turn in a minute [mg]."""
    kg_per_s: float
    """Mass flow of 1 in the unit of its tag [kg/s]."""
    by_force: float
    """Mass of a tablet per compression force, mg per unit of its tag."""


@quick
@dataclass(frozen=True, slots=True)
class ClaimState:
    """Memory of one label claim; times are POSIX times [s]."""

    at: float = -inf
    """When the last cycle began [s]."""
    seen_s: float = 0.0
    """For how long flow, speed and force have been averaged [s]."""
    mass: float = nan
    """Averaged mass of a tablet by the flow [mg]."""
    force: float = nan
    """Averaged compression force, unit of its tag."""
    off: float = 0.0
    """What weighed tablets lie above that [mg]."""
    weighed: int = 0
    """How many results were taken in [1]."""
    weighed_at: float = -inf
    """When the newest sample was taken [s]."""
    said: Kept[tuple[float, float]] = field(default_factory=Kept[tuple[float, float]])
    """Recent times [s] and masses said then, uncorrected [mg]."""
    tank: Tanks = ()
    """Content between the probe and the dies, unit of the content."""


def prepare_block(name: str, declared: MovingBlock) -> BlockKit:
    """Return one moving block, ready."""
    return BlockKit(name, declared)


def prepare_claim(name: str, declared: LabelClaim, policy: Policy) -> ClaimKit:
    """Return one label claim of `policy`, ready.

    Raises
    ------
    ValueError
        If a flow is no mass in a time, the speed no frequency, the force none, weighed tablets have no mass, or the
        file holds no identified press.
    """
    units = policy.units()
    if units[declared.weighed] != "mg":
        raise ValueError(f"soft_sensors.{name}: {declared.weighed} is in {units[declared.weighed]}, expected mg")
    try:
        flow, turns = convert(1.0, units[declared.flow], "kg/s"), convert(1.0, units[declared.speed], "/s")
        force = convert(1.0, units[declared.force], "kN")
        heavier = process.read(policy.files[declared.process]).number(BY_FORCE, MG_PER_KN)
    except ValueError as error:
        raise ValueError(f"soft_sensors.{name}: {error}") from None
    return ClaimKit(name, declared, 1e6 * flow / (turns * declared.stations), flow, force * heavier)


def block(snapshot: Snapshot, state: BlockState, kit: BlockKit) -> tuple[Mapping[str, Sample], BlockState]:
    """Return the samples one moving block gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched, with the tags of sensors before this one.
    state
        What the last cycle left.
    kit
        The sensor.
    """
    tag, n = kit.declared.tag, kit.declared.block
    value, taken = snapshot.good(tag), snapshot.taken(tag)
    if value is not None and taken > state.taken:
        kept = () if taken - state.taken > kit.declared.gap_s else state.values[-n + 1 :]
        state = BlockState((*kept, value), taken)
    mean = sum(state.values) / len(state.values) if state.values else nan
    late = snapshot.at - state.taken > kit.declared.gap_s
    if len(state.values) < n or late or mean == 0.0:
        return {kit.name: _sample(nan, _NONE, state.taken)}, state
    spread = sqrt(sum((one - mean) ** 2 for one in state.values) / (n - 1))
    share = 100.0 * spread / abs(mean)
    low, high = kit.declared.range
    grade = _GOOD if low <= share <= high else _BEYOND
    return {kit.name: _sample(share, grade, state.taken, share / sqrt(2.0 * (n - 1)))}, state


def claim(snapshot: Snapshot, state: ClaimState, kit: ClaimKit) -> tuple[Mapping[str, Sample], ClaimState]:
    """Return the samples one label claim gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched, with the tags of sensors before this one.
    state
        What the last cycle left.
    kit
        The sensor.
    """
    words = kit.declared
    passed = min(snapshot.at - state.at, words.over_s) if isfinite(state.at) else 0.0
    flow, speed, force = (snapshot.good(tag) for tag in (words.flow, words.speed, words.force))
    state = replace(state, at=snapshot.at)
    now = nan
    if flow is not None and speed is not None and force is not None and speed > 0.0:
        state = _averaged(state, kit.mg_per_turn * flow / speed, force, passed, kit)
        now = state.mass + kit.by_force * (force - state.force)
        state = _weighed(snapshot, _remembered(state, now), kit)
    content = snapshot[words.content]
    state = _carried(state, content.value, 0.0 if flow is None else flow * kit.kg_per_s * passed, kit)
    return _samples(snapshot, state, kit, (now + state.off, content)), state


def _averaged(state: ClaimState, mass: float, force: float, passed: float, kit: ClaimKit) -> ClaimState:
    """Return averages that are plain means at first and exponentially weighted later."""
    if not isfinite(state.mass):
        return replace(state, mass=mass, force=force, seen_s=0.0)
    seen = state.seen_s + passed
    share = max(1.0 - exp(-passed / kit.declared.over_s), passed / seen if seen > 0.0 else 0.0)
    moved = (state.mass + share * (mass - state.mass), state.force + share * (force - state.force))
    return replace(state, mass=moved[0], force=moved[1], seen_s=seen)


def _remembered(state: ClaimState, now: float) -> ClaimState:
    said, oldest = state.said, state.at - _REMEMBERED_S
    if said and said[0][0] < oldest:
        said = said.since(next((i for i, (at, _) in enumerate(said) if at >= oldest), len(said)))
    return replace(state, said=said.followed_by((state.at, now)))


def _weighed(snapshot: Snapshot, state: ClaimState, kit: ClaimKit) -> ClaimState:
    """Take in tablets weighed at line, compared with what was said when they were taken."""
    value, taken = snapshot.good(kit.declared.weighed), snapshot.taken(kit.declared.weighed)
    if value is None or not taken > state.weighed_at or state.seen_s < kit.declared.over_s:
        return state
    then = next((mass for at, mass in reversed(state.said) if at <= taken), None)
    if then is None:
        return replace(state, weighed_at=taken)
    share = max(kit.declared.weight, 1.0 / (state.weighed + 1))
    off = state.off + share * (value - then - state.off)
    return replace(state, off=off, weighed=state.weighed + 1, weighed_at=taken)


def _carried(state: ClaimState, content: float, passed: float, kit: ClaimKit) -> ClaimState:
    if not isfinite(content):
        return state
    if kit.declared.held_kg == 0.0 or not state.tank:
        return replace(state, tank=(content,))
    return replace(state, tank=step(state.tank, content, passed, (kit.declared.held_kg,)))


def _samples(snapshot: Snapshot, state: ClaimState, kit: ClaimKit, seen: tuple[float, Sample]) -> dict[str, Sample]:
    words, (mass, content) = kit.declared, seen
    ready = state.seen_s >= words.over_s and isfinite(mass)
    low, high = words.mass_range
    lasting = words.weighed_sd * sqrt(words.weight / (2.0 - words.weight)) if state.weighed else words.weighed_sd
    mass_sd = hypot(words.mass_sd, lasting)
    weighed = _NONE if not ready else _GOOD if low <= mass <= high else _BEYOND
    held = state.tank[0] if state.tank else nan
    value = 100.0 * held / words.target * mass / words.mass
    sd = value * hypot(content.sd / held, mass_sd / mass) if isfinite(content.sd) and held > 0.0 else nan
    grade = _grade(value, (weighed, content.quality), words)
    at, half = snapshot.at, half_among(words.regions, words.half, value) * sd
    edge = grade if isfinite(half) else _NONE
    return {
        kit.name: _sample(value, grade, at, sd),
        f"{kit.name}.LOW": _sample(value - half, edge, at),
        f"{kit.name}.HIGH": _sample(value + half, edge, at),
        f"{kit.name}.MASS": _sample(mass, weighed, at, mass_sd),
    }


def _grade(value: float, parts: tuple[Grade, Quality], words: LabelClaim) -> Grade:
    weighed, content = parts
    if not isfinite(value) or weighed == _NONE or content is Quality.BAD:
        return _NONE
    if content is Quality.UNCERTAIN or weighed != _GOOD:
        return _DOUBT
    return _GOOD if words.range[0] <= value <= words.range[1] else _BEYOND


def _sample(value: float, grade: Grade, at: float, sd: float = nan) -> Sample:
    stamp = at if isfinite(at) else nan
    return Sample(value=value, quality=grade[0], source=stamp, arrival=stamp, reason=grade[1], sd=sd)
