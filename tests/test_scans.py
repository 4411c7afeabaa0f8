"""Scan classes: when each is read, that nobody waits for anybody, and what a cycle sees of them."""

import asyncio
from collections.abc import Callable
from math import inf

import pytest
from scanned import EPOCH, SCANS, TAGS, Device, Fake, cycles, declared, told

from hil.virtual.loop import VirtualLoop
from plant_io import Quality, Reason, Snapshot
from plant_io.clocks import LockstepClock, PacedClock, SimClock
from plant_io.line import Line
from plant_io.ports import Clock
from plant_io.scan import Schedule


@pytest.mark.parametrize(
    ("at", "after", "count"), [(0.0, 3.0, -1), (2.999, 3.0, -1), (3.0, 13.0, 0), (12.9, 13.0, 0), (13.0, 23.0, 1)]
)
def test_a_schedule_is_whole_multiples_of_its_time_and_a_phase(at: float, after: float, count: int) -> None:
    schedule = Schedule(10.0, 3.0)
    assert (schedule.after(at), schedule.count(at)) == (after, count)


def test_a_schedule_does_not_drift_in_a_year_of_fast_scans() -> None:
    schedule, at = Schedule(0.2), EPOCH
    for k in range(1, 1000):
        at = schedule.after(at)
        assert at == pytest.approx(EPOCH + 0.2 * k, abs=1e-6)
    far = schedule.after(EPOCH + 365 * 86400.0)
    assert far == pytest.approx(EPOCH + 365 * 86400.0 + 0.2, abs=1e-6)


def test_what_is_read_on_connect_has_no_next_time() -> None:
    assert (Schedule(inf).after(EPOCH), Schedule(inf).count(EPOCH), Schedule(inf).skipped(EPOCH, EPOCH + 9.0)) == (
        inf,
        0,
        0,
    )


def test_each_class_is_read_at_its_own_times_and_at_once_when_the_connection_is_there() -> None:
    device = Device()
    told(declared(TAGS), {"plc": device}, cycles(14))
    assert device.times("control") == [float(k) for k in range(1, 15)]
    assert device.times("fast")[:8] == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.4]
    assert device.times("fast")[-1] == 14.0
    assert len(device.times("fast")) == 71
    assert device.times("slow") == [0.0, 3.0, 13.0]
    assert device.times("once") == [0.0]


def test_a_cycle_sees_the_newest_value_of_each_class_with_its_true_age() -> None:
    seen, _ = told(declared(TAGS), {"plc": Device(lasts={"fast": 0.05})}, cycles(12))
    for k, snapshot in enumerate(seen, 1):
        assert snapshot.quality.tolist() == [Quality.GOOD] * 4
        ages = {name: round(snapshot.at - snapshot[name].arrival, 3) for name in TAGS}
        # The scan of this very instant is still being read.
        assert ages == {"F": 0.15, "C": 0.0, "S": float(k if k <= 3 else k - 3) if k != 3 else ages["S"], "O": float(k)}
    assert seen[-1]["S"].arrival == EPOCH + 3.0


def test_a_scan_that_takes_too_long_is_skipped_and_never_made_up_for() -> None:
    device = Device(lasts={"fast": 0.5})
    policy = declared({"F": "fast", "C": "control"})
    fast = policy.scans["fast"].model_copy(update={"deadline_s": 1.0})
    policy = policy.model_copy(update={"scans": policy.scans | {"fast": fast}})
    _, line = told(policy, {"plc": device}, cycles(6))
    assert device.times("fast")[:5] == [0.0, 0.6, 1.2, 1.8, 2.4]
    figures = line.figures["plc"]["fast"]
    # The first scan is out of turn; each of the others leaves out two.
    assert (figures.overruns, figures.skipped) == (9, 18)
    assert line.figures["plc"]["control"].skipped == 0


def test_cycles_that_are_left_out_are_counted() -> None:
    async def story(line: Line, clock: Clock) -> list[Snapshot]:
        for at in (1.0, 2.0, 5.0):
            await clock.sleep_until(EPOCH + at)
            await line.read(EPOCH + at)
        return []

    _, line = told(declared({"C": "control"}), {"plc": Device()}, story)
    figures = line.figures["plc"]["control"]
    assert (figures.overruns, figures.skipped) == (1, 2)


@pytest.mark.parametrize("trouble", ["stalls", "is lost"])
def test_a_device_in_trouble_never_delays_the_scans_of_another(trouble: str) -> None:
    ill, well = Device(), Device()

    def fall() -> None:
        ill.down, ill.lasts = trouble == "is lost", dict.fromkeys(SCANS, 99.0) | {"control": 99.0}

    told(declared(TAGS, ("a", "b")), {"a": ill, "b": well}, cycles(8, (2.5, fall)))
    assert well.times("fast") == [round(0.2 * k, 3) for k in range(41)]
    assert well.times("control") == [float(k) for k in range(1, 9)]


def test_a_lost_connection_takes_every_class_with_it_and_all_are_read_when_it_is_back() -> None:
    device = Device()
    down = (2.5, lambda: setattr(device, "down", True))
    up = (5.5, lambda: setattr(device, "down", False))
    seen, _ = told(declared(TAGS), {"plc": device}, cycles(9, down, up))
    lost = seen[3]
    assert lost.reason.tolist() == [Reason.LINK_DOWN] * 4
    assert lost["S"].value == 1.0
    assert seen[-1].quality.tolist() == [Quality.GOOD] * 4
    (again,) = device.times("once")[1:]
    assert 5.5 <= again <= 8.0
    assert again in device.times("slow")


def test_a_slow_scan_without_an_answer_is_repeated_in_the_next_cycle() -> None:
    device = Device(lasts={"slow": 99.0, "once": 99.0})
    heal = (2.2, device.lasts.clear)
    seen, line = told(declared(TAGS), {"plc": device}, cycles(5, heal))
    assert seen[0]["S"].reason is seen[0]["O"].reason is Reason.NEVER_READ
    assert seen[-1].quality.tolist() == [Quality.GOOD] * 4
    assert device.times("once") == [0.0, 1.5, 3.0]
    assert line.figures["plc"]["once"].missed == 2
    assert line.links["plc"].reconnects == 0


def test_a_fast_scan_without_answers_loses_the_connection_no_sooner_than_the_cycle_would() -> None:
    device = Device()
    stall = (2.05, lambda: device.lasts.update({"fast": 0.15}))
    _, line = told(declared({"F": "fast", "C": "control"}), {"plc": device}, cycles(6, stall))
    assert line.figures["plc"]["fast"].missed > 5
    assert line.links["plc"].reconnects == 0


def test_a_line_is_ready_when_every_class_was_read() -> None:
    async def story(line: Line, clock: Clock) -> list[Snapshot]:
        assert await line.ready(5.0)
        assert clock.now() == pytest.approx(EPOCH + 0.3, abs=1e-3)
        return [await line.read(clock.now())]

    (seen,), _ = told(declared(TAGS), {"plc": Device(lasts={"slow": 0.3})}, story)
    assert seen.quality.tolist() == [Quality.GOOD] * 4


def test_a_connection_whose_tags_are_all_slow_is_a_connection() -> None:
    device = Device()
    seen, _ = told(declared({"S": "slow"}), {"plc": device}, cycles(4))
    assert [snapshot["S"].quality for snapshot in seen] == [Quality.GOOD] * 4
    assert device.times("control") == []


def test_two_runs_in_virtual_time_are_equal_bit_for_bit() -> None:
    one, other = (told(declared(TAGS, ("a", "b")), {"a": Device(), "b": Device()}, cycles(30))[0] for _ in range(2))
    assert one == other


async def in_steps(clock: Clock, advance: Callable[[], None], device: Device) -> list[list[float]]:
    line = Line(declared(TAGS), clock, lambda name, bound: Fake({"plc": device}, name, bound))
    await line.open()
    await line.ready(5.0)
    seen: list[list[float]] = []
    for k in range(15):
        advance()
        seen.append((await line.read(EPOCH + k)).values.tolist())
        await clock.sleep_until(EPOCH + k + 1)
    await line.close()
    return seen


@pytest.mark.parametrize("kind", ["memory", "lockstep"])
def test_where_time_waits_for_the_cycle_a_class_is_read_by_the_first_cycle_after_its_time(kind: str) -> None:
    async def step(_k: int) -> bool:
        return True

    def run() -> list[list[float]]:
        clock = SimClock(EPOCH) if kind == "memory" else LockstepClock(EPOCH, 1.0, step)
        return asyncio.run(in_steps(clock, lambda: None, Device()))

    fast, control, slow, once = zip(*run(), strict=True)
    assert fast == control == tuple(range(1, 16))
    assert slow == (1.0,) * 3 + (2.0,) * 10 + (3.0,) * 2
    assert once == (1.0,) * 15
    assert run() == run()


def test_times_of_scans_are_those_of_a_faster_clock() -> None:
    async def run() -> Device:
        device = Device()
        clock = PacedClock(10.0, EPOCH)
        line = Line(declared(TAGS), clock, lambda name, bound: Fake({"plc": device}, name, bound))
        await line.open()
        await clock.sleep_until(EPOCH + 15.0)
        await line.close()
        return device

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH)) as runner:
        device = runner.run(run())
    assert device.times("slow") == [0.0, 0.3, 1.3]
    assert device.times("fast")[:3] == [0.0, 0.02, 0.04]


def test_a_value_of_a_slow_class_stands_until_its_next_scans_unless_the_policy_says_otherwise() -> None:
    policy = declared(TAGS)
    assert {name: tag.stale_after_s for name, tag in policy.tags.items()} == {"F": 3.0, "C": 3.0, "S": 30.0, "O": inf}
    assert declared(TAGS, stale_after="25s").tags["S"].stale_after_s == 25.0
