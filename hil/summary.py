"""How sure a share of passed runs makes us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from hil.outcome import Outcome

CONFIDENCE = 0.95
"""Confidence of every interval [1]."""
_Z = 1.959963984540054  # quantile of the normal distribution at 0.975


@dataclass(frozen=True, slots=True)
class Line:
    """All runs of one scenario, summed up."""

    scenario: str
    """Name or file of the scenario."""
    runs: int
    """Runs played [1]."""
    passed: int
    """Runs in which every assertion holds [1]."""
    crashed: int
    """Runs that came to no result [1]."""

    @property
    def failed(self) -> int:
        """Runs that came to a result in which an assertion does not hold [1]."""
        return self.runs - self.passed - self.crashed

    def plain(self) -> dict[str, object]:
        """Return it as plain values, with the confidence interval of the share that passes."""
        low, high = wilson(self.passed, self.runs)
        return {
            "scenario": self.scenario,
            "runs": self.runs,
            "passed": self.passed,
            "failed": self.failed,
            "crashed": self.crashed,
            "fraction": self.passed / self.runs,
            "low": low,
            "high": high,
            "confidence": CONFIDENCE,
        }

    def share(self) -> str:
        """Return the share that passes in words of people."""
        low, high = wilson(self.passed, self.runs)
        return f"{100.0 * self.passed / self.runs:.1f} % ({100.0 * low:.1f} to {100.0 * high:.1f} %)"


def summed(outcomes: Sequence[Outcome]) -> list[Line]:
    """Return one line for each scenario, in the order in which they were given."""
    by_name: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.scenario, []).append(outcome)
    return [
        Line(name, len(runs), sum(run.passed for run in runs), sum(bool(run.crashed) for run in runs))
        for name, runs in by_name.items()
    ]


def wilson(passed: int, runs: int) -> tuple[float, float]:
    """Return the bounds of the 95 % score interval of a share [1].

    Parameters
    ----------
    passed
        Runs that passed [1].
    runs
        Runs played, at least one [1].

    References
    ----------
    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", J. Am. Stat. Assoc. 22(158),
    1927, doi:10.1080/01621459.1927.10502953.

    Examples
    --------
    >>> low, high = wilson(10, 10)
    >>> round(low, 3), high
    (0.722, 1.0)
    """
    spread = _Z * sqrt(passed * (runs - passed) / runs + _Z**2 / 4.0)
    middle, scale = passed + _Z**2 / 2.0, runs + _Z**2
    low = 0.0 if passed == 0 else (middle - spread) / scale
    high = 1.0 if passed == runs else (middle + spread) / scale
    return low, high
