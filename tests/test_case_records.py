"""Cases in records: made again bit for bit, carried into the next run, shown for review, counted, drafted from."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from case_bench import AT, asked, followed, raised, recorded, signature

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
    Propose,
    Value,
)
from controller.cases import history
from controller.cases.checked import checked, intact
from controller.cases.draft import drafted
from controller.cases.judging import frozen
from controller.cases.rates import rates
from controller.cli.app import status
from controller.kit import Kit, prepare
from controller.records.replay import replay
from policies import load, shipped
from policies.library import read
from policies.people import Meaning


@pytest.fixture(scope="module")
def kit() -> Kit:
    return prepare(load(shipped("C")))


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
    out = tmp_path / "oot.html"
    assert status(["report", "oot", str(open_), str(after), "--out", str(out)]) == 0
    assert "<td>record-1 " in out.read_text()
    assert "<td>record-2 " in out.read_text()
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


def test_what_is_refused_is_in_the_audit_trail(kit: Kit, tmp_path: Path) -> None:
    case = raised(kit.policy)
    orders = {0: followed(case)[0], 1: [asked("lena", Dispose(case.id, Disposition.REJECTED))]}
    kept = history.kept(recorded(tmp_path / "record", kit, orders))
    told = [str(said["what"]) for _, said in kept.deeds[case.id] if said["kind"] == "event"]
    assert len(told) == 1
    assert "refused: nobody has taken it in hand" in told[0]
    assert "(asked by lena)" in told[0]


def test_a_case_without_a_library_shows_its_tags_out_of_the_record(kit: Kit, tmp_path: Path) -> None:
    case = raised(kit.policy)
    value = Value("R2.T_PV", 91.0, "Cel", "good", AT)
    bare = replace(case.evidence, at=AT + 20.0, window=None, matched=False, chances={}, values=(value,))
    case = replace(case, evidence=bare, digest=frozen(bare))
    record = recorded(tmp_path / "record", kit, {0: followed(case)[0]})
    out = tmp_path / "oot.html"
    assert status(["report", "oot", str(record), "--out", str(out)]) == 0
    assert "R2.T_PV [Cel]" in out.read_text()


def test_without_a_name_the_report_shows_every_case_or_says_there_is_none(
    kit: Kit, closed: Path, tmp_path: Path
) -> None:
    other = raised(kit.policy, "C-OOT-1-7")
    more = recorded(tmp_path / "more", kit, {0: [asked("system", Carry(other.id, other))]})
    none, out, said = recorded(tmp_path / "none", kit, {}), tmp_path / "oot.html", tmp_path / "oot.json"
    assert status(["report", "oot", str(closed), str(more), "--out", str(out), "--json", str(said)]) == 0
    assert [one["case"] for one in json.loads(said.read_text())["cases"]] == ["C-OOT-1-1", "C-OOT-1-7"]
    assert "case C-OOT-1-7</h1>" in out.read_text()
    assert status(["report", "oot", str(none), "--out", str(out)]) == 0
    assert "There is no case in these records." in out.read_text()


def test_where_there_is_no_case_a_sentence_says_so_instead_of_an_empty_table(
    kit: Kit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = str(recorded(tmp_path / "quiet", kit, {}))
    assert status(["case", "list", record]) == 0
    assert capsys.readouterr().err == "There is no case in these records.\n"
    assert status(["report", "rates", record]) == 0
    told = capsys.readouterr().err
    assert "By product and method: none\nOpen cases: none\n" in told
    assert "stage" not in told
    assert status(["case", "show", record, "--case", "C-1"]) == 2
    assert capsys.readouterr().err.strip() == "found C-1, but there is no case in these records"
