"""Another server in the place of one, reports that get lost or overflow, a policy that is loaded anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from asyncua import ua
from fakes import HOLDER
from short_runs import short

from controller.cycle import Cycle
from hil.faults.carried import Place, cannot
from hil.faults.opcua import Strange
from hil.plants.faults import Fault
from hil.plc.lines import blueprint
from hil.rig.lives import lives
from hil.rig.play import EPOCH
from hil.rig.virtual import Run, in_virtual_time
from hil.servers.opcua_trouble import spoil
from plant_io import Quality
from policies import Policy, load, shipped

OVERFLOW = 0x480


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def reporting(policy: Policy) -> Policy:
    """The same policy, the press hopper being reported by the server."""
    hopper = policy.tags["HOP.M"].model_copy(update={"scan": "subscribe"})
    return policy.model_copy(update={"tags": {**policy.tags, "HOP.M": hopper}})


def seen(wrong: Mapping[str, object], *, reports: bool = False) -> tuple[list[Cycle], list[float]]:
    """Return the cycles of a run with one fault, and when the press hopper was not seen [s]."""
    cycles: list[Cycle] = []
    scenario, policy = short(wrong, for_s=40.0)
    run = Run(scenario, reporting(policy) if reports else policy, 1, build=HOLDER, sinks=(cycles.append,))
    in_virtual_time(run)
    # What is reported, not read, may come after the first cycle has begun.
    began = EPOCH + (1.0 if reports else 0.0)
    bad = [c.snapshot.at for c in cycles if c.snapshot["HOP.M"].quality is Quality.BAD]
    return cycles, [at - EPOCH for at in bad if at >= began]


@pytest.mark.parametrize("reports", [False, True])
def test_another_server_is_met_as_a_restart_and_read_by_its_own_namespace_index(reports: bool) -> None:  # noqa: FBT001
    cycles, away = seen({"id": "ua_swap", "target": "line", "after": "15s", "for": "10s"}, reports=reports)
    assert [at for at in away if at < 20.0] == [15.0]
    assert [at for at in away if at >= 20.0] == [25.0]
    assert [c.snapshot.at - EPOCH for c in cycles if c.snapshot.restarted] == [16.0, 26.0]


def test_each_lost_report_is_noticed_and_nothing_is_lost_beside_the_fault() -> None:
    _, away = seen({"id": "ua_gap", "target": "line", "after": "15s", "for": "10s", "magnitude": 1.0}, reports=True)
    assert 15.0 <= away[0] <= 17.0
    assert away[-1] <= 26.0
    assert len(away) >= 3


def sent(policy: Policy, fault: str) -> Any:
    """Return what comes of report 7, which brings one value, while a fault is there."""
    came: list[Any] = []

    async def send(result: Any) -> None:
        came.append(result)

    item = ua.MonitoredItemNotification(ua.UInt32(1), ua.DataValue(ua.Variant(0.5, ua.VariantType.Double)))
    note = ua.DataChangeNotification(MonitoredItems=[item])
    message = ua.NotificationMessage(SequenceNumber=ua.Counter(7), NotificationData=[note])
    subscription = SimpleNamespace(pub_result_callback=send)
    strange = Strange([Fault(fault, "line", 10.0, magnitude=1.0)], policy, "line", lambda: 20.0)
    for _ in range(2):
        spoil([subscription], strange)
    asyncio.run(subscription.pub_result_callback(ua.PublishResult(NotificationMessage=message)))
    (result,) = came
    return result


def test_instead_of_a_lost_report_comes_one_without_news_that_names_the_next(policy: Policy) -> None:
    message = sent(policy, "ua_gap").NotificationMessage
    assert (message.SequenceNumber, message.NotificationData) == (8, [])


def test_a_queue_that_overflowed_says_so_with_its_newest_value(policy: Policy) -> None:
    message = sent(policy, "ua_overflow").NotificationMessage
    (note,) = message.NotificationData
    assert message.SequenceNumber == 7
    (item,) = note.MonitoredItems
    assert (item.Value.Value.Value, item.Value.StatusCode.value) == (0.5, OVERFLOW)
    assert item.Value.StatusCode.is_good()


def test_a_server_that_reports_nothing_can_lose_no_reports(policy: Policy) -> None:
    for fault in ("ua_gap", "ua_overflow"):
        assert Place(blueprint("A"), policy).targets(fault) == []
        assert Place(blueprint("A"), reporting(policy)).targets(fault) == ["line"]


def test_a_policy_that_is_loaded_anew_ends_one_life_in_order_and_a_crash_does_not() -> None:
    faults = [Fault("reload", "controller", 60.0, 75.0), Fault("crash", "controller", 100.0, 130.0)]
    assert [(life.from_s, life.to_s, life.dies) for life in lives(faults, 300.0)] == [
        (0.0, 60.0, False),
        (75.0, 100.0, True),
        (130.0, 300.0, False),
    ]


def test_every_clock_can_end_the_controller_and_start_it_again() -> None:
    clocks = ("memory", "virtual", "lockstep", "wall")
    assert [cannot(fault, clock) for fault in ("crash", "reload", "record_lost") for clock in clocks] == [""] * 12
    assert cannot("ua_swap", "memory").startswith("ua_swap is one of a server, and in memory there is none")
