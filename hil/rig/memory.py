"""A simulated line without sockets: drivers that read its image, or none at all, and a hand for the clock to turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from struct import Struct
from typing import cast

import numpy as np
from numpy.typing import NDArray

from hil.plc.line import Image, SimulatedLine
from hil.servers.wire import to_raw, to_value
from plant_io.decode import fitted
from plant_io.latch import Answer, tags_of
from plant_io.line import Line, refusal
from plant_io.ports import Batch, Clock, Driver, Identity
from plant_io.quality import Quality, Reason
from plant_io.scan import scans_of
from plant_io.signals import Floats, Outcome, Receipt, Setpoint, Snapshot
from plant_io.verdicts import in_a_row
from policies import Access, OpcUa, Policy, Tag
from policies.scans import CONTROL, SUBSCRIBE

_REASONS = {
    Quality.GOOD: Reason.NONE,
    Quality.UNCERTAIN: Reason.LAST_USABLE,
    Quality.BAD: Reason.SENSOR_FAILURE,
}
_NOWHERE = (1.0, 0.0)
_ORDINARY = 1e60  # sum of squares far below that of the largest number of 32 bits
_BEYOND = 1e30  # counts no integer holds
_KINDS = ("single", "whole", "bit", "double")


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
        self._image: Image | None = None

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
        self._image = None
        self.line.advance(seconds)

    def image(self) -> Image:
        """Return what the PLCs show now."""
        if self._image is None:
            self._image = self.line.image(self.epoch)
        return self._image

    def write(self, tag: str, value: float) -> None:
        """Write a tag from outside.

        Parameters
        ----------
        tag
            Name of the tag.
        value
            Value in the unit of the tag.
        """
        self.write_each([(tag, value)])

    def write_each(self, values: Iterable[tuple[str, float]]) -> None:
        """Write tags from outside.

        Parameters
        ----------
        values
            Tags with their values, each in its unit.
        """
        self._image, write = None, self.line.write
        for tag, value in values:
            write(tag, value)


class _MemoryDriver:
    """One connection to the image of a simulated line."""

    def __init__(self, memory: Memory, connection: str, policy: Policy) -> None:
        self._memory, self._connection = memory, connection
        self._tags: Mapping[str, Tag] = tags_of(connection, policy)
        self._stamped = _stamps(policy, connection)
        scans = scans_of(connection, policy)
        self._scans = {scan: (_Held(tags), _Shown(tags, stamped=self._stamped)) for scan, tags in scans.items()}
        self._open = False

    async def open(self) -> Identity:
        """Connect."""
        self._open = True
        self._check()
        return Identity(self._memory.epoch if self._stamped else None)

    async def read(self, scan: str = CONTROL) -> Batch:
        """Read every tag of a scan class."""
        self._check()
        image = self._memory.image()
        held, shown = self._scans.get(scan) or (_Held({}), _Shown({}, stamped=self._stamped))
        return shown.batch(held.raw(image), image)

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write raw values in order."""
        self._check()
        return [self._put(setpoint) for setpoint in setpoints]

    async def abort(self) -> None:
        """Drop the connection."""
        self._open = False

    def _check(self) -> None:
        if not self._open:
            raise ConnectionError("not connected")
        if self._connection in self._memory.down:
            raise ConnectionError(f"{self._connection} is down")

    def _put(self, setpoint: Setpoint) -> Receipt:
        value, why = _entered(self._tags[setpoint.tag], setpoint.value)
        if value is None:
            return Receipt(setpoint, Outcome.REFUSED, why)
        self._memory.write(setpoint.tag, value)
        return Receipt(setpoint, Outcome.TAKEN)


class MemoryLine(Line):
    """A simulated line read and written as it stands, without drivers and links: nothing can be lost on the way.

    It gives what a `Line` over the drivers of `Memory` gives, in a fraction of the time.

    Parameters
    ----------
    policy
        Connections and tags; every tag is read in every cycle.
    clock
        Gives arrival times.
    memory
        The simulated line.
    """

    def __init__(self, policy: Policy, clock: Clock, memory: Memory) -> None:
        super().__init__(policy, clock, memory.make)
        self._memory = memory
        tags = {name: tags_of(name, policy) for name in policy.connections}
        self._held = _Held({name: tag for one in tags.values() for name, tag in one.items()})
        ends = np.cumsum([0, *(sum(tag.length for tag in one.values()) for one in tags.values())]).tolist()
        self._devices = [
            (name, slice(ends[i], ends[i + 1]), _Shown(one, stamped=_stamps(policy, name)))
            for i, (name, one) in enumerate(tags.items())
        ]
        self._written: dict[str, tuple[float, Receipt, float | None]] = {}
        self._wholes = {name: tag.range for name, tag in policy.tags.items() if _counts(tag)}

    @staticmethod
    def suits(policy: Policy) -> bool:
        """Return whether every tag is read in every cycle."""
        return all(tag.scan in {CONTROL, SUBSCRIBE} for tag in policy.tags.values())

    async def open(self) -> None:
        """Return at once."""

    async def ready(self, within_s: float) -> bool:
        """Return that nothing has to be waited for; `within_s` [s] is never waited."""
        del within_s
        return True

    async def read(self, at: float) -> Snapshot:
        """Latch every tag; `at` is the start of the cycle, POSIX time [s]."""
        image, now = self._memory.image(), self._clock.now()
        raw = self._held.raw(image)
        answers = {name: Answer(shown.batch(raw[here], image), now) for name, here, shown in self._devices}
        self._last = self._latch.snapshot(at, answers, self._last)
        return self._last

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        """Write `setpoints` in order; one receipt each, in order."""
        receipts, written, taken = list[Receipt](), self._written, list[tuple[str, float]]()
        for setpoint in setpoints:
            last = written.get(setpoint.tag)
            # Most of what is written in a cycle was written in the one before.
            if last is None or last[0] != setpoint.value:
                last = written[setpoint.tag] = (setpoint.value, *self._judge(setpoint))
            _, receipt, value = last
            receipts.append(receipt)
            if value is not None:
                taken.append((setpoint.tag, value))
        self._memory.write_each(taken)
        return receipts

    def summary(self) -> Mapping[str, object]:
        """Return nothing: there are no connections whose times could be kept."""
        return {}

    async def close(self) -> None:
        """Return at once."""

    def _judge(self, setpoint: Setpoint) -> tuple[Receipt, float | None]:
        """Return what becomes of a setpoint, and what the device then holds of it, in the unit of the tag."""
        low, high = self._wholes.get(setpoint.tag, _NOWHERE)
        if low <= setpoint.value <= high and setpoint.value % 1.0 == 0.0:  # as beats and claims are
            return Receipt(setpoint, Outcome.TAKEN), setpoint.value + 0.0
        why = refusal(setpoint, self._policy)
        if why:
            return Receipt(setpoint, Outcome.REFUSED, why), None
        tag = self._policy.tags[setpoint.tag]
        value, why = _entered(tag, (setpoint.value - tag.offset) / tag.scale)
        return Receipt(setpoint, Outcome.REFUSED if value is None else Outcome.TAKEN, why), value


class _Held:
    """What the devices hold of some tags; for all at once what `to_raw` is for one."""

    def __init__(self, tags: Mapping[str, Tag]) -> None:
        # Tags of one kind stand side by side while they are worked on, single values before arrays.
        kinds = [[name for name, tag in tags.items() if _kind(tag) == kind] for kind in _KINDS]
        order = [name for names in kinds for name in sorted(names, key=lambda name: tags[name].length > 1)]
        owner = [tags[name] for name in order for _ in range(tags[name].length)]
        slots, own = _slots(tags), _slots({name: tags[name] for name in order})
        self._arrays = [(name, own[name]) for name in order if tags[name].length > 1]
        names = [name for name in order if tags[name].length == 1]
        self._singles, self._packed = _getter(names), Struct(f"{len(names)}d").pack
        self._places = in_a_row(np.array([own[name].start for name in names], np.intp))
        self._offset = np.array([tag.offset for tag in owner], np.float64)
        self._scale = np.array([tag.scale for tag in owner], np.float64)
        ends = np.cumsum([0, *(sum(tags[name].length for name in names) for names in kinds)]).tolist()
        self._single, self._whole, self._bits = (slice(ends[k], ends[k + 1]) for k in range(3))
        limits = np.array([_limits(tag) for tag in owner if _kind(tag) == "whole"], np.float64).reshape(-1, 2)
        self._low, self._high = limits[:, 0], limits[:, 1]
        held = [own[name].start + k for name in slots for k in range(tags[name].length)]
        self._order = np.array(held, np.intp)

    def raw(self, image: Image) -> Floats:
        """Return the raw values of all tags, shape ``(sum of lengths,)``, units of the device."""
        raw = np.empty(len(self._offset))
        raw[self._places] = np.frombuffer(self._packed(*self._singles(image.values)))
        for name, slots in self._arrays:
            raw[slots] = image.values[name]
        raw -= self._offset
        raw /= self._scale
        single, whole, bits = raw[self._single], raw[self._whole], raw[self._bits]
        ordinary = np.vdot(raw, raw) < _ORDINARY  # then each is a number, and none is large
        if len(single):
            single[:] = single.astype(np.float32) if ordinary else _rounded(single)
        if len(whole):
            counts = np.rint(whole if ordinary else np.where(np.isfinite(whole), whole, 0.0))
            np.minimum(np.maximum(counts, self._low), self._high, out=whole)
        if len(bits):
            bits[:] = bits > 0.0
        return raw.take(self._order)


class _Shown:
    """What a device says with the raw values of some tags, if it is one that knows quality and time."""

    def __init__(self, tags: Mapping[str, Tag], *, stamped: bool) -> None:
        self._stamped, self._slots = stamped, _slots(tags)
        self._taken, self._packed = _getter(list(tags)), Struct(f"{len(tags)}d").pack
        self._good = np.full(len(tags), Quality.GOOD, np.uint8)
        self._none = np.full(len(tags), Reason.NONE, np.uint8)
        self._unknown = np.full(len(tags), np.nan)
        for shared in (self._good, self._none, self._unknown):
            shared.flags.writeable = False

    def batch(self, raw: Floats, image: Image) -> Batch:
        """Return what the device shows.

        Parameters
        ----------
        raw
            Raw values, shape ``(sum of lengths,)``, units of the device; changed where they are bad.
        image
            What the PLCs show.
        """
        if not self._stamped:
            return Batch(raw, self._good, self._none, self._unknown)
        taken = np.frombuffer(self._packed(*self._taken(image.taken)))
        if not image.quality:
            return Batch(raw, self._good, self._none, taken)
        quality, reason = self._good.copy(), self._none.copy()
        for i, (name, slots) in enumerate(self._slots.items()):
            found = image.quality.get(name, Quality.GOOD)
            quality[i], reason[i] = found, _REASONS[found]
            if found is Quality.BAD:
                raw[slots] = np.nan
        return Batch(raw, quality, reason, taken)


def _getter(names: Sequence[str]) -> Callable[[Mapping[str, object]], Sequence[float]]:
    """Return what gets the values of some names from a mapping, quickly."""

    def each(values: Mapping[str, object]) -> Sequence[object]:
        return [values[name] for name in names]

    return cast("Callable[[Mapping[str, object]], Sequence[float]]", itemgetter(*names) if len(names) > 1 else each)


def _stamps(policy: Policy, connection: str) -> bool:
    """Return whether the device of a connection says how good each value is, and when it was taken."""
    return isinstance(policy.connections[connection], OpcUa)


def _slots(tags: Mapping[str, Tag]) -> dict[str, slice]:
    """Return where the values of each tag stand."""
    ends = np.cumsum([0, *(tag.length for tag in tags.values())]).tolist()
    return {name: slice(ends[i], ends[i + 1]) for i, name in enumerate(tags)}


def _entered(tag: Tag, raw: float) -> tuple[float | None, str]:
    """Return what a device holds of a raw value written, in the unit of the tag, or None and why it holds nothing."""
    if tag.access is not Access.WRITE:
        return None, "the device does not let it be written"
    try:
        whole = fitted(raw, tag.type)
    except ValueError as refusal:
        return None, str(refusal)
    return to_value(tag, to_raw(tag, to_value(tag, whole))), ""


def _counts(tag: Tag) -> bool:
    """Return whether a device holds every whole number in the range of a tag that is written as it is."""
    plain = tag.access is Access.WRITE and tag.length == 1 and (tag.scale, tag.offset) == (1.0, 0.0)
    if not plain or _kind(tag) != "whole":
        return False
    low, high = _limits(tag)
    return low <= tag.range[0] and tag.range[1] <= high


def _kind(tag: Tag) -> str:
    """Return how a device holds a tag."""
    return {"float32": "single", "float64": "double", "bool": "bit"}.get(tag.type, "whole")


def _rounded(values: Floats) -> NDArray[np.float32]:
    """Return numbers as a device holds them in 32 bits, in their units; what is too large is infinite."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def _limits(tag: Tag) -> tuple[float, float]:
    """Return the least and the greatest raw count of a tag that holds whole numbers [1]."""
    return float(to_raw(tag, tag.offset - _BEYOND * tag.scale)), float(to_raw(tag, tag.offset + _BEYOND * tag.scale))
