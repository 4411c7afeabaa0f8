"""What diversion promises, shown on lines whose residence times the controller does not know; and its yardsticks."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import cast

import numpy as np
import pytest

from benchmarks.material import Rule, best, measure, scored
from benchmarks.material_cases import APART_S, FIRST_S, KINDS, Run, faults
from benchmarks.tool import Result
from hil.plc.line import SimulatedLine
from hil.plc.lines import blueprint
from policies import load, shipped

ROWS = int(FIRST_S + 2 * APART_S)


def run(bad: tuple[int, int], gate: tuple[int, int], off: tuple[int, int]) -> Run:
    """A run with one disturbance after `FIRST_S`, spans counted from it; one gram a second is made."""
    at = np.arange(1.0, ROWS + 1.0)

    def span(one: tuple[int, int]) -> np.ndarray:
        return (at > FIRST_S + one[0]) & (at <= FIRST_S + one[1])

    fed = np.where(span(off), 5.0, 10.0)
    return Run(
        np.array([FIRST_S]), at, np.full(ROWS, 1e-3), span(bad), span(gate), span(gate), fed, np.full(ROWS, 10.0)
    )


def test_rules_are_given_the_shortest_times_that_let_nothing_pass() -> None:
    runs = [run((100, 200), (90, 220), (0, 50)), run((110, 260), (100, 290), (0, 90))]

    assert best(runs, after_end=False)[1:] == pytest.approx((100.0, 259.0, 2 * 0.160), abs=0.002)
    assert best(runs, after_end=True).diverted_kg < best(runs, after_end=False).diverted_kg


def test_an_escape_and_what_was_diverted_for_nothing_are_counted() -> None:
    clean = scored([run((100, 200), (90, 220), (0, 50))], Result("material"))
    early = scored([run((100, 200), (90, 150), (0, 50))], Result("material"))

    assert clean.figures["escapes"] == 0
    assert clean.ratios["diverted_vs_bad"] == pytest.approx(1.3)
    assert early.figures["escapes"] == 1
    assert early.figures["escaped_kg"] == pytest.approx(0.05)


def test_a_rule_that_cannot_see_a_disturbance_is_no_yardstick() -> None:
    blind = run((100, 200), (90, 220), (0, 0))

    assert best([blind], after_end=False) == Rule(0.3, 0, np.inf, np.inf)


def test_disturbances_are_drawn_anew_for_every_seed_and_far_apart() -> None:
    one, other = faults(1, 40), faults(2, 40)

    assert one != other
    assert one == faults(1, 40)
    assert {fault.id for fault in one} == {"F02", "F07", "F08"}
    assert len(KINDS) == 6
    assert all(b.on_s - a.on_s > 900.0 for a, b in pairwise(one))


def alone(seconds: float, line: SimulatedLine) -> tuple[Mapping[str, object], list[float]]:
    """What the line shows after some time without a beat, and what it showed of the gate in each second."""
    gate = list[float]()
    for _ in range(round(seconds)):
        line.advance(1.0)
        gate.append(cast("float", line.image().values["LINE.DIVERT"]))
    return line.image().values, gate


def test_a_plc_that_loses_the_heartbeat_rejects_by_itself() -> None:
    policy = load(shipped("A"))
    line = blueprint("A").simulate(policy, 1)
    claim, beat = 65536.0, 0.0
    for _ in range(20):
        beat += 1.0
        frame = {"LINE.DIVERT_SP": 0.0, "SUP_L.CLAIM": claim, "SUP_L.ARM": 1.0, "SUP_L.HEARTBEAT": beat}
        for tag, value in frame.items():
            line.write(tag, value)
        line.advance(1.0)
    held = line.image().values
    left, gate = alone(10.0, line)

    assert (held["SUP_L.STATE"], held["LINE.DIVERT"]) == (1.0, 0.0)
    assert (left["SUP_L.STATE"], left["LINE.DIVERT_ACT"], left["LINE.DIVERT"]) == (2.0, 1.0, 1.0)
    assert gate.index(1.0) <= 6


def test_people_at_the_plant_may_let_product_out_again_after_a_fallback() -> None:
    line = blueprint("A").simulate(load(shipped("A")), 1)
    line.turn("LINE.DIVERT_SP", 1.0)
    rejected, _ = alone(2.0, line)
    line.turn("LINE.DIVERT_SP", 0.0)
    accepted, _ = alone(2.0, line)

    assert rejected["LINE.DIVERT"] == 1.0
    assert accepted["LINE.DIVERT"] == 0.0


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_nothing_of_two_hundred_disturbances_escapes_and_little_good_product_is_lost() -> None:
    found = measure(quick=False)

    assert cast("int", found.figures["disturbances"]) >= 200
    assert cast("int", found.figures["disturbances_with_bad_product"]) >= 40
    assert found.figures["escapes"] == 0
    assert found.figures["escapes_past_the_gate"] == 0
    assert cast("float", found.ratios["diverted_vs_fixed"]) <= 0.6
