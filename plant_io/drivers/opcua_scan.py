"""One scan class of an OPC UA server: its prepared reads, and their answers as one batch (asyncua)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from plant_io.drivers.opcua_nodes import Spot, code, numbers, plain, posix, requests
from plant_io.drivers.opcua_prepared import PreparedRead
from plant_io.ports import Batch
from plant_io.quality import Quality, Reason
from plant_io.signals import Floats
from plant_io.status import judged
from plant_io.verdicts import Positions
from policies.scans import SUBSCRIBE


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """How one scan class is read."""

    spots: tuple[Spot, ...]
    """Its tags, each where it stands in the batch of the class."""
    polled: tuple[int, ...]
    """Positions of those that are read [1]; the others are reported."""
    asked: tuple[PreparedRead, ...]
    """Prepared requests."""
    counted: bool
    """Whether the scan counter is read first and last."""
    singles: tuple[ua.VariantType | None, ...]
    """Type of each single value, None for what is taken apart with more care."""
    starts: Positions
    """Position of the first value of each tag, shape ``(n,)``."""
    width: int
    """Number of values [1]."""

    @classmethod
    def of(cls, spots: Sequence[Spot], counter: ua.NodeId | None, chunk: int) -> Reading:
        """Return how to read some tags.

        Parameters
        ----------
        spots
            The tags.
        counter
            Node that counts the scans of the device; None where nothing does.
        chunk
            Most nodes in one request [1].
        """
        starts = np.cumsum([0, *(spot.tag.length for spot in spots)], dtype=np.intp)
        placed = tuple(replace(spot, start=int(start)) for spot, start in zip(spots, starts, strict=False))
        polled = tuple(i for i, spot in enumerate(placed) if spot.tag.scan != SUBSCRIBE)
        nodes = [placed[i].node for i in polled]
        around = [counter] if counter is not None and nodes else []
        return cls(
            spots=placed,
            polled=polled,
            asked=tuple(requests([*around, *nodes, *around], AttributeIds.Value, chunk)),
            counted=bool(around),
            singles=tuple(None if spot.wrong or spot.tag.length != 1 else spot.variant for spot in placed),
            starts=starts[:-1],
            width=int(starts[-1]),
        )

    @property
    def size(self) -> int:
        """Number of answers to the prepared requests [1]."""
        return len(self.polled) + 2 * self.counted

    def batch(
        self, answers: Sequence[ua.DataValue], reported: Mapping[int, ua.DataValue], age: float | None = None
    ) -> Batch:
        """Return what answers say of the tags.

        Parameters
        ----------
        answers
            Answers to the prepared requests.
        reported
            Newest reports, by position.
        age
            Time since the last report [s]; None where nothing is reported.
        """
        counters = (_count(answers[0]), _count(answers[-1])) if self.counted else None
        told = answers[1:-1] if self.counted else answers
        ages = None
        if age is not None:
            known = dict(reported) | dict(zip(self.polled, told, strict=True))
            told = [known[i] for i in range(len(self.spots))]
            ages = np.full(len(told), age)
            ages[list(self.polled)] = 0.0
        return replace(self._taken(told), age=ages, counters=counters)

    def _taken(self, told: Sequence[ua.DataValue]) -> Batch:
        """Take answers apart; what is as declared and good, as nearly all of them are, by the short way."""
        found: list[float] = []
        odd: list[int] = []
        for answer, wanted in zip(told, self.singles, strict=True):
            held, status = answer.Value, answer.StatusCode
            if (status is None or not status.value) and held is not None and held.VariantType is wanted:
                value = held.Value
                if value is not None and not held.is_array:
                    found.append(value)
                    continue
            odd.append(len(found))
            found.append(np.nan)
        n = len(told)
        values = np.full(self.width, np.nan)
        values[self.starts] = found
        batch = Batch(values, np.zeros(n, np.uint8), np.zeros(n, np.uint8), _times(told))
        for i in odd:
            self._take(batch, i, told[i])
        return batch

    def _take(self, batch: Batch, i: int, answer: ua.DataValue) -> None:
        spot = self.spots[i]
        quality, reason = judged(code(answer))
        if quality is not Quality.BAD:
            held = None if spot.wrong else numbers(answer.Value, spot)
            if held is None:
                quality, reason = Quality.BAD, Reason.WRONG_TYPE
            else:
                batch.values[spot.start : spot.start + spot.tag.length] = held
        batch.quality[i], batch.reason[i] = quality, reason


def _times(told: Sequence[ua.DataValue]) -> Floats:
    stamps = [answer.SourceTimestamp for answer in told]
    try:
        return np.array([stamp.timestamp() if stamp.tzinfo else posix(stamp) for stamp in stamps], np.float64)  # type: ignore[union-attr]
    except AttributeError:
        return np.array([posix(stamp) for stamp in stamps], np.float64)


def _count(answer: ua.DataValue) -> float:
    value = plain(answer)
    return float(value) if isinstance(value, int | float) else np.nan
