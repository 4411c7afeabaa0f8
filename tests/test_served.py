"""Other systems see the runtime as it is, and can change nothing of it but by an order of a user who may."""

from __future__ import annotations

import asyncio
import io
import json
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from queue import SimpleQueue
from typing import Any, cast

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import BadUserAccessDenied
from fakes import POLICY, Bench
from pydantic import ValidationError
from stationed import OWN, station

from anomaly import Alert
from controller.cycle import Attention, Cycle, HandleAlarm, Mode, Order, SetLimits, SetMode, SetTarget
from controller.people import People
from controller.served.facts import Board, facts
from controller.served.log import Log, note
from controller.served.metrics import Figures, serve
from controller.served.orders import Counter
from controller.served.outlets import Outlets
from plant_io import Quality
from plant_io.clocks import WallClock
from plant_io.served.opcua import NAMESPACE, RuntimeServer
from plant_io.served.values import Call, Condition, Entry, Fact, Shown
from policies import Lane, Policy
from policies.served import Served, ServedMetrics, ServedOpcUa

GRAFANA = Path(__file__).parents[1] / "docs" / "grafana"
OPEN = ServedOpcUa.model_validate({"listen": "127.0.0.1:0", "security": "None"})
HIGH = "The level is high."
FACTS = (Fact("run/flow", "number", "kg/h", "Flow"), Fact("run/line", "text", "", "Name"))
GOOD = {"run/flow": Shown(12.5, Quality.GOOD, 1000.0), "run/line": Shown("toy", Quality.GOOD, 1000.0)}


def cycles(bench: Bench, count: int, *orders: Order) -> list[Cycle]:
    found = list[Cycle]()
    for number in range(count):
        decision = bench.cycle(*(orders if number == 0 else ()))
        found.append(
            Cycle(number, bench.snapshot(), orders if number == 0 else (), (), decision, (), {"decide": 0.002})
        )
    return found


def alert(bench: Bench, *, active: bool) -> Alert:
    said = f"y is {'high' if active else 'normal'}"
    return Alert(bench.at, "loops.hold.released", Lane.LOCKED, active, said, 4.5, 3.0, "high", "operator", "Look.")


# What is shown


def test_the_list_of_facts_follows_from_the_policy_and_a_cycle_gives_each_of_them() -> None:
    bench = Bench()
    board, (cycle, *_) = Board(bench.kit), cycles(bench, 1)
    now = board.after(cycle)
    assert set(now) == {fact.path for fact in facts(bench.kit)}
    assert now["loops/hold/mode"].value == "shadow"
    assert now["loops/hold/cv/y/value"] == (1.0, Quality.GOOD, bench.at)
    assert now["loops/hold/cv/y/target"].value == 2.0
    assert now["loops/hold/mv/u/value"].value == 5.0
    assert now["run/busy"].value == 0.002
    kinds = {"number": float, "count": int, "flag": bool, "text": str}
    assert all(isinstance(now[fact.path].value, kinds[fact.kind]) for fact in facts(bench.kit))
    assert all(bool(fact.unit) == (fact.kind == "number") for fact in facts(bench.kit))


def test_a_bad_tag_is_shown_bad() -> None:
    bench = Bench()
    bench.bad = {"Y"}
    assert Board(bench.kit).after(cycles(bench, 1)[0])["loops/hold/cv/y/value"].quality is Quality.BAD


def test_a_condition_stands_until_it_ends() -> None:
    bench = Bench()
    board, (first, second, third) = Board(bench.kit), cycles(bench, 3)
    begun = replace(first, decision=replace(first.decision, alerts=(alert(bench, active=True),)))
    ended = replace(third, decision=replace(third.decision, alerts=(alert(bench, active=False),)))
    shown = [board.after(each) for each in (begun, second, ended)]
    assert [each["watches/loops.hold.released/active"].value for each in shown] == [True, True, False]
    assert [each["run/alerts/active"].value for each in shown] == [1, 1, 0]
    assert shown[1]["watches/loops.hold.released/score"].value == 4.5


# OPC UA


@pytest.fixture(scope="module")
def server() -> Iterator[RuntimeServer]:
    made = RuntimeServer(OPEN, FACTS, (Call("Say", (("word", "A word."),), "Says it.", _said),), Path("pki"))
    yield made
    made.close()


def _said(word: str) -> str:
    if word == "forbidden":
        raise PermissionError("you may not say that")
    if word == "wrong":
        raise ValueError("found wrong, wanted right")
    return f"said {word}"


def met(server: RuntimeServer, act: Callable[[Client, int], Awaitable[Any]]) -> Any:
    async def meet() -> Any:
        async with Client(server.endpoint) as client:
            return await act(client, await client.get_namespace_index(NAMESPACE))

    return asyncio.run(meet())


def at(client: Client, space: int, path: str) -> Any:
    return client.get_node(ua.NodeId(cast("Any", path), cast("Any", space)))


async def until(done: Callable[[], Any]) -> None:
    for _ in range(200):
        if done():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it did not come")


def test_values_are_read_with_quality_time_and_unit(server: RuntimeServer) -> None:
    async def look(client: Client, space: int) -> tuple[Any, Any, Any]:
        node = at(client, space, "run/flow")
        before = await node.read_data_value(raise_on_bad_status=False)
        server.show(GOOD)
        await until(lambda: server._busy is not None and server._busy.done())
        unit = await at(client, space, "run/flow/EngineeringUnits").read_value()
        return before, await node.read_data_value(), unit

    before, after, unit = met(server, look)
    assert before.StatusCode.name == "BadWaitingForInitialData"
    assert (after.Value.Value, after.SourceTimestamp.timestamp()) == (12.5, 1000.0)
    assert unit.DisplayName.Text == "kg/h"


def test_nothing_can_be_written_added_or_deleted(server: RuntimeServer) -> None:
    async def force(client: Client, space: int) -> list[str]:
        node, refused = at(client, space, "run/flow"), list[str]()
        acts: list[Callable[[], Any]] = [
            lambda: node.write_value(3.0),
            node.set_writable,
            lambda: client.nodes.objects.add_folder(space, "mine"),
            lambda: client.delete_nodes([node]),
        ]
        for act in acts:
            try:
                await act()
            except BadUserAccessDenied as error:
                refused.append(type(error).__name__)
        return refused

    assert met(server, force) == ["BadUserAccessDenied"] * 4


def test_a_call_is_done_or_refused_with_its_reason(server: RuntimeServer) -> None:
    async def ask(client: Client, space: int) -> list[tuple[str, list[str]]]:
        found = list[tuple[str, list[str]]]()
        for word in ("yes", "forbidden", "wrong"):
            request = ua.CallMethodRequest(
                ObjectId=ua.NodeId(cast("Any", "orders"), cast("Any", space)),
                MethodId=ua.NodeId(cast("Any", "orders/Say"), cast("Any", space)),
                InputArguments=[ua.Variant(word, ua.VariantType.String)],
            )
            (result,) = await client.uaclient.call([request])
            found.append((result.StatusCode.name, [each.Value for each in result.OutputArguments]))
        return found

    assert met(server, ask) == [
        ("Good", ["said yes"]),
        ("BadUserAccessDenied", ["you may not say that"]),
        ("BadInvalidArgument", ["found wrong, wanted right"]),
    ]


class Heard:
    """What a subscriber hears."""

    def __init__(self) -> None:
        self.events: list[Any] = []

    def event_notification(self, event: Any) -> None:
        self.events.append(event)


def test_alarms_and_audit_entries_come_as_events_and_what_stands_comes_again_when_asked_for(
    server: RuntimeServer,
) -> None:
    stands = Condition(
        "level", 1000.0, active=True, acked=False, suppressed=False, retained=True, severity=800, what=HIGH
    )
    over = Condition(
        "flow", 1000.0, active=False, acked=True, suppressed=True, retained=False, severity=200, what="Back."
    )

    async def listen(client: Client, _space: int) -> tuple[list[Any], list[Any]]:
        heard, later = Heard(), Heard()
        subscription = await client.create_subscription(50, heard)
        await subscription.subscribe_alarms_and_conditions(evtypes=cast("Any", ua.ObjectIds.AlarmConditionType))
        await subscription.subscribe_events(evtypes=cast("Any", ua.ObjectIds.AuditEventType))
        server.tell([stands, over, Entry(1001.0, "olga", "auto, line is steady")])
        await until(lambda: len(heard.events) == 3)
        other = await client.create_subscription(50, later)
        await other.subscribe_alarms_and_conditions(evtypes=cast("Any", ua.ObjectIds.AlarmConditionType))
        kind = client.get_node(ua.ObjectIds.ConditionType)
        refresh = client.get_node(ua.ObjectIds.ConditionType_ConditionRefresh)
        await kind.call_method(refresh, ua.Variant(other.subscription_id, ua.VariantType.UInt32))
        await until(lambda: later.events)
        await asyncio.sleep(0.2)
        return heard.events, later.events

    heard, later = met(server, listen)
    level, flow, audit = heard
    assert (level.ConditionName, level.Severity, level.Message.Text) == ("level", 800, HIGH)
    assert (getattr(level, "ActiveState/Id"), getattr(level, "AckedState/Id"), level.Retain) == (True, False, True)
    assert (getattr(flow, "ActiveState/Id"), flow.Retain, flow.SuppressedOrShelved) == (False, False, True)
    assert (audit.ClientUserId, audit.Message.Text) == ("olga", "auto, line is steady")
    assert [each.ConditionName for each in later] == ["level"]


# Orders


@pytest.fixture
def people(tmp_path: Path) -> People:
    return station(tmp_path)


def counter(people: People, inbox: SimpleQueue[Order]) -> dict[str, Call]:
    bench = Bench()
    return {call.name: call for call in Counter(bench.kit, people, inbox, WallClock()).calls()}


@pytest.mark.parametrize(
    ("name", "words", "act"),
    [
        ("SetMode", ("hold", "auto"), SetMode("hold", Mode.AUTO)),
        ("SetTarget", ("hold", "y", "2.5"), SetTarget("hold", "y", 2.5)),
        ("SetTarget", ("hold", "y", "policy"), SetTarget("hold", "y", None)),
        ("SetLimits", ("hold", "u", "1", "9"), SetLimits("hold", "u", (1.0, 9.0))),
        ("SetLimits", ("hold", "u", "policy", "policy"), SetLimits("hold", "u", None)),
        ("Acknowledge", ("nir_bad",), HandleAlarm("nir_bad", Attention.ACKNOWLEDGE)),
        ("Shelve", ("nir_bad", "30m"), HandleAlarm("nir_bad", Attention.SHELVE, 1800.0)),
    ],
)
def test_an_order_of_a_user_who_may_is_placed(people: People, name: str, words: tuple[str, ...], act: object) -> None:
    inbox = SimpleQueue[Order]()
    counter(people, inbox)[name].run("olga", OWN, *words, "line is steady")
    assert inbox.get_nowait() == Order("olga", "line is steady", cast("Any", act))


@pytest.mark.parametrize(
    ("who", "password", "words", "said"),
    [
        ("ana", OWN, ("hold", "auto", "steady"), "the role qa may not put loops in service"),
        ("olga", "guess", ("hold", "auto", "steady"), "the name or the password is wrong"),
        ("olga", OWN, ("hold", "auto", " "), "found no reason"),
        ("olga", OWN, ("other", "auto", "steady"), "found the loop 'other', wanted one of hold"),
        ("olga", OWN, ("hold", "fast", "steady"), "mode: found 'fast', wanted one of off, shadow, advisory, auto"),
    ],
)
def test_any_other_order_is_refused_and_nothing_is_placed(
    people: People, who: str, password: str, words: tuple[str, ...], said: str
) -> None:
    inbox = SimpleQueue[Order]()
    with pytest.raises((PermissionError, ValueError), match=said):
        counter(people, inbox)["SetMode"].run(who, password, *words)
    assert inbox.empty()


def test_without_users_nobody_may_order_anything(tmp_path: Path) -> None:
    inbox = SimpleQueue[Order]()
    with pytest.raises(PermissionError, match="there are no users here"):
        counter(People(tmp_path / "nobody"), inbox)["SetMode"].run("olga", OWN, "hold", "auto", "steady")
    assert inbox.empty()


# Metrics


def test_figures_are_served_as_prometheus_reads_them() -> None:
    bench = Bench()
    figures = Figures(bench.kit)
    for cycle in cycles(bench, 3, Order("olga", "steady", SetMode("hold", Mode.AUTO))):
        figures(cycle)
    port, end = serve(figures, ServedMetrics.model_validate({"listen": "127.0.0.1:0"}), Path("pki"))
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5.0) as answer:
            text = answer.read().decode()
    finally:
        end()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines["steadyline_cycles_total"] == "3.0"
    assert lines['steadyline_orders_total{act="SetMode"}'] == "1.0"
    assert lines['steadyline_loop_mode{loop="hold",mode="auto"}'] == "1.0"
    assert lines['steadyline_loop_mode{loop="hold",mode="shadow"}'] == "0.0"
    assert lines['steadyline_cycle_seconds_count{part="decide"}'] == "3.0"
    assert lines['steadyline_tags{quality="good"}'] == "5.0"
    assert lines['steadyline_tags{quality="bad"}'] == "3.0"


# Log


def test_the_log_is_one_object_on_a_line_for_everything_that_happened() -> None:
    bench, to = Bench(), io.StringIO()
    first, second = cycles(bench, 2, Order("olga", "steady", SetMode("hold", Mode.AUTO)))
    log = Log(to, "toy")
    log(first)
    log(replace(second, decision=replace(second.decision, alerts=(alert(bench, active=True),))))
    said = [json.loads(line) for line in to.getvalue().splitlines()]
    assert {each["line"] for each in said} == {"toy"}
    assert [each["event"] for each in said][:2] == ["mode", "order"]
    assert said[1]["who"] == "olga"
    assert said[1]["at"] == "1970-01-01T00:16:41.000+00:00"
    assert [each["what"] for each in said if each["event"] == "alert"] == ["y is high"]


def test_what_goes_wrong_beside_the_loop_is_one_line_of_the_log_with_its_traceback(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    note(None, "toy", "console", "Traceback\n  ValueError")
    note(file, "toy", "console", "Traceback\n  ValueError")
    (said,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert (said["event"], said["of"], said["trace"]) == ("trouble", "console", "Traceback\n  ValueError")


# All together


def test_a_run_opens_what_its_policy_names_and_closes_it(people: People) -> None:
    served = {"opcua": {"listen": "127.0.0.1:0", "security": "None"}, "metrics": {"listen": "127.0.0.1:0"}}
    bench = Bench(served=served)
    outlets = Outlets(bench.kit, WallClock(), people, SimpleQueue[Order]())
    try:
        for cycle in cycles(bench, 2):
            outlets(cycle)
        assert outlets._server is not None

        async def look(client: Client, space: int) -> Any:
            busy = outlets._server._busy if outlets._server else None
            await until(lambda: busy is not None and busy.done())
            return await at(client, space, "run/line").read_value()

        assert met(outlets._server, look) == "toy"
        assert [said.partition(" ")[0] for said in outlets.told] == ["OPC", "metrics"]
    finally:
        outlets.close()
    assert not outlets._server._thread.is_alive()


def test_where_the_policy_names_nobody_nothing_is_opened(people: People) -> None:
    outlets = Outlets(Bench().kit, WallClock(), people, SimpleQueue[Order]())
    assert outlets.told == []


# What a policy may say


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ({"opcua": {"listen": "10.0.0.5:4841", "security": "None"}}, "expected it on loopback only"),
        ({"opcua": {"security": "None", "orders": True}}, "would send passwords in the open"),
        ({"opcua": {"listen": "here"}}, "expected a host and a TCP port such as 127.0.0.1:9464"),
        ({"metrics": {"listen": "0.0.0.0:9464"}}, "expected tls anywhere but on loopback"),
        ({"mqtt": {"broker": "broker:1883", "tls": False, "group": "g", "node": "n"}}, "expected it on loopback only"),
        ({"mqtt": {"broker": "broker:8883", "group": "a/b", "node": "n"}}, "String should match pattern"),
    ],
)
def test_what_would_be_open_to_everybody_is_refused(served: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Policy.model_validate(POLICY | {"served": served})


def test_metrics_off_loopback_know_both_ends() -> None:
    tls = {"certificate": "metrics.pem", "key": "metrics.key", "clients": "prometheus.pem"}
    found = Served.model_validate({"metrics": {"listen": "0.0.0.0:9464", "tls": tls}})
    assert found.metrics is not None
