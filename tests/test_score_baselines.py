"""The yardsticks: the same day without control and under a well tuned PI loop."""

from __future__ import annotations

from itertools import pairwise
from math import isfinite, nan

import pytest

from hil.plants.faults import Fault
from hil.rig.baselines import TUNED, Day, Pi, Tuning, open_loop, under_pi
from hil.rig.score import held, kpis
from plant_io import Quality, Sample, Snapshot, TagIndex
from policies import Controlled, Policy, load, shipped

SPAN_ERROR = (Fault("F04", "FDR_API", on_s=600.0, magnitude=0.04),)
DAY = Day(seed=101, faults=SPAN_ERROR, for_s=1800.0)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load(shipped("A"))


def seen(at: float, api: float, taken: float | None = None) -> Snapshot:
    """A snapshot that holds one spectrum's content [%] and nothing else."""
    empty = Snapshot.empty(at, TagIndex({"SOFT.API.NIR": 1}))
    quality = Quality.GOOD if isfinite(api) else Quality.BAD
    return empty.extended({"SOFT.API.NIR": Sample(api, quality, at if taken is None else taken, at)})


def setpoints(pi: Pi, snapshot: Snapshot) -> dict[str, float]:
    return {setpoint.tag: setpoint.value for setpoint in pi(snapshot)}


def test_the_pi_loop_is_silent_before_its_time() -> None:
    assert Pi(Tuning(0.1, 100.0, 0.0, after_s=60.0), began=0.0)(seen(59.0, 9.0)) == ()


def test_the_pi_loop_trades_api_for_excipient_at_constant_total() -> None:
    moved = setpoints(Pi(Tuning(0.1, 100.0, 0.0, after_s=0.0), began=0.0), seen(5.0, 9.0))
    assert moved["FDR_API.F_SP"] == pytest.approx(2.1)
    assert moved["FDR_API.F_SP"] + moved["FDR_EXC.F_SP"] == pytest.approx(19.8)


def test_the_pi_loop_moves_on_new_spectra_only_and_beats_always() -> None:
    pi = Pi(Tuning(0.1, 100.0, 0.0, after_s=0.0), began=0.0)
    given = [setpoints(pi, s) for s in (seen(5.0, 9.0), seen(6.0, 9.0, taken=5.0), seen(7.0, nan), seen(10.0, 9.0))]
    first, same, blind, later = (one["FDR_API.F_SP"] for one in given)
    assert first == same == blind < later
    assert all(a["SUP_F.HEARTBEAT"] != b["SUP_F.HEARTBEAT"] for a, b in pairwise(given))


def test_the_pi_loop_stays_within_its_limits_and_does_not_wind_up() -> None:
    pi = Pi(Tuning(0.1, 100.0, 0.0, after_s=0.0), began=0.0)
    far = [setpoints(pi, seen(5.0 * k, 2.0))["FDR_API.F_SP"] for k in range(1, 100)]
    assert max(far) == 2.4
    assert setpoints(pi, seen(600.0, 10.5))["FDR_API.F_SP"] < 2.4


def test_a_pi_loop_halves_the_error_that_a_load_cell_span_error_leaves(policy: Policy) -> None:
    left, taken = (kpis(truth, policy)["api"] for truth in (open_loop(policy, DAY), under_pi(policy, DAY, TUNED)))
    assert isinstance(left, dict)
    assert isinstance(taken, dict)
    assert taken["iae"] < 0.5 * left["iae"]  # type: ignore[typeddict-item]


def test_open_loop_nobody_moves_anything(policy: Policy) -> None:
    truth = open_loop(policy, Day(seed=101, for_s=60.0))
    assert set(truth["FDR_API.F_ACT"]) == {2.0}
    assert held(truth["time"], truth["api_frame"], _api(policy), 0.0)["in_spec_fraction"] == 1.0


def _api(policy: Policy) -> Controlled:
    return policy.loops["blend"].controlled["api"]
