"""How well transfer functions explain a test, as one page of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import numpy as np

from controller.cli.page import drawn, plain
from controller.cli.page import page as page_of
from controller.models.identify_tf import correlation
from controller.models.tf_forms import Guess, answer
from controller.models.trial import Answer, Row, Trial
from plant_io.signals import Floats

_LAGS, _LONGEST = 30, 200


def page(trial: Trial, rows: Mapping[str, Row], unit: str) -> str:
    """Return the page: each measurement with what inputs explain of it, residuals, and answers to steps with bands."""
    return page_of("Transfer functions from a test", (_part(trial, name, row, unit) for name, row in rows.items()))


def _part(trial: Trial, name: str, row: Row, unit: str) -> str:
    time = (np.arange(trial.rows) * trial.period).tolist()
    said = (
        f"explains {100 * row.r2:.1f} % of the variance, root mean square error {row.rmse:.3g}; "
        f"residuals are white with p = {row.white:.2g} (Ljung and Box)"
    )
    seen: dict[str, object] = {
        "x": time,
        "y": plain(trial.outputs[name]),
        "name": "measured",
        "mode": "markers",
        "marker": {"size": 3},
    }
    explained: dict[str, object] = {"x": time, "y": plain(row.simulated), "name": "explained by the inputs"}
    left: dict[str, object] = {"x": time, "y": plain(row.residuals), "name": "residual"}
    answers = "".join(_answer(trial, name, column, found, unit) for column, found in row.answers.items())
    return (
        f"<h2>{escape(name)}</h2><p>{escape(said)}</p>"
        + drawn([seen, explained], f"time [{unit}]", name)
        + drawn([left], f"time [{unit}]", "residual")
        + _correlated(row)
        + answers
    )


def _correlated(row: Row) -> str:
    there = row.residuals[np.isfinite(row.residuals)]
    lags = np.arange(1, min(_LAGS, len(there) // 5) + 1)
    limit = 1.96 / len(there) ** 0.5
    bars: dict[str, object] = {
        "type": "bar",
        "x": lags.tolist(),
        "y": correlation(there, lags).tolist(),
        "name": "correlation",
    }
    look, across = {"dash": "dash", "color": "#b50"}, [0.5, len(lags) + 0.5]
    ends: list[dict[str, object]] = [
        {"x": across, "y": [side * limit] * 2, "name": "95 %", "line": look} for side in (1, -1)
    ]
    return drawn([bars, *ends], "rows later", "correlation of residuals")


def _answer(trial: Trial, name: str, column: str, found: Answer, unit: str) -> str:
    span = max(found.dead_time.value + 5.0 * sum(lag.value for lag in found.lags), 10.0 * trial.period)
    step = span / _LONGEST
    time = (np.arange(_LONGEST) * step).tolist()
    middle: dict[str, object] = {"x": time, "y": _stepped(found, 0.0, step).tolist(), "name": "answer to a step of 1"}
    band: list[dict[str, object]] = [
        {"x": time, "y": _stepped(found, side, step).tolist(), "name": "gain 95 %", "line": {"dash": "dot"}}
        for side in (-1.0, 1.0)
    ]
    return drawn([middle, *band], f"time after a step of {column} [{unit}]", name)


def _stepped(found: Answer, side: float, step: float) -> Floats:
    guess = Guess(found.dead_time.value, tuple(lag.value for lag in found.lags), integrating=found.integrating)
    return (found.gain.value + side * found.gain.half) * answer(guess, np.ones(_LONGEST), step)
