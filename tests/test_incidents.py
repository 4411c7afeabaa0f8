"""Alerts become incidents: one for one fault, told once, with what speaks for it and where to go."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from anomaly import Alert, Sign, incident, reading
from anomaly.incident import MOST, MOST_IN_S, Change, Incident, IncidentKit, IncidentState, fold
from controller.cli.incidents import sentence, standing
from controller.cycle import Cycle
from controller.kit import Kit
from policies import Ewma, Lane, Policy, Priority, load, shipped
from policies.incidents import Incidents

EPOCH = 1.8e9
POLICY = load(shipped("a"))
UNITS = {
    "API feeder": {"tags": ["FDR_API.W", "FDR_API.F_ACT", "FDR_API.SPAN"], "sop": "SOP-1, step 2"},
    "lubricant feeder": {"tags": ["FDR_LUB.W"], "from": []},
    "blender": {"tags": ["BLD.N_PV"], "from": ["API feeder", "lubricant feeder"]},
    "NIR probe": {"tags": ["SOFT.API.Q", "SOFT.API.GAP"], "instrument": True},
    "press": {"tags": ["PRS.MCF"], "watches": ["nir_fit"], "from": ["blender"]},
}
READINGS = {
    "load cell of the API feeder shows too much": {
        "unit": "API feeder",
        "kind": "sensor",
        "moves": {"SOFT.API.GAP": -1, "FDR_API.SPAN": 1, "FDR_API.F_ACT": 1},
        "sop": "SOP-7, step 3",
    }
}


WATCH = {"kind": "ewma", "reference": {"mean": 0, "sd": 1}, "weight": 0.1, "limit": 4, "response": "Look."}
WATCHES = {f"w{i}": Ewma.model_validate(WATCH | {"tag": tag}) for i, tag in enumerate(POLICY.units())}


def kit(**changes: object) -> IncidentKit:
    """Units and readings of a line on which every tag has a chart."""
    declared = Incidents.model_validate({"units": UNITS, "readings": READINGS} | changes)
    return _kit(POLICY.model_copy(update={"incidents": declared, "watches": WATCHES}))


def _kit(policy: Policy) -> IncidentKit:
    found = incident.prepare(policy)
    assert found is not None
    return found


def alert(after: float, watch: str, *signs: tuple[str, float], ends: bool = False, **more: object) -> Alert:
    base = Alert(
        at=EPOCH + after,
        watch=watch,
        lane=Lane.LOCKED,
        active=not ends,
        what=f"{watch} is off.",
        score=5.0,
        limit=4.0,
        priority="medium",
        route="operator",
        response="Look.",
        signs=tuple(Sign(tag, z) for tag, z in signs),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def told(ready: IncidentKit, alerts: Iterable[Alert], until: float = 7200.0, every: float = 10.0) -> list[Incident]:
    """What is said, where the line is looked at every ten seconds."""
    state, said, waiting = IncidentState(), list[Incident](), sorted(alerts, key=lambda one: one.at)
    for k in range(int(until / every) + 1):
        at = EPOCH + k * every
        now = [each for each in waiting if at - every < each.at <= at]
        state, found = fold(now, at, state, ready)
        said += found
    return said


def changes(said: Iterable[Incident]) -> list[str]:
    return [one.change.value for one in said if one.annunciated]


def shown(incidents: Iterable[Incident]) -> Cycle:
    """As much of a cycle as is looked at by what shows incidents."""
    return cast("Cycle", SimpleNamespace(decision=SimpleNamespace(incidents=tuple(incidents))))


def test_people_read_where_what_who_and_which_step() -> None:
    opened, closed = told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), alert(60.0, "a", ends=True)])
    assert sentence(opened) == (
        "INCIDENT A-1800000000-1 [medium, operator, locked] API feeder (process): a is off; FDR_API.W up 5.0 sd;"
        " 1 watch says so. SOP-1, step 2; Look."
    )
    assert sentence(closed).startswith("incident closed A-1800000000-1 [medium, operator, locked] API feeder")
    assert "Look." not in sentence(closed)


def test_the_line_of_status_names_what_stands() -> None:
    opened, closed = told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), alert(60.0, "a", ends=True)])
    see = standing()
    assert [see(shown(each)) for each in ((), (opened,), (), (closed,))] == [
        "",
        "  incidents: API feeder (process)",
        "  incidents: API feeder (process)",
        "",
    ]


def test_nothing_costs_nothing() -> None:
    state = IncidentState()
    assert fold((), EPOCH, state, kit()) == (state, ())
    assert fold((), EPOCH, state, kit())[0] is state


def test_one_fault_that_many_watches_see_is_one_incident() -> None:
    ready = kit()
    tags = [tag for tag in POLICY.tags if not tag.startswith("FDR_LUB")][:40]
    spread = [alert(30.0 * i, f"w{i}", (tag, 4.0)) for i, tag in enumerate(tags)]
    over = [replace(each, at=EPOCH + 4000.0, active=False) for each in spread]
    said = told(ready, [*spread, *over])
    assert len({one.id for one in said}) == 1
    assert changes(said) == ["opened", "closed"]
    assert len(said[-1].watches) == 40


def test_what_has_nothing_to_do_with_it_is_an_incident_of_its_own() -> None:
    said = told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), alert(70.0, "b", ("FDR_LUB.W", 5.0))], 120.0)
    assert [one.unit for one in said] == ["API feeder", "lubricant feeder"]
    assert len({one.id for one in said}) == 2


def test_a_tag_that_is_hardly_off_does_not_tie_its_unit_to_an_incident() -> None:
    wide = alert(0.0, "line", ("FDR_API.W", 9.0), ("FDR_LUB.W", 2.0))
    said = told(kit(), [wide, alert(70.0, "b", ("FDR_LUB.W", 5.0))], 120.0)
    assert len({one.id for one in said}) == 2


def test_what_comes_at_once_wherever_things_hang_together_is_one_incident() -> None:
    said = told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), alert(60.0, "b", ("FDR_LUB.W", 5.0))], 120.0)
    assert len({one.id for one in said}) == 1


def test_what_is_up_or_down_the_stream_is_the_same_incident() -> None:
    said = told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), alert(600.0, "b", ("PRS.MCF", -5.0))], 900.0)
    assert len({one.id for one in said}) == 1
    assert said[-1].watches == ("a", "b")


def test_units_that_a_loop_moves_together_are_one() -> None:
    units = UNITS | {"excipient feeder": {"tags": ["FDR_EXC.F_ACT"], "from": []}}
    pair = [alert(0.0, "a", ("FDR_API.F_ACT", 5.0)), alert(90.0, "b", ("FDR_EXC.F_ACT", -5.0))]
    assert len({one.id for one in told(kit(units=units), pair, 120.0)}) == 1


def test_what_comes_back_within_the_merge_time_is_the_same_incident() -> None:
    def again(after: float) -> list[Incident]:
        times = [alert(0.0, "a"), alert(100.0, "a", ends=True), alert(after, "a"), alert(after + 100.0, "a", ends=True)]
        return told(kit(), times)

    soon, late = again(100.0 + 1790.0), again(100.0 + 1810.0)
    assert (len({one.id for one in soon}), changes(soon)) == (1, ["opened", "closed", "reopened", "closed"])
    assert (len({one.id for one in late}), changes(late)) == (2, ["opened", "closed"] * 2)


def test_an_incident_closes_when_nothing_of_it_has_stood_for_a_while() -> None:
    said = told(kit(), [alert(0.0, "a"), alert(50.0, "b"), alert(100.0, "a", ends=True), alert(200.0, "b", ends=True)])
    assert said[-1].change is Change.CLOSED
    assert said[-1].closed == said[-1].at == EPOCH + 200.0 + 600.0


def test_only_what_is_more_urgent_or_concerns_others_is_told_again() -> None:
    urgent = alert(20.0, "b", priority="high")
    others = alert(40.0, "c", route="qa")
    said = told(kit(), [alert(0.0, "a"), alert(10.0, "d", priority="low"), urgent, others, alert(60.0, "e")], 60.0)
    assert [one.change.value for one in said] == ["opened", "updated", "raised", "raised", "updated"]
    assert (said[2].priority, said[3].routes) == ("high", ("operator", "qa"))
    later = alert(20.0, "b", priority="high", route="qa")
    assert told(kit(), [alert(0.0, "a"), later], 30.0)[-1].routes == ("qa", "operator")


def test_a_unit_that_is_reached_long_after_people_were_called_calls_them_again() -> None:
    late = alert(3600.0, "b", ("PRS.MCF", 6.0))
    assert changes(told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), late], 3700.0)) == ["opened", "raised"]
    soon = alert(600.0, "b", ("PRS.MCF", 6.0))
    assert changes(told(kit(), [alert(0.0, "a", ("FDR_API.W", 5.0)), soon], 3700.0)) == ["opened"]


def test_signs_that_agree_with_a_reading_are_named_with_its_step() -> None:
    signs = (("SOFT.API.GAP", -6.0), ("FDR_API.SPAN", 4.0), ("FDR_API.F_ACT", 4.5), ("PRS.MCF", 1.0))
    (one,) = told(kit(), [alert(300.0, "a", *signs, onset=EPOCH)], 300.0)
    assert (one.unit, one.kind, one.reading) == ("API feeder", "sensor", next(iter(READINGS)))
    assert one.sop == "SOP-7, step 3"
    assert one.signs == (Sign("SOFT.API.GAP", -6.0), Sign("FDR_API.F_ACT", 4.5), Sign("FDR_API.SPAN", 4.0))
    assert (one.onset, one.opened, one.direction) == (EPOCH, EPOCH + 300.0, "down")
    assert one.what == (
        "API feeder (sensor): load cell of the API feeder shows too much; SOFT.API.GAP down 6.0 sd, FDR_API.F_ACT up"
        " 4.5 sd, FDR_API.SPAN up 4.0 sd; it began about 5 min before it was seen, 1 watch says so."
    )


def test_signs_of_the_other_side_are_another_matter() -> None:
    signs = (("SOFT.API.GAP", 6.0), ("FDR_API.SPAN", -4.0), ("FDR_API.F_ACT", -4.5))
    (one,) = told(kit(), [alert(0.0, "a", *signs)], 0.0)
    assert (one.reading, one.kind, one.sop) == ("", "process", "SOP-1, step 2")


def test_an_instrument_that_shows_most_is_taken_for_the_cause() -> None:
    (one,) = told(kit(readings={}), [alert(0.0, "a", ("SOFT.API.Q", 12.0), ("PRS.MCF", 1.0))], 0.0)
    assert (one.unit, one.kind) == ("NIR probe", "sensor")


def test_a_watch_that_names_no_tag_belongs_where_the_policy_says() -> None:
    (one,) = told(kit(), [alert(0.0, "nir_fit")], 0.0)
    assert one.unit == "press"


def test_without_a_reading_what_was_off_first_is_named_first() -> None:
    cause = alert(0.0, "monitor", ("FDR_API.F_ACT", -6.0), ("FDR_API.N", 2.0))
    effect = alert(60.0, "monitor", ("PRS.MCF", 30.0), ("SOFT.API", -20.0), ("FDR_API.F_ACT", -9.0))
    said = told(kit(readings={}), [cause, effect], 120.0)
    assert [(sign.tag, sign.z) for sign in said[-1].signs] == [
        ("FDR_API.F_ACT", -9.0),
        ("PRS.MCF", 30.0),
        ("SOFT.API", -20.0),
    ]


def test_two_sensors_of_one_watch_are_two_in_its_incident_and_a_stuck_one_has_no_side() -> None:
    first = alert(0.0, "sensors", ("FDR_API.W", 0.0), origin="sensor")
    second = alert(20.0, "sensors", ("FDR_API.F_ACT", 6.0), origin="sensor")
    said = told(kit(readings={}), [first, second], 60.0)
    assert (said[0].unit, said[0].kind, said[0].direction) == ("API feeder", "sensor", "")
    assert "; FDR_API.W; " in said[0].what
    assert [sign.tag for sign in said[-1].signs] == ["FDR_API.W", "FDR_API.F_ACT"]
    assert said[-1].watches == ("sensors",)


def test_what_departs_after_a_tag_was_gone_is_read_as_its_consequence() -> None:
    gone = alert(0.0, "loops.blend.released", ("SOFT.API.Q", 0.0), origin="sensor")
    departs = alert(60.0, "monitor", ("FDR_API.F_ACT", 9.0), ("FDR_API.SPAN", 9.0), ("SOFT.API.GAP", -9.0))
    said = told(kit(), [gone, departs], 120.0)
    assert (said[-1].unit, said[-1].kind, said[-1].reading) == ("NIR probe", "sensor", "")
    assert [sign.tag for sign in said[-1].signs] == ["SOFT.API.Q", "FDR_API.F_ACT", "FDR_API.SPAN"]


def test_advice_joins_and_opens_nothing_by_itself() -> None:
    advice = alert(0.0, "habits", ("FDR_API.W", 3.0), lane=Lane.LEARNING)
    assert told(kit(), [advice], 60.0) == []
    (one,) = told(kit(), [advice, alert(60.0, "a", ("FDR_API.W", 5.0))], 60.0)
    assert (one.watches, one.lane) == (("a", "habits"), Lane.LOCKED)
    gone = alert(30.0, "habits", ends=True, lane=Lane.LEARNING)
    (one,) = told(kit(), [advice, gone, alert(60.0, "a", ("FDR_API.W", 5.0))], 60.0)
    assert one.watches == ("a",)
    (one,) = told(kit(advice="opens"), [advice], 60.0)
    assert one.lane is Lane.LEARNING


def test_a_trend_that_was_named_names_the_incident() -> None:
    named = alert(10.0, "impurities", entry="hydrolysis", route="qa", priority="high")
    said = told(kit(), [alert(0.0, "a"), named], 60.0)
    assert (said[-1].entry, said[-1].change) == ("hydrolysis", Change.RAISED)


def test_people_are_called_ten_times_in_ten_minutes_at_most_and_the_urgent_first() -> None:
    units = {f"unit {i}": {"tags": [tag], "from": []} for i, tag in enumerate(list(POLICY.tags)[:30])}
    ready = _kit(POLICY.model_copy(update={"loops": {}, "incidents": Incidents.model_validate({"units": units})}))
    flood = [alert(0.0, f"w{i}", (tag, 5.0), priority=_rank(i)) for i, tag in enumerate(list(POLICY.tags)[:30])]
    said = told(ready, flood, 1900.0)
    assert len(said) == len({one.id for one in said}) == 30
    assert [one.priority for one in said[:10]] == ["high"] * 10
    assert _busiest([one.at for one in said]) == MOST


def _rank(i: int) -> Priority:
    return "high" if i % 3 == 0 else "low"


def _busiest(times: list[float]) -> int:
    return max((sum(at <= each < at + MOST_IN_S for each in times) for at in times), default=0)


_STEPS = some.lists(
    some.tuples(some.integers(0, 400), some.integers(0, 11), some.booleans(), some.sampled_from(["low", "high"])),
    max_size=60,
)


@given(_STEPS)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_nobody_is_flooded_and_every_incident_tells_a_story(
    steps: list[tuple[int, int, bool, Priority]],
) -> None:
    tags = list(POLICY.tags)[:12]
    units = {f"unit {i}": {"tags": [tag], "from": []} for i, tag in enumerate(tags)}
    ready = _kit(POLICY.model_copy(update={"loops": {}, "incidents": Incidents.model_validate({"units": units})}))
    alerts = [alert(10.0 * k, f"w{i}", (tags[i], 5.0), ends=ends, priority=priority) for k, i, ends, priority in steps]
    said = told(ready, alerts, 12_000.0)
    assert _busiest([one.at for one in said if one.annunciated]) <= MOST
    begun = {each.watch for each in alerts if each.active}
    assert {watch for one in said for watch in one.watches} == begun
    for name in {one.id for one in said}:
        story = [one for one in said if one.id == name]
        assert story[0].change is Change.OPENED
        for before, after in pairwise(story):
            assert (after.change is Change.REOPENED) == (before.change is Change.CLOSED)


@pytest.mark.parametrize("line", ["a", "b", "b2", "c", "d", "e"])
def test_every_tag_a_watch_of_a_shipped_line_names_is_of_a_unit(line: str) -> None:
    policy = load(shipped(line))
    ready = _kit(policy)
    homeless = [
        tag for watch in policy.watches.values() for tag in reading.named(watch) if tag not in ready.units.homes
    ]
    assert homeless == []
    assert all(unit.sop for unit in ready.declared.units.values())


@pytest.mark.parametrize("line", ["a", "b", "b2", "c", "d", "e"])
def test_readings_of_shipped_lines_are_told_apart(line: str) -> None:
    readings = _kit(load(shipped(line))).units.readings
    for name, one in readings.items():
        signs = [Sign(tag, 9.0 * side**2 * (1 if side > 0 else -1)) for tag, side in one.moves.items()]
        like = {other: reading.likeness(signs, readings[other].moves) for other in readings}
        assert like.pop(name) == pytest.approx(1.0)
        assert max(like.values(), default=0.0) < 0.99


def test_a_policy_without_the_section_makes_no_incidents(policy_a_kit: Kit) -> None:
    assert policy_a_kit.incidents is None


@pytest.fixture
def policy_a_kit() -> Kit:
    from controller.kit import prepare  # noqa: PLC0415  # heavy

    return prepare(POLICY.model_copy(update={"incidents": None, "loops": {}, "watches": {}}))
