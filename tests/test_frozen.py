"""Fitted learners as plain numbers predict what scikit-learn predicts, and survive their file."""

from __future__ import annotations

import json

import numpy as np
import pytest
from learners import JUMPING, NEW, SMOOTH, X, Y, fitted
from sklearn.decomposition import PCA
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, RationalQuadratic
from sklearn.linear_model import Lasso, LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from controller.soft.freeze import freeze
from controller.soft.frozen import read


@pytest.mark.parametrize("name", [*SMOOTH, *JUMPING])
def test_it_predicts_what_scikit_learn_predicts(name: str) -> None:
    estimator = fitted(name)
    said = freeze(estimator).predict(NEW)
    assert np.abs(said.mean - np.ravel(estimator.predict(NEW))).max() < 1e-8  # type: ignore[attr-defined]
    assert (said.sd is not None) == name.startswith("gp")
    if said.sd is not None:
        _, sd = estimator.predict(NEW, return_std=True)  # type: ignore[attr-defined]
        assert np.abs(said.sd - sd).max() < 1e-8


@pytest.mark.parametrize("name", ["ridge", "pls", "mlp tanh", "gp product", "boosted"])
def test_its_file_gives_the_same_bits(name: str) -> None:
    frozen = freeze(fitted(name))
    again = read(frozen.model_dump_json().encode(), "learner.json")
    assert again == frozen
    assert again.predict(NEW).mean.tobytes() == frozen.predict(NEW).mean.tobytes()


@pytest.mark.parametrize("name", ["ridge", "mlp tanh", "gp rbf ard", "forest"])
def test_one_point_is_predicted_as_among_others(name: str) -> None:
    frozen = freeze(fitted(name))
    many, one = frozen.predict(NEW), frozen.predict(NEW[7])
    assert one.mean.shape == ()
    assert float(one.mean) == pytest.approx(many.mean[7], rel=1e-12)
    assert (one.sd is None) == (many.sd is None)
    if one.sd is not None and many.sd is not None:
        assert float(one.sd) == pytest.approx(many.sd[7], rel=1e-9)


def test_a_constant_column_is_no_trouble() -> None:
    x = X.copy()
    x[:, 2] = 3.0
    estimator = fitted("ridge", x)
    assert freeze(estimator).predict(x).mean == pytest.approx(estimator.predict(x), abs=1e-10)  # type: ignore[attr-defined]


REFUSED = [
    (Lasso, "Lasso cannot be frozen; there are LinearRegression, Ridge"),
    (lambda: make_pipeline(PCA(2), LinearRegression()), "found PCA before the learner, expected at most one Standard"),
    (
        lambda: GaussianProcessRegressor(RationalQuadratic(), optimizer=None),
        "the kernel RationalQuadratic cannot",
    ),
    (
        lambda: GaussianProcessRegressor(Matern(nu=1.0), optimizer=None),
        "with nu 1, expected 0.5, 1.5, 2.5",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), REFUSED)
def test_what_cannot_be_frozen_is_said(make: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        freeze(make().fit(X[:10], Y[:10]))  # type: ignore[operator]


def test_a_learner_of_several_results_is_refused() -> None:
    with pytest.raises(ValueError, match="found a learner of 2 results, expected one"):
        freeze(LinearRegression().fit(X, np.column_stack([Y, Y])))


def test_a_learner_that_has_learnt_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="is not fitted: it has no "):
        freeze(make_pipeline(StandardScaler(), LinearRegression()))


CHANGES = [
    (lambda d: d["learner"].update(dual=[1.0]), "one dual weight for each point"),
    (lambda d: d["learner"]["factor"][0].append(1.0), "lower triangle"),
    (lambda d: d["learner"]["points"][0].append(1.0), "one length"),
    (lambda d: d["scaling"]["mean"].append(1.0), "as many scales as means"),
    (lambda d: d["learner"]["dual"].__setitem__(0, float("nan")), "finite number"),
    (lambda d: d.update(colour="blue"), "colour"),
]


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_a_file_that_does_not_fit_is_refused_in_one_sentence(change: object, sentence: str) -> None:
    data = json.loads(freeze(fitted("gp rbf")).model_dump_json())
    change(data)  # type: ignore[operator]
    with pytest.raises(ValueError, match=f"learner.json is no learner: .*{sentence}"):
        read(json.dumps(data).encode(), "learner.json")


def test_a_wrong_number_of_inputs_is_said() -> None:
    with pytest.raises(ValueError, match="found 3 inputs, expected the 4 the learner was fitted to"):
        freeze(fitted("ridge")).predict(NEW[:, :3])
