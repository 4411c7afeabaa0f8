"""What was identified, written as the part of a policy it becomes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from math import floor, log10

import numpy as np

from controller.cli.tf_data import Table
from controller.models.trial import Answer, Estimated, Row
from policies.transfer import TIMES, Time
from policies.words import written

_STEADY = 120
"""Longest horizon that is proposed [1]."""


def words(columns: Sequence[str]) -> dict[str, str]:
    """Return a word for each column that a policy can call it by.

    Examples
    --------
    >>> words(["PV.xD", "mv_R", "level"])
    {'PV.xD': 'xd', 'mv_R': 'r', 'level': 'level'}
    """
    found = dict[str, str]()
    for name in columns:
        tail = re.split(r"[._]", name, maxsplit=1)[-1] or name
        word = re.sub(r"\W+", "_", tail.lower()).strip("_") or "x"
        word = word if word[0].isalpha() else f"x{word}"
        while word in found.values():
            word = f"{word}_"
        found[name] = word
    return found


def section(table: Table, rows: Mapping[str, Row], time: Time, source: str) -> str:
    """Return a section `loops` to be pasted into a policy; what data cannot tell is proposed from them."""
    trial, roles = table.trial, table.roles
    word = words([*roles.outputs, *roles.inputs, *roles.known])
    sample = written(round(trial.period * TIMES[time], 3))
    lines = [
        f"# Identified from {source}, {trial.rows} rows, {trial.period:g} {time} apart; +- is half a 95 % interval.",
        "# Targets, limits, scales and rates below the matrix are proposals from the data: look at each.",
        "loops:",
        "  identified:",
        "    kind: transfer_function",
        f"    time: {time}",
        f"    sample: {sample}",
        f"    horizon: {_horizon(rows, trial.period)}",
        f"    deadline: {written(round(trial.period * TIMES[time] * 0.75, 3))}",
        "    max_solve: 200ms",
        "    move_weight: 0.1",
        "    hold_on_bad: 1h",
        "    matrix:",
    ]
    for name in roles.outputs:
        lines.append(f"      {word[name]}:")
        lines += [f"        {word[column]}: {_response(a)}" for column, a in rows[name].answers.items()]
    lines += [*_controlled(table, rows, word), *_moved(table, word), *_measured(table, rows, word, time)]
    if roles.known:
        lines.append("    known: {" + ", ".join(f"{word[n]}: {n}" for n in roles.known) + "}")
    return "\n".join([*lines, ""])


def _controlled(table: Table, rows: Mapping[str, Row], word: Mapping[str, str]) -> Iterator[str]:
    yield "    controlled:"
    for name in table.roles.outputs:
        at = float(np.nanmean(table.trial.outputs[name][-max(1, table.trial.rows // 20) :]))
        scale = max(2.0 * rows[name].sd, 0.02 * float(np.ptp(rows[name].simulated)))
        yield f'      {word[name]}: {{tag: {name}, unit: "1", target: {_short(at)}, scale: {_short(scale)}}}'


def _moved(table: Table, word: Mapping[str, str]) -> Iterator[str]:
    yield "    moved:  # within what was tested"
    for name in table.roles.inputs:
        values = table.trial.inputs[name]
        low, high = float(values.min()), float(values.max())
        span = high - low
        yield (
            f'      {word[name]}: {{tag: {name}, unit: "1", limits: [{_short(low)}, {_short(high)}], '
            f"max_rate: {_short(0.2 * span)}, max_move: {_short(0.2 * span)}, scale: {_short(0.1 * span)}, "
            f"tolerance: {_short(1e-4 * span)}}}"
        )


def _measured(table: Table, rows: Mapping[str, Row], word: Mapping[str, str], time: Time) -> Iterator[str]:
    yield "    measured:"
    minutes = table.trial.period * TIMES[time] / 60.0
    for name in table.roles.outputs:
        drift = rows[name].drift_sd / minutes**0.5
        yield f'      {word[name]}: {{tag: {name}, unit: "1", sd: {_short(rows[name].sd)}, bias_sd: {_short(drift)}}}'


def _response(found: Answer) -> str:
    lags = f", lags: [{', '.join(_short(lag.value) for lag in found.lags)}]" if found.lags else ""
    ramp = ", integrating: true" if found.integrating else ""
    known = [_half("gain", found.gain), _half("dead time", found.dead_time)]
    known += [_half("lag", lag) for lag in found.lags]
    numbers = f"gain: {_short(found.gain.value)}, dead_time: {_short(found.dead_time.value)}"
    return f"{{{numbers}{lags}{ramp}}}  # {', '.join(known)}"


def _half(what: str, number: Estimated) -> str:
    return f"{what} +- {number.half:.2g}"


def _horizon(rows: Mapping[str, Row], period: float) -> int:
    """Return the samples after which nearly all is seen of a move [1]."""
    answers = [answer for row in rows.values() for answer in row.answers.values()]
    longest = max(a.dead_time.value + 2.0 * sum(lag.value for lag in a.lags) for a in answers)
    return int(min(max(10, longest / period), _STEADY))


def _short(number: float) -> str:
    """Return a number with four digits, as YAML reads it."""
    if number == 0.0:
        return "0"
    digits = max(0, 3 - floor(log10(abs(number))))
    return f"{number:.{digits}f}".rstrip("0").rstrip(".") if digits else f"{number:.0f}"
