"""The verbs `detector fit` and `detector check`: a model from records of normal operation, and its false alarms."""

import json
from pathlib import Path

import pytest

from anomaly.artefact import Model
from controller.cli.app import BAD_INPUT, DONE, status
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from policies import shipped

MONITOR = """
  whole:
    kind: monitor
    model: whole.monitor.json
    every: 5s
    baseline: 2m
    tags: [FDR_API.F_PV, FDR_EXC.F_PV, HOP.M, PRS.MCF, BLD.N_PV]
    inputs: [FDR_API.F_ACT, FDR_EXC.F_ACT]
    log: [HOP.M]
    route: operator
    response: Look at the tags named.
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Line A with a monitor that has no model yet."""
    folder, line = tmp_path_factory.mktemp("policy"), shipped("a")
    for file in line.parent.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    text = line.read_text()
    (folder / line.name).write_text(text.replace("\nwatches:\n", "\nwatches:" + MONITOR, 1))
    return folder / line.name


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quiet run of line A, 1 h."""
    scenario, shipped_policy = open_scenario(find("a_quiet"))
    folder = tmp_path_factory.mktemp("record")
    in_memory(scenario.model_copy(update={"for_s": 3600.0, "assertions": {}}), shipped_policy, 3, folder)
    return folder


def test_a_model_is_fitted_to_a_record_and_the_policy_is_whole_with_it(
    policy: Path, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    how = ["--false-alarms", "2/day", "--rates", "1,0.3", "--delay", "1"]
    assert status(["detector", "fit", str(policy), str(record), "--watch", "whole", *how, "--json", "-"]) == DONE
    found = json.loads(capsys.readouterr().out)
    model = Model.model_validate_json((policy.parent / "whole.monitor.json").read_bytes())
    assert (found["fingerprint"], found["tags"]) == (model.fingerprint, 5)
    assert found["taught"] + found["judged"] == pytest.approx(695, abs=3)
    assert (model.baseline_s, model.log, model.settings.rates) == (120.0, ("HOP.M",), (1.0, 0.3))
    assert found["extrapolated"] is True
    assert found["promised_per_week"] == pytest.approx(14.0)
    assert status(["validate", str(policy)]) == DONE
    capsys.readouterr()
    assert status(["detector", "check", str(policy), str(record), "--watch", "whole", "--json", "-"]) == DONE
    assert json.loads(capsys.readouterr().out)["alarms"] == 0


def test_a_tag_that_stood_still_is_watched_for_its_range_says_what_is_meant(policy: Path, record: Path) -> None:
    assert (
        status(["detector", "fit", str(policy), str(record), "--watch", "whole", "--delay", "1", "--rates", "1,0.3"])
        == DONE
    )
    model = Model.model_validate_json((policy.parent / "whole.monitor.json").read_bytes())
    assert model.constant == ()
    assert model.scale[model.tags.index("BLD.N_PV")] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--watch", "half"], "found half, expected one of its watches of kind monitor: whole"),
        (["--false-alarms", "often"], "--false-alarms: found 'often', "),
        (["--rates", "1;2"], "--rates: found '1;2', expected numbers above 0 and at most 1"),
        (["--rates", "2,3"], "--rates: found '2,3', expected numbers above 0 and at most 1"),
        (["nowhere"], "nowhere: there is no record here"),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_sentence(
    policy: Path, record: Path, more: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (policy.parent / "whole.monitor.json").exists()
    assert status(["detector", "fit", str(policy), str(record), "--watch", "whole", *more]) == BAD_INPUT
    assert said in " ".join(capsys.readouterr().err.split())
    assert (policy.parent / "whole.monitor.json").exists() == before
