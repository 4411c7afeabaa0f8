"""Only the locked lane can influence a write: the types and the loader both refuse anything else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from policies import Ewma, PolicyError, Trend, load, parse, shipped

ROOT = Path(__file__).parents[1]
PROOF = ROOT / "tests" / "typing" / "lanes.py"
POLICY = load(shipped("a"))
HABITS = """watches:
  habits:
    kind: half_space_trees
    lane: learning
    tags:
      FDR_API.N: {mean: 73, sd: 3}
    limit: 0.85
    every: 5s
    response: Look at the tags named; nothing acts on this by itself.
"""
TEXT = POLICY.files[""].decode().replace("watches:\n", HABITS, 1)


def refused(policy_text: str) -> list[str]:
    with pytest.raises(PolicyError) as error:
        parse(policy_text.encode(), "p", POLICY.files)
    return [f"{problem.path}: {problem.message}" for problem in error.value.problems]


def test_a_type_checker_refuses_advice_wherever_a_locked_verdict_is_wanted() -> None:
    wanted = [n for n, line in enumerate(PROOF.read_text().splitlines(), 1) if "# refused" in line]
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", str(PROOF)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    found = [int(n) for n in re.findall(r"lanes\.py:(\d+): error", checked.stdout)]
    assert found == wanted, checked.stdout + checked.stderr
    assert len(wanted) == 3


def test_the_loader_refuses_a_learner_that_holds() -> None:
    assert refused(TEXT.replace("lane: learning", "lane: learning\n    action: hold")) == [
        "watches.habits.action: found 'hold'; a learning watch can only alert; hold needs lane: locked"
    ]


def test_the_loader_refuses_a_learner_that_names_a_loop() -> None:
    (said,) = refused(TEXT.replace("lane: learning", "lane: learning\n    holds: [blend]"))
    assert said.startswith("watches.habits.holds: unknown key")


def test_the_loader_refuses_to_lock_a_learner_or_to_let_a_locked_watch_learn() -> None:
    assert refused(TEXT.replace("lane: learning", "lane: locked")) == [
        "watches.habits.lane: found 'locked', expected learning"
    ]
    assert refused(TEXT.replace("    action: hold", "    lane: learning\n    action: hold")) == [
        "watches.nir_fit.lane: found 'learning', expected locked"
    ]


def test_watches_are_locked_unless_they_learn() -> None:
    assert {w.lane for w in POLICY.watches.values() if isinstance(w, Ewma | Trend)} == {"locked"}
