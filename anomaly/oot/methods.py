"""The methods by name, each with its version: a result says which it was made by, and only that one makes it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from anomaly.oot.coefficients import random_coefficients
from anomaly.oot.lot_limits import lots
from anomaly.oot.pooling import q1e
from anomaly.oot.serial import cusum, ewma, rules
from anomaly.oot.several import t2_q
from anomaly.oot.stability import regression, slope, time_point
from anomaly.oot.study import Found, Method, Outcome, Row, Settings


@dataclass(frozen=True, slots=True)
class Known:
    """A method."""

    title: str
    """Its name in words."""
    version: str
    """Its version; raised whenever the same results would give another outcome."""
    run: Callable[[Sequence[Row], Settings], Found]
    """Works it out."""


METHODS: Mapping[Method, Known] = MappingProxyType(
    {
        "regression": Known("regression control chart", "1", regression),
        "time_point": Known("by-time-point chart", "1", time_point),
        "slope": Known("slope control chart", "1", slope),
        "q1e": Known("pooling and shelf life by ICH Q1E", "1", q1e),
        "random_coefficients": Known("random-coefficient regression", "1", random_coefficients),
        "rules": Known("run rules", "1", rules),
        "ewma": Known("EWMA chart", "1", ewma),
        "cusum": Known("CUSUM chart", "1", cusum),
        "t2_q": Known("T2 and Q", "1", t2_q),
        "lots": Known("limits that know the lot", "1", lots),
    }
)
"""Methods by name."""


def judge(rows: Sequence[Row], settings: Settings) -> Outcome:
    """Return what a method finds.

    Parameters
    ----------
    rows
        Results, in the order of time where the method looks at that.
    settings
        The method, and everything it is told.

    Raises
    ------
    ValueError
        If there is too little to judge by, or nothing to judge.
    """
    known = METHODS[settings.method]
    batches = {row.batch for row in rows}
    lost = [batch for batch in settings.tested if batch not in batches]
    if lost:
        raise ValueError(f"found no results of batch {', '.join(lost)}, which was to be judged")
    found = known.run(rows, settings)
    if not found.held and not found.said:
        raise ValueError(f"nothing was judged by the {known.title}: {' '.join(found.notes) or 'no results'}")
    outside = [one for one in found.held if one.out]
    said = found.said or _said(known.title, outside, len(found.held), settings)
    notes = (*found.notes, *_censored(rows, settings))
    return Outcome(settings.method, known.version, bool(outside), said, found.held, found.numbers, notes)


def _said(title: str, outside: Sequence[object], count: int, settings: Settings) -> str:
    batches = ", ".join(settings.tested[:3]) + (" and others" if len(settings.tested) > 3 else "")  # noqa: PLR2004
    if not outside:
        return f"Nothing of {batches} is out of trend by the {title}: {count} judged."
    are = "is" if len(outside) == 1 else "are"
    return f"{len(outside)} of {count} judged of {batches} {are} out of trend by the {title}."


def _censored(rows: Sequence[Row], settings: Settings) -> tuple[str, ...]:
    count = sum(any(column in row.below for column in settings.columns) for row in rows)
    if not count or settings.method == "lots":
        return ()
    counted = {"limit": "the limit", "half": "half of it", "zero": "zero"}[settings.below]
    few = "1 result is" if count == 1 else f"{count} results are"
    count_as = "counts" if count == 1 else "count"
    return (
        f"{few} below the limit of quantification and {count_as} as {counted}; that narrows what is taken for normal.",
    )
