"""What is left of a record when its writer is killed, the power goes, or the disk fails: all that was acknowledged."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from typing import Any

import apsw
import numpy as np
import pytest
from power import Disk
from recorded import BEGAN, UNITS, Signals, keeping, left

from controller.records.file import FILE
from controller.records.journal import Journal, Keeping
from controller.records.verify import verify

HERE = Path(__file__).parent
KILLS = int(os.environ.get("STEADYLINE_KILLS", "200"))
CUTS = int(os.environ.get("STEADYLINE_CUTS", "500"))


class Often(Journal):
    """A journal whose log is taken into its file often, so that there is much to be cut through."""

    def __init__(self, directory: Path, how: Keeping) -> None:
        super().__init__(directory, how)
        self._db.execute("PRAGMA wal_autocheckpoint=12")


def how(disk: Disk, **more: Any) -> Keeping:
    return keeping(block_s=60.0, units=UNITS, every=7, vfs=disk.label, **more)


def killed(folder: Path, times: int, seed: int) -> dict[str, int]:
    command = [sys.executable, str(HERE / "killed.py"), str(folder), str(times), str(seed)]
    path = os.pathsep.join((str(HERE), str(HERE.parent)))
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    return {str(name): int(number) for name, number in json.loads(done.stdout).items()}


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are made by fork")
def test_a_writer_that_is_killed_at_any_instant_has_lost_nothing_it_acknowledged(tmp_path: Path) -> None:
    found = killed(tmp_path, KILLS, 7)
    assert found["killed"] == KILLS
    assert found["acknowledged"] > KILLS
    assert (found["lost"], found["broken"]) == (0, 0)


def cut(folder: Path, times: int, seed: int, cycles: int = 160) -> dict[str, int]:
    """Cut the power at random calls to the disk; return what was lost and broken."""
    rng, signals, calls, kept, found = np.random.default_rng(seed), Signals(cycles), [0], [0], {"lost": 0, "broken": 0}
    cuts: set[int] = set()

    def before(_: str) -> None:
        calls[0] += 1
        if calls[0] in cuts:
            there = folder / f"{seed}-{calls[0]}"
            disk.after(there, rng)
            here = left(there, signals)
            found["lost"] += max(0, kept[0] - here.cycles)
            found["broken"] += bool(here.wrong)
            rmtree(there)

    for attempt in ("to count the calls", "to cut the power"):
        calls[0], kept[0] = 0, 0
        disk = Disk(before)
        journal = Often(folder / f"{seed} {attempt}", how(disk))
        journal.head(BEGAN, {"line": "toy"})
        for n in range(cycles):
            journal.cycle(signals.cycle(n))
            kept[0] = n + 1
        journal.tail(BEGAN + cycles, {})
        cuts = cuts or {int(n) for n in rng.choice(np.arange(1, calls[0] + 1), min(times, calls[0]), replace=False)}
        rmtree(folder / f"{seed} {attempt}")
    return found | {"cuts": len(cuts)}


def test_the_power_may_go_at_any_call_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    found = cut(tmp_path, 40, seed=3)
    assert found == {"lost": 0, "broken": 0, "cuts": 40}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_the_power_may_go_very_often_and_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    each = 100
    for seed in range(-(-CUTS // each)):
        found = cut(tmp_path, each, seed=100 + seed)
        assert (found["lost"], found["broken"]) == (0, 0), f"seed {100 + seed}"
        assert found["cuts"] >= each


def test_a_disk_that_does_not_sync_would_be_found_out(tmp_path: Path) -> None:
    class Careless(Often):
        def __init__(self, directory: Path, how: Keeping) -> None:
            super().__init__(directory, how)
            self._db.execute("PRAGMA synchronous=OFF")

    signals, disk, rng = Signals(60), Disk(lambda _: None), np.random.default_rng(1)
    journal = Careless(tmp_path / "run", how(disk))
    journal.head(BEGAN, {"line": "toy"})
    signals.kept(journal, 0, 60)
    worst = 60
    for n in range(5):
        disk.after(tmp_path / str(n), rng)
        try:
            here = left(tmp_path / str(n), signals)
        except apsw.Error:
            worst = 0
        else:
            worst = min(worst, 0 if here.wrong else here.cycles)
    journal.close()
    assert worst < 60


def fails(at: int, error: type[Exception], *, stays: bool) -> Callable[[str], None]:
    calls = [0]

    def before(_: str) -> None:
        calls[0] += 1
        if calls[0] == at or (stays and at <= calls[0] < at + 25):
            raise error

    return before


def failed(folder: Path, at: int, cycles: int = 66) -> bool:
    """Let the n-th call to the disk fail, go on as a run does, and return whether it was reached."""
    error = (apsw.FullError, apsw.IOError, apsw.ReadOnlyError)[at % 3]
    signals, count = Signals(cycles), [0]
    before = fails(at, error, stays=at % 2 == 0)

    def counted(call: str) -> None:
        count[0] += 1
        before(call)

    disk = Disk(counted)
    try:
        journal = Often(folder, how(disk, ballast=4096 if at % 5 == 0 else 0))
    except OSError:
        return True
    acknowledged = 0
    _tried(lambda: journal.head(BEGAN, {"line": "toy"}))
    while acknowledged < cycles:
        _tried(lambda n=acknowledged: journal.cycle(signals.cycle(n)))
        acknowledged += 1
    _tried(lambda: journal.tail(BEGAN + cycles, {}))
    here = left(folder, signals)
    assert here == type(here)(cycles, 2, ""), f"call {at}, {error.__name__}: {here}"
    assert verify(folder).complete
    return count[0] >= at


def _tried(work: Callable[[], object], times: int = 60) -> None:
    for _ in range(times):
        try:
            work()
        except OSError:
            continue
        return
    raise AssertionError("it never succeeded")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of files that cannot even be closed
def test_every_seventeenth_call_to_the_disk_may_fail_and_the_record_goes_on_whole(tmp_path: Path) -> None:
    at = 1
    while failed(tmp_path / str(at), at):
        at += 17
    assert at > 150


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of files that cannot even be closed
def test_every_call_to_the_disk_may_fail_and_the_record_goes_on_whole(tmp_path: Path) -> None:
    at = 1
    while failed(tmp_path / str(at), at):
        rmtree(tmp_path / str(at))
        at += 1
    assert at > 150


def test_a_record_that_was_broken_off_is_read_and_verified_without_help(tmp_path: Path) -> None:
    signals, disk = Signals(70), Disk(lambda _: None)
    journal = Often(tmp_path / "run", how(disk))
    journal.head(BEGAN, {"line": "toy"})
    signals.kept(journal, 0, 70)
    disk.after(tmp_path / "cut", np.random.default_rng(5))
    journal.close()
    assert (tmp_path / "cut" / FILE).exists()
    found = verify(tmp_path / "cut")
    assert found.broken is None
    assert found.kinds["cycle"] == 70
    assert not found.complete
