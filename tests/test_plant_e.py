"""Channel E against the numbers it was specified by, and the faults it can suffer."""

from collections.abc import Mapping
from math import log, nan

import numpy as np
import pytest
from numpy.random import default_rng

from hil.plants.drive import ZONES_MM_S, Design, Drive, Features, envelope, kurtosis, vibration, worn
from hil.plants.faults import CATALOGUE, Fault, targets_of
from hil.plants.noise import Noise
from hil.plants.ops import BATCHED, SINGLE

MILL = Design("MIL", 900.0, 12.0)
RUNNING = (900.0, 1.0)
HASTE = {"E01": 1000.0}


def drive(seed: int = 1, *, noise: float = 0.0, mismatch: float = 0.0) -> Drive:
    return Drive(MILL, Noise(default_rng(seed), noise), Noise(default_rng(seed + 1000), mismatch))


def turned(
    one: Drive, seconds: float, hit: Mapping[str, float] | None = None, turning: tuple[float, float] = RUNNING
) -> list[Features]:
    """What the condition monitor shows, look by look."""
    shown = []
    for k in range(round(seconds / 10.0)):
        one.step(10.0, 10.0 * (k + 1), turning, hit or {})
        shown.append(one.features.shown.value)
    return shown


def test_a_bearing_of_median_life_seizes_after_two_thousand_hours_at_nominal_load() -> None:
    one = drive()
    assert one.truth()["life_h"] == pytest.approx(2000.0)
    turned(one, 7100.0, HASTE)
    assert 0.8 < one.damage < 1.0
    turned(one, 110.0, HASTE)
    assert one.damage == pytest.approx(1.0)


def test_lives_scatter_as_specified() -> None:
    lives = [drive(seed, mismatch=1.0).truth()["life_h"] for seed in range(150)]
    assert np.median(lives) == pytest.approx(2000.0, rel=0.1)
    assert np.std(np.log(lives)) == pytest.approx(log(1.6), rel=0.15)


def test_wear_goes_with_the_cube_of_the_load_and_hastens_itself() -> None:
    heavy, light = drive(), drive()
    turned(heavy, 600.0, {"E01": 100.0}, (900.0, 2.0))
    turned(light, 4800.0, {"E01": 100.0})
    assert heavy.damage == pytest.approx(light.damage, rel=1e-6)
    rate = [worn(SINGLE, d, 1e-6, 1.0) - d for d in (0.0, 0.5)]
    assert rate[1] / rate[0] == pytest.approx(np.exp(1.5), rel=1e-4)
    standing = drive()
    turned(standing, 600.0, HASTE, (0.0, 0.0))
    assert standing.damage == 0.0


@pytest.mark.parametrize(
    ("damage", "specified"),
    [(0.0, (1.1, 3.0, 0.02)), (0.35, (2.178, 5.1, 0.1235)), (0.7, (5.412, 3.031, 0.3128)), (1.0, (9.9, 3.0, 0.52))],
)
def test_features_follow_damage_as_specified(damage: float, specified: tuple[float, float, float]) -> None:
    found = vibration(SINGLE, damage, 1.0, 1.0), kurtosis(SINGLE, damage), envelope(SINGLE, damage)
    assert found == pytest.approx(specified, rel=1e-3)


def test_vibration_goes_with_speed_and_a_little_with_load() -> None:
    assert vibration(SINGLE, 0.0, 0.5, 1.0) == pytest.approx(0.55)
    assert vibration(SINGLE, 0.0, 1.0, 2.0) == pytest.approx(1.1 * 2.0**0.3)


def test_a_worn_bearing_walks_through_the_zones_and_kurtosis_warns_first() -> None:
    one, shown = drive(), []
    shown = turned(one, 7200.0, HASTE)
    reached = [next(k for k, seen in enumerate(shown) if seen.vibration > zone) for zone in ZONES_MM_S]
    warned = next(k for k, seen in enumerate(shown) if seen.kurtosis > 4.5)
    assert warned < reached[1] < reached[2]
    assert shown[0].vibration < ZONES_MM_S[0]
    assert shown[-1].kurtosis < 3.1


def test_heat_and_current_follow_load_and_damage_as_specified() -> None:
    one = drive()
    assert one.features.shown.value[3:] == pytest.approx((40.0, 12.0))
    one.damage = 1.0
    shown = turned(one, 9000.0)
    assert shown[-1][3:] == pytest.approx((65.0, 12.48), rel=1e-3)
    assert shown[89].temperature - 40.0 == pytest.approx(0.632 * 25.0, rel=0.01)


def test_damage_reaches_the_process() -> None:
    one = drive()
    assert (one.drag, one.ripple, one.bite) == (0.0, 0.0, 1.0)
    one.damage = 0.5
    assert (one.drag, one.ripple, one.bite) == pytest.approx((0.1, 0.005, 0.85))


def test_features_scatter_as_specified() -> None:
    shown = np.array(turned(drive(noise=1.0), 20000.0))
    assert np.std(np.log(shown[:, 0])) == pytest.approx(0.06, rel=0.1)
    assert np.std(shown[:, 1]) == pytest.approx(0.15, rel=0.1)


def test_a_look_is_taken_every_ten_seconds() -> None:
    one, taken = drive(noise=1.0), []
    for k in range(60):
        one.step(0.5, 0.5 * (k + 1), RUNNING, {})
        taken.append(one.features.shown.taken_s)
    assert sorted(set(taken)) == [0.5, 10.0, 20.0, 30.0]


def test_imbalance_shows_in_vibration_alone() -> None:
    sick, sound = turned(drive(), 100.0, {"E02": 1.5})[-1], turned(drive(), 100.0)[-1]
    assert sick.vibration / sound.vibration == pytest.approx(1.5)
    assert sick[1:] == pytest.approx(sound[1:])


def test_a_loose_foot_shakes_more_and_less_steadily() -> None:
    shown = np.log([seen.vibration for seen in turned(drive(noise=1.0), 20000.0, {"E03": 1.3})])
    assert np.exp(shown.mean()) == pytest.approx(1.43, rel=0.02)
    assert shown.std() > 0.1


def test_a_loose_sensor_shows_less_and_scatters_more() -> None:
    shown = np.log([seen.vibration for seen in turned(drive(noise=1.0), 20000.0, {"E04": 1.0})])
    assert np.exp(shown.mean()) == pytest.approx(0.66, rel=0.02)
    assert shown.std() == pytest.approx(0.18, rel=0.1)


def test_a_drive_can_suffer_every_fault_of_drives() -> None:
    assert [id_ for id_ in CATALOGUE if targets_of(id_, {"MIL": "drive"})] == ["E01", "E02", "E03", "E04"]
    assert CATALOGUE["E01"].magnitude == 1000.0
    assert Fault("E01", "MIL", 0.0).magnitude is None


def test_a_batch_goes_the_way_of_every_single_drive_in_it() -> None:
    damage, wear = np.array([0.0, 0.3, 0.95]), np.array([1e-7, 1e-5, 1e-3])
    speed, load = np.array([0.5, 1.0, 1.2]), np.array([0.2, 1.0, 1.5])
    later = worn(BATCHED, damage, wear, 600.0)
    wide = [later, vibration(BATCHED, later, speed, load), kurtosis(BATCHED, later), envelope(BATCHED, later)]
    for i in range(3):
        one = worn(SINGLE, float(damage[i]), float(wear[i]), 600.0)
        row = [one, vibration(SINGLE, one, float(speed[i]), float(load[i])), kurtosis(SINGLE, one)]
        assert [*row, envelope(SINGLE, one)] == pytest.approx([x[i] for x in wide], rel=1e-12)


def test_equal_seeds_give_equal_drives() -> None:
    one, two, other = (drive(seed, noise=1.0, mismatch=1.0) for seed in (3, 3, 4))
    assert turned(one, 3600.0, HASTE) == turned(two, 3600.0, HASTE)
    assert one.tags() == two.tags() != other.tags()
    assert {*one.tags()} == {f"MIL.{tag}" for tag in ("VIB", "KURT", "ENV", "T_BRG", "CURR")}


@pytest.mark.parametrize("turning", [(nan, 1.0), (900.0, nan)])
def test_a_state_that_is_not_finite_names_its_unit(turning: tuple[float, float]) -> None:
    with pytest.raises(FloatingPointError, match="MIL"):
        drive().step(1.0, 1.0, turning, {})
