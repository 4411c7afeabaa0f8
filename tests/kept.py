"""A column led in memory whose every cycle is kept in a record, with a feed that is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linear_plant import EXAMPLES, Contract, Led

from controller.cycle import Cycle, Decision, Order
from controller.records.journal import Journal
from policies import Policy, parse


@dataclass
class Fed(Contract):
    """The column, and what its feed shows."""

    def tags(self) -> dict[str, float]:
        return super().tags() | {"PV.F": self.hidden.get("F", 0.0)}


class Kept(Led):
    """Leads a plant and keeps a record of it."""

    def __init__(self, directory: Path, policy: Policy | None = None) -> None:
        super().__init__(Fed(), policy or fed())
        self.journal = Journal(directory)
        self.journal.head(self.at, {"files": dict(self.policy.files), "policy_name": "column.yaml"})
        self.number = 0

    def cycle(self, *orders: Order) -> Decision:
        snapshot, plans = self.snapshot(), self.plans
        decision = super().cycle(*orders)
        self.journal.cycle(Cycle(self.number, snapshot, orders, plans, decision, ()))
        self.number += 1
        return decision


def fed() -> Policy:
    """Return the policy of the column with its feed as a known input."""
    text = (EXAMPLES / "wood_berry.yaml").read_text(encoding="utf-8")
    tag = (
        '  PV.F: {unit: "[lb_av]/min", range: [-0.6, 0.6], connection: plant, address: s=wood_berry.PV.F,'
        " description: Feed}\n"
    )
    text = text.replace("  MV.R: {", tag + "  MV.R: {", 1)
    for row, answer in (("xd", (3.8, 8.1, 14.9)), ("xb", (4.9, 3.4, 13.2))):
        gain, dead, lag = answer
        text = text.replace(
            f"      {row}:\n        r:",
            f"      {row}:\n        f: {{gain: {gain}, dead_time: {dead}, lags: [{lag}]}}\n        r:",
            1,
        )
    text = text.replace("    measured:\n      xd: {tag", "    known: {f: PV.F}\n    measured:\n      xd: {tag", 1)
    return parse(text.encode(), "column.yaml", {})
