"""What a problem says of the samples to come: announced values, and limits that back off from what is in doubt."""

from dataclasses import replace

import numpy as np
import pytest
from test_mpc_aims import aimed, loop, made
from test_mpc_sqp import FULL, LOOP, MAX_MOVE, POLICY, STEADY, U, solver, somewhere
from test_policies_rules import GOOD, said

from controller.kit import LoopKit
from controller.kit import loop as kit_of
from controller.plan import Problem
from controller.state import LoopState
from controller.turn import _pose
from plant_io import Quality, Sample, Snapshot, TagIndex
from policies import IpoptSettings, Mpc, Policy, SqpSettings

AT = 1000.0
NO_TIME = "found 'F.PV' in kg/h, expected a tag in a unit that converts to s"
COMING = {"next": "LINE.NEXT", "at": "LINE.LEFT"}


def policy(declared: Mpc) -> Policy:
    """Line A with two more tags that announce, and with another loop."""
    tags = {
        name: POLICY.tags["LINE.TOTAL_PV"].model_copy(update={"address": f"s={name}", "unit": unit})
        for name, unit in (("LINE.NEXT", "kg/h"), ("LINE.LEFT", "min"))
    }
    changed = POLICY.model_copy(update={"tags": {**POLICY.tags, **tags}, "loops": {"blend": declared}})
    return changed.sealed(POLICY.fingerprint, POLICY.files)


def posed(declared: Mpc, **shown: float | Sample) -> Problem:
    """The problem a loop poses at rest while tags show this."""
    whole = policy(declared)
    kit = kit_of("blend", declared, whole)
    seen = Snapshot.empty(AT, TagIndex.of(whole)).extended(
        {
            name.replace("_", ".", 1): value if isinstance(value, Sample) else Sample(value, Quality.GOOD, AT, AT)
            for name, value in shown.items()
        }
    )
    _, problem = _pose(kit, seen, begun(kit))
    assert problem is not None
    return problem


def begun(kit: LoopKit) -> LoopState:
    estimate = kit.estimator.start(U, np.array([0.2]), {})
    return LoopState(estimate=estimate, inputs=tuple(U.tolist()), known=(0.2,))


def foreseeing(**held: dict[str, object]) -> Mpc:
    known = {"lub_flow": {"tag": "FDR_LUB.F_PV", **COMING}}
    words = LOOP.model_dump(by_alias=True, include={"foreseen"}) | {"known": known}
    foreseen = {name: type(LOOP.foreseen["lub_flow"]).model_validate(entry) for name, entry in words["known"].items()}
    return loop(**held).model_copy(update={"foreseen": foreseen})


def test_without_an_announcement_a_problem_is_as_it_was() -> None:
    plain = posed(LOOP)
    assert plain.known.shape == (1,)
    assert posed(foreseeing(total={"coming": COMING})) == plain
    assert posed(foreseeing(), LINE_NEXT=0.5, LINE_LEFT=0.0) == plain
    assert posed(foreseeing(), LINE_NEXT=0.5, LINE_LEFT=6.0) == plain  # beyond the horizon of 5 min


def test_a_known_input_that_is_announced_changes_at_the_sample_nearest_to_its_time() -> None:
    known = posed(foreseeing(), LINE_NEXT=0.5, LINE_LEFT=1.1).known
    assert known.shape == (31, 1)
    assert known[:7, 0] == pytest.approx([0.2] * 7)
    assert known[7:, 0] == pytest.approx([0.5] * 24)


def test_the_time_since_a_countdown_was_read_is_taken_off() -> None:
    left = Sample(1.0, Quality.GOOD, AT - 30.0, AT)
    assert posed(foreseeing(), LINE_NEXT=0.5, LINE_LEFT=left).known[2:4, 0].tolist() == [0.2, 0.5]


def test_what_cannot_be_read_announces_nothing() -> None:
    bad = Sample(1.0, Quality.BAD, AT, AT)
    assert posed(foreseeing(), LINE_NEXT=0.5, LINE_LEFT=bad).known.shape == (1,)
    assert posed(foreseeing(), LINE_NEXT=bad, LINE_LEFT=1.0).known.shape == (1,)


def test_a_grade_change_is_begun_before_its_time_and_both_solvers_agree() -> None:
    declared = foreseeing(total={"coming": {"next": 21.0, "at": "LINE.LEFT"}})
    problem = posed(declared, LINE_LEFT=2.0)
    assert problem.targets[[11, 12], 1].tolist() == [20.0, 21.0]
    plan, reference = solver(FULL).solve(problem), solver(IpoptSettings()).solve(problem)
    assert (np.abs(plan.moves[0] - reference.moves[0]) < 0.01 * MAX_MOVE).all()
    assert plan.outputs[11, 1] > 20.1
    assert plan.outputs[-1] == pytest.approx([10.0, 21.0], abs=0.05)


def test_a_coming_flow_of_lubricant_is_answered_before_it_comes() -> None:
    problem = posed(foreseeing(), LINE_NEXT=1.2, LINE_LEFT=1.0)
    plan = solver(SqpSettings()).solve(problem)
    unknowing = solver(SqpSettings()).solve(replace(problem, known=problem.known[0]))
    assert plan.moves[3] != pytest.approx(unknowing.moves[3], abs=1e-3)
    assert plan.outputs[-1, 0] == pytest.approx(10.0, abs=0.1)


def limits(problem: Problem) -> list[list[float]]:
    return [problem.lowest.tolist(), problem.highest.tolist()]


CAUTIOUS = loop(api={"target": None, "limits": (9.5, 10.5), "backoff": 2.0})


def test_limits_back_off_from_the_doubt_of_a_soft_sensor() -> None:
    problem = posed(CAUTIOUS, SOFT_API=Sample(10.0, Quality.GOOD, AT, AT, sd=0.1))
    assert np.array(limits(problem)) == pytest.approx(np.array([[9.7, 18.0], [10.3, 22.0]]))


def test_limits_back_off_from_the_doubt_of_the_estimator_where_a_tag_has_none() -> None:
    problem = posed(CAUTIOUS, SOFT_API=Sample(10.0, Quality.GOOD, AT, AT))
    assert problem.lowest[0] == pytest.approx(10.0)  # at the start c4 is in doubt by 0.3 %
    assert problem.lowest[0] == problem.highest[0]


def test_limits_never_cross_and_never_pass_a_target() -> None:
    wide = Sample(10.0, Quality.GOOD, AT, AT, sd=1.0)
    assert limits(posed(CAUTIOUS, SOFT_API=wide)) == [[10.0, 18.0], [10.0, 22.0]]
    aside = loop(api={"target": 10.4, "limits": (9.5, 10.5), "backoff": 2.0})
    assert limits(posed(aside, SOFT_API=wide)) == [[10.0, 18.0], [10.4, 22.0]]


def test_a_probability_is_a_number_of_standard_deviations() -> None:
    assert loop(api={"confidence": 95.0}).controlled["api"].sds == pytest.approx(1.6449, abs=1e-4)


def test_more_doubt_is_more_distance_and_both_solvers_agree() -> None:
    declared = loop(api={"target": None, "limits": (9.5, 10.5), "backoff": 2.0, "minimise": 0.5})
    ours, reference = made(declared, FULL), made(declared, IpoptSettings())
    ends: list[float] = []
    for sd in (0.0, 0.05, 0.1):
        shown = posed(declared, SOFT_API=Sample(10.0, Quality.GOOD, AT, AT, sd=sd))
        problem = replace(aimed(declared, 3), state=STEADY, inputs=U, lowest=shown.lowest, highest=shown.highest)
        plan = ours.solve(problem)
        assert (np.abs(plan.moves[0] - reference.solve(problem).moves[0]) < 0.01 * MAX_MOVE).all()
        ends.append(float(plan.outputs[-1, 0]))
    assert ends == pytest.approx([9.5, 9.6, 9.7], abs=0.01)


def test_nothing_of_the_outlook_disturbs_a_loop_without_one() -> None:
    assert kit_of("blend", LOOP, POLICY).outlook is None
    assert somewhere(1).lowest.size == 0


@pytest.mark.parametrize(
    ("old", "new", "sentences"),
    [
        ("target: 10,", "backoff: 2,", []),
        ("target: 10,", "confidence: 95,", []),
        (
            "target: 10,",
            "backoff: 2, confidence: 95,",
            ["loops.blend.controlled.api.confidence: found confidence beside backoff, expected one of them"],
        ),
        (
            "target: 10,",
            "confidence: 100,",
            ["loops.blend.controlled.api.confidence: found 100, expected a number above 50 and below 100 in %"],
        ),
        (
            "target: 10,",
            "target: 10, coming: {next: 10.2, at: F.PV},",
            [
                (
                    "loops.blend.controlled.api.coming: found coming beside a target that is a number, "
                    "expected the tag that shows the target"
                ),
                "loops.blend.controlled.api.coming.at: " + NO_TIME,
            ],
        ),
    ],
)
def test_words_of_the_outlook_are_checked(old: str, new: str, sentences: list[str]) -> None:
    assert GOOD.count(old) == 1
    assert said(GOOD.replace(old, new)) == sentences


@pytest.mark.parametrize(
    ("written", "sentences"),
    [
        ("F.PV", []),
        ("{tag: F.PV}", []),
        (
            "{tag: F.PV, next: 3}",
            ["loops.blend.known.k.next: found next alone, expected next and at together"],
        ),
        ("{tag: F.PW}", ["loops.blend.known.k.tag: found 'F.PW', expected the name of a tag; did you mean 'F.SP'?"]),
        ("{tagg: F.PV}", ["loops.blend.known.k.tagg: unknown key; did you mean 'tag'?"]),
        ("3", ["loops.blend.known.k: found 3, expected the name of a tag, or a section with tag, next and at"]),
    ],
)
def test_a_known_input_is_a_tag_alone_or_in_a_section(written: str, sentences: list[str]) -> None:
    assert said(GOOD.replace("known: {exc: F.EXC}", f"known: {{k: {written}}}")) == sentences
