"""Plans that hold for several plants: do-mpc's scenario tree behind the same interface."""

import json
from dataclasses import replace

import numpy as np
import pytest
from test_mpc_aims import aimed, loop
from test_mpc_sqp import LOOP, POLICY, STEADY, U, W
from test_policies_rules import GOOD, said

from controller.models import model, plants
from controller.models.symbolic import Compiled, ahead, outputs, vector
from controller.mpc.solver import Solver, solvers
from controller.plan import Plan, Status
from plant_io.signals import Floats
from policies import Mpc
from policies.modelled import Scenarios

UNSURE = 5.0
"""Standard deviation of the API feeder's time constant in these tests [s]."""


def unsure() -> bytes:
    """The identified parameters of line A, with more doubt about one of them."""
    written = json.loads(POLICY.files[LOOP.process])
    written["parameters"]["lag_api"]["sd"] = UNSURE
    return json.dumps(written).encode()


FILES = {**POLICY.files, LOOP.process: unsure()}
RISE = loop(
    api={"target": None, "limits": (9.95, 10.05)}, total={"target": None, "limits": (18.0, 22.0), "maximise": 1.0}
).model_copy(update={"horizon": 12, "max_solve_s": 60.0})
TREE = RISE.model_copy(update={"scenarios": Scenarios(parameters=("lag_api",), sds=2.0)})
PROBLEM = replace(aimed(RISE, 1), state=STEADY, inputs=U, known=W, targets=np.full(2, np.nan))


def made(declared: Mpc) -> Solver:
    return solvers({"blend": declared}, FILES)["blend"]


@pytest.fixture(scope="module")
def plain() -> Plan:
    return made(RISE).solve(PROBLEM)


@pytest.fixture(scope="module")
def cautious() -> Plan:
    return made(TREE).solve(PROBLEM)


def beyond(plan: Plan, which: int) -> float:
    """Return how far the API leaves its limits if the plan meets one of the plants [%]."""
    plant = plants(TREE, FILES)[which]
    x, u, w = vector("x", len(plant.states)), vector("u", len(plant.inputs)), vector("w", len(plant.known))
    step = Compiled([x, u, w], [ahead(plant, x, u, w, TREE.sample_s), outputs(plant, x, u, w)])
    state: Floats = PROBLEM.state
    worst = 0.0
    for inputs in plan.moves:
        state, shown = step(state, inputs, W)
        worst = max(worst, float(shown[0]) - 10.05, 9.95 - float(shown[0]))
    return worst


def test_the_plants_are_the_identified_one_and_those_at_the_ends_of_its_doubt() -> None:
    lags = [plant.lag_api_s for plant in plants(TREE, FILES)]  # type: ignore[attr-defined]
    middle = lags[0]
    assert lags == pytest.approx([middle, middle - 10.0, middle + 10.0])
    assert plants(RISE, FILES) == [model("line_a", FILES[LOOP.process])]


def test_a_plan_for_several_plants_keeps_the_limits_in_each_of_them(plain: Plan, cautious: Plan) -> None:
    assert plain.status is cautious.status is Status.SOLVED
    assert [beyond(plain, 0) < 1e-3, max(beyond(plain, i) for i in (1, 2)) > 0.02] == [True, True]
    # Only the first move is alike for all plants; the others are made once it has turned out which one it is.
    first = replace(cautious, moves=cautious.moves[:1])
    assert max(beyond(first, i) for i in range(3)) < 1e-3


def driven(declared: Mpc, which: int) -> Floats:
    """Return the API and the total in closed loop with one of the plants, shape ``(14, 2)``."""
    solver, plant = made(declared), plants(TREE, FILES)[which]
    x, u, w = vector("x", len(plant.states)), vector("u", len(plant.inputs)), vector("w", len(plant.known))
    step = Compiled([x, u, w], [ahead(plant, x, u, w, TREE.sample_s), outputs(plant, x, u, w)])
    state, inputs, seen = STEADY, U, list[Floats]()
    for k in range(14):
        plan = solver.solve(replace(PROBLEM, number=k, state=state, inputs=inputs))
        assert plan.status is Status.SOLVED, plan.why
        inputs = plan.moves[0]
        state, shown = step(state, inputs, W)
        seen.append(shown)
    return np.array(seen)


def test_in_closed_loop_it_is_more_cautious_and_goes_as_far_in_the_end() -> None:
    usual, wary = driven(RISE, 0), driven(TREE, 0)
    assert wary[:, 0].max() < usual[:, 0].max() - 0.003  # %, 10.033 against 10.040
    assert wary[:, 1].mean() < usual[:, 1].mean()
    assert wary[-1, 1] == pytest.approx(22.0, abs=0.01)


@pytest.mark.parametrize("which", [0, 1, 2])
def test_in_closed_loop_it_stays_within_the_limits_of_every_plant(which: int) -> None:
    api = driven(TREE, which)[:, 0]
    assert (api > 9.95 - 1e-3).all()
    assert (api < 10.05 + 1e-3).all()


@pytest.mark.parametrize(
    ("name", "sd", "sentence"),
    [
        ("lag", 1.0, "no parameter is called lag; there are excess_api, excess_exc, lag_api"),
        ("nir_delay", 1.0, "the standard deviation of nir_delay is 0"),
        ("lag_api", 4.0, ""),
    ],
)
def test_scenarios_that_are_none_are_refused(name: str, sd: float, sentence: str) -> None:
    declared = TREE.model_copy(update={"scenarios": Scenarios(parameters=(name,), sds=sd)})
    if not sentence:
        assert len(plants(declared, FILES)) == 3
        return
    with pytest.raises(ValueError, match=sentence):
        plants(declared, FILES)


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("{parameters: [lag]}", []),
        ("{parameters: []}", ["loops.blend.scenarios.parameters: found [], expected a list of at least one entry"]),
        ("{parameters: [lag, lag]}", ["loops.blend.scenarios.parameters[1]: found 'lag' twice, expected it once"]),
        (
            "{parameters: [a, b, c], robust_horizon: 2}",
            ["loops.blend.scenarios.robust_horizon: found 49 scenarios in all, expected at most 25"],
        ),
        (
            "{parameters: [lag]}\n    solver: sqp",
            [
                "loops.blend.solver: found sqp, expected ipopt, or nothing: the condensed program carries one scenario",
            ],
        ),
    ],
)
def test_words_of_scenarios_are_checked(written: str, sentences: list[str]) -> None:
    assert said(GOOD.replace("max_solve: 2s", f"max_solve: 2s\n    scenarios: {written}")) == sentences
