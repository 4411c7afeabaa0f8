"""What turning line A down saves while all it makes is rejected: the same seeds with it and without it.

Two long disturbances: a press that underfills ever more, which only ends with the run, and a load cell that is off by
4 % for 30 min, in which nobody knows what is fed. Scores are from the plant's truth, from the beginning of the
disturbance on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from rich.progress import track

from benchmarks.tool import Result, main
from hil.control_only import control_only
from hil.library import changed, find, open_scenario
from hil.rig.play import in_memory
from hil.scenario import Asked, Wrong
from policies import Policy

SEEDS = (3, 4, 5, 6)
"""Seeds that are reported."""
TURNDOWN = {"loop": "blend", "name": "total", "target": 18, "after": "5m"}
CASES = {
    "fill": ({"id": "F12", "target": "PRS", "magnitude": 0.5, "shape": "ramp", "ramp": "30m"}, 4800.0),
    "cell": ({"id": "F04", "target": "FDR_EXC", "magnitude": 0.04, "for": "30m"}, 4200.0),
}
"""What goes wrong, and how long the run is [s]."""
_FROM_S = 840.0


class Kept(NamedTuple):
    """Masses since the disturbance began [kg]."""

    made: float
    """Left the line."""
    rejected: float
    """Rejected of it."""
    escaped: float
    """Outside its specification and let out, in all of the run."""


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure what a turndown saves on line A."""
    seeds = SEEDS[:1] if quick else SEEDS
    result = Result("turndown", config={"after": "5m", "target_kg_per_h": 18}, seeds=seeds)
    _, plain = open_scenario(find("a_quiet"))
    slower = changed(plain, {"material": {"turndown": TURNDOWN}})
    runs = [(case, seed) for case in CASES for seed in seeds]
    for case, seed in track(runs, description="line A, runs"):
        for how, policy in (("without", plain), ("with", slower)):
            kept = play(case, seed, policy)
            target = result.baselines if how == "without" else result.figures
            target |= {f"{case}_{seed}_{name}_kg": round(value, 3) for name, value in kept._asdict().items()}
    for case in CASES:
        sums = [
            sum(float(str(found[f"{case}_{seed}_rejected_kg"])) for seed in seeds)
            for found in (result.figures, result.baselines)
        ]
        result.ratios[f"{case}_rejected"] = sums[0] / sums[1]
    return result


def play(case: str, seed: int, policy: Policy) -> Kept:
    """Return what a run came to.

    Parameters
    ----------
    case
        Name of the disturbance.
    seed
        Seed of the line.
    policy
        Policy it is run under.
    """
    wrong, for_s = CASES[case]
    base, _ = open_scenario(find("a_quiet"))
    faults = (Wrong.model_validate({**wrong, "after": f"{_FROM_S:g}s"}),)
    asked = (Asked.model_validate({"after": "30s", "mode": "auto"}),)
    scenario = base.model_copy(update={"for_s": for_s, "faults": faults, "orders": asked, "assertions": {}})
    played = in_memory(*control_only(scenario, policy), seed)
    since = played.truth["time"] > _FROM_S
    made, gone = (float(np.diff(played.truth[n], prepend=0.0)[since].sum()) for n in ("produced_kg", "rejected_kg"))
    return Kept(made, gone, float(str(played.kpis["escaped_kg"])))


if __name__ == "__main__":
    main(measure)
