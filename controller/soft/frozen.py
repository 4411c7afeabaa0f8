"""A fitted learner as plain numbers, and its prediction: the same bits whatever processor it is made on.

Every learner has one result; a sensor with several results has several learners.

References
----------
C. E. Rasmussen, C. K. I. Williams, "Gaussian Processes for Machine Learning", MIT Press, 2006, algorithm 2.1,
doi:10.7551/mitpress/3206.001.0001.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp, tanh
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from controller.soft.kernels import Kernel, covariance, variance
from controller.stored import stored
from plant_io.signals import Floats
from plant_io.sums import product
from policies.words import Declared, Number, Positive, Row

Rows = Annotated[tuple[Row, ...], Field(min_length=1)]
"""A matrix, row by row."""

Activation = Literal["identity", "tanh", "relu", "logistic"]
"""What a neuron makes of its sum."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What a learner says."""

    mean: Floats
    """Predicted results, one for each point, in the unit of the result."""
    sd: Floats | None
    """Standard deviation of each, in the same unit; None where the learner knows none."""


class Scaling(Declared):
    """How inputs are made comparable: each less its mean, over its scale."""

    mean: Row
    """Mean of each input, shape ``(n_inputs,)``, units of the inputs."""
    scale: tuple[Positive, ...]
    """Scale of each input, shape ``(n_inputs,)``, units of the inputs."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        _expect(len(self.scale) == len(self.mean), "a scaling has as many scales as means")
        return self


class Linear(Declared):
    """Ridge and ordinary linear regression."""

    kind: Literal["linear"] = "linear"
    """Form of the learner."""
    coef: Row
    """Result per scaled input, shape ``(n_inputs,)``, scaled units."""
    intercept: Number
    """Result where all scaled inputs are zero, unit of the scaled result."""

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs [1]."""
        return len(self.coef)

    def of(self, x: Floats) -> Prediction:
        """Return what it says at points `x`, shape ``(m, n_inputs)``, scaled units."""
        return Prediction(_times(x, self.coef) + self.intercept, None)


class Pls(Declared):
    """Partial least squares, already put together to one coefficient for each input."""

    kind: Literal["pls"] = "pls"
    """Form of the learner."""
    components: Annotated[int, Field(ge=1)]
    """Number of components it was fitted with [1]."""
    centre: Row
    """Mean of each scaled input, shape ``(n_inputs,)``, scaled units."""
    coef: Row
    """Result per scaled input, shape ``(n_inputs,)``, scaled units."""
    intercept: Number
    """Result at the centre, unit of the scaled result."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        _expect(len(self.centre) == len(self.coef), "a PLS has as many coefficients as centres")
        return self

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs [1]."""
        return len(self.coef)

    def of(self, x: Floats) -> Prediction:
        """Return what it says at points `x`, shape ``(m, n_inputs)``, scaled units."""
        return Prediction(_times(x - np.array(self.centre), self.coef) + self.intercept, None)


class Mlp(Declared):
    """A network of layers of neurons, the last of which is one neuron without activation."""

    kind: Literal["mlp"] = "mlp"
    """Form of the learner."""
    activation: Activation
    """Activation of all neurons but the last."""
    weights: Annotated[tuple[Rows, ...], Field(min_length=1)]
    """Weights of each layer, shape ``(n_before, n_after)`` [1]."""
    biases: tuple[Row, ...]
    """Biases of each layer, shape ``(n_after,)`` [1]."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        _expect(len(self.weights) == len(self.biases), "a network has as many rows of biases as of weights")
        before = len(self.weights[0])
        for w, b in zip(self.weights, self.biases, strict=True):
            _expect(len(w) == before and all(len(row) == len(b) for row in w), "the layers of a network do not fit")
            before = len(b)
        _expect(before == 1, "a network has one neuron in its last layer")
        return self

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs [1]."""
        return len(self.weights[0])

    @cached_property
    def layers(self) -> tuple[tuple[Floats, Floats], ...]:
        """Return weights, shape ``(n_before, n_after)``, and biases, shape ``(n_after,)``, of each layer [1]."""
        return tuple((np.array(w), np.array(b)) for w, b in zip(self.weights, self.biases, strict=True))

    def of(self, x: Floats) -> Prediction:
        """Return what it says at points `x`, shape ``(m, n_inputs)``, scaled units."""
        for w, b in self.layers[:-1]:
            x = _activated(product(x, w) + b, self.activation)
        w, b = self.layers[-1]
        return Prediction((product(x, w) + b)[:, 0], None)


class Gp(Declared):
    """A Gaussian process with its training points."""

    kind: Literal["gp"] = "gp"
    """Form of the learner."""
    kernel: Kernel
    """Its kernel, parameters found."""
    points: Rows
    """Training points, shape ``(n, n_inputs)``, scaled units."""
    dual: Row
    """Weight of the covariance with each point, shape ``(n,)``, one over the unit of the normalised result."""
    factor: Rows
    """Cholesky factor of the covariance of the points, row by row up to the diagonal, normalised result."""
    mean: Number
    """What was taken off the results before the fit, unit of the scaled result."""
    scale: Positive
    """What they were then divided by, unit of the scaled result."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        n, d = len(self.points), self.n_inputs
        _expect(all(len(row) == d for row in self.points), "the points of a Gaussian process have one length")
        _expect(len(self.dual) == n, "a Gaussian process has one dual weight for each point")
        triangle = [len(row) for row in self.factor]
        _expect(triangle == list(range(1, n + 1)), "the factor of a Gaussian process is a lower triangle")
        _expect(all(row[-1] > 0.0 for row in self.factor), "the factor has a diagonal above zero")
        return self

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs [1]."""
        return len(self.points[0])

    @cached_property
    def arrays(self) -> tuple[Floats, Floats, tuple[Floats, ...]]:
        """Return points, shape ``(n, n_inputs)``, dual weights, ``(n,)``, and the rows of the factor, scaled units."""
        return np.array(self.points), np.array(self.dual), tuple(np.array(row) for row in self.factor)

    def of(self, x: Floats) -> Prediction:
        """Return what it says at points `x`, shape ``(m, n_inputs)``, scaled units; its sd includes the noise."""
        points, dual, factor = self.arrays
        across = covariance(self.kernel, x, points)
        mean = self.scale * np.einsum("mn,n->m", across, dual) + self.mean
        solved = np.empty((len(points), len(x)))
        for i, row in enumerate(factor):
            known = np.einsum("i,im->m", row[:-1], solved[:i])
            solved[i] = (across[:, i] - known) / row[-1]
        left = variance(self.kernel, x) - np.einsum("nm,nm->m", solved, solved)
        return Prediction(np.asarray(mean), self.scale * np.sqrt(np.maximum(left, 0.0)))


class Tree(Declared):
    """One decision tree; its first node is the root, and a leaf has no feature."""

    feature: tuple[int, ...]
    """Input each node looks at, counted from zero [1]; -1 at a leaf."""
    threshold: Row
    """Value up to which a node goes left, shape ``(n_nodes,)``, scaled units; compared in single precision."""
    left: tuple[int, ...]
    """Node to the left of each [1]."""
    right: tuple[int, ...]
    """Node to the right of each [1]."""
    value: Row
    """Result at each node, shape ``(n_nodes,)``, unit of the scaled result."""

    @model_validator(mode="after")
    def _walks_end(self) -> Self:
        n = len(self.feature)
        sizes = {len(self.threshold), len(self.left), len(self.right), len(self.value)}
        _expect(n > 0 and sizes == {n}, "the columns of a tree have one length")
        for i, (feature, *after) in enumerate(zip(self.feature, self.left, self.right, strict=True)):
            _expect(feature < 0 or all(i < node < n for node in after), "the nodes of a tree lead down")
        return self

    def at(self, x: list[float]) -> float:
        """Return its result at one point `x`, scaled units rounded to single precision."""
        node = 0
        while self.feature[node] >= 0:
            node = (self.left if x[self.feature[node]] <= self.threshold[node] else self.right)[node]
        return self.value[node]


class Trees(Declared):
    """A decision tree, a forest or boosted trees; it has jumps and no slope."""

    kind: Literal["trees"] = "trees"
    """Form of the learner."""
    n_inputs: Annotated[int, Field(ge=1)]
    """Number of inputs [1]."""
    start: Number
    """What the results of the trees are added to, unit of the scaled result."""
    weight: Positive
    """What each tree counts [1]."""
    trees: Annotated[tuple[Tree, ...], Field(min_length=1)]
    """The trees."""

    @model_validator(mode="after")
    def _inputs_are_there(self) -> Self:
        most = max(feature for tree in self.trees for feature in tree.feature)
        _expect(most < self.n_inputs, "no tree looks at an input that is not there")
        return self

    def of(self, x: Floats) -> Prediction:
        """Return what they say at points `x`, shape ``(m, n_inputs)``, scaled units."""
        rounded: list[list[float]] = x.astype(np.float32).astype(np.float64).tolist()
        return Prediction(np.array([self._sum(point) for point in rounded]), None)

    def _sum(self, point: list[float]) -> float:
        total = self.start
        for tree in self.trees:
            total += self.weight * tree.at(point)
        return total


Learner = Annotated[Linear | Pls | Mlp | Gp | Trees, Field(discriminator="kind")]
"""Any learner."""


class Frozen(Declared):
    """A fitted learner with the scaling of its inputs and of its result."""

    format: Literal[1] = 1
    """Version of this format."""
    scaling: Scaling | None = None
    """Scaling of the inputs, where there is one."""
    learner: Learner
    """The learner."""
    target_mean: Number = 0.0
    """Result where the learner says zero, unit of the result."""
    target_scale: Positive = 1.0
    """Result per result of the learner, unit of the result."""

    @model_validator(mode="after")
    def _shapes_agree(self) -> Self:
        fits = self.scaling is None or len(self.scaling.mean) == self.n_inputs
        _expect(fits, "the scaling and the learner have as many inputs")
        return self

    @property
    def n_inputs(self) -> int:
        """Return the number of inputs [1]."""
        return self.learner.n_inputs

    def predict(self, x: Floats) -> Prediction:
        """Return results, and their standard deviations where the learner knows them.

        Parameters
        ----------
        x
            Inputs, shape ``(..., n_inputs)``, in their units; results have the shape before the last axis.

        Raises
        ------
        ValueError
            If there are more or fewer inputs than the learner was fitted to.
        """
        if x.shape[-1] != self.n_inputs:
            raise ValueError(f"found {x.shape[-1]} inputs, expected the {self.n_inputs} the learner was fitted to")
        z, shape = np.asarray(x, dtype=np.float64).reshape(-1, self.n_inputs), x.shape[:-1]
        if self.scaling is not None:
            z = (z - np.array(self.scaling.mean)) / np.array(self.scaling.scale)
        said = self.learner.of(z)
        mean = (self.target_scale * said.mean + self.target_mean).reshape(shape)
        return Prediction(mean, None if said.sd is None else (self.target_scale * said.sd).reshape(shape))


def read(data: bytes, name: str) -> Frozen:
    """Return the learner in a file.

    Parameters
    ----------
    data
        What the file holds, JSON.
    name
        Name of the file, for the message.

    Raises
    ------
    ValueError
        If the file holds no learner.
    """
    return stored(Frozen, data, name, "learner")


def _times(x: Floats, coef: Row) -> Floats:
    return np.asarray(np.einsum("mi,i->m", x, np.array(coef)))


def _activated(sums: Floats, activation: Activation) -> Floats:
    if activation == "identity":
        return sums
    if activation == "relu":
        return np.maximum(sums, 0.0)
    form = tanh if activation == "tanh" else _logistic
    return np.array([form(value) for value in sums.ravel().tolist()]).reshape(sums.shape)


def _logistic(value: float) -> float:
    if value >= 0.0:
        return 1.0 / (1.0 + exp(-value))
    return exp(value) / (1.0 + exp(value))


def _expect(holds: bool, rule: str) -> None:  # noqa: FBT001  # the rule itself
    if not holds:
        raise ValueError(f"expected that {rule}")
