"""The dissolution predictor of the documentation: its band covers whole profiles, and f2 is judged by the band."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from controller.soft.equivalence import SIMILAR, similarity

Floats = np.ndarray
Band = Callable[[Floats], tuple[Floats, Floats]]

PAGE = (Path(__file__).parent.parent / "docs" / "soft_sensors.md").read_text()
SOURCE = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def predictor" in block)
WRITTEN: dict[str, object] = {}
exec(compile(SOURCE, "docs/soft_sensors.md", "exec"), WRITTEN)  # noqa: S102  # the documentation is run as it stands
predictor = cast("Callable[[Floats, Floats], Band]", WRITTEN["predictor"])
judged = cast("Callable[[Band, Floats, Floats], str]", WRITTEN["judged"])

TIMES_MIN = np.array([5.0, 10.0, 15.0, 20.0, 30.0, 45.0])
USUAL = np.array([100.0, 1.0, 3.0])
"""Hardness [N], lubricant [%], water [%]."""


def batches(n: int, seed: int, shift: Floats | None = None) -> tuple[Floats, Floats]:
    """Made-up batches: Weibull profiles that are slower for hard and for much lubricated tablets."""
    rng = np.random.default_rng(seed)
    inputs = USUAL + np.array([12.0, 0.15, 0.3]) * rng.standard_normal((n, 3)) + (0.0 if shift is None else shift)
    slow = 14.0 * np.exp(0.012 * (inputs[:, 0] - 100.0) + 0.5 * (inputs[:, 1] - 1.0) + 0.05 * rng.standard_normal(n))
    released = 98.0 * (1.0 - np.exp(-((TIMES_MIN / slow[:, None]) ** 1.1)))
    return inputs, released + 1.0 * rng.standard_normal(released.shape)


REFERENCE = 98.0 * (1.0 - np.exp(-((TIMES_MIN / 14.0) ** 1.1)))


@pytest.fixture(scope="module")
def band() -> Band:
    return predictor(*batches(180, 1))


def test_the_band_covers_the_whole_profile_of_nine_batches_of_ten() -> None:
    hits: list[bool] = []
    for seed in range(12):
        made = predictor(*batches(120, seed))
        inputs, released = batches(150, 100 + seed)
        for x, y in zip(inputs, released, strict=True):
            low, high = made(x)
            hits.append(bool(((low <= y) & (y <= high)).all()))
    assert 0.88 < np.mean(hits) < 0.94


def test_usual_tablets_are_similar_and_very_hard_ones_are_not(band: Band) -> None:
    assert judged(band, USUAL, REFERENCE) == "similar"
    assert judged(band, USUAL + np.array([60.0, 0.3, 0.0]), REFERENCE) == "not similar"


def test_what_is_called_similar_or_not_nearly_always_is(band: Band) -> None:
    inputs, released = batches(300, 7, shift=np.array([18.0, 0.1, 0.0]))
    said = [judged(band, x, REFERENCE) for x in inputs]
    true = [similarity(np.clip(y, 0.0, 130.0), REFERENCE) >= SIMILAR for y in released]
    right = [same == (word == "similar") for word, same in zip(said, true, strict=True) if word != "undecided"]
    assert set(said) == {"similar", "not similar", "undecided"}
    assert np.mean(right) > 0.97
