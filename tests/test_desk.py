"""What stands between people and the loop: orders, the record, views, and the last resort."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import pytest
from fakes import Bench

from controller.cli.orders import parse
from controller.cycle import Accept, Cycle, Mode, Order, SetMode
from controller.desk import Desk, Recorder, Viewer
from controller.records.ballast import BALLAST
from controller.records.journal import Journal, Keeping, entries
from controller.records.verify import verify
from hil.rig.disk import FULL, TROUBLES, failing
from plant_io import Receipt, Setpoint
from plant_io.clocks import SimClock


def cycles(count: int) -> list[Cycle]:
    bench = Bench()
    return [Cycle(n, bench.snapshot(), (), (), bench.cycle(), ()) for n in range(count)]


def numbers(record: Path) -> list[int]:
    return [entry.content()["number"] for entry in entries(record) if entry.kind == "cycle"]


def desk(for_s: float | None = None) -> Desk:
    return Desk(Bench().kit, SimClock(0.0), (), SimpleQueue(), for_s, 0.0)


class Once(Journal):
    """A journal that cannot write for a while."""

    locked = False

    def cycle(self, cycle: Cycle) -> None:
        if self.locked:
            raise OSError("locked")
        super().cycle(cycle)


def test_cycles_that_could_not_be_kept_are_kept_later_in_order(tmp_path: Path) -> None:
    journal, place = Once(tmp_path), desk()
    recorder = Recorder(journal, place)
    for n, cycle in enumerate(cycles(6)):
        journal.locked = 2 <= n <= 3
        recorder(cycle)
        assert bool(place.broken) is journal.locked
    journal.close()
    assert numbers(tmp_path) == list(range(6))


def test_cycles_beyond_what_can_be_kept_in_hand_are_counted_and_the_run_is_ended(tmp_path: Path) -> None:
    journal, place = Once(tmp_path), desk()
    journal.locked = True
    recorder = Recorder(journal, place)
    (cycle,) = cycles(1)
    for _ in range(700):
        recorder(cycle)
    journal.close()
    assert recorder.not_kept == 700
    assert len(recorder.waiting) < 700
    assert place.stopping == "too many cycles could not be recorded"


@pytest.mark.parametrize("cause", TROUBLES)
def test_a_record_that_cannot_be_written_takes_every_loop_to_shadow_in_the_next_cycle(
    tmp_path: Path, cause: str
) -> None:
    wrong: list[str] = []
    disk = failing(lambda _: wrong[0] if wrong else None)
    place = desk()
    recorder = Recorder(Journal(tmp_path, Keeping(vfs=disk.name)), place)
    made = cycles(40)
    recorder.journal.head(made[0].snapshot.at, {})
    recorder(made[0])
    assert place.broken == ""
    wrong.append(cause)
    recorder(made[1])
    assert place.broken.startswith("no record, no control: ")
    place.inbox.put(Order("ana", "go", SetMode("hold", Mode.AUTO)))
    assert [order.act for order in place()] == [SetMode("hold", Mode.AUTO), SetMode("hold", Mode.SHADOW)]
    for cycle in made[2:30]:
        recorder(cycle)
    wrong.clear()
    recorder(made[30])
    assert "10 cycles are still to be recorded" in place.broken
    recorder(made[31])
    assert place.broken == ""
    assert place() == []
    recorder.journal.tail(made[-1].snapshot.at, {})
    assert recorder.not_kept == 0
    assert verify(tmp_path).broken is None
    assert numbers(tmp_path) == list(range(32))


def test_where_the_disk_is_full_what_is_held_in_reserve_keeps_the_record_of_the_shedding(tmp_path: Path) -> None:
    full: list[bool] = []
    disk = failing(lambda _: FULL if full and (tmp_path / BALLAST).exists() else None)
    place = desk()
    recorder = Recorder(Journal(tmp_path, Keeping(vfs=disk.name, ballast=4096, every_s=5.0)), place)
    made = cycles(20)
    recorder(made[0])
    full.append(True)
    recorder(made[1])
    assert recorder.not_kept == 0
    assert "what was held in reserve is being used" in place.broken
    assert [order.act for order in place()] == []
    full.clear()
    for cycle in made[2:10]:
        recorder(cycle)
    assert place.broken == ""
    assert (tmp_path / BALLAST).stat().st_size == 4096
    recorder.journal.tail(made[-1].snapshot.at, {})
    assert not (tmp_path / BALLAST).exists()


def test_where_there_is_no_room_for_the_reserve_nothing_moves_from_the_start(tmp_path: Path) -> None:
    place = desk()
    recorder = Recorder(Journal(tmp_path, Keeping(ballast=1 << 60)), place)
    for cycle in cycles(2):
        recorder(cycle)
    recorder.journal.close()
    assert recorder.not_kept == 0
    assert "there is no room for" in place.broken


def test_an_order_posted_by_a_person_reaches_the_next_cycle() -> None:
    place = desk()
    order = Order("ana", "why not", SetMode("hold", Mode.AUTO))
    place.inbox.put(order)
    assert place() == [order]
    assert place() == []


def test_a_view_that_blocks_delays_nothing_and_one_that_fails_ends_nothing() -> None:
    stuck = threading.Event()
    blocked = Viewer(lambda _: stuck.wait() and None)
    broken = Viewer(lambda _: 1 / 0 and None)
    (cycle,) = cycles(1)
    for _ in range(2000):
        blocked(cycle)
        broken(cycle)
    stuck.set()
    blocked.close()
    broken.close()


class Plant:
    def __init__(self) -> None:
        self.written: list[Setpoint] = []

    async def write(self, setpoints: Sequence[Setpoint]) -> Sequence[Receipt]:
        self.written += setpoints
        return []


def test_a_run_that_breaks_off_hands_back_what_is_armed() -> None:
    place, plant = desk(), Plant()
    asyncio.run(place.hand_back(plant))  # type: ignore[arg-type]
    assert plant.written == []
    place.armed = frozenset({"plc"})
    asyncio.run(place.hand_back(plant))  # type: ignore[arg-type]
    assert plant.written == [Setpoint("SUP.ARM", 0.0)]


def test_the_run_ends_only_when_every_plc_has_its_setpoints_back_or_was_tried_long_enough() -> None:
    place = desk(for_s=1.0)
    place.clock = SimClock(5.0)
    assert not place.over(1)
    assert [order.act for order in place()] == [SetMode("hold", Mode.OFF)]
    place.armed = frozenset({"plc"})
    assert [place.over(n) for n in range(5)] == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("auto", "auto: say why, for the record"),
        ("accept now", "accept: nothing is on offer"),
        ("go", "found 'go'; type an order"),
    ],
)
def test_a_typed_order_that_is_none_is_told(line: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse(line, "ana", ("hold",), {})


def test_an_acceptance_names_the_offer_it_means() -> None:
    assert parse("accept looks right", "ana", ("hold",), {"hold": 12.0}) == [
        Order("ana", "looks right", Accept("hold", 12.0))
    ]
    assert parse("\n", "ana", ("hold",), {}) == []
