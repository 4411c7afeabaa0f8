"""How wide the interval of the content of tablets of line A must be, by what is said, found on simulated lines.

``python -m hil.commissioning_claim --first 5001 --lines 20`` plays 1.5 h of as many lines with nothing wrong, in closed
loop, and prints half widths that would have covered nine in ten, in each of the regions the policy declares, beside
what its present ones covered. Errors within a run hang together: a line counts for little more than one sample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer

from controller.soft.widths import half_width
from hil.control_only import control_only
from hil.library import find, open_scenario
from hil.plants.ops import Floats
from hil.rig.play import in_memory
from hil.scenario import Agrees, Scenario
from policies import LabelClaim, Policy
from policies.regions import half_among

TAG, TRUTH, SCENARIO = "TAB.API", "lc_pct", "a_quiet"
FOR_S = 5400.0
COVERAGE = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """What was said of the tablets of one line where it was good, and what was true, each of shape ``(n,)``."""

    seed: int
    """Seed of the line [1]."""
    value: Floats
    """Content said [% of the label claim]."""
    score: Floats
    """How far it was off, in multiples of the standard deviation stated with it [1]."""
    off: Floats
    """What it was above the truth [% of the label claim]."""


def played(first: int, count: int, for_s: float = FOR_S) -> list[Line]:
    """Return what was said on lines of consecutive seeds.

    Parameters
    ----------
    first
        Seed of the first line.
    count
        Number of lines [1].
    for_s
        How long each is played [s].
    """
    scenario, policy = open_scenario(find(SCENARIO))
    claims = {f"c{k}": _agrees(tag) for k, tag in enumerate((TAG, f"{TAG}.HIGH"))}
    scenario = scenario.model_copy(update={"for_s": for_s, "clock": "memory", "assertions": claims})
    scenario, policy = control_only(scenario, policy)
    return [_line(scenario, policy, seed) for seed in range(first, first + count)]


def _agrees(tag: str) -> Agrees:
    words = {"kind": "agrees", "requirement": "Kept.", "tag": tag, "with": TRUTH, "at_most": 1.0}
    return Agrees.model_validate(words)


def _line(scenario: Scenario, policy: Policy, seed: int) -> Line:
    run, words = in_memory(scenario, policy, seed), claim_of(policy)
    said, high = (run.witness.readings(tag) for tag in (TAG, f"{TAG}.HIGH"))
    good = np.isfinite(said.values) & np.isfinite(high.values)
    value = said.values[good]
    halves = np.array([half_among(words.regions, words.half, one) for one in value.tolist()])
    off = value - np.interp(said.times[good], run.truth["time"], run.truth[TRUTH])
    return Line(seed, value, np.abs(off) * halves / (high.values[good] - value), off)


def claim_of(policy: Policy) -> LabelClaim:
    """Return what a policy says of the sensor.

    Raises
    ------
    ValueError
        If it says nothing.
    """
    words = policy.soft_sensors.get(TAG)
    if not isinstance(words, LabelClaim):
        raise ValueError(f"found no label claim {TAG} in the policy")  # noqa: TRY004  # a wrong policy, not a wrong type
    return words


def report(lines: Sequence[Line], words: LabelClaim) -> list[str]:
    """Return in words what intervals covered, and what half widths would have covered.

    Parameters
    ----------
    lines
        What was said.
    words
        What the policy says of the sensor.
    """
    value, score, off = (np.concatenate([getattr(one, name) for one in lines]) for name in ("value", "score", "off"))
    within = score <= np.array([half_among(words.regions, words.half, one) for one in value.tolist()])
    each = [float(np.mean(within[part])) for part in np.array_split(np.argsort(value, kind="stable"), 3)]
    bounds = [one.up_to for one in words.regions if one.up_to is not None]
    place = np.searchsorted(bounds, value)
    error = f"off by {np.sqrt(np.mean(off**2)):.3f} % (rms), bias {np.mean(off):.3f} %"
    rows = [
        f"{len(lines)} lines from seed {lines[0].seed}, {len(value)} seconds: {error}",
        f"covered {np.mean(within):.3f}; in thirds of what is said {', '.join(f'{one:.3f}' for one in each)}",
    ]
    for k, end in enumerate([*bounds, None]):
        inside = place == k
        if inside.any():
            wanted = half_width(score[inside], COVERAGE)
            rows.append(f"up to {end}: {np.mean(inside):.2f} of what is said, half width {wanted:.2f}")
    return rows


def show(first: Annotated[int, typer.Option()], lines: Annotated[int, typer.Option(min=1)] = 20) -> None:
    """Print what the intervals of the content of tablets cover on lines of seeds from FIRST on."""
    words = claim_of(open_scenario(find(SCENARIO))[1])
    typer.echo("\n".join(report(played(first, lines), words)))


if __name__ == "__main__":
    typer.run(show)
