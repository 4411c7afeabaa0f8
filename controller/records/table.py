"""Signals over a time: as arrays, as a pandas frame, and as files for other programs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from plant_io import Quality
from plant_io.signals import Codes, Floats

if TYPE_CHECKING:
    import pandas  # noqa: ICN001  # as below

_WORDS = tuple(quality.name.lower() for quality in Quality)


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Tags over the same cycles."""

    times: Floats
    """When each cycle began, shape ``(n,)``, POSIX time [s]."""
    values: Mapping[str, Floats]
    """Values by tag, each shape ``(n,)``, or ``(n, length)`` where a tag has several, in the unit of the tag."""
    quality: Mapping[str, Codes]
    """`Quality` by tag, each shape ``(n,)``."""
    units: Mapping[str, str]
    """UCUM unit by tag."""

    @classmethod
    def joined(
        cls, names: Sequence[str], units: Sequence[str], parts: Sequence[tuple[Floats, list[Floats], list[Codes]]]
    ) -> Table:
        """Return pieces of time as one table.

        Parameters
        ----------
        names, units
            Tags and their units.
        parts
            Times, POSIX time [s], values in the units of the tags, and qualities; oldest first.
        """
        values = [np.concatenate([part[1][n] for part in parts]) for n in range(len(names))]
        flat = [each[:, 0] if each.shape[1] == 1 else each for each in values]
        quality = [np.concatenate([part[2][n] for part in parts]) for n in range(len(names))]
        return cls(
            np.concatenate([part[0] for part in parts]),
            dict(zip(names, flat, strict=True)),
            dict(zip(names, quality, strict=True)),
            dict(zip(names, units, strict=True)),
        )

    def columns(self) -> Iterator[tuple[str, Sequence[object] | Floats]]:
        """Give every column with its name: times, then values and quality of each tag."""
        yield "at", self.times
        for name, values in self.values.items():
            unit = f" [{self.units[name]}]" if self.units[name] else ""
            if values.ndim == 1:
                yield f"{name}{unit}", values
            else:
                yield from ((f"{name}[{n}]{unit}", values[:, n]) for n in range(values.shape[1]))
            yield f"{name} quality", [_WORDS[code] for code in self.quality[name].tolist()]

    def frame(self) -> pandas.DataFrame:
        """Return a pandas frame by UTC time, with a column for values and one for quality of each tag."""
        import pandas  # noqa: ICN001, PLC0415  # heavy, and without types here

        pd, columns = cast("Any", pandas), dict(self.columns())
        at = pd.to_datetime(columns.pop("at"), unit="s", utc=True)
        return cast("pandas.DataFrame", pd.DataFrame(columns, index=pd.DatetimeIndex(at, name="at")))

    def to_csv(self, file: Path) -> None:
        """Write a CSV file: times as POSIX seconds, empty where there is no number.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        columns = list(self.columns())
        with file.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow([name for name, _ in columns])
            writer.writerows(zip(*(_written(column) for _, column in columns), strict=True))

    def to_parquet(self, file: Path) -> None:
        """Write a Parquet file, with the extra ``archive``.

        Raises
        ------
        ValueError
            If the extra is not installed.
        OSError
            If it cannot be written.
        """
        try:
            import pyarrow as pa  # noqa: PLC0415  # pyright: ignore[reportMissingImports]  # an extra
            from pyarrow import parquet  # noqa: PLC0415  # pyright: ignore[reportMissingImports, reportUnknownVariableType]
        except ImportError:
            raise ValueError(f"{file}: Parquet needs the extra archive: pip install steadyline[archive]") from None
        columns = dict(self.columns())
        at = (np.asarray(columns.pop("at")) * 1e6).round().astype("int64").view("datetime64[us]")
        table = cast("Any", pa).table({"at": at, **columns})
        cast("Any", parquet).write_table(table, str(file), compression="zstd")


def _written(column: Sequence[object] | Floats) -> list[object]:
    if isinstance(column, np.ndarray):
        return ["" if each != each else repr(each) for each in column.tolist()]  # noqa: PLR0124  # no number
    return list(column)


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """A tag in equal times."""

    begins: Floats
    """When each bucket begins, shape ``(count,)``, POSIX time [s]."""
    low: Floats
    """Least value that is not bad in each, shape ``(count,)``, in the unit of the tag; not a number where none is."""
    mean: Floats
    """Mean of the values that are not bad in each, shape ``(count,)``, in the unit of the tag."""
    high: Floats
    """Greatest value that is not bad in each, shape ``(count,)``, in the unit of the tag."""
    good: Floats
    """Share of good values among the cycles of each, shape ``(count,)`` [1]; not a number where there are none."""
    cycles: Floats
    """Cycles in each, shape ``(count,)`` [1]."""


def buckets(table: Table, span: tuple[float, float], count: int) -> Bucket:
    """Return the only tag of a table in equal times.

    Parameters
    ----------
    table
        One tag over a time.
    span
        First and last instant, POSIX time [s].
    count
        Number of buckets [1].
    """
    ((name, values),) = table.values.items()  # noqa: PD011  # no frame of pandas
    edges = np.linspace(*span, count + 1)
    begins, codes = edges[:-1], table.quality[name]
    stops = table.times.searchsorted(begins)
    cycles = _between(stops, len(table.times))
    usable = np.isfinite(values)
    flawed = codes.any()
    if flawed:
        usable &= codes != Quality.BAD
    times, kept, first, number = table.times, values, stops, cycles
    if not usable.all():
        times, kept = times[usable], values[usable]
        first = times.searchsorted(begins)
        number = _between(first, len(times))
    there = number > 0
    low, mean, high, good = np.full((4, count), np.nan)
    if len(times):
        place = first[there]
        low[there], high[there] = np.minimum.reduceat(kept, place), np.maximum.reduceat(kept, place)
        mean[there] = np.add.reduceat(kept, place) / number[there]
    numbers = cycles
    if flawed:
        summed = np.concatenate(([0], np.cumsum(codes == Quality.GOOD)))
        numbers = _between(summed[stops], int(summed[-1]))
    np.divide(numbers, cycles, out=good, where=cycles > 0)
    return Bucket(begins, low, mean, high, good, cycles.astype(float))


def _between(firsts: NDArray[np.intp], last: int) -> NDArray[np.intp]:
    """Return how far it is from each to the next, and from the last of them to `last`, shape ``(count,)`` [1]."""
    found = np.empty(len(firsts), np.intp)
    found[:-1], found[-1] = firsts[1:] - firsts[:-1], last - firsts[-1]
    return found
