"""Cases out of records: each as it stands, what was done to it, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from anomaly.case_table import Stage
from anomaly.cases import Carry, Case
from controller.cases.plain import case
from controller.cycle import Order
from controller.desk import Timed
from controller.records import alarmed, codec
from controller.records.entry import Entry, entries
from controller.records.verify import Verified, verify
from policies import Policy, parse

_REFUSED = "case "


@dataclass(slots=True)
class Kept:
    """What one record holds of cases."""

    directory: Path
    """The record."""
    head: Mapping[str, Any]
    """What its head holds."""
    begun: float
    """When it begins, POSIX time [s]."""
    ended: float
    """When its last entry was made, POSIX time [s]."""
    closed: bool = False
    """Whether the run was closed in order."""
    cases: dict[str, Case] = field(default_factory=dict[str, Case])
    """Cases as they stood last, by name, in the order in which they came."""
    deeds: dict[str, list[tuple[int, Mapping[str, Any]]]] = field(
        default_factory=dict[str, list[tuple[int, Mapping[str, Any]]]]
    )
    """Entries of the audit trail about each case, with their sequence numbers, by name of the case."""
    verified: Verified | None = None
    """What came of going through its chain and signatures; None where that was not asked for."""
    earlier: tuple[Kept, ...] = ()
    """Other records that may tell of the same cases."""
    _cycle: Entry | None = None

    @property
    def policy(self) -> Policy:
        """The policy it was made under."""
        files = self.head["files"]
        return parse(files[""], self.head["policy_name"], files)

    def take(self, entry: Entry) -> None:
        """Take in one entry."""
        self.ended = entry.at
        if entry.kind == "cycle":
            self._cycle = entry
        elif entry.kind == "audit":
            self._told(entry)
        self.closed |= entry.kind == "tail"

    def _told(self, entry: Entry) -> None:
        said = entry.content()
        if said["kind"] == "case":
            self._changed()
        if said["kind"] == "case" or str(said["what"]).startswith("case: "):
            self.deeds.setdefault(str(said["subject"]), []).append((entry.seq, said))
        elif said["kind"] == "event" and str(said["what"]).startswith(_REFUSED):
            name = str(said["what"]).removeprefix(_REFUSED).partition(":")[0]
            self.deeds.setdefault(name, []).append((entry.seq, said))

    def _changed(self) -> None:
        cycle, self._cycle = self._cycle, None
        if cycle is not None and cycle.digest is None:
            for plain in cycle.content()["decision"].get("cases", ()):
                found = case(plain)
                self.cases[found.id] = found


def kept(directory: Path, *, looked: bool = False) -> Kept:
    """Return what a record holds of cases.

    Parameters
    ----------
    directory
        Record directory.
    looked
        Whether chain and signatures are gone through as well.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read, or does not begin with a head.
    """
    first = next(entries(directory), None)
    if first is None or first.kind != "head":
        raise ValueError(f"{directory}: the record does not begin with a head")
    found = Kept(directory, first.content(), first.at, first.at)
    if looked:
        found.verified = verify(directory, seen=found.take)
    else:
        for entry in entries(directory):
            found.take(entry)
    return found


def history(directories: Iterable[Path], progress: Callable[[int], None] = lambda _: None) -> list[Kept]:
    """Return what some records of one line hold of cases, the oldest first.

    Parameters
    ----------
    directories
        Record directories.
    progress
        Told the number of records done so far.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If one cannot be read, or they are of two lines.
    """
    found = list[Kept]()
    for directory in directories:
        found.append(kept(directory))
        if found[-1].head["line"] != found[0].head["line"]:
            wrong, first = found[-1].head["line"], found[0].head["line"]
            raise ValueError(f"{directory}: the record is of line {wrong}, those before of {first}")
        progress(len(found))
    return sorted(found, key=lambda one: one.begun)


def newest(records: Iterable[Kept]) -> dict[str, tuple[Case, Kept]]:
    """Return every case as it stood last, with the record that says so, in the order in which they were opened."""
    found: dict[str, tuple[Case, Kept]] = {}
    for one in records:
        found |= {name: (each, one) for name, each in one.cases.items()}
    return dict(sorted(found.items(), key=lambda each: each[1][0].opened))


def carried(directory: Path) -> tuple[Timed, ...]:
    """Return the orders by which a run goes on with the cases that another one left open.

    Parameters
    ----------
    directory
        Record of the run before.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    there = kept(directory)
    open_ = [each for each in there.cases.values() if each.stage is not Stage.CLOSED]
    return tuple(Timed(0.0, Order("system", directory.name, Carry(each.id, each))) for each in open_)


def goes_on(directory: Path) -> tuple[Timed, ...]:
    """Return the orders by which a run goes on with what another one left: alarms on the list, and open cases.

    Parameters
    ----------
    directory
        Record of the run before.

    Raises
    ------
    FileNotFoundError
        If there is no record.
    ValueError
        If it cannot be read.
    """
    return (*alarmed.carried(directory), *carried(directory))


def fingerprint(found: Case) -> str:
    """Return the SHA-256 of a case as it stands, hexadecimal."""
    return sha256(codec.pack(found)).hexdigest()
