"""The operator console shows the run as it is, from this machine, and never holds up the loop."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import cast

import httpx
import pytest
from shown import Told, console, kit, living, show, told

from controller.cli.consoles import console as opened
from controller.cli.ends import Refused
from controller.console.app import WAYS
from controller.console.board import Board
from controller.console.console import Console, Shown
from controller.console.doors import Doors
from controller.console.guards import POLICY
from controller.console.hall import LOCAL
from controller.console.hub import HELD, Client, Hub
from controller.console.pages import Pages
from controller.console.sessions import IDLE_S, LONGEST_S, Sessions
from controller.console.slot import LONGEST, Left, Seen, Slot
from controller.cycle import Attention, Directive, DirectLine, HandleAlarm, Mode, Order, SetMode
from controller.people import User
from controller.rights import needed
from controller.runtime import Options
from plant_io.clocks import WallClock
from plant_io.security.certificates import Wanted, create
from policies.people import Right, Role

MORE = ("/trends", "/soft", "/material", "/audit", "/loops/blend/explain")
PAGES = ("/", "/units/press", "/loops/blend", "/alarms", "/health", "/tags", *MORE)


@pytest.fixture
def line() -> Told:
    return told()


@pytest.fixture
def served(line: Told) -> Iterator[Console]:
    with console(line) as served:
        show(line, served, 70)
        yield served


@pytest.fixture
def client(served: Console) -> Iterator[httpx.Client]:
    with browser(served) as client:
        yield client


def browser(served: Console) -> httpx.Client:
    url = served.url.rstrip("/")
    return httpx.Client(base_url=url, headers={"origin": url}, timeout=10.0)


def token(client: httpx.Client, served: Console) -> str:
    client.get("/")
    session = served.hall.sessions.find(client.cookies["steadyline"])
    assert session is not None
    return session.csrf


def seen_of(line: Told) -> Seen:
    cycle, state = line.next()
    return Seen(cycle, Left.of(state))


def test_a_slot_keeps_the_newest_and_never_waits(line: Told) -> None:
    slot, seen = Slot(), seen_of(line)
    for _ in range(LONGEST + 5):
        slot(seen)
    slot(seen_of(line))
    found = slot.take()
    assert len(found) == LONGEST
    assert found[-1].cycle.number == 1
    assert slot.take() == []


def test_a_slot_outlives_the_console_it_wakes(line: Told) -> None:
    slot = Slot()

    def gone() -> None:
        raise RuntimeError("the loop is closed")

    slot.wakes(gone)
    slot(seen_of(line))
    assert len(slot.take()) == 1


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_line_mode_and_time(client: httpx.Client, path: str) -> None:
    found = client.get(path)
    assert found.status_code == 200
    assert "Line A" in found.text
    assert 'data-k="m.blend"' in found.text
    assert "00:01:09" in found.text


def test_a_page_shows_the_value_of_the_newest_cycle(client: httpx.Client, served: Console) -> None:
    value = served.hall.board.read("LINE.TOTAL_PV").value
    assert f">{value:.2f}</span>" in client.get("/units/blender").text


def test_a_page_that_is_none_is_not_found(client: httpx.Client) -> None:
    assert client.get("/units/nowhere").status_code == 404
    assert client.get("/loops/nowhere").status_code == 404
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/..%2Fapp.py").status_code == 404


def test_before_the_first_cycle_every_page_stands(line: Told) -> None:
    with console(line) as served, browser(served) as client:
        assert [client.get(path).status_code for path in PAGES] == [200] * len(PAGES)


def test_nothing_inline_and_nothing_foreign_is_let_in(client: httpx.Client) -> None:
    for path in PAGES:
        found = client.get(path)
        assert found.headers["content-security-policy"] == POLICY
        assert found.headers["cache-control"] == "no-store"
        assert " style=" not in found.text
        assert "<style" not in found.text
        assert "<script>" not in found.text
        assert "http://" not in found.text


def test_a_loop_says_why_it_is_not_in_auto(client: httpx.Client) -> None:
    said = client.get("/loops/blend").text
    assert "Why not AUTO" in said
    assert "no evidence from SOFT.API" in said


def test_charts_give_values_limits_and_the_plan(client: httpx.Client, served: Console) -> None:
    found = client.get("/api/charts", params={"topic": "loop:blend"}).json()
    assert {chart["key"] for chart in found["charts"]} == {"blend.api", "blend.total", "blend.api_sp", "blend.exc_sp"}
    total = next(chart for chart in found["charts"] if chart["key"] == "blend.total")
    assert (total["low"], total["high"], total["target"]) == (18.0, 22.0, 20.0)
    assert len(found["rows"]["at"]) == len(found["rows"]["LINE.TOTAL_PV"]) == 70
    later = client.get("/api/charts", params={"topic": "loop:blend", "since": served.hall.board.at - 5.0}).json()
    assert len(later["rows"]["at"]) == 5


def test_what_is_asked_in_the_wrong_words_is_refused_in_a_sentence(client: httpx.Client) -> None:
    assert client.get("/api/charts", params={"topic": "loop:nowhere"}).status_code == 404
    wrong = client.get("/api/charts", params={"topic": "line", "since": "then"})
    assert (wrong.status_code, wrong.json()) == (400, {"error": "since: wanted a number"})


def test_an_order_goes_to_the_desk_with_who_and_why(client: httpx.Client, served: Console, line: Told) -> None:
    form = {"csrf": token(client, served), "kind": "mode", "loop": "blend", "mode": "shadow", "why": "screw is worn"}
    found = client.post("/acts", data=form)
    assert found.status_code == 303
    order = line.inbox.get_nowait()
    assert order.act == SetMode("blend", Mode.SHADOW)
    assert order.why == "screw is worn"
    assert "ordered; what becomes of it" in client.get("/loops/blend").text
    assert "ordered; what becomes of it" not in client.get("/loops/blend").text
    assert order.who


@pytest.mark.parametrize(
    ("headers", "csrf", "status"),
    [
        ({"origin": ""}, "", 403),
        ({"origin": "http://elsewhere.example"}, "", 403),
        ({}, "guessed", 403),
        ({"host": "elsewhere.example"}, "", 421),
    ],
)
def test_an_order_from_another_page_is_no_order(
    served: Console, line: Told, headers: dict[str, str], csrf: str, status: int
) -> None:
    with browser(served) as client:
        form = {"csrf": csrf or token(client, served), "kind": "mode", "loop": "blend", "mode": "off", "why": "so"}
        assert client.post("/acts", data=form, headers=headers).status_code == status
    assert line.inbox.empty()


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"kind": "mode", "mode": "off"}, "why: found no reason, wanted one for the record"),
        (
            {"kind": "mode", "mode": "fast", "why": "so"},
            "mode: found 'fast', wanted one of off, shadow, advisory, auto",
        ),
        ({"kind": "limits", "name": "api_sp", "low": "a", "high": "2", "why": "so"}, "low: found 'a', wanted a number"),
        ({"kind": "target", "name": "api", "target": 1e999, "why": "so"}, "target: found 'inf', wanted a number"),
        ({"kind": "mode", "mode": "off", "why": "two\nlines"}, "why: wanted one line of at most 300 characters"),
        ({"kind": "mode", "loop": "else", "mode": "off"}, "loop: found 'else', wanted one of blend"),
        (
            {"kind": "alarm", "attention": "shelve", "alarm": "x", "minutes": -1, "why": "so"},
            "minutes: wanted a number above 0",
        ),
    ],
)
def test_what_cannot_be_ordered_is_said_in_one_sentence(
    client: httpx.Client, served: Console, line: Told, sent: dict[str, object], said: str
) -> None:
    headers = {"x-csrf-token": token(client, served), "content-type": "application/json"}
    found = client.post("/api/orders", content=json.dumps({"loop": "blend", **sent}), headers=headers)
    assert (found.status_code, found.json()) == (422, {"error": said})
    assert line.inbox.empty()


def test_an_order_from_the_console_changes_the_run_and_stands_in_it(
    client: httpx.Client, served: Console, line: Told
) -> None:
    form = {"csrf": token(client, served), "kind": "mode", "loop": "blend", "mode": "off", "why": "end of shift"}
    client.post("/acts", data=form)
    show(line, served, 1)
    assert line.state.loops["blend"].mode is Mode.OFF
    assert "end of shift" in client.get("/loops/blend").text


def test_a_request_that_is_too_large_is_not_read(client: httpx.Client, served: Console, line: Told) -> None:
    form = {"csrf": token(client, served), "kind": "mode", "loop": "blend", "mode": "off", "why": "x" * 100_000}
    assert client.post("/acts", data=form).status_code == 413
    assert line.inbox.empty()


def test_other_addresses_need_tls_and_users() -> None:
    assert Doors("127.0.0.9").refused(users=False) == ""
    assert Doors("localhost").refused(users=False) == ""
    assert Doors("10.0.0.5").refused(users=False) == (
        "the console: 10.0.0.5 can be reached from other machines, which needs "
        "TLS (--console-cert and --console-key) and users (steadyline user add)"
    )
    tls = Doors("10.0.0.5", 0, Path("c.pem"), Path("k.pem"))
    assert tls.refused(users=True) == ""
    assert "users" in tls.refused(users=False)
    assert "both" in Doors(certificate=Path("c.pem")).refused(users=True)


def test_a_session_ends_when_nobody_uses_it_and_after_its_longest_time() -> None:
    time = [0.0]
    sessions = Sessions(lambda: time[0])
    idle, used = sessions.open(None), sessions.open(User("ana", "Ana", Role.OPERATOR))
    assert idle.id != used.id
    assert len(idle.id) >= 43
    while time[0] < LONGEST_S:
        time[0] += IDLE_S - 1.0
        alive = sessions.find(used.id) is not None
    assert sessions.find(idle.id) is None
    assert not alive


def test_to_watch_does_not_keep_a_session_from_ending() -> None:
    time = [0.0]
    sessions = Sessions(lambda: time[0])
    session = sessions.open(None)
    time[0] = IDLE_S - 1.0
    assert sessions.find(session.id, uses=False) is session
    time[0] = IDLE_S + 1.0
    assert sessions.find(session.id) is None


def test_a_slow_browser_misses_the_oldest_and_is_given_the_page_again() -> None:
    client = Client("line", behind=False)
    for number in range(HELD):
        client.give(str(number).encode())
    assert not client.behind
    client.give(b"more")
    assert (client.behind, client.dropped, len(client.waiting)) == (True, HELD, 0)


def events(url: str, topic: str, count: int) -> list[dict[str, object]]:
    found = list[dict[str, object]]()
    with httpx.Client(timeout=10.0) as client, client.stream("GET", f"{url}events?topic={topic}") as stream:
        for text in stream.iter_lines():
            if text.startswith("data: {"):
                found.append(json.loads(text.removeprefix("data: ")))
                if len(found) == count:
                    break
    return found


def test_a_browser_is_given_all_and_then_what_changes(line: Told) -> None:
    with console(line) as served, living(line, served):
        first, *_, second = events(served.url, "line", 4)
    cells, changed = first["c"], second["d"]
    assert isinstance(cells, dict)
    assert isinstance(changed, dict)
    assert first["full"] == 1
    assert len(changed) < len(cells)
    assert str(list(cells).index("cycle")) in changed


def test_a_browser_that_reads_nothing_holds_up_nobody(line: Told) -> None:
    with console(line) as served, living(line, served, 0.01):
        with httpx.Client(timeout=10.0) as deaf, deaf.stream("GET", f"{served.url}events?topic=tags"):
            found = events(served.url, "tags", 4)
            numbers = [int(str(each["n"])) for each in found]
        assert numbers == sorted(numbers)
    assert line.number > 4


def test_the_console_of_another_policy_takes_its_place(line: Told) -> None:
    other, inbox = told(), SimpleQueue[Order]()
    with console(line) as served:
        served.follow(Shown(other.kit, None, inbox, None))
        served(*other.next())
        assert events(served.url, "line", 1)[0]["full"] == 1
        assert served.hall.inbox is inbox


def test_a_page_of_the_policy_before_is_told_that_it_is_over(line: Told) -> None:
    with (
        console(line) as served,
        living(line, served),
        httpx.stream("GET", f"{served.url}events?topic=line", timeout=10.0) as stream,
    ):
        lines = stream.iter_lines()
        next(text for text in lines if text.startswith("data: {"))
        served.follow(Shown(line.kit, None, SimpleQueue(), None))
        assert any(text == "event: over" for text in lines)


def test_under_tls_the_cookie_is_for_tls_alone(line: Told, tmp_path: Path) -> None:
    wanted = Wanted(name="console", uri="urn:console", hosts=("127.0.0.1",))
    certificate, key = create(wanted, WallClock().now())
    (tmp_path / "c.pem").write_text(ssl.DER_cert_to_PEM_cert(certificate.data))
    (tmp_path / "k.pem").write_bytes(key)
    doors = Doors("127.0.0.1", 0, tmp_path / "c.pem", tmp_path / "k.pem")
    trusted = ssl.create_default_context(cafile=str(tmp_path / "c.pem"))
    with console(line, doors=doors) as served, httpx.Client(verify=trusted, timeout=10.0) as client:
        found = client.get(served.url)
        assert served.url.startswith("https://")
        assert found.headers["set-cookie"].startswith("__Host-steadyline=")
        assert "secure" in found.headers["set-cookie"].lower()
        assert "max-age" in found.headers["strict-transport-security"]


def test_a_run_is_not_begun_with_a_console_that_is_open_to_others(line: Told) -> None:
    with pytest.raises(Refused, match=r"needs TLS .* and users"), opened(line.kit, Options(), Doors("10.0.0.5"), None):
        pytest.fail("it was opened")


def test_a_port_that_is_taken_is_left_to_whoever_has_it(line: Told) -> None:
    with console(line) as served:
        port = int(served.url.rstrip("/").rpartition(":")[2])
        with pytest.raises(Refused, match="cannot be served"), opened(line.kit, Options(), Doors(port=port), None):
            pytest.fail("it was opened")


def test_a_console_that_is_closed_leaves_no_thread(line: Told) -> None:
    before = threading.active_count()
    with console(line) as served:
        assert httpx.get(served.url).status_code == 200
    assert threading.active_count() == before


def test_every_way_but_the_log_in_and_files_wants_to_know_who_asks() -> None:
    assert {way.method for way in WAYS} == {"GET", "POST"}
    assert len({(way.method, way.path) for way in WAYS}) == len(WAYS)


def test_without_users_a_page_offers_every_order_that_the_terminal_takes() -> None:
    acts = [DirectLine(each) for each in Directive]
    acts += [SetMode("blend", each) for each in Mode]
    acts += [HandleAlarm("nir_fit", each) for each in Attention]
    assert {needed(act) for act in acts} | {Right.ADJUST} <= LOCAL
    assert not LOCAL & {Right.JUDGE, Right.ADOPT, Right.ADMINISTER, Right.APPROVAL}


def test_a_page_that_nobody_looks_at_any_more_takes_no_room() -> None:
    hub = Hub(Slot(), Board(kit(), None), Pages().draw)

    async def looked() -> None:
        for number in range(1, 4):
            stream = cast("AsyncGenerator[bytes]", hub.stream(f"alarms:{number}.1.1", lambda: True))
            await anext(stream)
            assert b'"full":1' in await anext(stream)
            assert len(hub._topics) == 1
            await stream.aclose()

    asyncio.run(looked())
    assert hub._topics == {}
