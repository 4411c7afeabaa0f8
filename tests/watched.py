"""Small plants for tests of monitors: a few tags that hang together, seeded."""

from functools import cache

import numpy as np

from anomaly.artefact import Model, Settings
from anomaly.fitting import Training, fit
from plant_io.signals import Floats

TAGS = ("A", "B", "C", "D")
MOVED = "MV"


def normal(samples: int, seed: int, *, shift: float = 0.0) -> Floats:
    """Four tags that follow a moved variable and one another, and the moved variable itself."""
    rng = np.random.default_rng(seed)
    out, x, u = np.empty((samples, 5)), np.zeros(4), 0.0
    for k in range(samples):
        u = 0.9 * u + 0.3 * rng.standard_normal()
        x = np.array([0.8, 0.6, 0.7, 0.5]) * x + np.array([0.5, 0.3, -0.4, 0.0]) * u
        x += 0.2 * np.roll(x, 1) * np.array([0, 1, 1, 0]) + 0.3 * rng.standard_normal(4)
        out[k] = [*(x * [1.0, 10.0, 0.01, 1e6] + [50.0, 0.0, 1.0, -3e6]), u]
    out[:, 0] += shift
    return out


@cache
def model(samples: int = 1500, seed: int = 1, **settings: object) -> Model:
    """A monitor of the small plant, limited by fresh data so that one sample in a thousand is above."""
    how = Settings.model_validate(settings)
    return fit([normal(samples, seed)], Training(TAGS, (MOVED,)), how)
