"""Between mappings, which river passes around, and arrays, which are computed with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import nan

import numpy as np

from plant_io.signals import Floats


class Rows(ABC):
    """A detector in river's manner over arrays: features in any order, some of them missing, others unknown.

    Parameters
    ----------
    names
        Features, in the order of the arrays.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def row(self, x: Mapping[str, float]) -> Floats:
        """Return the features as an array, shape ``(features,)``, NaN where one is missing.

        Parameters
        ----------
        x
            Value of each feature, in its unit.
        """
        return np.array([x.get(name, nan) for name in self.names], dtype=np.float64)

    def score_one(self, x: Mapping[str, float]) -> float:
        """Return how unusual the next sample would be [1]; nothing changes.

        Parameters
        ----------
        x
            Value of each feature, in its unit.
        """
        return self.score_array(self.row(x))

    def learn_one(self, x: Mapping[str, float]) -> None:
        """Take the next sample in.

        Parameters
        ----------
        x
            Value of each feature, in its unit.
        """
        self.learn_array(self.row(x))

    @abstractmethod
    def score_array(self, values: Floats) -> float:
        """Return how unusual the next sample would be [1]; nothing changes.

        Parameters
        ----------
        values
            Features, shape ``(features,)``, each in its unit, NaN where one is missing.
        """

    @abstractmethod
    def learn_array(self, values: Floats) -> None:
        """Take the next sample in.

        Parameters
        ----------
        values
            Features, shape ``(features,)``, each in its unit, NaN where one is missing.
        """
