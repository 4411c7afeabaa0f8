import json
from pathlib import Path
from threading import Thread

import pytest
from fakes import MOVER
from recorded import BEGAN, UNITS, Signals, changed, keeping, left
from short_runs import short

from controller.cli.app import status
from controller.records.backup import backup, restore
from controller.records.file import FILE
from controller.records.journal import Journal
from controller.records.replay import replay
from hil.rig.play import in_memory


def test_a_record_is_copied_whole_while_its_run_goes_on(tmp_path: Path) -> None:
    signals, journal = Signals(400), Journal(tmp_path / "run", keeping(block_s=60.0, units=UNITS))
    journal.head(BEGAN, {"line": "toy"})
    signals.kept(journal, 0, 70)
    writer = Thread(target=signals.kept, args=(journal, 70, 400))
    writer.start()
    copies = [backup(tmp_path / "run", tmp_path / f"copy {n}") for n in range(3)]
    writer.join()
    journal.tail(BEGAN + 400.0, {})
    assert left(tmp_path / "run", signals).cycles == 400
    for n, (head, found) in enumerate(copies):
        assert found.broken is None
        assert found.records == head.seq + 1
        here = left(tmp_path / f"copy {n}", signals)
        assert (here.wrong, here.cycles >= 70) == ("", True)


def test_a_drill_brings_back_a_run_whose_every_decision_is_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, policy = short(for_s=30.0)
    in_memory(scenario, policy, 1, tmp_path / "run", build=MOVER)
    assert status(["backup", str(tmp_path / "run"), "--out", str(tmp_path / "copy"), "--json", "-"]) == 0
    head = json.loads(capsys.readouterr().out)["head"]
    before = replay(tmp_path / "run")
    (tmp_path / "run" / FILE).unlink()
    assert status(["restore", str(tmp_path / "copy"), "--out", str(tmp_path / "run")]) == 0
    after = replay(tmp_path / "run")
    assert after == before
    assert after.identical == after.cycles > 25
    assert head["seq"] > after.cycles


def test_nothing_that_is_there_is_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signals, journal = Signals(5), Journal(tmp_path / "run", keeping(units=UNITS))
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 5)
    journal.close()
    assert status(["backup", str(tmp_path / "run"), "--out", str(tmp_path / "copy")]) == 0
    assert status(["backup", str(tmp_path / "run"), "--out", str(tmp_path / "copy")]) == 2
    assert status(["restore", str(tmp_path / "copy"), "--out", str(tmp_path / "run")]) == 2
    assert "a record is already there" in capsys.readouterr().err


def test_a_copy_that_was_changed_or_cut_off_is_not_put_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    signals, journal = Signals(20), Journal(tmp_path / "run", keeping(units=UNITS))
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 20)
    journal.close()
    backup(tmp_path / "run", tmp_path / "copy")
    changed(tmp_path / "copy" / FILE, ("DELETE FROM records WHERE seq > 15", ()))
    with pytest.raises(ValueError, match="the record was cut off"):
        restore(tmp_path / "copy", tmp_path / "again")
    assert not (tmp_path / "again").exists()
    assert status(["restore", str(tmp_path / "nowhere"), "--out", str(tmp_path / "again")]) == 2
    assert "there is no record here" in capsys.readouterr().err
