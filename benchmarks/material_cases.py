"""Disturbances of what is fed to line A, many in one run and far apart, and what was seen of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from controller.cycle import Cycle
from hil.control_only import control_only
from hil.library import find, open_scenario
from hil.plants.faults import Fault
from hil.rig.play import in_memory
from hil.scenario import Asked, Scenario, Wrong
from plant_io.signals import Floats
from policies import Policy

FIRST_S, APART_S = 1200.0, 1000.0
"""When the first disturbance begins, and time from the beginning of one to that of the next [s]."""
KINDS = ("bridge_api", "bridge_exc", "flush_api", "flush_exc", "lot_api", "lot_exc")
"""Bridging to a share of the flow, flushing of aerated powder, and powder that comes lighter or heavier for a while."""
_FLOWS = ("FDR_API.F_PV", "FDR_EXC.F_PV", "FDR_LUB.F_PV")
_TARGET = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """One run, a row a second; masses in kg."""

    starts: Floats
    """When each disturbance began, shape ``(n,)`` [s]."""
    at: Floats
    """Plant time at the end of each second, shape ``(rows,)`` [s]."""
    made: Floats
    """Mass made in each second, shape ``(rows,)`` [kg]."""
    bad: NDArray[np.bool_]
    """Whether it was outside its specification, by the plant's truth, shape ``(rows,)``."""
    asked: NDArray[np.bool_]
    """Whether the controller had the gate reject, shape ``(rows,)``."""
    rejected: NDArray[np.bool_]
    """Whether the gate rejected, for whatever reason, shape ``(rows,)``."""
    fed: Floats
    """Content of what was fed by the flow tags, shape ``(rows,)`` [%]."""
    seen: Floats
    """Content in the feed frame by the soft sensor, shape ``(rows,)`` [%]."""


def faults(seed: int, number: int) -> list[Fault]:
    """Return the disturbances of one seed: kind, size, length and the moment drawn at random.

    Parameters
    ----------
    seed
        Seed of the draw.
    number
        How many [1].
    """
    rng, found = np.random.default_rng([seed, 77]), list[Fault]()
    for i in range(number):
        on_s = round(FIRST_S + i * APART_S + rng.uniform(0.0, 60.0))
        kind = KINDS[rng.integers(len(KINDS))]
        target = "FDR_API" if kind.endswith("api") else "FDR_EXC"
        if kind.startswith("bridge"):
            size, length, name = rng.uniform(0.05, 0.8), rng.uniform(20.0, 180.0), "F02"
        elif kind.startswith("flush"):
            size, length, name = rng.uniform(0.2, 1.5), rng.uniform(5.0, 40.0), "F08"
        else:
            size, length, name = rng.uniform(-0.4, 0.4), rng.uniform(60.0, 400.0), "F07"
        found.append(Fault(name, target, on_s, on_s + round(length), magnitude=round(float(size), 4)))
    return found


def scenario(seed: int, number: int) -> tuple[Scenario, Policy]:
    """Return a run of control with the disturbances of a seed, and its policy.

    Parameters
    ----------
    seed
        Seed of the draw.
    number
        How many disturbances [1].
    """
    base, policy = open_scenario(find("a_quiet"))
    wrong = tuple(
        Wrong.model_validate(
            {"id": f.id, "target": f.target, "after": f"{f.on_s:g}s", "for": f"{f.off_s - f.on_s:g}s"}
            | {"magnitude": f.magnitude}
        )
        for f in faults(seed, number)
    )
    asked = Asked.model_validate({"after": "3m", "mode": "auto"})
    for_s = FIRST_S + number * APART_S
    played = base.model_copy(update={"for_s": for_s, "faults": wrong, "orders": (asked,), "assertions": {}})
    return control_only(played, policy)


def play(seed: int, number: int) -> Run:
    """Return what a run of control came to.

    Parameters
    ----------
    seed
        Seed of the line, of its true residence times, and of the disturbances.
    number
        How many disturbances [1].
    """
    lean, policy = scenario(seed, number)
    rows = list[tuple[float, float]]()

    def see(cycle: Cycle) -> None:
        flows = [cycle.snapshot[tag].value for tag in _FLOWS]
        rows.append((100.0 * flows[0] / max(sum(flows), 1e-9), cycle.decision.soft["SOFT.API"][0]))

    truth = in_memory(lean, policy, seed, sinks=(see,)).truth
    size = min(len(rows), len(truth["time"]))
    shown = np.array(rows[:size])
    made, gone = (np.diff(truth[name][:size], prepend=0.0) for name in ("produced_kg", "rejected_kg"))
    frame, claim = truth["api_frame"][:size], truth["lc_pct"][:size]
    return Run(
        starts=np.array([fault.on_s for fault in faults(seed, number)]),
        at=truth["time"][:size],
        made=made,
        bad=(np.abs(frame - _TARGET) > 0.5) | (np.abs(claim - 100.0) > 5.0),
        asked=truth["LINE.DIVERT_ACT"][:size] > 0.5,
        rejected=gone > 0.5 * made,
        fed=shown[:, 0],
        seen=shown[:, 1],
    )
