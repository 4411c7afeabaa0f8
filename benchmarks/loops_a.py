"""Line A against its yardsticks, scored from the plant's truth.

An hour with refills and all noise, a 4 % load-cell span error on the API feeder at 15 min. Open loop, a tuned PI loop
and the shipped policy run on the same seeds; the loops are closed at 3 min.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from rich.progress import track

from benchmarks.tool import Result
from hil.library import find, open_scenario
from hil.plants.faults import Fault
from hil.rig.baselines import Day, open_loop, under_pi
from hil.rig.play import in_memory
from hil.rig.score import Held, kpis
from hil.rig.truth import Truth
from hil.scenario import Asked, Scenario, Wrong
from policies import Policy

SPAN_ERROR = Fault("F04", "FDR_API", 900.0, magnitude=0.04)
SEEDS = tuple(range(1, 11))


def iae(truth: Truth, policy: Policy) -> float:
    """Return the integral of the absolute API error of a run [% s]."""
    return cast("Held", kpis(truth, policy)["api"])["iae"]


def rsd(truth: Truth) -> float:
    """Return the relative standard deviation of the label claim of the tablets [%]."""
    claim = truth["lc_pct"][truth["time"] > 900.0]
    return float(100.0 * claim.std() / claim.mean())


def scenario(for_s: float) -> Scenario:
    """Return the hour as a scenario; `for_s` is its length [s]."""
    base, _ = open_scenario(find("a_quiet"))
    wrong = Wrong.model_validate({"id": "F04", "target": "FDR_API", "after": "15m", "magnitude": 0.04})
    asked = Asked.model_validate({"after": "3m", "mode": "auto"})
    return base.model_copy(update={"for_s": for_s, "faults": (wrong,), "orders": (asked,), "assertions": {}})


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the closed loop of line A."""
    seeds, for_s = (SEEDS[:2], 1500.0) if quick else (SEEDS, 3600.0)
    _, policy = open_scenario(find("a_quiet"))
    rows: dict[str, list[float]] = {"open": [], "pi": [], "ours": [], "rsd": [], "inside": []}
    for seed in track(seeds, description="line A, seeds"):
        day = Day(seed, (SPAN_ERROR,), for_s)
        rows["open"].append(iae(open_loop(policy, day), policy))
        rows["pi"].append(iae(under_pi(policy, day), policy))
        played = in_memory(scenario(for_s), policy, seed)
        rows["ours"].append(iae(played.truth, policy))
        rows["rsd"].append(rsd(played.truth))
        rows["inside"].append(float(np.mean(np.abs(played.truth["api_frame"] - 10.0) <= 0.5)))
    mean = {key: float(np.mean(values)) for key, values in rows.items()}
    return Result(
        "loops",
        figures={
            "rsd_api_A": mean["rsd"],
            "iae_A": mean["ours"],
            "in_spec_A": mean["inside"],
            "iae_A_by_seed": rows["ours"],
        },
        ratios={"iae_vs_pi_A": mean["ours"] / mean["pi"], "iae_vs_open_A": mean["ours"] / mean["open"]},
        baselines={
            "iae_open_A": mean["open"],
            "iae_pi_A": mean["pi"],
            "iae_open_A_by_seed": rows["open"],
            "iae_pi_A_by_seed": rows["pi"],
        },
        config={"length_s": for_s, "fault": "F04 0.04 on FDR_API at 900 s", "unit_iae": "% s", "unit_rsd": "%"},
        seeds=seeds,
    )
