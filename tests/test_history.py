import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import apsw
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import BEGAN, UNITS, Signals, changed, keeping, page

from controller.cli.app import status
from controller.records.entry import entries
from controller.records.history import History
from controller.records.journal import FILE, Journal, Keeping
from controller.records.verify import verify
from plant_io import Quality

HOW = Keeping(block_s=60.0, units=UNITS)
LONG = 205
"""Cycles: three blocks of 60 that are sealed, and 25 that are not [1]."""


class Run(NamedTuple):
    signals: Signals
    folder: Path
    history: History


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    signals, folder = Signals(LONG), tmp_path_factory.mktemp("run")
    journal = Journal(folder, HOW)
    journal.head(BEGAN, {"line": "toy"})
    signals.kept(journal, 0, LONG)
    with History(folder) as history:
        yield Run(signals, folder, history)
    journal.close()


def of(signals: Signals, name: str) -> tuple[np.ndarray, np.ndarray]:
    place, start = signals.index.places[name]
    length = signals.index.lengths[place]
    values = signals.values[:, start : start + length]
    return (values[:, 0] if length == 1 else values), signals.quality[:, place]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    begin=st.floats(-20.0, LONG + 20.0),
    long=st.floats(0.0, LONG),
    name=st.sampled_from(("F.PV", "F.SP", "NIR.X", "SOFT.API")),
)
def test_a_range_is_bit_for_bit_what_was_recorded(run: Run, begin: float, long: float, name: str) -> None:
    table = run.history.range([name], BEGAN + begin, BEGAN + begin + long)
    values, quality = of(run.signals, name)
    there = (run.signals.times >= BEGAN + begin) & (run.signals.times <= BEGAN + begin + long)
    assert table.times.tobytes() == run.signals.times[there].tobytes()
    assert table.values[name].tobytes() == np.ascontiguousarray(values[there]).tobytes()
    assert table.quality[name].tobytes() == np.ascontiguousarray(quality[there]).tobytes()


def test_a_reader_that_stays_open_sees_a_run_go_on_and_be_sealed(tmp_path: Path) -> None:
    signals, journal = Signals(200), Journal(tmp_path, HOW)
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 1)
    with History(tmp_path) as history:
        for done in (1, 30, 61, 62, 125, 126, 199, 200):
            signals.kept(journal, len(history.range(["F.PV"]).times), done)
            table = history.range(["F.PV", "NIR.X"])
            assert table.times.tobytes() == signals.times[:done].tobytes()
            assert table.values["NIR.X"].tobytes() == np.ascontiguousarray(of(signals, "NIR.X")[0][:done]).tobytes()
        journal.tail(BEGAN + 201.0, {})
        assert history.range(["F.PV"]).times.tobytes() == signals.times.tobytes()
    assert verify(tmp_path).kinds["sealed"] == 4


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(begin=st.floats(0.0, 100.0), long=st.floats(1.0, 120.0), count=st.integers(1, 50))
def test_buckets_are_those_of_the_values_in_them(run: Run, begin: float, long: float, count: int) -> None:
    span = (BEGAN + begin, BEGAN + begin + long)
    found = run.history.buckets("F.PV", *span, count)
    values, quality = of(run.signals, "F.PV")
    place = np.searchsorted(np.linspace(*span, count + 1)[:-1], run.signals.times, "right") - 1
    there = (run.signals.times >= span[0]) & (run.signals.times <= span[1])
    for n in range(count):
        mine = there & (place == n)
        usable = values[mine & (quality != Quality.BAD) & np.isfinite(values)]
        assert found.cycles[n] == mine.sum()
        assert found.low[n] == usable.min() if len(usable) else np.isnan(found.low[n])
        assert found.high[n] == usable.max() if len(usable) else np.isnan(found.high[n])
        assert found.mean[n] == pytest.approx(usable.mean()) if len(usable) else np.isnan(found.mean[n])
        assert not mine.any() or found.good[n] == (quality[mine] == Quality.GOOD).mean()


@pytest.mark.parametrize("before", [-1.0, 0.0, 59.9, 60.0, 100.5, 179.0, 180.0, 204.0, 900.0])
def test_the_last_value_before_an_instant_is_one_that_is_not_bad(run: Run, before: float) -> None:
    point = run.history.last("T.PV", BEGAN + before)
    values, quality = of(run.signals, "T.PV")
    usable = np.flatnonzero((run.signals.times <= BEGAN + before) & (quality != Quality.BAD))
    assert (point is None) == (len(usable) == 0)
    if point is not None:
        assert point.at == run.signals.times[usable[-1]]
        assert point.value[0] == values[usable[-1]] or np.isnan(values[usable[-1]])
        assert point.quality == quality[usable[-1]]


@pytest.mark.parametrize("at", [0.0, 0.5, 59.0, 60.2, 203.999, 900.0])
def test_the_whole_line_is_shown_as_it_was_in_the_last_cycle(run: Run, at: float) -> None:
    line = run.history.line(BEGAN + at)
    row = min(int(at), LONG - 1)
    assert list(line) == list(run.signals.index.names)
    for name, point in line.items():
        values, quality = of(run.signals, name)
        assert point.at == run.signals.times[row]
        assert np.array_equal(np.atleast_1d(values[row]), point.value, equal_nan=True)
        assert point.quality == quality[row]


def test_before_the_first_cycle_there_is_no_line(run: Run) -> None:
    assert run.history.line(BEGAN - 1.0) == {}
    assert run.history.span() == (BEGAN, BEGAN + LONG - 1)


def test_a_tag_that_is_not_there_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match=r"found no tag F\.QV"):
        run.history.range(["F.QV"])


def test_a_table_goes_into_a_pandas_frame_and_a_csv_file(run: Run, tmp_path: Path) -> None:
    table = run.history.range(["F.PV", "NIR.X"], BEGAN + 50.0, BEGAN + 70.0)
    frame = table.frame()
    assert list(frame.columns) == ["F.PV [kg/h]", "F.PV quality", "NIR.X[0]", "NIR.X[1]", "NIR.X[2]", "NIR.X quality"]
    assert len(frame) == 21
    assert frame.index[0].timestamp() == BEGAN + 50.0
    table.to_csv(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    values, _ = of(run.signals, "F.PV")
    assert [float(row["F.PV [kg/h]"] or "nan") for row in rows] == pytest.approx(values[50:71].tolist(), nan_ok=True)


def test_a_table_goes_into_a_parquet_file(run: Run, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    table = run.history.range(["F.PV"], BEGAN + 50.0, BEGAN + 70.0)
    table.to_parquet(tmp_path / "t.parquet")
    assert parquet.read_table(tmp_path / "t.parquet").num_rows == 21


def test_readers_never_make_the_writer_wait(tmp_path: Path) -> None:
    signals, journal = Signals(120), Journal(tmp_path, HOW)
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 20)
    reader = apsw.Connection(str(tmp_path / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    reader.execute("BEGIN")
    assert list(reader.execute("SELECT count(*) FROM records WHERE kind = 'cycle'")) == [(20,)]
    signals.kept(journal, 20, 120)
    assert list(reader.execute("SELECT count(*) FROM records WHERE kind = 'cycle'")) == [(20,)]
    reader.execute("COMMIT")
    reader.close()
    journal.tail(BEGAN + 200.0, {})
    assert verify(tmp_path).broken is None


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chunks SET body = x'00' WHERE place = 1",
        "DELETE FROM chunks WHERE place = 1",
        "UPDATE tags SET name = 'G.PV' WHERE tag = 0",
        "UPDATE tags SET unit = 'g/h' WHERE tag = 0",
        "UPDATE blocks SET last = last + 1 WHERE block = 1",
        "UPDATE blocks SET begins = begins - 5 WHERE block = 1",
        "UPDATE blocks SET times = (SELECT times FROM blocks WHERE block = 0) WHERE block = 1",
        "DELETE FROM blocks WHERE block = 1",
        "UPDATE tags SET length = 2 WHERE tag = 0",
    ],
)
def test_columns_are_tied_to_the_chain(tmp_path: Path, statement: str) -> None:
    signals, journal = Signals(130), Journal(tmp_path, keeping(block_s=60.0, units=UNITS))
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 130)
    journal.tail(BEGAN + 200.0, {})
    assert verify(tmp_path).broken is None
    changed(tmp_path / FILE, (statement, ()))
    broken = verify(tmp_path).broken
    assert broken is not None
    assert broken.cause == "columns"
    assert page()(tmp_path / FILE)[1] is not None


def test_what_is_kept_for_a_time_only_goes_with_a_word_in_the_chain(tmp_path: Path) -> None:
    how = keeping(block_s=60.0, every=1000, units=UNITS, cycles_s=100.0, trends_s=600.0)
    signals, journal = Signals(1400), Journal(tmp_path, how)
    journal.head(BEGAN, {})
    signals.kept(journal, 0, 1400)
    journal.tail(BEGAN + 1400.0, {})
    found = verify(tmp_path)
    assert found.broken is None
    assert 950 < found.removed <= 1000
    gone = [entry.at for entry in entries(tmp_path) if entry.digest is not None]
    assert max(gone) < BEGAN + 1300.0
    with History(tmp_path) as history:
        times = history.range(["F.PV"]).times
        assert BEGAN + 600.0 < times[0] < BEGAN + 900.0
        assert times.tolist() == signals.times[-len(times) :].tolist()
        at = int(times[0] - BEGAN) + 5
        row = history.line(BEGAN + at)["F.PV"]
        assert row.value[0] == signals.values[at, 0] or np.isnan(signals.values[at, 0])
    with pytest.raises(ValueError, match="removed as the policy says"):
        [entry.content() for entry in entries(tmp_path)]


def test_the_verb_gives_each_kind_of_answer(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def asked(*words: str) -> dict[str, Any]:
        assert status(["history", str(run.folder), *words, "--json", "-"]) == 0
        return cast("dict[str, Any]", json.loads(capsys.readouterr().out))

    assert asked()["tags"]["F.PV"] == {"unit": "kg/h", "length": 1}
    assert len(asked("--tag", "F.PV", "--from", f"{BEGAN + 10}", "--to", "1970-01-12T13:47:00Z")["at"]) == 11
    assert asked("--tag", "F.PV", "--buckets", "5")["F.PV"]["cycles"] == [41.0] * 5
    assert asked("--tag", "F.SP", "--before", f"{BEGAN + 3}")["F.SP"]["at"] <= BEGAN + 3
    assert set(asked("--at", f"{BEGAN + 100}")) == set(run.signals.index.names)
    out = tmp_path / "t.csv"
    asked("--tag", "F.PV", "--out", str(out))
    assert len(out.read_text().splitlines()) == LONG + 1


def test_people_read_values_with_unit_quality_and_time(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(["history", str(run.folder), "--tag", "F.SP", "--before", f"{BEGAN + 3}"]) == 0
    said = capsys.readouterr().err
    assert re.fullmatch(r"F\.SP: \S+ kg/h, (good|uncertain), at 1970-01-12T13:46:4[0-3]Z\n", said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tag", "X.Y"], "found no tag X.Y"),
        (["--tag", "F.PV", "--from", "noon"], "--from: found 'noon', wanted POSIX seconds or a time"),
        (["--tag", "F.PV", "--from", "2030-01-01T00:00:00Z"], "expected one from 1970-01-12T13:46:40Z to"),
        (["--at", "0"], "found no cycle at the time that was asked for"),
        (["--tag", "NIR.X", "--buckets", "3"], "expected a tag with one"),
        (["--tag", "F.PV", "--out", "t.xlsx"], "ends with .csv or .parquet"),
    ],
)
def test_what_cannot_be_answered_is_one_sentence(
    run: Run, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert status(["history", str(run.folder), *words]) == 2
    assert said in capsys.readouterr().err
