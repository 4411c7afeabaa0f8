"""A monitor in the cycle: it looks at the line at its own pace, says when something is off, and advises a new model.

The frozen model alone raises alarms. Where its twin, which learns, has found normal for long what the model does not,
the line has gone elsewhere slowly: people are asked whether the model is to be fitted anew. Nothing does so by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
from pydantic import ValidationError

from anomaly import latched, monitor
from anomaly.alerts import Alert, Sign
from anomaly.artefact import Model
from anomaly.heard import Heard
from anomaly.latched import Latched, LatchKit, Row
from anomaly.monitor import Monitor
from anomaly.onset import onset
from anomaly.verdict import Cause, Evidence, Verdict
from anomaly.words import amount, span
from plant_io import Snapshot
from plant_io.signals import Floats
from policies import Lane, Policy
from policies import Monitor as Declared

BUFFER = 360
"""Looks over which the beginning of a trouble is sought [1]."""
_NAMED, _SHOWN = 3, 6


@dataclass(frozen=True, slots=True, eq=False)
class MonitorKit:
    """One monitor, ready."""

    name: str
    """Name of the watch."""
    declared: Declared
    """What the policy says of it."""
    model: monitor.Kit
    """Its model, with the limit and the hysteresis of the policy."""
    version: str
    """Fingerprint of the model as it was approved, hexadecimal."""
    latch: LatchKit
    """Where its columns come from."""
    units: Mapping[str, str]
    """UCUM unit of each tag."""


@dataclass(slots=True, eq=False)
class MonitorState:
    """Memory of one monitor; it changes in place, so a state is used once."""

    monitor: Monitor
    """The monitor."""
    gathered: Latched
    """What was gathered since the last look."""
    ring: Floats
    """Residuals of the last looks, shape ``(BUFFER, tags)``, in standard deviations [1]; NaN where there was none."""
    looks: int = 0
    """Looks so far [1]."""
    active: bool = False
    """Whether its alarm has been told and stands."""
    apart: int = 0
    """Looks the twin has found normal what the model does not, less those it has not [1]."""
    advised: bool = False
    """Whether a new model has been advised."""


def prepare(name: str, declared: Declared, policy: Policy, asked: Mapping[str, int]) -> MonitorKit:
    """Return a monitor, ready.

    Parameters
    ----------
    name
        Name of the watch.
    declared
        What the policy says of it.
    policy
        The policy with its tags and files.
    asked
        Position of each thing loops are asked for [1].

    Raises
    ------
    ValueError
        If its file is no model, or not one of these tags at this pace; the message begins with the place.
    """
    here = f"watches.{name}"
    model = _read(f"{here}.model", policy.files[declared.model], declared)
    for what, found, wanted in zip(
        ("tags", "inputs"), (declared.tags, declared.inputs), (model.tags, model.inputs), strict=True
    ):
        if found != wanted:
            odd = sorted(set(found) ^ set(wanted))
            raise ValueError(f"{here}.{what}: expected those of {declared.model} in its order; {_odd(odd, found)}")
    _entered(here, model, declared)
    return MonitorKit(
        name=name,
        declared=declared,
        model=monitor.Kit(_as_declared(model, declared)),
        version=model.fingerprint,
        latch=latched.gathering(declared, policy, asked),
        units=policy.units(),
    )


def _entered(here: str, model: Model, declared: Declared) -> None:
    """See that tags are entered as they were for the model."""
    file = declared.model
    if model.period_s != declared.every_s:
        raise ValueError(f"{here}.every: found {declared.every_s:g} s, but {file} looks every {model.period_s:g} s")
    if model.baseline_s != (declared.baseline_s or 0.0):
        found = declared.baseline_s or 0.0
        raise ValueError(f"{here}.baseline: found {found:g} s, but {file} was fitted with {model.baseline_s:g} s")
    for key in ("absolute", "moved", "log"):
        asked, has = _named(declared, key), _named(model, key)
        if odd := sorted(set(asked) ^ set(has)):
            raise ValueError(f"{here}.{key}: expected the tags {file} was fitted with; they differ in {odd[0]}")


def _named(one: Declared | Model, key: Literal["absolute", "moved", "log"]) -> tuple[str, ...]:
    return {"absolute": one.absolute, "moved": one.moved, "log": one.log}[key]


def _odd(odd: list[str], found: tuple[str, ...]) -> str:
    if not odd:
        return "they stand in another order"
    return ", ".join(f"{name} is {'not in it' if name in found else 'only there'}" for name in odd[:_NAMED])


def _read(here: str, data: bytes, declared: Declared) -> Model:
    try:
        model = Model.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{here}: {declared.model} is no model of a monitor: {place}: {first['msg']}") from None
    if model.settings.adaptation != "frozen":
        raise ValueError(f"{here}: {declared.model} learns on line; a locked watch needs adaptation: frozen")
    return model


def _as_declared(model: Model, declared: Declared) -> Model:
    given = {"off": declared.clear, "delay": declared.on_delay}
    changes = {key: value for key, value in given.items() if value is not None}
    settings = model.settings.model_copy(update=changes)
    limit = model.limit if declared.limit is None else declared.limit
    return model.model_copy(update={"settings": settings, "limit": limit})


def start(kit: MonitorKit) -> MonitorState:
    """Return the memory of a monitor that has seen nothing."""
    model = kit.model.model
    ring = np.full((BUFFER, len(model.tags)), np.nan)
    return MonitorState(Monitor(model, kit.model), latched.nothing(kit.latch), ring)


def look(snapshot: Snapshot, heard: Heard, state: MonitorState, kit: MonitorKit) -> tuple[Alert | None, Alert | None]:
    """Take in one cycle, and judge the line when an interval is over.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    heard
        What the loops believed at the end of the last cycle.
    state
        What the last cycle left; it changes.
    kit
        The monitor.

    Returns
    -------
    alarm
        The alarm of the frozen model, if it began or ended now.
    advice
        The advice to fit a new model, if it began or ended now.
    """
    row = latched.latch(snapshot, heard, state.gathered, kit.latch)
    return (None, None) if row is None else judge(row, state, kit)


def judge(row: Row, state: MonitorState, kit: MonitorKit) -> tuple[Alert | None, Alert | None]:
    """Judge one row.

    Parameters
    ----------
    row
        What is looked at.
    state
        What the last look left; it changes.
    kit
        The monitor.

    Returns
    -------
    alarm
        The alarm of the frozen model, if it began or ended now.
    advice
        The advice to fit a new model, if it began or ended now.
    """
    verdict = state.monitor.step(row.values, at=row.at, steady=row.steady)
    judged = verdict.evidence is Evidence.JUDGED
    state.ring[state.looks % BUFFER] = verdict.residuals[0] if judged else np.nan
    state.looks += 1
    alarm = None
    if verdict.alarm != state.active:
        state.active = verdict.alarm
        alarm = _alarm(verdict, row, state, kit)
    return alarm, _advice(verdict, state, kit) if judged else None


def _alarm(verdict: Verdict, row: Row, state: MonitorState, kit: MonitorKit) -> Alert:
    declared, causes = kit.declared, verdict.top(_SHOWN)
    since = _since(verdict, state, kit, causes[:_NAMED]) if state.active else None
    return Alert(
        at=verdict.at,
        watch=kit.name,
        lane=declared.lane,
        active=state.active,
        what=_began(verdict, row, kit, causes[:_NAMED]) if state.active else _over(verdict, kit),
        score=verdict.score,
        limit=verdict.limit,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={"score over limit [1]": verdict.ratio, "p [1]": verdict.p, "rate [1]": verdict.rate},
        signs=tuple(Sign(cause.tag, cause.z) for cause in causes) if state.active else (),
        onset=since,
    )


def _began(verdict: Verdict, row: Row, kit: MonitorKit, causes: tuple[Cause, ...]) -> str:
    values = dict(zip(kit.model.columns, row.shown.tolist(), strict=True))
    said = ", ".join(
        f"{cause.tag} {'above' if cause.sign > 0 else 'below'} by {abs(cause.z):.1f} sd"
        f" (now {amount(values[cause.tag], kit.units.get(cause.tag, '1'))})"
        for cause in causes
    )
    return (
        f"The line is not as its model foretells: {said}; score {verdict.ratio:.2f} times the limit,"
        f" model {kit.version[:8]}."
    )


def _over(verdict: Verdict, kit: MonitorKit) -> str:
    if verdict.evidence is not Evidence.JUDGED:
        return f"Not judged any more: {verdict.evidence.value}, model {kit.version[:8]}."
    return f"The line is as its model foretells again: score {verdict.ratio:.2f} times the limit."


def _since(verdict: Verdict, state: MonitorState, kit: MonitorKit, causes: tuple[Cause, ...]) -> float:
    """Return since when the tags named are off, POSIX time [s]."""
    ordered = np.roll(state.ring, -(state.looks % BUFFER), axis=0)[-min(state.looks, BUFFER) :]
    tags = kit.model.model.tags
    series = sum((cause.sign * ordered[:, tags.index(cause.tag)] for cause in causes), np.zeros(len(ordered)))
    back = len(ordered) - onset(series / sqrt(max(len(causes), 1)))
    return verdict.at - back * kit.declared.every_s


def _advice(verdict: Verdict, state: MonitorState, kit: MonitorKit) -> Alert | None:
    """Count how long the twin has found normal what the model does not, and say so once it has for long."""
    if len(verdict.lanes) == 1:
        return None
    frozen, twin = verdict.lanes
    most = round(kit.declared.rebaseline_s / kit.declared.every_s)
    apart = frozen.score > verdict.limit > twin.score
    state.apart = min(state.apart + 1, most) if apart else max(state.apart - 1, 0)
    advises = state.apart > 0 if state.advised else state.apart >= most
    if advises == state.advised:
        return None
    state.advised = advises
    causes = verdict.top(_NAMED, 0)
    said = ", ".join(cause.tag for cause in causes)
    lasted, version = span(most * kit.declared.every_s), kit.version[:8]
    return Alert(
        at=verdict.at,
        watch=f"{kit.name}.twin",
        lane=Lane.LEARNING,
        active=advises,
        what=f"Re-baseline? For {lasted} the twin, which learns, finds normal what model {version} does not: {said}."
        if advises
        else f"Model {version} and its twin agree again.",
        score=frozen.score,
        limit=verdict.limit,
        priority="low",
        route=kit.declared.route,
        response="Find out what has changed; if it is to stay, fit a model to runs since then, and have it approved.",
        evidence={"score of the model [1]": frozen.score, "score of the twin [1]": twin.score},
        signs=tuple(Sign(cause.tag, cause.z) for cause in causes) if advises else (),
    )
