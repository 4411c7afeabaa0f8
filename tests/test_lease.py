"""A lease: of two controllers on one PLC only one moves the plant at a time, whatever happens to them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from two import Bout

from controller.lease import STATIONS, claim_after, newer
from plant_io import Setpoint
from plant_io.blocks import joined
from plant_io.drivers.modbus import ModbusDriver
from policies import Access, Modbus, load, shipped

SEEDS = range(100)
NUMBERS = st.integers(0, 2**32 - 1).map(float)


@given(granted=NUMBERS, station=st.integers(0, STATIONS - 1))
@example(granted=2.0**32 - 1.0, station=0)
@example(granted=0.0, station=0)
def test_a_claim_is_newer_than_what_was_granted_and_never_none(granted: float, station: int) -> None:
    claim = claim_after(granted, station)
    assert 0.0 < claim < 2.0**32
    assert newer(claim, granted)
    assert not newer(granted, claim)
    assert claim % STATIONS == station


@pytest.fixture(scope="module")
def bouts() -> list[Bout]:
    found = [Bout(seed) for seed in SEEDS]
    for bout in found:
        bout.run(240)
    return found


def test_no_setpoint_is_taken_from_whoever_does_not_hold_the_lease(bouts: list[Bout]) -> None:
    assert [fault for bout in bouts for fault in bout.seen.faults] == []


def test_a_lease_is_of_one_process_and_what_it_ended_it_never_moves_again(bouts: list[Bout]) -> None:
    for bout in bouts:
        epochs = Counter(epoch for epoch, _ in {(epoch, process) for _, process, epoch in bout.seen.taken})
        assert max(epochs.values(), default=1) == 1
        order = [epoch for _, _, epoch in bout.seen.taken]
        ends = {epoch: max(i for i, e in enumerate(order) if e == epoch) for epoch in order}
        assert all(order[order.index(e) : ends[e] + 1].count(e) == ends[e] - order.index(e) + 1 for e in ends)


def test_all_of_this_happened_often_enough_to_mean_something(bouts: list[Bout]) -> None:
    assert sum(len(bout.seen.taken) for bout in bouts) > 2000
    assert sum(len(bout.seen.turns) - 1 for bout in bouts) > 100
    assert sum(bout.processes - 2 for bout in bouts) > 50


def test_without_a_lease_the_same_two_do_move_the_plant_by_turns() -> None:
    found = Bout(1, leased=False).run(300)
    assert len(found.turns) > 20


@pytest.mark.parametrize("line", ["A", "B", "C", "D"])
def test_everything_said_to_a_leased_modbus_device_is_one_request_in_whatever_sequence(line: str) -> None:
    policy = load(shipped(line))
    names = [name for name, link in policy.connections.items() if isinstance(link, Modbus) and link.handshake]
    for name in names:
        driver = ModbusDriver(name, policy)
        tags = [t for t, tag in policy.tags.items() if tag.connection == name and tag.access is Access.WRITE]
        for sequence in (tags, tags[::-1]):
            orders = [driver._order(i, Setpoint(tag, policy.tags[tag].range[0])) for i, tag in enumerate(sequence)]
            assert len(joined(orders)) == 1
    assert names
