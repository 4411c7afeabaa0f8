"""Figures of an alarm system in words, each beside what is wanted of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from controller.alarms.figures import Figures

JUDGED = ("figure", "found", "wanted", "")
"""Heads of the columns of what `judged` gives."""
_SHARE = 0.01
_STALE = 5
_HIGH = 0.05
_MINUTE_S = 60.0


class Judged(NamedTuple):
    """One figure beside what is wanted of it (EEMUA 191, ISA-18.2)."""

    figure: str
    """What it is, with its unit."""
    found: str
    """What was found."""
    wanted: str
    """What is wanted."""
    verdict: str
    """Whether it is kept, in words; empty where nothing is wanted of it."""


def judged(found: Figures) -> Iterator[Judged]:
    """Give each figure beside what is wanted of it."""
    yield Judged("time looked at [h]", f"{found.span_s / 3600.0:.3g}", "", "")
    yield Judged("alarms [1]", str(found.count), "", "")
    yield _kept("alarms in ten minutes, on average [1]", f"{found.average:.3g}", "1 at most", good=found.average <= 1.0)
    yield _kept("most alarms in ten minutes [1]", str(found.peak), "10 at most", good=found.peak <= 10)  # noqa: PLR2004
    flooded = f"{100.0 * found.flooded:.3g} (floods: {len(found.floods)})"
    yield _kept("time in floods [%]", flooded, "less than 1", good=found.flooded < _SHARE)
    worst = ", ".join(f"{name} {count}" for name, count in list(found.chattering.items())[:3])
    yield _kept(
        "alarms that chatter [1]",
        f"{len(found.chattering)}{f' (in a minute: {worst})' if worst else ''}",
        "none",
        good=not found.chattering,
    )
    yield _kept("stale alarms [1]", str(len(found.stale)), "fewer than 5", good=len(found.stale) < _STALE)
    shares = found.shares()
    said = " / ".join(f"{100.0 * share:.0f}" for share in shares.values()) or "no alarm"
    high = shares.get("high", 0.0) <= _HIGH
    yield _kept("priorities, low / medium / high [%]", said, "about 80 / 15 / 5", good=high)
    top = sum(share for _, _, share in found.top())
    yield Judged("share of the ten most frequent [%]", f"{100.0 * top:.0f}" if found.count else "no alarm", "", "")
    answered = found.median_s
    yield Judged(
        "time to acknowledge, median [min]", "never" if answered is None else f"{answered / _MINUTE_S:.3g}", "", ""
    )
    kept = ", ".join(f"{state} {count}" for state, count in found.kept.items())
    yield Judged("times kept from people [1]", kept or "none", "", "")


def _kept(figure: str, found: str, wanted: str, *, good: bool) -> Judged:
    return Judged(figure, found, wanted, "kept" if good else "NOT KEPT")
