"""Figures of merit come from the truth, and mean what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hil.rig.score import held, kpis
from hil.rig.truth import Truth, TruthLog, load
from plant_io.signals import Floats
from policies import Controlled, Policy, shipped
from policies import load as load_policy

API = Controlled(tag="SOFT.API", unit="%", target=10.0, limits=(9.5, 10.5), scale=0.1)


@pytest.fixture(scope="module")
def policy() -> Policy:
    return load_policy(shipped("A"))


def rows(n: int = 100, **columns: float | Floats) -> Truth:
    """A run of `n` seconds on target in which a kilogram of tablets is made every second."""
    time = np.arange(1.0, n + 1)
    usual = {
        "time": time,
        "api_frame": np.full(n, 10.0),
        "lc_pct": np.full(n, 100.0),
        "flow_api": np.full(n, 2.0),
        "flow_exc": np.full(n, 17.8),
        "flow_lub": np.full(n, 0.2),
        "produced_kg": time.copy(),
        "rejected_kg": np.zeros(n),
        "FDR_API.F_ACT": np.full(n, 2.0),
        "FDR_EXC.F_ACT": np.full(n, 17.8),
    }
    return usual | {name.replace("__", "."): np.broadcast_to(value, (n,)) for name, value in columns.items()}


def test_the_error_integral_is_error_times_time() -> None:
    assert held(np.arange(1.0, 11.0), np.full(10, 9.8), API, 0.0)["iae"] == pytest.approx(2.0)
    assert held(np.arange(0.5, 5.5, 0.5), np.full(10, 9.8), API, 0.0)["iae"] == pytest.approx(1.0)


def test_root_mean_square_largest_error_and_share_within_limits() -> None:
    found = held(np.arange(1.0, 5.0), np.array([10.0, 10.0, 10.8, 9.4]), API, 0.0)
    assert found["rmse"] == pytest.approx(0.5)
    assert found["max_abs_error"] == pytest.approx(0.8)
    assert found["in_spec_fraction"] == 0.5
    assert (found["target"], found["unit"]) == (10.0, "%")


def test_it_has_settled_when_it_comes_near_and_stays() -> None:
    value = np.concatenate([np.full(30, 9.6), np.full(20, 10.0), [10.3], np.full(49, 9.9)])
    assert held(np.arange(1.0, 101.0), value, API, 0.0)["settling_s"] == 51.0
    assert held(np.arange(1.0, 101.0), np.full(100, 9.8), API, 0.0)["settling_s"] == 0.0
    assert held(np.arange(1.0, 101.0), np.full(100, 9.7), API, 0.0)["settling_s"] is None


def test_every_controlled_and_moved_variable_of_the_policy_is_scored(policy: Policy) -> None:
    found = kpis(rows(), policy)
    assert found.keys() == {"api", "total", "api_sp", "exc_sp", "produced_kg", "diverted_kg", "escaped_kg"}
    total = found["total"]
    assert isinstance(total, dict)
    assert total["target"] == 20.0
    assert total["iae"] == pytest.approx(0.0)  # type: ignore[typeddict-item]


def test_total_move_and_share_of_time_at_a_limit(policy: Policy) -> None:
    setpoint = np.concatenate([np.full(50, 2.0), np.full(25, 2.2), np.full(25, 2.4)])
    assert kpis(rows(FDR_API__F_ACT=setpoint), policy)["api_sp"] == {
        "total_move": pytest.approx(0.4),
        "at_limit_fraction": 0.25,
    }


def test_bad_tablets_that_pass_the_gate_escape_and_those_that_do_not_are_diverted(policy: Policy) -> None:
    api = np.concatenate([np.full(60, 10.0), np.full(40, 10.6)])
    rejected = np.concatenate([np.zeros(70), np.arange(1.0, 31.0)])
    found = kpis(rows(api_frame=api, rejected_kg=rejected), policy)
    masses = {name: found[name] for name in ("produced_kg", "diverted_kg", "escaped_kg")}
    assert masses == pytest.approx({"produced_kg": 100.0, "diverted_kg": 30.0, "escaped_kg": 10.0})


def test_a_tablet_of_the_wrong_mass_escapes_too(policy: Policy) -> None:
    label = np.concatenate([np.full(95, 100.0), np.full(5, 106.0)])
    assert kpis(rows(lc_pct=label), policy)["escaped_kg"] == pytest.approx(5.0)


def test_only_what_comes_after_the_given_time_counts(policy: Policy) -> None:
    api = np.concatenate([np.full(60, 9.0), np.full(40, 10.0)])
    found = kpis(rows(api_frame=api), policy, since_s=60.0)
    assert isinstance(found["api"], dict)
    assert found["api"]["iae"] == pytest.approx(0.0)  # type: ignore[typeddict-item]
    assert (found["produced_kg"], found["escaped_kg"]) == pytest.approx((40.0, 0.0))


def test_a_log_that_ends_too_soon_has_no_score(policy: Policy) -> None:
    with pytest.raises(ValueError, match="ends before 100 s"):
        kpis(rows(), policy, since_s=100.0)


@pytest.mark.parametrize("name", ["truth.csv", "truth.npz"])
def test_a_saved_truth_log_is_read_back_bit_for_bit(tmp_path: Path, name: str) -> None:
    log = TruthLog()
    for k in range(3):
        log.add({"time": float(k), "FDR_API.F_ACT": 0.1 * k})
    log.save(tmp_path / name)
    found = load(tmp_path / name)
    assert {column: values.tolist() for column, values in found.items()} == {
        "time": [0.0, 1.0, 2.0],
        "FDR_API.F_ACT": [0.0, 0.1, 0.2],
    }
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["truth.csv", "truth.npz"])
def test_a_log_without_rows_is_read_back_as_one(tmp_path: Path, name: str) -> None:
    TruthLog().save(tmp_path / name)
    assert all(column.size == 0 for column in load(tmp_path / name).values())


def test_a_row_with_other_columns_is_refused() -> None:
    log = TruthLog()
    log.add({"time": 1.0})
    with pytest.raises(ValueError, match="same columns"):
        log.add({"time": 2.0, "mass": 1.0})
