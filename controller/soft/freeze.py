"""Fitted estimators of scikit-learn as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Protocol, cast

import numpy as np

from controller.soft.frozen import Frozen, Gp, Learner, Linear, Mlp, Pls, Scaling, Tree, Trees
from controller.soft.kernels import Constant, DotProduct, Kernel, Matern, Product, Rbf, Sum, White
from plant_io.signals import Floats


class _Sub(Protocol):
    k1: object
    k2: object


class _Nodes(Protocol):
    feature: Floats
    threshold: Floats
    children_left: Floats
    children_right: Floats
    value: Floats


class _Estimator(Protocol):
    """Everything read of any estimator; which of it is there depends on its class."""

    steps: Sequence[tuple[str, object]]
    regressor_: object
    transformer_: object
    mean_: Floats | None
    scale_: Floats | None
    n_features_in_: int
    coef_: Floats
    intercept_: Floats
    n_components: int
    _x_mean: Floats
    coefs_: Sequence[Floats]
    intercepts_: Sequence[Floats]
    activation: str
    out_activation_: str
    kernel_: object
    X_train_: Floats
    alpha_: Floats
    L_: Floats
    _y_train_mean: Floats
    _y_train_std: Floats
    tree_: _Nodes
    estimators_: Sequence[object]
    learning_rate: float
    init_: object
    loss: str
    constant_: Floats


@dataclass(frozen=True, slots=True)
class _Scaled:
    mean: Floats
    scale: Floats


def freeze(estimator: object) -> Frozen:
    """Return a fitted estimator as plain numbers.

    A pipeline may scale its inputs once by ``StandardScaler``, and ``TransformedTargetRegressor`` its result. Learners
    are ``LinearRegression``, ``Ridge``, ``RidgeCV``, ``PLSRegression``, ``MLPRegressor``,
    ``GaussianProcessRegressor``, ``DecisionTreeRegressor``, ``RandomForestRegressor``, ``ExtraTreesRegressor`` and
    ``GradientBoostingRegressor``, with one result.

    Raises
    ------
    ValueError
        If it is another one, is not fitted, or has several results.
    """
    try:
        return _frozen(estimator)
    except AttributeError as error:
        raise ValueError(f"{_name(estimator)} is not fitted: it has no {error.name}") from None


def _frozen(estimator: object) -> Frozen:
    if _name(estimator) == "TransformedTargetRegressor":
        whole = _of(estimator)
        inner, target = _frozen(whole.regressor_), _scaler(whole.transformer_)
        return inner.model_copy(
            update={"target_mean": float(target.mean[0]), "target_scale": float(target.scale[0])},
        )
    if _name(estimator) != "Pipeline":
        return Frozen(learner=_learner(estimator))
    *before, (_, last) = _of(estimator).steps
    if not before:
        return _frozen(last)
    if len(before) > 1 or _name(before[0][1]) != "StandardScaler":
        names = ", ".join(_name(step) for _, step in before)
        raise ValueError(f"found {names} before the learner, expected at most one StandardScaler")
    inner, scaler = _frozen(last), _scaler(before[0][1])
    if inner.scaling is not None:
        raise ValueError("found two scalings of the inputs, expected at most one StandardScaler")
    scaling = Scaling(mean=_row(scaler.mean), scale=_row(scaler.scale))
    return Frozen(
        scaling=scaling, learner=inner.learner, target_mean=inner.target_mean, target_scale=inner.target_scale
    )


def _learner(estimator: object) -> Learner:
    make = _LEARNERS.get(_name(estimator))
    if make is None:
        raise ValueError(f"{_name(estimator)} cannot be frozen; there are {', '.join(_LEARNERS)}")
    return make(_of(estimator))


def _scaler(scaler: object) -> _Scaled:
    if _name(scaler) != "StandardScaler":
        raise ValueError(f"found {_name(scaler)}, expected a StandardScaler")
    found = _of(scaler)
    n = found.n_features_in_
    mean = np.zeros(n) if found.mean_ is None else found.mean_
    return _Scaled(mean, np.ones(n) if found.scale_ is None else found.scale_)


def _linear(found: _Estimator) -> Linear:
    return Linear(coef=_row(_only(np.atleast_2d(found.coef_))), intercept=_number(found.intercept_))


def _pls(found: _Estimator) -> Pls:
    return Pls(
        components=found.n_components,
        centre=_row(found._x_mean),  # noqa: SLF001  # shown nowhere else  # pyright: ignore[reportPrivateUsage]
        coef=_row(_only(np.atleast_2d(found.coef_))),
        intercept=_number(found.intercept_),
    )


def _mlp(found: _Estimator) -> Mlp:
    if found.out_activation_ != "identity" or len(found.intercepts_[-1]) != 1:
        raise ValueError("found a network of several results, expected one: fit one for each result")
    return Mlp.model_validate(
        {
            "activation": found.activation,
            "weights": tuple(_rows(weights) for weights in found.coefs_),
            "biases": tuple(_row(biases) for biases in found.intercepts_),
        },
    )


def _gp(found: _Estimator) -> Gp:
    dual, factor = found.alpha_, found.L_
    mean, scale = found._y_train_mean, found._y_train_std  # noqa: SLF001  # the same  # pyright: ignore[reportPrivateUsage]
    if np.size(dual) != len(found.X_train_):
        raise ValueError("found a Gaussian process of several results, expected one: fit one for each result")
    return Gp(
        kernel=_kernel(found.kernel_),
        points=_rows(found.X_train_),
        dual=_row(np.ravel(dual)),
        factor=tuple(_row(row[: i + 1]) for i, row in enumerate(factor)),
        mean=_number(mean),
        scale=_number(scale),
    )


def _kernel(kernel: object) -> Kernel:
    name = _name(kernel)
    if name in {"Sum", "Product"}:
        parts = cast("_Sub", kernel)
        first, second = _kernel(parts.k1), _kernel(parts.k2)
        return Sum(first=first, second=second) if name == "Sum" else Product(first=first, second=second)
    values = cast("Mapping[str, float]", vars(kernel))
    match name:
        case "ConstantKernel":
            return Constant(value=float(values["constant_value"]))
        case "WhiteKernel":
            return White(level=float(values["noise_level"]))
        case "DotProduct":
            return DotProduct(offset=float(values["sigma_0"]))
        case "RBF":
            return Rbf(length=_row(np.atleast_1d(values["length_scale"])))
        case "Matern":
            return _matern(_row(np.atleast_1d(values["length_scale"])), float(values["nu"]))
        case _:
            known = "ConstantKernel, WhiteKernel, DotProduct, RBF, Matern and their sums and products"
            raise ValueError(f"the kernel {name} cannot be frozen; there are {known}")


def _matern(length: tuple[float, ...], nu: float) -> Kernel:
    if nu == inf:
        return Rbf(length=length)
    match nu:
        case 0.5:
            return Matern(length=length, smoothness="1/2")
        case 1.5:
            return Matern(length=length, smoothness="3/2")
        case 2.5:
            return Matern(length=length, smoothness="5/2")
        case _:
            raise ValueError(f"found a Matern kernel with nu {nu:g}, expected 0.5, 1.5, 2.5 or infinity")


def _tree(found: object) -> Tree:
    nodes = _of(found).tree_
    if nodes.value.shape[1:] != (1, 1):
        raise ValueError("found a tree of several results, expected one: fit one for each result")
    return Tree(
        feature=tuple(max(int(feature), -1) for feature in nodes.feature.tolist()),
        threshold=_row(nodes.threshold),
        left=tuple(map(int, nodes.children_left.tolist())),
        right=tuple(map(int, nodes.children_right.tolist())),
        value=_row(nodes.value[:, 0, 0]),
    )


def _single(found: _Estimator) -> Trees:
    return Trees(n_inputs=found.n_features_in_, start=0.0, weight=1.0, trees=(_tree(found),))


def _forest(found: _Estimator) -> Trees:
    trees = tuple(_tree(tree) for tree in found.estimators_)
    return Trees(n_inputs=found.n_features_in_, start=0.0, weight=1.0 / len(trees), trees=trees)


def _boosted(found: _Estimator) -> Trees:
    if _name(found.init_) != "DummyRegressor":
        raise ValueError(f"found trees boosted from {_name(found.init_)}, expected the start scikit-learn chooses")
    trees = tuple(_tree(stage) for stages in found.estimators_ for stage in cast("Sequence[object]", stages))
    start = float(np.ravel(_of(found.init_).constant_)[0])
    return Trees(n_inputs=found.n_features_in_, start=start, weight=found.learning_rate, trees=trees)


_LEARNERS: Mapping[str, Callable[[_Estimator], Learner]] = {
    "LinearRegression": _linear,
    "Ridge": _linear,
    "RidgeCV": _linear,
    "PLSRegression": _pls,
    "MLPRegressor": _mlp,
    "GaussianProcessRegressor": _gp,
    "DecisionTreeRegressor": _single,
    "RandomForestRegressor": _forest,
    "ExtraTreesRegressor": _forest,
    "GradientBoostingRegressor": _boosted,
}


def _of(estimator: object) -> _Estimator:
    return cast("_Estimator", estimator)


def _name(estimator: object) -> str:
    return type(estimator).__name__


def _only(rows: Floats) -> Floats:
    if len(rows) != 1:
        raise ValueError(f"found a learner of {len(rows)} results, expected one: fit one for each result")
    row: Floats = rows[0]
    return row


def _number(value: Floats | float) -> float:
    return float(np.ravel(value)[0])


def _row(values: Floats) -> tuple[float, ...]:
    return tuple(map(float, values.tolist()))


def _rows(values: Floats) -> tuple[tuple[float, ...], ...]:
    return tuple(_row(row) for row in values)
