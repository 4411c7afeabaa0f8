"""Line A against its yardsticks, scored from the plant's truth.

An hour of line time each, on seeds that were never used for tuning, with refills and all noise; open loop, a tuned PI
loop and the shipped policy run on the same seeds, and the loops are closed at 3 min.

* ``disturbed``: the probe shows 1 % too much or too little from 5 min on, the API comes 15 % lighter at 10 min and 15 %
  heavier at 30 min or the other way round, and at 45 min a new lot of excipient feeds 8 % less per turn.
* ``span``: the load cell of the API feeder gets a span error of 4 % at 15 min.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
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

SEEDS = tuple(range(1, 11))


def iae(truth: Truth, policy: Policy) -> float:
    """Return the integral of the absolute API error of a run [% s]."""
    return cast("Held", kpis(truth, policy)["api"])["iae"]


def rsd(truth: Truth) -> float:
    """Return the relative standard deviation of the label claim of the tablets [%]."""
    claim = truth["lc_pct"][truth["time"] > 900.0]
    return float(100.0 * claim.std() / claim.mean())


def disturbed(seed: int) -> tuple[Fault, ...]:
    """Return what goes wrong in the hour of one seed; every other seed has the signs the other way round."""
    sign = 1.0 if seed % 2 else -1.0
    return (
        Fault("N03", "NIR", 300.0, magnitude=0.01 * sign),
        Fault("F07", "FDR_API", 600.0, 1800.0, magnitude=0.15 * sign),
        Fault("F07", "FDR_API", 1800.0, magnitude=-0.15 * sign),
        Fault("F07", "FDR_EXC", 2700.0, magnitude=0.08),
    )


def span(seed: int) -> tuple[Fault, ...]:
    """Return the load-cell error, the same for every seed."""
    del seed
    return (Fault("F04", "FDR_API", 900.0, magnitude=0.04),)


CASES: Mapping[str, Callable[[int], tuple[Fault, ...]]] = {"disturbed": disturbed, "span": span}


def scenario(faults: Sequence[Fault], for_s: float) -> Scenario:
    """Return the hour as a scenario; `for_s` is its length [s]."""
    base, _ = open_scenario(find("a_quiet"))
    asked = Asked.model_validate({"after": "3m", "mode": "auto"})
    wrong = tuple(Wrong.model_validate(_written(fault)) for fault in faults)
    return base.model_copy(update={"for_s": for_s, "faults": wrong, "orders": (asked,), "assertions": {}})


def _written(fault: Fault) -> dict[str, object]:
    words: dict[str, object] = {"id": fault.id, "target": fault.target, "magnitude": fault.magnitude}
    words["after"] = f"{fault.on_s:g}s"
    if fault.off_s < inf:
        words["for"] = f"{fault.off_s - fault.on_s:g}s"
    return words


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the closed loop of line A."""
    seeds, for_s = (SEEDS[:1], 1500.0) if quick else (SEEDS, 3600.0)
    result = Result(
        "loops", config={"length_s": for_s, "cases": list(CASES), "unit_iae": "% s", "unit_rsd": "%"}, seeds=seeds
    )
    for case, faults in CASES.items():
        rows = _rows(case, faults, seeds, for_s)
        mean = {key: float(np.mean(values)) for key, values in rows.items()}
        end = "A" if case == "disturbed" else "span_A"
        result.figures |= {f"{key}_{end}": mean[key] for key in ("iae", "rsd_api", "in_spec")}
        result.figures |= {f"iae_{end}_by_seed": rows["iae"]}
        result.ratios |= {f"iae_vs_{other}_{end}": mean["iae"] / mean[f"iae_{other}"] for other in ("pi", "open")}
        result.baselines |= {f"iae_{other}_{end}": mean[f"iae_{other}"] for other in ("pi", "open")}
        result.baselines |= {f"iae_{other}_{end}_by_seed": rows[f"iae_{other}"] for other in ("pi", "open")}
    return result


def _rows(
    case: str, faults: Callable[[int], tuple[Fault, ...]], seeds: Sequence[int], for_s: float
) -> dict[str, list[float]]:
    _, policy = open_scenario(find("a_quiet"))
    rows: dict[str, list[float]] = {key: [] for key in ("iae_open", "iae_pi", "iae", "rsd_api", "in_spec")}
    for seed in track(seeds, description=f"line A {case}, seeds"):
        day = Day(seed, faults(seed), for_s)
        rows["iae_open"].append(iae(open_loop(policy, day), policy))
        rows["iae_pi"].append(iae(under_pi(policy, day), policy))
        truth = in_memory(scenario(faults(seed), for_s), policy, seed).truth
        rows["iae"].append(iae(truth, policy))
        rows["rsd_api"].append(rsd(truth))
        rows["in_spec"].append(float(np.mean(np.abs(truth["api_frame"] - 10.0) <= 0.5)))
    return rows
