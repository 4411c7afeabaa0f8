"""ADVISORY: moves are offered, and made only when an operator accepts them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from controller.confirm import expect
from controller.cycle import Accept, Offer
from controller.guard import Permit, guard
from controller.kit import LoopKit
from controller.state import LoopState, Proposal
from plant_io import Setpoint, Snapshot


def accept(proposal: Proposal | None, act: Accept) -> tuple[Proposal | None, str]:
    """Return the proposal after an operator accepted one, and what to say of it."""
    if proposal is None or proposal.at != act.proposed_at:
        return proposal, "the accepted proposal is no longer on offer, nothing is moved"
    moves = ", ".join(f"{tag} to {value:.6g}" for tag, value in proposal.moves.items())
    return replace(proposal, accepted=True), f"proposal accepted, {moves}"


def advise(
    kit: LoopKit, seen: Snapshot, old: LoopState, asked: Mapping[str, float], allowed: Permit
) -> tuple[LoopState, tuple[Setpoint, ...], Offer | None]:
    """Return the memory, the setpoints of an accepted proposal, and the moves on offer.

    Parameters
    ----------
    kit
        The loop.
    seen
        The line.
    old
        Memory of the loop.
    asked
        Wished inputs by name, each in the unit of its tag.
    allowed
        Whether the loop may write.
    """
    if not allowed:
        return replace(old, proposal=None), (), None
    if old.proposal is not None and old.proposal.accepted:
        return _carry_out(kit, seen, old, old.proposal, allowed)
    fresh = old.plan is not None and (old.proposal is None or old.proposal.at < old.plan.at)
    proposal = _offer(kit, seen, asked) if fresh else old.proposal
    offered = None if proposal is None else Offer(kit.name, proposal.at, proposal.moves)
    return replace(old, proposal=proposal), (), offered


def _offer(kit: LoopKit, seen: Snapshot, asked: Mapping[str, float]) -> Proposal | None:
    moves: dict[str, float] = {}
    for key, value in asked.items():
        fence, last = kit.fences[key], seen.good(kit.read_backs[key])
        if last is not None and abs(value - last) >= max(fence.tolerance, fence.dead_band):
            moves[fence.tag] = min(max(value, fence.low), fence.high)
    return Proposal(seen.at, moves) if moves else None


def _carry_out(
    kit: LoopKit, seen: Snapshot, old: LoopState, proposal: Proposal, allowed: Permit
) -> tuple[LoopState, tuple[Setpoint, ...], Offer | None]:
    found = [
        guard(
            replace(fence, dead_band=0.0),
            allowed,
            proposal.moves[fence.tag],
            seen.good(kit.read_backs[key]),
            kit.period_s,
        )
        for key, fence in kit.fences.items()
        if fence.tag in proposal.moves and key not in old.idle
    ]
    setpoints = tuple(f for f in found if isinstance(f, Setpoint))
    return replace(expect(kit, seen, old, setpoints), proposal=proposal if setpoints else None), setpoints, None
