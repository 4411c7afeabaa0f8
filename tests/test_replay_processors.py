"""A record is re-derived bit for bit whatever vector instructions the processor has."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fakes import HOLDER
from learners import SMOOTH, fitted

from controller.soft.freeze import freeze
from hil.library import find, open_scenario
from hil.rig.play import in_memory

FOUND = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
"""Vector instructions of this processor that NumPy can do without."""
PROCESSORS = [
    {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND)},
    {"OPENBLAS_CORETYPE": "Nehalem"},
    {"OPENBLAS_CORETYPE": "Haswell"},
]
REPLAY = """
import json, sys
from pathlib import Path
from controller.records.replay import replay
found = replay(Path(sys.argv[1]))
print(json.dumps([found.cycles, found.identical, [list(d.fields) for d in found.differences]]))
"""
COURSES = """
import hashlib
from anomaly.match import bank
from policies.library import Exponential
made = bank([Exponential(kind="exponential", tau="700s")], 60, 30.0)
print(hashlib.sha256(made.courses.tobytes()).hexdigest())
"""
LEARNERS = """
import hashlib
import numpy as np
from controller.soft.frozen import read
from pathlib import Path
import sys
digest = hashlib.sha256()
for file in sorted(Path(sys.argv[1]).iterdir()):
    found = read(file.read_bytes(), file.name).predict(np.array([0.27, 650.0, 16.0, 47.0]))
    digest.update(found.mean.tobytes() + (b"" if found.sd is None else found.sd.tobytes()))
print(digest.hexdigest())
"""


def said(program: str, processor: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=os.environ | processor, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("record")
    scenario, policy = open_scenario(find("a_demo"))
    in_memory(scenario.model_copy(update={"for_s": 90.0}), policy, 7, directory, build=HOLDER)
    return directory


@pytest.mark.parametrize("processor", PROCESSORS, ids=["plain", "nehalem", "haswell"])
def test_every_decision_comes_out_the_same_on_another_processor(processor: dict[str, str], record: Path) -> None:
    cycles, identical, differences = json.loads(said(REPLAY, processor, str(record)))
    assert identical == cycles > 90
    assert differences == []


def test_the_courses_of_trends_are_the_same_on_another_processor() -> None:
    assert len({said(COURSES, processor) for processor in PROCESSORS}) == 1


def test_a_learner_says_the_same_on_another_processor(tmp_path: Path) -> None:
    for name in SMOOTH:
        (tmp_path / name.replace("/", "_")).write_text(freeze(fitted(name)).model_dump_json())
    assert len({said(LEARNERS, processor, str(tmp_path)) for processor in PROCESSORS}) == 1
