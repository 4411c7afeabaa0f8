"""A tag over hours and days out of the record, worked out beside the console."""

from __future__ import annotations

import json
import re
from collections.abc import Generator
from html import unescape
from math import inf, isfinite
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest
from fakes import HOLDER
from short_runs import short
from shown import LATE, kit

from controller.console.console import Console, Shown
from controller.console.doors import Doors
from controller.console.past import POINTS, figure, remembered
from controller.cycle import Cycle, Order
from hil.rig.play import in_memory

TAG, PERIOD_S = "LINE.TOTAL_PV", 1.0


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Cycle]]:
    record, cycles = tmp_path_factory.mktemp("run"), list[Cycle]()
    scenario, policy = short(LATE, for_s=90.0)
    in_memory(scenario, policy, 1, build=HOLDER, record=record, sinks=(cycles.append,))
    return record, cycles


@pytest.fixture(scope="module")
def client(run: tuple[Path, list[Cycle]]) -> Generator[httpx.Client]:
    served = Console(Shown(kit(), run[0], SimpleQueue[Order](), None), Doors(port=0))
    try:
        with httpx.Client(base_url=served.url, timeout=90.0) as client:
            yield client
    finally:
        served.close()


def test_what_a_record_holds_of_a_tag_is_what_was_read(run: tuple[Path, list[Cycle]]) -> None:
    record, cycles = run
    found = remembered(record, TAG, inf, PERIOD_S)
    assert found is not None
    read = [value for cycle in cycles if (value := cycle.snapshot.good(TAG)) is not None]
    assert found.cycles == len(cycles)
    assert max(each for each in found.high if isfinite(each)) == max(read)
    assert min(each for each in found.low if isfinite(each)) == min(read)
    assert len(found.begins) == 22 < POINTS
    assert all(map(isfinite, found.mean))


def test_a_span_goes_back_from_the_newest_cycle(run: tuple[Path, list[Cycle]]) -> None:
    record, cycles = run
    found = remembered(record, TAG, 30.0, PERIOD_S)
    assert found is not None
    assert found.begins[0] == cycles[-1].snapshot.at - 30.0
    assert found.cycles == 31


def test_the_mean_stands_before_the_least_and_the_greatest(run: tuple[Path, list[Cycle]]) -> None:
    found = remembered(run[0], TAG, inf, PERIOD_S)
    assert found is not None
    traces = figure(found, TAG)["traces"]
    assert isinstance(traces, list)
    assert [(one["name"], one["faint"]) for one in traces] == [("mean", False), ("least", True), ("greatest", True)]


def test_a_page_of_a_tag_fetches_its_past_out_of_the_record(client: httpx.Client) -> None:
    page = client.get(f"/tags/{TAG}?span=8h").text
    path = unescape(re.findall(r'data-fetch="([^"]+)"', page)[0])
    assert path == f"/tags/{TAG}/past?span=8h"
    part = client.get(path).text
    drawn = json.loads(unescape(re.findall(r"data-figure='([^']+)'", part)[0]))
    assert drawn["title"].startswith(TAG)
    assert "% of them good" in part
    assert "the whole run as CSV" in client.get("/alarms").text


@pytest.mark.parametrize(
    ("path", "status"),
    [("/tags/none", 404), ("/tags/none/past", 404), (f"/tags/{TAG}?span=2y", 400), (f"/tags/{TAG}/past?span=", 400)],
)
def test_what_there_is_not_is_refused(client: httpx.Client, path: str, status: int) -> None:
    assert client.get(path).status_code == status
