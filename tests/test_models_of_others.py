"""Control models that users write in do-mpc: the example of the documentation, and what the contract refuses."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from fakes import POLICY
from test_policies_rules import FILES, GOOD

from controller.kit import prepare
from controller.models import ControlModel, check, model, plants
from controller.models.process import read
from controller.models.theirs import adapted, written
from controller.mpc.solver import solvers
from controller.plan import Problem, Status
from policies import IpoptSettings, Mpc, Policy, PolicyError, SqpSettings, parse

PAGE = (Path(__file__).parent.parent / "docs" / "models.md").read_text()
TANK = next(block for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def control_model" in block)
PROCESS = {
    "schema": "steadyline.process/1",
    "model": "tank",
    "how": "by hand",
    "seed": 1,
    "fitted_s": 600.0,
    "tested_s": 300.0,
    "parameters": {"volume": {"value": 50.0, "sd": 2.0, "unit": "L"}},
    "report": {},
}


def policy(source: str = TANK, **words: object) -> Policy:
    """A policy whose loop has the tank."""
    hold = {key: value for key, value in POLICY["loops"]["hold"].items() if key not in {"model", "process"}}
    units = {"Y": "Cel", "U": "kW", "U_ACT": "kW"}
    tags = {name: {**tag, "unit": units.get(name, "1")} for name, tag in POLICY["tags"].items()}
    tags["W"] = {**tags["Y"], "unit": "L/s", "address": "input:30", "range": [0, 0.2]}
    loop = {
        **hold,
        "model": {"file": "tank.py"},
        "process": "tank.json",
        "controlled": {
            "temperature": {"tag": "Y", "unit": "Cel", "target": 35.0, "limits": [20, 50], "scale": 1.0},
        },
        "moved": {"power": {**hold["moved"]["u"], "unit": "kW", "limits": [0, 12]}},
        "measured": {"temperature": {"tag": "Y", "unit": "Cel", "sd": 0.1, "bias_sd": 0.2}},
        "known": {"feed": "W"},
        **words,
    }
    made = Policy.model_validate({**POLICY, "tags": tags, "loops": {"hold": loop}})
    return made.sealed("", {"tank.py": source.encode(), "tank.json": json.dumps(PROCESS).encode()})


def tank(whole: Policy) -> tuple[Mpc, ControlModel]:
    loop = whole.loops["hold"]
    assert isinstance(loop, Mpc)
    return loop, plants(loop, whole.files)[0]


def test_the_example_of_the_documentation_is_a_control_model() -> None:
    _, found = tank(policy())
    assert list(found.states) == ["jacket", "warmth", "bias_temperature"]
    assert found.biases == {"temperature": "bias_temperature"}
    rest = found.steady(np.array([6.0]), np.array([0.1]), {"temperature": 36.0})
    assert rest == pytest.approx([6.0, 20.0 + 6.0 / 0.418, 36.0 - 20.0 - 6.0 / 0.418])
    check(found, {"power": 6.0}, {"feed": 0.1})


def test_the_identified_parameters_of_the_documentation_are_those_of_its_model() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    process = read(block.encode())
    found = adapted(written(TANK.encode(), "tank.py"), process)
    assert process.model == "tank"
    rest = found.steady(np.array([4.0]), np.array([0.1]), {})
    assert rest[:2] == pytest.approx([4.0, 20.0 + 4.0 / 0.418])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"how": None, "seed": "one"}, r"identified parameters: how: .*; seed: .*"),
        ({"parameters": {"volume": {"value": -1.0, "sd": 2.0, "unit": "L"}}}, r"parameters\.volume\.value: "),
    ],
)
def test_every_mistake_in_identified_parameters_is_told(change: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read(json.dumps(PROCESS | change).encode())


def test_a_loop_with_it_estimates_and_plans_and_both_solvers_agree() -> None:
    whole = policy()
    kit = prepare(whole).loops["hold"]
    inputs, known = np.array([6.0]), np.array([0.1])
    estimate = kit.estimator.start(inputs, known, {"temperature": 34.0})
    for _ in range(5):
        estimate = kit.estimator.step(estimate, inputs, known, {"temperature": 34.0})
    problem = Problem("hold", 1, 0.0, estimate.x, inputs, known, np.array([35.0]), kit.low, kit.high)
    loop = whole.loops["hold"]
    plans = [
        solvers({"hold": loop.model_copy(update={"solver": way, "max_solve_s": 60.0})}, whole.files)["hold"].solve(
            problem
        )
        for way in (loop.solver, IpoptSettings())  # type: ignore[union-attr]
    ]
    assert [plan.status for plan in plans] == [Status.SOLVED] * 2
    assert plans[0].moves[0, 0] > 6.1
    assert plans[0].moves == pytest.approx(plans[1].moves, abs=0.01)


def test_its_parameters_can_be_off_in_scenarios() -> None:
    loop, first = tank(policy(scenarios={"parameters": ["volume"]}))
    found = plants(loop, policy().files)
    assert len(found) == 3
    assert found[1].states == first.states


def test_a_best_point_between_the_limits_is_found_by_both_solvers() -> None:
    best = "10.0 - ((warmth - 35.0) / 5.0) ** 2"
    source = TANK.replace(
        "    model.setup()",
        f'    model.set_expression("yields", {best})\n    model.set_meas("yields", {best})\n    model.setup()',
    )
    source = source.replace('"temperature": "Cel"', '"temperature": "Cel", "yields": "1"')
    source = source.replace('"temperature": 2.0', '"temperature": 2.0, "yields": 1.0')
    held = {"unit": "1", "scale": 1.0, "limits": [0, 12], "maximise": 1.0, "tag": "SUP.STATE"}
    measured = {"sd": 0.1, "bias_sd": 0.2}
    whole = policy(
        source,
        horizon=30,
        controlled={"temperature": {"tag": "Y", "unit": "Cel", "limits": [20, 50], "scale": 1.0}, "yields": held},
        measured={
            "temperature": {"tag": "Y", "unit": "Cel", **measured},
            "yields": {"tag": "SUP.STATE", "unit": "1", **measured},
        },
    )
    loop, found = tank(whole)
    known, none, low, high = np.array([0.1]), np.full(2, np.nan), np.array([0.0]), np.array([12.0])
    for power in (4.0, 8.0):
        inputs = np.array([power])
        problem = Problem("hold", 1, 0.0, found.steady(inputs, known, {}), inputs, known, none, low, high)
        ways = [
            solvers({"hold": loop.model_copy(update={"solver": way, "max_solve_s": 60.0})}, whole.files)["hold"]
            for way in (SqpSettings(blocks=(1,) * 30), IpoptSettings())
        ]
        one, other = (solver.solve(problem) for solver in ways)
        assert one.status is other.status is Status.SOLVED
        assert one.moves[:5] == pytest.approx(other.moves[:5], abs=0.01)
        assert one.outputs[-1, 1] > 9.9


CHANGES = [
    ("(power - jacket)", "(power - abs(jacket))", "the derivatives have a kink or a jump (fabs)"),
    ('"kW", "warmth"', '"kWW", "warmth"', "the unit 'kWW' of the state jacket is no UCUM code"),
    ('"warmth": 2.0, "temp', '"temp', "start_sd says nothing of warmth"),
    ('"continuous"', '"discrete"', "found a model in steps, expected a continuous one"),
    ("jacket / (4.18 * volume)", "jacket / (0.0 * volume)", "not finite"),
    ("feed / volume * (20.0 - warmth)", "0.0", "rest"),
    ("return Described(", "return dict(", "control_model returned dict, expected controller.models.Described"),
    ("def control_model", "def controlmodel", "found no function control_model(parameters)"),
    ("import do_mpc", "import do_mpcc", "it cannot be run: ModuleNotFoundError: No module named 'do_mpcc'"),
]


@pytest.mark.parametrize(("old", "new", "sentence"), CHANGES, ids=lambda _: "")
def test_what_is_wrong_with_a_model_is_said_in_one_sentence(old: str, new: str, sentence: str) -> None:
    assert TANK.count(old) == 1, old
    with pytest.raises(ValueError, match=r"^loops.hold.model: tank.py: ") as raised:
        prepare(policy(TANK.replace(old, new)))
    assert sentence in str(raised.value)


def test_two_biases_that_one_measurement_shows_are_refused() -> None:
    doubled = TANK.replace(
        "model.setup()",
        'model.set_variable("_x", "drift")\n    model.set_rhs("drift", warmth * 0.0)\n    model.setup()',
    )
    doubled = doubled.replace('"jacket": "kW",', '"jacket": "kW", "drift": "Cel",').replace(
        '"jacket": 4.0', '"drift": 0.0, "jacket": 4.0'
    )
    doubled = doubled.replace('"jacket": 0.5', '"drift": 1.0, "jacket": 0.5').replace(
        '"jacket": 0.1', '"drift": 0.1, "jacket": 0.1'
    )
    with pytest.raises(ValueError, match="the measurements do not tell drift"):
        prepare(policy(doubled))


def test_models_that_come_with_steadyline_keep_the_contract_too() -> None:
    from policies import load, shipped  # noqa: PLC0415  # only here

    whole = load(shipped("A"))
    line_a = model("line_a", whole.files["process.json"])
    check(line_a, {"api_sp": 2.0, "exc_sp": 17.8}, {"lub_flow": 0.2})


def test_a_function_of_a_package_is_used_as_a_file_is() -> None:
    build = written(TANK.encode(), "tank.py")
    with pytest.raises(ValueError, match="parameters volume have no values: no file of identified parameters is named"):
        adapted(build, None)


def said(model_words: str, files: dict[str, bytes]) -> list[str]:
    text = GOOD.replace("model: small", f"model: {model_words}")
    try:
        parse(text.encode(), "p", {**FILES, **files})
    except PolicyError as error:
        return [f"{problem.path}: {problem.message}" for problem in error.problems]
    return []


def test_a_file_is_part_of_the_fingerprint() -> None:
    text = GOOD.replace("model: small", "model: {file: tank.py}").encode()
    one, other = (parse(text, "p", {**FILES, "tank.py": source}) for source in (b"a = 1\n", b"a = 2\n"))
    assert one.fingerprint != other.fingerprint
    assert one.files["tank.py"] == b"a = 1\n"


@pytest.mark.parametrize(
    ("words", "sentences"),
    [
        ("{file: tank.py}", []),
        (
            "{file: ../tank.py}",
            ["loops.blend.model.file: found '../tank.py', expected the name of a file in the folder of the policy"],
        ),
        (
            "{file: other.py}",
            ["loops.blend.model.file: found 'other.py', expected a file beside the policy: no such file"],
        ),
        (
            "{path: tank.py}",
            ["loops.blend.model: found a section, expected one lower-case word such as line_a, or a section with file"],
        ),
        (
            "Tank",
            ["loops.blend.model: found 'Tank', expected one lower-case word such as line_a, or a section with file"],
        ),
    ],
)
def test_words_of_models_are_checked(words: str, sentences: list[str]) -> None:
    assert said(words, {"tank.py": b""}) == sentences


def test_an_installed_model_wants_identified_parameters() -> None:
    text = GOOD.replace("    process: process.json\n    sample", "    sample")
    assert text != GOOD
    with pytest.raises(PolicyError, match="missing, expected the file of the identified parameters of the model"):
        parse(text.encode(), "p", FILES)
