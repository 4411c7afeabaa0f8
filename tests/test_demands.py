"""A policy moves nothing without the signatures it demands, and takes orders from users alone where it says so."""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue

import pytest
from stationed import FIRST, NOW, OWN, signs, spoken, station

from anomaly.cases import Countersign, Dispose, Disposition, DoStep, EnterResult, Propose, Return
from controller.cli.access import Station, begun, gate
from controller.cli.app import status
from controller.cli.ends import Refused
from controller.cli.orders import Listener, parse
from controller.cycle import Accept, Act, Mode, Order, SetLimits, SetMode, SetTarget
from controller.desk import Desk, Timed
from controller.kit import prepare
from controller.people import Denied, People, User
from controller.rights import needed
from plant_io.clocks import WallClock
from policies import load
from policies.people import Meaning, Right, Role

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"


@pytest.fixture
def people(tmp_path: Path) -> People:
    return station(tmp_path)


def policy(tmp_path: Path, demands: str) -> Path:
    file = tmp_path / "column.yaml"
    file.write_text(EXAMPLE.read_text() + f"\npeople: {{{demands}}}\n")
    return file


@pytest.fixture
def asked() -> Iterator[list[int]]:
    """Open file descriptors that give passwords."""
    opened: list[int] = []
    yield opened
    for descriptor in opened:
        os.close(descriptor)


def at(people: People, user: str | None, asked: list[int], *lines: str) -> Station:
    asked.append(spoken(*lines))
    return Station(people.directory, user, str(people.directory.parent / "pki"), asked[-1])


def test_a_policy_without_the_signatures_it_demands_does_not_start(
    people: People, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = policy(tmp_path, "signatures: [authorship, approval]")
    for mode in ("auto", "advisory", "shadow"):
        assert status(["run", str(file), "--mode", mode, "--people", str(people.directory)]) == 2
        said = capsys.readouterr().err
        assert "wanted signatures for authorship, approval, each by another person; found none" in said
        assert said.count("\n") == 1


def test_where_that_is_declared_it_runs_in_shadow(people: People, tmp_path: Path) -> None:
    file, here = policy(tmp_path, "signatures: [approval], unsigned: shadow"), Station(people.directory)
    barred, _ = begun(load(file), file, "shadow", here)
    assert barred.startswith("wanted signatures for approval")
    for mode in ("auto", "advisory"):
        with pytest.raises(Refused, match="wanted signatures for approval"):
            begun(load(file), file, mode, here)


def test_with_them_it_starts(people: People, tmp_path: Path) -> None:
    file = policy(tmp_path, "signatures: [authorship, approval]")
    signs(people, "eli", Meaning.AUTHORSHIP, file)
    signs(people, "ana", Meaning.APPROVAL, file)
    assert begun(load(file), file, "auto", Station(people.directory)) == ("", "command line")


def test_without_users_of_the_station_no_signature_counts(tmp_path: Path) -> None:
    file = policy(tmp_path, "signatures: [approval]")
    with pytest.raises(Refused, match="there are no users here"):
        begun(load(file), file, "auto", Station(tmp_path / "none"))


def test_in_a_run_that_may_move_nothing_orders_to_move_are_turned_down_and_stay_in_the_record() -> None:
    kit, inbox = prepare(load(EXAMPLE)), SimpleQueue[Order]()
    desk = Desk(kit, WallClock(), (Timed(0.0, Order("eli", "go", SetMode("column", Mode.AUTO))),), inbox, None, 0.0)
    desk.barred = "wanted signatures"
    inbox.put(Order("ana", "yes", Accept("column", 1.0)))
    inbox.put(Order("ana", "back", SetMode("column", Mode.OFF)))
    placed = list(desk())
    assert [order.act for order in placed] == [
        SetMode("column", Mode.SHADOW), SetMode("column", Mode.SHADOW), SetMode("column", Mode.OFF),
    ]  # fmt: skip
    assert placed[0].why == "refused: wanted signatures; asked: go"


@pytest.mark.parametrize(
    ("mode", "user", "allowed"),
    [("auto", "olga", True), ("auto", "eli", True), ("shadow", "olga", True), ("auto", "ana", False)],
)
def test_who_begins_a_run_is_a_user_who_may(
    people: People, tmp_path: Path, asked: list[int], mode: str, user: str, *, allowed: bool
) -> None:
    file = policy(tmp_path, "orders: users")
    if allowed:
        assert begun(load(file), file, mode, at(people, user, asked, OWN)) == ("", user)
        with pytest.raises(Denied, match="the name or the password is wrong"):
            begun(load(file), file, mode, at(people, user, asked, FIRST))
    else:
        with pytest.raises(Denied, match="the role qa may not start a run"):
            begun(load(file), file, mode, at(people, user, asked, OWN))
    with pytest.raises(Refused, match="found no --user"):
        begun(load(file), file, mode, at(people, None, asked, OWN))


def test_a_program_starts_a_run_but_puts_no_loop_in_service(people: People, tmp_path: Path, asked: list[int]) -> None:
    admin = people.allowed("chief", OWN, Right.ADMINISTER, NOW)
    people.add(admin, User("robot", "Start script", Role.SERVICE), FIRST, "starts runs", NOW)
    people.password(people.known("robot", FIRST, NOW), "robot", OWN, "its own", NOW)
    file = policy(tmp_path, "orders: users")
    assert begun(load(file), file, "shadow", at(people, "robot", asked, OWN)) == ("", "robot")
    with pytest.raises(Denied, match="the role service may not put loops in service"):
        begun(load(file), file, "auto", at(people, "robot", asked, OWN))


def typed(people: People, tmp_path: Path, asked: list[int], line: str, monkeypatch: pytest.MonkeyPatch) -> list[Order]:
    file, inbox = policy(tmp_path, "orders: users"), SimpleQueue[Order]()
    through = gate(load(file), at(people, None, asked, OWN))
    monkeypatch.setattr("sys.stdin", io.StringIO(line + "\n"))
    Listener(inbox, ("column",), through)._listen()
    return [inbox.get_nowait() for _ in range(inbox.qsize())]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("olga: auto line is steady", ""),
        ("ana: auto line is steady", "the role qa may not put loops in service"),
        ("ana: shadow", "the role qa may not give loops back"),
        ("chief: limits r -0.1 0.1 worn valve", "the role admin may not set limits and targets"),
        ("nobody: auto line is steady", "the name or the password is wrong"),
        ("auto line is steady", "wanted who orders it first"),
    ],
)
def test_orders_are_taken_from_users_who_may_place_them(
    people: People, tmp_path: Path, asked: list[int], line: str, said: str, *,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    found = typed(people, tmp_path, asked, line, monkeypatch)
    if said:
        assert found == []
        assert said in capsys.readouterr().err.replace("\n", " ")
    else:
        assert found == [Order("olga", "line is steady", SetMode("column", Mode.AUTO))]


def test_where_the_policy_asks_nobody_orders_are_taken_as_before(people: People, tmp_path: Path) -> None:
    file = policy(tmp_path, "orders: anybody")
    assert gate(load(file), Station(people.directory)) is None


def test_every_kind_of_order_takes_a_right() -> None:
    acts: dict[Right, list[Act]] = {
        Right.LEAD: [SetMode("a", Mode.AUTO), SetMode("a", Mode.ADVISORY), Accept("a", 0.0)],
        Right.RELEASE: [SetMode("a", Mode.SHADOW), SetMode("a", Mode.OFF)],
        Right.FOLLOW: [DoStep("c", "s"), EnterResult("c", "t", "1 %", "confirms"), Propose("c", "e", "d")],
        Right.JUDGE: [Dispose("c", Disposition.REJECTED), Countersign("c", Disposition.REJECTED, ""), Return("c")],
        Right.ADJUST: [SetLimits("a", "x", None), SetTarget("a", "x", None)],
    }
    assert all(needed(act) is right for right, placed in acts.items() for act in placed)
    assert parse("shadow", "ana", ("a",), {})[0].act == SetMode("a", Mode.SHADOW)
