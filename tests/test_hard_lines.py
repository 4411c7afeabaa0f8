"""A hard line lies two standard deviations off in everything."""

from math import exp

import pytest
from numpy.random import default_rng

from hil.plants.hydrogenation import KINETICS
from hil.plants.line_b import NOMINAL, LineB
from hil.plants.line_c import differences
from hil.plants.noise import Skew


def test_every_parameter_of_a_hard_line_lies_two_deviations_off_on_the_side_of_its_seed() -> None:
    ordinary, hard = (Skew(default_rng(7), mismatch) for mismatch in (1.0, "hard"))
    normals = [ordinary() for _ in range(50)]
    assert [hard() for _ in range(50)] == [2.0 if normal > 0.0 else -2.0 for normal in normals]


def test_the_kinetics_of_a_hard_line_c_are_off_by_the_ends_of_their_spread() -> None:
    _, bed = differences(Skew(default_rng(1), "hard"))
    assert len(bed.kinetics) == len(KINETICS)
    assert {round(abs(factor - 1.0), 9) for factor in bed.kinetics} <= {
        round(abs(exp(side * 0.5) - 1.0), 9) for side in (-1.0, 1.0)
    }


def test_seeds_of_hard_lines_are_different_corners() -> None:
    corners = {tuple(differences(Skew(default_rng(seed), "hard"))[0]) for seed in range(8)}
    assert len(corners) > 4


def test_a_hard_line_is_another_line_with_the_same_noise() -> None:
    one, other, again = (LineB(3, mismatch=mismatch, noise=0.0) for mismatch in (1.0, "hard", "hard"))
    for line in (one, other, again):
        for _ in range(40):
            line.step(0.5, NOMINAL)
    assert other.truth() == again.truth()
    assert other.truth()["lod_pct"] != pytest.approx(one.truth()["lod_pct"], rel=1e-6)
