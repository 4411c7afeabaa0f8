"""Champion and challenger side by side: what both had said of samples whose results came later, and who did better.

The challenger is called better when its error (rms) is smaller by a declared share, it came nearer so often that luck
would hardly do it (sign test), and its interval covers what it promises.

References
----------
W. J. Conover, "Practical Nonparametric Statistics", 3rd ed., 1999, section 3.4 (sign test) and 3.1 (binomial test).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb, isfinite, nan, sqrt

from policies.hybrid import Challenge

KEPT = 200
"""Most pairs remembered [1]."""

_REMEMBERED = 120


@dataclass(frozen=True, slots=True)
class Spoken:
    """What one model said, in the unit of the result."""

    value: float
    """Value, in the unit of the result."""
    low: float
    """Lower end of its interval, in the unit of the result."""
    high: float
    """Upper end of its interval, in the unit of the result."""


NOTHING = Spoken(nan, nan, nan)
"""What is said where nothing is."""


@dataclass(frozen=True, slots=True)
class Pair:
    """What both had said of one sample."""

    taken: float
    """When the sample was taken, POSIX time [s]."""
    result: float
    """The result, in its unit."""
    champion: Spoken
    """What the model in service had said."""
    challenger: Spoken
    """What the other one had said."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one model was worth."""

    rmse: float
    """Root of the mean squared error, in the unit of the result."""
    bias: float
    """Mean of what was said less the result, in the unit of the result."""
    coverage: float
    """Share of results within its interval [1]."""
    width: float
    """Mean width of its interval, in the unit of the result."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How champion and challenger stand."""

    n: int
    """Results compared [1]."""
    champion: Figures
    """The model in service."""
    challenger: Figures
    """The other one."""
    wins: int
    """Results to which the challenger came nearer [1]."""
    luck: float
    """Probability of as many wins or more by luck alone [1]."""
    uncovered: float
    """Probability of as few results within its interval or fewer, if it covers what it promises [1]."""
    better: bool
    """Whether the challenger is better by the rule."""


def figures(said: Sequence[tuple[Spoken, float]]) -> Figures:
    """Return what a model was worth.

    Parameters
    ----------
    said
        What had been said of each sample, and its result, in the unit of the result.
    """
    n, off = len(said), [one.value - result for one, result in said]
    return Figures(
        rmse=sqrt(sum(x * x for x in off) / n),
        bias=sum(off) / n,
        coverage=sum(one.low <= result <= one.high for one, result in said) / n,
        width=sum(one.high - one.low for one, _ in said) / n,
    )


def standing(pairs: Sequence[Pair], rule: Challenge, promised: float) -> Standing | None:
    """Return how two models stand; None until there are as many results as the rule asks for.

    Parameters
    ----------
    pairs
        What both had said, oldest first.
    rule
        When a challenger is called better.
    promised
        Share of results its interval is to cover [1].
    """
    counted = list(pairs)[-rule.newest :]
    if len(counted) < rule.results:
        return None
    n = len(counted)
    ours = figures([(one.champion, one.result) for one in counted])
    theirs = figures([(one.challenger, one.result) for one in counted])
    wins = sum(abs(one.challenger.value - one.result) < abs(one.champion.value - one.result) for one in counted)
    luck = at_least(wins, n, 0.5)
    hits = round(theirs.coverage * n)
    uncovered = 1.0 - at_least(hits + 1, n, promised)
    better = theirs.rmse <= (1.0 - rule.better) * ours.rmse and luck <= rule.risk and uncovered > rule.risk
    return Standing(n, ours, theirs, wins, luck, uncovered, better)


def at_least(k: int, n: int, p: float) -> float:
    """Return the probability of `k` or more of `n` independent events of probability `p` [1].

    Parameters
    ----------
    k
        Events [1].
    n
        Trials [1].
    p
        Probability of each [1].

    Examples
    --------
    >>> at_least(2, 2, 0.5), at_least(0, 2, 0.5)
    (0.25, 1.0)
    """
    return min(1.0, sum(comb(n, i) * p**i * (1.0 - p) ** (n - i) for i in range(k, n + 1)))


@dataclass(frozen=True, slots=True)
class Terms:
    """What two models are compared by."""

    rule: Challenge
    """When a challenger is called better."""
    promised: float
    """Share of results its interval is to cover [1]."""
    span_s: float
    """How far back a result can belong [s]."""


@dataclass(frozen=True, slots=True)
class Duel:
    """What is remembered of two models side by side."""

    said: tuple[tuple[float, Spoken, Spoken], ...] = ()
    """Times [s], and what champion and challenger said then."""
    pairs: tuple[Pair, ...] = ()
    """Newest results of which both had said something."""
    standing: Standing | None = None
    """How they stand; None until there are results enough."""

    def after(self, at: float, new: tuple[float, float] | None, now: tuple[Spoken, Spoken], terms: Terms) -> Duel:
        """Return what is remembered after one more look.

        Parameters
        ----------
        at
            Now, POSIX time [s].
        new
            When the sample of a new result was taken [s], and the result, in its unit; None where there is none.
        now
            What both say now.
        terms
            What they are compared by.
        """
        pairs, stands = self.pairs, self.standing
        then = None if new is None else next((one for one in reversed(self.said) if one[0] <= new[0]), None)
        if new is not None and then is not None and isfinite(then[1].value) and isfinite(then[2].value):
            pairs = (*pairs, Pair(*new, then[1], then[2]))[-KEPT:]
            stands = standing(pairs, terms.rule, terms.promised)
        said = self.said if self.said and at >= self.said[-1][0] else ()
        if not said or at - said[-1][0] >= terms.span_s / _REMEMBERED:
            first = next((i for i in range(len(said) - 1, 0, -1) if said[i][0] <= at - terms.span_s), 0)
            said = (*said[first:], (at, *now))
        return Duel(said, pairs, stands)


def sentence(name: str, unit: str, found: Standing) -> str:
    """Return in words how two models stand."""
    ours, theirs = found.champion, found.challenger
    verdict = "is better by the declared rule" if found.better else "is no longer better by the declared rule"
    return (
        f"{name}: the challenger {verdict}: error {theirs.rmse:.3g} against {ours.rmse:.3g} {unit} (rms) over "
        f"{found.n} results, nearer in {found.wins}; coverage {theirs.coverage:.2f} against {ours.coverage:.2f}, "
        f"interval {theirs.width:.3g} against {ours.width:.3g} {unit} wide"
    )
