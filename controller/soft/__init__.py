"""Soft sensors: virtual tags inferred from what was read, with a standard deviation and a quality."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from controller.models import process
from controller.soft import balance, fused, hybrid, peaks, reconciled, tablets, transfer
from controller.soft.balance import BalanceKit, BalanceState
from controller.soft.fused import SensorKit, SensorState
from controller.soft.hybrid import HybridKit, HybridState
from controller.soft.peaks import PeaksKit, PeaksState
from controller.soft.pls import Calibration, Pls, read
from controller.soft.reconciled import ReconciledKit, ReconciledState
from controller.soft.tablets import BlockKit, BlockState, ClaimKit, ClaimState
from plant_io import Sample, Snapshot
from plant_io.values import quick
from policies import FusedNir, Hybrid, LabelClaim, MovingBlock, Peaks, Policy, Reconciled, RefillBalance, SoftSensor
from policies.units import convert

__all__ = ["SoftKit", "SoftState", "enrich", "prepare", "sensor", "start", "told"]


AnyKit = SensorKit | BalanceKit | PeaksKit | ReconciledKit | BlockKit | ClaimKit | HybridKit
AnyState = SensorState | BalanceState | PeaksState | ReconciledState | BlockState | ClaimState | HybridState


@dataclass(frozen=True, slots=True, eq=False)
class SoftKit:
    """Every soft sensor of a policy, ready."""

    sensors: tuple[AnyKit, ...]
    """In the order of the policy."""
    challenged: tuple[int, ...] = field(init=False)
    """Which of them have a challenger beside them."""
    noting: tuple[int, ...] = field(init=False)
    """Which of them may have something to say of a cycle."""

    def __post_init__(self) -> None:
        found = (i for i, one in enumerate(self.sensors) if isinstance(one, HybridKit) and one.rival is not None)
        object.__setattr__(self, "challenged", tuple(found))
        object.__setattr__(self, "noting", tuple(i for i, one in enumerate(self.sensors) if isinstance(one, PeaksKit)))


@quick
@dataclass(frozen=True, slots=True)
class SoftState:
    """What the soft sensors remember; equal means equal in every number."""

    sensors: tuple[AnyState, ...]
    """In the order of the policy."""


def prepare(policy: Policy) -> SoftKit:
    """Return the soft sensors of `policy`, ready.

    Raises
    ------
    ValueError
        If a file they name does not hold what it should, or does not fit the tags.
    """
    _ordered(policy)
    return SoftKit(tuple(sensor(name, one, policy) for name, one in policy.soft_sensors.items()))


def start(kit: SoftKit) -> SoftState:
    """Return the memory of soft sensors that have seen nothing."""
    return SoftState(tuple(_start(k) for k in kit.sensors))


def enrich(snapshot: Snapshot, state: SoftState, kit: SoftKit) -> tuple[Snapshot, SoftState]:
    """Return `snapshot` with its virtual tags filled in, and what the soft sensors remember.

    Parameters
    ----------
    snapshot
        The line as latched at the start of the cycle.
    state
        What the last cycle left.
    kit
        Soft sensors of the policy.
    """
    seen, after = snapshot.extended({}).settled(), list[AnyState]()
    for sensor, old in zip(kit.sensors, state.sensors, strict=True):
        given, new = _infer(seen, old, sensor)
        seen.enter(given)
        after.append(new)
    said = [after[i] for i in kit.noting]
    notes = [new.note for new in said if isinstance(new, PeaksState) and new.note]
    return replace(seen, notes=(*seen.notes, *notes)) if notes else seen, SoftState(tuple(after))


def told(old: SoftState, new: SoftState, kit: SoftKit) -> Iterator[str]:
    """Give in words where the verdict on a challenger has changed."""
    for i in kit.challenged:
        match kit.sensors[i], old.sensors[i], new.sensors[i]:
            case HybridKit() as one, HybridState() as before, HybridState() as after:
                said = hybrid.told(before, after, one)
                if said is not None:
                    yield said
            case _:
                pass


def _start(kit: AnyKit) -> AnyState:
    found: AnyState
    match kit:
        case SensorKit():
            found = fused.start(kit)
        case BalanceKit():
            found = balance.start()
        case PeaksKit():
            found = peaks.start()
        case ReconciledKit():
            found = reconciled.start(kit)
        case BlockKit():
            found = BlockState()
        case ClaimKit():
            found = ClaimState()
        case HybridKit():
            found = hybrid.start(kit)
    return found


def _infer(snapshot: Snapshot, state: AnyState, kit: AnyKit) -> tuple[Mapping[str, Sample], AnyState]:
    found: tuple[Mapping[str, Sample], AnyState]
    match kit, state:
        case SensorKit(), SensorState():
            found = fused.infer(snapshot, state, kit)
        case BalanceKit(), BalanceState():
            found = balance.infer(snapshot, state, kit)
        case PeaksKit(), PeaksState():
            found = peaks.infer(snapshot, state, kit)
        case ReconciledKit(), ReconciledState():
            found = reconciled.infer(snapshot, state, kit)
        case BlockKit(), BlockState():
            found = tablets.block(snapshot, state, kit)
        case ClaimKit(), ClaimState():
            found = tablets.claim(snapshot, state, kit)
        case HybridKit(), HybridState():
            found = hybrid.infer(snapshot, state, kit)
        case _:
            raise TypeError(f"{kit.name}: the memory of another kind of soft sensor")
    return found


def sensor(name: str, declared: SoftSensor, policy: Policy) -> AnyKit:
    """Return one soft sensor of `policy`, ready.

    Raises
    ------
    ValueError
        If a file it names does not hold what it should, or does not fit the tags.
    """
    found: AnyKit
    match declared:
        case FusedNir():
            found = _fused(name, declared, policy)
        case RefillBalance():
            found = balance.prepare(name, declared, policy)
        case Peaks():
            found = peaks.prepare(name, declared, policy)
        case Reconciled():
            found = reconciled.prepare(name, declared, policy)
        case MovingBlock():
            found = tablets.prepare_block(name, declared)
        case LabelClaim():
            found = tablets.prepare_claim(name, declared, policy)
        case Hybrid():
            found = hybrid.prepare(name, declared, policy)
    return found


def _ordered(policy: Policy) -> None:
    """See that a sensor reads only sensors that stand before it."""
    later: dict[str, str] = {tag: name for name, one in policy.soft_sensors.items() for tag in one.outputs(name)}
    for name, one in policy.soft_sensors.items():
        for tag in one.inputs:
            if tag in later:
                raise ValueError(f"soft_sensors.{name}: {tag} is given by {later[tag]}, which must stand before it")
        later = {tag: by for tag, by in later.items() if by != name}


def _fused(name: str, declared: FusedNir, policy: Policy) -> SensorKit:
    calibration = read(policy.files[declared.model], declared.model)
    _check(name, declared, calibration, policy)
    carried = None if declared.transfer is None else transfer.read(policy.files[declared.transfer], declared.transfer)
    units = policy.units()
    places = {suffix: calibration.results.index(suffix) for suffix in declared.also}
    return SensorKit(
        name=name,
        declared=declared,
        pls=Pls.of(calibration, carried),
        further=tuple((f"{name}.{suffix}", i, calibration.card.rmsep[i]) for suffix, i in places.items()),
        masses=_masses(policy.files[declared.process], declared.process),
        kg_per_s=convert(1.0, units[declared.active], "kg/s"),
        whole=convert(1.0, "1", declared.unit),
        period_s=policy.period_s,
    )


def _check(name: str, declared: FusedNir, calibration: Calibration, policy: Policy) -> None:
    where, units = f"soft_sensors.{name}", policy.units()
    found, wanted = policy.tags[declared.spectrum].length, len(calibration.wavelengths)
    if found != wanted:
        raise ValueError(f"{where}: {declared.spectrum} has {found} channels, but {declared.model} wants {wanted}")
    span = policy.tags[declared.spectrum].wavelengths
    if span is not None:
        try:
            transfer.same_axis(np.linspace(*span, found), np.array(calibration.wavelengths))
        except ValueError as error:
            raise ValueError(f"{where}.spectrum: {declared.spectrum}: {error}") from None
    given = dict(zip(calibration.results, calibration.units, strict=True))
    first = calibration.results[0]
    if given[first] != declared.unit:
        raise ValueError(f"{where}: {declared.model} gives {first} in {given[first]}, but the unit is {declared.unit}")
    for suffix, unit in declared.also.items():
        if given.get(suffix) != unit:
            raise ValueError(f"{where}: {declared.model} gives no {suffix} in {unit}; it gives {given}")
    for tag in declared.others:
        if units[tag] != units[declared.active]:
            raise ValueError(f"{where}: {tag} is in {units[tag]}, but {declared.active} in {units[declared.active]}")


def _masses(data: bytes, name: str) -> tuple[float, ...]:
    try:
        identified = process.read(data)
        tanks = sorted(key for key in identified.parameters if key.startswith("tank_"))
        masses = tuple(identified.number(key, "kg") for key in tanks)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None
    if not masses:
        raise ValueError(f"{name}: no tank_1, tank_2, ... is identified; the residence-time path is made of them")
    return masses
