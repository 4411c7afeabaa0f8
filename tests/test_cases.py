"""A case goes on by one table, keeps what was frozen, and is judged by whom the policy says."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from anomaly import Alert, engine
from anomaly.alerts import Sign
from anomaly.case_table import TABLE, CaseRefused, Happening, Stage, follow
from anomaly.cases import (
    Carry,
    Case,
    CaseAct,
    CaseState,
    Countersign,
    Dispose,
    Disposition,
    DoStep,
    EnterResult,
    Propose,
    Reopen,
    Return,
)
from anomaly.incident import IncidentState
from controller.cases import life, plain
from controller.cases.judging import frozen, subject
from controller.cases.kit import CaseKit
from controller.cases.life import Asked, Worked
from controller.cases.opening import Seen
from controller.kit import prepare
from controller.records import codec
from plant_io import Snapshot, TagIndex
from policies import Lane, Policy, load, shipped
from policies.approval import Statement, signed
from policies.cases import Cases
from policies.people import Meaning

AT = 1_800_000_000.0
STEPS = {
    "secure": {"what": "Keep the samples", "owner": "lab", "within": "1h"},
    "test": {"what": "Confirm it", "owner": "lab", "within": "4h", "confirms": True, "escalates": "operator"},
}
KEYS = {"ana": bytes(range(32)), "ben": bytes(range(1, 33))}


def policy() -> Policy:
    return load(shipped("C"))


@pytest.fixture(scope="module")
def kit() -> CaseKit:
    made = prepare(policy().model_copy(update={"cases": Cases.model_validate({"steps": STEPS})}))
    assert made.cases is not None
    return replace(made.cases, folds=False)


def demanding(kit: CaseKit, *meanings: Meaning) -> CaseKit:
    return replace(kit, declared=Cases.model_validate({"steps": STEPS, "signatures": [m.value for m in meanings]}))


def alert(at: float = AT, entry: str = "catalyst") -> Alert:
    return Alert(
        at=at,
        watch="impurities",
        lane=Lane.LOCKED,
        active=True,
        what=f"a trend {entry}",
        score=60.0,
        limit=34.0,
        priority="high",
        route="qa",
        response="Open a case.",
        evidence={"catalyst probability [1]": 0.9, "unknown probability [1]": 0.1, "began before [s]": 3600.0},
        signs=(Sign("PEAK.NITRO", 7.0), Sign("PEAK.IMP_H", 3.0)),
        onset=at - 3600.0,
        entry=entry,
    )


def seen(*alerts: Alert, at: float = AT) -> Seen:

    watches = engine.start(engine.prepare(policy()))
    points = tuple(tuple(float(i + j) for j in range(14)) for i in range(3))
    trends = tuple(replace(one, slot=5_000_000, points=points, base=(0.0,) * 14) for one in watches.trends)
    line = Snapshot.empty(at, TagIndex.of(policy()))
    return Seen(line, replace(watches, trends=trends), alerts, (), IncidentState())


def raised(kit: CaseKit, entry: str = "catalyst") -> CaseState:
    return life.told(seen(alert(entry=entry)), CaseState(), kit)[0]


def does(state: CaseState, kit: CaseKit, *acts: tuple[str, CaseAct], at: float = AT + 60.0) -> Worked:
    asked = [Asked(who, "as it was found", act, at) for who, act in acts]
    return life.work(asked, at, state, kit)


def only(worked: Worked) -> Case:
    assert worked.refused == ()
    return worked.state.cases[0]


def judged(kit: CaseKit, disposition: Disposition = Disposition.CONFIRMED, entry: str = "catalyst") -> Worked:
    state = raised(kit, entry)
    name = state.cases[0].id
    result = EnterResult(name, "hydrogen uptake", "3.1 mmol/min", "confirms", "LIMS 17")
    return does(state, kit, ("ana", DoStep(name, "secure")), ("ana", result), ("ana", Dispose(name, disposition)))


@pytest.mark.parametrize(("stage", "happening"), list(product(Stage, Happening)))
def test_every_pair_leads_to_a_stage_or_is_refused_with_one_sentence(stage: Stage, happening: Happening) -> None:
    found = TABLE[stage][happening]
    if isinstance(found, Stage):
        assert follow(stage, happening) is found
    else:
        assert found
        assert "\n" not in found
        with pytest.raises(CaseRefused, match=found[:20]):
            follow(stage, happening)


def test_every_stage_is_reached_and_only_a_judged_case_is_closed() -> None:
    reached, open_ = {Stage.RAISED}, [Stage.RAISED]
    while open_:
        leads = {to for to in TABLE[open_.pop()].values() if isinstance(to, Stage)}
        open_ += leads - reached
        reached |= leads
    assert reached == set(Stage)
    assert {stage for stage in Stage for to in TABLE[stage].values() if to is Stage.CLOSED} == {
        Stage.JUDGED,
        Stage.CLOSED,
    }


def test_a_call_of_a_library_opens_a_case_with_its_evidence_frozen(kit: CaseKit) -> None:
    case = raised(kit).cases[0]
    assert (case.id, case.stage, case.evidence.entry) == (f"C-OOT-{AT:.0f}-1", Stage.RAISED, "catalyst")
    assert case.evidence.chances == {"catalyst": 0.9, "": 0.1}
    assert case.evidence.facts == {"began before [s]": 3600.0}
    assert case.evidence.window is not None
    assert np.shape(case.evidence.window.points) == (3, 14)
    assert set(case.evidence.hashes) == {"policy", "line_c.library.yaml", "entry catalyst"}
    assert frozen(case.evidence) == case.digest
    assert case.steps[1].what == ("Confirm it: Hydrogen uptake of the bed at 12 bar; sulphur in the lot of solvent")
    assert case.steps[1].sop == "SOP-RCT-02, step 4"


def test_what_is_told_again_joins_the_open_case_and_changes_nothing_frozen(kit: CaseKit) -> None:
    state = raised(kit)
    again, changed = life.told(seen(alert(AT + 600.0, "hot_bed"), at=AT + 600.0), state, kit)
    assert len(again.cases) == len(changed) == 1
    assert again.cases[0].digest == state.cases[0].digest == frozen(again.cases[0].evidence)
    assert [note.what for note in again.cases[0].notes] == ["a trend hot_bed"]


def test_what_is_told_after_the_case_was_closed_opens_another(kit: CaseKit) -> None:
    state = judged(kit).state
    again, _ = life.told(seen(alert(AT + 900.0), at=AT + 900.0), state, kit)
    assert [case.stage for case in again.cases] == [Stage.CLOSED, Stage.RAISED]


def test_a_case_goes_from_raised_to_closed(kit: CaseKit) -> None:
    case = only(judged(kit))
    assert (case.stage, case.disposition, case.closed) == (Stage.CLOSED, Disposition.CONFIRMED, AT + 60.0)
    assert [task.who for task in case.steps] == ["ana", "ana"]
    assert case.results[0].found == "3.1 mmol/min"


def test_a_late_step_is_told_on_once_and_cleared_when_it_is_done(kit: CaseKit) -> None:
    state = raised(kit)
    name = state.cases[0].id
    early = does(state, kit, at=AT + 3599.0)
    assert early.changed == ()
    late = does(early.state, kit, at=AT + 3600.0)
    assert [(one.active, one.route, one.watch) for one in late.alerts] == [(True, "qa", f"cases.{name}.secure")]
    assert late.state.cases[0].steps[0].escalated == AT + 3600.0
    assert does(late.state, kit, at=AT + 3601.0).changed == ()
    done = does(late.state, kit, ("ana", DoStep(name, "secure")), at=AT + 3700.0)
    assert [(one.active, one.watch) for one in done.alerts] == [(False, f"cases.{name}.secure")]


@pytest.mark.parametrize(
    ("acts", "said"),
    [
        ([Dispose("C", Disposition.CONFIRMED)], "no confirmatory result"),
        ([Dispose("C", Disposition.REJECTED)], "nobody has taken it in hand"),
        ([DoStep("C", "test")], "done when its result is entered"),
        ([DoStep("C", "other")], "no step other; its steps are secure, test"),
        ([DoStep("C", "secure"), DoStep("C", "secure")], "done already, by ana"),
        ([EnterResult("C", "t", " ", "confirms")], "what was found with its unit"),
        ([EnterResult("C", "t", "1 %", "confirms"), Dispose("C", Disposition.CONFIRMED)], "still to be done: secure"),
        (
            [EnterResult("C", "t", "1 %", "refutes"), DoStep("C", "secure"), Dispose("C", Disposition.CONFIRMED)],
            "no res",
        ),
        ([Return("C")], "no disposition to be signed"),
        ([Reopen("C")], "it is not closed"),
        ([Propose("C", "new", "0" * 64)], "only from a closed case"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence_and_leaves_no_trace(
    acts: list[CaseAct], said: str, kit: CaseKit
) -> None:
    state = raised(kit)
    named = [("ana", replace(act, case=state.cases[0].id)) for act in acts]
    before = does(state, kit, *named[:-1]).state if named[:-1] else state
    worked = does(before, kit, named[-1])
    assert [who for who, _ in worked.refused] == ["ana"]
    assert said in worked.refused[0][1]
    assert worked.state.cases == before.cases


def test_an_order_without_a_reason_or_for_no_case_is_refused(kit: CaseKit) -> None:
    state = raised(kit)
    blank = Asked("ana", " ", DoStep(state.cases[0].id, "secure"), AT)
    worked = life.work([blank, Asked("ana", "why", DoStep("X", "secure"), AT)], AT, state, kit)
    assert "found no reason" in worked.refused[0][1]
    assert "no such case" in worked.refused[1][1]


def signature(case: Case, who: str, meaning: Meaning, why: str = "as it was found") -> str:
    statement = Statement(
        act="judge",
        file=case.id,
        sha256=subject(case, Disposition.CONFIRMED, why),
        who=who.title(),
        why=why,
        at=AT,
        key="",
        user=who,
        meaning=meaning,
    )
    return signed(statement, KEYS[who]).model_dump_json(exclude_none=True)


def with_result(kit: CaseKit) -> CaseState:
    state = raised(kit)
    name = state.cases[0].id
    result = EnterResult(name, "hydrogen uptake", "3.1 mmol/min", "confirms")
    return does(state, kit, ("ana", DoStep(name, "secure")), ("ana", result)).state


def test_a_disposition_stands_when_everybody_the_policy_wants_has_signed(kit: CaseKit) -> None:
    two = demanding(kit, Meaning.REVIEW, Meaning.APPROVAL)
    state = with_result(two)
    case = state.cases[0]
    first = does(state, two, ("ana", Dispose(case.id, Disposition.CONFIRMED, signature(case, "ana", Meaning.REVIEW))))
    assert only(first).stage is Stage.JUDGED
    own = Countersign(case.id, Disposition.CONFIRMED, signature(case, "ana", Meaning.APPROVAL))
    assert "each signature is by another person" in does(first.state, two, ("ana", own)).refused[0][1]
    other = Countersign(case.id, Disposition.CONFIRMED, signature(case, "ben", Meaning.APPROVAL))
    last = only(does(first.state, two, ("ben", other)))
    assert (last.stage, [each.who for each in last.signatures]) == (Stage.CLOSED, ["ana", "ben"])


@pytest.mark.parametrize("wrong", ["none", "other reason", "other meaning", "other person"])
def test_a_signature_that_is_not_the_one_wanted_is_refused(wrong: str, kit: CaseKit) -> None:
    one = demanding(kit, Meaning.APPROVAL)
    state = with_result(one)
    case = state.cases[0]
    made = {
        "none": "",
        "other reason": signature(case, "ana", Meaning.APPROVAL, "another"),
        "other meaning": signature(case, "ana", Meaning.REVIEW),
        "other person": signature(case, "ben", Meaning.APPROVAL),
    }[wrong]
    worked = does(state, one, ("ana", Dispose(case.id, Disposition.CONFIRMED, made)))
    assert worked.refused
    assert worked.state.cases == state.cases


def test_a_disposition_sent_back_is_judged_again(kit: CaseKit) -> None:
    two = demanding(kit, Meaning.REVIEW, Meaning.APPROVAL)
    state = with_result(two)
    case = state.cases[0]
    first = does(state, two, ("ana", Dispose(case.id, Disposition.CONFIRMED, signature(case, "ana", Meaning.REVIEW))))
    back = only(does(first.state, two, ("ben", Return(case.id))))
    assert (back.stage, back.disposition, back.signatures) == (Stage.TESTED, None, ())
    assert "confirmed (as it was found) sent back" in back.notes[-1].what


def test_a_closed_case_is_opened_again_with_what_it_was_kept(kit: CaseKit) -> None:
    state = judged(kit).state
    again = only(does(state, kit, ("ben", Reopen(state.cases[0].id))))
    assert (again.stage, again.disposition) == (Stage.IN_HAND, None)
    assert "was confirmed (as it was found), signed by ana" in again.notes[-1].what


def test_an_entry_is_drafted_only_from_a_confirmed_unknown(kit: CaseKit) -> None:
    known, unknown = judged(kit).state, judged(kit, entry="").state
    refused = does(known, kit, ("ana", Propose(known.cases[0].id, "new", "0" * 64)))
    assert "only from an unknown trend" in refused.refused[0][1]
    drafted = only(does(unknown, kit, ("ana", Propose(unknown.cases[0].id, "new", "0" * 64))))
    assert (drafted.stage, drafted.entry) == (Stage.CLOSED, "new")


def test_an_open_case_goes_on_in_another_run_and_who_is_late_is_told_again(kit: CaseKit) -> None:
    late = does(raised(kit), kit, at=AT + 3600.0).state.cases[0]
    carried = Asked("system", "record-1", Carry(late.id, late), AT + 7200.0)
    worked = life.work([carried], AT + 7200.0, CaseState(), kit)
    assert (only(worked).origin, only(worked).digest) == ("record-1", late.digest)
    assert [one.watch for one in worked.alerts] == [f"cases.{late.id}.secure"]


def test_evidence_that_was_changed_on_the_way_goes_on_in_no_run(kit: CaseKit) -> None:
    case = raised(kit).cases[0]
    forged = replace(case, evidence=replace(case.evidence, score=1.0))
    worked = life.work([Asked("system", "r", Carry(case.id, forged), AT)], AT, CaseState(), kit)
    assert "whole evidence" in worked.refused[0][1]


def test_acts_and_cases_come_back_from_the_record_as_they_were(kit: CaseKit) -> None:
    case = only(judged(kit))
    acts: list[CaseAct] = [
        DoStep("C", "s"),
        EnterResult("C", "t", "1 %", "refutes"),
        Dispose("C", Disposition.ANALYTICAL),
        Countersign("C", Disposition.REJECTED, "{}"),
        Return("C"),
        Reopen("C"),
        Propose("C", "e", "d"),
        Carry(case.id, case),
    ]
    assert [codec.pack(plain.act(codec.unpack(codec.pack(act)))) for act in acts] == list(map(codec.pack, acts))
    assert frozen(plain.case(codec.unpack(codec.pack(case))).evidence) == case.digest
