"""The learners of hybrid soft sensors and of their yardsticks: scikit-learn, wrapped once.

What is tuned, is tuned by the same inner validation for both.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, cast

import numpy as np

from controller.soft.freeze import freeze
from controller.soft.frozen import Frozen
from plant_io.signals import Floats

Kind = Literal["ridge", "pls", "gp", "gp_each", "mlp", "trees"]
"""Ridge regression, partial least squares, Gaussian processes of one length or one for each input, networks, trees."""

KINDS: tuple[Kind, ...] = ("ridge", "pls", "gp", "gp_each", "mlp", "trees")

SETTINGS: dict[Kind, tuple[float, ...]] = {
    "ridge": (300.0, 30.0, 3.0, 0.3),
    "pls": (1.0, 2.0, 3.0, 5.0),
    "gp": (0.0,),
    "gp_each": (0.0,),
    "mlp": (1.0, 0.1, 0.01),
    "trees": (0.0, 1.0),
}
"""What is tried of each: penalty, components, nothing, penalty, and forest or boosted."""

_NEURONS, _TREES, _DEPTH, _ROUNDS = 8, 60, 3, 400
_GP_FEWEST_EACH = 2


class Estimator(Protocol):
    """What is used of a fitted estimator."""

    def fit(self, x: Floats, y: Floats) -> Estimator:
        """Fit to points `x`, shape ``(n, n_features)``, and results `y`, shape ``(n,)``, in their units."""
        ...

    def predict(self, x: Floats) -> Floats:
        """Return results at points `x`, shape ``(n, n_features)``, in their units."""
        ...


class _WithSd(Protocol):
    def predict(self, x: Floats, *, return_std: bool) -> tuple[Floats, Floats]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Learnt:
    """A fitted learner."""

    estimator: Estimator
    """The estimator."""
    kind: Kind
    """Its kind."""

    def __call__(self, x: Floats) -> tuple[Floats, Floats | None]:
        """Return results and, where it knows them, standard deviations, each of shape ``(n,)``.

        Parameters
        ----------
        x
            Inputs, shape ``(n, n_features)``, in their units.
        """
        if self.kind in {"gp", "gp_each"}:
            return cast("_WithSd", self.estimator).predict(x, return_std=True)
        return np.ravel(self.estimator.predict(x)), None

    def frozen(self) -> Frozen:
        """Return it as plain numbers."""
        return freeze(self.estimator)


def possible(kind: Kind, setting: float, n: int, features: int) -> bool:
    """Return whether a learner can be fitted to `n` samples of so many features.

    Parameters
    ----------
    kind
        Kind of the learner.
    setting
        What is tuned, unit of `SETTINGS`.
    n
        Samples [1].
    features
        Features [1].
    """
    if kind == "pls":
        return int(setting) <= min(features, n - 2)
    return kind != "gp_each" or features >= _GP_FEWEST_EACH


def learn(kind: Kind, setting: float, x: Floats, y: Floats, seed: int) -> Learnt:
    """Return a learner fitted to samples.

    Parameters
    ----------
    kind
        Kind of the learner.
    setting
        What is tuned, unit of `SETTINGS`.
    x
        Inputs, shape ``(n, n_features)``, in their units.
    y
        Results, shape ``(n,)``, in their unit.
    seed
        Seed of networks and trees [1].
    """
    from sklearn.pipeline import Pipeline  # noqa: PLC0415  # takes a second
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  # the same

    make = cast("Callable[..., Estimator]", Pipeline)
    inner = _inner(kind, setting, x.shape[1], seed)
    with warnings.catch_warnings():  # lengths at a bound and searches cut short are judged by validation
        warnings.simplefilter("ignore")
        scaler = cast("Callable[[], object]", StandardScaler)()
        return Learnt(make([("scaler", scaler), ("learner", inner)]).fit(x, y), kind)


def _inner(kind: Kind, setting: float, features: int, seed: int) -> object:
    if kind in {"gp", "gp_each"}:
        return _process(features if kind == "gp_each" else 1)
    if kind == "mlp":
        return _network(setting, seed)
    if kind == "trees":
        return _trees(boosted=setting > 0.0, seed=seed)
    if kind == "pls":
        from sklearn.cross_decomposition import PLSRegression  # noqa: PLC0415  # takes a second

        return cast("Callable[..., object]", PLSRegression)(n_components=int(setting), scale=False)
    from sklearn.linear_model import Ridge  # noqa: PLC0415  # takes a second

    return cast("Callable[..., object]", Ridge)(alpha=setting)


def _process(lengths: int) -> object:
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels  # noqa: PLC0415  # takes a second

    constant, rbf, white = (
        cast("Callable[..., float]", one) for one in (kernels.ConstantKernel, kernels.RBF, kernels.WhiteKernel)
    )
    smooth = constant(1.0, (0.05, 50.0)) * rbf(np.full(lengths, 4.0), (1.0, 100.0))
    make = cast("Callable[..., object]", GaussianProcessRegressor)
    return make(kernel=smooth + white(0.1, (1e-4, 2.0)), normalize_y=True)


def _network(penalty: float, seed: int) -> object:
    from sklearn.compose import TransformedTargetRegressor  # noqa: PLC0415  # takes a second
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415  # the same
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415  # the same

    mlp = cast("Callable[..., object]", MLPRegressor)
    inner = mlp(
        hidden_layer_sizes=(_NEURONS,),
        activation="tanh",
        solver="lbfgs",
        alpha=penalty,
        max_iter=_ROUNDS,
        random_state=seed,
    )
    make = cast("Callable[..., object]", TransformedTargetRegressor)
    return make(regressor=inner, transformer=cast("Callable[[], object]", StandardScaler)())


def _trees(*, boosted: bool, seed: int) -> object:
    from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor  # noqa: PLC0415  # takes a second

    if boosted:
        make = cast("Callable[..., object]", GradientBoostingRegressor)
        return make(n_estimators=_TREES, max_depth=_DEPTH, random_state=seed)
    return cast("Callable[..., object]", ExtraTreesRegressor)(n_estimators=_TREES, random_state=seed)
