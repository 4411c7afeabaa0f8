"""Producer, forwarder and PostgreSQL killed in turn: nothing that was recorded is missing from the copy, or doubled."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from postgres import binaries

HERE = Path(__file__).parent
KILLS = int(os.environ.get("STEADYLINE_SITE_KILLS", "12"))


@pytest.mark.slow
@pytest.mark.interop
@pytest.mark.timeout(3000)
@pytest.mark.skipif(not hasattr(os, "fork"), reason="writers are made by fork")
def test_whoever_is_killed_nothing_is_lost_and_nothing_is_doubled() -> None:
    binaries()
    path = os.pathsep.join((str(HERE), str(HERE.parent)))
    env = os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(HERE / "site_killed.py"), str(KILLS), "7"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout)
    assert found["killed"] == KILLS
    assert 0 < found["copied_before_the_last"] < found["copied"]
    assert found["acknowledged"] <= found["copied"]
    bad = ("status", "lost", "differ", "broken", "quarantined")
    assert {name: found[name] for name in bad} == dict.fromkeys(bad, 0)
