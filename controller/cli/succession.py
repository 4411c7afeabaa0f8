"""One policy after another: ordered by a person while a run goes on, taken over at the end of a cycle.

Everything that can be known is seen before anything happens: that the new policy is good, is of the same line, can be
made ready, and has every signature that it or the one in force demands. Then every loop is handed back to its PLC,
where the setpoints stand, the record is closed, and a run under the new policy begins with a record of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controller.cli.access import Station, signatures
from controller.cycle import Cycle, Mode, Order, Phase, SetMode
from controller.desk import Timed
from controller.kit import prepare
from controller.signed import demanded
from policies import Policy, load, rebind
from policies.approval import read

WORDS = {"adopt": "adopt line_a_7.yaml limits after the trial", "rollback": "rollback assay drifts"}
"""Words that order another policy, with an example of each."""


@dataclass(frozen=True, slots=True)
class Version:
    """A policy as it was read, which does not change with its file."""

    policy: Policy
    """The policy, bound to the addresses of this site."""
    name: str
    """Name of its file."""
    signatures: bytes = b""
    """Signatures as they lay beside it."""


@dataclass(frozen=True, slots=True)
class Successor:
    """A policy that is to follow."""

    version: Version
    """The policy."""
    who: str
    """Who ordered it."""
    why: str
    """Reason."""

    def sentence(self) -> str:
        """Return it in words, for the record that ends with it."""
        return f"superseded by {self.version.policy.fingerprint[:16]}, ordered by {self.who}: {self.why}"


class Succession:
    """Which policy is in force, which was before, and which is to follow.

    Parameters
    ----------
    first
        Policy of the first run.
    connect
        Other addresses by connection.
    station
        Who is there, and where their keys lie.
    real
        Whether the time of the plant is that of the wall; else no policy can follow on another.
    """

    def __init__(self, first: Version, connect: Mapping[str, str], station: Station, *, real: bool) -> None:
        self._connect, self._station, self._real = connect, station, real
        self._next: Successor | None = None
        self._modes: Mapping[str, tuple[Mode, Phase]] = {}
        self.now = first
        """Policy in force."""
        self.before: Version | None = None
        """Policy in force before it; None where there was none."""

    def asked(self) -> str:
        """Return why the run is to end, in words; empty where nothing is to follow."""
        return "" if self._next is None else self._next.sentence()

    def watch(self, cycle: Cycle) -> None:
        """Remember which loops are in service, until another policy is to follow."""
        if self._next is None:
            self._modes = cycle.decision.modes

    def take(self, who: str, line: str) -> None:
        """Take an order for another policy.

        Parameters
        ----------
        who
            Who orders it.
        line
            ``adopt FILE WHY`` or ``rollback WHY``.

        Raises
        ------
        ValueError
            If it cannot follow; nothing has been changed then.
        OSError
            If a file cannot be read.
        """
        word, _, rest = line.strip().partition(" ")
        if not self._real:
            raise ValueError(f"{word}: this plant has a time of its own, in which no other policy can follow")
        if self._next is not None:
            raise ValueError(f"{word}: another policy is about to follow")
        version, why = self._read(rest) if word == "adopt" else (self.before, rest)
        if version is None:
            raise ValueError("rollback: there was no policy before this one in this run")
        if not why.strip():
            raise ValueError(f"{word}: say why, for the record, such as {WORDS[word]}")
        self._seen(word, version)
        self._next = Successor(version, who, why.strip())

    def step(self, why: str) -> Successor | None:
        """Return what follows on a run that ended, and take it to be in force; None where nothing does.

        Parameters
        ----------
        why
            Why the run ended.
        """
        following, self._next = self._next, None
        if following is None or why != following.sentence():
            return None
        self.before, self.now = self.now, following.version
        return following

    def orders(self, following: Successor) -> tuple[Timed, ...]:
        """Return the orders that put loops in service again that were; one that was released waits for a person."""
        kept = {name: mode for name, (mode, phase) in self._modes.items() if phase is not Phase.SHED}
        return tuple(
            Timed(0.0, Order(following.who, f"as before: {following.why}", SetMode(name, kept.get(name, Mode.SHADOW))))
            for name in self.now.policy.loops
        )

    def head(self, following: Successor, record: Path) -> dict[str, object]:
        """Return what the head of the next record says of it, `record` being the one before."""
        old = "" if self.before is None else self.before.policy.fingerprint
        return {"fingerprint": old, "who": following.who, "why": following.why, "record": record.name}

    def _read(self, rest: str) -> tuple[Version, str]:
        file, _, why = rest.strip().partition(" ")
        if not file:
            raise ValueError(f"adopt: expected a policy file and why, such as {WORDS['adopt']}")
        path = Path(file)
        policy = rebind(load(path), self._connect, self._station.pki)
        return Version(policy, path.name, signatures(path)), why

    def _seen(self, word: str, version: Version) -> None:
        """See that a policy can follow on the one in force."""
        old, new = self.now.policy, version.policy
        if new.line != old.line:
            raise ValueError(f"{word}: found a policy of line {new.line}, wanted one of line {old.line}")
        if new.fingerprint == old.fingerprint:
            raise ValueError(f"{word}: found the policy that is in force")
        approvals = read(version.signatures) if version.signatures else ()
        missing = demanded(new, approvals, self._station.people(), old.people.signatures)
        if missing:
            raise ValueError(f"{word}: {version.name}: {missing}")
        prepare(new)
