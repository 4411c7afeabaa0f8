"""Limits that know the lot, on real tablet batches with changes laid on, beside the rules on values alone.

The batches of `benchmarks.tablets` in the order of time. Effects of product, supplier, lot, strength and certificate
are fitted to the first 350 batches, the numbers of all charts are chosen on them, and the batches after them are
scored once. Results come six batches late, in the order of making: a result is held against a limit made from all
results that came before it, and beside that from those that were there when its batch was made.

* total impurities: 0.10 % is added to one batch, to each in turn; `flagged` is the share of batches above their limit
  as they are.
* impurity L: 0.05 % is added to all batches from one on, from every fifth in turn; an EWMA chart on what is left.

A result at the limit of quantification of 0.05 % may be anywhere below. What is added counts from 0.05 %, and beside
that (`cautious`) from 0.025 %.
"""

from __future__ import annotations

import copy
import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import MappingProxyType

import numpy as np

from anomaly.charts import ChartsKit, ChartsState, Memory, feel, take
from anomaly.lots import Batch, Covariate, Expected, LotForecast, LotModel, LotSeen, Part
from anomaly.lots_fit import fitted
from benchmarks.tablets import LATE
from policies.charts import Averaging, Chart, Rule

FIRST, TAUGHT = 350, 60
LOQ, STEP = 0.05, 0.01
SHIFT, RISE = 0.10, 0.05
AFTER, EVERY = 30, 5
FALSE_PER_550 = 4.0
SHARE = 0.75 * 0.024
"""Share of normal batches that is promised to be flagged [1]: three quarters of what is allowed."""
WEIGHTS = (0.2, 0.3, 0.4)
LIMITS = tuple(round(2.0 + 0.1 * k, 1) for k in range(41))
RUN_RULES: tuple[Rule, ...] = ("nelson_1", "nelson_2", "nelson_3", "nelson_5", "nelson_6")
EWMA: tuple[Rule, ...] = ("ewma",)
ALONE: Mapping[str, tuple[Rule, ...]] = MappingProxyType({"three_sigma": ("shewhart",), "run_rules": RUN_RULES})
"""Rules on values alone."""
_FEW = 5

Figures = dict[str, float | None]
"""Figures by name; None for the median delay where most rises are not told."""

GUESS = LotModel(
    parts=(
        Part(sd=0.2),
        Part(of=("supplier",), sd=0.1),
        Part(of=("product",), sd=0.05),
        Part(of=("supplier", "lot"), sd=0.03),
        Part(of=("supplier", "lot", "strength"), sd=0.02),
        Part(of=("product",), fades=60.0, sd=0.03),
        Part(of=("supplier",), along="total", sd=0.01),
        Part(of=("supplier",), along="l", sd=0.01),
        Part(along="l", sd=0.01),
        Part(of=("supplier",), fades=60.0, sd=0.02),
        Part(fades=30.0, sd=0.01),
        Part(of=("supplier", "lot"), fades=10.0, sd=0.01),
    ),
    covariates={
        "total": Covariate(centre=0.2, scale=0.1, absent=0.2),
        "l": Covariate(centre=0.05, scale=0.03, absent=0.05),
    },
    noise=0.02,
    loq=LOQ,
    step=STEP,
    share=SHARE,
    passed=TAUGHT,
)
"""Effects sought, with about how large they may be [%]: product, lot of the drug substance, its certificate, time."""


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Batches in the order of time."""

    batches: Sequence[Batch]
    """What was known of each."""
    totals: Sequence[float]
    """Total impurities [%]."""
    ls: Sequence[float]
    """Impurity L [%]."""


def load(root: Path) -> Made:
    """Return the batches in a folder."""
    with (root / "laboratory.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    factors = {"supplier": "api_code", "lot": "api_batch", "product": "code", "strength": "strength"}
    certified = {"total": "api_total_impurities", "l": "api_l_impurity"}
    batches = [
        Batch(
            name=row["batch"],
            place=float(i),
            factors={name: row[column] for name, column in factors.items()},
            covariates={name: _number(row[column]) for name, column in certified.items()},
        )
        for i, row in enumerate(rows)
    ]
    return Made(batches, *([_number(row[f"impurit{end}"]) for row in rows] for end in ("ies_total", "y_l")))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")


def arrived(model: LotModel, batches: Sequence[Batch], values: Sequence[float], late: int = 0) -> list[LotSeen]:
    """Return every result against what was expected, `late` batches before it came [1], from results in % so far."""
    forecast, seen = LotForecast(model), list[LotSeen]()
    foretold: list[Expected] = []
    for i, batch in enumerate(batches):
        if late:
            foretold.append(forecast.foretell(batch))
        due = i - late
        if due >= 0:
            seen.append(forecast.take(batches[due], values[due], foretold[due] if late else None))
    for due in range(len(seen), len(batches)):
        seen.append(forecast.take(batches[due], values[due], foretold[due] if late else None))
    return seen


def from_where(value: float, *, cautious: bool) -> float:
    """Return where a shift counts from: a censored result, counted cautiously, from half its limit [%]."""
    return 0.5 * LOQ if cautious and value <= LOQ else value


def shifted(seen: Sequence[LotSeen]) -> Figures:
    """Return the share of batches told with a shift, and of those told as they are [1]."""
    found: Figures = {
        name: float(np.mean([from_where(s.value, cautious=care) + SHIFT > s.expected.limit + 1e-9 for s in seen]))
        for name, care in (("detected_010", False), ("detected_010_cautious", True))
    }
    return found | {"flagged": float(np.mean([s.above for s in seen]))}


def chart(rules: tuple[Rule, ...], weight: float = 0.2, limit: float = 3.0) -> ChartsKit:
    """Return a chart on standardised values."""
    averaging = Averaging(weight=weight, limit=limit)
    declared = Chart(kind="chart", tag="L", monitor="lots", rules=rules, ewma=averaging, response="Look.")
    return ChartsKit("chart", declared, "1", (0, 0))


def episodes(kit: ChartsKit, zs: Sequence[float]) -> tuple[int, float]:
    """Return how often a chart begins to speak in a row of distances in standard deviations, and for what share [1]."""
    state, told, active = ChartsState(), 0, 0
    for i, z in enumerate(zs):
        state, alert = feel(float(i), i, z, state, kit)
        told += alert is not None and alert.active
        active += state.active
    return told, active / len(zs)


def usual(values: Sequence[float], batches: Sequence[Batch]) -> list[tuple[float, float]]:
    """Return mean and standard deviation of the product of each batch, from the first batches [%]."""
    known = np.array(values[:FIRST])
    products = np.array([batch.factors["product"] for batch in batches])
    found: dict[str, tuple[float, float]] = {}
    for one in np.unique(products).tolist():
        mine = known[products[:FIRST] == one]
        mine = mine if len(mine) >= _FEW else known
        found[one] = float(mine.mean()), max(float(mine.std(ddof=1)), STEP / 12**0.5)
    return [found[one] for one in products.tolist()]


def standard(values: Sequence[float], normal: Sequence[tuple[float, float]]) -> list[float]:
    """Return distances from the means of the products, in their standard deviations [1]."""
    return [(value - mean) / sd for value, (mean, sd) in zip(values, normal, strict=True)]


def by_rules(made: Made, rules: tuple[Rule, ...]) -> Figures:
    """Return the figures of `shifted` for rules on values alone, of the product as it was in the first batches [1]."""
    kit, memory, normal = chart(rules).declared, Memory(), usual(made.totals, made.batches)
    zs, lifted = standard(made.totals, normal), standard([v + SHIFT for v in made.totals], normal)
    found: list[tuple[bool, bool]] = []
    for z, up in zip(zs, lifted, strict=True):
        told = bool(take(memory, up, kit)[1])
        memory, broken = take(memory, z, kit)
        found.append((told, bool(broken)))
    detected, flagged = np.array(found[FIRST:]).mean(axis=0).tolist()
    return {"detected_010": detected, "flagged": flagged}


Zs = Sequence[float]
"""Distances from what was expected, in standard deviations [1]."""


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """A row of results as it is, and the same with a rise from each of some batches on."""

    quiet: Zs
    """As it is."""
    risen: Mapping[int, Zs]
    """By the first batch with the rise, from there on."""


def rises(model: LotModel, made: Made, onsets: Sequence[int], *, cautious: bool = False) -> Steps:
    """Return what is left of impurity L by the lots, as it is and with rises."""
    forecast, quiet, risen = LotForecast(model), list[float](), dict[int, Zs]()
    for i, batch in enumerate(made.batches):
        if i in onsets:
            other, end = copy.deepcopy(forecast), min(i + AFTER, len(made.ls))
            up = [from_where(value, cautious=cautious) + RISE for value in made.ls[i:end]]
            risen[i] = [other.take(b, v).z for b, v in zip(made.batches[i:end], up, strict=True)]
        quiet.append(forecast.take(batch, made.ls[i]).z)
    return Steps(quiet, risen)


def rises_alone(made: Made, onsets: Sequence[int]) -> Steps:
    """Return the same of the values alone, by product."""
    normal = usual(made.ls, made.batches)
    quiet, risen = standard(made.ls, normal), standard([v + RISE for v in made.ls], normal)
    return Steps(quiet, {i: risen[i : i + AFTER] for i in onsets})


def late(kit: ChartsKit, steps: Steps, start: int) -> list[float]:
    """Return the batches from each rise to the first alarm [1], a chart having seen those before it from `start`.

    A chart that speaks already cannot tell a rise.
    """
    state, found = ChartsState(), list[float]()
    for i, z in enumerate(steps.quiet):
        if i < start:
            continue
        if i in steps.risen:
            found.append(inf if state.active else _first(kit, state, steps.risen[i], i))
        state, _ = feel(float(i), i, z, state, kit)
    return found


def _first(kit: ChartsKit, state: ChartsState, zs: Zs, looks: int) -> float:
    for k, z in enumerate(zs):
        state, alert = feel(float(looks + k), looks + k, z, state, kit)
        if alert is not None and alert.active:
            return float(k + 1)
    return inf


def chosen(steps: Steps, rules: tuple[Rule, ...] = EWMA) -> ChartsKit:
    """Return the EWMA chart that is soonest on the first batches, within half of the false episodes that are allowed.

    Half, since so few episodes say little of what comes.
    """
    wanted = 0.5 * FALSE_PER_550 * (FIRST - TAUGHT) / 550.0
    found: list[tuple[float, float, ChartsKit]] = []
    for weight in WEIGHTS:
        kits = (chart(rules, weight, limit) for limit in LIMITS)
        kit = next(kit for kit in kits if episodes(kit, steps.quiet[TAUGHT:FIRST])[0] <= wanted)
        delays = np.array(late(kit, steps, TAUGHT))
        found.append((-float((delays <= 3.0).mean()), float(np.minimum(delays, AFTER).mean()), kit))
    return min(found, key=lambda one: one[:2])[2]


def judged(kit: ChartsKit, steps: Steps) -> Figures:
    """Return how soon rises after the first batches are told, and how often it is told without reason."""
    after = Steps(steps.quiet, {i: zs for i, zs in steps.risen.items() if i >= FIRST})
    delays = np.array(late(kit, after, TAUGHT))
    false, standing = episodes(kit, steps.quiet[FIRST:])
    return {
        "median_batches": float(np.median(delays)) if np.isfinite(np.median(delays)) else None,
        "within_3": float((delays <= 3.0).mean()),
        "false_per_550": 550.0 * false / (len(steps.quiet) - FIRST),
        "speaks_without_reason": standing,
    }


def figures(root: Path, *, tries: int = 900) -> tuple[Figures, dict[str, Figures], dict[str, object]]:
    """Return our figures, those of the rules on values alone, and what was chosen on the first batches.

    `tries` is the number of models tried at most in a fit [1].
    """
    made = load(root)
    early = range(FIRST)
    models = {
        name: fitted(GUESS, [made.batches[i] for i in early], [values[i] for i in early], tries)
        for name, values in (("total", made.totals), ("l", made.ls))
    }
    seen = arrived(models["total"], made.batches, made.totals)
    made_then = arrived(models["total"], made.batches, made.totals, LATE)
    onsets = range(TAUGHT, len(made.batches) - AFTER, EVERY)
    steps, cautious = (rises(models["l"], made, onsets, cautious=care) for care in (False, True))
    kit = chosen(Steps(steps.quiet, {i: zs for i, zs in steps.risen.items() if i + AFTER <= FIRST}))
    ours = shifted(seen[FIRST:]) | {f"l_{k}": v for k, v in judged(kit, steps).items()}
    ours |= {f"l_cautious_{k}": v for k, v in judged(kit, cautious).items() if k in {"median_batches", "within_3"}}
    ours |= {f"{k}_when_made": v for k, v in shifted(made_then[FIRST:]).items()}
    bare = rises_alone(made, onsets)
    rivals = {name: by_rules(made, rules) for name, rules in ALONE.items()}
    for name, rules in (*ALONE.items(), ("ewma", EWMA)):
        one = chart(rules, 0.2, 3.0)
        rivals.setdefault(name, {}).update({f"l_{k}": v for k, v in judged(one, bare).items()})
    averaging = kit.declared.ewma
    return (
        ours,
        rivals,
        {
            "batches": len(made.batches),
            "chosen_on_first": FIRST,
            "ewma_weight": averaging.weight,
            "ewma_limit": averaging.limit,
            "effects": {name: model.model_dump(exclude={"covariates"}) for name, model in models.items()},
        },
    )
