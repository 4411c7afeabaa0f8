"""A scenario claims that a fault becomes one incident, of a unit, in time; and what runs tell of incidents."""

from pathlib import Path
from typing import Any, cast

import pytest
from fakes import MOVER

from hil.library import find, open_scenario
from hil.outcome import Outcome, outcome_of, plain
from hil.report import write_html
from hil.rig.play import in_memory
from hil.scenario import Scenario
from policies import PolicyError

CLAIMS: dict[str, dict[str, Any]] = {
    "soon": {"fault": "F04", "within": "15m", "at_most": 1},
    "where": {"fault": "F04", "within": "15m", "unit": "API feeder", "cause": "sensor"},
    "named": {"after": "5m", "within": "15m", "reading": "load cell of the API feeder shows too much"},
    "too_soon": {"fault": "F04", "within": "1s"},
    "elsewhere": {"fault": "F04", "within": "15m", "unit": "press"},
    "otherwise": {"fault": "F04", "within": "15m", "cause": "process"},
}


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    scenario, policy = open_scenario(find("a_demo"))
    claims = {n: {"kind": "incident", "requirement": "It is told as one", **c} for n, c in CLAIMS.items()}
    told = Scenario.model_validate(
        {
            "scenario": 1,
            "title": "A load cell is off",
            "line": "A",
            "for": "20m",
            "faults": [{"id": "F04", "target": "FDR_API", "after": "5m", "magnitude": 0.1}],
            "assertions": claims,
        }
    )
    assert scenario.line == told.line
    return outcome_of("load_cell", in_memory(told, policy, 7, build=MOVER))


def test_an_incident_is_judged_by_time_unit_cause_and_number(outcome: Outcome) -> None:
    judged = {finding.id: finding.passed for finding in outcome.findings}
    assert judged == {
        "soon": True,
        "where": True,
        "named": True,
        "too_soon": False,
        "elsewhere": False,
        "otherwise": False,
    }
    found = next(finding for finding in outcome.findings if finding.id == "where")
    assert found.found.startswith("load cell of the API feeder shows too much (sensor), opened at ")
    assert found.wanted == "an incident of API feeder (sensor) opens between 300 s and 1200 s"


def test_the_result_tells_incidents_and_which_fault_they_came_with(outcome: Outcome) -> None:
    told = plain(outcome)
    (one,) = cast("list[dict[str, Any]]", told["incidents"])
    assert (one["unit"], one["kind"]) == ("API feeder", "sensor")
    assert len(one["signs"]) <= 3
    assert one["calls"][0] == pytest.approx(one["opened"], abs=1.0)
    (fault,) = cast("list[dict[str, Any]]", told["faults"])
    assert fault["incidents"] == (one["id"],)


def test_the_page_shows_incidents_with_their_step(outcome: Outcome, tmp_path: Path) -> None:
    write_html(tmp_path / "page.html", [outcome])
    page = (tmp_path / "page.html").read_text()
    assert "load cell of the API feeder shows too much" in page
    assert "SOP-FDR-02, step 5" in page


def test_a_claim_about_what_the_policy_does_not_name_is_refused(tmp_path: Path) -> None:
    head = "scenario: 1\ntitle: t\nline: A\nfor: 5m\nassertions:\n"
    claim = "  {}: {{kind: incident, requirement: It is one, within: 1m, {}}}\n"
    file = tmp_path / "x.scenario.yaml"

    def said(**claims: str) -> str:
        file.write_text(head + "".join(claim.format(name, more) for name, more in claims.items()))
        with pytest.raises(PolicyError) as caught:
            open_scenario(file)
        return str(caught.value)

    assert "found fault and after, wanted one of them" in said(one="fault: F04, after: 1m")
    both = said(one="unit: API feedr", two="reading: nothing of the kind")
    assert "assertions.one.unit: found 'API feedr'; did you mean 'API feeder'?" in both
    assert "assertions.two.reading: found 'nothing of the kind'" in both
