"""Many runs: the same whatever the number of processes, nothing lost with one that dies, and sums that say how sure."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest

from controller.cli.app import BAD_INPUT, DONE, status
from controller.records.replay import replay
from hil import campaign, library, report
from hil.outcome import EDGES_S, Outcome, plain
from hil.panels import Mark, Panel, thinned
from hil.plots import over_time
from hil.rig.verdict import Finding
from hil.summary import summed, wilson

SCENARIO = Path(__file__).parent / "scenarios" / "minute.scenario.yaml"
CLOCK = "memory"

GOOD = Finding("takes_over", "The loop takes over", passed=True, found="reached at 30 s", wanted="reached")
BAD = replace(GOOD, passed=False, found="never reached")


def run(seed: int, finding: Finding = GOOD, crashed: str = "", name: str = "a b") -> Outcome:
    findings = () if crashed else (finding,)
    return Outcome(name, "A title", seed, "virtual", findings, {"simulated_s": 60.0, "digest": "d"}, crashed=crashed)


@pytest.mark.parametrize(
    ("passed", "runs", "low", "high"),
    [(0, 10, 0.0, 0.277533), (9, 10, 0.595850, 0.982124), (10, 10, 0.722467, 1.0), (50, 100, 0.403832, 0.596168)],
)
def test_the_interval_is_that_of_the_score_test(passed: int, runs: int, low: float, high: float) -> None:
    assert wilson(passed, runs) == pytest.approx((low, high), abs=1e-6)


def test_runs_are_summed_up_by_scenario_and_a_crash_is_no_pass() -> None:
    runs = [run(1), run(2, BAD), run(3, crashed="it died"), run(1, name="c")]
    first, second = (line.plain() for line in summed(runs))
    counts = {"scenario": "a b", "runs": 3, "passed": 1, "failed": 1, "crashed": 1, "fraction": 1 / 3}
    assert counts.items() <= first.items()
    assert (second["scenario"], second["fraction"], second["confidence"]) == ("c", 1.0, 0.95)


def test_every_outcome_names_the_one_command_that_repeats_it() -> None:
    assert plain(run(7, BAD))["repeat"] == "steadyline hil run 'a b' --seed 7 --clock virtual"


def test_a_crashed_run_has_the_same_keys_as_any_other_and_no_figures() -> None:
    crashed = plain(run(1, crashed="it died"))
    assert set(crashed) == set(plain(run(1)))
    assert (crashed["passed"], crashed["crashed"], crashed["digest"]) == (False, "it died", "d")


def test_junit_tells_failures_and_crashes_apart_and_how_to_repeat_them(tmp_path: Path) -> None:
    report.write_junit(tmp_path / "runs.xml", [run(1), run(2, BAD), run(3, crashed="it died")])
    suites = ET.parse(tmp_path / "runs.xml").getroot()  # noqa: S314  # written by ourselves
    assert [(s.get("tests"), s.get("failures"), s.get("errors")) for s in suites] == [
        ("1", "0", "0"),
        ("1", "1", "0"),
        ("1", "0", "1"),
    ]
    told = [element.text or "" for element in suites.iter() if element.tag in {"failure", "error"}]
    assert ["--seed 2" in told[0], "--seed 3" in told[1]] == [True, True]


def test_the_page_shows_sums_histograms_and_plots_of_the_first_run_and_of_failures(tmp_path: Path) -> None:
    counts = tuple(int(k == 30) for k in range(len(EDGES_S) - 1))
    panel = Panel("true api [%]", EDGES_S[:2], EDGES_S[:2])
    shown = replace(run(1), latency=counts, jitter=counts, panels=(panel,))
    report.write_html(tmp_path / "runs.html", [shown, run(2), run(3, BAD), run(4, crashed="it <died>")])
    page = (tmp_path / "runs.html").read_text()
    told = page[page.index("<h1>") :]
    assert "50.0 % (15.0 to 85.0 %)" in told
    assert ["a b, seed 1" in told, "a b, seed 2" in told, "a b, seed 3" in told] == [True, False, True]
    assert "Crashed: it &lt;died&gt;." in told
    assert ["wall time of a cycle [ms]" in told, "missed its beginning [ms]" in told] == [True, True]
    assert "true api [%]" in told
    assert "<script src" not in page
    assert len(page) < 3e6


def test_the_words_over_the_plots_never_stand_on_each_other() -> None:
    panel = Panel("true api [%]", np.linspace(0.0, 60.0, 9), np.zeros(9))
    begun = [0.0, 0.1, 0.2, 20.0, 20.0, 20.5, 59.0]
    drawn = over_time([panel], [Mark("phase", at, None, f"blend number {i}") for i, at in enumerate(begun)])
    figure = json.loads(drawn.partition('json">')[2].partition("</script>")[0])
    words = [(note["x"], note["yshift"], note["text"]) for note in figure["layout"]["annotations"]]
    assert [text for *_, text in words][3] == "blend number 3, blend number 4"
    for row in {shift for _, shift, _ in words}:
        here = [(x, x + 6.0 * len(text) * 60.0 / 900.0) for x, shift, text in words if shift == row]
        assert all(after[0] >= before[1] for before, after in pairwise(here))
    assert figure["layout"]["margin"]["t"] >= max(shift for _, shift, _ in words) + 13


def test_without_a_terminal_it_is_told_now_and_then_how_far_a_campaign_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(campaign, "outcome", lambda task: run(task.seed))
    scenario, policy = library.open_scenario(SCENARIO)
    campaign.play([("minute", scenario, policy)], campaign.Wanted(CLOCK, 1, 5))
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("playing")]
    assert told == ["playing: 1 of 5 runs are done"]


def tasks(**changed: object) -> campaign.Task:
    scenario, policy = library.open_scenario(SCENARIO)
    return replace(campaign.Task("minute", scenario, policy, 1, CLOCK), **changed)


def test_the_record_of_each_run_is_kept_where_it_is_asked_for_and_none_is_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["hil", "run", str(SCENARIO), "--seeds", "2", "--jobs", "1", "--record", str(tmp_path / "records")]
    assert status(asked) == DONE
    assert f"records: {tmp_path / 'records'}" in capsys.readouterr().err
    for seed in (1, 2):
        assert replay(tmp_path / "records" / f"minute.seed{seed}").first_break is None
    assert status(asked) == BAD_INPUT
    assert "minute.seed1: a record is already there" in capsys.readouterr().err
    assert status([*asked, "--cluster", "tcp://127.0.0.1:1"]) == BAD_INPUT
    assert "--record: found --cluster, wanted runs on this machine" in capsys.readouterr().err


def test_whatever_goes_wrong_in_a_run_is_its_outcome() -> None:
    crashed = campaign.outcome(tasks(seed=-1))
    assert crashed.crashed.startswith("ValueError: expected non-negative integer")
    assert not crashed.passed


def test_curves_are_thinned_without_losing_a_peak() -> None:
    values = np.sin(np.arange(86_400.0))
    values[33_333] = 99.0
    panel = thinned(Panel("x [1]", np.arange(86_400.0), values))
    assert panel.values.size < 1000
    assert panel.minutes[panel.values.argmax()] == 33_333.0
    assert (np.diff(panel.minutes) > 0.0).all()


@pytest.mark.slow
def test_the_same_seeds_give_the_same_runs_in_the_same_order_whatever_the_number_of_processes() -> None:
    scenario, policy = library.open_scenario(SCENARIO)
    opened = [("minute", scenario.model_copy(update={"for_s": 20.0}), policy)]
    alone, shared = (campaign.play(opened, campaign.Wanted(CLOCK, 5, 2, jobs)) for jobs in (1, 2))
    assert [told(outcome) for outcome in alone[0]] == [told(outcome) for outcome in shared[0]]
    assert [outcome.seed for outcome in alone[0]] == [5, 6]
    assert alone[1]
    assert shared[1]


def told(outcome: Outcome) -> tuple[object, ...]:
    return outcome.seed, outcome.figures["digest"], outcome.findings


@pytest.mark.slow
def test_a_killed_process_costs_no_run_and_changes_none(tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("steadyline"), "hil", "run", SCENARIO, "--clock", CLOCK, "--seeds", "4"]
    plain_runs, killed = tmp_path / "plain.json", tmp_path / "killed.json"
    assert subprocess.run([*command, "--jobs", "2", "--json", plain_runs], check=False).returncode == 0
    with subprocess.Popen([*command, "--jobs", "2", "--json", killed]) as parent:
        while not (
            hands := [
                child for child in psutil.Process(parent.pid).children() if "--multiprocessing-fork" in child.cmdline()
            ]
        ):
            time.sleep(0.05)
        time.sleep(1.0)
        hands[0].send_signal(signal.SIGKILL)
        assert parent.wait(120.0) == 0
    digests = [[r["digest"] for r in json.loads(path.read_text())["runs"]] for path in (plain_runs, killed)]
    assert digests[0] == digests[1]
    assert None not in digests[0]
