"""How far the copy of a record goes, noted beside it by whoever copies it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from controller.records.entry import entries, latest
from controller.records.file import FILE
from controller.records.quarantine import write_durably
from policies.sentences import counted

STATUS = "copy.json"
"""Name of the file in a record directory that says how far its copy goes; a record with one is copied."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How the copy of one record stands."""

    line: str = ""
    """Name of the line."""
    database: str = ""
    """Where it is copied to."""
    at: float = 0.0
    """When this was found, POSIX time [s]."""
    next: int = 0
    """Sequence number of the record that is to be copied next [1]."""
    behind: int = 0
    """Records that are not copied [1]."""
    since: float | None = None
    """Time of the oldest of them, POSIX time [s]; None where there are none."""
    quarantined: int = 0
    """Records in quarantine [1]."""
    complete: bool = False
    """Whether the run was closed in order and all of it is copied."""
    trouble: str = ""
    """What is wrong; empty where nothing is."""

    def sentence(self) -> str:
        """Return it in words."""
        end = ", the whole run" if self.complete else ""
        waits = "waits" if self.behind == 1 else "wait"
        left = f"; {counted(self.behind, 'record')} {waits}" if self.behind else ""
        aside = f"; {self.quarantined} in quarantine" if self.quarantined else ""
        wrong = f"; {self.trouble}" if self.trouble else ""
        return f"{counted(self.next, 'record')} copied to {self.database}{end}{left}{aside}{wrong}"

    @classmethod
    def read(cls, directory: Path) -> Standing | None:
        """Return how the copy of a record stood; None where none was begun.

        Raises
        ------
        ValueError
            If the file says something else.
        """
        file = directory / STATUS
        try:
            return cls(**json.loads(file.read_bytes()))
        except FileNotFoundError:
            return None
        except (TypeError, ValueError):
            raise ValueError(f"{file}: this does not say how far a copy goes") from None


def refreshed(directory: Path, standing: Standing) -> Standing:
    """Return how a copy stands beside what the record holds now.

    Raises
    ------
    ValueError
        If the record cannot be read.
    """
    last, waits = next(latest(directory, 1), None), next(entries(directory, standing.next), None)
    behind = 0 if last is None else max(0, last.seq + 1 - standing.next)
    return replace(standing, behind=behind, since=None if waits is None else waits.at)


def begin(directory: Path) -> None:
    """Let a record be copied, by this run or by one that finds it later.

    Raises
    ------
    OSError
        If that cannot be noted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / STATUS).exists():
        write_durably(directory / STATUS, json.dumps(asdict(Standing())).encode())


def waiting(folder: Path) -> list[Path]:
    """Return the records in a folder whose copies were begun and are not complete, by name."""
    begun = sorted(each.parent for each in folder.glob(f"*/{STATUS}") if (each.parent / FILE).exists())
    return [directory for directory in begun if not _complete(directory)]


def _complete(directory: Path) -> bool:
    try:
        found = Standing.read(directory)
    except ValueError:
        return False
    return found is not None and found.complete
