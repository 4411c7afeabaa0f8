"""Cases in records: made again bit for bit, carried into the next run, shown for review, counted, drafted from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import pytest
from stationed import NOW, OWN, spoken, station

from anomaly.alerts import Sign
from anomaly.alike import distance
from anomaly.case_table import Stage
from anomaly.cases import (
    Carry,
    Case,
    CaseAct,
    Countersign,
    Dispose,
    Disposition,
    DoStep,
    EnterResult,
    Evidence,
    Propose,
    Signed,
    Task,
    Window,
)
from controller.cases import history
from controller.cases.checked import checked, intact
from controller.cases.draft import drafted
from controller.cases.judging import frozen, subject
from controller.cases.post import Letter, Post, left
from controller.cases.rates import rates
from controller.cli.app import status
from controller.cli.asking import Asker
from controller.cli.case_sign import Signs
from controller.cli.ends import Refused
from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import Kit, prepare
from controller.people import Denied, People
from controller.records.journal import Journal, Keeping
from controller.records.replay import replay
from controller.runtime import Options
from controller.signed import entered
from plant_io import Snapshot
from plant_io.clocks import WallClock
from policies import Policy, Trend, load, shipped
from policies.approval import Statement, signed
from policies.library import read
from policies.people import Meaning

AT = 1_800_000_000.0
KEYS = {"ana": bytes(range(32)), "ben": bytes(range(1, 33))}


@pytest.fixture(scope="module")
def kit() -> Kit:
    return prepare(load(shipped("C")))


def window(policy: Policy) -> Window:
    """Return a window in which the hydrogen steps up by 1.5 bar, half an hour ago."""
    watch = policy.watches["impurities"]
    assert isinstance(watch, Trend)
    rng = np.random.default_rng(7)
    usual = np.array([channel.mean for channel in watch.channels.values()])
    sd = np.array([channel.sd for channel in watch.channels.values()])
    points = usual + 0.1 * sd * rng.standard_normal((30, len(sd)))
    points[25:, list(watch.channels).index("R2.PH2_PV")] += 1.5
    return Window(
        tags=tuple(watch.channels),
        units=tuple(policy.units()[tag] for tag in watch.channels),
        scales=tuple(channel.scale for channel in watch.channels.values()),
        every_s=watch.every_s,
        ends=AT - 100.0,
        points=tuple(map(tuple, points.tolist())),
        normal=tuple(usual.tolist()),
        sd=tuple(sd.tolist()),
    )


def raised(policy: Policy, name: str = "C-OOT-1-1", entry: str = "") -> Case:
    evidence = Evidence(
        at=AT - 100.0,
        onset=AT - 1900.0,
        what="Unknown trend: R2.PH2_PV up 1.5 bar.",
        watches=("impurities",),
        score=80.0,
        limit=34.0,
        priority="high",
        routes=("qa",),
        entry=entry,
        named="",
        matched=True,
        signs=(Sign("R2.PH2_PV", 30.0),),
        chances={"": 0.9, "catalyst": 0.1},
        facts={"began before [s]": 1800.0, "R2.PH2_PV change [bar]": 1.5},
        values=(),
        window=window(policy),
        hashes={"policy": policy.fingerprint},
    )
    steps = (
        Task("secure", "Keep the vials", "lab", AT + 60.0, "SOP 1", "qa", confirms=False),
        Task("identify", "Find the cause", "lab", AT + 3600.0, "SOP 2", "qa", confirms=True),
    )
    return Case(name, Stage.RAISED, "opened", AT - 100.0, AT - 100.0, "", evidence, frozen(evidence), steps)


def signature(case: Case, who: str, meaning: Meaning, why: str) -> str:
    digest = subject(case, Disposition.CONFIRMED, why)
    statement = Statement(
        act="judge", file=case.id, sha256=digest, who=who, why=why, at=AT, key="", user=who, meaning=meaning
    )
    return signed(statement, KEYS[who]).model_dump_json(exclude_none=True)


def recorded(directory: Path, kit: Kit, orders: Mapping[int, Sequence[Order]], count: int = 8) -> Path:
    """Keep a run of some cycles of a line that is not read, with orders by the number of their cycle."""
    policy, state, journal = kit.policy, kit.start(), Journal(directory, Keeping())
    head: dict[str, object] = {"line": policy.line, "fingerprint": policy.fingerprint, "policy_name": "line_c.yaml"}
    journal.head(AT, head | {"files": dict(policy.files), "versions": {}, "station": kit.station})
    for number in range(count):
        seen = Snapshot.empty(AT + 10.0 * number, kit.index)
        given = tuple(orders.get(number, ()))
        decision, state = decide(seen, given, (), state, kit)
        journal.cycle(Cycle(number, seen, given, (), decision, ()))
    journal.tail(AT + 10.0 * count, {"why": "the end"})
    return directory


def asked(who: str, act: CaseAct, why: str = "as found") -> Order:
    return Order(who, why, act)


def followed(case: Case) -> dict[int, list[Order]]:
    """Return orders that take a case from the earlier run to a disposition with two signatures."""
    result = EnterResult(case.id, "Pressure by the second gauge", "13.5 bar", "confirms", "LIMS 1")
    return {
        0: [asked("system", Carry(case.id, case), "record-0")],
        1: [asked("lena", DoStep(case.id, "secure"))],
        2: [asked("lena", result)],
    }


@pytest.fixture(scope="module")
def closed(kit: Kit, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a record in which a case is confirmed and signed by two persons."""
    case, root = raised(kit.policy), tmp_path_factory.mktemp("closed")
    first = history.kept(recorded(root / "tested", kit, followed(case))).cases[case.id]
    one = Dispose(case.id, Disposition.CONFIRMED, signature(first, "ana", Meaning.REVIEW, "regulator too high"))
    both = followed(case) | {
        3: [asked("ana", one, "regulator too high")],
        4: [asked("ben", countersigned(first))],
        5: [asked("ana", Propose(case.id, "hydrogen_high", "0" * 64))],
    }
    return recorded(root / "record", kit, both)


def countersigned(case: Case) -> CaseAct:
    made = signature(case, "ben", Meaning.APPROVAL, "regulator too high")
    return Countersign(case.id, Disposition.CONFIRMED, made)


def test_a_record_with_cases_is_made_again_bit_for_bit(closed: Path) -> None:
    found = replay(closed)
    assert (found.cycles, found.identical, found.first_break) == (8, 8, None)


def test_a_record_tells_how_each_case_stands_and_what_was_done(closed: Path) -> None:
    kept = history.kept(closed, looked=True)
    case = kept.cases["C-OOT-1-1"]
    assert (case.stage, case.disposition, case.entry) == (Stage.CLOSED, Disposition.CONFIRMED, "hydrogen_high")
    assert case.origin == "record-0"
    done = [str(said["what"]) for _, said in kept.deeds[case.id] if said["kind"] == "order"]
    assert done[1:] == [
        "case: step done",
        "case: result entered",
        "case: judged",
        "case: signed",
        "case: library entry drafted",
    ]
    assert kept.verified is not None
    assert kept.verified.broken is None


def test_signatures_are_verified_again_and_a_changed_reason_shows(closed: Path) -> None:
    case = history.kept(closed).cases["C-OOT-1-1"]
    assert intact(case)
    assert [(one.signed.who, one.wrong) for one in checked(case)] == [("ana", ""), ("ben", "")]
    assert all(one.wrong for one in checked(replace(case, why="something else")))
    assert not intact(replace(case, evidence=replace(case.evidence, score=1.0)))


def test_only_open_cases_go_on_in_the_next_run(kit: Kit, closed: Path, tmp_path: Path) -> None:
    assert history.carried(closed) == ()
    open_ = recorded(tmp_path / "record-1", kit, {0: followed(raised(kit.policy))[0]})
    (order,) = history.carried(open_)
    assert isinstance(order.order.act, Carry)
    after = recorded(tmp_path / "record-2", kit, {0: [order.order]})
    case = history.kept(after).cases["C-OOT-1-1"]
    assert (case.change, case.origin) == ("late: secure", "record-0")
    assert replay(after).identical == 8


def test_the_report_shows_the_case_for_review(closed: Path, tmp_path: Path) -> None:
    out, said = tmp_path / "oot.html", tmp_path / "oot.json"
    assert status(["report", "oot", str(closed), "--out", str(out), "--json", str(said)]) == 0
    page = out.read_text()
    wanted = ("13.5 bar", "regulator too high", "holds, key", "SOP 2", "R2.PH2_PV [bar]", "unknown (told)", "intact")
    assert [word for word in wanted if word not in page] == []
    assert "src=" not in page.split("</script>")[-1]
    found = json.loads(said.read_text())
    assert (found["good"], len(found["signatures"]), found["similar"]) == (True, 2, [])


def test_the_report_names_similar_cases_the_nearest_first(kit: Kit, closed: Path, tmp_path: Path) -> None:
    same, other = raised(kit.policy, "C-OOT-1-2"), raised(kit.policy, "C-OOT-1-3", "catalyst")
    changed = replace(other.evidence, signs=(Sign("PEAK.NITRO", 8.0),), chances={"catalyst": 1.0})
    other = replace(other, evidence=changed, digest=frozen(changed))
    carry = [asked("system", Carry(one.id, one)) for one in (other, same)]
    more, said = recorded(tmp_path / "more", kit, {0: carry}), tmp_path / "oot.json"
    case = ["--case", "C-OOT-1-1"]
    assert status(["report", "oot", str(closed), str(more), *case, "--json", str(said)]) == 0
    assert [one["case"] for one in json.loads(said.read_text())["similar"]] == ["C-OOT-1-2", "C-OOT-1-3"]
    assert distance(same.evidence, same.evidence) == pytest.approx(0.0, abs=1e-7)
    assert distance(same.evidence, other.evidence) == distance(other.evidence, same.evidence)


def test_a_case_that_is_not_there_is_refused_in_one_sentence(closed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["report", "oot", str(closed), "--case", "X"]) == 2
    assert "found X, wanted --case with one of C-OOT-1-1" in capsys.readouterr().err.replace("\n", " ")


def test_rates_count_what_people_judged(kit: Kit, closed: Path, tmp_path: Path) -> None:
    open_ = recorded(
        tmp_path / "open", kit, {0: [asked("system", Carry("C-OOT-1-9", raised(kit.policy, "C-OOT-1-9")))]}
    )
    found = rates([history.kept(closed), history.kept(open_)], {"C-OOT-1-1": AT - 700.0})
    (one,) = found.kinds.values()
    assert list(found.kinds) == [("Example amine", "impurities (trend)")]
    assert (one.opened, one.confirmed, one.false, one.open) == (2, 1, 0, 1)
    assert one.detect_s == [600.0]
    assert one.confirm_s == [120.0]
    assert found.tally.told["qa"] == 1
    assert found.tally.watched_s == pytest.approx(160.0)
    assert [case.id for case in found.open] == ["C-OOT-1-9"]
    said, page = tmp_path / "rates.json", tmp_path / "rates.html"
    assert status(["report", "rates", str(closed), str(open_), "--json", str(said), "--out", str(page)]) == 0
    assert json.loads(said.read_text())["budgets"]["qa"]["told"] == 1
    assert "C-OOT-1-9" in page.read_text()


def test_a_case_judged_analytical_or_rejected_is_a_false_alarm(kit: Kit, closed: Path) -> None:
    kept = history.kept(closed)
    for judged in (Disposition.ANALYTICAL, Disposition.REJECTED):
        kept.cases = {name: replace(case, disposition=judged) for name, case in kept.cases.items()}
        found = rates([kept])
        assert (found.judged, found.tally.told["qa"]) == ({"qa": 1}, 1)
    assert kit.policy.budgets.declared["qa"] > 0.0


def test_the_drafted_library_is_a_library_and_only_one_entry_longer(kit: Kit, closed: Path) -> None:
    case = history.kept(closed).cases["C-OOT-1-1"]
    made = drafted(case, "hydrogen_high", "ana", kit.policy)
    old, new = kit.policy.files["line_c.library.yaml"], read(made, "line_c.library.yaml")
    assert made.startswith(old.rstrip(b"\n"))
    entry = new.entries["hydrogen_high"]
    assert (entry.governance.status, entry.governance.approver) == ("draft", "")
    assert entry.signature == {"R2.PH2_PV": (1.0, 1.0)}
    assert entry.least == pytest.approx(0.75, rel=0.1)
    assert [name for name in new.entries if name != "hydrogen_high"] == list(read(old, "l").entries)
    with pytest.raises(ValueError, match="there is an entry catalyst already"):
        drafted(case, "catalyst", "ana", kit.policy)
    known = replace(case, evidence=replace(case.evidence, entry="catalyst"))
    with pytest.raises(ValueError, match="only from an unknown trend"):
        drafted(known, "new", "ana", kit.policy)


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


def test_what_is_refused_is_in_the_audit_trail(kit: Kit, tmp_path: Path) -> None:
    case = raised(kit.policy)
    orders = {0: followed(case)[0], 1: [asked("lena", Dispose(case.id, Disposition.REJECTED))]}
    kept = history.kept(recorded(tmp_path / "record", kit, orders))
    told = [str(said["what"]) for _, said in kept.deeds[case.id] if said["kind"] == "event"]
    assert len(told) == 1
    assert "refused: nobody has taken it in hand" in told[0]
    assert "(asked by lena)" in told[0]
