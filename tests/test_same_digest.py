"""One digest whatever is around a process: kernels of linear algebra, vector instructions, threads, hash seed, zone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
FOUND = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""Vector instructions of this processor that NumPy can do without."""
PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from short_runs import short
drift, noise = {"id": "F04", "target": "FDR_API", "after": "20s", "magnitude": 0.04}, {"id": "N01", "target": "FDR_API"}
played = {"a": short(drift, noise | {"after": "30s"})}
played |= {name: open_scenario(find(name)) for name in ("b_quiet", "c_control")}
found = {}
for name, (scenario, policy) in played.items():
    run = in_memory(scenario.model_copy(update={"for_s": 60.0}), policy, 1)
    found[name] = [run.ran.tally.digest(), {key: values.tobytes().hex()[-64:] for key, values in run.truth.items()}]
print(json.dumps(found))
"""
ONE: Mapping[str, str] = {
    "PYTHONHASHSEED": "1",
    "OPENBLAS_CORETYPE": "Haswell",
    "OPENBLAS_NUM_THREADS": "1",
    "TZ": "Pacific/Auckland",
}
OTHER: Mapping[str, str] = {
    "PYTHONHASHSEED": "2",
    "OPENBLAS_CORETYPE": "Nehalem",
    "OPENBLAS_NUM_THREADS": "2",
    "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND),
    "LC_ALL": "C",
    "TZ": "America/St_Johns",
}


def played(around: Mapping[str, str], folder: Path) -> dict[str, object]:
    command = [sys.executable, "-W", "ignore", "-c", PROGRAM, str(HERE.parent), str(HERE)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder, env=os.environ | around)
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_lines_under_control_give_the_same_digests_and_truth_whatever_surrounds_them(tmp_path: Path) -> None:
    one, other = played(ONE, HERE), played(OTHER, tmp_path)
    assert set(one) == {"a", "b_quiet", "c_control"}
    assert one == other
