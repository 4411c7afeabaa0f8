"""The doctor finds what will hurt later, says what to do about it, and is not silent about what cannot be seen."""

import json
import shutil
from dataclasses import asdict, replace
from importlib.metadata import version
from math import isnan
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from recorded import BEGAN, UNITS, Signals, keeping

from controller import doctor
from controller.cli.app import status
from controller.records.journal import Journal
from controller.records.retention import DAY_S
from controller.records.standing import STATUS, Standing
from controller.served.copied import copy_figures
from plant_io.clocks import SimClock
from plant_io.security.certificates import Wanted
from plant_io.security.signing import make_station_key
from plant_io.security.store import Store
from policies import load
from policies.records import Records

EXAMPLE = Path(__file__).parents[1] / "policies" / "examples" / "wood_berry.yaml"


def checked(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, list[tuple[bool | None, str]]]]:
    """Return the exit status of the verb, and what it found by what it looked at."""
    code = status(["doctor", *map(str, words), "--json", "-"])
    found: dict[str, list[tuple[bool | None, str]]] = {}
    for each in json.loads(capsys.readouterr().out)["checks"]:
        assert (each["ok"] is True) == (each["remedy"] == "")
        found.setdefault(each["name"], []).append((each["ok"], each["found"]))
    return code, found


def test_what_will_hurt_is_named_with_a_remedy_and_the_status_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(f"numpy=={version('numpy')} \\\n    --hash=sha256:00\nnever-there==1.0 \\\n    --hash=sha256:00\n")
    code, found = checked(capsys, EXAMPLE, "--pki", tmp_path, "--lock", lock)
    assert code == 1
    assert found["libraries"] == [(False, "never-there is missing, wanted 1.0")]
    assert found["record key"] == [(False, "records are chained, but not signed")]
    assert found["sqlite"][0][0]
    make_station_key(tmp_path)
    _, found = checked(capsys, EXAMPLE, "--pki", tmp_path, "--lock", lock)
    assert found["record key"] == [(True, "records are signed")]


def test_a_lock_file_counts_only_where_its_markers_hold(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(
        f"numpy=={version('numpy')} ; python_full_version >= '3.11' \\\n    --hash=sha256:00\n"
        "numpy==0.1 ; python_full_version < '3.11' \\\n    --hash=sha256:00\n"
    )
    assert doctor.libraries(lock) == doctor.Check("libraries", ok=True, found="all 1 libraries are those of some.lock")
    lock.write_text("numpy==0.1 \\\n    --hash=sha256:00\n")
    assert doctor.libraries(lock).found == f"numpy {version('numpy')}, wanted 0.1"
    assert doctor.libraries(None).ok is None


@pytest.mark.parametrize(("usual", "longest", "good"), [(0.005, 0.1, True), (0.06, 0.1, False), (0.005, 0.6, False)])
def test_a_disk_is_fast_enough_by_its_median_and_its_longest(usual: float, longest: float, *, good: bool) -> None:
    assert doctor.synced(usual, longest).ok is good


@pytest.mark.parametrize(("days", "good"), [(29.0, False), (31.0, True)])
def test_a_certificate_is_spoken_of_a_month_before_it_ends(tmp_path: Path, days: float, *, good: bool) -> None:
    Store(tmp_path).make(Wanted("urn:here:steadyline", ("here",), days=days), 1e9)
    (check,) = doctor.certificates(tmp_path, 1e9)
    assert (check.ok, check.remedy) == (good, "" if good else "steadyline cert create --renew")
    assert f"in {days:.0f} days" in check.found


@pytest.mark.parametrize(("a_day", "good"), [(None, None), (1e9, True), (1e10, False)])
def test_the_disk_is_judged_by_what_a_record_takes_in_a_day(a_day: float | None, *, good: bool | None) -> None:
    check = doctor.room(doctor.Growth(100e9, a_day))
    assert check.ok is good
    assert (a_day is None) or f"full in {100e9 / a_day:.0f} days" in check.found


def kept(directory: Path) -> Path:
    signals, journal = Signals(130), Journal(directory, keeping(block_s=60.0, units=UNITS))
    policy = load(EXAMPLE)
    journal.head(BEGAN, {"line": "toy", "files": dict(policy.files), "policy_name": EXAMPLE.name})
    signals.kept(journal, 0, 130)
    journal.close()
    return directory


def test_a_record_tells_how_fast_it_fills_the_disk(tmp_path: Path) -> None:
    there = kept(tmp_path / "run")
    found = doctor.growth(there, there)
    size = sum(file.stat().st_size for file in there.glob("steadyline.sqlite*"))
    assert found.a_day == pytest.approx(size / 129.0 * DAY_S)
    assert found.free == pytest.approx(shutil.disk_usage(there).free, rel=0.1)


SITE = {"site": {"host": "127.0.0.1", "behind": "1h"}}
WAITS = Standing(line="toy", database="db", next=5, behind=90, since=BEGAN, trouble="no route")


@pytest.mark.parametrize(
    ("standing", "records", "hours", "ok", "said"),
    [
        (WAITS, SITE, 0.5, True, "what waits is kept for"),
        (WAITS, SITE, 2.0, False, "no route"),
        (WAITS, SITE | {"keep": {"cycles_days": 2}}, 0.5, True, "what waits is kept for 48 h"),
        (WAITS, SITE | {"keep": {"cycles_days": 1.5}}, 30.0, False, "what waits is kept for 6 h"),
        (Standing(database="db", next=95, quarantined=2), SITE, 0.0, False, "2 in quarantine"),
        (Standing(database="db", next=95, complete=True), SITE, 1000.0, True, "95 records copied to db, the whole run"),
    ],
)
def test_the_hours_are_told_for_which_a_copy_may_stay_away(
    tmp_path: Path, standing: Standing, records: dict[str, object], hours: float, *, ok: bool, said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(doctor, "growth", lambda *_: doctor.Growth(1e12, 1e9))
    check = doctor.copy(tmp_path, standing, Records.model_validate(records), BEGAN + hours * 3600.0)
    assert (check.ok, said in check.found) == (ok, True)
    assert bool(check.remedy) is not ok


def test_each_record_that_is_copied_is_looked_at_under_the_policy_it_was_made_under(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = kept(tmp_path / "run")
    _, found = checked(capsys, "--record", tmp_path, "--pki", tmp_path)
    assert "site copy" not in found
    (there / STATUS).write_text(json.dumps(asdict(WAITS)))
    _, found = checked(capsys, "--record", tmp_path, "--pki", tmp_path)
    assert "run: 5 records copied to db; 163 records wait; no route" in found["site copy"][0][1]


def test_a_database_that_does_not_answer_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "column.yaml"
    file.write_text(EXAMPLE.read_text() + "\nrecords: {site: {host: 127.0.0.1, port: 1}}\n")
    code, found = checked(capsys, file, "--pki", tmp_path)
    assert code == 1
    assert found["site database"][0][0] is False
    assert "127.0.0.1:1" in found["site database"][0][1]


def test_asking_devices_wants_a_policy(capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["doctor", "--online"]) == 2
    assert "--online wants a POLICY" in capsys.readouterr().err
    assert status(["doctor", "--record", "nowhere"]) == 2


def test_prometheus_is_shown_how_far_a_copy_is_behind(tmp_path: Path) -> None:
    there, registry = kept(tmp_path / "run"), CollectorRegistry()
    copy_figures(registry, there, SimClock(BEGAN + 7200.0))
    shown = ("behind_records", "behind_seconds", "quarantined")
    assert all(isnan(registry.get_sample_value(f"steadyline_site_copy_{name}") or 0.0) for name in shown)
    (there / STATUS).write_text(json.dumps(asdict(replace(WAITS, quarantined=2))))
    found = [registry.get_sample_value(f"steadyline_site_copy_{name}") for name in shown]
    assert found == [163.0, pytest.approx(7200.0, abs=10.0), 2.0]
