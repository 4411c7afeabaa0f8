"""Every line is served to any client over real sockets, and nobody but the rig knows the plant."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path

import pytest

from hil import serve
from hil.plc.lines import names
from plant_io import Quality
from plant_io.clocks import SimClock
from plant_io.line import Line
from plant_io.signals import Snapshot
from policies import OpcUa, Policy, load, rebind, shipped

EPOCH = 1_767_225_600.0
ROOT = Path(__file__).parents[1]


async def seen(name: str, policy: Policy) -> Snapshot:
    """What a client sees of a line that has been served for a minute of its time."""
    rack = serve.Rack(policy, serve.Options(name, shipped(name), seed=2, start=EPOCH))
    line = Line(rebind(policy, await rack.start()), SimClock(EPOCH + 60.0))
    await line.open()
    try:
        assert await line.ready(10.0)
        rack.line.advance(60.0)
        await rack.show()
        return await line.read(EPOCH + 60.0)
    finally:
        await line.close()
        await rack.stop()


@pytest.mark.parametrize("name", names())
def test_every_tag_of_every_line_is_good_over_its_sockets(name: str) -> None:
    policy = load(shipped(name))
    snapshot = asyncio.run(seen(name, policy))
    assert [tag for tag in policy.tags if snapshot[tag].quality is not Quality.GOOD] == []


@pytest.mark.parametrize("name", names())
def test_the_tag_map_of_a_line_is_a_file_and_names_both_protocols_or_is_a_monitor(name: str) -> None:
    policy = load(shipped(name))
    spoken = {type(connection) is OpcUa for connection in policy.connections.values()}
    assert spoken == ({True} if name == "E" else {True, False})


def imported(module: Path) -> set[str]:
    """Return the top-level packages that a module imports."""
    found = set[str]()
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module).partition(".")[0])
    return found


def test_only_the_rig_imports_the_rig() -> None:
    modules = [
        path for folder in ("policies", "plant_io", "anomaly", "controller") for path in (ROOT / folder).rglob("*.py")
    ]
    assert len(modules) > 100
    assert [path.name for path in modules if "hil" in imported(path)] == []
    assert "hil" in imported(ROOT / "hil" / "cli.py")
