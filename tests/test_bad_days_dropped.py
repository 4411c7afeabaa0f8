"""Packets that vanish for good: dropped by the kernel in a network namespace, with both ends left half-open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from dropped import able

PROGRAM = Path(__file__).parent / "dropped.py"
DROPS = [("feeders", 9.0, 13.0), ("line", 20.0, 24.0), ("feeders", 36.0, 51.0), ("line", 62.0, 77.0)]
ASKED = [0.5, 29.0, 56.0, 82.0]
FOR_S = 90.0
PERIOD_S, TIMEOUT_S, RECOVERY_S = 1.0, {"feeders": 0.3, "line": 0.5}, 3.0
RETRY_S = 1.0
"""Longest time after the end until TCP sends again, or calls again, as its turn comes: RFC 6298, 5."""

WHY = able()
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.skipif(bool(WHY), reason=f"packet drop: {WHY}")]


@pytest.fixture(scope="module")
def found() -> Any:
    given = json.dumps({"drops": DROPS, "asked": ASKED, "for_s": FOR_S})
    command = ["unshare", "--net", sys.executable, str(PROGRAM), given]
    said = subprocess.run(command, capture_output=True, text=True, timeout=250.0, check=False)
    assert said.returncode == 0, said.stderr
    return json.loads(said.stdout.splitlines()[-1])


def rows(found: Any, since: float, until: float) -> list[Any]:
    return [row for row in found["rows"] if since <= row["at"] < until]


@pytest.mark.parametrize("i", range(len(DROPS)))
def test_a_link_whose_packets_vanish_is_bad_within_two_periods_and_back_alone(found: Any, i: int) -> None:
    name, (began, ended) = found["links"][i], found["spans"][i]
    struck = [row["at"] for row in rows(found, began, ended + 6.0) if name in row["bad"]]
    assert struck
    assert struck[0] - began <= 2.0 * PERIOD_S + TIMEOUT_S[name]
    assert struck[-1] + PERIOD_S - ended <= RECOVERY_S + RETRY_S
    other = next(each for each in TIMEOUT_S if each != name)
    assert not any(other in row["bad"] for row in rows(found, began, ended + 5.0))


def test_no_value_is_good_that_is_not_of_the_present(found: Any) -> None:
    offs = [(row["at"], off) for row in found["rows"] for off in row["off"].values()]
    assert len(offs) > FOR_S
    assert [each for each in offs if abs(each[1]) > 2.0 * 2.0 * PERIOD_S] == []


def test_nothing_moves_but_in_active_and_nothing_is_taken_by_a_link_that_is_away(found: Any) -> None:
    assert [row for row in found["rows"] if row["moved"] and row["phase"] != "active"] == []
    assert [row for row in found["rows"] if set(row["bad"]) & set(row["taken"])] == []
    assert sum(row["moved"] for row in found["rows"]) > 0


def test_the_loop_is_at_work_again_after_the_last_drop(found: Any) -> None:
    assert {row["phase"] for row in found["rows"][-6:-3]} == {"active"}
