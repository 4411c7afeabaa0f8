"""What watches may look at besides tags: what the loops believed at the end of the last cycle.

``LOOP.state.NAME`` is a state of the control model, ``LOOP.bias.MEASUREMENT`` the bias state of a measurement,
``LOOP.innovation.MEASUREMENT`` what it showed less what was predicted, ``LOOP.input.NAME`` an input as read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from anomaly.engine import WatchKit
from anomaly.heard import Heard
from controller.models import ControlModel
from controller.models.transfer import Transfer
from controller.state import LoopState
from policies.check_shape import hint

Places = NDArray[np.intp]
Modelled = tuple[ControlModel | Transfer, tuple[str, ...]]
"""Model of a loop, and the names of its measurements."""


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """What is wanted of one loop."""

    states: Places
    """States that are wanted."""
    into: Places
    """Where they are put."""
    innovations: tuple[tuple[str, int], ...]
    """Measurements whose innovation is wanted, and where it is put."""
    inputs: tuple[tuple[int, int], ...]
    """Inputs that are wanted, and where they are put."""


@dataclass(frozen=True, slots=True, eq=False)
class BeliefKit:
    """What watches want to know, ready."""

    listens: bool = False
    """Whether any watch wants to know anything of the loops."""
    count: int = 0
    """Things wanted [1]."""
    loops: Mapping[str, Asked] | None = None
    """What is wanted of each loop."""


def prepare(watches: WatchKit, loops: Mapping[str, Modelled]) -> BeliefKit:
    """Return what watches want to know of loops, ready.

    Parameters
    ----------
    watches
        The watches.
    loops
        Model and measurements of each loop.

    Raises
    ------
    ValueError
        If a loop believes no such thing; the message names the watch and what comes nearest.
    """
    phased = any(when.loop is not None for one in watches.monitors for when in one.declared.suppressed)
    phased = phased or any(chart.declared.yields for chart in watches.charts)
    phased = phased or any(one.declared.yields for one in watches.trends)
    places = {name: i for i, name in enumerate(watches.asked)}
    return BeliefKit(
        listens=phased or bool(places),
        count=len(places),
        loops={name: _asked(name, loop, places) for name, loop in loops.items()},
    )


def heard(loops: Mapping[str, LoopState], kit: BeliefKit) -> Heard:
    """Return what the loops believe; not a number where they believe nothing.

    Parameters
    ----------
    loops
        Memory of each loop.
    kit
        What is wanted.
    """
    values = np.full(kit.count, nan)
    for name, asked in (kit.loops or {}).items():
        state = loops[name]
        if state.estimate is not None:
            values[asked.into] = state.estimate.x[asked.states]
            for measured, place in asked.innovations:
                values[place] = state.estimate.innovations.get(measured, nan)
        if state.inputs is not None:
            for which, place in asked.inputs:
                values[place] = state.inputs[which]
    return Heard(values, {name: state.phase.value for name, state in loops.items()})


def _asked(loop: str, modelled: Modelled, places: Mapping[str, int]) -> Asked:
    model, measured = modelled
    own = {tuple(name.split(".", 2)[1:]): at for name, at in places.items() if name.partition(".")[0] == loop}
    known = {"state": _states(model), "bias": _biases(model, measured)}
    known |= {"innovation": {name: i for i, name in enumerate(measured)}}
    known |= {"input": {name: i for i, name in enumerate(model.inputs)}}
    for part, name in own:
        if name not in known.get(part, {}):
            near = hint(f"{loop}.{part}.{name}", [f"{loop}.{p}.{n}" for p, names in known.items() for n in names])
            raise ValueError(f"watches: loop {loop} believes no {part}.{name}{near}")
    wanted = [(known[part][name], at) for (part, name), at in own.items() if part in {"state", "bias"}]
    return Asked(
        states=np.array([which for which, _ in wanted], np.intp),
        into=np.array([at for _, at in wanted], np.intp),
        innovations=tuple((name, at) for (part, name), at in own.items() if part == "innovation"),
        inputs=tuple((known[part][name], at) for (part, name), at in own.items() if part == "input"),
    )


def _states(model: ControlModel | Transfer) -> dict[str, int]:
    return {} if isinstance(model, Transfer) else {name: i for i, name in enumerate(model.states)}


def _biases(model: ControlModel | Transfer, measured: tuple[str, ...]) -> dict[str, int]:
    if isinstance(model, Transfer):
        return {name: model.biases.start + i for i, name in enumerate(measured)}
    states = list(model.states)
    return {name: states.index(bias) for name, bias in model.biases.items()}
