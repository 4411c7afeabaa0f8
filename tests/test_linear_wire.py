"""A policy alone holds a plant that others defined: over OPC UA and Modbus, led, and faster than the wall."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from linear_plant import EXAMPLES

from controller.cli import app
from controller.records.replay import replay

HERE = Path(__file__).parent
BENCH = os.environ.get("STEADYLINE_BENCH_PLANTS", "")
POLICIES = {"opcua": EXAMPLES / "wood_berry.yaml", "modbus": EXAMPLES / "wood_berry_modbus.yaml"}


def address(kind: str, port: int) -> str:
    return f"plant=opc.tcp://127.0.0.1:{port}/bench" if kind == "opcua" else f"plant=127.0.0.1:{port}"


def played(kind: str, pace: str, samples: int, tmp_path: Path) -> tuple[dict[str, float], dict[str, object]]:
    """Run the shipped policy against the served column; return what the plant and what the run say."""
    command = [sys.executable, str(HERE / "served_column.py"), kind, pace, str(samples)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as served:
        assert served.stdout is not None
        port = int(served.stdout.readline())
        options = [] if pace == "led" else ["--speed", pace]
        result = tmp_path / "result.json"
        kept = ["--record", str(tmp_path / "record"), "--json", str(result)]
        where = ["--connect", address(kind, port)]
        status = app.status(["run", str(POLICIES[kind]), "--mode", "auto", *where, *options, *kept])
        assert status == 0
        last = served.stdout.readlines()[-1]
    return json.loads(last), json.loads(result.read_text())


@pytest.mark.parametrize("kind", ["opcua", "modbus"])
def test_a_plant_that_waits_is_led_and_held_by_a_policy_alone(kind: str, tmp_path: Path) -> None:
    score, ran = played(kind, "led", 60, tmp_path)
    assert ran["why"] == "the plant has ended"
    assert score["last"] < 0.05
    assert score["mean"] < 0.12


def test_what_was_decided_over_the_wire_is_derived_again_bit_for_bit(tmp_path: Path) -> None:
    played("opcua", "led", 20, tmp_path)
    found = replay(tmp_path / "record")
    assert found.identical == found.cycles >= 60


def test_a_plant_that_was_led_before_is_led_on(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "served_column.py"), "opcua", "led", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=HERE) as served:
        assert served.stdout is not None
        where = ["--connect", address("opcua", int(served.stdout.readline()))]
        run = ["run", str(POLICIES["opcua"]), "--mode", "auto", *where]
        assert app.status([*run, "--for", "8m", "--record", str(tmp_path / "first")]) == 0
        assert app.status([*run, "--record", str(tmp_path / "second")]) == 0
        last = served.stdout.readlines()[-1]
    assert json.loads(last)["last"] < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["opcua", "modbus"])
def test_a_plant_sixty_times_faster_than_the_wall_is_held_as_well(kind: str, tmp_path: Path) -> None:
    score, _ = played(kind, "60", 60, tmp_path)
    assert score["last"] < 0.05
    assert score["mean"] < 0.12


@pytest.mark.interop
@pytest.mark.skipif(not BENCH, reason="STEADYLINE_BENCH_PLANTS names no folder with the plants of others")
@pytest.mark.parametrize("kind", ["opcua", "modbus"])
@pytest.mark.parametrize(
    ("case", "scenario", "most"),
    [
        ("wood_berry", "nominal", 0.91),
        ("wood_berry", "mismatch", 1.48),
        ("shell_hof", "nominal", 2.17),
        ("shell_hof", "mismatch", 3.91),
    ],
)
def test_the_plants_of_others_are_held_better_than_by_pi(
    kind: str, case: str, scenario: str, most: float, tmp_path: Path
) -> None:
    port, score = 48500 + os.getpid() % 1000, tmp_path / "score.json"
    command = [sys.executable, f"serve_{kind}.py", case, "--scenario", scenario, "--lockstep", "--port", str(port)]
    with subprocess.Popen([*command, "--out", str(score)], stdout=subprocess.PIPE, text=True, cwd=BENCH) as served:
        assert served.stdout is not None
        served.stdout.readline()
        policy = EXAMPLES / f"{case}{'' if kind == 'opcua' else '_modbus'}.yaml"
        options = ["--connect", address(kind, port), "--record", str(tmp_path / "record")]
        status = app.status(["run", str(policy), "--mode", "auto", *options])
        served.stdout.read()
    assert status == 0
    assert json.loads(score.read_text())["J"] < most
