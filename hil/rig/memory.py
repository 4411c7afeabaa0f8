"""A simulated line without sockets: drivers that read its image, and a hand for the simulated clock to turn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from hil.plc.line import Image, SimulatedLine
from hil.servers.wire import to_raw, to_value
from plant_io.decode import fitted
from plant_io.latch import tags_of
from plant_io.ports import Batch, Driver, Identity
from plant_io.quality import Quality, Reason
from plant_io.scan import scans_of
from plant_io.signals import Floats, Outcome, Receipt, Setpoint
from policies import Access, OpcUa, Policy, Tag
from policies.scans import CONTROL

_REASONS = {
    Quality.GOOD: Reason.NONE,
    Quality.UNCERTAIN: Reason.LAST_USABLE,
    Quality.BAD: Reason.SENSOR_FAILURE,
}


class Memory:
    """A simulated line as the drivers of one process see it.

    Give `make` to `plant_io.line.Line` and `advance` to `plant_io.clocks.SimClock`. What is read is what the servers
    would have given, rounded as the devices hold it.

    Parameters
    ----------
    line
        The simulated line.
    epoch
        Instant of plant time 0, POSIX time [s].
    """

    def __init__(self, line: SimulatedLine, epoch: float) -> None:
        self.line = line
        self.epoch = epoch
        self.down: set[str] = set()
        """Connections that are lost while they stand here."""

    def make(self, connection: str, policy: Policy) -> Driver:
        """Return a fresh driver for one connection."""
        return _MemoryDriver(self, connection, policy)

    def advance(self, seconds: float) -> None:
        """Let plant time go by.

        Parameters
        ----------
        seconds
            How long, a whole multiple of a scan [s].
        """
        self.line.advance(seconds)


class _MemoryDriver:
    """One connection to the image of a simulated line."""

    def __init__(self, memory: Memory, connection: str, policy: Policy) -> None:
        self._memory, self._connection = memory, connection
        self._tags: Mapping[str, Tag] = tags_of(connection, policy)
        self._scans = scans_of(connection, policy)
        self._stamped = isinstance(policy.connections[connection], OpcUa)
        self._open = False

    async def open(self) -> Identity:
        """Connect."""
        self._open = True
        self._check()
        return Identity(self._memory.epoch if self._stamped else None)

    async def read(self, scan: str = CONTROL) -> Batch:
        """Read every tag of a scan class."""
        self._check()
        tags = self._scans.get(scan, {})
        image = self._memory.line.image(self._memory.epoch)
        quality = [image.quality.get(name, Quality.GOOD) if self._stamped else Quality.GOOD for name in tags]
        values = [self._held(name, tag, image) for name, tag in tags.items()]
        source = [image.taken[name] for name in tags]
        return Batch(
            values=np.concatenate([np.empty(0), *values]),
            quality=np.array(quality, np.uint8),
            reason=np.array([_REASONS[each] for each in quality], np.uint8),
            source=np.array(source) if self._stamped else np.full(len(source), np.nan),
        )

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write raw values in order."""
        self._check()
        return [self._write(setpoint) for setpoint in setpoints]

    async def abort(self) -> None:
        """Drop the connection."""
        self._open = False

    def _check(self) -> None:
        if not self._open:
            raise ConnectionError("not connected")
        if self._connection in self._memory.down:
            raise ConnectionError(f"{self._connection} is down")

    def _held(self, name: str, tag: Tag, image: Image) -> Floats:
        if self._stamped and image.quality.get(name) is Quality.BAD:
            return np.full(tag.length, np.nan)
        return np.array([to_raw(tag, float(value)) for value in np.atleast_1d(image.values[name])], np.float64)

    def _write(self, setpoint: Setpoint) -> Receipt:
        tag = self._tags[setpoint.tag]
        if tag.access is not Access.WRITE:
            return Receipt(setpoint, Outcome.REFUSED, "the device does not let it be written")
        try:
            raw = fitted(setpoint.value, tag.type)
        except ValueError as refusal:
            return Receipt(setpoint, Outcome.REFUSED, str(refusal))
        value = to_value(tag, raw)
        self._memory.line.write(setpoint.tag, to_value(tag, to_raw(tag, value)))
        return Receipt(setpoint, Outcome.TAKEN)
