"""Recorded results are matched against a library; what is no result is refused, and said."""

import json
from pathlib import Path
from typing import Any

import pytest

from controller.cli.app import status
from hil.plants.uhplc import LISTED, RETENTION

LIBRARY = Path(__file__).parents[1] / "policies" / "lines" / "c" / "line_c.library.yaml"
USUAL = {"SM": 4.4, "IMP_H": 0.08, "IMP_D": 0.15, "API": 87.3, "IMP_A": 3.7, "NITRO": 0.11, "IMP_B": 4.2, "IMP_C": 0.09}


def message(k: int, unknown: float = 0.0, **more: object) -> dict[str, Any]:
    peaks: list[dict[str, Any]] = [{"rrt": RETENTION[n], "area": USUAL[n], "name": n} for n in LISTED]
    if unknown:
        peaks.append({"rrt": 1.32, "area": unknown, "name": None})
    return {"sequence": k, "at": 1_800_000_000.0 + 360.0 * k, "version": "3", "peaks": peaks} | more


def matched(rows: list[dict[str, Any]], folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    data, out = folder / "results.jsonl", folder / "out.json"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = status(["library", "match", str(data), "--library", str(LIBRARY), "--json", str(out), *more])
    return told, json.loads(out.read_text()) if out.exists() else {}


def test_a_peak_that_comes_is_named_with_its_probability_and_onset(tmp_path: Path) -> None:
    rows = [message(k, 0.0 if k < 15 else 0.2) for k in range(40)]
    told, found = matched(rows, tmp_path)
    (one,) = found["matches"]
    assert (told, one["entry"], found["unknown"]) == (0, "new_peak", [])
    assert one["probability"] > 0.5
    assert one["onset"] == pytest.approx(1_800_000_000.0 + 360.0 * 15, abs=1100.0)
    assert found["strangers"] == ["RRT 1.32: 0.2 in the newest of 25 results with it"]


def test_results_out_of_order_give_the_same_matches_and_are_said_to_be_late(tmp_path: Path) -> None:
    rows = [message(k, 0.0 if k < 15 else 0.2) for k in range(40)]
    _, sorted_ = matched(rows, tmp_path)
    rows[20], rows[25] = rows[25], rows[20]
    _, swapped = matched(rows, tmp_path)
    assert swapped["matches"] == sorted_["matches"]
    assert any("it came late" in one for one in swapped["doubts"])


def sized(k: int, by: float) -> dict[str, Any]:
    row = message(k)
    return row | {"peaks": [peak | {"area": by * peak["area"]} for peak in row["peaks"]]}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (message(6), "injection 6 came twice; the first is kept"),
        (message(6, at=1_800_000_007.0), "injection 6 came with another time of sampling than before"),
        (message(7, version="1"), "injection 7: found version '1' of the method, expected 3"),
        (message(7, unit="[ppm]"), "injection 7: found areas in [ppm], expected %"),
        (sized(7, 1e4), "injection 7: areas sum to 1.0003e+06; they are ppm, not %"),
        (sized(7, 0.01), "injection 7: areas sum to 1.0003; they are shares of 1, not %"),
        (sized(7, 0.7), "injection 7: areas sum to 70.02 %, expected 95 to 105"),
        (sized(7, -1.0), "injection 7: found a negative area, -4.4 at RRT 0.62"),
        (message(7, peaks=[]), "injection 7: found no peak at all"),
    ],
)
def test_what_is_no_result_is_refused_in_one_sentence_and_all_others_are_used(
    row: dict[str, Any], said: str, tmp_path: Path
) -> None:
    rows = [message(k) for k in range(20) if k != 7]
    told, found = matched([*rows[:10], row, *rows[10:]], tmp_path)
    (refused,) = found["refused"]
    assert (told, found["points"], said in refused) == (0, 19, True)


def test_of_two_injections_of_a_sample_the_newer_counts(tmp_path: Path) -> None:
    rows = [message(k, sample=f"S{k}") for k in range(12)] + [message(50, sample="S4", at=1_800_000_000.0 + 1440.0)]
    _, found = matched(rows, tmp_path)
    assert found["points"] == 12
    assert any("injected before" in one for one in found["doubts"])


def test_a_table_of_tags_is_matched_too(tmp_path: Path) -> None:
    data, out = tmp_path / "tags.csv", tmp_path / "out.json"
    rows = [f"{1_800_000_000 + 360 * k},{0.02 if k < 15 else 0.09}" for k in range(30)]
    data.write_text("\n".join(["at,PEAK.STRETCH", *rows]) + "\n")
    assert status(["library", "match", str(data), "--library", str(LIBRARY), "--json", str(out)]) == 0
    assert [one["entry"] for one in json.loads(out.read_text())["matches"]] == ["aged_column"]


def test_a_retired_or_unknown_entry_and_a_broken_file_are_bad_input(tmp_path: Path) -> None:
    assert matched([message(1)], tmp_path, "--entry", "nobody")[0] == 2
    library = tmp_path / "c.library.yaml"
    library.write_text(LIBRARY.read_text().replace("status: draft", "status: retired", 1))
    data = tmp_path / "results.jsonl"
    policy = str(LIBRARY.with_name("line_c.yaml"))
    call = ["library", "match", str(data), "--library", str(library), "--policy", policy]
    assert status([*call, "--entry", "catalyst"]) == 2
    data.write_text("{broken\n")
    assert status(["library", "match", str(data), "--library", str(LIBRARY)]) == 2
    data.write_text('{"sequence": 1}\n')
    assert status(["library", "match", str(data), "--library", str(LIBRARY)]) == 2


def test_a_file_of_which_nothing_can_be_used_is_refused_and_not_taken_for_one_without_a_trend(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert matched([sized(7, -1.0)], tmp_path)[0] == 2
    assert "found no result that can be used" in capsys.readouterr().err
    data = tmp_path / "tags.csv"
    data.write_text("at,LEVEL\n1800000000,2\n")
    assert status(["library", "match", str(data), "--library", str(LIBRARY)]) == 2
    assert "found the tags LEVEL, expected one at least of PEAK" in capsys.readouterr().err
    assert matched([message(7)], tmp_path)[0] == 0
    assert "no trend; samples used: 1" in capsys.readouterr().err


def test_a_file_that_is_no_library_is_refused_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "results.jsonl"
    data.write_text(json.dumps(message(7)) + "\n")
    policy = LIBRARY.with_name("line_c.yaml")
    assert status(["library", "match", str(data), "--library", str(policy)]) == 2
    assert f"{policy}:3:1: policy: unknown key" in capsys.readouterr().err
