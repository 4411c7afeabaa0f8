"""The model of a monitor from lines that run as usual: rows as the monitor is given them, and a limit they were not in.

The earlier runs teach, the later ones say how far normal operation goes: the limit keeps the budget on runs the model
was not fitted to.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from anomaly import evt, latched
from anomaly.artefact import Model, Settings
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
_TEACHES = 2.0 / 3.0
_DAY_S = 86_400.0
_LEAST_LOG = 1e-3


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

    @property
    def rows(self) -> list[Floats]:
        """Every stretch, each of shape ``(rows, columns)``, in the units of the tags or logarithms of these."""
        return [np.array(run) for run in self.runs if run]


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
    return _entered(fit([noise], _training(declared, (), (0.0, 0.0)), settings), declared).limited(1e12)


def made(
    declared: Monitor, runs: Sequence[Floats], trained: tuple[float, float], policy: Policy, settings: Settings
) -> Made:
    """Return the model of a monitor.

    Parameters
    ----------
    declared
        The monitor.
    runs
        Stretches of steady running in the order of time, each of shape ``(rows, columns)``, as of `Gatherer`, in the
        units of the tags or logarithms of these.
    trained
        First and last time of them, POSIX time [s].
    policy
        The policy it belongs to.
    settings
        How it works, with its budget.

    Raises
    ------
    ValueError
        If there are too few rows, or a tag has never had a good value in them.
    """
    earlier, later = halves(runs)
    _heard(declared, earlier)
    model = fit(earlier, _training(declared, _least(declared, policy), trained), settings)
    found = scores(model, later)
    if not np.isfinite(found).any():
        raise ValueError("found no row of the later data that can be judged, expected more hours of steady running")
    rate = settings.false_alarms_per_day / _DAY_S
    every_s = model.period_s
    episodes = Episodes(every_s, 0.0, settings.off, (settings.delay - 1) * every_s)
    limit = evt.limit(found, rate, episodes)
    entered = _entered(model, declared).limited(limit.value / settings.on, tail(found[np.isfinite(found)]))
    return Made(entered, limit, sum(map(len, earlier)), sum(map(len, later)))


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


def _training(declared: Monitor, least: tuple[float, ...], trained: tuple[float, float]) -> Training:
    return Training(declared.tags, declared.inputs, declared.every_s, trained, least=least)


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
