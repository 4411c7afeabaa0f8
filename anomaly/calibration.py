"""The limit of a model from normal operation that it was not fitted to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from anomaly.artefact import Model
from anomaly.fitting import limited, tail
from anomaly.monitor import Monitor
from anomaly.verdict import Evidence
from plant_io.signals import Floats


def scores(model: Model, runs: Sequence[Floats]) -> Floats:
    """Return what the frozen model says of normal operation, shape ``(samples,)`` [1], NaN where it says nothing.

    Parameters
    ----------
    model
        The model.
    runs
        Stretches of normal operation without gaps, each of shape ``(samples, tags + inputs)``, in the units of the
        tags, NaN where a value is missing.
    """
    alone = model.model_copy(update={"settings": model.settings.model_copy(update={"twin": False})})
    said = [monitor.step(row) for run in runs for monitor in [Monitor(alone)] for row in run]
    return np.array([one.score if one.evidence is Evidence.JUDGED else np.nan for one in said])


def calibrated(model: Model, runs: Sequence[Floats], above: float | None = None) -> Model:
    """Return the model with a limit from normal operation that it was not fitted to.

    Parameters
    ----------
    model
        The model.
    runs
        As for `scores`, in the units of the tags.
    above
        Share of samples that may be above the limit [1]; where it is left out, the budget of the settings is kept.
    """
    found = scores(model, runs)
    if above is None:
        return limited(model, found)
    heard = found[np.isfinite(found)]
    return model.limited(float(np.quantile(heard, 1.0 - above)), tail(heard))
