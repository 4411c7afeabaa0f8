"""Why a loop made its newest move, and whether a record is whole; worked out in the process beside."""

from __future__ import annotations

from math import isfinite
from pathlib import Path

from controller.console import words
from controller.console.board import Board
from controller.explain import Explanation, Moment
from controller.plan import Limit
from policies import Policy

_LEAST = 0.01


def moment(board: Board, loop: str) -> Moment | None:
    """Return the loop with its newest plan, as the console saw it; None where there is nothing to be explained."""
    solved, now = board.solved[loop], board.now
    if now is None or solved.plan is None or solved.problem is None or solved.before is None:
        return None
    decision, state = now.cycle.decision, now.state.loops[loop]
    return Moment(
        number=now.cycle.number,
        at=board.at,
        since_s=board.at - board.began,
        state=(state.mode, state.phase),
        written=dict(solved.written),
        plan=solved.plan,
        problem=solved.problem,
        before=solved.before,
        narrowed=dict(decision.limits.get(loop, {})),
        without=tuple(decision.without.get(loop, ())),
    )


def explained(policy: Policy, loop: str, what: Moment) -> Explanation:
    """Return why a loop made a move; for the process beside the run."""
    from controller.explain import exact, explain  # noqa: PLC0415  # in the other process
    from controller.kit import prepare  # noqa: PLC0415  # the same
    from controller.mpc.solver import solvers_in_line  # noqa: PLC0415  # the same

    alone = policy.model_copy(update={"watches": {}, "incidents": None, "cases": None, "material": None})
    solver = solvers_in_line({loop: exact(policy.loops[loop])}, policy.files)[loop]
    return explain(prepare(alone).loops[loop], what, solver)


def verified(record: Path) -> tuple[bool, str]:
    """Return whether a record is whole and signed as it says, and that in one sentence."""
    from controller.records.verify import verify  # noqa: PLC0415  # in the other process

    found = verify(record)
    return found.broken is None, found.sentence()


def summary(why: Explanation) -> list[str]:
    """Return the explanation in short sentences, the greatest cause first."""
    said = list[str]()
    for move in why.moves:
        parts = [(abs(part.moves.get(move.name, 0.0)), part) for part in why.parts]
        told = sorted((each for each in parts if isfinite(each[0])), key=lambda each: -each[0])[:3]
        causes = [f"{part.kind} {part.name} {part.moves[move.name]:+.3g}" for size, part in told if size > 0.0]
        bound = ", ".join(
            f"{one.limit.value} of {one.name}" for one in why.bounds if _of(one.name, one.limit, move.name)
        )
        held = f"; held back by {bound}" if bound else ""
        asked = f"; what asks most: {', '.join(causes)}" if causes else ""
        stays = abs(move.planned) < _LEAST * move.largest
        does = "stays where it is" if stays else f"moves by {move.planned:+.3g} {words.unit(move.unit)}"
        said.append(f"{move.name} {does}{asked}{held}")
    return said


def _of(name: str, limit: Limit, moved: str) -> bool:
    return name == moved or limit in {Limit.OUTPUT_LOW, Limit.OUTPUT_HIGH}
