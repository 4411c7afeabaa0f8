"""Everything about an installation that will hurt later: looked at one by one, each with what to do about it."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from math import inf
from pathlib import Path
from statistics import median
from tempfile import NamedTemporaryFile

from controller.records.cycles import Walk
from controller.records.entry import entries, latest
from controller.records.file import FILE
from controller.records.retention import DAY_S
from controller.records.standing import Standing, refreshed
from plant_io.clocks import stopwatch
from plant_io.security.expiry import DAYS, remaining
from plant_io.security.signing import station_key
from plant_io.security.store import OWN, TRUSTED, Store
from policies import Policy
from policies.records import Records
from policies.site import SiteCopy

OLDEST_SQLITE = (3, 51, 3)
"""First version of SQLite that does not corrupt a log that two connections take into the file at once."""
SYNC_S, SLOWEST_SYNC_S = 0.05, 0.5
"""Median and longest time that making a few bytes durable may take [s]."""
FEWEST_DAYS = 14.0
"""Days for which there should be room on the disk [d]."""
FEWEST_HOURS = 24.0
"""Hours for which a copy may be away before anything is lost to it [h]."""
HOUR_S = 3600.0
"""Length of an hour [s]."""
_SYNCS, _SHOWN = 20, 5
_UNSYNCHRONISED = 5  # TIME_ERROR of adjtimex(2)
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*==[^\\\\]+)", re.MULTILINE)
_SHORTEST_S = 60.0


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    """What."""
    ok: bool | None
    """Whether it is as it should be; None where that could not be seen, or need not be."""
    found: str
    """What was found, one sentence."""
    remedy: str = ""
    """What to do; empty where nothing is."""

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        return {"name": self.name, "ok": self.ok, "found": self.found, "remedy": self.remedy}


def sqlite(found: str) -> Check:
    """Return whether a version of SQLite may keep a record.

    Examples
    --------
    >>> sqlite("3.40.1").ok, sqlite("3.51.3").ok
    (False, True)
    """
    good = tuple(int(part) for part in found.split(".")) >= OLDEST_SQLITE
    wanted = ".".join(map(str, OLDEST_SQLITE))
    return Check("sqlite", good, f"SQLite {found}", "" if good else f"install apsw {wanted} or newer")


def libraries(lock: Path | None) -> Check:
    """Return whether what is installed is what the lock file names.

    Parameters
    ----------
    lock
        The lock file; None where there is none.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    from packaging.requirements import Requirement  # noqa: PLC0415  # only here

    if lock is None:
        return Check("libraries", None, "there is no requirements.lock here", "name it: --lock FILE")
    wanted = [Requirement(line.strip()) for line in _PINNED.findall(lock.read_text(encoding="utf-8"))]
    due = [each for each in wanted if each.marker is None or each.marker.evaluate()]
    other = [said for each in due if (said := _other(each.name, str(each.specifier).removeprefix("==")))]
    if not other:
        return Check("libraries", ok=True, found=f"all {len(due)} libraries are those of {lock.name}")
    rest = f"; and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
    mend = f"pip install --require-hashes -r {lock}"
    return Check("libraries", ok=False, found="; ".join(other[:_SHOWN]) + rest, remedy=mend)


def _other(name: str, wanted: str) -> str:
    try:
        found = version(name)
    except PackageNotFoundError:
        return f"{name} is missing, wanted {wanted}"
    return "" if found == wanted else f"{name} {found}, wanted {wanted}"


def clock() -> Check:
    """Return whether the kernel holds the clock of this machine to be synchronised."""
    said = "is not known here"
    try:
        state = int(ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(512)))
    except (OSError, AttributeError):
        state = -1
    if state < 0:
        return Check("clock", None, f"whether the clock is synchronised {said}", "see that NTP or PTP keeps it")
    good = state != _UNSYNCHRONISED
    found = "the clock is synchronised" if good else "the clock is not synchronised"
    return Check("clock", good, found, "" if good else "let NTP or PTP keep it: timedatectl set-ntp true")


def syncs(folder: Path) -> Check:
    """Return how long it takes to make a few bytes durable, as each cycle must.

    Raises
    ------
    OSError
        If nothing can be written there.
    """
    took = list[float]()
    with NamedTemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            watch = stopwatch()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append(watch())
    return synced(median(took), max(took))


def synced(usual_s: float, longest_s: float) -> Check:
    """Return whether a disk is fast enough.

    Parameters
    ----------
    usual_s
        Median time to make something durable [s].
    longest_s
        Longest [s].
    """
    good = usual_s <= SYNC_S and longest_s <= SLOWEST_SYNC_S
    found = f"a write is durable after {usual_s * 1e3:.1f} ms, at most {longest_s * 1e3:.1f} ms"
    return Check("disk sync", good, found, "" if good else "keep records on a local solid-state disk of its own")


def certificates(pki: Path, now: float) -> Iterator[Check]:
    """Give each certificate that is relied on, with how long it lasts.

    Parameters
    ----------
    pki
        Folder of certificates and keys.
    now
        Present, POSIX time [s].
    """
    for name in (OWN, TRUSTED):
        for file, certificate in Store(pki).listed(name):
            good = certificate.ends - now > DAYS[0] * DAY_S
            mend = (
                "steadyline cert create --renew" if name == OWN else "get the new one, and: steadyline cert trust FILE"
            )
            found = f"{file.name} ({name}) {remaining(certificate.ends, now)}"
            yield Check("certificate", good, found, "" if good else mend)


def signing(pki: Path) -> Check:
    """Return whether this station can sign its records.

    Raises
    ------
    OSError
        If its key cannot be read, or others may read it.
    """
    good = station_key(pki) is not None
    mend = "" if good else f"steadyline audit key --pki {pki}"
    return Check("record key", good, "records are signed" if good else "records are chained, but not signed", mend)


@dataclass(frozen=True, slots=True)
class Growth:
    """How a record fills a disk."""

    free: float
    """Room on the disk [B]."""
    a_day: float | None
    """What the record takes in a day [B/d]; None where it is too short to say."""

    @property
    def days(self) -> float:
        """Return the days until the disk is full [d]."""
        return self.free / self.a_day if self.a_day else inf


def growth(record: Path | None, folder: Path) -> Growth:
    """Return how much room there is, and how fast a record takes it.

    Raises
    ------
    OSError
        If the disk cannot be looked at.
    ValueError
        If the record cannot be read.
    """
    free = float(shutil.disk_usage(folder).free)
    if record is None:
        return Growth(free, None)
    first, last = next(entries(record)), next(latest(record, 1))
    span = last.at - first.at
    size = sum(file.stat().st_size for file in record.glob(f"{FILE}*"))
    return Growth(free, size / span * DAY_S if span >= _SHORTEST_S else None)


def room(found: Growth) -> Check:
    """Return whether there is room on the disk for some time."""
    free = f"{found.free / 1e9:.1f} GB free"
    if found.a_day is None:
        return Check("disk", None, free, "name a record of an hour or more to see for how long: --record DIR")
    good = found.days >= FEWEST_DAYS
    said = f"{free}, {found.a_day / 1e6:.1f} MB a day, full in {found.days:.0f} days"
    return Check("disk", good, said, "" if good else "make room, or keep less: records: {keep: ...} in the policy")


def copy(record: Path, standing: Standing, kept: Records, now: float) -> Check:
    """Return how the copy of a record stands, and how long it may stay away before something is lost to it.

    Parameters
    ----------
    record
        Record directory.
    standing
        What its forwarder noted.
    kept
        What the policy says of records.
    now
        Present, POSIX time [s].

    Raises
    ------
    OSError
        If its disk cannot be looked at.
    ValueError
        If the record cannot be read.
    """
    behind_s = now - (now if standing.since is None else standing.since)
    days = kept.keep.cycles_days
    left_h = min(inf if days is None else days * 24.0 - behind_s / HOUR_S, growth(record, record).days * 24.0)
    late = standing.behind > 0 and kept.site is not None and behind_s > kept.site.behind_s
    good = not (late or standing.quarantined or left_h < FEWEST_HOURS)
    left = "for good" if left_h == inf else f"for {max(0.0, left_h):.0f} h"
    found = f"{record.name}: {standing.sentence()}; what waits is kept {left}"
    return Check("site copy", good, found, "" if good else _mend(standing))


def _mend(standing: Standing) -> str:
    if standing.quarantined:
        return "see the reasons in the folder quarantine, then: steadyline copy retry POLICY RECORD"
    return "see to the database, then: steadyline copy send POLICY RECORD"


def copies(records: Sequence[Path], policy: Policy | None, now: float) -> Iterator[Check]:
    """Give how the copy of each record stands, where one was begun.

    Parameters
    ----------
    records
        Record directories.
    policy
        What says how long they are kept; None for the policy that each was made under.
    now
        Present, POSIX time [s].

    Raises
    ------
    OSError
        If a disk cannot be looked at.
    ValueError
        If a record cannot be read.
    """
    for record in records:
        standing = Standing.read(record)
        if standing is not None:
            kept = Walk(record).policy() if policy is None else policy
            yield copy(record, refreshed(record, standing), kept.records, now)


def database(site: SiteCopy, pki: Path) -> Check:
    """Return whether the database of a site answers, and has the tables of this release."""
    try:
        from controller.records.site import Away, Site  # noqa: PLC0415  # an extra
    except ImportError:
        return Check("site database", ok=False, found="psycopg is missing", remedy="pip install steadyline[postgres]")
    there = Site(site, pki)

    async def look() -> None:
        await there.open()
        await there.close()

    try:
        asyncio.run(look())
    except Away as error:
        return Check("site database", ok=False, found=f"{there.name}: {error}", remedy="see docs/records.md")
    return Check("site database", ok=True, found=f"{there.name} answers")


def plant(policy: Policy) -> list[Check]:
    """Return what is wrong with the devices of a policy, or that nothing is."""
    from plant_io.diagnosis import diagnosed  # noqa: PLC0415  # heavy
    from plant_io.survey import survey  # noqa: PLC0415  # heavy

    found = diagnosed(asyncio.run(survey(policy)))
    bad = [Check("plant", ok=False, found=f"{one.connection}: {one.sentence}", remedy=one.remedy) for one in found]
    return bad or [Check("plant", ok=True, found=f"{', '.join(policy.connections)}: nothing wrong")]
