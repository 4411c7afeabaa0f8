"""The libraries of lines B and C name what is wrong with lines that are off, and call unknown what they do not have."""

import pytest
from seen import EPOCH, written

from anomaly import trend, trending
from benchmarks import impurity_lines
from benchmarks.impurity_lines import B, C, Case, Plan, both, last, played, ready, without
from plant_io import Sample
from plant_io.quality import Quality
from policies import load, shipped

POLICY = load(shipped("c"))
KIT = ready(POLICY)[1]


@pytest.mark.parametrize(
    "case", [Case("new_peak", "F65", "P3", magnitude=1.0), Case("aged_column", "F67", "UHPLC", 1800.0)]
)
def test_a_trend_is_told_under_its_name_and_as_unknown_where_the_library_has_no_such_entry(case: Case) -> None:
    known, strange = played(C, 601, [case.laid(C.on_s)], POLICY, [KIT, without(KIT, case.entry)])
    assert last(known) == case.entry
    assert last(strange) == trending.UNKNOWN
    assert [alert.route for alert in known if alert.active] == [KIT.entries[case.entry].routing]


def test_a_barrel_that_fouls_is_told_under_its_name_on_line_b() -> None:
    policy, case = load(shipped("b")), B.cases[4]
    kit = ready(policy)[1]
    known, strange = played(B, 601, [case.laid(B.on_s)], policy, [kit, without(kit, case.entry)])
    assert (last(known), last(strange)) == ("fouled_barrel", trending.UNKNOWN)


def test_two_trends_keep_their_names_as_they_grow_beyond_what_their_courses_follow() -> None:
    (pair,) = [(a, b) for a, b in C.pairs if (a.fault, b.fault) == ("F63", "F65")]
    assert both(C, pair, 601, POLICY, KIT)


@pytest.mark.parametrize("faults", [("F53", "F31"), ("F53", "F04"), ("F31", "F53")])
def test_a_camera_that_reads_wrong_is_told_beside_what_moves_the_granules_too(faults: tuple[str, str]) -> None:
    policy, there = load(shipped("b")), {case.fault: case for case in B.cases}
    first, second = (there[fault] for fault in faults)
    assert both(B, (first, second), 601, policy, ready(policy)[1])


@pytest.mark.slow
@pytest.mark.parametrize("plan", [B, C], ids=lambda plan: plan.line)
@pytest.mark.parametrize("seed", [611, 612])
def test_every_fault_of_the_plan_is_told_under_its_name(plan: Plan, seed: int) -> None:
    told = dict(zip(plan.cases, [name for _, name, _ in impurity_lines.cases(plan, seed)], strict=True))
    known = [case for case in plan.cases if case.entry]
    assert [told[case] for case in known] == [case.entry for case in known]
    assert [case.fault for case in plan.cases if not case.entry and told[case]] == []


def fed(points: int, moved: float, phases: dict[str, str] | None = None) -> list[str]:
    """What is told of a nitro compound that moves so far after twelve points, each point six minutes."""
    state, told = trend.start(KIT), list[str]()
    for k in range(points):
        at = EPOCH + 360.0 * k
        samples = {tag: Sample(one.mean, Quality.GOOD, at, at) for tag, one in KIT.declared.channels.items()}
        for tag, share in (("PEAK.NITRO", 1.0), ("PEAK.IMP_H", 0.7), ("PEAK.IMP_C", 1.0), ("PEAK.IMP_D", -0.3)):
            grown = moved * max(k - 12, 0) / 12.0
            samples[tag] = samples[tag]._replace(value=samples[tag].value + share * grown)
        state, alerts = trend.look(written(at, POLICY, samples), state, KIT, phases if k >= 24 and phases else {})
        told += [alert.what for alert in alerts]
    return told


def test_a_catalyst_that_decays_is_told_with_the_time_to_the_next_limit_and_its_interval() -> None:
    (told,) = fed(24, 0.25)
    assert told.startswith("Catalyst loses activity: explains ")
    assert "It reaches its alert limit of 0.2 % in " in told or "It reaches its action limit of 0.3 % in " in told


def test_what_is_normal_is_what_the_line_was_at_the_beginning_of_its_run() -> None:
    assert fed(30, 0.0) == []


def test_a_watch_rests_while_a_loop_moves_what_it_sees() -> None:
    first, second = fed(28, 0.25, {"synthesis": "active"})
    assert first.startswith("Catalyst loses activity")
    assert second == "Catalyst loses activity: left to other watches, for a loop moves what this one sees."
