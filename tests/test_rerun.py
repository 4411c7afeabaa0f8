"""A record gone through again with another policy: which alerts and incidents would have been others."""

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import MOVER

from controller.cli.app import status
from controller.records.replay import replay
from controller.records.rerun import rerun, sentences
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from policies import Policy, load, parse, shipped

LINE_A = load(shipped("a"))
CHART = b"""watches:
  force:
    kind: ewma
    tag: PRS.MCF
    reference: {mean: 12, sd: 0.1}
    weight: 0.2
    limit: 4
    route: maintenance
    response: Look at the press.
"""


def changed(*words: tuple[bytes, bytes]) -> Policy:
    """Line A with some words changed."""
    text = LINE_A.files[""]
    for old, new in words:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse(text, "line_a.yaml", LINE_A.files)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Path]:
    folder = tmp_path_factory.mktemp("record")
    scenario, _ = open_scenario(find("a_demo"))
    scenario = scenario.model_copy(update={"for_s": 240.0})
    # A chart that speaks, as the force is nowhere near its reference.
    return in_memory(scenario, changed((b"watches:\n", CHART)), 7, folder, build=MOVER), folder


def test_the_same_policy_would_have_done_the_same(kept: tuple[Played, Path]) -> None:
    played, folder = kept
    found = rerun(folder, played.policy)
    assert found.identical == found.cycles == played.ran.tally.cycles
    assert found.alerts() == ([], [], [])
    assert replay(folder).identical == found.cycles


def test_a_watch_that_is_gone_is_no_longer_told_and_opens_no_incident(kept: tuple[Played, Path]) -> None:
    gone, come, moved = (found := rerun(kept[1], LINE_A)).alerts()
    assert ([one["watch"] for one in gone], come, moved) == (["force"], [], [])
    assert len(found.old_incidents) > 0 == len(found.new_incidents)
    assert found.setpoints == 0
    assert next(sentences(found)).startswith("no longer told: force: PRS.MCF is below normal")


def test_a_watch_that_is_new_is_told_with_its_incident(kept: tuple[Played, Path]) -> None:
    other = CHART.replace(b"force:", b"filling:").replace(b"PRS.MCF", b"PRS.FILL").replace(b"mean: 12", b"mean: 2")
    found = rerun(kept[1], changed((b"watches:\n", CHART + other.removeprefix(b"watches:\n"))))
    _, come, _ = found.alerts()
    assert [one["watch"] for one in come] == ["filling"]
    last: dict[str, Any] = found.new_incidents[-1]  # type: ignore[assignment]
    assert set(last["watches"]) == {"force", "filling"}


def test_a_watch_that_waits_longer_is_told_later(kept: tuple[Played, Path]) -> None:
    late = CHART.replace(b"limit: 4", b"limit: 4\n    on_delay: 30s")
    (moved,) = rerun(kept[1], changed((b"watches:\n", late))).alerts()[2]
    assert moved.watch == "force"
    assert moved.new - moved.old == 30.0


def test_a_tag_that_is_new_in_the_policy_has_never_been_read(kept: tuple[Played, Path]) -> None:
    tag = b"  PRS.RPM: {unit: /min,"
    more = b"  PRS.NEW: {unit: kN, range: [0, 40], connection: line, address: s=PRS.NEW}\n" + tag
    found = rerun(kept[1], changed((tag, more), (b"watches:\n", CHART.replace(b"PRS.MCF", b"PRS.NEW"))))
    gone, come, _ = found.alerts()
    assert ([one["watch"] for one in gone], come) == (["force"], [])


def test_the_verb_shows_what_would_have_differed(
    kept: tuple[Played, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["replay", str(kept[1]), "--policy", str(shipped("a")), "--json", str(tmp_path / "r.json")]) == 0
    result = json.loads((tmp_path / "r.json").read_text())
    assert [one["watch"] for one in result["alerts"]["only_old"]] == ["force"]
    assert [len(result["incidents"][which]) for which in ("old", "new")] == [1, 0]
    assert result["policy"] == LINE_A.fingerprint
    told = capsys.readouterr().err
    assert "no longer told: force" in told
    count = kept[0].ran.tally.cycles
    assert f" {count}/{count} " in told


def test_a_policy_of_another_line_is_refused(kept: tuple[Played, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["replay", str(kept[1]), "--policy", str(shipped("c"))]) == 2
    assert "the record is of line A, the policy of line C" in capsys.readouterr().err
