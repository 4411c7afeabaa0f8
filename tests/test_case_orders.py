"""Orders about cases reach a run from another program, signed by users who may place them."""

from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import pytest
from case_bench import AT, raised, signature
from stationed import NOW, OWN, spoken, station

from anomaly.cases import (
    Carry,
    CaseAct,
    Dispose,
    Disposition,
    DoStep,
    Signed,
)
from controller.cases.checked import checked
from controller.cases.post import Letter, Post, left
from controller.cli.asking import Asker
from controller.cli.case_sign import Signs
from controller.cli.ends import Refused
from controller.cycle import Order
from controller.kit import Kit, prepare
from controller.people import Denied, People
from controller.runtime import Options
from controller.signed import entered
from plant_io.clocks import WallClock
from policies import Policy, load, shipped
from policies.approval import Statement
from policies.people import Meaning


@pytest.fixture(scope="module")
def kit() -> Kit:
    return prepare(load(shipped("C")))


def box(policy: Policy, record: Path, people: People) -> tuple[Post, SimpleQueue[Order], list[str]]:
    options, said = Options(record=record), list[str]()
    return Post(options, policy, lambda: people, said.append), options.inbox, said


def test_an_order_left_beside_a_record_is_taken_in_once(kit: Kit, tmp_path: Path) -> None:
    post, inbox, said = box(kit.policy, tmp_path, station(tmp_path))
    file = left(tmp_path, Letter("lena", "kept", DoStep("C", "secure")))
    post.collect()
    post.collect()
    assert inbox.get_nowait() == Order("lena", "kept", DoStep("C", "secure"))
    assert (inbox.empty(), said, file.exists()) == (True, [], False)


def test_what_is_no_order_is_refused_said_and_removed(kit: Kit, tmp_path: Path) -> None:
    post, inbox, said = box(kit.policy, tmp_path, station(tmp_path))
    case = raised(kit.policy)
    left(tmp_path, Letter("eve", "mine", Carry(case.id, case)))
    (tmp_path / "orders" / "x.json").write_text("{]")
    post.collect()
    assert inbox.empty()
    assert len(said) == 2
    assert list((tmp_path / "orders").iterdir()) == []


def ordered(people: People, who: str, act: CaseAct, at: float) -> Letter:
    plain = Letter(who, "why", act)
    statement = Statement(
        act="order", file="C", sha256=plain.sha256, who=who, why="why", at=at, key="", user=who,
        meaning=Meaning.AUTHORSHIP,
    )  # fmt: skip
    made = entered(people, people.known(who, OWN, NOW + 60.0), statement)
    return replace(plain, approval=made.model_dump_json(exclude_none=True))


@pytest.mark.parametrize(
    ("who", "act", "refused"),
    [
        ("ana", Dispose("C", Disposition.REJECTED), ""),
        ("olga", DoStep("C", "secure"), ""),
        ("olga", Dispose("C", Disposition.REJECTED), "the role operator may not judge cases"),
        ("eli", Dispose("C", Disposition.REJECTED), "the role engineer may not judge cases"),
    ],
)
def test_where_users_order_their_signature_and_role_are_seen_to(
    who: str, act: CaseAct, refused: str, kit: Kit, tmp_path: Path
) -> None:
    people = station(tmp_path)
    post, inbox, said = box(users_only(kit.policy), tmp_path, people)
    left(tmp_path, ordered(people, who, act, WallClock().now()))
    post.collect()
    assert inbox.empty() is bool(refused)
    assert (not said) if not refused else refused in said[0]


def users_only(policy: Policy) -> Policy:
    return policy.model_copy(update={"people": policy.people.model_copy(update={"orders": "users"})})


@pytest.mark.parametrize(
    ("how", "refused"),
    [("unsigned", "is not signed"), ("old", "signed more than 600 s ago"), ("other", "does not count")],
)
def test_an_order_without_a_fresh_signature_of_its_own_is_refused(
    how: str, refused: str, kit: Kit, tmp_path: Path
) -> None:
    people, now = station(tmp_path), WallClock().now()
    letter = {
        "unsigned": Letter("ana", "why", DoStep("C", "secure")),
        "old": ordered(people, "ana", DoStep("C", "secure"), now - 3600.0),
        "other": replace(ordered(people, "ana", DoStep("C", "secure"), now), act=DoStep("C", "extent")),
    }[how]
    post, inbox, said = box(users_only(kit.policy), tmp_path, people)
    left(tmp_path, letter)
    post.collect()
    assert inbox.empty()
    assert refused in said[0]


def test_a_signature_that_no_user_of_the_station_made_is_not_taken_in(kit: Kit, tmp_path: Path) -> None:
    case = raised(kit.policy)
    forged = Dispose(case.id, Disposition.CONFIRMED, signature(case, "ana", Meaning.REVIEW, "why"))
    post, inbox, said = box(kit.policy, tmp_path, station(tmp_path))
    left(tmp_path, Letter("ana", "why", forged))
    post.collect()
    assert inbox.empty()
    assert "is not that of the user ana" in said[0]


def test_the_command_line_signs_a_disposition_with_the_password_of_a_user(kit: Kit, tmp_path: Path) -> None:
    people, case = station(tmp_path), raised(kit.policy)
    way = Way("gauge reads it too")
    signs = Signs(people, Asker(spoken(OWN)), case, kit.policy)
    text = signs.judged(Disposition.CONFIRMED, way.why, way)
    letter = signs.letter(Dispose(case.id, Disposition.CONFIRMED, text), way)
    assert (letter.who, letter.approval) == ("ana", "")
    signed_ = (Signed("ana", "review", AT, text),)
    judged = replace(case, disposition=Disposition.CONFIRMED, why=way.why, signatures=signed_)
    (one,) = checked(judged, people)
    assert (one.wrong, one.known) == ("", True)


@pytest.mark.parametrize(
    ("user", "refused"),
    [(None, "found no --user"), ("olga", "the role operator may not judge cases"), ("eli", "may not judge cases")],
)
def test_the_command_line_signs_for_nobody_who_may_not(
    user: str | None, refused: str, kit: Kit, tmp_path: Path
) -> None:
    signs = Signs(station(tmp_path), Asker(spoken(OWN)), raised(kit.policy), kit.policy)
    with pytest.raises((Refused, Denied), match=refused):
        signs.judged(Disposition.CONFIRMED, "why", Way("why", user))


@dataclass(frozen=True)
class Way:
    why: str
    user: str | None = "ana"
