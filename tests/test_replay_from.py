from dataclasses import replace
from pathlib import Path

import pytest
from fakes import HOLDER
from recorded import OTHER, RAW, changed
from short_runs import short

from controller.cli.app import status
from controller.records.chain import Signer
from controller.records.entry import entries
from controller.records.file import FILE
from controller.records.journal import Journal, Keeping
from controller.records.replan import replan
from controller.records.replay import replay
from controller.records.resume import resumed
from hil.rig import play
from hil.rig.play import in_memory

KEY = Signer(RAW).name


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    record = tmp_path_factory.mktemp("run") / "record"
    with pytest.MonkeyPatch.context() as patch:
        signed = Keeping(signer=Signer(RAW), state_s=20.0, block_s=60.0)
        patch.setattr(play, "journal", lambda *_: lambda where, how: Journal(where, replace(signed, clock=how.clock)))
        scenario, policy = short(for_s=90.0)
        in_memory(scenario, policy, 1, record)
    return record


def test_from_every_state_the_decisions_after_it_come_out_bit_for_bit(folder: Path) -> None:
    states = [entry.at for entry in entries(folder) if entry.kind == "state"]
    assert len(states) == 4
    whole = replay(folder)
    assert whole.identical == whole.cycles
    for at in states:
        since = resumed(folder, at, KEY)
        found = replay(folder, since=since)
        assert found.cycles == whole.cycles - since.after - 1
        assert found.identical == found.cycles > 5


def test_a_state_that_the_named_key_did_not_sign_is_not_loaded(folder: Path) -> None:
    with pytest.raises(ValueError, match="no state of it is loaded"):
        resumed(folder, 1e12, Signer(OTHER).name)


def test_a_state_in_a_record_that_was_changed_is_not_loaded(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / FILE
    copy.write_bytes((folder / FILE).read_bytes())
    changed(copy, ("UPDATE records SET body = zeroblob(100) WHERE kind = 'state'", ()))
    with pytest.raises(ValueError, match="no state of it is loaded"):
        resumed(copy, 1e12, KEY)


def test_before_the_first_state_there_is_none(folder: Path) -> None:
    with pytest.raises(ValueError, match="found no signed state"):
        resumed(folder, 0.0, KEY)


def test_plans_solved_again_are_those_that_were_followed(folder: Path) -> None:
    found = replan(folder)
    assert found.solved > 3
    assert found.within == found.solved
    assert found.largest <= found.tolerance


def test_the_verb_replays_from_a_state_with_the_key_that_signed_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["replay", str(folder), "--from", "2e9", "--key", KEY, "--plans"]) == 0
    assert "plans solved again" in capsys.readouterr().err
    assert status(["replay", str(folder), "--from", "2e9"]) == 2
    assert "--from wants --key" in capsys.readouterr().err


def test_a_run_without_a_key_keeps_no_states(tmp_path: Path) -> None:
    scenario, policy = short(for_s=10.0)
    in_memory(scenario, policy, 1, tmp_path / "record", build=HOLDER)
    assert "state" not in [entry.kind for entry in entries(tmp_path / "record")]
