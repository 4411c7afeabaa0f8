"""Links that fail over real sockets, controllers that are started again, and a PLC process that dies in mid-run."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import psutil
import pytest
from short_runs import short

from controller.cycle import Cycle
from hil import campaign
from hil.rig.clocks import on_clock
from hil.rig.play import Played
from hil.rig.tied import Vanished
from hil.rig.truth import TruthLog, left
from plant_io import Quality

STRUCK_S, FOR_S = 12.0, 3.0


def struck(fault: str, clock: str, for_s: float = 24.0) -> tuple[Played, list[Cycle]]:
    """Play line A with a link that fails from 12 s to 15 s."""
    wrong = {"id": fault, "target": "line", "after": f"{STRUCK_S:g}s", "for": f"{FOR_S:g}s"}
    cycles: list[Cycle] = []
    scenario, policy = short(wrong, for_s=for_s)
    return on_clock(clock, scenario, policy, 1, (cycles.append,)), cycles


def bad(cycles: list[Cycle]) -> list[float]:
    """Return when the line was not seen, time since the start [s]."""
    began = cycles[0].snapshot.at
    return [c.snapshot.at - began for c in cycles if c.snapshot["HOP.M"].quality is Quality.BAD]


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "away"), [("link_refuse", [12.0, 13.0, 14.0]), ("link_reset", [12.0])])
def test_a_link_that_fails_in_lockstep_fails_alike_in_every_run(fault: str, away: list[float]) -> None:
    (first, cycles), (again, _) = (struck(fault, "lockstep") for _ in range(2))
    assert first.ran.tally.digest() == again.ran.tally.digest()
    assert bad(cycles)[: len(away)] == away
    assert bad(cycles)[-1] <= away[-1] + 3.0
    assert first.missed == 0


@pytest.mark.slow
def test_a_link_that_fails_on_the_wall_is_noticed_and_over() -> None:
    _, cycles = struck("link_flap", "wall")
    away = bad(cycles)
    assert away
    assert away[-1] - away[0] <= FOR_S + 4.0
    assert cycles[-1].snapshot["HOP.M"].quality is Quality.GOOD


@pytest.mark.parametrize("fault", ["crash", "reload"])
def test_a_controller_started_again_in_virtual_time_does_what_it_does_in_memory(fault: str) -> None:
    ended = {"id": fault, "target": "controller", "after": "15s", "for": "8s"}
    scenario, policy = short(ended, for_s=32.0)
    virtual, memory = (on_clock(clock, scenario, policy, 1) for clock in ("virtual", "memory"))
    assert virtual.ran.tally.digest() == memory.ran.tally.digest()
    assert virtual.phases == memory.phases


@pytest.mark.slow
def test_a_controller_started_again_in_lockstep_finds_the_plant_that_went_on_without_it() -> None:
    ended = {"id": "crash", "target": "controller", "after": "10s", "for": "5s"}
    cycles: list[Cycle] = []
    scenario, policy = short(ended, for_s=20.0)
    played = on_clock("lockstep", scenario, policy, 1, (cycles.append,))
    began = cycles[0].snapshot.at
    assert [c.snapshot.at - began for c in cycles] == [*map(float, range(11)), *map(float, range(15, 21))]
    assert played.truth["time"].tolist() == [float(k) for k in range(1, len(played.truth["time"]) + 1)]
    assert len(played.truth["time"]) >= 20
    assert played.missed == 0


@pytest.mark.slow
def test_a_plc_process_that_dies_ends_the_run_at_once_and_leaves_its_trace() -> None:
    scenario, policy = short(for_s=3600.0)
    seen: list[Cycle] = []

    def kill(cycle: Cycle) -> None:
        seen.append(cycle)
        if cycle.number == 10:
            (plc,) = (child for child in psutil.Process().children() if "hil.serve" in child.cmdline())
            os.kill(plc.pid, signal.SIGKILL)

    with pytest.raises(Vanished, match=r"PLC process of line A ended in mid-run: killed by signal 9") as found:
        on_clock("lockstep", scenario, policy, 1, (kill,))
    assert len(seen) <= 13
    assert found.value.truth["time"].tolist()[:10] == [float(k) for k in range(1, 11)]


def test_a_run_whose_plc_process_died_is_told_as_unreachable_with_its_trace(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def vanish(*_: object, **_more: object) -> None:
        log = TruthLog()
        log.add({"time": 1.0, "level": 0.5})
        raise Vanished("the PLC process of line A ended in mid-run: killed by signal 9", log.columns(), [{"id": "F04"}])

    monkeypatch.setattr(campaign, "on_clock", vanish)
    scenario, policy = short()
    told = campaign.outcome(campaign.Task("minute", scenario, policy, 1, "wall", trace=tmp_path))
    trace = tmp_path / "minute.seed1.truth.csv"
    assert told.unreachable
    assert told.crashed.endswith(f"killed by signal 9; the truth until then is in {trace}")
    assert [line.partition(",")[0] for line in trace.read_text().splitlines()] == ["time", "1", '# fault {"id": "F04"}']


def test_truth_outlives_a_process_that_could_not_save_it(tmp_path: Path) -> None:
    log = TruthLog()
    log.spill(tmp_path / "truth.npz")
    for k in range(3):
        log.add({"time": float(k), "level": 2.0 * k})
    assert {name: column.tolist() for name, column in left(tmp_path / "truth.npz").items()} == {
        "time": [0.0, 1.0, 2.0],
        "level": [0.0, 2.0, 4.0],
    }
    with (tmp_path / "truth.npz.rows").open("ab") as file:
        file.write(b"half a row")
    assert len(left(tmp_path / "truth.npz")["time"]) == 3
    log.save(tmp_path / "truth.npz")
    assert left(tmp_path / "truth.npz")["level"].tolist() == [0.0, 2.0, 4.0]
