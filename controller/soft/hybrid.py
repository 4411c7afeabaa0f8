"""A hybrid soft sensor in the cycle: aligned inputs, core, learner, interval, domain, and the bias laboratories move.

A laboratory result is compared with what was said at the time its sample was taken. The bias is an exponentially
weighted mean of the differences, each with the uncertainty of its result; the learner itself is never fitted anew here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import hypot, inf, isfinite, log, nan

import numpy as np

from controller.sampled import Told
from controller.soft.aligned import Lane, Timing, moved
from controller.soft.cores import CORES
from controller.soft.domain import Verdict
from controller.soft.duel import NOTHING, Duel, Spoken, Terms, sentence
from controller.soft.hybrid_model import NO_CORE, HybridModel, Said, bounds, core_half, half_at, read, said, sd_of
from plant_io.changes import replace
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats, Sample, Snapshot
from policies import Hybrid, Policy
from policies.hybrid import rival
from policies.units import convert

Grade = tuple[Quality, Reason]
_GOOD: Grade = (Quality.GOOD, Reason.NONE)
_PART: Grade = (Quality.UNCERTAIN, Reason.FALLBACK)
_DOUBT: Grade = (Quality.UNCERTAIN, Reason.UNFIT)
_FOREIGN: Grade = (Quality.BAD, Reason.UNFIT)
_BEYOND: Grade = (Quality.UNCERTAIN, Reason.OUT_OF_RANGE)
_NONE: Grade = (Quality.BAD, Reason.NO_EVIDENCE)
_NORMAL_90 = 1.6448536269514722
_UNFOUGHT = Duel()
_FARTHEST = 9.0
_REMEMBERED, _KEPT, _TRACE, _ROUNDING_S = 120, 200, 1e-9, 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class HybridKit:
    """One hybrid soft sensor, ready."""

    name: str
    """Name of its tag."""
    declared: Hybrid
    """What the policy says of it."""
    model: HybridModel
    """What was fitted."""
    places: tuple[tuple[str, str, float, float], ...]
    """Of each input its name, its tag, and value at zero and at one of the tag, in the unit of the model."""
    needed: frozenset[str]
    """Inputs without which nothing is concluded."""
    told: Told | None
    """How the times of laboratory samples are told; None where there is no laboratory."""
    alone: HybridModel
    """The core of the model without its learner."""
    settles_s: float
    """Time until the inputs remembered are enough [s]."""
    rival: HybridKit | None = None
    """The challenger beside it, which nothing that moves the plant reads; None where there is none."""
    terms: Terms | None = None
    """When it is called better; None where there is none."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A laboratory result and what had been said of its sample."""

    taken: float
    """When the sample was taken, POSIX time [s]."""
    result: float
    """The result, in the unit of the soft sensor."""
    spoken: float
    """What core and learner had said, without bias, in the same unit."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said."""

    value: float
    """Value, in the unit of the soft sensor."""
    core: float
    """What the core alone says, in the same unit."""
    half: float
    """Half width of the interval, in the same unit, or relative where the model is logarithmic."""
    distance: float
    """How far the inputs lie from the training data, in multiples of a limit [1]."""
    grade: Grade
    """How far it may be believed, and why no further."""

    @classmethod
    def of(cls, value: float, core: float, half: float, distance: float, grade: Grade) -> Answer:
        """Return an answer in which what is no number is so by one name, so that equal answers compare as equal.

        Parameters
        ----------
        value, core
            In the unit of the soft sensor.
        half
            In the same unit, or relative where the model is logarithmic.
        distance
            In multiples of a limit [1].
        grade
            How far it may be believed.
        """
        v, c, h, d = (one if isfinite(one) else nan for one in (value, core, half, distance))
        return cls(v, c, h, d, grade)


@dataclass(frozen=True, slots=True)
class HybridState:
    """Memory of one hybrid soft sensor; times are POSIX times [s], minus infinity where never."""

    began_at: float = inf
    """When all needed inputs were there for the first time [s]."""
    lanes: tuple[Lane | None, ...] = ()
    """What is remembered of each input, units of the model."""
    seen_at: tuple[float, ...] = ()
    """When each was good last [s]."""
    spoken: tuple[tuple[float, float], ...] = ()
    """Times [s] and values said then, without bias, in the unit of the soft sensor."""
    bias: float = 0.0
    """What is added, in the unit of the soft sensor, or relative where the model is logarithmic."""
    variance: float = 0.0
    """Variance of that, the unit squared."""
    stamp: float = nan
    """What told the newest laboratory result from others, in the unit of what shows it."""
    kept: tuple[Compared, ...] = ()
    """Newest laboratory results, for the learning curve."""
    rival: HybridState | None = None
    """Memory of the challenger; None where there is none."""
    duel: Duel = _UNFOUGHT
    """How it and the model in service did so far."""
    made_at: float = -inf
    """When it last looked [s]."""
    answer: Answer = Answer(nan, nan, nan, nan, _NONE)
    """What it said then."""
    shown: Mapping[str, Sample] = field(default_factory=dict[str, Sample], compare=False)
    """The same as samples; made of the rest."""


def prepare(name: str, declared: Hybrid, policy: Policy) -> HybridKit:
    """Return one hybrid soft sensor of `policy`, ready.

    Raises
    ------
    ValueError
        If its file holds no model, or one that does not fit what is declared.
    """
    found = _ready(name, declared, policy)
    if declared.challenger is None:
        return found
    other = declared.model_copy(update={"model": declared.challenger.model, "challenger": None})
    form = read(policy.files[other.model], other.model).form
    beside = _ready(rival(name), other.model_copy(update={"form": form}), policy, name)
    span = 0.0 if declared.lab is None else declared.lab.memory_s
    return replace(found, rival=beside, terms=Terms(declared.challenger, beside.model.coverage, span))


def _ready(name: str, declared: Hybrid, policy: Policy, sensor: str | None = None) -> HybridKit:
    """Return a model of a soft sensor, ready; `sensor` names that of a challenger."""
    where, units = f"soft_sensors.{sensor or name}", policy.units()
    model = read(policy.files[declared.model], declared.model)
    if model.form != declared.form:
        raise ValueError(f"{where}.form: found {declared.form}, but {declared.model} is of the form {model.form}")
    if model.unit != declared.unit:
        raise ValueError(f"{where}.unit: found {declared.unit}, but {declared.model} gives {model.unit}")
    if set(model.inputs) != set(declared.reads):
        found, wanted = ", ".join(sorted(declared.reads)), ", ".join(sorted(model.inputs))
        raise ValueError(f"{where}.reads: found {found}, but {declared.model} wants {wanted}")
    places = tuple(_place(where, key, declared.reads[key], one.unit, units) for key, one in model.inputs.items())
    needed = [n for n, one in CORES[model.core].inputs.items() if one.needed] if model.core != NO_CORE else model.inputs
    lab = declared.lab
    told = None if lab is None else Told.of(lab, lab.tag, units)
    settles_s = max(one.delay_s + one.lag_s for one in model.inputs.values())
    alone = model.model_copy(update={"learner": None, "half": model.core_half, "regions": ()})
    return HybridKit(name, declared, model, places, frozenset(needed), told, alone, settles_s)


def _place(where: str, key: str, tag: str, unit: str, units: Mapping[str, str]) -> tuple[str, str, float, float]:
    try:
        zero = convert(0.0, units[tag], unit)
        return key, tag, zero, convert(1.0, units[tag], unit) - zero
    except ValueError:
        message = f"found {tag} in {units[tag]}, but the model wants it in {unit}"
        raise ValueError(f"{where}.reads.{key}: {message}") from None


def start(kit: HybridKit) -> HybridState:
    """Return the memory of a soft sensor that has seen nothing."""
    n = len(kit.places)
    beside = None if kit.rival is None else start(kit.rival)
    return HybridState(lanes=(None,) * n, seen_at=(-inf,) * n, rival=beside)


def infer(snapshot: Snapshot, state: HybridState, kit: HybridKit) -> tuple[Mapping[str, Sample], HybridState]:
    """Return the samples one soft sensor gives, and what it remembers.

    Parameters
    ----------
    snapshot
        The line as latched.
    state
        What the last cycle left.
    kit
        The soft sensor.
    """
    if 0.0 <= snapshot.at - state.made_at < kit.declared.every_s - _ROUNDING_S:
        return state.shown, state
    shown, after = _inferred(snapshot, state, kit)
    if kit.rival is None or state.rival is None or kit.terms is None:
        return shown, after
    _, beside = infer(snapshot, state.rival, kit.rival)
    new = after.kept[-1] if after.kept[-1:] != state.kept[-1:] else None
    result = None if new is None else (new.taken, new.result)
    now = (_spoken(after, kit), _spoken(beside, kit.rival))
    fought = state.duel.after(snapshot.at, result, now, kit.terms)
    verdict = fought.standing
    better = _sample(float(verdict is not None and verdict.better), nan, _GOOD if verdict else _NONE, snapshot.at)
    shown = {**shown, **beside.shown, f"{kit.name}.BETTER": better}
    return shown, replace(after, rival=beside, duel=fought, shown=shown)


def _spoken(state: HybridState, kit: HybridKit) -> Spoken:
    answer = state.answer
    if answer.grade[0] is Quality.BAD:
        return NOTHING
    low, high = bounds(kit.model, answer.value, answer.half)
    return Spoken(answer.value, float(low), float(high))


def told(old: HybridState, new: HybridState, kit: HybridKit) -> str | None:
    """Return in words that the verdict on a challenger has changed; None where it has not."""
    was, now = old.duel.standing, new.duel.standing
    if now is None or now is was or now.better == (was is not None and was.better):
        return None
    return sentence(kit.name, kit.declared.unit, now)


def _inferred(snapshot: Snapshot, state: HybridState, kit: HybridKit) -> tuple[Mapping[str, Sample], HybridState]:
    after = replace(_read(snapshot, state, kit), made_at=snapshot.at)
    oldest = snapshot.at - kit.declared.lost_after_s
    late = {key for (key, *_), at in zip(kit.places, after.seen_at, strict=True) if at < oldest}
    if late & kit.needed or not isfinite(after.began_at):
        return _ended(replace(_corrected(snapshot, after, kit), answer=Answer(nan, nan, nan, nan, _NONE)), kit)
    inputs = {k: np.array([lane.level]) for (k, *_), lane in zip(kit.places, after.lanes, strict=True) if lane}
    present = {name: values for name, values in inputs.items() if name not in late}
    model = kit.model if len(present) == len(kit.places) else kit.alone
    found = said(model, present)
    after = _corrected(snapshot, _remembered(snapshot.at, after, kit, found), kit)
    return _ended(replace(after, answer=_answered(snapshot.at, after, kit, (model, found, present))), kit)


def _ended(state: HybridState, kit: HybridKit) -> tuple[Mapping[str, Sample], HybridState]:
    shown = _shown(state, kit)
    return shown, replace(state, shown=shown)


def _read(snapshot: Snapshot, state: HybridState, kit: HybridKit) -> HybridState:
    lanes, seen_at = list(state.lanes), list(state.seen_at)
    for i, (key, tag, zero, slope) in enumerate(kit.places):
        value, old = snapshot.good(tag), lanes[i]
        if value is not None:
            seen_at[i] = snapshot.at
        elif old is None:
            continue
        timing = Timing(kit.model.inputs[key].delay_s, kit.model.inputs[key].lag_s)
        now = zero + slope * value if value is not None else old.points[-1][1] if old is not None else nan
        lanes[i] = moved(old, snapshot.at, now, timing)
    ready = all(lane is not None for lane, (key, *_) in zip(lanes, kit.places, strict=True) if key in kit.needed)
    began = min(state.began_at, snapshot.at) if ready else inf
    return replace(state, began_at=began, lanes=tuple(lanes), seen_at=tuple(seen_at))


def _remembered(at: float, state: HybridState, kit: HybridKit, found: Said) -> HybridState:
    """Return the memory with what was said now, where a laboratory may speak of it later."""
    if kit.declared.lab is None:
        return state
    span, value = kit.declared.lab.memory_s, float(found.value[0])
    spoken = state.spoken if state.spoken and at >= state.spoken[-1][0] else ()
    if not spoken or at - spoken[-1][0] >= span / _REMEMBERED:
        oldest = at - span
        first = next((i for i in range(len(spoken) - 1, 0, -1) if spoken[i][0] <= oldest), 0)
        spoken = (*spoken[first:], (at, value))
    return replace(state, spoken=spoken)


def _corrected(snapshot: Snapshot, state: HybridState, kit: HybridKit) -> HybridState:
    """Return the memory after the newest laboratory result, if it is new and its sample is remembered."""
    lab, told = kit.declared.lab, kit.told
    if lab is None or told is None:
        return state
    result, stamp, taken = snapshot.good(lab.tag), told.stamp(snapshot), told.at(snapshot)
    if stamp is None:
        stamp = snapshot.taken(lab.tag)
    if result is None or taken is None or stamp == state.stamp:
        return state
    then = next((value for at, value in reversed(state.spoken) if at <= taken), None)
    if then is None or not isfinite(then):
        return replace(state, stamp=stamp)
    off = _apart(kit.model, result, then)
    sd = lab.sd / abs(result) if kit.model.logarithm and result else lab.sd
    keep, kept = 1.0 - lab.weight, (*state.kept, Compared(taken, result, then))[-_KEPT:]
    variance = keep * keep * state.variance + lab.weight * lab.weight * sd * sd
    return replace(state, bias=keep * state.bias + lab.weight * off, variance=variance, stamp=stamp, kept=kept)


def _apart(model: HybridModel, result: float, spoken: float) -> float:
    if not model.logarithm:
        return result - spoken
    return log(max(result, _TRACE) / max(spoken, _TRACE))


def _answered(
    at: float, state: HybridState, kit: HybridKit, by: tuple[HybridModel, Said, Mapping[str, Floats]]
) -> Answer:
    model, found, inputs = by
    core, spread = float(found.core[0]), float(found.spread[0])
    verdict, distance = _judged(kit, model, inputs, spread)
    if verdict is Verdict.NONE or (verdict is Verdict.FALLBACK and kit.declared.outside == "none"):
        return Answer.of(nan, core, nan, distance, _FOREIGN)
    if verdict is Verdict.FALLBACK and kit.declared.outside == "mechanistic" and isfinite(core):
        return Answer.of(core, core, core_half(kit.model, core) * _wider(verdict, distance), distance, _PART)
    value = float(bounds(model, float(found.value[0]), state.bias)[1]) if model is kit.model else core
    half = hypot(float(half_at(model, found.value)[0]) * spread, _NORMAL_90 * state.variance**0.5)
    half *= _wider(verdict, distance)
    grade = _GOOD if verdict is Verdict.GOOD else _DOUBT
    if model is not kit.model or at - state.began_at < kit.settles_s or _stale(at, state, kit):
        grade = _PART
    low, high = kit.declared.range
    if not low <= value <= high:
        grade = _BEYOND
    return Answer.of(value, core, half, distance, grade if isfinite(value) else _NONE)


def _wider(verdict: Verdict, distance: float) -> float:
    """Return by what an interval is wider outside the training data, where nobody has seen what errors are [1].

    The variance of a linear prediction grows with the square of the distance of its inputs, which T2 and Q are.
    """
    out = verdict is not Verdict.GOOD and distance > 1.0
    return min(distance, _FARTHEST) ** 0.5 if out else 1.0


def _stale(at: float, state: HybridState, kit: HybridKit) -> bool:
    return at - min(state.seen_at) > kit.declared.stale_after_s


def _judged(kit: HybridKit, model: HybridModel, inputs: Mapping[str, Floats], spread: float) -> tuple[Verdict, float]:
    """Return whether the learner knows its way, and how far the inputs lie from its data, in multiples of a limit."""
    domain = kit.model.domain
    if domain is None or model is not kit.model:
        return Verdict.GOOD, nan
    point = np.array([float(inputs[name][0]) for name in domain.inputs])
    judged = domain.judge(point, spread if domain.sd is not None else None)
    return judged.verdict, max(judged.t2, judged.q)


def _shown(state: HybridState, kit: HybridKit) -> dict[str, Sample]:
    """Return the samples of all tags of the sensor."""
    at, answer = state.made_at, state.answer
    name, model, grade, nothing = kit.name, kit.model, answer.grade, answer.grade[0] is Quality.BAD
    ends = bounds(model, answer.value, answer.half)
    core = _GOOD if isfinite(answer.core) else _NONE
    core_sd = sd_of(model, answer.core, core_half(model, answer.core))
    sd = nan if nothing else sd_of(model, answer.value, answer.half)
    newest = state.kept[-1] if state.kept else None
    taken = newest.taken if newest else nan
    off = newest.result - newest.spoken if newest else nan
    said_of, lab = _GOOD if isfinite(answer.distance) else _NONE, kit.declared.lab
    return {
        name: _sample(answer.value, sd, grade, at),
        f"{name}.LOW": _sample(float(ends[0]), nan, grade, at),
        f"{name}.HIGH": _sample(float(ends[1]), nan, grade, at),
        f"{name}.MECH": _sample(answer.core, core_sd, core, at),
        f"{name}.ML": _sample(answer.value - answer.core, nan, grade if isfinite(answer.core) else _NONE, at),
        f"{name}.T2": _sample(answer.distance, nan, said_of, at),
        f"{name}.BIAS": _sample(state.bias, state.variance**0.5, _GOOD, at),
        f"{name}.RES": _sample(off, lab.sd if lab else nan, _GOOD if newest else _NONE, taken),
    }


def _sample(value: float, sd: float, grade: Grade, at: float) -> Sample:
    return Sample(value=value, quality=grade[0], source=at, arrival=at, reason=grade[1], sd=sd)
