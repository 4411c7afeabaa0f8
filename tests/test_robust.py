"""How wrong a matrix may be before its loop swings, and the move weight that then is enough."""

from __future__ import annotations

import json
from functools import cache
from math import inf
from pathlib import Path

import numpy as np
import pytest

from controller.cli.app import status
from controller.models.transfer import Transfer
from controller.mpc.linear import LinearSolver
from controller.mpc.linear_estimator import LinearEstimator
from controller.plan import Problem
from controller.robust import ENOUGH, Advice, Doubt, Off, advise
from policies import Policy, TransferFunction, load, shipped

EXAMPLES = Path(__file__).parents[1] / "policies" / "examples"


@cache
def policy() -> Policy:
    return load(EXAMPLES / "wood_berry.yaml")


def column(**update: object) -> TransferFunction:
    loop = policy().loops["column"]
    assert isinstance(loop, TransferFunction)
    return loop.model_copy(update=update)


@cache
def advice(share: float) -> Advice:
    return advise(column(), off(share))


def off(share: float, *, together: bool = True) -> Doubt:
    pairs = [(row, name) for row, answers in column().matrix.items() for name in answers]
    return Doubt(dict.fromkeys(pairs, Off(share, share)), together)


def test_without_doubt_the_advice_is_that_of_the_model() -> None:
    sure = advice(0.0)
    assert sure.corners == 1
    assert sure.worst == sure.nominal
    assert sure.nominal.peak == pytest.approx(3.25, abs=0.05)


def test_a_fifth_of_doubt_wants_a_larger_weight_than_none() -> None:
    sure, unsure = advice(0.0), advice(0.2)
    assert sure.least is not None
    assert unsure.least is not None
    assert unsure.stable is not None
    assert unsure.least > 2.0 * sure.least
    assert unsure.stable > 10.0 * column().move_weight


def test_the_weight_advised_is_enough_on_every_corner() -> None:
    least = advice(0.2).least
    assert least is not None
    again = advise(column(move_weight=least), off(0.2))
    assert again.worst.enough
    assert again.worst.peak == pytest.approx(ENOUGH, abs=0.05)
    assert "is enough" in again.words(least)


def test_gains_of_which_not_even_the_direction_is_known_have_no_weight() -> None:
    unsure = advise(column(), off(0.2, together=False))
    assert unsure.worst.peak == inf
    assert unsure.stable is None
    assert "no weight is stable" in unsure.words(0.05)


def swung(share: float, weight: float) -> float:
    """Return how far the column swings late after a load, all gains and dead times too large by a share."""
    loop = column(move_weight=weight)
    plant_loop = column(
        matrix={
            row: {
                name: one.model_copy(update={"gain": one.gain * (1 + share), "dead_time": one.dead_time * (1 + share)})
                for name, one in answers.items()
            }
            for row, answers in loop.matrix.items()
        }
    )
    known, plant = np.zeros(len(loop.known)), LinearEstimator(Transfer(plant_loop, {}), plant_loop)
    model = Transfer(loop, {})
    solver, estimator = LinearSolver("column", loop), LinearEstimator(model, loop)
    u, low, seen = np.zeros(2), np.full(2, -0.6), list[float]()
    truth, believed = plant.start(u, known, {}), estimator.start(u, known, {"xd": 0.0, "xb": 0.0})
    for k in range(240):
        y = plant.outputs(truth) + np.array([1e-3, 0.0])
        believed = estimator.step(believed, u, known, dict(zip(("xd", "xb"), y.tolist(), strict=True)))
        u = solver.solve(Problem("column", k, 0.0, believed.x, u, known, np.zeros(2), low, -low)).moves[0]
        truth = plant.step(truth, u, known, {})
        seen.append(float(np.abs(y).max()))
    return max(seen[-60:])


def test_what_is_called_stable_comes_to_rest_and_what_is_not_swings() -> None:
    unsure = advice(0.2)
    assert unsure.stable is not None
    assert swung(0.2, 10.0 * unsure.stable) < 1e-4
    assert swung(0.2, column().move_weight) > 1e-3


def test_the_verb_gives_its_advice_and_fails_where_the_shipped_weight_swings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = tmp_path / "advice.json"
    given = ["advise", str(EXAMPLES / "wood_berry.yaml"), "--json", str(found)]
    assert status([*given, "--gain", "0", "--dead-time", "0"]) == 0
    assert json.loads(found.read_text())["loops"]["column"]["corners"] == 1
    assert status(given) == 1
    told = json.loads(found.read_text())["loops"]["column"]
    assert told["worst"]["peak"] is None
    assert told["robust_from"] > told["stable_from"] > told["move_weight"]
    assert "is not stable" in capsys.readouterr().err


def test_the_verb_takes_the_intervals_of_a_fit(tmp_path: Path) -> None:
    sure = {"value": 1.0, "ci95": 0.0}
    answers = {
        tag: {"gain": {"value": 10.0, "ci95": 1.0}, "dead_time": sure, "lags": [sure]} for tag in ("MV.R", "MV.S")
    }
    fit, found = tmp_path / "fit.json", tmp_path / "advice.json"
    fit.write_text(json.dumps({"fit": {"PV.xD": {"answers": answers}}}))
    status(["advise", str(EXAMPLES / "wood_berry.yaml"), "--fit", str(fit), "--json", str(found)])
    told = json.loads(found.read_text())["loops"]["column"]
    assert told["corners"] == 1 + 4
    assert "gain of xd by r" in told["worst"]["corner"]


def test_a_fit_of_another_plant_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit = tmp_path / "fit.json"
    fit.write_text("{}")
    assert status(["advise", str(EXAMPLES / "wood_berry.yaml"), "--fit", str(fit)]) == 2
    assert "found no answer of a tag of this loop" in capsys.readouterr().err


def test_a_policy_without_a_matrix_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["advise", str(shipped("A"))]) == 2
    assert "found no loop of kind transfer_function" in capsys.readouterr().err
