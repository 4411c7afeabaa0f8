"""What is loaded at start-up; heavy packages wait until they are needed."""

import subprocess
import sys

import pytest

HEAVY = {
    *("apsw", "asyncua", "casadi", "do_mpc", "jinja2", "matplotlib", "pandas", "plotly", "pymodbus", "river", "ruamel"),
    *("scipy", "sklearn"),
}
NOT_FOR_HELP = HEAVY | {"cryptography", "httpx", "numpy", "psycopg", "pydantic", "starlette", "uvicorn"}
LIST = "print(); print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def loaded(program: str, *arguments: str) -> set[str]:
    """Top-level packages in memory once a program has run in a process of its own."""
    command = [sys.executable, "-c", f"import sys\n{program}\n{LIST}", *arguments]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return set(answer.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", ["policies", "plant_io", "anomaly", "controller", "hil"])
def test_importing_a_package_loads_nothing_heavy(package: str) -> None:
    assert loaded(f"import {package}") & HEAVY == set()


def test_asking_for_help_loads_nothing_heavy() -> None:
    program = (
        "from controller.cli.app import main\ntry:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert loaded(program, "--help") & NOT_FOR_HELP == set()


def test_loading_a_policy_loads_no_solver_server_or_learner() -> None:
    assert loaded("import policies; policies.load(policies.shipped('A'))") & HEAVY == {"ruamel"}
