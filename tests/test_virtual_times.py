"""What the protocol libraries take for the time in a virtual run, and that nothing of theirs escapes it."""

from __future__ import annotations

import ast
import asyncio
import datetime as dt
import importlib.util
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
from asyncua import Client, ua
from asyncua.server import internal_session, internal_subscription, uaprocessor
from asyncua.server.server import Server
from asyncua.ua import uatypes
from fakes import HOLDER
from pymodbus.transaction import transaction

from hil.library import find, open_scenario
from hil.rig.play import EPOCH
from hil.rig.virtual import Run, in_virtual_time
from hil.virtual.loop import VirtualLoop
from hil.virtual.times import LIBRARIES, virtual_times
from plant_io.clocks import WallClock

READS = {"time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "perf_counter_ns"}
ASKS = {"now", "utcnow", "today"}
KNOWN = {"pymodbus/datastore/simulator.py: datetime.now"}
"""The start of a simulator of pymodbus' own, which nobody starts here."""


def run(main: Any) -> Any:
    with virtual_times(), asyncio.Runner(loop_factory=lambda: VirtualLoop(EPOCH)) as runner:
        return runner.run(main())


def test_the_libraries_see_the_time_of_the_loop_and_get_the_real_one_back() -> None:
    async def look() -> list[float]:
        await WallClock().sleep_until(EPOCH + 100.0)
        modules: list[Any] = [internal_session, internal_subscription, uaprocessor]
        return [*(module.time.monotonic() for module in modules), cast("Any", transaction).monotonic()]

    before = (internal_session.time, cast("Any", transaction).monotonic, cast("Any", uatypes).datetime)
    assert run(look) == [EPOCH + 100.0] * 4
    assert (internal_session.time, cast("Any", transaction).monotonic, cast("Any", uatypes).datetime) == before
    assert before == (time, time.monotonic, dt.datetime)


def test_the_stand_in_for_datetime_is_as_good_as_the_real_one() -> None:
    async def look() -> None:
        stand_in: Any = cast("Any", uatypes).datetime
        assert stand_in is not dt.datetime
        assert stand_in.now(dt.UTC) == dt.datetime.fromtimestamp(EPOCH, dt.UTC)
        assert stand_in.utcnow() == dt.datetime.fromtimestamp(EPOCH, dt.UTC).replace(tzinfo=None)
        assert type(stand_in(2026, 1, 2)) is type(stand_in.now()) is dt.datetime
        assert stand_in.fromtimestamp(EPOCH, dt.UTC) == dt.datetime.fromtimestamp(EPOCH, dt.UTC)
        assert isinstance(dt.datetime(2026, 1, 1, tzinfo=dt.UTC), stand_in)
        assert issubclass(ua.DateTime, stand_in)
        assert not isinstance(EPOCH, stand_in)

    run(look)


def test_a_module_loaded_in_the_middle_of_a_run_is_no_exception() -> None:
    name = "asyncua.pubsub.utils"
    sys.modules.pop(name, None)

    async def load() -> dt.datetime:
        import asyncua.pubsub.utils as late  # noqa: PLC0415  # the point of it

        assert cast("Any", late).datetime is not dt
        return cast("Any", late).datetime.datetime.now(dt.UTC)

    assert run(load) == dt.datetime.fromtimestamp(EPOCH, dt.UTC)
    assert cast("Any", sys.modules[name]).datetime is dt


def test_files_are_read_without_a_thread(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("secret")

    async def read() -> tuple[str, float]:
        return await anyio.Path(tmp_path / "key.pem").read_text(), asyncio.get_running_loop().time()

    assert run(read) == ("secret", 0.0)


def test_a_server_shows_virtual_times_and_forgets_a_silent_client_in_virtual_time() -> None:
    async def meet() -> tuple[Any, Any, int, int]:
        server = Server()
        server.disable_clock()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:4840")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        await server.start()
        client = Client("opc.tcp://127.0.0.1:4840")
        client.session_timeout = 20_000
        await client.connect()
        started = await client.get_node(ua.ObjectIds.Server_ServerStatus_StartTime).read_data_value()
        sessions = len(server.iserver.asyncio_transports)
        loop = cast("VirtualLoop", asyncio.get_running_loop())
        loop.network.drop(4840, "both", 1.0, float("inf"))
        await WallClock().sleep_until(EPOCH + 60.0)
        left = len(server.iserver.asyncio_transports)
        client.disconnect_socket()
        await server.stop()
        return started.Value.Value, started.ServerTimestamp, sessions, left

    started, stamped, sessions, left = run(meet)
    assert started == stamped == dt.datetime.fromtimestamp(EPOCH, dt.UTC)
    assert (sessions, left) == (1, 0)


def test_no_library_asks_for_the_real_time_in_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()

    def spy(real: Any) -> Any:
        def tell(*given: object) -> object:
            who = str(sys._getframe(1).f_globals.get("__name__"))
            if who.partition(".")[0] in LIBRARIES:
                asked.add(who)
            return real(*given)

        return tell

    for name in READS:
        monkeypatch.setattr(time, name, spy(getattr(time, name)))
    scenario, policy = open_scenario(find("a_quiet"))
    in_virtual_time(Run(scenario.model_copy(update={"for_s": 15.0}), policy, 1, build=HOLDER))
    assert asked == set()


def test_the_libraries_read_the_time_in_no_way_that_a_stand_in_cannot_reach() -> None:
    found = {spot for library in LIBRARIES for spot in blind_spots(library)}
    assert found - KNOWN == set()


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    import time\n    return time.time()",
        "def f():\n    from datetime import datetime\n    return datetime.now()",
        "import time\ndef f(now=time.monotonic()): ...",
        "import time\nclass A:\n    clock = time.monotonic",
        "from datetime import datetime\nSTARTED = datetime.now()",
        "from time import clock_gettime\n",
        "from datetime import date\n",
        "import time\ndef f():\n    return time.clock_gettime(1)",
    ],
)
def test_a_new_way_to_read_the_time_would_be_found(source: str) -> None:
    assert list(blind("x.py", source))


def blind_spots(library: str) -> Iterator[str]:
    spec = importlib.util.find_spec(library)
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    for path in sorted(root.rglob("*.py")):
        if "standard_address_space" not in path.parts:
            yield from blind(str(path.relative_to(root.parent)), path.read_text(encoding="utf-8"))


def blind(name: str, source: str) -> Iterator[str]:
    """Every reading of the time that no replaced name of a module reaches: bound early, bound locally, or unknown."""
    if "time" not in source:
        return
    tree = ast.parse(source)
    inside = set(within(tree))
    for node in ast.walk(tree):
        local, text = id(node) in inside, ast.unparse(node) if isinstance(node, ast.expr | ast.stmt) else ""
        if isinstance(node, ast.Import) and local and {"time", "datetime"} & {a.name for a in node.names}:
            yield f"{name}: {text} in a function"
        elif isinstance(node, ast.ImportFrom) and node.module in ("time", "datetime"):
            known = {"time": READS | {"sleep"}, "datetime": {"datetime", "timedelta", "timezone", "UTC", "tzinfo"}}
            for alias in node.names:
                if local or alias.name not in known[node.module]:
                    yield f"{name}: {text}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            base = ast.unparse(node.value).rpartition(".")[2]
            if base == "time" and (node.attr.startswith("clock_") or (not local and node.attr in READS)):
                yield f"{name}: {text}"
            if base in ("datetime", "date") and node.attr in ASKS and not local:
                yield f"{name}: {text}"


def within(tree: ast.AST) -> Iterator[int]:
    """Every node that is evaluated when a function is called, and not before."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            body = function.body if isinstance(function.body, list) else [function.body]
            for statement in body:
                yield from (id(node) for node in ast.walk(statement))
