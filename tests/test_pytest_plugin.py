"""The pytest plugin as another repository meets it."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from policies import shipped

pytest_plugins = "pytester"

DOCS = Path(__file__).parents[1] / "docs" / "hil.md"
POLICY = shipped("A")


def snippet() -> str:
    """Return the test that the documentation shows."""
    (found,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    return str(found)


def another_repository(pytester: pytest.Pytester, program: str) -> None:
    pytester.makepyfile(test_blend=program)
    shutil.copytree(POLICY.parent, pytester.path, dirs_exist_ok=True)
    (pytester.path / POLICY.name).rename(pytester.path / "my_policy.yaml")


def test_a_policy_of_ones_own_is_tested_in_ten_lines(pytester: pytest.Pytester) -> None:
    assert len([line for line in snippet().splitlines() if line]) <= 10
    another_repository(pytester, snippet())
    result = pytester.runpytest_subprocess("--hil-clock", "memory", "-W", "error")
    result.assert_outcomes(passed=1)


def test_each_failure_ends_with_its_seed_and_the_command_that_repeats_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_blend="""
        def test_too_much(hil_rig):
            assert hil_rig.seed < 0

        def test_something_else():
            assert True
        """
    )
    result = pytester.runpytest_subprocess("--hil-clock", "memory", "--hil-seed", "7", "--hil-seeds", "2")
    result.assert_outcomes(failed=2, passed=1)
    for seed in (7, 8):
        command = f"pytest 'test_blend.py::test_too_much[[]seed{seed}]' --hil-seed {seed} --hil-clock memory"
        result.stdout.fnmatch_lines([f"seed {seed}, clock memory", f"repeat: {command}"])
    again = ["test_blend.py::test_too_much[seed8]", "--hil-seed", "8", "--hil-clock", "memory"]
    pytester.runpytest_subprocess(*again).assert_outcomes(failed=1)


def test_a_project_that_uses_none_of_it_does_not_notice(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import sys

        def test_nothing_heavy_is_there():
            assert "hil.pytest_plugin" in sys.modules
            assert not {"numpy", "policies", "controller", "hil.rig"} & set(sys.modules)
        """
    )
    result = pytester.runpytest_subprocess("--hil-seeds", "3")
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("--hil-clock", "sundial", "invalid choice: 'sundial'"),
        ("--hil-seed", "-1", "found '-1', expected a whole number from 0 on"),
        ("--hil-seeds", "0", "found '0', expected a whole number from 1 on"),
    ],
)
def test_a_wrong_option_is_refused_at_once(pytester: pytest.Pytester, option: str, value: str, sentence: str) -> None:
    result = pytester.runpytest_inprocess(f"{option}={value}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{sentence}*"])


@pytest.mark.slow
def test_simulated_plcs_in_their_own_process_end_with_the_test(pytester: pytest.Pytester) -> None:
    another_repository(
        pytester,
        """
        import socket
        from urllib.parse import urlsplit

        ports = []

        def test_they_listen(hil_plc):
            plc = hil_plc("my_policy.yaml")
            assert set(plc.connect) == {"feeders", "line"}
            ports.append(urlsplit("//" + plc.connect["feeders"]).port)
            socket.create_connection(("127.0.0.1", ports[0])).close()

        def test_they_are_gone():
            assert socket.socket().connect_ex(("127.0.0.1", ports[0])) != 0

        def test_an_unknown_fault_is_refused(hil_fault):
            import pytest
            with pytest.raises(ValueError, match="wanted one of F01"):
                hil_fault("F99", "FDR_API", after="1m")
        """,
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=3)
