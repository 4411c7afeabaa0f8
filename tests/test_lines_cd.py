"""Lines C and D under their shipped policies: quiet when nothing is wrong, and outspoken when something is."""

import pytest

from hil.rig.play import in_memory
from hil.scenario import Scenario
from policies import load, shipped


def told(line: str, for_: str, seed: int, *faults: dict[str, str | float]) -> set[str]:
    played = in_memory(
        Scenario.model_validate({"scenario": 1, "title": "a day", "line": line, "for": for_, "faults": faults}),
        load(shipped(line)),
        seed,
    )
    return {alert.watch for alert in played.ran.tally.alerts}


@pytest.mark.parametrize(("line", "for_"), [("C", "30m"), ("D", "3h")])
def test_a_quiet_line_raises_no_alert(line: str, for_: str) -> None:
    assert told(line, for_, 321) == set()


@pytest.mark.slow
def test_a_day_on_which_the_conductivity_wanders_as_it_does_by_itself_is_silent() -> None:
    assert told("D", "24h", 961) == set()


@pytest.mark.parametrize(
    ("fault", "target", "watch"),
    [
        ("F60", "P1", "pump_1"),
        ("F61", "R1", "coil_pressure"),
        ("F63", "R2", "hydrogen"),
    ],
)
def test_what_goes_wrong_in_the_flow_synthesis_is_told(fault: str, target: str, watch: str) -> None:
    assert watch in told("C", "12m", 322, {"id": fault, "target": target, "after": "2m"})


def test_a_weak_stock_is_seen_behind_the_coil() -> None:
    assert {"coil_nitro"} <= told("C", "15m", 322, {"id": "C01", "target": "P1", "after": "2m", "magnitude": 0.1})


def test_a_peak_that_was_never_there_is_told() -> None:
    assert told("C", "25m", 322, {"id": "F65", "target": "P3", "after": "2m"}) == {"peaks", "unknown", "impurities"}


@pytest.mark.parametrize(
    ("fault", "target", "watch"),
    [
        ("D01", "BR2", "branch_2"),
        ("D02", "PUMP", "loop_flow"),
        ("D03", "HX", "supply"),
        ("D05", "STILL", "toc"),
        ("D06", "BR1", "warmth_1"),
    ],
)
def test_what_goes_wrong_in_the_hot_loop_is_told(fault: str, target: str, watch: str) -> None:
    assert watch in told("D", "60m", 322, {"id": fault, "target": target, "after": "10m"})
