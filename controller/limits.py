"""What people may set while a loop runs: limits inside those of the policy, and targets that are numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf, isfinite

import numpy as np

from controller import witness
from controller.cycle import SetLimits, SetTarget
from controller.dropout import gone
from controller.kit import LoopKit
from controller.state import LoopState
from plant_io.changes import replace
from plant_io.signals import Floats
from policies.units import convert

Span = tuple[float, float]


def set_limits(kit: LoopKit, old: LoopState, act: SetLimits) -> tuple[LoopState, str]:
    """Return the memory after limits were set, or refused, and what to say of it."""
    found = _variable(kit, act.name)
    if found is None:
        return old, f"limits refused, {act.name} is neither moved nor controlled here"
    widest, unit = found
    if widest is None:
        return old, f"limits of {act.name} refused, the policy gives none it could be narrower than"
    if act.limits is None:
        kept = {name: span for name, span in old.limits.items() if name != act.name}
        said = f"limits of {act.name} are those of the policy, {_spoken(widest, unit)}"
        return _posed(replace(old, limits=kept)), said
    low, high = act.limits
    why = "" if low < high else "expected the lower value first and the higher second"
    if not why and not widest[0] <= low < high <= widest[1]:
        why = f"expected limits within {_spoken(widest, unit)}"
    target = None if act.name in kit.declared.moved else _target(kit, old, act.name)
    if not why and target is not None and not low <= target <= high:
        why = f"its target of {target:g} would lie outside"
    if why:
        return old, f"limits {low:g} to {high:g} of {act.name} refused, {why}"
    limits = {**old.limits, act.name: (low, high)}
    return _posed(replace(old, limits=limits)), f"limits of {act.name} set to {_spoken((low, high), unit)}"


def set_target(kit: LoopKit, old: LoopState, act: SetTarget) -> tuple[LoopState, str]:
    """Return the memory after a target was set, or refused, and what to say of it."""
    declared = kit.declared.controlled.get(act.name)
    if declared is None:
        return old, f"target refused, {act.name} is not controlled here"
    if not isinstance(declared.target, float):
        where = "it has none" if declared.target is None else f"it comes from {declared.target}"
        return old, f"target of {act.name} refused, {where}"
    mine = act.name not in kit.declared.moved  # limits of an input of the same name are none of its own
    widest, unit = old.limits.get(act.name, declared.limits) if mine else declared.limits, declared.unit
    wanted = declared.target if act.target is None else act.target
    if not isfinite(wanted) or (widest is not None and not widest[0] <= wanted <= widest[1]):
        within = "" if widest is None else f" within {_spoken(widest, unit)}"
        return old, f"target {wanted:g} of {act.name} refused, expected a number{within}"
    kept = {name: value for name, value in old.wished.items() if name != act.name}
    wished = kept if act.target is None else {**kept, act.name: wanted}
    whose = " of the policy" if act.target is None else ""
    return _posed(replace(old, wished=wished)), f"target of {act.name} set to {wanted:g} {unit}{whose}"


def bounds(kit: LoopKit, old: LoopState) -> tuple[list[float], list[float]]:
    """Return the lowest and the highest inputs permitted now, units of the model.

    They lie within the policy; within that, in the authority around what was found at take-over; within that, in the
    limits people have set; and within all of it, in what the PLC takes. An input the loop does without stays where it
    is.
    """
    low, high = _authority(kit, old)
    if not (old.limits or old.closed or old.idle):
        return low, high
    out = gone(old.idle)
    for i, key in enumerate(kit.model.inputs):
        for span in _narrower(kit, old, key):
            low[i], high[i] = (min(max(end, low[i]), high[i]) for end in span)
        if key in out and old.inputs is not None:
            low[i] = high[i] = old.inputs[i]
    return low, high


def _narrower(kit: LoopKit, old: LoopState, key: str) -> list[Span]:
    found, unit = list[Span](), kit.declared.moved[key].unit
    if key in old.limits:
        low, high = old.limits[key]
        found.append((convert(low, unit, kit.model.inputs[key]), convert(high, unit, kit.model.inputs[key])))
    if key in old.closed:
        closed, scale = old.closed[key], kit.scales[kit.fences[key].tag]
        found.append(
            (
                -inf if closed.low is None else scale.to_model(closed.low),
                inf if closed.high is None else scale.to_model(closed.high),
            )
        )
    return found


def _authority(kit: LoopKit, old: LoopState) -> tuple[list[float], list[float]]:
    low, high = kit.low.tolist(), kit.high.tolist()
    if not old.anchors or not kit.authority:
        return low, high
    for i, key in enumerate(kit.model.inputs):
        low[i], high[i] = witness.span(kit, old, key, (low[i], high[i]))
    return low, high


def asked(kit: LoopKit, old: LoopState, inputs: Floats) -> dict[str, float]:
    """Return what a plan asks of each input now, in the unit of its tag.

    It is within what is permitted now, whatever was when the plan was made. An input found outside goes back no faster
    than plans take it; until one does, it stands.

    Parameters
    ----------
    kit
        The loop.
    old
        Memory of the loop.
    inputs
        Inputs wished for, shape ``(n_u,)``, units of the model.
    """
    low, high = bounds(kit, old)
    if old.inputs is not None and (old.limits or old.closed or old.borne):
        low = [min(end, stands) for end, stands in zip(low, old.inputs, strict=True)]
        high = [max(end, stands) for end, stands in zip(high, old.inputs, strict=True)]
    return {
        key: kit.scales[kit.fences[key].tag].to_tag(min(max(value, least), most))
        for key, value, least, most in zip(kit.model.inputs, inputs.tolist(), low, high, strict=True)
        if key not in old.idle
    }


def inside(kit: LoopKit, old: LoopState, wanted: Mapping[str, float]) -> dict[str, float]:
    """Return what is wanted of inputs where that is permitted, by name, each in the unit of its tag.

    Parameters
    ----------
    kit
        The loop.
    old
        Memory of the loop.
    wanted
        Values by input, each in the unit of its tag.
    """
    spans = dict(zip(kit.model.inputs, zip(*bounds(kit, old), strict=True), strict=True))
    found = dict[str, float]()
    for key, value in wanted.items():
        least, most = sorted(kit.scales[kit.fences[key].tag].to_tag(end) for end in spans[key])
        if least <= value <= most:
            found[key] = value
    return found


def acceptable(kit: LoopKit, old: LoopState) -> tuple[Floats, Floats]:
    """Return lowest and highest acceptable outputs, shapes ``(n_y,)``, units of the model; empty for the policy's.

    Where people have set them, they are theirs. What has just come back is acceptable where it is led.
    """
    back = {name: absence.shown for name, absence in old.absent.items() if absence.back is not None}
    if not back and not any(name in old.limits for name in kit.model.controlled if name not in kit.declared.moved):
        return np.empty(0), np.empty(0)
    found = [_acceptable(kit, old, name, unit) for name, unit in kit.model.controlled.items()]
    spans = [
        (min(low, back.get(name, inf)), max(high, back.get(name, -inf)))
        for name, (low, high) in zip(kit.model.controlled, found, strict=True)
    ]
    return np.array([low for low, _ in spans]), np.array([high for _, high in spans])


def _acceptable(kit: LoopKit, old: LoopState, name: str, unit: str) -> Span:
    declared = kit.declared.controlled[name]
    if declared.limits is None:
        return -inf, inf
    mine = old.limits.get(name, declared.limits) if name not in kit.declared.moved else declared.limits
    return convert(mine[0], declared.unit, unit), convert(mine[1], declared.unit, unit)


def _variable(kit: LoopKit, name: str) -> tuple[Span | None, str] | None:
    """Return the limits of the policy for a variable, and their unit; None if there is no such variable."""
    found = kit.declared.moved.get(name) or kit.declared.controlled.get(name)
    return None if found is None else (found.limits, found.unit)


def _target(kit: LoopKit, old: LoopState, name: str) -> float | None:
    declared = kit.declared.controlled[name]
    return old.wished.get(name, declared.target) if isinstance(declared.target, float) else None


def _posed(old: LoopState) -> LoopState:
    """Return the memory of a loop that wants a new plan at once; what was offered before is not on offer any more."""
    return replace(old, next_at=None, proposal=None)


def _spoken(span: Sequence[float], unit: str) -> str:
    return f"{span[0]:g} to {span[1]:g} {unit}".strip()
