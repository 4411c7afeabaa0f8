"""States are eliminated alike in C and on arrays, and as the chain rule says."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from controller.mpc.native import library
from controller.mpc.sensitive import Sensitive, Sizes, in_c
from plant_io.signals import Floats

COMPILER = pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="no C compiler here")
LENGTHS = (1, 2, 4, 3)
SIZES = Sizes(samples=10, states=7, inputs=3, squares=2, rows=6, end=2, blocks=len(LENGTHS))
OF = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
SCALE = np.array([0.5, 2.0, 0.3])


def given(seed: int, filled: float) -> tuple[Floats, Floats, Floats]:
    """Return slopes along, slopes at the end, and residuals; `filled` is the share of entries that are not zero [1]."""
    rng, s = np.random.default_rng(seed), SIZES

    def some(*shape: int) -> Floats:
        return np.where(rng.random(shape) < filled, rng.standard_normal(shape), 0.0)

    along = some(s.samples, s.states + s.inputs, s.states + s.rows)
    return along, some(s.states + s.inputs, s.end + 1), some(s.samples * s.squares + s.end)


def found(numbers: tuple[Floats, Floats, Floats], *, compiled: bool, again: int = 1) -> list[Floats]:
    made = Sensitive(SIZES, OF, SCALE, compiled=compiled)
    for _ in range(again):
        made.find(*numbers)
    return [made.rows, made.end, made.hessian, made.gradient]


@COMPILER
@pytest.mark.parametrize("filled", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_in_c_and_on_arrays_all_bits_are_the_same(seed: int, filled: float) -> None:
    numbers = given(seed, filled)
    pairs = zip(found(numbers, compiled=True), found(numbers, compiled=False), strict=True)
    assert all(one.tobytes() == other.tobytes() for one, other in pairs)


@pytest.mark.parametrize("compiled", [True, False])
def test_slopes_are_those_of_a_linear_line_moved_a_little(compiled: bool) -> None:  # noqa: FBT001  # a parameter of the test
    along, end, residuals = given(4, 0.6)
    rows, last, hessian, gradient = found((along, end, residuals), compiled=compiled, again=2)
    s = SIZES
    for i in range(s.blocks * s.inputs):
        x, moved = np.zeros(s.states), np.eye(s.blocks * s.inputs)[i].reshape(s.blocks, s.inputs) * SCALE
        for k in range(s.samples):
            both = np.concatenate([x, moved[OF[k]]]) @ along[k]
            x = both[: s.states]
            assert rows[k, :, i] == pytest.approx(both[s.states :], abs=1e-12)
        assert last[:, i] == pytest.approx(np.concatenate([x, moved[-1]]) @ end, abs=1e-12)
    squares = np.concatenate([rows[:, : s.squares].reshape(-1, len(gradient)), last[:-1]])
    assert hessian == pytest.approx(squares.T @ squares, abs=1e-12 * np.abs(hessian).max())
    assert gradient == pytest.approx(squares.T @ residuals, abs=1e-12 * np.abs(gradient).max())


@COMPILER
def test_c_that_cannot_be_loaded_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    made = library(files("controller.mpc").joinpath("condense.c").read_text(), "-O3")
    assert made is not None
    made.write_bytes(b"half of it")
    in_c.cache_clear()
    try:
        assert found(given(1, 0.5), compiled=True)[0].any()
        assert not made.exists()
    finally:
        in_c.cache_clear()
