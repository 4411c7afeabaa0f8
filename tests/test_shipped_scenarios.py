"""Every shipped scenario holds, each played as it says."""

import pytest

from controller.cli.app import status
from hil.library import names

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", names())
def test_a_shipped_scenario_holds(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["hil", "run", name]) == 0, capsys.readouterr().err
