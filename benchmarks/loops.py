"""Closed loops against their yardsticks on simulated lines, scored from the plant's truth.

Each line has a module ``loops_X`` beside this with a function ``measure(quick)``; those named here that exist are run.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import cast

from benchmarks.tool import Result, main

LINES = ("A", "B", "C")


def run(quick: bool) -> Result:  # noqa: FBT001  # the flag of the command line
    """Measure the closed loops of all lines."""
    whole = Result("loops")
    for line in LINES:
        name = f"benchmarks.loops_{line.lower()}"
        if find_spec(name) is None:
            continue
        measure = cast("Callable[[bool], Result]", import_module(name).measure)
        found = measure(quick)
        whole.figures |= found.figures
        whole.ratios |= found.ratios
        whole.baselines |= found.baselines
        whole.config[line] = found.config | {"seeds": list(found.seeds)}
        whole.seeds = sorted({*whole.seeds, *found.seeds})
    return whole


if __name__ == "__main__":
    main(run)
