"""What verbs give: results on stdout or in a file, words for people on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import cast

from rich.console import Console

people = Console(stderr=True, highlight=False, soft_wrap=True)
"""Where people read."""


def give(result: Mapping[str, object], where: str | None) -> None:
    """Write a result as one JSON object.

    Parameters
    ----------
    result
        Plain values; numbers that are none become null.
    where
        A file, ``-`` for stdout, or None for nowhere.
    """
    if where is None:
        return
    text = json.dumps(_finite(result), indent=2)
    if where == "-":
        sys.stdout.write(text + "\n")
    else:
        path = Path(where)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")


def _finite(value: object) -> object:
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _finite(v) for k, v in cast("Mapping[str, object]", value).items()}
    if isinstance(value, (list, tuple)):
        return [_finite(v) for v in cast("list[object]", value)]
    return value
