"""A run on line A that another policy follows, and the first one again: what stands, who did it, and what is copied."""

import os
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np
import pytest
from sited import serving

from controller.records.cycles import Walk
from controller.records.entry import entries
from controller.records.history import History
from controller.records.replay import replay
from controller.records.review import trail
from controller.records.standing import Standing
from hil.rig.process import PlcProcess, Served
from plant_io.clocks import WallClock
from policies import load, shipped

SETPOINTS = ("FDR_API.F_SP", "FDR_EXC.F_SP")
COPIED = "SELECT seq, body, records.chain FROM steadyline.records JOIN steadyline.runs USING (run) ORDER BY began, seq"


def policy(folder: Path, port: int) -> tuple[Path, Path]:
    """Return line A with a site, and a successor of it."""
    shutil.copytree(shipped("A").parent, folder)
    first, second = folder / shipped("A").name, folder / "next.yaml"
    text = first.read_text() + f"\nrecords: {{site: {{host: 127.0.0.1, port: {port}, every: 500ms}}}}\n"
    first.write_text(text)
    old = next(line for line in text.splitlines() if line.startswith("revision:"))
    second.write_text(text.replace(old, 'revision: "next"'))
    return first, second


def standing(record: Path, *, first: bool) -> list[float]:
    """Return the setpoints that stand in the PLCs at one end of a record, in kg/h."""
    with History(record) as history:
        table = history.range(SETPOINTS)
    return [float(values[np.isfinite(values)][0 if first else -1]) for values in table.values.values()]


def until(stream: IO[str], words: str, seen: list[str]) -> None:
    for line in stream:
        seen.append(line)
        if words in line:
            return
    raise AssertionError("".join(seen[-40:]))


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.timeout(900)
def test_another_policy_follows_and_comes_back_while_the_line_goes_on_and_every_record_is_at_the_site(
    tmp_path: Path,
) -> None:
    served = Served("A", lockstep=False, speed=1.0, seed=6, start=WallClock().now())
    record, seen = tmp_path / "record", list[str]()
    with serving() as server, PlcProcess(served) as process:
        first, second = policy(tmp_path / "policies", server.port)
        connect = [word for name, address in process.connect.items() for word in ("--connect", f"{name}={address}")]
        command = [sys.executable, "-m", "controller.cli", "run", str(first), "--mode", "auto", "--record", str(record)]
        said = subprocess.Popen(
            [*command, *connect],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"COLUMNS": "200"},
        )
        assert said.stderr is not None
        assert said.stdin is not None
        until(said.stderr, "init to active", seen)
        said.stdin.write(f"adopt {second} limits after the trial\n")
        said.stdin.flush()
        until(said.stderr, "adopted, revision next", seen)
        until(said.stderr, "init to active", seen)
        said.stdin.write("rollback assay drifts\n")
        said.stdin.flush()
        until(said.stderr, "adopted", seen)
        until(said.stderr, "init to active", seen)
        said.send_signal(signal.SIGINT)
        seen += said.stderr.readlines()
        assert said.wait(60) == 130, "".join(seen[-40:])
        said.stdin.close()
        said.stderr.close()
        records = [record, tmp_path / "record-2", tmp_path / "record-3"]
        assert all(found is not None and found.complete for found in map(Standing.read, records))
        assert server.rows(COPIED) == [(e.seq, e.body, e.chain) for each in records for e in entries(each)]
        assert server.rows("SELECT * FROM steadyline.breaks") == []
    old, new = load(first).fingerprint, load(second).fingerprint
    assert [Walk(each).head["fingerprint"] for each in records] == [old, new, old]
    assert [Walk(each).head["supersedes"].get("fingerprint") for each in records] == [None, old, new]
    for before, after in pairwise(records):
        assert standing(after, first=True) == pytest.approx(standing(before, first=False), abs=0.01)
    adopted = [deed for each in records for deed in trail(each) if deed["what"] == "policy adopted" and deed["old"]]
    assert [(deed["old"], deed["new"], deed["why"]) for deed in adopted] == [
        (old, new, "limits after the trial"), (new, old, "assay drifts"),
    ]  # fmt: skip
    for each in records:
        found = replay(each)
        assert found.identical == found.cycles
