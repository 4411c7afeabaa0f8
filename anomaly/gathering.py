"""The model of a monitor from lines that run as usual: rows as the monitor is given them, and a limit they were not in.

The limit keeps the budget on runs the model was not fitted to. Of many runs each is judged by a model fitted to most
others, and all of them teach; of few, the earlier ones teach and the later ones say how far normal operation goes.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import isfinite
from typing import NamedTuple, Protocol

import numpy as np

from anomaly import evt, latched
from anomaly.artefact import Card, Model, Settings
from anomaly.calibration import scores
from anomaly.evt import Episodes, Limit
from anomaly.fitting import Training, fit, tail
from anomaly.heard import Heard
from anomaly.latched import Latched, LatchKit
from plant_io import Snapshot
from plant_io.signals import Floats
from policies import Monitor, Policy

LEAST = 1e-3
"""Least standard deviation that is meant of a tag, as a share of its engineering range [1]."""
FOLDS = 6
"""Parts into which many runs are taken: each is judged by a model fitted to the others [1]."""
_TEACHES = 2.0 / 3.0
_WEEK_S = 604_800.0
_HOUR_S = 3600.0
_DAY_S = 86_400.0
_LEAST_LOG = 1e-3


class Takes(Protocol):
    """What takes the cycles of runs in."""

    def take(self, seen: Snapshot, heard: Heard) -> None:
        """Take in one cycle."""
        ...

    def anew(self) -> None:
        """End the run: the next cycle is of another one."""
        ...


@dataclass(slots=True)
class Gatherer:
    """Keeps what a monitor would be given, in stretches of steady running."""

    kit: LatchKit
    """Where the columns come from."""
    runs: list[list[Floats]] = field(default_factory=lambda: [[]])
    """Rows of each stretch, each of shape ``(columns,)``, in the units of the tags or logarithms of these."""
    first: float = 0.0
    """When the first row was taken, POSIX time [s]."""
    last: float = 0.0
    """When the last row was taken, POSIX time [s]."""
    begins: list[int] = field(default_factory=list[int])
    """Place of the first stretch of each run [1]."""
    _latched: Latched | None = None

    def take(self, seen: Snapshot, heard: Heard) -> None:
        """Take in one cycle.

        Parameters
        ----------
        seen
            The line, virtual tags included.
        heard
            What the loops believe.
        """
        self._latched = self._latched or latched.nothing(self.kit)
        row = latched.latch(seen, heard, self._latched, self.kit)
        if row is None:
            return
        if not row.steady:
            self.over()
            return
        self.first, self.last = self.first or row.at, row.at
        self.runs[-1].append(row.values)

    def over(self) -> None:
        """End the stretch."""
        if self.runs[-1]:
            self.runs.append([])

    def anew(self) -> None:
        """End the stretch and forget the line: the next cycle is of another run."""
        self.over()
        self._latched = None
        self.begins.append(len(self.runs) - 1)

    @property
    def rows(self) -> list[Floats]:
        """Every stretch, each of shape ``(rows, columns)``, in the units of the tags or logarithms of these."""
        return [np.array(run) for run in self.runs if run]

    @property
    def span(self) -> tuple[float, float]:
        """First and last time a row was taken, POSIX time [s]."""
        return self.first, self.last

    @property
    def whole(self) -> list[list[Floats]]:
        """The stretches of each run that has any, as in `rows`, in the units of the tags or logarithms of these."""
        ends = [*self.begins[1:], len(self.runs)]
        parts = [self.runs[begin:end] for begin, end in zip(self.begins or [0], ends, strict=True)]
        found = [[np.array(stretch) for stretch in part if stretch] for part in parts]
        return [part for part in found if part]


class Made(NamedTuple):
    """A model, and what it rests on."""

    model: Model
    """The model."""
    limit: Limit
    """Its limit, and what it promises."""
    taught: int
    """Rows it was fitted to [1]."""
    judged: int
    """Later rows that gave the limit [1]."""


def blank(declared: Monitor) -> Model:
    """Return a model that never speaks, in the place of one that is still to be made."""
    columns = len(declared.tags) + len(declared.inputs)
    noise = np.random.default_rng(0).standard_normal((200, columns))
    settings = Settings(twin=False)
    plain = Training(declared.tags, declared.inputs, declared.every_s)
    return _entered(fit([noise], plain, settings), declared).limited(1e12)


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Normal operation, as a monitor was given it."""

    runs: Sequence[Sequence[Floats]]
    """Stretches of steady running of each run in the order of time, each of shape ``(rows, columns)``, in the units of
    the tags or logarithms of these."""
    trained: tuple[float, float] = (0.0, 0.0)
    """First and last time of them, POSIX time [s]."""
    source: str = ""
    """What they are of."""
    seeds: tuple[int, ...] = ()
    """Seeds of the runs [1]; none where they are not simulated."""

    @property
    def stretches(self) -> list[Floats]:
        """Stretches of all runs."""
        return [stretch for run in self.runs for stretch in run]

    @property
    def digest(self) -> str:
        """SHA-256 of all rows, hexadecimal."""
        found = hashlib.sha256()
        for stretch in self.stretches:
            found.update(np.ascontiguousarray(stretch).tobytes())
        return found.hexdigest()


def made(declared: Monitor, normal: Normal, policy: Policy, settings: Settings) -> Made:
    """Return the model of a monitor.

    Parameters
    ----------
    declared
        The monitor.
    normal
        What it is fitted to, and limited by.
    policy
        The policy it belongs to.
    settings
        How it works, with its budget.

    Raises
    ------
    ValueError
        If there are too few rows, or a tag has never had a good value in them.
    """
    many = len(normal.runs) >= evt.LEAST_RUNS
    earlier, later = (normal.stretches, normal.stretches) if many else halves(normal.stretches)
    _heard(declared, earlier)
    learnt = training(declared, policy, normal.trained)
    model = fit(earlier, learnt, settings)
    found = crossed(normal.runs, learnt, settings) if many else [scores(model, later)]
    every = np.concatenate(found)
    if not np.isfinite(every).any():
        raise ValueError("found no row of the later data that can be judged, expected more hours of steady running")
    limit = limited(found, model)
    entered = _entered(model, declared).limited(limit.value / settings.on, tail(every[np.isfinite(every)]))
    card = _card(normal, found, limit, entered, policy)
    carded = entered.model_copy(update={"card": card})
    return Made(carded, limit, sum(map(len, earlier)), sum(map(len, later)))


def crossed(runs: Sequence[Sequence[Floats]], learnt: Training, settings: Settings) -> list[Floats]:
    """Return the scores of each run by a model that was not fitted to it, each of shape ``(rows,)`` [1].

    Parameters
    ----------
    runs
        Stretches of each run, each of shape ``(rows, columns)``, in the units of the tags or logarithms of these.
    learnt
        Names and times.
    settings
        How the monitor works.
    """
    found: list[Floats] = [np.empty(0)] * len(runs)
    for part in range(min(FOLDS, len(runs))):
        model = fit([s for i, run in enumerate(runs) if i % FOLDS != part for s in run], learnt, settings)
        for i in range(part, len(runs), FOLDS):
            found[i] = scores(model, runs[i])
    return found


def limited(found: Sequence[Floats], model: Model) -> Limit:
    """Return the score at which a monitor may speak: the higher of what hours of all runs and what whole runs ask for.

    Where hours do not come apart into enough episodes, for scores stay where they are for long, whole runs alone count.

    Parameters
    ----------
    found
        Scores of each run, each of shape ``(rows,)`` [1]; not a number where there is none.
    model
        Model that has the budget.
    """
    rate, episodes = model.settings.false_alarms_per_day / _DAY_S, _episodes(model)
    if len(found) < evt.LEAST_RUNS:
        return evt.limit(np.concatenate(found), rate, episodes)
    whole = evt.between(found, rate, episodes)
    try:
        hours = evt.limit(np.concatenate(found), rate, episodes)
    except ValueError:
        return whole
    return max(hours, whole, key=lambda one: one.value)


def _episodes(model: Model) -> Episodes:
    how, every_s = model.settings, model.period_s
    return Episodes(every_s, 0.0, how.off, (how.delay - 1) * every_s)


def _card(normal: Normal, found: Sequence[Floats], limit: Limit, model: Model, policy: Policy) -> Card:
    many = len(found) > 1
    tops = [evt.top(run, _episodes(model)) / limit.value for run in found]
    return Card(
        source=normal.source,
        seeds=normal.seeds,
        runs=len(normal.runs),
        hours=sum(map(len, normal.stretches)) * model.period_s / _HOUR_S,
        data_sha256=normal.digest,
        limited_by=f"each run judged by a model fitted to others, {FOLDS} parts" if many else "later third of the data",
        promise=limit.why,
        promised_per_week=limit.promised * _WEEK_S,
        tops=tuple(top for top in tops if isfinite(top)),
        policy=f"{policy.line} {policy.revision}",
    )


def halves(runs: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
    """Return the runs that teach and those that judge: whole runs where there are several, else parts of the one.

    Parameters
    ----------
    runs
        Stretches in the order of time, each of shape ``(rows, columns)``, in any unit.
    """
    if len(runs) < 2:  # noqa: PLR2004  # one run can only be cut
        cut = round(_TEACHES * sum(map(len, runs)))
        return [run[:cut] for run in runs], [run[cut:] for run in runs]
    ends = list(accumulate(len(run) for run in runs))
    cut = min(bisect_left(ends, _TEACHES * ends[-1]) + 1, len(runs) - 1)
    return list(runs[:cut]), list(runs[cut:])


def training(declared: Monitor, policy: Policy, trained: tuple[float, float] = (0.0, 0.0)) -> Training:
    """Return names, times and least deviations of what a monitor is fitted to.

    Parameters
    ----------
    declared
        The monitor.
    policy
        The policy it belongs to.
    trained
        First and last time of the data, POSIX time [s]; zeros where unknown.
    """
    return Training(declared.tags, declared.inputs, declared.every_s, trained, least=_least(declared, policy))


def _entered(model: Model, declared: Monitor) -> Model:
    how = {"baseline_s": declared.baseline_s or 0.0, "absolute": declared.absolute, "log": declared.log}
    how |= {"moved": declared.moved}
    return model.model_copy(update=how)


def _least(declared: Monitor, policy: Policy) -> tuple[float, ...]:
    spans = _spans(policy)
    return tuple(
        _LEAST_LOG if name in declared.log else LEAST * spans.get(name, 0.0)
        for name in (*declared.tags, *declared.inputs)
    )


def _spans(policy: Policy) -> Mapping[str, float]:
    """Return the width of the engineering range of each tag, in its unit."""
    virtual = {name: span for key, one in policy.soft_sensors.items() for name, (_, span) in one.outputs(key).items()}
    ranges = {name: tag.range for name, tag in policy.tags.items()} | virtual
    # Ranges that only say that a number is finite say nothing of what is meant.
    return {name: high - low for name, (low, high) in ranges.items() if high - low < 1e6}  # noqa: PLR2004


def _heard(declared: Monitor, runs: Sequence[Floats]) -> None:
    if not runs or not sum(map(len, runs)):
        raise ValueError("found no steady running in the data, expected hours of it after the baseline")
    never = ~np.isfinite(np.vstack(runs)).any(axis=0)
    if never.any():
        name = (*declared.tags, *declared.inputs)[int(np.argmax(never))]
        raise ValueError(f"{name}: found no good value in the data, expected some")
