"""Monitors of the controlled variables alone: what a line that does not know of its loops would be watched by.

``python -m benchmarks.masked_cvs --line a --records RECORDS`` fits them to the same runs, with the same settings and
budgets, as ``python -m hil.commissioning_monitor`` fits the shipped ones, and writes them into ``benchmarks/cvs``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from anomaly.gathering import blank
from hil.commissioning_monitor import LINES, Run, given, models, played
from policies import Monitor, Policy, load, shipped

FOLDER = Path(__file__).parent / "cvs"
PREFIX = "cvs_"
"""How the names of these watches begin."""


def watches(policy: Policy) -> dict[str, Monitor]:
    """Return the monitors of a policy, of controlled variables alone."""
    tags = tuple(dict.fromkeys(one.tag for loop in policy.loops.values() for one in loop.controlled.values()))
    monitors = {name: one for name, one in policy.watches.items() if isinstance(one, Monitor)}
    return {f"{PREFIX}{name}": _alone(one, f"{PREFIX}{name}", tags) for name, one in monitors.items()}


def beside(policy: Policy, line: str) -> Policy:
    """Return a policy with these monitors beside its own watches."""
    extra = watches(policy)
    files = {one.model: (FOLDER / f"{line}_{one.model}").read_bytes() for one in extra.values()}
    return _with(policy, {**policy.watches, **extra}, files)


def _alone(one: Monitor, name: str, tags: tuple[str, ...]) -> Monitor:
    kept = {key: tuple(tag for tag in getattr(one, key) if tag in tags) for key in ("absolute", "log")}
    names: dict[str, object] = {
        "tags": tags,
        "inputs": (),
        "moved": (),
        "model": f"{name}.monitor.json",
        "approved_by": (),
    }
    return one.model_copy(update={**kept, **names})


def _with(policy: Policy, every: dict[str, object], files: dict[str, bytes]) -> Policy:
    copy = policy.model_copy(update={"watches": every})
    return copy.sealed(policy.fingerprint, {**policy.files, **files})


def write(line: Annotated[str, typer.Option()], records: Annotated[Path, typer.Option()]) -> None:
    """Fit the monitors of a line to the quiet runs its own were fitted to."""
    policy, how = load(shipped(line)), LINES[line]
    alone = watches(policy)
    files = {one.model: blank(one).model_dump_json().encode() for one in alone.values()}
    ready = _with(policy, dict(alone), files)
    settings = {f"{PREFIX}{name}": one for name, one in how.settings.items()}
    for seed in how.seeds:
        if not (records / f"{line}_{seed}").exists():
            played(Run(line, seed, shipped(line), records))
    runs = [given(records / f"{line}_{seed}", ready) for seed in how.seeds]
    for declared, model in models(line, ready, runs, settings):
        (FOLDER / f"{line}_{declared.model}").write_text(model.model_dump_json() + "\n", encoding="utf-8")


if __name__ == "__main__":
    typer.run(write)
