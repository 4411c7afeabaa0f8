"""A campaign on two workers of a Dask cluster, one of which is killed: nothing is lost and nothing differs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import Client

from controller.cli.app import status

SCENARIO = Path(__file__).parent / "scenarios" / "minute.scenario.yaml"
RUN = ["hil", "run", str(SCENARIO), "--seeds", "4", "--clock", "memory"]
THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

pytestmark = pytest.mark.slow


def started(stack: ExitStack, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a part of the cluster, which ends with the test."""
    command = [sys.executable, "-m", "dask", *arguments]
    process = stack.enter_context(subprocess.Popen(command, env=os.environ | THREADS))
    stack.callback(process.kill)
    return process


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    with ExitStack() as stack:
        about = tmp_path / "scheduler.json"
        options = ["--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(about)]
        started(stack, "scheduler", *options)
        while not about.exists():
            time.sleep(0.1)
        address = str(json.loads(about.read_text())["address"])
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(tmp_path)]
        yield address, [started(stack, "worker", address, *options) for _ in range(2)]


def test_a_killed_worker_costs_no_run_and_changes_none(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], tmp_path: Path
) -> None:
    address, workers = cluster
    far, near = tmp_path / "far.json", tmp_path / "near.json"
    command = [str(Path(sys.executable).with_name("steadyline")), *RUN, "--cluster", address, "--json", str(far)]
    with Client(address) as client, subprocess.Popen(command) as campaign:
        while not all(busy := client.processing().values()) or len(busy) < len(workers):
            assert campaign.poll() is None
            time.sleep(0.1)
        workers[0].send_signal(signal.SIGKILL)
        assert campaign.wait(120.0) == 0
    assert status([*RUN, "--jobs", "2", "--json", str(near)]) == 0
    assert digests(far) == digests(near)
    assert len(digests(far)) == 4


def digests(path: Path) -> list[str]:
    return [run["digest"] for run in json.loads(path.read_text())["runs"]]


def test_an_address_without_a_cluster_is_status_3(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hil.cluster._PATIENCE_S", 1.0)
    assert status([*RUN, "--cluster", "tcp://127.0.0.1:9"]) == 3
    assert "no Dask scheduler with a worker at 'tcp://127.0.0.1:9'" in capsys.readouterr().err
