"""Scan classes: when each is read, that nobody waits for anybody, and what a cycle sees of them."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from hil.virtual.loop import VirtualLoop
from plant_io import Batch, Identity, Quality, Reason, Receipt, Setpoint, Snapshot
from plant_io.clocks import LockstepClock, PacedClock, SimClock, WallClock
from plant_io.line import Line
from plant_io.ports import Clock
from plant_io.scan import Coherence, Schedule, scans_of
from plant_io.timing import Figures, Histogram
from policies import Policy

EPOCH = 1_767_225_600.0
SCANS = {"fast": "200ms", "slow": {"every": "10s", "phase": "3s"}, "once": "on connect"}
TAGS = {"F": "fast", "C": "control", "S": "slow", "O": "once"}
HANDSHAKE = {"heartbeat": "HB", "arm": "ARM", "state": "STATE", "scan": "SCAN"}


def declared(
    tags: Mapping[str, str], connections: tuple[str, ...] = ("plc",), stale_after: str = "", **link: object
) -> Policy:
    """A policy whose tags, named by connection and letter, have the given scan classes."""
    plug = {"protocol": "fake", "options": {}, "timeout": "500ms"} | link
    return Policy.model_validate(
        {
            "policy": 1,
            "line": "T",
            "revision": "1",
            "period": "1s",
            "scans": SCANS,
            "connections": dict.fromkeys(connections, plug),
            "tags": {
                f"{name}{letter}" if len(connections) > 1 else letter: {
                    "unit": "1",
                    "range": [-1e9, 1e9],
                    "connection": name,
                    "address": letter,
                    "scan": scan,
                    "type": "uint16",
                }
                | ({"stale_after": stale_after} if stale_after else {})
                for name in connections
                for letter, scan in tags.items()
            },
        }
    )


@dataclass
class Device:
    """A device of any make; its values count how often each class was read."""

    lasts: dict[str, float] = field(default_factory=dict)
    """How long a read of each class takes [s]."""
    reads: list[tuple[str, float]] = field(default_factory=list)
    """Class and time since the epoch [s] of every read that was begun."""
    counters: list[tuple[float, float]] = field(default_factory=list)
    down: bool = False

    def times(self, scan: str) -> list[float]:
        return [round(at, 3) for name, at in self.reads if name == scan]


class Fake:
    def __init__(self, devices: Mapping[str, Device], connection: str, policy: Policy) -> None:
        self.device, self.clock = devices[connection], WallClock()
        self.scans = scans_of(connection, policy)

    async def open(self) -> Identity:
        if self.device.down:
            raise ConnectionRefusedError("refused")
        return Identity()

    async def read(self, scan: str = "control") -> Batch:
        if self.device.down:
            raise ConnectionResetError("reset")
        self.device.reads.append((scan, self.clock.now() - EPOCH))
        await self.clock.sleep_until(self.clock.now() + self.device.lasts.get(scan, 0.0))
        n = len(self.scans[scan])
        value = float(len([name for name, _ in self.device.reads if name == scan]))
        counters = self.device.counters.pop(0) if self.device.counters else None
        good = np.zeros(n, np.uint8)
        return Batch(np.full(n, value), good, good.copy(), np.full(n, nan), counters=counters)

    async def write(self, setpoints: list[Setpoint]) -> list[Receipt]:
        raise NotImplementedError

    async def abort(self) -> None:
        pass


Story = Callable[[Line, Clock], Awaitable[list[Snapshot]]]


def told(policy: Policy, devices: Mapping[str, Device], story: Story) -> tuple[list[Snapshot], Line]:
    """Play a story in virtual time, beginning at the epoch."""

    async def run() -> tuple[list[Snapshot], Line]:
        clock = WallClock()
        line = Line(policy, clock, lambda name, bound: Fake(devices, name, bound))
        await line.open()
        try:
            return await story(line, clock), line
        finally:
            await line.close()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH)) as runner:
        return runner.run(run())


def cycles(until_s: int, *also: tuple[float, Callable[[], None]]) -> Story:
    """Read every second; at other times do something else."""

    async def story(line: Line, clock: Clock) -> list[Snapshot]:
        seen: list[Snapshot] = []
        events = sorted([(float(k), None) for k in range(1, until_s + 1)] + list(also), key=lambda event: event[0])
        for at, act in events:
            await clock.sleep_until(EPOCH + at)
            if act is None:
                seen.append(await line.read(clock.now()))
            else:
                act()
        return seen

    return story


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


# Coherence


def counted(within: int = 0, kind: str = "uint16") -> Policy:
    policy = declared(TAGS | {"N": "control"}, coherence={"counter": "N", "within": within})
    return policy.model_copy(update={"tags": policy.tags | {"N": policy.tags["N"].model_copy(update={"type": kind})}})


@pytest.mark.parametrize(
    ("kind", "counters", "apart"),
    [
        ("uint16", (7.0, 7.0), 0.0),
        ("uint16", (65535.0, 1.0), 2.0),
        ("int16", (32767.0, -32768.0), 1.0),
        ("uint32", (4294967295.0, 0.0), 1.0),
        ("float64", (5.0, 8.0), 3.0),
    ],
)
def test_scans_that_went_by_are_counted_past_the_end_of_the_counter(
    kind: str, counters: tuple[float, float], apart: float
) -> None:
    coherence = Coherence.of("plc", counted(kind=kind))
    assert coherence is not None
    assert coherence.apart(counters) == apart


@pytest.mark.parametrize("counters", [[(4.0, 5.0), (6.0, 6.0)], [(4.0, 4.0)]])
def test_values_of_two_scans_are_read_again_and_believed_if_they_are_then_of_one(counters: Any) -> None:
    device = Device(counters=list(counters))
    (seen,), line = told(counted(), {"plc": device}, only_control)
    assert seen.torn == {}
    assert seen["C"].quality is Quality.GOOD
    assert line.links["plc"].rereads == len(counters) - 1


async def only_control(line: Line, clock: Clock) -> list[Snapshot]:
    await line.links["plc"].ready()
    return [await line.read(clock.now())]


def test_values_that_stay_of_two_scans_are_uncertain_and_the_snapshot_shows_the_counters() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    seen, line = told(policy, {"plc": Device(counters=[(4.0, 5.0), (6.0, 8.0)])}, cycles(2))
    assert seen[0].torn == {"plc": (6.0, 8.0)}
    assert (seen[0]["C"].quality, seen[0]["C"].reason) == (Quality.UNCERTAIN, Reason.NOT_COHERENT)
    assert seen[0]["N"].quality is Quality.GOOD
    assert seen[1].torn == {}
    assert seen[1]["C"].quality is Quality.GOOD
    assert line.figures["plc"]["control"].torn == 1


def test_a_fast_plc_may_scan_as_often_as_the_policy_permits() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N", "within": 3})
    (seen,), line = told(policy, {"plc": Device(counters=[(4.0, 7.0)])}, cycles(1))
    assert (seen.torn, line.links["plc"].rereads) == ({}, 0)


def test_a_counter_that_cannot_be_read_proves_nothing() -> None:
    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    (seen,), _ = told(policy, {"plc": Device(counters=[(nan, nan)] * 2)}, cycles(1))
    assert seen["C"].reason is Reason.NOT_COHERENT


def test_the_words_of_a_handshake_mean_something_alone() -> None:
    words = dict.fromkeys(("HB", "ARM", "STATE", "SCAN"), "control")
    policy = declared({"C": "control", **words}, handshake=HANDSHAKE)
    (seen,), _ = told(policy, {"plc": Device(counters=[(1.0, 2.0)] * 2)}, cycles(1))
    assert {name: seen[name].quality.name for name in policy.tags} == {"C": "UNCERTAIN"} | dict.fromkeys(words, "GOOD")


def test_what_is_not_of_one_scan_is_kept_in_the_record_and_comes_back() -> None:
    from controller.records import codec  # noqa: PLC0415

    policy = declared({"C": "control", "N": "control"}, coherence={"counter": "N"})
    (seen,), _ = told(policy, {"plc": Device(counters=[(4.0, 5.0), (6.0, 8.0)])}, cycles(1))
    assert codec.snapshot(codec.unpack(codec.pack(seen)), seen.index) == seen
    assert seen != replace(seen, torn={})


# Figures


@pytest.mark.parametrize("spread", [0.3, 1.5])
def test_percentiles_are_right_within_four_percent_however_many_times_are_counted(spread: float) -> None:
    times = np.random.default_rng(7).lognormal(-5.0, spread, 20_000)
    histogram = Histogram()
    for time in times:
        histogram.add(float(time))
    assert len(histogram) == len(times)
    assert histogram._bins.nbytes < 3000
    for share in (50.0, 90.0, 99.0):
        assert histogram.percentile(share) == pytest.approx(np.percentile(times, share), rel=0.04)
    assert histogram.longest_s == times.max()


@pytest.mark.parametrize("odd", [0.0, -1.0, 1e-9, 1e9])
def test_times_out_of_all_proportion_are_counted_too(odd: float) -> None:
    histogram = Histogram()
    histogram.add(odd)
    assert len(histogram) == 1
    assert histogram.percentile(99.0) is not None


def test_nothing_counted_gives_no_percentile() -> None:
    assert Figures().plain()["late_p99_ms"] is None


def test_a_summary_tells_how_late_scans_began_and_how_long_they_took() -> None:
    _, line = told(declared(TAGS), {"plc": Device()}, cycles(5))
    plc: Any = line.summary()["plc"]
    assert set(plc["scans"]) == set(SCANS) | {"control"}
    fast = plc["scans"]["fast"]
    assert fast["scans"] == 26
    assert fast["late_p99_ms"] < 0.011
    assert fast["took_p99_ms"] > 0.0
    assert (plc["misses"], plc["reconnects"], fast["missed"], fast["skipped"], fast["torn"]) == (0, 0, 0, 0, 0)


def test_where_time_waits_for_the_cycle_nothing_begins_late() -> None:
    async def run() -> Line:
        line = Line(declared(TAGS), SimClock(EPOCH), lambda name, bound: Fake({"plc": Device()}, name, bound))
        await line.open()
        await line.ready(5.0)
        await line.read(EPOCH + 5.0)
        await line.close()
        return line

    figures = asyncio.run(run()).figures["plc"]
    assert {name: len(each.late) for name, each in figures.items()} == dict.fromkeys(figures, 0)
    assert {name: len(each.took) for name, each in figures.items()} == dict.fromkeys(figures, 1)
