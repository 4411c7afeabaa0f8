"""Figures of scans: how late, how long, how many left out."""

import asyncio
from typing import Any

import numpy as np
import pytest
from scanned import EPOCH, SCANS, TAGS, Device, Fake, cycles, declared, told

from plant_io.clocks import SimClock
from plant_io.line import Line
from plant_io.timing import Figures, Histogram


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
