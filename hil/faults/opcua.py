"""An OPC UA server that misbehaves: what it refuses, forgets, and says instead."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from hil.faults.tables import OPCUA_FAULTS
from hil.plants.faults import CATALOGUE, Fault, intensity
from policies import Policy


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
        return any(self._severity(fault) > 0.0 for fault in self._of("ua_shutdown"))

    def forgets(self) -> bool:
        """Return whether the server has just forgotten its subscriptions; once for each fault."""
        now = {id(fault) for fault in self._of("ua_forgets") if self._severity(fault) > 0.0}
        fresh = now - self._forgotten
        self._forgotten = now
        return bool(fresh)

    def of(self, tag: str) -> str:
        """Return which fault a tag has; empty for none."""
        mine = (fault for fault in self._faults if fault.target == tag and self._severity(fault) > 0.0)
        return next((fault.id for fault in mine), "")

    def _of(self, name: str) -> list[Fault]:
        return [fault for fault in self._faults if fault.id == name]

    def _severity(self, fault: Fault) -> float:
        full = CATALOGUE[fault.id].magnitude if fault.magnitude is None else fault.magnitude
        return full * intensity(fault, self._time())
