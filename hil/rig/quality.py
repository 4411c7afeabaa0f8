"""People of quality assurance in a scenario: they follow up cases by orders, and sign with keys of the rig."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from queue import SimpleQueue

from anomaly.cases import Case
from controller.cases.draft import drafted
from controller.cases.judging import subject
from controller.cycle import Cycle, Order
from hil.scenario.followed import Followed
from policies import Policy
from policies.approval import Statement, signed


@dataclass(slots=True)
class Quality:
    """Places the orders of a scenario about cases when their time has come; a sink of the loop."""

    followed: tuple[Followed, ...]
    """What is done, in any order."""
    policy: Policy
    """The policy the line runs under."""
    inbox: SimpleQueue[Order]
    """Where orders are placed."""
    cases: dict[str, Case] = field(default_factory=dict[str, Case])
    """Cases as they stand, by name."""
    begun: float | None = None
    """Start of the first cycle, POSIX time [s]."""
    _placed: set[int] = field(default_factory=set[int])

    def __call__(self, cycle: Cycle) -> None:
        """Look at one cycle."""
        self.begun = cycle.snapshot.at if self.begun is None else self.begun
        self.cases |= {case.id: case for case in cycle.decision.cases}
        names, since_s = tuple(self.cases), cycle.snapshot.at - self.begun
        for i, one in enumerate(self.followed):
            if i in self._placed or since_s < one.after_s or len(names) < one.number:
                continue
            self._placed.add(i)
            case = self.cases[names[one.number - 1]]
            act = one.act(case.id, self._signature(one, case, cycle.snapshot.at), self._draft(one, case))
            self.inbox.put(Order(one.who, one.why, act))

    def _draft(self, one: Followed, case: Case) -> str:
        """Return the SHA-256 of the draft, hexadecimal; what cannot be drafted is ordered nevertheless, and refused."""
        found = b""
        with suppress(ValueError):
            found = drafted(case, one.propose, one.who, self.policy) if one.propose else b""
        return sha256(found).hexdigest()

    def _signature(self, one: Followed, case: Case, at: float) -> str:
        wanted = () if self.policy.cases is None else self.policy.cases.signatures
        judged = one.dispose or one.countersign
        place = 0 if one.dispose else len(case.signatures)
        if judged is None or place >= len(wanted):
            return ""
        why = one.why if one.dispose else case.why
        statement = Statement(
            act="judge",
            file=case.id,
            sha256=subject(case, judged, why),
            who=one.who.title(),
            why=one.why,
            at=at,
            key="",
            user=one.who,
            meaning=wanted[place],
        )
        return signed(statement, sha256(f"key of {one.who}".encode()).digest()).model_dump_json(exclude_none=True)
