"""A small hybrid soft sensor of line B, fitted to simulated runs, and the policy that declares it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

import numpy as np

from controller.soft.aligned import of_path
from controller.soft.hybrid_judge import Goal, forward, made
from controller.soft.hybrid_model import HybridModel
from controller.soft.recipes import Plan
from controller.soft.samples import Samples
from hil.runs_b import Runs, designed
from hil.runs_b import made as run
from policies import Policy, load, parse, shipped

TAGS: Mapping[str, str] = {
    "liquid_flow": "PMP.F_PV",
    "api_flow": "FDR_API.F_PV",
    "exc_flow": "FDR_EXC.F_PV",
    "inlet": "DRY.TIN_PV",
    "air": "DRY.AIR_PV",
    "humidity": "DRY.Y_IN",
    "bed": "DRY.T_BED",
    "outlet_humidity": "DRY.Y_OUT",
}
UNITS = dict(zip(TAGS, ("kg/h", "kg/h", "kg/h", "Cel", "m3/h", "kg/kg", "Cel", "kg/kg"), strict=True))
SHARES = {"inlet": 0.5, "air": 0.5, "humidity": 0.5, "bed": 0.0, "outlet_humidity": 0.0}
PLAN = Plan("two_zone", ("parallel",), ("ridge",), label_sd=0.1)


@cache
def runs(n: int, seed: int) -> Runs:
    """Return designed runs of line 3."""
    return run(3, designed(n, np.random.default_rng([seed, n])), seed)


def samples(n: int = 16, seed: int = 5, delay_s: float = 900.0) -> Samples:
    """Return labelled samples of loss on drying, one each half hour, known a quarter of an hour later."""
    found = runs(n, seed)
    at = 1800.0 * np.arange(n)
    return Samples({k: found.tags[tag] for k, tag in TAGS.items()}, found.labels["lod"], at, at + delay_s)


def goal(plan: Plan = PLAN) -> Goal:
    """Return what is to be made of them."""
    timings = {name: of_path(438.0, 3.0, SHARES.get(name, 1.0)) for name in TAGS}
    return Goal(
        plan, "lod", "%", UNITS, timings, "tests", "simulated runs of line B", label_delay_s=900.0, rivals=("ridge",)
    )


@cache
def model() -> HybridModel:
    """Return the model fitted to 16 runs."""
    return made(goal(), samples(), forward(goal(), samples()))


def policy(extra: str = "", fitted: HybridModel | None = None, lab: str = "") -> Policy:
    """Return line B with the soft sensor SOFT.HYBRID beside its own, which hear of no laboratory."""
    whole = load(shipped("b"))
    reads = ", ".join(f"{key}: {tag}" for key, tag in TAGS.items())
    section = (
        "soft_sensors:\n  SOFT.HYBRID:\n    kind: hybrid\n    form: parallel\n"
        f'    unit: "%"\n    range: [0, 15]\n    model: lod.soft.json\n    reads: {{{reads}}}\n{extra}'
    )
    text = re.sub(r"    lab: .*\n", "", whole.files[""].decode()).replace("soft_sensors:\n", section, 1)
    if lab:
        text = text.replace("\ntags:\n", f"\ntags:\n{lab}", 1)
    files = {**whole.files, "lod.soft.json": (fitted or model()).model_dump_json(by_alias=True).encode()}
    return parse(text.encode(), "line_b.yaml", files)


def tuned(**changes: object) -> HybridModel:
    """Return the model with some fields changed."""
    return model().model_copy(update=changes)
