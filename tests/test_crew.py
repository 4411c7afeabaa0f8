"""Tasks shared out among processes: the same results whatever their number, and nothing lost with a process."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tasks import deadly, littering, squared

from hil import crew


@pytest.mark.parametrize("jobs", [1, 3])
def test_every_task_is_done_whatever_the_number_of_processes_each_with_one_thread(jobs: int) -> None:
    assert dict(crew.share(squared, range(5), jobs)) == {n: (n * n, 1) for n in range(5)}


def test_a_task_whose_process_dies_is_repeated_once_and_then_lost_alone(tmp_path: Path) -> None:
    found = dict(crew.share(deadly, [(n, str(tmp_path)) for n in range(6)], 2))
    assert found == {0: 0, 1: 1, 2: 2, 3: None, 4: 4, 5: 5}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("0245", "x") | {
        "1": "xx",
        "3": "xx",
    }


def test_what_a_task_leaves_behind_is_gone_before_the_next() -> None:
    assert dict(crew.share(littering, range(4), 1)) == dict.fromkeys(range(4), 0)


def test_nothing_to_do_is_done_at_once() -> None:
    assert list(crew.share(squared, [], 4)) == []


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_processes_end_with_the_one_that_started_them_however_far_they_are(tmp_path: Path) -> None:
    program = (
        "import sys; from hil import crew; from tasks import endless; list(crew.share(endless, [sys.argv[1]] * 2, 2))"
    )
    search = {"PYTHONPATH": os.pathsep.join((str(Path(__file__).parent), *filter(None, sys.path)))}
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], env=os.environ | search) as parent:
        while len(pids := [int(path.name) for path in tmp_path.iterdir()]) < 2:
            time.sleep(0.05)
        parent.send_signal(signal.SIGKILL)
    for _ in range(100):
        alive = [pid for pid in pids if lives(pid)]
        if not alive:
            return
        time.sleep(0.05)
    pytest.fail(f"still alive: {alive}")
