"""The command line as a user meets it: one clear sentence for every mistake, and the promised exit status."""

import json
import shutil
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import pytest
import structlog
from fakes import Bench

from anomaly import Alert
from controller.cli.app import status
from controller.cli.live import teller
from controller.cli.show import log_to_people
from controller.cycle import Cycle
from controller.records.journal import FILE
from hil.library import find
from hil.serve import Options
from policies import Lane, shipped

LINE = str(shipped("A"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["bogus"], "No such command 'bogus'."),
        (["demo", "--for", "10x"], "--for: found '10x', expected a duration such as 500ms, 10s, 5m or 8h"),
        (["demo", "--line", "Z"], "--line: found 'Z', wanted one of A"),
        (["run", "nowhere.yaml"], "nowhere.yaml:1:1: no such file"),
        (["run", LINE, "--connect", "feeders"], "--connect: found 'feeders', wanted NAME=ADDRESS"),
        (["run", LINE, "--connect", "x=1.2.3.4:5"], "found the connection 'x', expected one of feeders, line"),
        (["replay", "nowhere"], "nowhere: there is no record here"),
        (["run", LINE, "--record", "/dev/null/x"], "Not a directory"),
        (["demo", "--record", "/dev/null/x"], "Not a directory"),
        (["run", LINE, "--json", "/dev/null/x"], "/dev/null/x: this cannot be written"),
        (["demo", "--json", "/dev/null/x"], "/dev/null/x: this cannot be written"),
        (["hil", "list", "--json", "/dev"], "/dev: this cannot be written"),
        (["hil", "run", "a_blind", "--junit", "/dev/null/x"], "/dev/null/x: this cannot be written"),
        (["hil", "run", "a_blind", "--html", "/proc/x.html"], "/proc/x.html: this cannot be written"),
        (["hil", "run", "a_blind", "--html", "-"], "-: this cannot be written: wanted the name of a file"),
        (["hil", "run", "a_blind", "--html", "x" * 300], "this cannot be written: File name too long"),
        (["schema", "tag"], "schema: found 'tag', wanted one of policy, library, scenario"),
        (["hil", "run"], "hil run: found no scenario, wanted --all or some of those that"),
        (["hil", "run", "a_nothing"], "found the scenario 'a_nothing', wanted a file or a shipped one"),
        (["hil", "serve", "Z"], "found the line 'Z', expected one of A"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_good_policy_is_status_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["validate", LINE, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out) == {"files": [LINE], "errors": []}


def test_an_alert_is_shown_with_what_to_do_about_it(capsys: pytest.CaptureFixture[str]) -> None:
    bench, tell = Bench(), teller()
    decision = bench.cycle()
    alert = Alert(
        at=bench.at,
        watch="window",
        lane=Lane.LOCKED,
        active=True,
        what="the window is dirty",
        priority="high",
        route="operator",
        response="Clean the window.",
        score=7.0,
        limit=6.0,
    )
    for each in (alert, replace(alert, active=False)):
        tell(Cycle(0, bench.snapshot(), (), (), replace(decision, alerts=(each,)), ()))
    begun, ended = capsys.readouterr().err.splitlines()
    assert begun.endswith("ALERT [high, operator, locked] the window is dirty; Clean the window.")
    assert ended.endswith("clear [high, operator, locked] the window is dirty")


def test_the_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["--version"]) == 0
    assert capsys.readouterr().out.strip() == version("steadyline")


def test_libraries_and_scenarios_are_checked_as_what_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = Path(LINE).with_name("line_a.library.yaml")
    scenario = find("a_blind")
    assert status(["validate", LINE, str(library), str(scenario)]) == 0
    said = capsys.readouterr().err
    assert "line_a.library.yaml: library of line A" in said
    assert "a_blind.scenario.yaml: scenario of line A" in said
    (tmp_path / "x.scenario.yaml").write_text(scenario.read_text().replace("line: A", "line: Z"))
    (tmp_path / "x.library.yaml").write_text(library.read_text().replace("library: 1", "library: 2"))
    files = [str(tmp_path / name) for name in ("x.scenario.yaml", "x.library.yaml", "gone.library.yaml")]
    assert status(["validate", *files, "--json", "-"]) == 2
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert [Path(error["file"]).name for error in errors] == ["x.scenario.yaml", "x.library.yaml", "gone.library.yaml"]
    assert errors[2]["message"] == "no such file or directory"


def test_a_bad_policy_gives_every_mistake_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("policy: 1\nline: A\nrevison: '1'\nperiod: 1 s\n")
    assert status(["validate", str(bad), "--json", "-"]) == 2
    errors = json.loads(capsys.readouterr().out)["errors"]
    assert {"file", "line", "column", "path", "message"} == set(errors[0])
    assert (3, 1, "revison") in [(e["line"], e["column"], e["path"]) for e in errors]
    assert (4, 9, "period") in [(e["line"], e["column"], e["path"]) for e in errors]


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (("model: line_a", "model: line_x"), "loops.blend.model", "found 'line_x', expected one of line_a"),
        (("exc_flow: {tag", "other: {tag"), "loops.blend.measured", "but model line_a wants"),
        (("", "{}"), "loops.blend.process", "process.json: identified parameters"),
        (("", "nothing"), "loops.blend.process", "process.json: identified parameters: not JSON"),
    ],
)
def test_a_policy_that_cannot_be_run_is_not_good(
    change: tuple[str, str], place: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = change
    shutil.copytree(Path(LINE).parent, tmp_path, dirs_exist_ok=True)
    edited = tmp_path / (Path(LINE).name if old else "process.json")
    text = edited.read_text()
    assert old in text
    edited.write_text(text.replace(old, new) if old else new)
    policy = tmp_path / Path(LINE).name
    assert status(["validate", str(policy), "--json", "-"]) == 2
    found = {e["path"]: e for e in json.loads(capsys.readouterr().out)["errors"]}
    assert message in found[place]["message"]
    line: str = policy.read_text().splitlines()[int(found[place]["line"]) - 1]
    assert line[found[place]["column"] - 1 :].strip()


def test_one_stage_of_the_look_at_a_policy_hides_nothing_of_the_next(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(Path(LINE).parent, tmp_path, dirs_exist_ok=True)
    policy = tmp_path / Path(LINE).name
    text = policy.read_text()
    (watch,) = (line for line in text.splitlines() if line.strip() == "nir_fit:")
    changed = text.replace(watch, f"  {'never:'}\n    kind: ewma\n{watch}", 1)  # fits no schema
    changed = changed.replace("exc_flow: {tag", "other: {tag").replace("    solver: sqp\n", "")
    changed = changed.replace("    authority: 0.05\n", "    authority: 0.05\n    solver: ipopt\n")
    policy.write_text(changed.replace("of: {api_sp: [api_refill, assay]", "of: {api_sp: [api_refil, assay]"))
    assert status(["validate", str(policy), "--json", "-"]) == 2
    errors = json.loads(capsys.readouterr().out)["errors"]
    places = [error["path"] for error in errors]
    assert {"watches.never.tag", "loops.blend.measured", "loops.blend.witness.of.api_sp[0]"} <= set(places)
    assert [error["line"] for error in errors] == sorted(error["line"] for error in errors)
    assert len(places) == len(set(places))


def test_scenarios_of_a_parameter_there_is_not_are_told_where_they_stand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(Path(LINE).parent, tmp_path, dirs_exist_ok=True)
    policy = tmp_path / Path(LINE).name
    told = "    authority: 0.05\n    solver: ipopt\n    scenarios: {parameters: [lag_api, lagg]}\n"
    policy.write_text(policy.read_text().replace("    authority: 0.05\n", told))
    assert status(["validate", str(policy), "--json", "-"]) == 2
    (error,) = json.loads(capsys.readouterr().out)["errors"]
    assert error["path"] == "loops.blend.scenarios.parameters[1]"
    assert "no parameter is called lagg; there are" in error["message"]


@pytest.mark.parametrize("kind", ["policy", "library", "scenario"])
def test_every_kind_of_file_has_a_schema(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["schema", kind]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "object"


def test_a_plant_that_cannot_be_reached_is_status_3(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.runtime.PATIENCE_S", 1.0)
    nowhere = ["--connect", "feeders=127.0.0.1:9", "--connect", "line=127.0.0.1:9"]
    assert status(["run", LINE, "--for", "5s", "--record", str(tmp_path / "r"), *nowhere]) == 3
    said = capsys.readouterr()
    assert "no connection to feeders" in said.err
    assert "record" not in said.err
    assert not (tmp_path / "r").exists()
    assert said.out == ""


def test_log_lines_go_where_people_read(capsys: pytest.CaptureFixture[str]) -> None:
    log_to_people()
    structlog.get_logger().warning("a link is down")
    said = capsys.readouterr()
    assert said.out == ""
    assert "a link is down" in said.err


@pytest.mark.parametrize("content", [b"", b"no database, but as long as the header of one " * 20])
def test_a_record_that_is_none_is_refused(content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / FILE).write_bytes(content)
    assert status(["replay", str(tmp_path)]) == 2
    assert "this cannot be read as a record" in capsys.readouterr().err


def test_a_directory_with_a_record_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "steadyline.sqlite").touch()
    assert status(["run", LINE, "--record", str(tmp_path)]) == 2
    assert "a record is already there" in capsys.readouterr().err


def test_the_shipped_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["hil", "list", "--json", "-"]) == 0
    names = [s["name"] for s in json.loads(capsys.readouterr().out)["scenarios"]]
    assert {"a_demo", "a_quiet", "a_lamp", "a_blind"} <= set(names)


def test_the_seed_asked_for_is_served(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Options] = []

    async def keep(options: Options) -> None:
        served.append(options)

    monkeypatch.setattr("hil.serve.serve", keep)
    assert status(["hil", "serve", "A", "--seed", "0"]) == 0
    assert status(["hil", "serve", "A"]) == 0
    assert [options.seed for options in served] == [0, 1]


def test_a_scenario_with_mistakes_is_refused_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.scenario.yaml"
    bad.write_text(
        "scenario: 1\ntitle: t\nline: A\nfor: 10m\n"
        "faults:\n  - {id: F99, target: FDR_API, after: 1m}\n"
        "assertions:\n  a: {kind: quiet, requirement: r, watch: nir_fitt}\n"
    )
    assert status(["hil", "run", str(bad)]) == 2
    said = capsys.readouterr().err
    assert "bad.scenario.yaml:6:10: faults[0].id: found 'F99'" in said
    assert "bad.scenario.yaml:8:" in said
