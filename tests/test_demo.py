"""The demo and the scenarios as a newcomer runs them: over real sockets, in lock-step, with figures."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from controller.cli.app import status

pytestmark = pytest.mark.slow


def demo(directory: Path, name: str) -> dict[str, object]:
    result = directory / f"{name}.json"
    arguments = ["demo", "--for", "4m", "--no-console", "--record", str(directory / name), "--json", str(result)]
    assert status(arguments) == 0
    found = json.loads(result.read_text())
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def shown(directory: Path) -> dict[str, object]:
    return demo(directory, "first")


def test_the_demo_gives_what_checks_rely_on(shown: dict[str, object]) -> None:
    assert {"line", "simulated_s", "cycles", "writes", "kpis", "alerts"} <= set(shown)
    assert shown["line"] == "A"
    assert shown["clock"] == "lockstep"
    assert shown["writes"]["confirmed"] > 0  # type: ignore[index]
    assert shown["writes"]["refused"] == 0  # type: ignore[index]
    assert shown["cycle"]["overruns"] == 0  # type: ignore[index]
    assert set(shown["kpis"]["api"]) == set(shown["kpis_without_control"]["api"])  # type: ignore[index]


def test_the_same_seed_gives_the_same_run_over_the_sockets(shown: dict[str, object], directory: Path) -> None:
    assert demo(directory, "second")["digest"] == shown["digest"]


@pytest.mark.usefixtures("shown")
def test_the_record_of_the_demo_is_re_derived(directory: Path) -> None:
    result = directory / "replay.json"
    assert status(["replay", str(directory / "first"), "--json", str(result)]) == 0
    found = json.loads(result.read_text())
    assert found["identical"] == found["cycles"] > 0
    assert found["differences"] == []


def test_scaled_time_works_too(tmp_path: Path) -> None:
    result = tmp_path / "fast.json"
    arguments = ["demo", "--for", "1m", "--speed", "5", "--record", str(tmp_path / "r"), "--json", str(result)]
    assert status(arguments) == 0
    assert json.loads(result.read_text())["clock"] == "wall"


@pytest.mark.parametrize("name", ["a_blind", "a_lamp"])
def test_a_shipped_scenario_passes_and_is_reported(name: str, tmp_path: Path) -> None:
    files = {kind: tmp_path / f"run.{kind}" for kind in ("json", "xml", "html")}
    options = ["--json", str(files["json"]), "--junit", str(files["xml"]), "--html", str(files["html"])]
    assert status(["hil", "run", name, *options]) == 0
    (run,) = json.loads(files["json"].read_text())["runs"]
    keys = {"scenario", "seed", "clock", "passed", "simulated_s", "wall_s", "digest", "kpis", "assertions", "alerts"}
    assert keys <= set(run)
    assert run["passed"]
    suite = ET.parse(files["xml"]).getroot()[0]  # noqa: S314  # written by ourselves
    assert (suite.get("name"), suite.get("failures")) == (name, "0")
    assert f"steadyline hil run {name}" in files["html"].read_text()


def test_a_scenario_that_fails_is_status_1_and_says_how_to_repeat_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = tmp_path / "wrong.scenario.yaml"
    wrong.write_text(
        "scenario: 1\ntitle: never asked\nline: A\nfor: 1m\nassertions:\n"
        "  a: {kind: phase, requirement: The loop is active, loop: blend, phase: active, after: 1s, within: 50s}\n"
    )
    assert status(["hil", "run", str(wrong), "--seed", "9"]) == 1
    assert f"repeat: steadyline hil run {wrong} --seed 9 --clock virtual" in capsys.readouterr().err
