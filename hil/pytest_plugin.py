"""The pytest plugin ``steadyline-hil``: policies tried out on simulated lines.

Nothing but pytest is imported before a test asks for a fixture, so that other projects do not notice the plugin.
"""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, cast

import pytest

if TYPE_CHECKING:
    from controller.cycle import Cycle
    from hil.rig.process import PlcProcess
    from hil.rig.stand import Stand

_STAND = pytest.StashKey["Stand"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("steadyline-hil", "simulated lines")
    group.addoption(
        "--hil-clock",
        choices=["memory", "virtual", "lockstep", "wall"],
        default="virtual",
        help="how time goes by on simulated lines (default: virtual)",
    )
    seed, seeds = "seed of simulated lines (default: the scenario's, or 1)", "repeat tests with that many seeds"
    group.addoption("--hil-seed", type=_whole(0), metavar="N", help=seed)
    group.addoption("--hil-seeds", type=_whole(1), metavar="N", help=seeds)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Repeat tests that use a simulated line with every seed asked for."""
    first, count = metafunc.config.getoption("--hil-seed"), metafunc.config.getoption("--hil-seeds")
    if "hil_seed" in metafunc.fixturenames and (first, count) != (None, None):
        first = 1 if first is None else first
        seeds = range(first, first + (1 if count is None else count))
        metafunc.parametrize("hil_seed", seeds, ids=[f"seed{seed}" for seed in seeds])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Say of a failure on a simulated line which seed it had, and how it is repeated."""
    report = yield
    stand = item.stash.get(_STAND, None)
    if stand is not None and report.failed:
        parameters = cast("dict[str, object]", getattr(getattr(item, "callspec", None), "params", {}))
        option = f" --hil-seed {stand.seed}" if "hil_seed" in parameters else ""
        command = f"pytest {shlex.quote(item.nodeid)}{option} --hil-clock {stand.clock}"
        report.sections.append(("steadyline-hil", f"seed {stand.seed}, clock {stand.clock}\nrepeat: {command}"))
    return report


@pytest.fixture
def hil_seed() -> int | None:
    """Seed of the simulated plant [1]; that of the scenario, or 1, if None."""
    return None


@pytest.fixture
def hil_rig(request: pytest.FixtureRequest, hil_seed: int | None) -> Generator[Stand]:
    """Play policies on simulated lines: ``hil_rig.play("policy.yaml", for_="20m")``."""
    from hil.rig.stand import Stand  # noqa: PLC0415  # heavy

    clock = str(request.config.getoption("--hil-clock"))
    with Stand(clock, hil_seed, request.path.parent) as stand:
        request.node.stash[_STAND] = stand
        yield stand


@pytest.fixture
def hil_fault(hil_rig: Stand) -> Callable[..., None]:
    """Let something go wrong: ``hil_fault("F04", "FDR_API", after="15m", magnitude=0.04)``."""
    return hil_rig.fault


@pytest.fixture
def hil_plc(hil_rig: Stand) -> Callable[..., PlcProcess]:
    """Start simulated PLCs in a process of their own: ``hil_plc("policy.yaml").connect`` gives their addresses."""
    return hil_rig.plc


@pytest.fixture
def hil_trace(hil_rig: Stand) -> list[Cycle]:
    """Every cycle of the last run: snapshot, orders, plans, decision, receipts."""
    return hil_rig.trace


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from {least} on")
        return int(text)

    return read
