"""The console in a real browser: every page, an alarm, a mode, a restart, and who cannot see well."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import Any

import pytest
from foreign import program, scripted
from shown import console, living, show, told

from controller.console.doors import Doors
from controller.cycle import Mode

pytestmark = pytest.mark.interop


def looking(what: str, url: str) -> list[str]:
    program("chromium", "chromium")
    return [*scripted("playwright-core", "console.js"), what, url.rstrip("/")]


def looked(what: str, url: str) -> dict[str, Any]:
    """Return what a browser found."""
    done = subprocess.run(looking(what, url), capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_page_lives_and_no_browser_complains() -> None:
    line = told()
    with console(line) as served:
        show(line, served, 60)
        with living(line, served):
            found = looked("pages", served.url)
    assert {path: page["errors"] for path, page in found.items() if page["errors"]} == {}
    assert len(found) == 12
    assert all("line A" in page["title"] for page in found.values())


def test_every_page_can_be_used_by_who_sees_or_moves_badly_light_and_dark() -> None:
    line = told()
    with console(line) as served:
        show(line, served, 80)
        with living(line, served):
            found = looked("access", served.url)
    assert len(found) == 24
    assert {page: wrong for page, wrong in found.items() if wrong} == {}


def test_an_alarm_that_is_raised_is_seen_and_acknowledged() -> None:
    line = told()
    with console(line) as served, living(line, served, 0.05):
        found = looked("alarm", served.url)
    assert found["errors"] == []
    assert found["name"].startswith("acknowledge ")
    assert any(order.why == "seen at the console" for order in line.orders)
    assert "seen at the console" in found["state"]


def test_a_mode_is_changed_and_the_page_says_who_and_why() -> None:
    line = told()
    with console(line) as served:
        show(line, served, 40)
        with living(line, served):
            found = looked("mode", served.url)
    assert (found["after"], found["errors"]) == ("OFF", [])
    assert line.state.loops["blend"].mode is Mode.OFF


def test_a_restart_is_told_within_three_seconds_and_ends_by_itself() -> None:
    line = told()
    with console(line) as first, living(line, first):
        port = int(first.url.rstrip("/").rpartition(":")[2])
        process = subprocess.Popen(
            looking("restart", first.url), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stderr.readline() == "looking\n"
    assert process.stderr.readline() == "stale\n"
    threading.Event().wait(1.0)
    with console(line, doors=Doors(port=port)) as second, living(line, second):
        said, complained = process.communicate(timeout=60.0)
    assert process.returncode == 0, complained
    assert 0.0 < json.loads(said)["stale_s"] <= 3.0
