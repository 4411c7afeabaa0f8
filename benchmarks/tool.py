"""What every benchmark shares: its options, its progress and its result."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")


@dataclass(slots=True)
class Result:
    """What a benchmark found."""

    name: str
    """Name of the benchmark."""
    figures: dict[str, object] = field(default_factory=dict[str, object])
    """Figures, each with its unit in the name."""
    ratios: dict[str, object] = field(default_factory=dict[str, object])
    """Ours against a yardstick, both measured in this run [1]."""
    baselines: dict[str, object] = field(default_factory=dict[str, object])
    """Yardsticks."""
    config: dict[str, object] = field(default_factory=dict[str, object])
    """How it was measured."""
    seeds: Sequence[int] = ()
    """Seeds used."""


def main(run: Callable[[bool], Result]) -> None:
    """Run a benchmark from the command line: ``--json FILE``, ``--quick``."""
    asked(lambda given: run(given.quick), argparse.ArgumentParser(description=run.__doc__))


def asked(run: Callable[[argparse.Namespace], Result], parser: argparse.ArgumentParser) -> None:
    """Run a benchmark that has options of its own beside these.

    Parameters
    ----------
    run
        Runs it, given the command line.
    parser
        Its own options.
    """
    parser.add_argument("--json", metavar="FILE", help="where to write the result; - for stdout")
    parser.add_argument("--quick", action="store_true", help="end within a minute; same keys, rougher figures")
    given = parser.parse_args()
    result = run(given)
    result.config |= {"quick": given.quick, "python": platform.python_version(), "cores": os.cpu_count() or 0}
    text = json.dumps(plain(result), indent=2)
    if given.json == "-":
        print(text)
    elif given.json:
        path = Path(given.json)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    show(result)


def plain(result: Result) -> Mapping[str, object]:
    """Return a result as plain values."""
    keys = ("name", "figures", "ratios", "baselines", "config")
    return {key: getattr(result, key) for key in keys} | {"seeds": list(result.seeds)}


def show(result: Result) -> None:
    """Print a result for people."""
    for title in ("figures", "ratios", "baselines"):
        for key, value in getattr(result, title).items():
            print(f"{result.name:8} {title:10} {key:32} {value}", file=sys.stderr)
