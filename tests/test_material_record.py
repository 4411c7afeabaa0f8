"""What a record and tracer tests tell of material, by the verbs that people use."""

from __future__ import annotations

import json
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

from controller.cli import app
from controller.cli.lot import plain
from controller.material.fit import Forms, Tracer, fitted, kernel_of, predicted
from controller.material.release import Verdict
from controller.material.rtd import Reference, Rtd, read
from controller.records.lots import Box, Traced, traced
from hil import commissioning_rtd
from hil.library import find, open_scenario
from hil.rig.play import in_memory

LIMITS = (9.5, 10.5)
TRUE = (0.4, 2.6)
"""Hold-up [kg] and number of tanks of the unit that tracer is sent through."""


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of ten minutes of control."""
    where = tmp_path_factory.mktemp("lots") / "record"
    scenario, policy = open_scenario(find("a_quiet"))
    in_memory(scenario.model_copy(update={"for_s": 600.0}), policy, 2, where)
    return where


@pytest.fixture(scope="module")
def found(record: Path) -> Traced:
    return traced(record)


def box(low: float, high: float, content: float = 10.0, *, exceptions: tuple[str, ...] = ()) -> Box:
    return Box(1, 0.0, 900.0, 5.0, content, low, high, {"api/1": 0.5}, exceptions=exceptions)


def test_a_container_conforms_only_where_all_that_may_be_in_it_does() -> None:
    assert box(9.7, 10.3).verdict(LIMITS) is Verdict.CONFORMING
    assert box(9.4, 10.3).verdict(LIMITS) is Verdict.UNDECIDED
    assert box(9.7, 10.3, exceptions=("alarm nir_fit stood",)).verdict(LIMITS) is Verdict.UNDECIDED
    assert box(9.0, 9.6, content=9.3).verdict(LIMITS) is Verdict.NOT_CONFORMING


def test_mass_made_is_in_containers_or_was_rejected(found: Traced) -> None:
    assert sum(one.mass_kg for one in found.boxes) + found.diverted_kg == pytest.approx(found.made_kg, abs=1e-6)
    for one in found.boxes:
        assert sum(one.lots.values()) == pytest.approx(one.mass_kg, rel=1e-4)


def test_every_lot_that_was_fed_is_somewhere(found: Traced) -> None:
    boxed = {name for one in found.boxes for name in one.lots}

    assert {"api/0", "exc/0", "lub"} <= boxed | set(found.lots)
    assert all(mass >= 0.0 for held in found.lots.values() for mass in held.values())


def test_a_diversion_is_in_the_record_with_trigger_times_and_mass(found: Traced) -> None:
    first = found.diversions[0]

    assert first["trigger"] == "unknown"
    assert first["until"] > first["since"]
    assert first["mass_kg"] > 1.0


def test_the_verb_gives_containers_and_lots_and_writes_a_page(record: Path, tmp_path: Path) -> None:
    page, result = tmp_path / "lot.html", tmp_path / "lot.json"
    status = app.status(["report", "lot", str(record), "--lot", "api/0", "--out", str(page), "--json", str(result)])
    told = json.loads(result.read_text())

    assert status == 0
    assert list(told["lots"]) in ([], ["api/0"])
    assert all("api/0" in one["lots"] for one in told["containers"])
    assert "Reviewed by" in page.read_text()


def test_a_terminal_shows_what_to_look_at_and_no_table_too_wide_for_it(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.status(["report", "lot", str(record)]) == 0
    shown = capsys.readouterr().err
    block = shown[shown.index("container 1: undecided") :]
    assert "the record ends before it is full" in block[: block.index("excursions of what was let out")]
    assert "api/0" in block


@pytest.mark.parametrize(
    ("asked", "there", "gone"),
    [(["--container", "1"], "excursions", "where each lot"), (["--lot", "api/0"], "where each lot", "excursions")],
)
def test_a_question_of_one_container_or_lot_is_answered_without_the_rest(
    record: Path, capsys: pytest.CaptureFixture[str], asked: list[str], there: str, gone: str
) -> None:
    assert app.status(["report", "lot", str(record), *asked]) == 0
    shown = capsys.readouterr().err
    assert "container 1" in shown
    assert there in shown
    assert gone not in shown
    assert "diversions" not in shown


@pytest.mark.parametrize("asked", [["--lot", "api/99"], ["--container", "77"]])
def test_what_is_in_no_record_is_refused_with_what_is(record: Path, asked: list[str]) -> None:
    assert app.status(["report", "lot", str(record), *asked]) == 2


def test_plain_values_of_a_record_can_be_written_as_json(found: Traced) -> None:
    assert json.loads(json.dumps(plain(found)))["unit"] == "%"


def tracer(rng: np.random.Generator, flow: float = 20.0, *, step: bool = False) -> Tracer:
    at = np.arange(0.0, 1500.0, 5.0)
    inlet = 10.0 + np.where(at > 30.0 if step else (at > 30.0) & (at <= 90.0), 4.0, 0.0)
    bare = Tracer(at, np.full_like(at, flow), 250.0, inlet, inlet)
    held = Rtd.model_validate(
        {"schema": "steadyline.rtd/1", "form": "tanks", "how": "", "reference": {"flow": 20.0, "speed": 250.0}}
        | {"names": ("holdup", "tanks", "by_flow"), "mean": (log(TRUE[0]), log(TRUE[1]), 0.5)}
        | {"covariance": ((0.0,) * 3,) * 3}
    )
    seen = predicted(bare, held) + 0.03 * rng.standard_normal(len(at))
    return Tracer(at, bare.flow, 250.0, inlet, seen)


@pytest.mark.parametrize("step", [False, True])
def test_a_fit_finds_hold_up_and_tanks_and_says_how_well_it_knows_them(*, step: bool) -> None:
    rng = np.random.default_rng(5)
    tests = [tracer(rng, flow, step=step) for flow in (16.0, 20.0, 24.0)]
    one = fitted({"1": tests}, Forms("tanks", by_flow=True, by_speed=False), Reference(flow=20.0, speed=250.0), "")
    sd = np.sqrt(np.diag(np.array(one.covariance)))

    assert exp(one.mean[0]) == pytest.approx(TRUE[0], rel=0.03)
    assert exp(one.mean[1]) == pytest.approx(TRUE[1], rel=0.15)
    assert one.mean[2] == pytest.approx(0.5, abs=0.1)
    assert (np.abs(np.array(one.mean) - [log(TRUE[0]), log(TRUE[1]), 0.5]) < 4.0 * sd).all()


def test_several_lines_leave_the_spread_between_them() -> None:
    rng = np.random.default_rng(6)
    alike, reference = Forms("tanks", by_flow=False, by_speed=False), Reference(flow=20.0, speed=250.0)
    one = fitted({"1": [tracer(rng)]}, alike, reference, "")
    many = fitted({str(i): [tracer(rng, 20.0 * f)] for i, f in enumerate((0.8, 1.0, 1.25))}, alike, reference, "")

    assert many.covariance[0][0] > 10.0 * one.covariance[0][0]


def test_a_kernel_is_found_without_a_form() -> None:
    shares = kernel_of([tracer(np.random.default_rng(7))], 40, 4.0)

    assert sum(shares) == pytest.approx(1.0)
    assert min(shares) >= 0.0
    assert shares[0] < max(shares) / 2.0


def test_too_little_tracer_is_refused() -> None:
    short = tracer(np.random.default_rng(8))
    few = Tracer(short.at[:6], short.flow[:6], 250.0, short.inlet[:6], short.outlet[:6])

    with pytest.raises(ValueError, match="samples"):
        fitted({"1": [few]}, Forms("tanks", by_flow=False, by_speed=False), Reference(flow=20.0, speed=250.0), "")


def written(path: Path, head: str, *, inlet: bool) -> Path:
    one = tracer(np.random.default_rng(9))
    rows = [head]
    for at, flow, came, left in zip(one.at / 60.0, one.flow, one.inlet, one.outlet, strict=True):
        rows.append(f"{at},{flow},{came},{left}" if inlet else f"{at},{flow},{left}")
    path.write_text("\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize("form", ["tanks", "dispersion", "kernel"])
def test_the_verb_fits_a_table_with_units(tmp_path: Path, form: str) -> None:
    data = written(tmp_path / "t.csv", "time [min],flow [kg/h],inlet [%],outlet [%]", inlet=True)
    out = tmp_path / "unit.rtd.json"

    assert app.status(["identify", "--rtd", str(data), "--form", form, "--out", str(out)]) == 0
    one = read(out.read_bytes())
    assert one.form == form
    assert one.fit is not None
    assert one.fit.r2 > 0.9


def test_an_ideal_pulse_needs_no_inlet(tmp_path: Path) -> None:
    data = written(tmp_path / "t.csv", "time [min],flow [kg/h],outlet [%]", inlet=False)
    out = tmp_path / "unit.rtd.json"

    assert app.status(["identify", "--rtd", str(data), "--out", str(out)]) == 0


@pytest.mark.parametrize(
    "head", ["time,flow [kg/h],inlet [%],outlet [%]", "time [min],flow [kg],inlet [%],outlet [%]", "a,b,c,d"]
)
def test_a_table_without_units_is_refused(tmp_path: Path, head: str) -> None:
    data = written(tmp_path / "t.csv", head, inlet=True)

    assert app.status(["identify", "--rtd", str(data), "--out", str(tmp_path / "o.json")]) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_commissioning_gives_what_is_shipped() -> None:
    shipped = Path(commissioning_rtd.__file__).parents[1] / "policies" / "lines" / "a"
    for unit, data in commissioning_rtd.identified(commissioning_rtd.SEEDS).items():
        again, old = read(data), read((shipped / commissioning_rtd.FILES[unit]).read_bytes())
        assert again.mean == pytest.approx(old.mean, rel=1e-3, abs=1e-3)
