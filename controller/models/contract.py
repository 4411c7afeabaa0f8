"""The contract of a control model, checked in one call: what is wrong is said in one sentence.

That biases can be told apart at rest is the condition for control without offset: K. R. Muske and T. A. Badgwell,
"Disturbance modeling for offset-free linear model predictive control", J. Process Control 12(5), 2002,
doi:10.1016/S0959-1524(01)00051-8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from controller.models.base import ControlModel
from controller.models.symbolic import Compiled, Matrix, ahead, casadi, outputs, rates, readings, vector
from plant_io.signals import Floats
from policies.units import known as is_unit

_WORD = re.compile(r"[a-z][A-Za-z0-9_]*|[A-Z][A-Za-z0-9_]*")
_SPAN_S = 60.0
_DROP = 1e-9
_PART = 0.1
_ROUGH = ("fabs", "floor", "ceil", "fmod", "remainder", "sign", "fmin", "fmax", "if_else_zero", "lt", "le", "eq", "ne")


def check(model: ControlModel, inputs: Mapping[str, float], known: Mapping[str, float]) -> None:
    """See that a control model is one that estimator and solver can use.

    Parameters
    ----------
    model
        Control model.
    inputs
        Usual inputs by name, each in its unit of the model.
    known
        Usual known inputs by name, each in its unit of the model.

    Raises
    ------
    ValueError
        If it is not; the first thing that is wrong is said in one sentence.
    """
    for sentence in (*_named(model), *_measured(model), *_doubted(model)):
        raise ValueError(sentence)
    u = np.array([inputs[name] for name in model.inputs], dtype=np.float64)
    w = np.array([known[name] for name in model.known], dtype=np.float64)
    for sentence in (*_smooth(model), *_finite(model, u, w), *_observable(model, u, w)):
        raise ValueError(sentence)


def _named(model: ControlModel) -> Iterator[str]:
    roles = {
        "state": model.states,
        "input": model.inputs,
        "known input": model.known,
        "measurement": model.measured,
        "controlled variable": model.controlled,
    }
    for role, units in roles.items():
        if not units and role != "known input":
            yield f"it has no {role}"
        for name, unit in units.items():
            if not _WORD.fullmatch(name):
                yield f"the {role} {name!r} is no word of letters, digits and underscores"
            if not is_unit(unit):
                yield f"the unit {unit!r} of the {role} {name} is no UCUM code"


def _measured(model: ControlModel) -> Iterator[str]:
    for name, bias in model.biases.items():
        if name in model.measured and bias not in model.states:
            yield f"the bias {bias} of the measurement {name} is none of the states"
    if model.measured and not model.biases:
        yield "no measurement has a bias among the states, so that an offset would be left"
    if len(set(model.biases.values())) < len(model.biases):
        yield "two measurements have the same bias, so that neither is believed"


def _doubted(model: ControlModel) -> Iterator[str]:
    biases = set(model.biases.values())
    for name in model.states:
        if not model.start_sd.get(name, 0.0) > 0.0:
            yield f"the doubt about {name} at the start is no number above zero"
        if name not in biases and not model.wander_sd.get(name, 0.0) > 0.0:
            yield f"the doubt that {name} gains is no number above zero"
    if not model.longest_step_s > 0.0:
        yield "the longest step is no time"


def _symbols(model: ControlModel) -> tuple[Matrix, Matrix, Matrix]:
    return vector("x", len(model.states)), vector("u", len(model.inputs)), vector("w", len(model.known))


def _smooth(model: ControlModel) -> Iterator[str]:
    """Say which formula has a kink or a jump; what is constant has none."""
    given = _symbols(model)
    every = {"derivatives": rates, "controlled variables": outputs, "measurements": readings}
    for role, formula in every.items():
        whole = formula(model, *given)
        if whole.shape[1] != 1:
            yield f"the {role} are no column"
        for word in _ROUGH:
            if re.search(rf"\b{word}\(", str(whole)) or (word in {"lt", "le", "eq", "ne"} and _compares(str(whole))):
                yield f"the {role} have a kink or a jump ({word}), expected a smooth form such as a softplus"
                break


def _compares(text: str) -> bool:
    return any(sign in text for sign in ("<", "==", "!="))


def _finite(model: ControlModel, u: Floats, w: Floats) -> Iterator[str]:
    x, (xs, us, ws) = model.steady(u, w, {}), _symbols(model)
    if not np.isfinite(x).all():
        yield "the steady state at usual inputs is not finite"
        return
    every = {"derivatives": rates, "controlled variables": outputs, "measurements": readings}
    for role, formula in every.items():
        whole = formula(model, xs, us, ws)
        values, slopes = Compiled([xs, us, ws], [whole, casadi().jacobian(whole, casadi().vertcat(xs, us))])(x, u, w)
        if not np.isfinite(values).all():
            yield f"the {role} are not finite at rest with usual inputs"
        if not np.isfinite(slopes).all():
            yield f"the slopes of the {role} are not finite at rest with usual inputs"
    off = Compiled([xs, us, ws], [rates(model, xs, us, ws)])(x, u, w)[0] * _SPAN_S
    for name, moved in zip(model.states, off.tolist(), strict=True):
        if abs(moved) > model.start_sd[name]:
            yield f"the steady state does not rest: {name} moves by {moved:.3g} {model.states[name]} in a minute"


def _observable(model: ControlModel, u: Floats, w: Floats) -> Iterator[str]:
    """Say which bias or state that stays cannot be told from others by the measurements."""
    xs, us, ws = _symbols(model)
    step, shown = ahead(model, xs, us, ws, _SPAN_S), readings(model, xs, us, ws)
    slopes = casadi().jacobian(casadi().vertcat(step - xs, shown), xs)
    (found,) = Compiled([xs, us, ws], [slopes])(model.steady(u, w, {}), u, w)
    scaled = found.reshape(-1, len(model.states)) * np.array([model.start_sd[name] for name in model.states])
    _, sizes, directions = np.linalg.svd(scaled / np.maximum(np.abs(scaled).max(axis=1, keepdims=True), _DROP))
    if sizes[-1] < _DROP * sizes[0]:
        mixed = [n for n, part in zip(model.states, directions[-1].tolist(), strict=True) if abs(part) > _PART]
        yield f"the measurements do not tell {' from '.join(mixed) or 'the biases'} at rest"
