"""What becomes of readings on their way from an instrument to those who read them from the PLC."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, inf, sqrt
from types import MappingProxyType

import numpy as np

from hil.plants.faults import CATALOGUE, Fault, intensity
from plant_io.quality import Quality
from plant_io.signals import Floats
from policies import Tag

_SPIKES = 0.05
_MEAN_TAU_S = 60.0
_SAMPLING_TAU_S = 30.0
_TURNS = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown of one tag."""

    value: Floats
    """The reading, shape ``(length,)``, in the unit of the tag."""
    taken: float
    """When it was taken, plant time [s]."""
    quality: Quality
    """Whether it is to be believed."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look at an instrument."""

    time: float
    """Plant time [s]."""
    dt: float
    """Time since the last look [s]."""
    shown: Shown
    """What a sound instrument shows."""
    other: Floats
    """What the second instrument shows, in the unit of its tag; empty where there is none."""
    grown: float
    """How far the fault is developed [1]."""
    fresh: bool
    """Whether it is a new reading, not one held since the last look."""


@dataclass(slots=True)
class Deceit:
    """One fault of one instrument; it looks at every reading, before the fault too."""

    fault: Fault
    """The fault."""
    full: float
    """Its severity when fully developed, in the unit of the catalogue or of the tag."""
    rng: np.random.Generator
    """All chance in it."""
    held: Floats | None = None
    """Reading, mean or state kept from the past, shape ``(length,)``, in the unit of the tag."""
    last: Shown | None = None
    """What was shown last, before the fault or within it."""
    past: deque[Shown] = field(default_factory=deque[Shown])
    """Readings that have not come through yet."""
    struck: bool = False
    """Whether chance has struck the reading last taken."""
    astray: float = 0.0
    """How far the sample is from the bulk, in standard deviations [1]."""
    since: float = -inf
    """When that was drawn, plant time [s]."""

    def strikes(self, look: Look, share: float) -> bool:
        """Return whether chance strikes a reading, drawn anew for each whether or not there is a fault.

        Parameters
        ----------
        look
            The look at it.
        share
            Share of the readings that are struck [1].
        """
        if look.fresh:
            self.struck = self.rng.random() < share
        return self.struck

    def tell(self, look: Look) -> Shown:
        """Return what is shown instead of what a sound instrument shows."""
        self.last = _ACTS[self.fault.id](self, look)
        return self.last


def deceit(fault: Fault, tag: Tag) -> Deceit:
    """Return a fault of one instrument, in the unit of its `tag`."""
    kind = CATALOGUE[fault.id]
    full = kind.magnitude if fault.magnitude is None else fault.magnitude
    if fault.magnitude is None and kind.of_range:
        low, high = tag.range
        full = kind.magnitude * (high - low) + (low if fault.id == "saturated" else 0.0)
    return Deceit(fault, full, np.random.default_rng(fault.seed))


def _with(shown: Shown, value: Floats) -> Shown:
    return Shown(value, shown.taken, shown.quality)


def _of_quality(look: Look, quality: Quality) -> Shown:
    return look.shown if look.grown <= 0.0 else Shown(look.shown.value, look.shown.taken, quality)


def _stuck(it: Deceit, look: Look) -> Shown:
    if look.grown <= 0.0 or it.held is None:
        it.held = look.shown.value
    share = min(abs(look.grown) * it.full, 1.0)
    return _with(look.shown, share * it.held + (1.0 - share) * look.shown.value)


def _drift(it: Deceit, look: Look) -> Shown:
    hours = max(look.time - it.fault.on_s, 0.0) / 3600.0
    return _with(look.shown, look.shown.value + it.full * hours * look.grown)


def _bias(it: Deceit, look: Look) -> Shown:
    return _with(look.shown, look.shown.value + it.full * look.grown)


def _gain(it: Deceit, look: Look) -> Shown:
    return _with(look.shown, look.shown.value * (1.0 + (it.full - 1.0) * look.grown))


def _spike(it: Deceit, look: Look) -> Shown:
    hit = it.strikes(look, _SPIKES)
    return _with(look.shown, look.shown.value + it.full * look.grown) if hit else look.shown


def _noise(it: Deceit, look: Look) -> Shown:
    value = look.shown.value
    mean = value if it.held is None else it.held
    it.held = mean + (1.0 - exp(-look.dt / _MEAN_TAU_S)) * (value - mean)
    times = 1.0 + (it.full - 1.0) * look.grown
    return _with(look.shown, it.held + times * (value - it.held))


def _sampling(it: Deceit, look: Look) -> Shown:
    if look.fresh:
        kept = exp(-(look.time - it.since) / _SAMPLING_TAU_S)
        it.astray = kept * it.astray + sqrt(1.0 - kept**2) * it.rng.standard_normal()
        it.since = look.time
    return _with(look.shown, look.shown.value + it.full * look.grown * it.astray)


def _dropout(it: Deceit, look: Look) -> Shown:
    if not it.strikes(look, it.full * look.grown):
        return look.shown
    before = it.last or look.shown
    return Shown(before.value, before.taken, Quality.BAD)


def _saturated(it: Deceit, look: Look) -> Shown:
    return _with(look.shown, np.minimum(look.shown.value, it.full)) if look.grown > 0.0 else look.shown


def _nan(_: Deceit, look: Look) -> Shown:
    return _with(look.shown, np.full_like(look.shown.value, np.nan)) if look.grown > 0.0 else look.shown


def _inf(it: Deceit, look: Look) -> Shown:
    sign = inf if it.full >= 0.0 else -inf
    return _with(look.shown, np.full_like(look.shown.value, sign)) if look.grown > 0.0 else look.shown


def _swapped(it: Deceit, look: Look) -> Shown:
    share = it.full * look.grown
    return _with(look.shown, share * look.other + (1.0 - share) * look.shown.value) if share else look.shown


def _lag(it: Deceit, look: Look) -> Shown:
    tau_s = it.full * look.grown
    before = look.shown.value if it.held is None else it.held
    it.held = look.shown.value if tau_s <= 0.0 else before + (1.0 - exp(-look.dt / tau_s)) * (look.shown.value - before)
    return _with(look.shown, it.held)


def _quantised(it: Deceit, look: Look) -> Shown:
    step = it.full * look.grown
    return _with(look.shown, step * np.round(look.shown.value / step)) if step > 0.0 else look.shown


def _fouled(it: Deceit, look: Look) -> Shown:
    if look.grown <= 0.0 or it.held is None:
        it.held = look.shown.value
    share = it.full * look.grown
    return _with(look.shown, share * it.held + (1.0 - share) * look.shown.value)


def _late(it: Deceit, look: Look) -> Shown:
    if not it.past or it.past[-1].taken != look.shown.taken:
        it.past.append(look.shown)
    delay_s = it.full * look.grown
    while len(it.past) > 1 and it.past[1].taken + delay_s <= look.time:
        it.past.popleft()
    first = it.past[0] if delay_s > 0.0 else look.shown
    return first if it.last is None or first.taken >= it.last.taken else it.last


def _flicker(it: Deceit, look: Look) -> Shown:
    turn = int((look.time - it.fault.on_s) / it.full) if it.full > 0.0 else 0
    return _of_quality(look, _TURNS[(turn + 1) % len(_TURNS)])


def _time_frozen(it: Deceit, look: Look) -> Shown:
    before = look.shown.taken if look.grown <= 0.0 or it.last is None else it.last.taken
    return Shown(look.shown.value, before, look.shown.quality)


def _time_off(sign: float) -> Callable[[Deceit, Look], Shown]:
    def off(it: Deceit, look: Look) -> Shown:
        return Shown(look.shown.value, look.shown.taken + sign * it.full * look.grown, look.shown.quality)

    return off


def _bad(_: Deceit, look: Look) -> Shown:
    return _of_quality(look, Quality.BAD)


def _uncertain(_: Deceit, look: Look) -> Shown:
    return _of_quality(look, Quality.UNCERTAIN)


def _as_it_is(_: Deceit, look: Look) -> Shown:
    return look.shown


_ACTS: Mapping[str, Callable[[Deceit, Look], Shown]] = MappingProxyType(
    {
        "stuck": _stuck,
        "drift": _drift,
        "bias": _bias,
        "gain": _gain,
        "spike": _spike,
        "noise": _noise,
        "sampling": _sampling,
        "dropout": _dropout,
        "saturated": _saturated,
        "nan": _nan,
        "inf": _inf,
        "swapped": _swapped,
        "lag": _lag,
        "quantised": _quantised,
        "fouled": _fouled,
        "late": _late,
        "ne107_failure": _bad,
        "ne107_check": _bad,
        "ne107_out_of_spec": _uncertain,
        "ne107_maintenance": _as_it_is,
        "flicker": _flicker,
        "time_frozen": _time_frozen,
        "time_ahead": _time_off(1.0),
        "time_behind": _time_off(-1.0),
    }
)


class Deceits:
    """All faults of instruments of a line, in the order in which they were declared.

    Parameters
    ----------
    faults
        Faults of instruments.
    tags
        Tags of the policy.
    """

    def __init__(self, faults: Sequence[Fault], tags: Mapping[str, Tag]) -> None:
        self._all = [deceit(fault, tags[fault.target]) for fault in faults]
        self._time: float | None = None
        self._taken: dict[str, float] = {}
        self.shown: dict[str, Shown] = {}
        """What is shown instead, by tag."""

    def look(self, time: float, sound: Callable[[str], Shown], sampled: Container[str]) -> None:
        """Look at every instrument that fails, will fail or has failed.

        Parameters
        ----------
        time
            Plant time [s].
        sound
            Gives what a sound instrument shows, by tag.
        sampled
            Tags that hold a reading until the next is taken.
        """
        dt = 0.0 if self._time is None else time - self._time
        self._time, now = time, dict[str, Shown]()
        for one in self._all:
            tag, other = one.fault.target, one.fault.other
            first = sound(tag)
            fresh = tag not in sampled or self._taken.get(tag) != first.taken
            second = sound(other).value if other else np.empty(0)
            now[tag] = one.tell(Look(time, dt, now.get(tag, first), second, intensity(one.fault, time), fresh))
        self._taken = {one.fault.target: sound(one.fault.target).taken for one in self._all}
        self.shown = now


def scalar(value: Floats) -> float | Floats:
    """Return a reading as a line shows it: a number, or an array where it has more than one.

    Parameters
    ----------
    value
        The reading, shape ``(length,)``, in the unit of its tag.
    """
    return float(value[0]) if value.size == 1 else value
