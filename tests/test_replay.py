"""A recorded run of line A is re-derived bit for bit, and the same seed gives the same run."""

import sqlite3
from pathlib import Path

import pytest
from fakes import MOVER

from controller.records.journal import FILE
from controller.records.replay import replay
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from hil.scenario import Scenario
from policies import Policy

MINUTES = 4


@pytest.fixture(scope="module")
def opened() -> tuple[Scenario, Policy]:
    scenario, policy = open_scenario(find("a_demo"))
    return scenario.model_copy(update={"for_s": 60.0 * MINUTES}), policy


def play(opened: tuple[Scenario, Policy], seed: int, record: Path | None = None) -> Played:
    scenario, policy = opened
    return in_memory(scenario, policy, seed, record, build=MOVER)


@pytest.fixture(scope="module")
def kept(opened: tuple[Scenario, Policy], tmp_path_factory: pytest.TempPathFactory) -> tuple[Played, Path]:
    directory = tmp_path_factory.mktemp("record")
    return play(opened, 7, directory), directory


def test_every_decision_comes_out_the_same(kept: tuple[Played, Path]) -> None:
    played, directory = kept
    found = replay(directory)
    assert found.cycles == played.ran.tally.cycles > 60 * MINUTES
    assert (found.identical, found.differences, found.first_break) == (found.cycles, (), None)
    assert found.complete


def test_the_digest_of_a_record_is_the_digest_of_the_run(kept: tuple[Played, Path]) -> None:
    played, directory = kept
    assert replay(directory).digest == played.ran.tally.digest()


def test_the_same_seed_gives_the_same_digest_and_another_seed_another(
    opened: tuple[Scenario, Policy], kept: tuple[Played, Path]
) -> None:
    assert play(opened, 7).ran.tally.digest() == kept[0].ran.tally.digest()
    assert play(opened, 8).ran.tally.digest() != kept[0].ran.tally.digest()


def test_the_loop_took_over_and_moved_in_the_recorded_run(kept: tuple[Played, Path]) -> None:
    played, _ = kept
    assert ("blend", "active") in [(loop, phase) for _, loop, phase in played.phases]
    assert played.ran.tally.writes["confirmed"] > 0


def test_an_edited_record_is_named(kept: tuple[Played, Path], tmp_path: Path) -> None:
    copied = tmp_path / FILE
    copied.write_bytes((kept[1] / FILE).read_bytes())
    db = sqlite3.connect(copied)
    (body,) = db.execute("SELECT body FROM records WHERE seq = 100").fetchone()
    db.execute("UPDATE records SET at = at, body = ? WHERE seq = 100", (body[:-1] + bytes([body[-1] ^ 1]),))
    db.commit()
    db.close()
    with pytest.raises(ValueError, match=r": record 100 \(cycle\) cannot be read: it was damaged or changed"):
        replay(tmp_path)


def test_a_removed_record_breaks_the_chain(kept: tuple[Played, Path], tmp_path: Path) -> None:
    copied = tmp_path / FILE
    copied.write_bytes((kept[1] / FILE).read_bytes())
    db = sqlite3.connect(copied)
    db.execute("DELETE FROM records WHERE seq = 50")
    db.commit()
    db.close()
    assert replay(tmp_path).first_break == 51
