"""The NIR instrument behind the mill of line B: its spectra, and what strikes its window and its optics."""

from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from controller.soft.pls import Pls, read
from hil.plants.batch_b import BatchB
from hil.plants.faults import Fault
from hil.plants.granulation import DryerKind
from hil.plants.line_b import NOMINAL, LineB
from hil.plants.nir import BANDS, CLEAN, Optics, misread
from hil.plants.probe_b import FILM, composition
from policies import load, shipped

PLS = Pls.of(read(load(shipped("b")).files["nir_pls.json"], "nir_pls.json"))
TAGS = ("NIR.SPECTRUM", "NIR_LOD", "NIR_API")
GRANULES = composition(lod=2.0, api=20.0)


@cache
def seen(*faults: Fault, dryer: DryerKind = "continuous", noise: float = 1.0) -> dict[str, np.ndarray]:
    """Of each spectrum of half an hour: result and misfit of the calibration, the analyser's results, and the truth."""
    line = LineB(3, mismatch=0.0, noise=noise, faults=faults, dryer=dryer)
    rows = []
    for k in range(1800):
        line.step(1.0, NOMINAL)
        if k % 10 == 9:
            reading = PLS(np.asarray(line.tags["NIR.SPECTRUM"]))
            shown = {name: float(np.asarray(line.tags[name])) for name in ("NIR_LOD", "NIR_API")}
            made = {"api": reading.results[0], "lod": reading.results[1], "q": reading.q}
            rows.append({**made, **shown, **line.truth()})
    return {name: np.array([row[name] for row in rows[1:]]) for name in rows[0]}


def errors(found: dict[str, np.ndarray]) -> dict[str, float]:
    """Mean errors of calibration and analyser; what is shown is one sample old, at rest that is nothing."""
    pairs = {"api": "api_pct", "lod": "lod_pct", "NIR_API": "api_pct", "NIR_LOD": "lod_pct"}
    return {name: float(np.mean(found[name] - found[true])) for name, true in pairs.items()}


@pytest.mark.parametrize("dryer", ["continuous", "six_cell"])
def test_the_spectrum_tells_moisture_and_api_of_the_milled_granules(dryer: DryerKind) -> None:
    found = seen(dryer=dryer)
    assert np.std(found["api"] - found["api_pct"]) < 0.3
    assert np.std(found["lod"] - found["lod_pct"]) < 0.15
    assert abs(errors(found)["api"]) < 0.15
    assert abs(errors(found)["lod"]) < 0.1
    assert 0.5 < found["q"].mean() < 1.5


def test_a_fouled_window_misleads_calibration_and_analyser_alike_and_the_fit_does_not_tell() -> None:
    clean, fouled = seen(), seen(Fault("F50", "NIR", 0.0))
    for name in ("api", "NIR_API"):
        assert errors(fouled)[name] - errors(clean)[name] == pytest.approx(0.3 * (18.73 - 20.0), abs=0.06), name
    assert 0.5 < fouled["q"].mean() / clean["q"].mean() < 1.3


def test_a_wavelength_axis_that_drifts_shows_in_the_fit_and_makes_the_moisture_wrong() -> None:
    clean, shifted = seen(), seen(Fault("F51", "NIR", 0.0))
    assert shifted["q"].mean() > 50.0 * clean["q"].mean()
    for name in ("lod", "NIR_LOD"):
        assert errors(shifted)[name] - errors(clean)[name] < -0.3, name


def test_lost_samples_repeat_the_last_one_of_all_three_tags_and_say_so() -> None:
    line = LineB(1, faults=[Fault("F52", "NIR", 40.0, 120.0)])
    rows = []
    for _ in range(400):
        line.step(0.5, NOMINAL)
        values = tuple(float(np.asarray(line.tags[tag]).sum()) for tag in TAGS)
        rows.append((line.time, values, {line.taken[tag] for tag in TAGS}, dict(line.quality)))
    bad = [row for row in rows if row[3]]
    assert [row[0] for row in bad] == pytest.approx(np.arange(60.0, 140.0, 0.5))
    assert all(row[3] == dict.fromkeys(TAGS, "bad") for row in bad)
    assert {taken for row in bad for taken in row[2]} == {40.0}
    assert len({row[1] for row in bad}) == 1
    assert all(len(row[2]) == 1 for row in rows)


def test_faults_of_the_window_change_nothing_else_of_the_run() -> None:
    sound, struck = LineB(5), LineB(5, faults=[Fault("F50", "NIR", 0.0), Fault("F52", "NIR", 0.0, magnitude=0.5)])
    for _ in range(600):
        sound.step(0.5, NOMINAL)
        struck.step(0.5, NOMINAL)
    assert sound.truth() == struck.truth()
    assert all(np.array_equal(sound.tags[tag], struck.tags[tag]) for tag in sound.tags.keys() - set(TAGS))


def test_lines_side_by_side_have_a_clean_window_and_refuse_another() -> None:
    assert "NIR.SPECTRUM" not in BatchB([1]).tags
    with pytest.raises(ValueError, match="fault F50 cannot fall on 'NIR'"):
        BatchB([1], faults=[[Fault("F50", "NIR", 0.0)]])


@pytest.mark.parametrize("fault", [Fault("F50", "PMP", 0.0), Fault("F31", "NIR", 0.0)])
def test_a_fault_falls_on_its_own_kind_of_unit_only(fault: Fault) -> None:
    with pytest.raises(ValueError, match="cannot fall on"):
        LineB(1, faults=[fault])


@pytest.mark.parametrize("names", [GRANULES, FILM])
def test_what_the_light_meets_is_a_whole(names: Sequence[str]) -> None:
    parts = GRANULES if names is GRANULES else FILM
    assert sum(parts.values()) == pytest.approx(100.0)
    assert parts.keys() <= BANDS.keys()


def test_an_analyser_behind_clean_optics_is_right_and_behind_a_film_sees_the_film() -> None:
    assert list(misread(GRANULES, CLEAN).values()) == pytest.approx([0.0, 0.0, 0.0], abs=1e-9)
    blind = misread(GRANULES, Optics(fouling=1.0, film=FILM))
    assert {name: GRANULES[name] + off for name, off in blind.items()} == pytest.approx(FILM)
