"""Control charts that people know, on what is left of a value in standard deviations z, each rule by itself.

* shewhart, western_electric_1, nelson_1: ``|z| > 3``
* ewma: ``|a| > L sqrt(w/(2-w) (1 - (1-w)^2n))`` with ``a = (1-w) a + w z``
* cusum: ``p = max(0, p + z - k) > h`` or ``m = max(0, m - z - k) > h``; neither goes beyond ``2 h``
* western_electric_2, nelson_5: two of three beyond 2 on one side
* western_electric_3, nelson_6: four of five beyond 1 on one side
* western_electric_4: eight in a row on one side; nelson_2: nine in a row on one side
* nelson_3: six in a row rising or falling; nelson_4: fourteen in a row up and down by turns
* nelson_7: fifteen in a row within 1; nelson_8: eight in a row beyond 1, on either side

References
----------
W. A. Shewhart, "Economic control of quality of manufactured product", 1931. S. W. Roberts, Technometrics 1(3), 1959,
doi:10.1080/00401706.1959.10489860. E. S. Page, "Continuous inspection schemes", Biometrika 41, 1954,
doi:10.1093/biomet/41.1-2.100. Western Electric, "Statistical quality control handbook", 1956. L. S. Nelson, "The
Shewhart control chart - tests for special causes", J. Quality Technology 16(4), 1984,
doi:10.1080/00224065.1984.11978921.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import inf, isfinite, sqrt
from types import MappingProxyType
from typing import NamedTuple

from anomaly.alerts import Alert, Sign
from anomaly.residual import STANDARD, standard
from anomaly.words import amount
from plant_io import Snapshot
from policies.charts import Chart, Rule

LONGEST = 15
"""Values that the longest rule looks back on [1]."""

CALM = 15
"""Values without any rule broken that end a condition [1]."""

Recent = Sequence[float]
"""Last residuals, the newest last [1]."""


def _beyond(need: int, of: int, far: float) -> Callable[[Recent], bool]:
    def broken(z: Recent) -> bool:
        if abs(z[-1]) <= far:
            return False
        side = 1.0 if z[-1] > 0.0 else -1.0
        return sum(side * each > far for each in z[-of:]) >= need

    return broken


def _rising(z: Recent) -> bool:
    steps = [b - a for a, b in zip(z[-6:], z[-5:], strict=False)]
    return len(z) >= 6 and (all(step > 0.0 for step in steps) or all(step < 0.0 for step in steps))  # noqa: PLR2004


def _alternating(z: Recent) -> bool:
    steps = [b - a for a, b in zip(z[-14:], z[-13:], strict=False)]
    return len(z) >= 14 and all(a * b < 0.0 for a, b in pairwise(steps))  # noqa: PLR2004


def _hugging(z: Recent) -> bool:
    return len(z) >= LONGEST and all(abs(each) < 1.0 for each in z[-LONGEST:])


def _avoiding(z: Recent) -> bool:
    return len(z) >= 8 and all(abs(each) > 1.0 for each in z[-8:])  # noqa: PLR2004


class Runs(NamedTuple):
    """A rule on the last few residuals."""

    broken: Callable[[Recent], bool]
    """Whether the newest residual breaks it."""
    said: str
    """What that looks like, in words."""


_FAR = Runs(_beyond(1, 1, 3.0), "beyond three standard deviations")
_TWO = Runs(_beyond(2, 3, 2.0), "two of three beyond two standard deviations on one side")
_FOUR = Runs(_beyond(4, 5, 1.0), "four of five beyond one standard deviation on one side")
RUNS: Mapping[Rule, Runs] = MappingProxyType(
    {
        "shewhart": _FAR,
        "western_electric_1": _FAR,
        "western_electric_2": _TWO,
        "western_electric_3": _FOUR,
        "western_electric_4": Runs(_beyond(8, 8, 0.0), "eight in a row on one side of normal"),
        "nelson_1": _FAR,
        "nelson_2": Runs(_beyond(9, 9, 0.0), "nine in a row on one side of normal"),
        "nelson_3": Runs(_rising, "six in a row rising or falling"),
        "nelson_4": Runs(_alternating, "fourteen in a row up and down by turns"),
        "nelson_5": _TWO,
        "nelson_6": _FOUR,
        "nelson_7": Runs(_hugging, "fifteen in a row within one standard deviation"),
        "nelson_8": Runs(_avoiding, "eight in a row beyond one standard deviation"),
    }
)
"""Rules on runs of residuals, by name."""

_MOST = 2.0
"""How far a cumulative sum goes, in its limits [1]: it is back soon after what raised it is over."""

_SAID = {"ewma": "its weighted average is beyond its limits", "cusum": "its cumulative sum is beyond its limit"}


class Memory(NamedTuple):
    """What charts remember of residuals; begins with ``Memory()``."""

    recent: tuple[float, ...] = ()
    """Last residuals, the newest last [1]."""
    average: float = 0.0
    """Weighted average [1]."""
    up: float = 0.0
    """Cumulative sum above normal [1]."""
    down: float = 0.0
    """Cumulative sum below normal [1]."""
    taken: int = 0
    """Residuals taken in [1]."""


def take(memory: Memory, z: float, declared: Chart) -> tuple[Memory, tuple[Rule, ...]]:
    """Take in a residual, and return which rules it breaks.

    Parameters
    ----------
    memory
        What the charts remember.
    z
        Residual, in standard deviations [1].
    declared
        Rules that are on, and their numbers.
    """
    averaging, slack, most = declared.ewma, declared.cusum.slack, _MOST * declared.cusum.limit
    after = Memory(
        recent=(*memory.recent[1 - LONGEST :], z),
        average=memory.average + averaging.weight * (z - memory.average),
        up=min(max(0.0, memory.up + z - slack), most),
        down=min(max(0.0, memory.down - z - slack), most),
        taken=memory.taken + 1,
    )
    return after, tuple(rule for rule in declared.rules if _broken(rule, after, declared))


def _broken(rule: Rule, memory: Memory, declared: Chart) -> bool:
    if rule == "cusum":
        return max(memory.up, memory.down) > declared.cusum.limit
    if rule == "ewma":
        weight = declared.ewma.weight
        sd = sqrt(weight / (2.0 - weight) * (1.0 - (1.0 - weight) ** (2 * memory.taken)))
        return abs(memory.average) > declared.ewma.limit * sd
    return RUNS[rule].broken(memory.recent)


class ChartsKit(NamedTuple):
    """The charts of one tag, ready."""

    name: str
    """Name of the watch."""
    declared: Chart
    """What the policy says of it."""
    unit: str
    """UCUM unit of the tag."""
    felt: tuple[int, int] | None = None
    """Its monitor, and its tag there, by position [1]; None for charts on the value itself."""


class ChartsState(NamedTuple):
    """Memory of the charts of one tag; begins with ``ChartsState()``."""

    memory: Memory = Memory()
    """What the charts remember."""
    before: float | None = None
    """Last value, unit of the tag."""
    source: float = -inf
    """Source time of the newest value taken in, POSIX time [s]; the number of the look on a monitor."""
    calm: int = 0
    """Values in a row that broke no rule [1]."""
    active: bool = False
    """Whether the condition has been told and stands."""


def look(snapshot: Snapshot, state: ChartsState, kit: ChartsKit) -> tuple[ChartsState, Alert | None]:
    """Take in the value of the tag, once for each source time.

    Parameters
    ----------
    snapshot
        The line, virtual tags included.
    state
        What the last look left.
    kit
        The charts.

    Returns
    -------
    state
        What the charts remember now.
    alert
        The condition, if it began or ended now.
    """
    declared = kit.declared
    source = snapshot.taken(declared.tag)
    value = None if source == state.source else snapshot.good(declared.tag)
    if value is None or declared.reference is None:
        return state, None
    z = standard(value, state.before, declared.reference, declared.memory)
    found = f"{amount(value, kit.unit)} against {amount(declared.reference.mean, kit.unit)}"
    numbers = {f"value [{kit.unit}]": value, f"normal [{kit.unit}]": declared.reference.mean}
    after, alert = _judge(snapshot.at, Seen(z, found, numbers), state, kit)
    return after._replace(before=value, source=source), alert


def feel(at: float, looks: int, z: float, state: ChartsState, kit: ChartsKit) -> tuple[ChartsState, Alert | None]:
    """Take in what a monitor has left of a tag, once for each of its looks.

    Parameters
    ----------
    at
        When the monitor looked, POSIX time [s].
    looks
        Looks of the monitor so far [1].
    z
        Residual, in standard deviations [1]; one that is no number changes nothing.
    state
        What the last look left.
    kit
        The charts.

    Returns
    -------
    state
        What the charts remember now.
    alert
        The condition, if it began or ended now.
    """
    if looks == state.source or not isfinite(z):
        return state, None
    rest = standard(z, state.before, STANDARD, kit.declared.memory)
    found = f"{z:+.2f} standard deviations from what {kit.declared.monitor} foretells"
    after, alert = _judge(at, Seen(rest, found, {}), state, kit)
    return after._replace(before=z, source=looks), alert


class Seen(NamedTuple):
    """One residual, and what it is of."""

    z: float
    """Residual, in standard deviations [1]."""
    found: str
    """What it is of, in words."""
    numbers: Mapping[str, float]
    """What it is of, each key with its unit."""


def _judge(at: float, seen: Seen, state: ChartsState, kit: ChartsKit) -> tuple[ChartsState, Alert | None]:
    memory, broken = take(state.memory, seen.z, kit.declared)
    calm = 0 if broken else state.calm + 1
    active = calm < CALM if state.active else bool(broken)
    alert = _alert(at, seen, broken, kit, active=active) if active != state.active else None
    return state._replace(memory=memory, calm=calm, active=active), alert


def said(rule: Rule) -> str:
    """Return a rule by name, and what breaking it looks like.

    Examples
    --------
    >>> said("nelson_2")
    'Nelson 2 (nine in a row on one side of normal)'
    """
    name, _, number = rule.rpartition("_")
    title = {"western_electric": "Western Electric", "nelson": "Nelson"}.get(name, "")
    called = f"{title} {number}" if title else {"shewhart": "Shewhart"}.get(rule, rule.upper())
    return f"{called} ({RUNS[rule].said if rule in RUNS else _SAID[rule]})"


def _alert(at: float, seen: Seen, broken: tuple[Rule, ...], kit: ChartsKit, *, active: bool) -> Alert:
    declared = kit.declared
    what = (
        f"{declared.tag} breaks {'; '.join(map(said, broken))}: {seen.found}."
        if active
        else f"{declared.tag} has broken no rule of its charts for {CALM} values: {seen.found}."
    )
    return Alert(
        at=at,
        watch=kit.name,
        lane=declared.lane,
        active=active,
        what=what,
        score=abs(seen.z),
        limit=3.0,
        priority=declared.priority,
        route=declared.route,
        response=declared.response,
        evidence={**seen.numbers, "residual [1]": seen.z},
        signs=(Sign(declared.tag, seen.z),),
    )
