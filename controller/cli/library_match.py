"""The verb `library match`: what recorded results show by a library."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.options import Json
from controller.cli.show import give, given, people

if TYPE_CHECKING:
    from anomaly.trending import Reading, TrendKit
    from controller.cli.library_data import Recorded
    from policies import Policy
    from policies.library import Library

_TABLE = ".csv"


def match(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Chromatograms (JSON lines), or tags over time (CSV).")],
    *,
    library: Annotated[Path, typer.Option("--library", metavar="FILE", help="Library of trends.")],
    policy: Annotated[
        Path | None, typer.Option(metavar="POLICY", help="Policy that watches it; one beside the library.")
    ] = None,
    entry: Annotated[
        list[str] | None, typer.Option("--entry", metavar="NAME", help="Only this entry; may be repeated.")
    ] = None,
    json: Json = None,
) -> int:
    """Match recorded results against a library: which trends they show, since when, and what none explains."""
    from anomaly import entries  # noqa: PLC0415  # heavy
    from controller.cli.library import library_of, ready  # noqa: PLC0415  # heavy

    where = given(json)
    with _read(), reading():
        found = library_of(library)
        found = found.model_copy(update={"entries": entries.chosen(str(library), found, entry or ())})
        kit, named = ready(library, found, policy)
        if kit is None:
            raise Refused(f"{library}: no policy beside it watches it, and it does not say what is normal")
        if named is not None:
            entries.measured(str(library), kit.entries, named)
        recorded = _recorded(data, named, found)
    for note in (*recorded.refused, *recorded.doubts, *recorded.strangers):
        people.print(note, markup=False)
    _usable(data, recorded, kit)
    told = list(_told(recorded, kit))
    for one in told:
        people.print(str(one["what"]), markup=False)
    if not told:
        people.print(f"{data}: no trend; samples used: {len(recorded.rows)}", markup=False)
    unknown = [one for one in told if one["entry"] == ""]
    notes = {"refused": recorded.refused, "doubts": recorded.doubts, "strangers": recorded.strangers}
    give(
        {"matches": [one for one in told if one["entry"]], "unknown": unknown, "points": len(recorded.rows)} | notes,
        where,
    )
    return 0


@contextmanager
def _read() -> Generator[None]:
    """Turn mistakes in a library or a policy into a refusal."""
    from policies import PolicyError  # noqa: PLC0415  # heavy

    try:
        yield
    except PolicyError as error:
        raise Refused(str(error)) from error


def _usable(data: Path, recorded: Recorded, kit: TrendKit) -> None:
    """Refuse results of which none can be matched, so that nothing found is never taken for nothing there."""
    if not recorded.rows:
        raise Refused(f"{data}: found no result that can be used, expected one at least")
    channels = kit.declared.channels
    if not any(tag in channels for row in recorded.rows.values() for tag in row):
        there = ", ".join(dict.fromkeys(tag for row in recorded.rows.values() for tag in row)) or "none"
        raise Refused(f"{data}: found the tags {there}, expected one at least of {', '.join(channels)}")


def _recorded(data: Path, policy: Policy | None, found: Library) -> Recorded:
    from controller.cli.library_data import chromatograms, table  # noqa: PLC0415  # heavy
    from controller.soft.peaks import method  # noqa: PLC0415  # heavy
    from plant_io.changes import replace  # noqa: PLC0415  # heavy
    from policies import Peaks  # noqa: PLC0415  # heavy

    if data.suffix == _TABLE:
        return table(data)
    lists = {} if policy is None else {k: one for k, one in policy.soft_sensors.items() if isinstance(one, Peaks)}
    if len(lists) != 1:
        raise Refused(f"{data}: chromatograms need a policy with one soft sensor of kind peaks, found {len(lists)}")
    ((name, declared),) = lists.items()
    versions = tuple(dict.fromkeys(one.identity.method_version for one in found.entries.values() if one.identity))
    return chromatograms(data, name, replace(method(declared), versions=versions))


def _told(recorded: Recorded, kit: TrendKit) -> Iterator[dict[str, object]]:
    """Give every trend that begins to be read, with what it is read as."""
    import numpy as np  # noqa: PLC0415  # heavy

    from anomaly.trending import counted, read  # noqa: PLC0415  # heavy

    channels, every = kit.declared.channels, kit.declared.every_s
    if not recorded.rows:
        return
    slots: dict[int, list[list[float]]] = {}
    for at, row in recorded.rows.items():
        values = [counted(row.get(tag, np.nan), tag, kit) for tag in channels]
        slots.setdefault(int(at // every), []).append(values)
    first, count = min(slots), max(slots) - min(slots) + 1
    points = np.full((kit.declared.window + count, len(channels)), np.nan)
    for slot, rows in slots.items():
        seen = np.array(rows)
        there = np.isfinite(seen)
        sums, n = np.where(there, seen, 0.0).sum(axis=0), there.sum(axis=0)
        points[kit.declared.window + slot - first] = np.where(n > 0, sums / np.maximum(n, 1), np.nan)
    fewest = round((kit.declared.baseline_s or every) / every)
    base = points[kit.declared.window : kit.declared.window + fewest]
    known = np.isfinite(base)
    means = np.where(known, base, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    normal = np.where(known.any(axis=0), means, kit.centre) if kit.declared.baseline_s else kit.centre
    said: str | None = None
    for k in range(fewest, count):
        now = read(points[k + 1 : k + 1 + kit.declared.window], kit, said, normal)
        if now.name is not None and now.name != said:
            yield _plain((first + k + 1) * every, now, now.name, kit)
        said = now.name


def _plain(at: float, seen: Reading, name: str, kit: TrendKit) -> dict[str, object]:
    from anomaly.trend_words import begins  # noqa: PLC0415  # heavy
    from anomaly.trending import BOTH, probabilities  # noqa: PLC0415  # heavy

    chances = probabilities(seen.found, kit)
    alert = begins(at, seen, name, kit)
    chance = sum(chances[key] for key in name.split(BOTH)) if name else chances[""]
    return {
        "at": at,
        "entry": name,
        "probability": chance,
        "onset": alert.onset,
        "what": alert.what,
        "evidence": dict(alert.evidence),
    }
