"""The file of a hybrid soft sensor: core, learner, interval, domain and card as plain numbers, and what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from controller.models.process import Parameter
from controller.soft.cores import CORES, Values
from controller.soft.domain import Domain
from controller.soft.frozen import Frozen
from controller.soft.kernels import exponentials
from controller.soft.logarithms import logarithms
from controller.stored import stored
from plant_io.signals import Floats
from policies.hybrid import Form
from policies.regions import Region, half_among, rising
from policies.words import Declared, Number, Positive, Word

NO_CORE = "none"
"""Name of the core of a model that has none."""

CORE_VALUE = "core"
"""Feature that is the value of the core."""

REACH = 1.0
"""Largest logarithm of the factor by which a learner may move a parameter [1]."""

LEAST_SPREAD = 1.0
"""Least standard deviation believed of a learner, in multiples of the typical error [1]."""

_FARTHEST = 30.0
_NORMAL_90 = 1.6448536269514722
_NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class Input(Declared):
    """One input of a model."""

    unit: str
    """UCUM unit."""
    low: Number
    """Least value in the training data, in `unit`."""
    high: Number
    """Largest value in the training data, in `unit`."""
    delay_s: _NotNegative = 0.0
    """Time by which it is taken later, so that it meets what the sensor speaks of [s]."""
    lag_s: _NotNegative = 0.0
    """Time constant by which it is smoothed, as the line mixes [s]."""


class Figures(Declared):
    """What predictions were worth on results they had not seen."""

    rmsep: _NotNegative
    """Root of the mean squared difference of prediction and result, in the unit of the result."""
    bias: Number
    """Mean of prediction less result, in the unit of the result."""
    coverage: Annotated[float, Field(ge=0, le=1)] | None = None
    """Share of results within the stated interval [1]; none where no interval was stated."""
    n: Annotated[int, Field(ge=0)]
    """Results compared [1]."""


class Acceptance(Declared):
    """What a model is to be, when it is held against results it was not fitted to."""

    goal: Positive | None = None
    """Error (rms) it is to have in the long run, scatter of the results included, in the unit of the result."""
    margin: Positive | None = None
    """Largest bias against the reference method that does not matter, in the unit of the result."""
    confidence: Annotated[float, Field(gt=0.5, lt=1, allow_inf_nan=False)] = 0.95
    """Probability with which one that has the goal is accepted, and one beyond the margin is not [1]."""


class Card(Declared):
    """Where a model comes from and what it is worth."""

    intended_use: str
    """What it is meant for."""
    version: str
    """Version of the model."""
    approver: str
    """Who approved it; empty while nobody has."""
    source: str
    """Where the data come from."""
    data_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Hash over inputs, labels and times, hexadecimal."""
    n: Annotated[int, Field(ge=1)]
    """Labelled samples it was fitted to [1]."""
    simulated: Annotated[int, Field(ge=0)] = 0
    """Samples of a control model with drawn parameters that were learnt from beside them [1]."""
    label_delay_s: _NotNegative
    """Time from a sample to its result, as reckoned with in validation [s]."""
    seed: int
    """Seed of the learners [1]."""
    validation: str
    """How the figures were found."""
    figures: Figures
    """Figures of the model, forward in time."""
    by_region: Mapping[str, Figures]
    """The same for the lower, middle and upper third of the predictions."""
    acceptance: Acceptance | None = None
    """What it is accepted by; none where nothing is declared."""
    baselines: Mapping[str, Figures]
    """Figures of the yardsticks on the same results: the core alone, and learners without a core."""


class HybridModel(Declared):
    """A fitted hybrid soft sensor as it stands in its file."""

    format: Literal["steadyline.soft/1"] = Field(alias="schema")
    """Version of this format."""
    form: Form
    """How core and learner are put together."""
    result: str
    """Name of the result."""
    unit: str
    """UCUM unit of the result."""
    logarithm: bool
    """Whether core and learner meet in the logarithm of the result."""
    core: str
    """Name of the mechanistic core; ``none`` where there is none."""
    parameters: Mapping[str, Parameter]
    """Identified parameters of the core."""
    governs: Word | None
    """Parameter of the core that the learner gives the logarithm of a factor of; only for that form."""
    inputs: Annotated[Mapping[str, Input], Field(min_length=1)]
    """Inputs by name."""
    features: tuple[str, ...]
    """What the learner looks at: inputs, ``core``, and clues of the core."""
    learner: Frozen | None
    """The learner; none where the core stands alone."""
    half: Positive
    """Half width of the interval, in multiples of the standard deviation of the learner, or of `scale` [1]."""
    regions: tuple[Region, ...] = ()
    """Half widths by what is said, in rising order; `half` holds everywhere where there are none."""
    scale: Positive
    """Typical error where the learner knows no standard deviation, and least one where it does; in the unit of the
    result, or relative [1]."""
    growth: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)] = 0.0
    """Share of the variance of errors, at the value `middle`, that grows with the square of the value [1]."""
    middle: Positive = 1.0
    """Usual value, in the unit of the result."""
    coverage: Annotated[float, Field(gt=0, lt=1)]
    """Share of results the interval is to cover [1]."""
    core_half: Positive
    """Half width of the interval of the core alone, in multiples of `scale` [1]."""
    domain: Domain | None
    """Where it may be believed; none for a model that has no learner."""
    card: Card
    """Where it comes from and what it is worth."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.core != NO_CORE and self.core not in CORES:
            raise ValueError(f"found the core {self.core}, expected one of {', '.join([*CORES, NO_CORE])}")
        core = CORES.get(self.core)
        missing = [] if core is None else [n for n, one in core.inputs.items() if one.needed and n not in self.inputs]
        absent = [] if core is None else [name for name in core.unknowns if name not in self.parameters]
        if missing or absent:
            raise ValueError(f"the core {self.core} wants {', '.join([*missing, *absent])}")
        if self.learner is not None and self.learner.n_inputs != len(self.features):
            raise ValueError(f"the learner has {self.learner.n_inputs} inputs, expected {len(self.features)}")
        rising(self.regions)
        if (self.form == "serial_parameter") != (self.governs is not None):
            raise ValueError("expected governs for serial_parameter, and for nothing else")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What a model says at points, each array of shape ``(n,)``, in the unit of the result."""

    value: Floats
    """Value of core and learner together, in the unit of the result."""
    core: Floats
    """Value of the core alone, in the unit of the result; not a number where there is none."""
    spread: Floats
    """Scale of its error: a standard deviation in the unit of the result, or relative where it is logarithmic."""


def read(data: bytes, name: str) -> HybridModel:
    """Return the model in a file.

    Parameters
    ----------
    data
        What the file holds, JSON.
    name
        Name of the file, for the message.

    Raises
    ------
    ValueError
        If the file holds no hybrid soft sensor.
    """
    return stored(HybridModel, data, name, "hybrid soft sensor")


def said(model: HybridModel, inputs: Values) -> Said:
    """Return what a model says.

    Parameters
    ----------
    model
        The model.
    inputs
        Aligned inputs by name, each of shape ``(n,)``, units of the model.
    """
    n = len(next(iter(inputs.values())))
    numbers = {name: one.value for name, one in model.parameters.items()}
    given = CORES[model.core](numbers, inputs) if model.core != NO_CORE else {"value": np.full(n, np.nan)}
    core = given["value"]
    if model.learner is None:
        return Said(core, core, model.scale * grown(model.growth, model.middle, core))
    found = model.learner.predict(matrix(model.features, inputs, given))
    flat = np.full(n, model.scale)
    spread = flat if found.sd is None else np.maximum(found.sd, LEAST_SPREAD * model.scale)
    if model.governs is not None:
        return Said(core_with(model.core, numbers, inputs, (model.governs, found.mean)), core, flat)
    added = model.form == "parallel"
    if not model.logarithm:
        value = core + found.mean if added else found.mean
        return Said(value, core, spread * grown(model.growth, model.middle, value))
    base = logarithms(core) if added else 0.0
    return Said(exponentials(np.minimum(base + found.mean, _FARTHEST)), core, spread)


def half_at(model: HybridModel, value: Floats) -> Floats:
    """Return the half width of intervals around values, in multiples of what is stated with them [1], shape ``(n,)``.

    Parameters
    ----------
    model
        The model.
    value
        What core and learner say together, shape ``(n,)``, in the unit of the result.
    """
    return np.array([half_among(model.regions, model.half, one) for one in value.tolist()])


def grown(growth: float, middle: float, value: Floats) -> Floats:
    """Return by what errors are larger at a value than at a usual one [1], shape ``(n,)``.

    Parameters
    ----------
    growth
        Share of their variance, at the usual value, that grows with the square of the value [1].
    middle
        The usual value, in the unit of the result.
    value
        Values, shape ``(n,)``, in the same unit.

    Examples
    --------
    >>> grown(1.0, 2.0, np.array([2.0, 4.0])).tolist()
    [1.0, 2.0]
    """
    share = value / middle
    return np.asarray(np.sqrt(1.0 - growth + growth * share * share))


def core_half(model: HybridModel, core: float) -> float:
    """Return the half width of the interval of the core alone, in the unit of the result, or relative.

    Parameters
    ----------
    model
        The model.
    core
        What the core says, in the unit of the result.
    """
    return model.core_half * model.scale * float(grown(model.growth, model.middle, np.array([core]))[0])


def bounds(model: HybridModel, value: Floats | float, spread: Floats | float) -> tuple[Floats | float, Floats | float]:
    """Return the interval around a value, in the unit of the result.

    Parameters
    ----------
    model
        The model.
    value
        Value, in the unit of the result.
    spread
        Half width, in the unit of the result, or relative where the model is logarithmic.
    """
    if not model.logarithm:
        return value - spread, value + spread
    wide = exponentials(np.minimum(np.asarray(spread), _FARTHEST))
    return value / wide, value * wide


def sd_of(model: HybridModel, value: float, half: float) -> float:
    """Return the standard deviation of a normal error that would have an interval, in the unit of the result.

    Parameters
    ----------
    model
        The model.
    value
        Value, in the unit of the result.
    half
        Half width, in the unit of the result, or relative where the model is logarithmic.
    """
    return half / _NORMAL_90 * (abs(value) if model.logarithm else 1.0)


def matrix(features: tuple[str, ...], inputs: Values, core: Values) -> Floats:
    """Return what a learner looks at, shape ``(n, n_features)``, units of inputs and clues.

    Parameters
    ----------
    features
        Names of features.
    inputs
        Inputs by name, each of shape ``(n,)``, in their units.
    core
        Value and clues of the core, each of shape ``(n,)``.
    """
    known = {**core, **inputs, CORE_VALUE: core["value"]}
    return np.column_stack([known[name] for name in features])


def core_with(core: str, parameters: Mapping[str, float], inputs: Values, governed: tuple[str, Floats]) -> Floats:
    """Return the value of a core with one parameter multiplied, shape ``(n,)``, in its unit.

    Parameters
    ----------
    core
        Name of the core.
    parameters
        Parameters by name, in their units.
    inputs
        Inputs by name, each of shape ``(n,)``, in their units.
    governed
        Name of the parameter, and the logarithm of its factor, shape ``(n,)`` [1].
    """
    name, log_factor = governed
    factor = exponentials(np.clip(log_factor, -REACH, REACH))
    return CORES[core]({**parameters, name: parameters[name] * factor}, inputs)["value"]
