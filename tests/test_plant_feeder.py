"""The loss-in-weight feeder and the loop of its PLC."""

from math import pi

import numpy as np
import pytest
from numpy.random import default_rng

from hil.plants.feeder import API, DESIGNS, EXC, LUB, Design, Feeder, pulsed
from hil.plants.noise import Noise

NOMINAL = {"FDR_API": 2.0, "FDR_EXC": 17.8, "FDR_LUB": 0.20}


def feeder(design: Design, *, seed: int = 1, noise: float = 1.0, mass: float | None = None) -> Feeder:
    start = design.high if mass is None else mass
    return Feeder(design, Noise(default_rng(seed), noise), NOMINAL[design.name] / 3600.0, start, 1.0)


def true_and_seen(
    one: Feeder, setpoint: float, seconds: float, dt: float = 0.5
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """True flow and flow shown [kg/h], and whether the loop was blind and refilling."""
    rows = []
    for _ in range(round(seconds / dt)):
        fed = one.step(dt, setpoint / 3600.0, {})
        rows.append((3600.0 * fed / dt, 3600.0 * one.loop.flow, one.loop.volumetric, one.loop.refilling))
    true, seen, blind, refilling = np.array(rows).T
    return true, seen, blind > 0.0, refilling > 0.0


@pytest.mark.parametrize(("design", "t63"), [(API, 12.0), (EXC, 12.0), (LUB, 37.0)], ids=lambda x: str(x)[:20])
@pytest.mark.parametrize("dt", [0.1, 0.5])
def test_the_mass_flow_loop_answers_as_specified(design: Design, t63: float, dt: float) -> None:
    nominal = NOMINAL[design.name]
    true, *_ = true_and_seen(feeder(design, noise=0.0), 1.1 * nominal, 200.0, dt)
    assert dt * np.argmax(true > 1.0632 * nominal) == pytest.approx(t63, abs=1.5)


def test_refills_come_as_often_as_the_hoppers_are_small() -> None:
    for design, lowest, highest in ((API, 3, 4), (EXC, 5, 6), (LUB, 0, 1)):
        *_, refilling = true_and_seen(feeder(design), NOMINAL[design.name], 3600.0)
        refills = np.count_nonzero(np.diff(refilling.astype(int)) > 0)
        assert lowest <= refills <= highest, design.name


def test_the_loop_is_blind_while_a_refill_packs_the_powder() -> None:
    true, seen, blind, refilling = true_and_seen(feeder(API, mass=0.601), 2.0, 120.0)
    start = int(np.argmax(refilling))
    assert np.ptp(seen[blind]) == 0.0
    assert 0.5 * np.count_nonzero(blind) == pytest.approx(18.0, abs=2.0)
    ten_seconds = np.convolve(true[start : start + 80], np.full(20, 0.05), "valid")
    assert ten_seconds.max() / 2.0 - 1.0 == pytest.approx(0.09, abs=0.03)


@pytest.mark.parametrize(("design", "scatter"), [(API, 1.2), (EXC, 0.8), (LUB, 1.5)], ids=lambda x: str(x)[:20])
def test_the_true_flow_scatters_as_specified(design: Design, scatter: float) -> None:
    """Scatter of 10 s means over an hour [%], mean of three seeds."""
    found = []
    for seed in range(3):
        true, *_ = true_and_seen(feeder(design, seed=seed), NOMINAL[design.name], 3600.0)
        means = true.reshape(-1, 20).mean(axis=1)
        found.append(100.0 * means.std() / means.mean())
    assert np.mean(found) == pytest.approx(scatter, rel=0.25)


def test_the_flow_shown_is_right_on_average() -> None:
    true, seen, blind, _ = true_and_seen(feeder(EXC, mass=5.5), 17.8, 400.0)
    assert not blind.any()
    assert seen[100:].mean() == pytest.approx(true[100:].mean(), rel=0.002)


def test_no_step_aliases_the_pulsation() -> None:
    parts = [pulsed(0.3 + i * 0.7, 0.7, 0.05) for i in range(10)]
    assert pulsed(0.3, 7.0, 0.05) == pytest.approx(np.mean(parts), rel=1e-12)
    assert pulsed(0.3, 2.0 * pi, 0.05) == pytest.approx(1.0, abs=1e-12)


def test_every_feeder_has_its_own_name() -> None:
    assert [design.name for design in DESIGNS] == list(NOMINAL)
