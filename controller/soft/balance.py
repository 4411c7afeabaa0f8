"""The error of a load cell from refills: what a container lost against what the hopper gained and gave away meanwhile.

The container stands on a scale of its own. While its charge falls into the hopper, the hopper's load cell shows the
rise, and the screw goes on taking powder at the flow known before. What arrived over what was shown to arrive is the
error of the load cell, and of the flow made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, isfinite, nan

from plant_io.changes import replace
from plant_io.quality import Quality, Reason
from plant_io.signals import Sample, Snapshot
from plant_io.values import quick
from policies import Policy, RefillBalance
from policies.units import convert

# Members are found slowly.
_GOOD, _OLD, _NONE = (
    (Quality.GOOD, Reason.NONE),
    (Quality.UNCERTAIN, Reason.STALE),
    (Quality.BAD, Reason.NO_EVIDENCE),
)


@dataclass(frozen=True, slots=True, eq=False)
class BalanceKit:
    """One refill balance, ready."""

    name: str
    """Name of its tag."""
    declared: RefillBalance
    """What the policy says of it."""
    per_s: float
    """Mass that goes by in a second at a flow of 1, in the unit of the hopper mass."""
    blind: str = field(init=False)
    """Name of the tag that shows a refill, and some time after it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "blind", f"{self.name}.BLIND")


@quick
@dataclass(frozen=True, slots=True)
class BalanceState:
    """Memory of one refill balance; times are POSIX times [s], minus infinity where never."""

    before: float = nan
    """Hopper mass before the refill under way, or at present, in the unit of its tag."""
    flow: float = nan
    """Flow before the refill under way, or at present, in the unit of its tag."""
    began_at: float = -inf
    """When both were read [s]."""
    refilling: bool = False
    """Whether a refill is under way, or its charge is not known yet."""
    after: float = nan
    """Hopper mass when the valve had just closed, in the unit of its tag; not a number while it is open."""
    ended_at: float = -inf
    """When that was read [s]."""
    count: float = nan
    """Number of the newest charge before the refill under way, or at present [1]."""
    value: float = nan
    """Newest relative error [1]."""
    made_at: float = -inf
    """When it was made [s]."""
    open_at: float = -inf
    """When the valve was last seen open [s]."""


def prepare(name: str, declared: RefillBalance, policy: Policy) -> BalanceKit:
    """Return one refill balance of `policy`, ready.

    Raises
    ------
    ValueError
        If a flow is no mass in a time, or a mass none.
    """
    units = policy.units()
    flow, mass = units[declared.flow], units[declared.mass]
    try:
        per_s = convert(convert(1.0, flow, "kg/s"), "kg", mass)
    except ValueError as error:
        raise ValueError(f"soft_sensors.{name}: {error}") from None
    return BalanceKit(name, declared, per_s)


def start() -> BalanceState:
    """Return the memory of a balance that has seen nothing."""
    return BalanceState()


def infer(snapshot: Snapshot, state: BalanceState, kit: BalanceKit) -> tuple[Mapping[str, Sample], BalanceState]:
    """Return the samples one balance gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched.
    state
        What the last cycle left.
    kit
        The balance.
    """
    words, seen = kit.declared, snapshot.good
    mass, flow, refill, count = seen(words.mass), seen(words.flow), seen(words.refill), seen(words.count)
    if refill:
        state = replace(state, open_at=snapshot.at)
    if mass is None or flow is None or refill is None or count is None:
        after = replace(state, refilling=False, before=nan)  # what was missed cannot be balanced
    elif refill != 0.0:
        after = replace(state, refilling=True, after=nan)
    elif state.refilling:
        after = _close(snapshot, state, kit, (mass, count))
    else:
        after = BalanceState(
            before=mass,
            flow=flow,
            began_at=snapshot.at,
            refilling=False,
            after=state.after,
            ended_at=state.ended_at,
            count=count,
            value=state.value,
            made_at=state.made_at,
            open_at=state.open_at,
        )
    blind = float(snapshot.at - after.open_at <= words.blind_s)
    good, why = _NONE if refill is None else _GOOD
    shown = Sample(blind, good, snapshot.at, snapshot.at, why, 0.0)
    return {kit.name: _sample(snapshot, after, kit), kit.blind: shown}, after


def _close(snapshot: Snapshot, state: BalanceState, kit: BalanceKit, read: tuple[float, float]) -> BalanceState:
    """Return the memory after the valve has closed: the balance where the charge is there, else a longer wait."""
    mass, count = read
    ended = state if isfinite(state.after) else replace(state, after=mass, ended_at=snapshot.at)
    charge = snapshot.good(kit.declared.charge)
    if not isfinite(state.before) or snapshot.at - state.began_at > kit.declared.bounded_s:
        return replace(ended, refilling=False)
    if charge is None or count == state.count:
        return ended
    shown = ended.after - state.before + state.flow * kit.per_s * (ended.ended_at - state.began_at)
    low, high = kit.declared.range
    error = charge / shown - 1.0 if shown > 0.0 else nan
    done = replace(ended, refilling=False)
    return replace(done, value=error, made_at=snapshot.at) if low <= error <= high else done


def _sample(snapshot: Snapshot, state: BalanceState, kit: BalanceKit) -> Sample:
    stamp = state.made_at if isfinite(state.made_at) else nan
    if not isfinite(state.value):
        grade = _NONE
    elif snapshot.at - state.made_at > kit.declared.stale_after_s:
        grade = _OLD
    else:
        grade = _GOOD
    return Sample(state.value, grade[0], stamp, stamp, grade[1], kit.declared.sd)
