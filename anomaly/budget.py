"""Budgets of false alarms: who may be disturbed how often, shared out among watches, and what came of the promise.

Whether an alarm was false is for people to say: a verdict is taken back from the tally by `confirmed`. Until then
every alarm counts against its budget.

References
----------
F. Garwood, "Fiducial limits for the Poisson distribution", Biometrika 28(3/4), 1936, doi:10.1093/biomet/28.3-4.437.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from policies import Monitor, Policy, Route
from policies.budgets import said


@dataclass(frozen=True, slots=True)
class Share:
    """What a watch takes of the budget of a class."""

    route: Route
    """Class that is told."""
    weight: float = 1.0
    """Share relative to those of the other watches of the class [1]."""


def allocate(budgets: Mapping[str, float], watches: Mapping[str, Share]) -> dict[str, float]:
    """Return what each watch may cost [1/s]: the budget of its class, shared out by weight.

    Watches whose class has no budget are left out. One fused score is one watch: budgets are for lines, not for tags.

    Parameters
    ----------
    budgets
        False alarms of each class [1/s].
    watches
        What each watch takes, by name.

    Raises
    ------
    ValueError
        If a weight is not above zero.

    Examples
    --------
    >>> allocate({"qa": 3.0}, {"drift": Share("qa", 2.0), "trend": Share("qa"), "fan": Share("maintenance")})
    {'drift': 2.0, 'trend': 1.0}
    """
    whole: dict[str, float] = {}
    for name, share in watches.items():
        if not share.weight > 0.0:
            raise ValueError(f"{name}: found a weight of {share.weight:g}, expected more than 0")
        whole[share.route] = whole.get(share.route, 0.0) + share.weight
    return {
        name: budgets[share.route] * share.weight / whole[share.route]
        for name, share in watches.items()
        if share.route in budgets
    }


def of_monitor(policy: Policy, name: str) -> float | None:
    """Return what a monitor may cost [1/s]: its part of the budget of its class; None where that has none.

    Monitors bear the budgets: their scores are fused, and what else speaks joins their incidents.
    """
    monitors = {key: Share(watch.route) for key, watch in policy.watches.items() if isinstance(watch, Monitor)}
    return allocate(policy.budgets.declared, monitors).get(name)


@dataclass(frozen=True, slots=True)
class Tally:
    """Alarms of each class so far, and the time they were counted in; begins with ``Tally()``."""

    watched_s: float = 0.0
    """Time for which the watches had evidence [s]."""
    told: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    """Alarms by class, those taken back left out [1]."""

    def after(self, time_s: float) -> Tally:
        """Return the tally once more time has gone by.

        Parameters
        ----------
        time_s
            Time the watches had evidence in [s].
        """
        return replace(self, watched_s=self.watched_s + time_s)

    def alarmed(self, route: str) -> Tally:
        """Return the tally after an alarm of a class."""
        return replace(self, told={**self.told, route: self.told.get(route, 0) + 1})

    def confirmed(self, route: str) -> Tally:
        """Return the tally after a person has said that an alarm of a class was right, and so no false one."""
        return replace(self, told={**self.told, route: max(self.told.get(route, 0) - 1, 0)})


@dataclass(frozen=True, slots=True)
class Kept:
    """What was promised to a class, and what came of it."""

    promised: float
    """False alarms promised [1/s]."""
    told: int
    """Alarms told [1]."""
    watched_s: float
    """Time they were counted in [s]."""
    low: float
    """Lower end of the exact 95 % interval of the rate [1/s]."""
    high: float
    """Upper end of the exact 95 % interval of the rate [1/s]."""

    @property
    def realised(self) -> float:
        """Alarms told by time [1/s]."""
        return self.told / self.watched_s if self.watched_s > 0.0 else 0.0

    @property
    def ratio(self) -> float:
        """Realised by promised [1]; above 1 the promise was not kept so far."""
        return self.realised / self.promised

    @property
    def ratio_high(self) -> float:
        """Upper end of the exact 95 % interval of the ratio [1]."""
        return self.high / self.promised

    @property
    def broken(self) -> bool:
        """Whether more alarms were told than the promise leaves to chance (one in forty)."""
        return self.low > self.promised

    @property
    def why(self) -> str:
        """One sentence that shows promise and outcome side by side."""
        ends = f"{self.low / self.promised:.2g} to {self.ratio_high:.2g}" if self.watched_s > 0.0 else "0 and up"
        days = self.watched_s / 86_400.0
        told = f"{self.told} told in {days:.3g} days"
        return f"Promised {said(self.promised)}; {told}, {self.ratio:.2g} of the promise (95 %: {ends})."


def kept(budgets: Mapping[str, float], tally: Tally) -> dict[str, Kept]:
    """Return promise and outcome of every class that has a budget.

    Parameters
    ----------
    budgets
        False alarms promised to each class [1/s].
    tally
        What was told.
    """
    found: dict[str, Kept] = {}
    for route, promised in budgets.items():
        told = tally.told.get(route, 0)
        low, high = poisson_interval(told, tally.watched_s)
        found[route] = Kept(promised, told, tally.watched_s, low, high)
    return found


def poisson_interval(told: int, time_s: float) -> tuple[float, float]:
    """Return the exact 95 % interval of a rate [1/s].

    Parameters
    ----------
    told
        Events counted [1].
    time_s
        Time they were counted in [s].

    Examples
    --------
    >>> [round(end, 2) for end in poisson_interval(4, 1.0)]
    [1.09, 10.24]
    """
    if time_s <= 0.0:
        return 0.0, float("inf")
    from scipy.special import gammaincinv  # noqa: PLC0415  # takes a while to import

    low = 0.0 if told == 0 else float(gammaincinv(told, 0.025))
    return low / time_s, float(gammaincinv(told + 1, 0.975)) / time_s
