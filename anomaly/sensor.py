"""Faults of sensors, told from faults of the process: stuck, dropout, spikes, noise, bias and drift.

What a sensor does wrong by itself shows in its raw values: it does not move, comes and goes, jumps and is back, or
trembles from one look to the next without going anywhere. Bias and drift show only against what the other tags
foretell: a sensor is taken for the cause where its residual alone is off. A step is a bias, what grows is a drift.
A process that fails moves several tags, keeps their noise, and stays within what they can follow.

Classes are those of NAMUR NE 107, "Self-monitoring and diagnosis of field devices", 2017, as in `plant_io.ne107`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from plant_io.signals import Floats

Flags = NDArray[np.bool_]

Fault = Literal["stuck", "dropout", "spikes", "noise", "bias", "drift"]
"""What is wrong with a sensor."""

Health = Literal["failure", "check_function", "off_spec", "maintenance_required"]
"""State of a device by NE 107, but for normal."""

HEALTH: Mapping[Fault, Health] = MappingProxyType(
    {
        "stuck": "failure",
        "dropout": "failure",
        "spikes": "maintenance_required",
        "noise": "off_spec",
        "bias": "off_spec",
        "drift": "maintenance_required",
    }
)
"""State that each fault stands for."""

_STILL = 0.02
_JUMP, _BACK, _SPIKED, _SPIKES_FADE = 8.0, 4.0, 1.5, 0.01
_GOING, _GONE, _GONE_END = 0.04, 0.15, 0.05
_TURNS, _TURNS_END = 3.0, 0.5
_LOUD, _TREMBLE, _TREMBLE_END, _TREMBLE_RATE = 2.0, 0.27, 0.12, 0.03
_NOWHERE = 0.35
_FAST, _SLOW = 0.3, 0.05
_OFF, _OFF_END, _ONSET, _OTHERS, _SMEARED = 4.0, 1.5, 1.5, 2.5, 0.5
_STEP = 8
_USUAL_SIZE = 0.798  # mean size of a normal change, sqrt(2/pi) of its standard deviation
_DEPARTS: tuple[Fault, Fault] = ("bias", "drift")


@dataclass(frozen=True, slots=True, eq=False)
class SensorsKit:
    """The sensors of one group, ready."""

    tags: tuple[str, ...]
    """Tags, those of sensors whose values hang together."""
    noise: Floats
    """Normal standard deviation of the change from one look to the next, shape ``(n,)``, units of the tags."""
    still: int = 60
    """Looks with new values in a row that must not move for a sensor to be stuck [1]."""


class Finding(NamedTuple):
    """What is wrong with one sensor."""

    tag: str
    """Its tag."""
    fault: Fault
    """What is wrong."""
    health: Health
    """State of the device by NE 107."""
    since: float
    """When it was first seen in the values, POSIX time [s]."""
    size: float
    """How much: looks for stuck, share of values lost, spikes counted, ratio of noise, else standard deviations [1]."""

    @property
    def what(self) -> str:
        """One sentence: which sensor, what is wrong, how much."""
        return f"{self.tag}: {_SAID[self.fault].format(self.size)} ({self.health.replace('_', ' ')} by NE 107)."


_SAID: Mapping[Fault, str] = MappingProxyType(
    {
        "stuck": "the sensor is stuck, {:.0f} looks without movement",
        "dropout": "the sensor drops out, {:.0%} of its values are lost",
        "spikes": "the sensor spikes, {:.0f} jumps and back lately",
        "noise": "the sensor is noisy, {:.1f} times as much as normal",
        "bias": "the sensor has a bias of {:+.1f} standard deviations, and no other tag has moved with it",
        "drift": "the sensor drifts, {:+.1f} standard deviations so far, and no other tag has moved with it",
    }
)


@dataclass(slots=True, eq=False)
class SensorsState:
    """Memory of a group of sensors; it changes in place, so a state is used once."""

    raw: Floats
    """Last two values of each, shape ``(2, n)``, units of the tags; the newest first."""
    anchor: Floats
    """Value from which each would have to move, shape ``(n,)``, units of the tags."""
    same: Floats
    """Looks in a row without movement, shape ``(n,)`` [1]."""
    moved_at: Floats
    """When each moved last, shape ``(n,)``, POSIX time [s]."""
    lost: Floats
    """Share of looks without a value, shape ``(n,)`` [1]."""
    turns: Floats
    """How often each came or went lately, shape ``(n,)`` [1]."""
    spikes: Floats
    """Spikes lately, shape ``(n,)`` [1]."""
    loud: Floats
    """Share of large changes, shape ``(n,)`` [1]."""
    change: Floats
    """Mean change, and mean size of changes, shape ``(2, n)``, in normal changes [1]."""
    residual: Floats
    """Fast and slow mean of the residuals, shape ``(2, n)``, in standard deviations [1]."""
    onset: Floats
    """Judged looks since the fast mean left normal, shape ``(n,)`` [1]."""
    onset_at: Floats
    """When that was, shape ``(n,)``, POSIX time [s]."""
    grown: Floats
    """Looks from leaving normal to being far off, shape ``(n,)`` [1]; not a number where it is not far off."""
    standing: dict[tuple[int, Fault], Finding] = field(default_factory=dict[tuple[int, Fault], Finding])
    """What has been found and stands, by position of the tag [1] and fault."""


def start(kit: SensorsKit) -> SensorsState:
    """Return the memory of sensors that have shown nothing."""
    n = len(kit.tags)

    def none(*shape: int) -> Floats:
        return np.zeros(shape)

    return SensorsState(
        raw=np.full((2, n), np.nan),
        anchor=np.full(n, np.nan),
        same=none(n),
        moved_at=none(n),
        lost=none(n),
        turns=none(n),
        spikes=none(n),
        loud=none(n),
        change=none(2, n),
        residual=none(2, n),
        onset=none(n),
        onset_at=none(n),
        grown=np.full(n, np.nan),
    )


def look(
    at: float, values: Floats, state: SensorsState, kit: SensorsKit, residuals: Floats | None = None
) -> tuple[Finding, ...]:
    """Take in one look at the sensors, and return what is wrong with them and stands.

    Parameters
    ----------
    at
        When, POSIX time [s].
    values
        Values, shape ``(n,)``, units of the tags; not a number where there is no evidence.
    state
        What the last look left; it changes.
    kit
        The sensors.
    residuals
        Measured minus foretold by the other tags, shape ``(n,)``, in standard deviations [1]; not a number where it
        could not be judged, None where nobody foretells.
    """
    there = np.isfinite(values)
    _come_and_go(there, state)
    _move(at, values, there, state, kit)
    if residuals is not None:
        _depart(at, residuals, state)
    _settle(at, state, kit)
    return tuple(state.standing.values())


def _come_and_go(there: Flags, state: SensorsState) -> None:
    was = np.isfinite(state.raw[0])
    begun = np.isfinite(state.anchor)
    state.turns += (was != there) & begun
    state.turns *= 1.0 - _SPIKES_FADE
    state.lost += _GOING * ((~there & begun) - state.lost)


def _move(at: float, values: Floats, there: Flags, state: SensorsState, kit: SensorsKit) -> None:
    first = there & ~np.isfinite(state.anchor)
    state.anchor[first], state.moved_at[first] = values[first], at
    with np.errstate(invalid="ignore"):
        moved = np.abs(values - state.anchor) > _STILL * kit.noise
        step = (values - state.raw[0]) / kit.noise
        jumped = (np.abs(state.raw[0] - state.raw[1]) > _JUMP * kit.noise) & (np.abs(step) > 0.5 * _JUMP)
        back = np.abs(values - state.raw[1]) < _BACK * kit.noise
    state.same = np.where(moved, 0.0, state.same + there)
    state.anchor = np.where(moved, values, state.anchor)
    state.moved_at[moved] = at
    state.spikes += jumped & back
    state.spikes *= 1.0 - _SPIKES_FADE
    stepped = np.isfinite(step)
    size = np.where(stepped, np.minimum(np.abs(step), _JUMP), 0.0)
    rate = _TREMBLE_RATE * stepped
    state.loud += rate * ((size > _LOUD) - state.loud)
    state.change[0] += rate * (np.where(stepped, np.copysign(size, step), 0.0) - state.change[0])
    state.change[1] += rate * (size - state.change[1])
    state.raw = np.stack([values, state.raw[0]])


def _depart(at: float, residuals: Floats, state: SensorsState) -> None:
    judged = np.isfinite(residuals)
    known = np.where(judged, np.clip(residuals, -50.0, 50.0), 0.0)
    state.residual[0] += _FAST * judged * (known - state.residual[0])
    state.residual[1] += _SLOW * judged * (known - state.residual[1])
    fast = np.abs(state.residual[0])
    away = fast > _ONSET
    left = away & (state.onset == 0.0)
    state.onset_at[left] = at
    state.onset = np.where(away, state.onset + judged, 0.0)
    far = (fast > _OFF) & np.isnan(state.grown)
    state.grown = np.where(far, state.onset, np.where(away, state.grown, np.nan))


def _settle(at: float, state: SensorsState, kit: SensorsKit) -> None:
    fast = np.abs(state.residual[0])
    top = np.sort(fast)[-2:]
    others = np.where(fast == top[-1], top[0] if len(top) > 1 else 0.0, top[-1])
    whole = np.maximum(state.change[1], 1e-9)
    nowhere = np.abs(state.change[0]) < _NOWHERE * whole
    trembles = (state.loud > _TREMBLE) & nowhere & (state.spikes < _SPIKED)
    still = state.same >= kit.still
    # Where it is used to foretell others, its fault shows in them too, but less.
    alone = others < np.maximum(_OTHERS, _SMEARED * fast)
    sound = (state.same < 0.25 * kit.still) & ~trembles
    off = (np.abs(state.residual[1]) > _OFF) & (fast > _OFF) & alone & sound
    quick = state.grown <= _STEP
    calm = np.abs(state.residual[1]) < _OFF_END
    ratio = whole / _USUAL_SIZE
    comes, goes = (state.lost > _GONE) & (state.turns > _TURNS), state.turns < _TURNS_END
    for each in (
        _Seen("stuck", still, state.same == 0.0, state.same),
        _Seen("dropout", comes, (state.lost < _GONE_END) | goes, state.lost),
        _Seen("spikes", state.spikes > _SPIKED, state.spikes < _TURNS_END, np.ceil(state.spikes)),
        _Seen("noise", trembles, state.loud < _TREMBLE_END, ratio),
        _Seen("bias", off & quick, calm, state.residual[1]),
        _Seen("drift", off & ~quick, calm, state.residual[1]),
    ):
        _stand(at, each, state, kit)


class _Seen(NamedTuple):
    fault: Fault
    begins: Flags
    ends: Flags
    size: Floats


def _stand(at: float, seen: _Seen, state: SensorsState, kit: SensorsKit) -> None:
    standing, fault = state.standing, seen.fault
    for i in np.flatnonzero(seen.begins).tolist():
        departs = fault in _DEPARTS
        if (i, fault) in standing or (departs and any((i, other) in standing for other in _DEPARTS)):
            continue
        began = {"stuck": state.moved_at, "bias": state.onset_at, "drift": state.onset_at}.get(fault)
        since = at if began is None else began.item(i)
        standing[i, fault] = Finding(kit.tags[i], fault, HEALTH[fault], since, seen.size.item(i))
    for one in [one for one in standing if one[1] == fault and seen.ends[one[0]]]:
        del standing[one]
