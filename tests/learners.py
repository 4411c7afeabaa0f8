"""Fitted learners of scikit-learn, one of every kind that can be frozen."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.cross_decomposition import PLSRegression
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Matern, WhiteKernel
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

Floats = NDArray[np.float64]

RNG = np.random.default_rng(11)
CENTRE, SPREAD = np.array([0.25, 700.0, 15.0, 50.0]), np.array([0.04, 90.0, 1.5, 5.0])
X = CENTRE + SPREAD * RNG.standard_normal((60, 4))
Z = (X - CENTRE) / SPREAD
Y = 2.0 + 0.6 * Z[:, 0] - 0.3 * Z[:, 3] + 0.2 * Z[:, 0] * Z[:, 1] + 0.05 * RNG.standard_normal(60)
NEW = CENTRE + SPREAD * np.random.default_rng(12).uniform(-2.5, 2.5, (200, 4))


def gp(kernel: object, **words: object) -> object:
    return make_pipeline(
        StandardScaler(), GaussianProcessRegressor(kernel, alpha=1e-8, normalize_y=True, random_state=0, **words)
    )


def net(activation: str) -> object:
    layers = MLPRegressor(
        hidden_layer_sizes=(16, 16), activation=activation, max_iter=400, random_state=0, learning_rate_init=0.01
    )
    return make_pipeline(StandardScaler(), TransformedTargetRegressor(layers, transformer=StandardScaler()))


NOISE = WhiteKernel(0.01)
SMOOTH: dict[str, Callable[[], object]] = {
    "linear": LinearRegression,
    "ridge": lambda: make_pipeline(StandardScaler(), Ridge(1.0)),
    "pls": lambda: PLSRegression(3),
    "pls scaled before": lambda: make_pipeline(StandardScaler(), PLSRegression(2, scale=False)),
    "mlp tanh": lambda: net("tanh"),
    "mlp relu": lambda: net("relu"),
    "mlp logistic": lambda: net("logistic"),
    "mlp identity": lambda: net("identity"),
    "gp rbf": lambda: gp(ConstantKernel(1.0) * RBF(2.0) + NOISE),
    "gp rbf ard": lambda: gp(ConstantKernel(1.0) * RBF([1.0, 2.0, 3.0, 2.0]) + NOISE),
    "gp matern 1/2": lambda: gp(Matern(2.0, nu=0.5) + NOISE),
    "gp matern 3/2": lambda: gp(Matern([1.0, 2.0, 3.0, 2.0], nu=1.5) + NOISE),
    "gp matern 5/2": lambda: gp(ConstantKernel(0.5) * Matern(2.0, nu=2.5) + NOISE),
    "gp matern inf": lambda: gp(Matern(2.0, nu=np.inf) + NOISE),
    "gp dot product": lambda: gp(DotProduct(1.0) + ConstantKernel(0.3) * RBF(2.0) + NOISE),
    "gp product": lambda: gp(DotProduct(1.0) * RBF(3.0) + ConstantKernel(0.1) + NOISE),
}
JUMPING: dict[str, Callable[[], object]] = {
    "tree": lambda: DecisionTreeRegressor(max_depth=5, random_state=0),
    "forest": lambda: RandomForestRegressor(20, random_state=0),
    "extra trees": lambda: make_pipeline(StandardScaler(), ExtraTreesRegressor(20, random_state=0)),
    "boosted": lambda: GradientBoostingRegressor(n_estimators=30, random_state=0),
}


def fitted(name: str, x: Floats = X, y: Floats = Y) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence is no matter here
        return (SMOOTH | JUMPING)[name]().fit(x, y)  # type: ignore[attr-defined]
