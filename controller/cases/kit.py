"""What a policy says of cases, made ready."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import cast

from anomaly.engine import WatchKit
from anomaly.trending import BOTH, TrendKit
from policies import Policy
from policies.cases import Cases, CaseStep
from policies.library import Entry


@dataclass(frozen=True, slots=True, eq=False)
class CaseKit:
    """How cases are opened and followed up, ready."""

    line: str
    """Name of the line."""
    declared: Cases
    """What the policy says of them."""
    trends: tuple[TrendKit, ...]
    """Libraries, in the order of the watches' memory."""
    folds: bool
    """Whether alerts are folded into incidents."""
    units: Mapping[str, str]
    """UCUM unit of every tag."""
    policy: str
    """SHA-256 of the policy with all it names, hexadecimal."""
    files: Mapping[str, Mapping[str, str]]
    """SHA-256 of the files each watch names, hexadecimal, by watch and name of the file."""

    def trend(self, watch: str) -> TrendKit | None:
        """Return the library behind a watch; None where there is none."""
        return next((one for one in self.trends if one.name == watch), None)

    def steps(self, watch: str, entry: str) -> Mapping[str, CaseStep]:
        """Return the steps for what a watch told: those of the entry, of its class, of the unknown, or of all."""
        own = self.declared.procedures
        return next((own[name] for name in self._kinds(watch, entry) if name in own), self.declared.steps)

    def entries(self, watch: str, entry: str) -> list[Entry]:
        """Return the entries of a library that a name stands for; none for what is unknown."""
        kit = self.trend(watch)
        return [] if kit is None else [kit.entries[key] for key in entry.split(BOTH) if key in kit.entries]

    def hashes(self, watches: tuple[str, ...], entry: str) -> dict[str, str]:
        """Return the SHA-256 of all that stands behind what some watches told, by name."""
        found = {"policy": self.policy}
        for watch in watches:
            found |= self.files.get(watch, {})
            kit = self.trend(watch)
            for key in entry.split(BOTH) if kit is not None and entry else ():
                if kit is not None and key in kit.entries:
                    found[f"entry {key}"] = kit.entries[key].fingerprint
        return found

    def _kinds(self, watch: str, entry: str) -> Iterator[str]:
        yield from entry.split(BOTH) if entry else ()
        yield from (one.kind for one in self.entries(watch, entry))
        if not entry and self.trend(watch) is not None:
            yield "unknown"


def followed_up(policy: Policy, watches: WatchKit) -> CaseKit | None:
    """Return how the cases of a policy are followed up; None where it wants none.

    Parameters
    ----------
    policy
        The policy.
    watches
        Its watches, ready.
    """
    if policy.cases is None:
        return None
    named = {name: dict(_files(watch.model_dump(mode="json"), policy)) for name, watch in policy.watches.items()}
    folds = policy.incidents is not None
    return CaseKit(policy.line, policy.cases, watches.trends, folds, policy.units(), policy.fingerprint, named)


def _files(said: object, policy: Policy) -> Iterator[tuple[str, str]]:
    """Give every file of the policy that a part of it names, with its SHA-256."""
    if isinstance(said, str) and said and said in policy.files:
        yield said, sha256(policy.files[said]).hexdigest()
    elif isinstance(said, dict):
        for each in cast("dict[str, object]", said).values():
            yield from _files(each, policy)
    elif isinstance(said, list):
        for each in cast("list[object]", said):
            yield from _files(each, policy)
