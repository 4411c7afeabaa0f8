"""Receivers of notices in simulated runs: they take everything, but while a scenario says that they refuse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf

from controller.notices.state import Notice
from controller.notices.transports import Open, Sent, Transport
from hil.scenario import Scenario
from hil.scenario.timeline import Refusing
from policies.notices import Notices


@dataclass(frozen=True, slots=True)
class Simulated:
    """One receiver."""

    refusing: Sequence[Refusing]
    """When it refuses."""
    since: Callable[[], float]
    """Gives the time since the start of the run [s]."""

    async def send(self, notice: Notice, at: float) -> Sent:
        """Take a notice or refuse it; `at` is the time of the attempt, POSIX time [s]."""
        del notice, at
        now = self.since()
        for one in self.refusing:
            if one.after_s <= now < one.after_s + (inf if one.for_s is None else one.for_s):
                return Sent(delivered=False, status=one.status)
        return Sent(delivered=True, status="taken")

    async def close(self) -> None:
        """Do nothing."""


def receivers(scenario: Scenario, since: Callable[[], float]) -> Open:
    """Return what opens the ways to the receivers of a scenario.

    Parameters
    ----------
    scenario
        The scenario.
    since
        Gives the time since the start of the run [s].
    """

    def opened(declared: Notices) -> dict[str, Transport]:
        return {name: Simulated(scenario.receivers.get(name, ()), since) for name in declared.receivers}

    return opened
