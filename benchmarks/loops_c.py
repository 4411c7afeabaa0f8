"""Line C under its loop against its yardsticks, scored from the plant's truth.

Four hours with a weak amine pump, a lot of solvent that poisons the catalyst, and one with an aldehyde. The loop is
closed at 5 min, and a day counts from 30 min on. Beside it on the same days: the standard setpoints, one constant
setting found on other days, and the best constant setting of each day, found by who knows that line and that day.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

import numpy as np
from rich.progress import track

from benchmarks.tool import Result, main
from hil.rig.baselines import Day
from hil.rig.baselines_c import DAY_S, FAULTS, LIMITS, MARGIN, ROBUST, SETTLED_S, Setting, hindsight, inside, kept, made
from hil.rig.play import in_memory
from hil.rig.truth import Truth
from hil.scenario import Scenario
from policies import Policy, load, shipped

SEEDS = tuple(range(1, 11))
UNLISTED = 0.05
"""Alert limit of any peak that is not listed [area-%]."""


def scenario(for_s: float) -> Scenario:
    """Return the day as a scenario; `for_s` is its length [s]."""
    faults = [
        {"id": f.id, "target": f.target, "after": f"{f.on_s:g}s", "magnitude": f.magnitude}
        | ({} if f.off_s == inf else {"for": f"{f.off_s - f.on_s:g}s"})
        for f in FAULTS
        if f.on_s < for_s
    ]
    told = {"scenario": 1, "title": "Pump, catalyst and solvent", "line": "C", "for": f"{for_s:g}s", "faults": faults}
    return Scenario.model_validate(told | {"orders": [{"after": "5m", "mode": "auto"}], "assertions": {}})


def measure(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the loop of line C."""
    seeds, for_s = (SEEDS[:1], 2700.0) if quick else (SEEDS, DAY_S)
    policy = load(shipped("C"))
    runs: dict[str, list[Truth]] = {"ours": [], "open": [], "constant": [], "hindsight": []}
    settings = list[Setting]()
    for seed in track(seeds, description="line C, seeds"):
        day = Day(seed, tuple(f for f in FAULTS if f.on_s < for_s), for_s)
        settings.append(hindsight([seed], MARGIN))
        runs["ours"].append(in_memory(scenario(for_s), policy, seed).truth)
        for name, truth in _beside(policy, day, settings[-1]).items():
            runs[name].append(truth)
    ours = _figures(runs["ours"])
    best, constant = (_figures(runs[name]) for name in ("hindsight", "constant"))
    beside: dict[str, object] = {f"{k}_{name}_C": v for name in list(runs)[1:] for k, v in _figures(runs[name]).items()}
    beside["settings_hindsight_C"] = [[round(one, 3) for one in setting] for setting in settings]
    return Result(
        "loops_c",
        figures={f"{key}_C": value for key, value in ours.items()},
        ratios={
            "made_vs_hindsight_C": ours["made_mmol_min"] / best["made_mmol_min"],
            "made_vs_constant_C": ours["made_mmol_min"] / constant["made_mmol_min"],
        },
        baselines=beside,
        config={"length_s": for_s, "counts_from_s": SETTLED_S, "faults": [f"{f.id} on {f.target}" for f in FAULTS]},
        seeds=seeds,
    )


def _beside(policy: Policy, day: Day, best: Setting) -> Mapping[str, Truth]:
    return {
        "open": kept(policy, day, None),
        "constant": kept(policy, day, ROBUST),
        "hindsight": kept(policy, day, best),
    }


def _figures(runs: Sequence[Truth]) -> dict[str, float]:
    """Return means over the days: shares of time within limits [1], and production [mmol/min]."""
    shares = [inside(truth) for truth in runs]
    found = {f"in_alert_limits_{name}": float(np.mean([one[name] for one in shares])) for name in LIMITS}
    unlisted = [float(np.mean(t["u"][t["time"] > SETTLED_S] <= UNLISTED)) for t in runs]
    return {
        "in_alert_limits": float(np.mean(list(found.values()))),
        **found,
        "in_alert_limits_u": float(np.mean(unlisted)),
        "made_mmol_min": float(np.mean([made(truth) for truth in runs])),
    }


if __name__ == "__main__":
    main(measure)
