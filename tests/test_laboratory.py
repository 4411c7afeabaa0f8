"""Results of the laboratory reach a simulated line late, with the error of their method and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

from hil.plants.laboratory import LINE_A, LINE_B, LINE_B2, LINE_C, Laboratory, Methods
from hil.plants.line_a import NOMINAL as NOMINAL_A
from hil.plants.line_a import LineA
from hil.plants.line_b import NOMINAL as NOMINAL_B
from hil.plants.line_b import LineB
from hil.plants.line_c import NOMINAL as NOMINAL_C
from hil.plants.line_c import LineC
from hil.plants.ops import Floats
from hil.plc.truth_plant import TruthPlant

LINES: Mapping[str, tuple[Callable[[float], TruthPlant], Mapping[str, float], Methods]] = {
    "a": (lambda noise: LineA(3, noise=noise), NOMINAL_A, LINE_A),
    "b": (lambda noise: LineB(3, noise=noise), NOMINAL_B, LINE_B),
    "b2": (lambda noise: LineB(3, noise=noise, dryer="six_cell"), NOMINAL_B, LINE_B2),
    "c": (lambda noise: LineC(3, noise=noise), NOMINAL_C, LINE_C),
}


@pytest.mark.parametrize("line", LINES)
def test_without_noise_a_result_is_the_truth_of_its_sample_and_comes_when_its_method_is_done(line: str) -> None:
    make, nominal, methods = LINES[line]
    plant, was = make(0.0), dict[float, Mapping[str, float]]()
    for _ in range(2_700):
        plant.step(1.0, nominal)
        if plant.time % 900.0 == 0.0:
            was[plant.time] = plant.truth()
            for tag, one in methods.items():
                taken = plant.taken[tag]
                assert taken % one.period_s in {0.0, one.period_s - one.late_s}
                assert one.late_s <= plant.time - taken < one.late_s + one.period_s
                if taken > 0.0:
                    assert plant.tags[tag] == pytest.approx(was[taken][one.of], rel=1e-9)


@pytest.mark.parametrize("methods", [LINE_A, LINE_B, LINE_C])
def test_results_scatter_as_their_methods_do(methods: Methods) -> None:
    truth = {one.of: 4.0 for one in methods.values()}
    laboratory, found = Laboratory(np.random.default_rng(1), 1.0, methods, truth), dict[str, list[float]]()
    for k in range(6_000):
        laboratory.look(900.0 * k, lambda: truth)
        tags: dict[str, float | Floats] = {}
        laboratory.show(tags, {})
        for tag, value in tags.items():
            assert isinstance(value, float)
            found.setdefault(tag, []).append(value)
    for tag, one in methods.items():
        assert np.std(found[tag]) == pytest.approx(one.sd + 4.0 * one.relative, rel=0.06)
        assert np.mean(found[tag]) == pytest.approx(4.0, abs=0.08 * float(np.std(found[tag])))
