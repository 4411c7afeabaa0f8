"""Limits that know the lot, for a file of results: fitted to the history, then held against every tested batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf, nan

import numpy as np

from anomaly.lots import Batch, Covariate, LotForecast, LotModel, Part
from anomaly.lots_fit import fitted
from anomaly.oot.study import Found, Held, Row, Settings, need
from policies.sentences import counted

AGE = "age"
_FEWEST, _MOST, _TRIES = 30, 350, 400


def lots(rows: Sequence[Row], settings: Settings) -> Found:
    """Hold each result against what its factors, its age and the results before it say; the rows are in time order."""
    column, unit = settings.columns[0], settings.unit
    there = [row for row in rows if column in row.values]
    batches = [_batch(i, row, settings) for i, row in enumerate(there)]
    values = [0.0 if column in row.below else row.values[column] for row in there]
    limit = max([settings.loq, *(row.values[column] for row in there if column in row.below)])
    settings = settings.model_copy(update={"loq": limit})
    begin = next((i for i, row in enumerate(there) if row.batch in settings.tested), len(there))
    need(begin, _FEWEST, "result", "before the first tested batch")
    start, to = max(begin - _MOST, 0), begin
    model = fitted(_guess(batches[start:to], values[start:to], settings), batches[start:to], values[start:to], _TRIES)
    forecast, found = LotForecast(model), list[Held]()
    for row, batch, one in zip(there, batches, values, strict=True):
        seen = forecast.take(batch, one)
        if row.batch in settings.tested:
            age = nan if row.age is None else row.age
            said = seen.expected
            found.append(Held(row.batch, age, row.values[column], said.mean, -inf, said.limit, seen.above))
    numbers = {f"noise [{unit}]": model.noise, "share promised above the limit [1]": model.share}
    numbers |= {f"effect of {_called(part)} [{unit}]": part.sd for part in model.parts}
    notes = [f"Effects were fitted to the {counted(to - start, 'result')} before the first tested batch.", *_few(found)]
    return Found(tuple(found), numbers, tuple(notes))


def _few(found: Sequence[Held]) -> Iterator[str]:
    without = sum(one.high == inf for one in found)
    if without:
        have = "has" if without == 1 else "have"
        yield f"{counted(without, 'result')} {have} no limit: too few came before them for the share that is promised."


def _batch(place: int, row: Row, settings: Settings) -> Batch:
    numbers = {name: row.values[name] for name in settings.along if name in row.values}
    age = {} if row.age is None else {AGE: row.age}
    return Batch(row.batch, float(place), row.factors, numbers | age)


def _guess(batches: Sequence[Batch], values: Sequence[float], settings: Settings) -> LotModel:
    spread = max(float(np.std(values)), settings.step, 1e-9)
    aged = any(AGE in batch.covariates for batch in batches)
    covariates = {name: _scaled(name, batches) for name in (*settings.along, *([AGE] if aged else []))}
    parts = [
        Part(sd=max(abs(float(np.mean(values))), spread)),
        *(Part(of=group, sd=0.5 * spread) for group in settings.by),
        *(Part(of=settings.by[0] if settings.by else (), along=name, sd=0.3 * spread) for name in covariates),
        Part(fades=30.0, sd=0.2 * spread),
    ]
    return LotModel(
        parts=tuple(parts),
        covariates=covariates,
        noise=0.3 * spread,
        loq=settings.loq,
        step=settings.step,
        share=1.0 - settings.coverage,
        passed=min(60, len(batches) // 3),
    )


def _scaled(name: str, batches: Sequence[Batch]) -> Covariate:
    known = np.array([batch.covariates[name] for batch in batches if name in batch.covariates])
    need(len(known), 2, "value", f"of {name}")
    centre = float(known.mean())
    return Covariate(centre=centre, scale=float(known.std()) or 1.0, absent=centre)


def _called(part: Part) -> str:
    shared = " and ".join(part.of) or "all"
    grows = f" along {part.along}" if part.along else ""
    return f"{shared}{grows}{' over time' if part.fades else ''}"
