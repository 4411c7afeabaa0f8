import sqlite3
from dataclasses import replace
from math import inf, nan
from pathlib import Path
from threading import Timer

import apsw
import cbor2
import numpy as np
import pytest
from fakes import Bench
from hypothesis import example, given
from hypothesis import strategies as st

from controller.cli.live import fresh
from controller.cycle import Accept, Cycle, Mode, Order, SetMode
from controller.plan import Plan, Status
from controller.records import codec
from controller.records.journal import FILE, Entry, Journal, entries
from plant_io.clocks import stopwatch

ANY = st.floats(allow_nan=True, allow_infinity=True)


def cycles(count: int) -> list[Cycle]:
    bench, found = Bench(), list[Cycle]()
    for number in range(count):
        decision = bench.cycle()
        found.append(Cycle(number, bench.snapshot(), (), (), decision, ()))
    return found


def kept(directory: Path, count: int = 5) -> list[Entry]:
    journal = Journal(directory)
    journal.head(1000.0, {"line": "toy"})
    for cycle in cycles(count):
        journal.cycle(cycle)
    journal.tail(2000.0, {"why": "the end"})
    return list(entries(directory))


def kinds(directory: Path) -> list[str]:
    return [entry.kind for entry in entries(directory) if entry.kind != "audit"]


@example(nan)
@example(inf)
@example(-inf)
@example(-0.0)
@given(ANY)
def test_a_snapshot_comes_back_bit_for_bit(value: float) -> None:
    bench = Bench()
    bench.values["Y"] = value
    before = bench.snapshot()
    after = codec.snapshot(codec.unpack(codec.pack(before)), bench.kit.index)
    assert after == before


def test_a_snapshot_of_another_policy_is_refused() -> None:
    bench = Bench()
    data = dict(codec.unpack(codec.pack(bench.snapshot())))
    data["quality"] = data["quality"][:-1]
    with pytest.raises(ValueError, match="found a record of 7 tags, expected the"):
        codec.snapshot(data, bench.kit.index)


@pytest.mark.parametrize("act", [SetMode("hold", Mode.AUTO), Accept("hold", 12.5)])
def test_an_order_comes_back_as_it_was(act: SetMode | Accept) -> None:
    order = Order("ana", "why not", act)
    assert codec.order(codec.unpack(codec.pack(order))) == order


def test_a_plan_comes_back_bit_for_bit() -> None:
    plan = Plan("hold", 3, 10.0, Status.SOLVED, np.array([[0.1, nan], [inf, -0.0]]), np.zeros((3, 1)))
    assert codec.plan(codec.unpack(codec.pack(plan))) == plan


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.text(), inner, max_size=30),
    max_leaves=40,
)


@given(PLAIN)
@example([[each] for each in range(300)])
@example({f"{each}": {} for each in range(300)})
def test_plain_values_are_packed_as_the_canonical_cbor_of_the_library(value: object) -> None:
    assert codec.pack(value) == cbor2.dumps(value, canonical=True)


def test_an_array_is_packed_as_its_shape_and_its_numbers() -> None:
    array = np.arange(60.0).reshape(2, 30)
    plain = {"shape": [2, 30], "f8": array.astype("<f8").tobytes()}

    assert codec.pack({"found": (array,)}) == cbor2.dumps({"found": [plain]}, canonical=True)


def test_every_record_is_tied_to_all_before_it(tmp_path: Path) -> None:
    before = bytes(32)
    for entry in kept(tmp_path):
        assert entry.follows(before)
        before = entry.chain


def test_one_edited_byte_breaks_the_chain_there(tmp_path: Path) -> None:
    found = kept(tmp_path)
    body = bytes([found[3].body[0] ^ 1, *found[3].body[1:]])
    assert not replace(found[3], body=body).follows(found[2].chain)


def test_a_record_is_never_continued_by_another_run(tmp_path: Path) -> None:
    kept(tmp_path)
    with pytest.raises(FileExistsError, match="a record is already there"):
        Journal(tmp_path)


def test_a_directory_without_a_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="there is no record here"):
        next(entries(tmp_path))


def test_a_record_can_be_read_while_it_grows(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for done, cycle in enumerate(cycles(3)):
        journal.cycle(cycle)
        assert kinds(tmp_path).count("cycle") == done + 1
    journal.close()


def test_a_record_is_plain_sqlite_that_anyone_can_read(tmp_path: Path) -> None:
    kept(tmp_path)
    with sqlite3.connect(f"file:{tmp_path / FILE}?mode=ro", uri=True) as db:
        found = [kind for (kind,) in db.execute("SELECT kind FROM records WHERE kind <> 'audit' ORDER BY seq")]
    db.close()
    assert found == ["head", *["cycle"] * 5, "sealed", "tail"]


def test_a_cycle_that_differs_anywhere_packs_to_other_bytes() -> None:
    (cycle,) = cycles(1)
    assert codec.pack(cycle) == codec.pack(replace(cycle))
    assert codec.pack(cycle) != codec.pack(replace(cycle, number=7))


def test_a_momentary_lock_by_somebody_else_does_not_end_the_record(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.head(1000.0, {"line": "toy"})
    reader = apsw.Connection(str(tmp_path / FILE))
    reader.execute("BEGIN IMMEDIATE")
    Timer(0.05, reader.execute, ("ROLLBACK",)).start()
    journal.cycle(cycles(1)[0])
    journal.close()
    assert kinds(tmp_path) == ["head", "cycle"]
    reader.close()


def test_a_lasting_lock_is_an_error_of_the_file_within_a_period(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.head(1000.0, {"line": "toy"})
    reader = apsw.Connection(str(tmp_path / FILE))
    reader.execute("BEGIN IMMEDIATE")
    watch = stopwatch()
    with pytest.raises(OSError, match="the record cannot be written"):
        journal.cycle(cycles(1)[0])
    assert watch() < 0.9
    reader.execute("ROLLBACK")
    journal.cycle(cycles(1)[0])
    journal.close()
    assert kinds(tmp_path) == ["head", "cycle"]
    assert [entry.seq for entry in entries(tmp_path)] == [0, 1, 2, 3]
    reader.close()


@pytest.mark.parametrize("content", [b"", b"no database at all, but long enough to have a header" * 20])
def test_a_file_that_is_no_record_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(ValueError, match="cannot be read as a record"):
        list(entries(tmp_path))


def test_looking_whether_a_record_can_be_kept_leaves_nothing_behind(tmp_path: Path) -> None:
    fresh(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "c").mkdir()
    fresh(tmp_path / "c")
    assert (tmp_path / "c").is_dir()
