"""The table of bad days names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parent
TABLE = (TESTS.parent / "docs" / "bad_days.md").read_text(encoding="utf-8")


def test_every_test_named_in_the_table_of_bad_days_exists() -> None:
    file, missing = "", list[str]()
    found = re.findall(r"`(test_\w+\.py)?(?:::(test_\w+)(\[\w+\])?)?`", TABLE)
    for named, test, _ in found:
        file = named or file
        if not file or not (test or named):
            continue
        if not (TESTS / file).is_file() or (test and f"def {test}(" not in (TESTS / file).read_text(encoding="utf-8")):
            missing.append(f"{file}::{test}")
    assert missing == []
    assert len([test for _, test, _ in found if test]) >= 25
