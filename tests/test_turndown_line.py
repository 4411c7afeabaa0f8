"""Line A is turned down while all it makes is rejected: recorded, told, shown, and made again bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.console import material
from controller.console.board import Board
from controller.console.slot import Left, Seen
from controller.cycle import Cycle, Decision, SetTarget
from controller.kit import Kit, prepare
from controller.material.state import UP, MaterialState, Turndown
from controller.material.turndown import WHO
from controller.records.audit import Deed, deeds
from controller.records.replay import replay as made_again
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from plant_io.changes import replace

FOR_S = 1380.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Kit, Path, list[Cycle]]:
    """Line A until just after it was turned down, with its record."""
    where, found = tmp_path_factory.mktemp("turned") / "record", list[Cycle]()
    scenario, policy = open_scenario(find("a_turndown"))
    in_memory(scenario.model_copy(update={"for_s": FOR_S}), policy, 3, where, sinks=(found.append,))
    return prepare(policy), where, found


def obeyed(cycles: list[Cycle]) -> int:
    """Return the place of the first cycle in which an order of its own was obeyed."""
    return next(i for i, cycle in enumerate(cycles) if cycle.decision.own)


def test_the_order_goes_the_way_of_a_persons_and_is_in_force_in_the_next_cycle(
    run: tuple[Kit, Path, list[Cycle]],
) -> None:
    cycles = run[2]
    at = obeyed(cycles)
    (order,) = cycles[at].decision.own
    assert (order.who, order.act) == (WHO, SetTarget("blend", "total", 18.0))
    assert cycles[at - 1].decision.targets == {}
    assert cycles[at].decision.targets == {"blend": {"total": 18.0}}
    assert any(
        event.who == WHO and "target of total set to 18 kg/h" in event.what for event in cycles[at].decision.events
    )
    assert cycles[at].orders == ()


def test_the_audit_trail_tells_who_lowered_what_from_what_and_why(run: tuple[Kit, Path, list[Cycle]]) -> None:
    at = obeyed(run[2])
    before: Decision = run[2][at - 1].decision
    (deed,) = [one for one in deeds(before, run[2][at]) if one.who == WHO]
    why = run[2][at].decision.own[0].why
    when = run[2][at].snapshot.at
    assert deed == Deed("order", WHO, "target asked for", "blend total", "policy", 18.0, when, why, exception=True)


def test_the_record_of_it_is_made_again_bit_for_bit(run: tuple[Kit, Path, list[Cycle]]) -> None:
    found = made_again(run[1])
    assert found.complete
    assert (found.identical, found.differences) == (found.cycles, ())
    assert found.cycles == len(run[2])


@pytest.mark.parametrize(
    ("turndown", "said"),
    [
        (UP, "not turned down"),
        (
            UP._replace(waits="blend is not in auto but in shadow"),
            "not turned down: blend is not in auto but in shadow",
        ),
        (
            Turndown(since=1_767_225_600.0 + 1355.0, why="diversion 2"),
            "turned down to 18 kg/h since 00:22:35: diversion 2",
        ),
    ],
)
def test_the_page_of_material_tells_since_when_and_why(
    run: tuple[Kit, Path, list[Cycle]], turndown: Turndown, said: str
) -> None:
    kit, _, cycles = run
    board = Board(kit, None)
    left = replace(Left.of(kit.start()), material=MaterialState(turndown=turndown))
    board.fold([Seen(cycles[0], left)])
    assert material.cells(board)["mt.turned"].text == said
