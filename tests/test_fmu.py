"""A plant from another tool behind our own PLCs, shown on a small tank that this test compiles."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from controller.cli.app import status
from hil import serve
from hil.plants.fmi import Described, PlantStopped, describe
from hil.plants.fmu import FmuPlant, Wire, Wiring
from hil.plc.fmu import simulate
from plant_io import Quality, Setpoint
from plant_io.clocks import SimClock
from plant_io.line import Line
from policies import Policy, PolicyError, load, rebind

fmpy = pytest.importorskip("fmpy", reason="needs the extra fmi")
HERE = Path(__file__).parent / "fmu"
MAPPING = (HERE / "tank.fmu.yaml").read_text()
COMPILER = shutil.which("gcc") or shutil.which("cc")
EPOCH = 1_767_225_600.0

PROGRAM = 'modelIdentifier="tank" canHandleVariableCommunicationStepSize="true"'

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler (gcc or cc)")


@pytest.fixture(scope="module")
def tank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fmu")
    program, headers = folder / f"tank{fmpy.sharedLibraryExtension}", Path(fmpy.__file__).parent / "c-code"
    command = [COMPILER, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", f"-I{headers}", HERE / "tank.c", "-o", program]
    subprocess.run(command, check=True)
    with zipfile.ZipFile(folder / "tank.fmu", "w") as fmu:
        fmu.write(HERE / "modelDescription.xml", "modelDescription.xml")
        fmu.write(program, f"binaries/{fmpy.platform}/{program.name}")
    shutil.copy(HERE / "tank.fmu.yaml", folder)
    return folder / "tank.fmu"


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(HERE / "tank.policy.yaml")


def test_the_tank_is_at_its_balance_in_the_units_of_the_tags(tank: Path, policy: Policy) -> None:
    line = simulate(policy, tank)
    line.advance(2000.0)
    shown = line.image().values
    # 0.5 kg/s in, 1 %/s out: 50 kg; 2 heaters of 20.9 kW on 0.5 kg/s of water: 20 K.
    assert shown["TANK.M"] == pytest.approx(50_000.0, rel=1e-6)
    assert shown["TANK.T"] == pytest.approx(40.0, abs=1e-3)
    assert shown["TANK.LAYERS"] == pytest.approx(np.array([40.0, 41.0, 42.0]), abs=1e-3)
    assert shown["TANK.FULL"] == 0.0
    assert line.truth()["mass_kg"] == pytest.approx(50.0)
    assert line.truth()["time"] == 2000.0


def test_a_setpoint_goes_through_the_plc_to_the_plant(tank: Path, policy: Policy) -> None:
    line = simulate(policy, tank)
    for beat in range(600):
        line.write("SUP_F.HEARTBEAT", beat % 65536)
        line.write("SUP_F.ARM", 1.0 if beat > 5 else 0.0)
        line.write("FEED.F_SP", 9000.0)
        line.advance(1.0)
    shown = line.image().values
    assert shown["FEED.F_ACT"] == 7200.0
    assert shown["TANK.M"] == pytest.approx(200_000.0, rel=0.01)
    assert shown["TANK.FULL"] == 1.0


def test_it_stands_behind_both_servers(tank: Path, policy: Policy) -> None:
    async def look() -> None:
        options = serve.Options("tank", HERE / "tank.policy.yaml", fmu=tank)
        rack = serve.Rack(policy, options)
        line = Line(rebind(policy, await rack.start()), SimClock(EPOCH))
        await line.open()
        try:
            assert await line.ready(10.0)
            await line.write([Setpoint("SUP_F.HEARTBEAT", 7.0)])
            await rack.collect()
            rack.line.advance(10.0)
            await rack.show()
            snapshot = await line.read(EPOCH)
        finally:
            await line.close()
            await rack.stop()
        assert {snapshot[name].quality for name in policy.tags} == {Quality.GOOD}
        assert snapshot["SUP_F.ECHO"].value == 7.0
        assert snapshot["TANK.T"].value == pytest.approx(20.0 + 20.0 * (1.0 - 0.99**10), abs=0.1)
        assert snapshot.vector("TANK.LAYERS") == pytest.approx(snapshot["TANK.T"].value + np.arange(3.0))

    asyncio.run(look())


def test_it_is_served_to_any_client_by_one_command(tank: Path) -> None:
    steadyline = Path(sys.executable).with_name("steadyline")
    command = [steadyline, "hil", "serve", "--fmu", tank, "--policy", HERE / "tank.policy.yaml"]
    ports = ["--opcua", "0", "--modbus", "0", "--speed", "50"]
    with subprocess.Popen([*command, *ports], stdout=subprocess.PIPE, text=True) as served:
        assert served.stdout is not None
        told = json.loads(served.stdout.readline())
        host, port = told["connect"]["feed"].rsplit(":", 1)
        socket.create_connection((host, int(port)), timeout=5.0).close()
        served.send_signal(signal.SIGINT)
        assert served.wait(20.0) == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "wanted either a LINE, or --fmu with --policy"),
        (["A", "--fmu", "x.fmu"], "wanted either a LINE, or --fmu with --policy"),
        (["--fmu", "none.fmu", "--policy", str(HERE / "tank.policy.yaml")], "none.fmu: there is no such file"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["hil", "serve", *arguments]) == 2
    assert sentence in capsys.readouterr().err


WRONG = {
    "FEED.F_SP: {variable: inflow, limits: [0, 7200], rate: 7200, start: 1800}": [
        ("FEED.X: {variable: inflow, limits: [0, 1], rate: 1, start: 0}", "3:3: setpoints.FEED.X: found 'FEED.X'"),
        ("FEED.F_SP: {variable: mass, limits: [0, 1], rate: 1, start: 0}", "expected one of inflow, power"),
        ("FEED.F_SP: {variable: inflow, limits: [0, 1], rate: 1, start: 2}", "found 2, expected a value within"),
        ("FEED.F_SP: {variable: inflow, limits: [1, 0], rate: 1, start: 0}", "expected the lower value first"),
    ],
    "TANK.M: {variable: mass}": [
        ("TANK.M: {variable: masse}", "5:22: shows.TANK.M.variable: found 'masse', expected one of inflow"),
        ("TANK.M: {variable: mass, unit: K}", "found K, expected a unit that becomes g"),
        ("TANK.M: {variable: mass, unit: g}", "found g, expected kg as the FMU says"),
        ("TANK.M: {variable: mass, unit: kilo}", "found the unit 'kilo', expected a UCUM code"),
        ("TANK.M: {variable: outlet}", "found the unit 'per second', expected a UCUM code"),
        ("SUP_F.SCAN: {variable: mass}", "found 'SUP_F.SCAN', expected one of TANK.M"),
    ],
    "TANK.LAYERS: {variable: layer}": [
        ("TANK.LAYERS: {variable: mass}", "found 'mass[1]', expected one of"),
        ("", "shows: missing, expected TANK.LAYERS"),
    ],
    'TANK.FULL: {variable: full, unit: "1"}': [("TANK.FULL: {variable: full}", "gives no unit of full")],
    "heaters: 2": [("heater: 2", "fixed.heater: found 'heater', expected one of")],
}


@pytest.mark.parametrize("case", [(right, *each) for right, found in WRONG.items() for each in found])
def test_a_mapping_that_does_not_fit_is_refused_with_its_place(
    tank: Path, policy: Policy, tmp_path: Path, case: tuple[str, str, str]
) -> None:
    right, wrong, sentence = case
    mapping = tmp_path / "wrong.yaml"
    assert right in MAPPING
    mapping.write_text(MAPPING.replace(right, wrong))
    with pytest.raises(PolicyError) as refused:
        simulate(policy, tank, mapping)
    assert sentence in str(refused.value)
    assert str(refused.value).startswith(f"{mapping}:")


@pytest.fixture
def about(tank: Path) -> Described:
    return describe(tank)


def test_a_plant_that_turns_non_finite_is_named(about: Described) -> None:
    plant = FmuPlant(about, Wiring({"P": Wire("power")}, {"T": [Wire("temperature")]}), {"P": 0.0})
    with pytest.raises(FloatingPointError, match=r"tank: not finite at 0\.5 s: temperature"):
        plant.step(0.5, {"P": float("inf")})


def test_a_plant_that_refuses_a_step_says_when(about: Described) -> None:
    plant = FmuPlant(about, Wiring({"S": Wire("stubborn")}, {"T": [Wire("temperature")]}), {"S": 0.0})
    plant.step(0.5, {"S": 0.0})
    with pytest.raises(PlantStopped, match=r"tank: fmi2DoStep failed with status 3 \(error\)\. At 0\.5 s"):
        plant.step(0.5, {"S": 1.0})


def test_a_plant_with_a_step_of_its_own_is_stepped_by_it(tank: Path, tmp_path: Path) -> None:
    fixed = describe(changed(tank, tmp_path, 'Size="true"', 'Size="false"'))
    assert fixed.step_s == 0.25
    plant = FmuPlant(fixed, Wiring({"F": Wire("inflow")}, {"M": [Wire("mass")]}), {"F": 0.0})
    plant.step(0.5, {"F": 0.0})
    assert plant.tags["M"] == pytest.approx(50.0 * (1.0 - 0.0025) ** 2)
    with pytest.raises(ValueError, match=r"found a step of 0\.6 s, wanted a multiple of its own, 0\.25 s"):
        plant.step(0.6, {"F": 0.0})


@pytest.mark.parametrize(
    ("right", "wrong", "sentence"),
    [
        (
            f"<CoSimulation {PROGRAM}",
            '<ModelExchange modelIdentifier="tank"',
            r"found FMI 2\.0 for model exchange, wanted FMI 2\.0 for co-simulation",
        ),
        ('guid="{tank}"', 'guid="{pond}"', "it cannot be started: Failed to instantiate model"),
        ("</ModelVariables>", "", "this is no FMU that can be read"),
    ],
)
def test_what_is_no_fmu_for_this_machine_is_refused(
    tank: Path, tmp_path: Path, right: str, wrong: str, sentence: str
) -> None:
    with pytest.raises((ValueError, PlantStopped), match=sentence):
        FmuPlant(describe(changed(tank, tmp_path, right, wrong)), Wiring({}, {"M": [Wire("mass")]}), {})


def test_nothing_is_left_when_the_plant_is_put_away(
    about: Described, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    plant = FmuPlant(about, Wiring({}, {"M": [Wire("mass")]}), {})
    assert [path.name.startswith("steadyline-fmu-") for path in tmp_path.iterdir()] == [True]
    plant.close()
    assert list(tmp_path.iterdir()) == []


def changed(fmu: Path, folder: Path, old: str, new: str) -> Path:
    """Return a copy of an FMU whose description says something else."""
    copy = folder / "changed.fmu"
    with zipfile.ZipFile(fmu) as source, zipfile.ZipFile(copy, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "modelDescription.xml":
                assert old.encode() in content
                content = content.replace(old.encode(), new.encode())
            target.writestr(name, content)
    return copy
