"""Machine code is a matter of speed alone: it is made where it can be, kept safely, and never needed."""

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from controller.models.symbolic import Routine, casadi, vector
from controller.mpc.horizon import Kernel
from controller.mpc.native import native

COMPILER = pytest.mark.skipif(not (shutil.which("cc") or shutil.which("gcc")), reason="no C compiler here")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "steadyline" / "native"


def function() -> Routine:
    x = vector("x", 2)
    return casadi().Function("twice", [x], [casadi().densify(x * 2.0)])


def doubled(made: Sequence[Routine] | None) -> list[float]:
    assert made is not None
    kernel = Kernel(made[0])
    kernel.arguments[0][:] = 1.5, 2.5
    kernel.run()
    found: list[float] = np.ravel(kernel.results[0]).tolist()
    return found


def libraries(home: Path) -> list[Path]:
    return sorted(home.glob("*.so")) if home.is_dir() else []


@COMPILER
def test_what_is_compiled_is_kept_and_found_again(home: Path) -> None:
    assert doubled(native([function()])) == [3.0, 5.0]
    (library,) = libraries(home)
    made = library.stat().st_mtime_ns
    assert doubled(native([function()])) == [3.0, 5.0]
    assert [path.stat().st_mtime_ns for path in libraries(home)] == [made]
    assert home.stat().st_mode & 0o777 == 0o700
    assert sorted(home.iterdir()) == [library]  # nothing half made is left


@COMPILER
def test_a_place_that_others_can_write_is_not_believed(home: Path) -> None:
    home.mkdir(parents=True)
    home.chmod(0o777)
    assert native([function()]) is None
    assert libraries(home) == []


@COMPILER
def test_a_library_that_is_not_whole_is_thrown_away(home: Path) -> None:
    native([function()])
    (library,) = libraries(home)
    library.unlink()
    library.write_bytes(b"half of it")
    assert native([function()]) is None
    assert libraries(home) == []


def test_without_a_compiler_nothing_is_compiled(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.mpc.native._compiler", str)
    assert native([function()]) is None
    assert libraries(home) == []


def test_a_compiler_that_fails_is_no_compiler(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o700)
    monkeypatch.setattr("controller.mpc.native._compiler", lambda: str(broken))
    assert native([function()]) is None
    assert libraries(home) == []


def test_a_home_that_cannot_be_made_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert native([function()]) is None


def test_a_compiler_that_takes_too_long_is_ended_with_all_that_it_started(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\n(sleep 1; touch {left}) &\nsleep 30\n")
    slow.chmod(0o700)
    monkeypatch.setattr("controller.mpc.native._PATIENCE_S", 0.2)
    monkeypatch.setattr("controller.mpc.native._compiler", lambda: str(slow))
    monkeypatch.setattr("controller.mpc.native._said", str)
    assert native([function()]) is None
    time.sleep(1.5)
    assert not left.exists()
    assert libraries(home) == []
