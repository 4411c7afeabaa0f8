"""People at the terminal are told of alarms once, and how many wait for them."""

from __future__ import annotations

from test_alarm_lifecycle import Watched

from controller.cli.alarmed import sentences, unseen
from controller.cycle import CarryAlarms, Cycle, Order


def cycles(bench: Watched, *values: float) -> list[Cycle]:
    found = list[Cycle]()
    for value in values:
        bench.values["Y"] = value
        found.append(Cycle(0, bench.snapshot(), (), (), bench.cycle(), ()))
    return found


def test_what_only_the_policy_raises_is_said_with_what_to_do() -> None:
    said = [each for cycle in cycles(Watched(), 1.0, 4.0, 4.0, 1.0) for each in sentences(cycle)]
    assert said == [
        "ALARM y_high [high, operator] Y is 4, above 3; Lower it.",
        "alarm y_high [high, operator] cleared, returned unacknowledged now",
    ]


def test_how_many_wait_is_said_until_somebody_saw_them() -> None:
    bench, waits = Watched(), unseen()
    (cycle,) = cycles(bench, 4.0)
    assert waits(cycle) == "  alarms not acknowledged: 1"
    decision = bench.order("acknowledge")
    assert waits(Cycle(1, bench.snapshot(), (), (), decision, ())) == ""


def test_what_the_run_before_left_is_said() -> None:
    bench = Watched()
    cycles(bench, 4.0)
    again = Watched()
    again.values["Y"] = 4.0
    decision = again.cycle(Order("system", "as before", CarryAlarms(tuple(bench.alarms.values()))))
    cycle = Cycle(0, again.snapshot(), (), (), decision, ())
    assert list(sentences(cycle)) == ["alarm y_high is unacknowledged, as the run before left it"]
