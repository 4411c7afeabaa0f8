"""A case is followed up at the console: steps, a result, a disposition and a second signature, each by who may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from case_bench import AT, raised
from shown import Told, console, show
from stationed import OWN, station

from anomaly.case_table import Stage
from anomaly.cases import Carry, Case
from controller.console.console import Console
from controller.console.trends import contributions, figure, likeness
from controller.cycle import Cycle, Order
from controller.decide import decide
from controller.kit import prepare
from plant_io import Snapshot
from policies import load
from policies.people import Meaning

LINE = Path(__file__).parents[1] / "policies" / "lines" / "c" / "line_c.yaml"
RESULT = {"does": "result", "test": "second gauge", "found": "13.5 bar", "supports": "confirms", "reference": "L 1"}


@pytest.fixture(scope="module")
def line() -> Told:
    policy = load(LINE)
    assert policy.cases is not None
    assert policy.cases.signatures == (Meaning.REVIEW, Meaning.APPROVAL)
    kit = prepare(policy)
    seen = Snapshot.empty(AT, kit.index)
    decision, _ = decide(seen, (), (), kit.start(), kit)
    line = Told(kit, (Cycle(0, seen, (), (), decision, ()),))
    case = raised(policy)
    line.inbox.put(Order("system", "record-0", Carry(case.id, case)))
    return line


@pytest.fixture(scope="module")
def served(line: Told, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with console(line, station(tmp_path_factory.mktemp("station"))) as served:
        show(line, served, 1)
        yield served


def does(served: Console, line: Told, name: str, **sent: str) -> httpx.Response:
    """Let somebody log in and act, and the line take it in."""
    url = served.url.rstrip("/")
    with httpx.Client(base_url=url, headers={"origin": url}, timeout=10.0) as client:
        client.get("/login")
        session = served.hall.sessions.find(client.cookies["steadyline"])
        assert session is not None
        client.post("/login", data={"csrf": session.csrf, "name": name, "password": OWN})
        session = served.hall.sessions.find(client.cookies["steadyline"])
        assert session is not None
        body = {"kind": "case", "case": case(line).id, "why": "as it was found", "password": OWN, **sent}
        headers = {"x-csrf-token": session.csrf, "content-type": "application/json"}
        found = client.post("/api/orders", content=json.dumps(body), headers=headers)
        show(line, served, 1)
        page = client.get(f"/cases/{case(line).id}")
        assert page.status_code == 200
        assert case(line).stage.value in page.text
        return found


def case(line: Told) -> Case:
    return line.state.cases.cases[0]


def test_a_case_goes_its_way_with_the_signatures_of_two(served: Console, line: Told) -> None:
    assert does(served, line, "olga", step="secure").status_code == 202
    assert does(served, line, "olga", **RESULT).status_code == 202
    assert case(line).stage is Stage.TESTED
    assert does(served, line, "olga", does="judge", disposition="confirmed").status_code == 403
    assert does(served, line, "ana", does="judge", disposition="guessed").status_code == 422
    assert does(served, line, "ana", does="judge", disposition="confirmed").status_code == 202
    assert case(line).stage is Stage.JUDGED
    assert does(served, line, "ana", does="countersign").status_code == 202
    assert case(line).stage is Stage.JUDGED
    assert does(served, line, "bob", does="countersign").status_code == 202
    assert case(line).stage is Stage.CLOSED
    assert [(one.who, one.meaning) for one in case(line).signatures] == [("ana", "review"), ("bob", "approval")]


def test_what_is_done_to_no_case_is_refused_in_a_sentence(served: Console, line: Told) -> None:
    found = does(served, line, "ana", case="C-OOT-0-0", does="reopen")
    assert (found.status_code, "there is none of that name" in found.json()["error"]) == (422, True)


def test_the_window_of_a_case_is_drawn_and_told_in_standard_deviations(line: Told) -> None:
    window = case(line).evidence.window
    assert window is not None
    name, far = contributions(window)[0]
    assert name == "R2.PH2_PV"
    assert far > 3.0
    drawn = figure(window, "far")
    assert drawn["levels"] == [-3.0, 3.0]


def test_cases_are_alike_by_their_signs(line: Told) -> None:
    signs = case(line).evidence.signs
    assert likeness(signs, signs) == pytest.approx(1.0)
    assert likeness(signs, ()) == 0.0
