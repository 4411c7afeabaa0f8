"""What a policy may say of alarms, what is wrong with it, and who may do what to them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from controller.alarms.kit import prepare
from controller.cli.orders import parse
from controller.cycle import Attention, HandleAlarm
from controller.rights import needed
from plant_io import TagIndex
from policies import Policy, PolicyError, schema
from policies import parse as read
from policies.impact import Impact, impact
from policies.people import Right, Role, may

HERE = Path(__file__).parent / "policies"
GOOD = (HERE / "good.yaml").read_text()
FILES = {name: (HERE / name).read_bytes() for name in ("pls.json", "process.json", "small.library.yaml")}
LIMIT = {"tag": "P.FORCE", "unit": "kN", "high": 30, "response": "Look at the dies."}
BAD = {"tags": ["P.FORCE"], "response": "Look at the cell."}
LOST = {"connection": "press", "response": "Look at the switch."}


def policy(**alarms: object) -> Policy:
    return read(f"{GOOD}\nalarms: {json.dumps(alarms)}\n".encode(), "p", FILES)


def said(**alarms: object) -> list[str]:
    with pytest.raises(PolicyError) as wrong:
        policy(**alarms)
    return [f"{problem.path}: {problem.message}" for problem in wrong.value.problems]


def test_every_kind_of_alarm_is_taken_with_its_defaults() -> None:
    found = policy(limits={"force_high": LIMIT}, quality={"cell_bad": BAD}, links={"press_lost": LOST})
    kit = prepare(found, TagIndex.of(found))
    assert {"force_high", "cell_bad", "press_lost"} < set(kit.known)
    one = kit.known["force_high"]
    assert (one.priority, one.routing, one.handling.sort) == ("medium", ("operator",), "process")
    assert kit.max_shelving_s == 8 * 3600.0


def test_a_limit_is_in_the_unit_of_its_tag_and_its_dead_band_a_hundredth_of_the_range() -> None:
    found = policy(limits={"force_high": {**LIMIT, "unit": "N", "high": 30_000}})
    (condition,) = prepare(found, TagIndex.of(found)).conditions
    assert (condition.at, condition.back) == (pytest.approx(30.0), pytest.approx(29.6))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("alarms", "sentence"),
    [
        (
            {"limits": {"f": {**LIMIT, "low": 1}}},
            "alarms.limits.f: found both or neither of high and low, expected one of them: each limit is an alarm",
        ),
        ({"limits": {"f": {**LIMIT, "tag": "P.FORCES"}}}, "alarms.limits.f.tag: found 'P.FORCES'"),
        ({"limits": {"f": {**LIMIT, "unit": "kg"}}}, "alarms.limits.f.unit: found 'kg', expected a unit that 'kN'"),
        ({"limits": {"f": {**LIMIT, "high": 41}}}, "alarms.limits.f.high: found 41, expected a value inside the range"),
        ({"limits": {"f": {**LIMIT, "dead_band": 40}}}, "alarms.limits.f.dead_band: found 40, expected less than"),
        ({"limits": {"f": {**LIMIT, "tag": "P.SPECTRUM", "unit": "1", "high": 1}}}, "expected a tag of one value"),
        ({"limits": {"f": {**LIMIT, "response": ""}}}, "alarms.limits.f.response: "),
        ({"limits": {"f": {k: v for k, v in LIMIT.items() if k != "response"}}}, "alarms.limits.f.response: missing"),
        ({"limits": {"f": {**LIMIT, "on_delay": 5}}}, "alarms.limits.f.on_delay: "),
        ({"limits": {"f": {**LIMIT, "routing": ["boss"]}}}, "alarms.limits.f.routing[0]: found 'boss'"),
        ({"limits": {"nir_fit": LIMIT}}, "alarms.limits.nir_fit: found 'nir_fit', which is the name of a watch"),
        ({"limits": {"f": LIMIT}, "quality": {"f": BAD}}, "alarms.quality.f: found 'f', which is the name of an alarm"),
        ({"watches": {"nir_fits": {}}}, "alarms.watches.nir_fits: found 'nir_fits'; did you mean 'nir_fit'?"),
        ({"links": {"p": {**LOST, "connection": "presse"}}}, "alarms.links.p.connection: found 'presse'"),
        ({"quality": {"f": {**BAD, "suppressed": {"tag": "F.ONN", "at_most": 0}}}}, "suppressed.tag: found 'F.ONN'"),
        ({"quality": {"f": {**BAD, "suppressed": {"tag": "F.ON"}}}}, "expected at_least or at_most beside tag"),
        ({"quality": {"f": {**BAD, "suppressed": {"loop": "blend", "phases": ["run"]}}}}, "found 'run'"),
        ({"incidents": {"suppressed": {"loop": "blend"}}}, "expected phases beside loop"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(alarms: dict[str, object], sentence: str) -> None:
    (found,) = said(**alarms)
    assert sentence in found


def test_the_schema_knows_every_word() -> None:
    words = json.dumps(schema())
    for word in ("on_delay", "off_delay", "latching", "max_shelving", "consequence", "routing", "suppressed", "class"):
        assert f'"{word}"' in words


def test_alarms_of_watches_are_evidence_where_incidents_are_told_unless_they_are_named() -> None:
    whole = GOOD + "\nincidents: {}\nalarms: {watches: {nir_fit: {priority: high}}}\n"
    found = read(whole.encode(), "p", FILES)
    kit = prepare(found, TagIndex.of(found))
    assert set(kit.known) == {"nir_fit"}
    assert kit.known["nir_fit"].priority == "high"


def test_a_change_of_them_touches_what_is_taken_for_evidence() -> None:
    assert impact(("alarms", "limits", "force_high", "high")) is Impact.QUALITY


@pytest.mark.parametrize(
    ("line", "act"),
    [
        ("acknowledge nir_bad", HandleAlarm("nir_bad", Attention.ACKNOWLEDGE)),
        ("acknowledge small-1700000000-3 seen", HandleAlarm("small-1700000000-3", Attention.ACKNOWLEDGE)),
        ("shelve nir_bad 2h cleaning", HandleAlarm("nir_bad", Attention.SHELVE, 7200.0)),
        ("remove loops.blend.serves trial", HandleAlarm("loops.blend.serves", Attention.REMOVE)),
        ("restore nir_bad probe is back", HandleAlarm("nir_bad", Attention.RESTORE)),
    ],
)
def test_orders_are_typed_in_words(line: str, act: HandleAlarm) -> None:
    (order,) = parse(line, "ana", ("blend",), {})
    assert (order.act, order.who) == (act, "ana")


@pytest.mark.parametrize(
    "line", ["shelve nir_bad", "shelve nir_bad 2h", "shelve nir_bad soon cleaning", "remove nir_bad"]
)
def test_an_order_without_what_it_needs_is_turned_down(line: str) -> None:
    with pytest.raises(ValueError, match=r"shelve|remove"):
        parse(line, "ana", ("blend",), {})


def test_each_act_takes_the_right_of_its_kind() -> None:
    rights = {attention: needed(HandleAlarm("a", attention)) for attention in Attention}
    assert set(rights.values()) == {Right.ATTEND, Right.SHELVE, Right.DISABLE}
    assert may(Role.QA, rights[Attention.ACKNOWLEDGE])
    assert not may(Role.QA, rights[Attention.SHELVE])
    assert not may(Role.OPERATOR, rights[Attention.REMOVE])
    assert not any(may(role, right) for role in (Role.VIEWER, Role.ADMIN, Role.SERVICE) for right in rights.values())
