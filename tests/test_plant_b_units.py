"""The unit operations of line B one by one: sizes, kneading, a drying cell, the mill, the pump."""

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.plants.drying import METAL_J, Air, Cell, Lot, capacity, dried, exchanged, saturation, sorption
from hil.plants.granulator import Granulator, Kneading, kneaded, stickiness, wetted
from hil.plants.granules import Granules, Powder, Traits
from hil.plants.mill import Mill
from hil.plants.ops import BATCHED, SINGLE
from hil.plants.pump import Pump
from hil.plants.sizes import CLASSES, EDGES_UM, SIZES_UM, encounters, fragments, lognormal, percentile

NOMINAL = Traits(1.0, 0.30, 0.40, 6.0, 0.11, 4.0, 1.0)
FLOW = 15.0 / 3600.0


def zero() -> float:
    return 0.0


def granulator(ratio: float = 0.25, speed: float = 700.0) -> Granulator[float]:
    return Granulator(SINGLE, zero, NOMINAL, Powder(FLOW, ratio * FLOW, 0.2 * FLOW), speed)


def middle(sizes: np.ndarray) -> float:
    return float(percentile(sizes, 0.5))


def test_the_classes_reach_from_45_um_to_3_2_mm_in_equal_ratios() -> None:
    assert (SIZES_UM[0], SIZES_UM[-1], len(SIZES_UM)) == pytest.approx((45.0, 3200.0, 12))
    assert SIZES_UM[1:] / SIZES_UM[:-1] == pytest.approx(np.full(11, 1.4736), rel=1e-4)
    assert np.sqrt(EDGES_UM[1:] * EDGES_UM[:-1]) == pytest.approx(SIZES_UM)


def test_percentiles_are_those_of_the_distribution() -> None:
    sizes = np.stack([lognormal(400.0, 1.5), np.eye(CLASSES)[4]])
    assert percentile(sizes, 0.5) == pytest.approx([400.0, SIZES_UM[4]], rel=0.02)
    assert percentile(sizes, 0.16)[0] == pytest.approx(400.0 / 1.5, rel=0.05)
    assert percentile(sizes, 1.0)[1] == pytest.approx(EDGES_UM[5])


def test_sticking_keeps_mass_and_number_of_every_pair() -> None:
    (first, second), moved = encounters()
    assert moved.sum(axis=1) == pytest.approx(np.zeros(78), abs=1e-9 * np.abs(moved).max())
    mass = (SIZES_UM / 1000.0) ** 3
    for i, j, row in zip(first, second, moved, strict=True):
        met = -row[i] / mass[i] if i != j else -0.5 * row[i] / mass[i]
        if mass[i] + mass[j] < mass[-1] and i < j - 3:
            assert (row / mass).sum() == pytest.approx(-met, rel=1e-6)


def test_the_finest_stick_to_their_partners_at_the_rate_one() -> None:
    (first, second), moved = encounters()
    partner = int(np.argmin(np.abs(np.log(SIZES_UM / 600.0))))
    pair = int(np.flatnonzero((first == 0) & (second == partner))[0])
    assert moved[pair, 0] == pytest.approx(-1.0)


def test_fragments_are_finer_and_lose_nothing() -> None:
    for power in (1.0, 2.0):
        table = fragments(power)
        assert table.sum(axis=1) == pytest.approx(np.ones(CLASSES))
        assert np.triu(table, 1).sum() == 0.0
        assert np.diag(table)[1:].sum() == 0.0


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=12, max_size=12).filter(lambda w: sum(w) > 0.01),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.5),
    st.floats(0.0, 0.5),
)
def test_mass_fractions_stay_positive_and_add_up(
    masses: list[float], washed: float, stuck: float, broken: float
) -> None:
    sizes = np.array(masses) / sum(masses)
    after = kneaded(SINGLE, sizes, lognormal(80.0, 1.9), Kneading(washed, washed, stuck, broken))
    assert (after >= 0.0).all()
    assert after.sum() == pytest.approx(1.0, abs=1e-12)


def test_only_sticking_makes_granules_grow_and_only_breaking_makes_them_shrink() -> None:
    sizes = lognormal(300.0, 1.8)
    assert middle(kneaded(SINGLE, sizes, sizes, Kneading(0.1, 0.1, 0.2, 0.0))) > middle(sizes)
    assert middle(kneaded(SINGLE, sizes, sizes, Kneading(0.1, 0.1, 0.0, 0.2))) < middle(sizes)
    assert kneaded(SINGLE, sizes, sizes, Kneading(0.1, 0.1, 0.0, 0.0)) == pytest.approx(sizes)


def test_liquid_wets_and_sticks() -> None:
    assert stickiness(SINGLE, 0.20) == pytest.approx(0.5)
    ratios = np.array([0.0, 0.25, 0.6])
    sizes = wetted(BATCHED, ratios, np.full(3, 0.40))
    assert sizes.sum(axis=1) == pytest.approx(np.ones(3))
    dry, _, soaked = percentile(sizes, 0.9)
    assert dry < 250.0
    assert soaked > 1500.0
    assert sizes[1] == pytest.approx(wetted(SINGLE, 0.25, 0.40), rel=1e-15)


def test_the_granulator_holds_what_its_residence_time_says() -> None:
    for speed, flow, tau in ((700.0, 1.0, 12.0), (500.0, 1.0, 12.0 * 1.4**0.7), (700.0, 2.0, 12.0 * 0.5**0.35)):
        one = Granulator(SINGLE, zero, NOMINAL, Powder(flow * FLOW, 0.25 * flow * FLOW, 0.2 * flow * FLOW), speed)
        assert sum(zone.dry for zone in one.zones) == pytest.approx(tau * flow * FLOW, rel=1e-6)


def test_a_long_step_of_the_granulator_is_two_short_ones() -> None:
    one, two = granulator(), granulator()
    fed = Powder(1.2 * FLOW, 0.36 * FLOW, 0.24 * FLOW)
    half = Powder(*(0.5 * kg for kg in fed))
    left = one.step(1.0, fed, 700.0, {})
    parts = [two.step(0.5, half, 700.0, {}) for _ in range(2)]
    assert left.dry == pytest.approx(sum(part.dry for part in parts), rel=1e-14)
    assert left.sizes == pytest.approx(parts[-1].sizes, rel=1e-14)


def test_the_wet_sizes_rest_alike_at_every_step() -> None:
    ends = []
    for dt in (0.1, 0.5):
        one = granulator(ratio=0.22)
        for _ in range(round(150.0 / dt)):
            one.step(dt, Powder(FLOW * dt, 0.28 * FLOW * dt, 0.2 * FLOW * dt), 700.0, {})
        ends.append([float(percentile(one.zones[-1].sizes, share)) for share in (0.1, 0.5, 0.9)])
    assert ends[0] == pytest.approx(ends[1], abs=0.1)


def test_a_cell_keeps_water_and_heat() -> None:
    cell, air = Cell(0.5, 0.05, 0.1, 30.0), Air(0.036, 53.0, 0.008, 22.0, 1.3, 6.0)
    fed = Lot(0.002, 0.0005, 0.0004, 28.0 * capacity(0.002, 0.0005))
    by = exchanged(SINGLE, 0.5, cell, air, 0.11)
    after, left = dried(cell, fed, 0.01, by)
    assert by.evaporated > 0.0
    assert cell.dry + fed.dry == pytest.approx(after.dry + left.dry, rel=1e-14)
    assert cell.water + fed.water == pytest.approx(after.water + left.water + by.evaporated, rel=1e-14)
    before = (capacity(cell.dry, cell.water) + METAL_J) * cell.temperature + fed.heat + by.warmed
    now = (capacity(after.dry, after.water) + METAL_J) * after.temperature + left.heat + by.gone
    assert before == pytest.approx(now, rel=1e-14)


def test_a_cell_comes_to_rest_with_its_air() -> None:
    for x in (0.0, 0.05):
        cell, air = Cell(0.5, 0.5 * x, 0.1, 40.0), Air(0.036, 40.0, 0.008, 40.0, 0.0, 6.0)
        for _ in range(20_000):
            cell, _ = dried(cell, Lot(0.0, 0.0, 0.0, 0.0), 0.0, exchanged(SINGLE, 1.0, cell, air, 0.11))
        assert cell.temperature == pytest.approx(40.0, abs=0.01)
        assert cell.water / cell.dry == pytest.approx(sorption(0.008 / saturation(SINGLE, 40.0)), rel=1e-3)


def test_wet_granules_stay_near_the_wet_bulb() -> None:
    cell, air = Cell(0.6, 0.15, 0.1, 30.0), Air(0.036, 53.0, 0.008, 22.0, 0.0, 6.0)
    for _ in range(60):
        cell, _ = dried(cell, Lot(0.0, 0.0, 0.0, 0.0), 0.0, exchanged(SINGLE, 1.0, cell, air, 0.11))
    assert cell.temperature == pytest.approx(24.5, abs=0.5)


def test_a_batch_of_cells_dries_like_each_cell() -> None:
    rng = np.random.default_rng(4)
    parts = rng.uniform([0.0, 0.0, 0.0, 15.0], [0.9, 0.2, 0.1, 60.0], (20, 4))
    many = Cell(*parts.T)
    air = Air(
        np.full(20, 0.03), np.full(20, 50.0), np.full(20, 0.009), np.full(20, 22.0), np.full(20, 1.0), np.full(20, 6.0)
    )
    batch, _ = dried(
        many, Lot(*[np.zeros(20)] * 4), np.full(20, 0.02), exchanged(BATCHED, 0.5, many, air, np.full(20, 0.1))
    )
    for i, row in enumerate(parts):
        one = Cell(*row.tolist())
        by = exchanged(SINGLE, 0.5, one, Air(0.03, 50.0, 0.009, 22.0, 1.0, 6.0), 0.1)
        after, _ = dried(one, Lot(0.0, 0.0, 0.0, 0.0), 0.02, by)
        assert [column[i] for column in batch] == pytest.approx(list(after), rel=1e-12)


@pytest.mark.parametrize("dt", [0.1, 0.5, 2.0])
def test_the_mill_keeps_mass_and_rests_alike_at_every_step(dt: float) -> None:
    wet = Granules(FLOW, 0.023 * FLOW, 0.2 * FLOW, lognormal(500.0, 2.0))
    mill = Mill(SINGLE, wet, 900.0)
    dry = water = api = 0.0
    for _ in range(round(200.0 / dt)):
        left = mill.step(dt, Granules(wet.dry * dt, wet.water * dt, wet.api * dt, wet.sizes), 900.0, {})
        assert left.sizes.sum() == pytest.approx(1.0, abs=1e-12)
        dry, water, api = dry + left.dry, water + left.water, api + left.api
    assert 200.0 * FLOW - dry == pytest.approx(mill.dry, rel=1e-9)
    assert 200.0 * 0.023 * FLOW - water == pytest.approx(mill.water, rel=1e-9)
    assert 200.0 * 0.2 * FLOW - api == pytest.approx(mill.api, rel=1e-9)
    assert middle(mill.product.sizes) == pytest.approx(415.0, abs=15.0)
    fine = Mill(SINGLE, wet, 900.0)
    for _ in range(2000):
        fine.step(0.1, Granules(wet.dry * 0.1, wet.water * 0.1, wet.api * 0.1, wet.sizes), 900.0, {})
    assert middle(mill.product.sizes) == pytest.approx(middle(fine.product.sizes), abs=0.1)


def test_a_mill_that_runs_empty_shows_what_came_out_last() -> None:
    wet = Granules(FLOW, 0.023 * FLOW, 0.2 * FLOW, lognormal(500.0, 2.0))
    mill = Mill(SINGLE, wet, 900.0)
    for _ in range(200):
        mill.step(0.5, Granules(0.5 * FLOW, 0.5 * 0.023 * FLOW, 0.1 * FLOW, wet.sizes), 900.0, {})
    for _ in range(3000):
        left = mill.step(0.5, Granules(0.0, 0.0, 0.0, 0.0 * wet.sizes), 900.0, {})
    assert left.dry < 1e-30
    assert mill.product.water == pytest.approx(0.023, rel=1e-9)
    assert 250.0 < middle(mill.product.sizes) < 420.0


def test_no_step_aliases_the_pulsation_of_the_pump() -> None:
    coarse, fine = Pump(SINGLE, FLOW, 0.02), Pump(SINGLE, FLOW, 0.02)
    for _ in range(20):
        whole = coarse.step(1.0, 0.25, 4.0 * FLOW, {})
        parts = sum(fine.step(0.1, 0.25, 4.0 * FLOW, {}) for _ in range(10))
        assert whole == pytest.approx(parts, rel=1e-12)


def test_a_failing_cylinder_makes_the_pump_swing_slowly_and_wide() -> None:
    pump = Pump(SINGLE, FLOW, 0.02)
    flow = np.array([pump.step(0.1, 0.25, 4.0 * FLOW, {"F22": 0.13}) / (0.1 * FLOW) for _ in range(2000)])
    assert np.ptp(flow) == pytest.approx(0.30, rel=0.01)
    spectrum = np.abs(np.fft.rfft(flow - flow.mean()))
    assert np.argmax(spectrum) / 200.0 == pytest.approx(0.175)
    assert flow.mean() == pytest.approx(1.0, abs=2.0 / pi * 0.02)
