"""An OPC UA server that misbehaves: what it refuses, forgets, and says instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hil.faults.tables import OPCUA_FAULTS
from hil.plants.faults import CATALOGUE, Fault, intensity
from policies import Policy

REFUSALS = ("ua_full", "ua_expired", "ua_untrusted", "ua_uri", "ua_password")
"""Faults that whoever connects anew meets; a session that stands goes on."""


class Strange:
    """The faults of one server.

    Parameters
    ----------
    faults
        Faults of the run.
    policy
        Says which tags it shows.
    connection
        Name of the connection.
    time
        Gives plant time [s].
    """

    def __init__(self, faults: Sequence[Fault], policy: Policy, connection: str, time: Callable[[], float]) -> None:
        mine = {name for name, tag in policy.tags.items() if tag.connection == connection} | {connection}
        self._faults = [fault for fault in faults if fault.id in OPCUA_FAULTS and fault.target in mine]
        self._rngs = {id(fault): np.random.default_rng(fault.seed) for fault in self._faults}
        self._forgotten: set[int] = set()
        self._time = time

    def busy(self) -> bool:
        """Return whether a request is refused for there being too many; drawn anew for each."""
        drawn = [self._rngs[id(fault)].random() < self._severity(fault) for fault in self._of("ua_busy")]
        return any(drawn)

    def shutdown(self) -> bool:
        """Return whether the server says that it shuts down."""
        return self._there("ua_shutdown")

    def forgets(self) -> bool:
        """Return whether the server has just forgotten its subscriptions; once for each fault."""
        now = {id(fault) for fault in self._of("ua_forgets") if self._severity(fault) > 0.0}
        fresh = now - self._forgotten
        self._forgotten = now
        return bool(fresh)

    def refusal(self) -> str:
        """Return the fault for which a new session is refused; empty for none."""
        return next((name for name in REFUSALS if self._there(name)), "")

    def swapped(self) -> bool:
        """Return whether another server stands in its place."""
        return self._there("ua_swap")

    def loses(self) -> bool:
        """Return whether a report gets lost; drawn anew for each."""
        drawn = [self._rngs[id(fault)].random() < self._severity(fault) for fault in self._of("ua_gap")]
        return any(drawn)

    def overflows(self) -> bool:
        """Return whether the queues of reported nodes overflow."""
        return self._there("ua_overflow")

    def of(self, tag: str) -> str:
        """Return which fault a tag has; empty for none."""
        mine = (fault for fault in self._faults if fault.target == tag and self._severity(fault) > 0.0)
        return next((fault.id for fault in mine), "")

    def _there(self, name: str) -> bool:
        return any(self._severity(fault) > 0.0 for fault in self._of(name))

    def _of(self, name: str) -> list[Fault]:
        return [fault for fault in self._faults if fault.id == name]

    def _severity(self, fault: Fault) -> float:
        full = CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude
        return full * intensity(fault, self._time())
