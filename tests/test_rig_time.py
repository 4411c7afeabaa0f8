"""Time in runs over real sockets: one clock for plant and controller, counted from the first cycle."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from controller.cycle import Cycle
from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import Door, Options, Ran, operate
from hil.library import find, open_scenario
from hil.rig.play import EPOCH, Played
from hil.rig.sockets import over_sockets
from hil.rig.verdict import judge
from hil.serve import Options as Serving
from hil.serve import Rack
from policies import load, shipped

pytestmark = pytest.mark.slow
SPEED = 10.0


@pytest.fixture(scope="module")
def fast() -> tuple[Played, list[Cycle]]:
    scenario, policy = open_scenario(find("a_demo"))
    seen: list[Cycle] = []

    def run(kit: Kit, options: Options, through: Door, sinks: Sequence[Sink]) -> Ran:
        return asyncio.run(operate(kit, options, through, (*sinks, seen.append)))

    short = scenario.model_copy(update={"for_s": 60.0})
    return over_sockets(short, policy, 1, Options(speed=SPEED, unrecorded=True), run), seen


def test_source_times_and_cycle_times_agree_at_ten_times_real_time(fast: tuple[Played, list[Cycle]]) -> None:
    played, cycles = fast
    apart = sorted(c.snapshot.at - c.snapshot["HOP.M"].source for c in cycles[5:])
    assert abs(apart[len(apart) // 2]) <= 2.0 * played.policy.period_s


def test_a_run_on_the_wall_begins_with_its_first_cycle(fast: tuple[Played, list[Cycle]]) -> None:
    played, cycles = fast
    assert played.began == cycles[0].snapshot.at
    assert played.began > EPOCH + 86400.0


def test_a_plant_that_did_not_keep_step_fails_the_scenario(fast: tuple[Played, list[Cycle]]) -> None:
    (*_, last) = judge(replace(fast[0], missed=3))
    assert (last.id, last.passed, last.found) == ("lockstep", False, "3 missed")
    assert "lockstep" not in [finding.id for finding in judge(fast[0])]


def test_a_demo_that_is_stopped_says_so_and_compares_what_was_played(tmp_path: Path) -> None:
    result = tmp_path / "r.json"
    options = ["--no-console", "--record", str(tmp_path / "record"), "--json", str(result)]
    command = [sys.executable, "-m", "controller.cli", "demo", "--for", "3h", *options]
    said: list[str] = []
    environment = os.environ | {"COLUMNS": "200"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as child:
        assert child.stderr is not None
        for line in child.stderr:
            said.append(line)
            if line.startswith("0:00:"):
                break
        child.send_signal(signal.SIGINT)
        said.append(child.stderr.read())
    assert child.returncode == 130
    assert "stopped by a person after 0:" in "".join(said)
    found = json.loads(result.read_text())
    assert found["why"] == "stopped by a person"
    assert found["missed"] == 0
    made = [found[key]["produced_kg"] for key in ("kpis", "kpis_without_control")]
    assert made[0] == pytest.approx(made[1], rel=0.2)


def test_a_line_that_is_served_for_long_keeps_no_truth_nobody_asked_for() -> None:
    async def follow(truth: Path | None) -> int:
        rack = Rack(load(shipped("A")), Serving("A", shipped("A"), truth=truth))
        await rack.start()
        task = asyncio.create_task(rack.pace(SPEED))
        rack.epoch -= 30.0
        await asyncio.wait({task}, timeout=1.0)
        task.cancel()
        await rack.stop()
        return len(next(iter(rack.log.columns().values()), ()))

    assert asyncio.run(follow(None)) == 0
    assert asyncio.run(follow(Path("truth.npz"))) > 0
