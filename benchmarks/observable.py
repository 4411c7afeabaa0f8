"""How much faults show at all: the same line, of the same seed, is played with and without each, and compared.

What differs between two such runs is the fault alone. Each tag that the monitors of the line judge is taken as means of
ten seconds; its noise is what it changes by from one mean to the next in the run without. A filter that knew course and
beginning of the fault would see it as far from normal as ``ideal`` says (the root of the summed squares, in standard
deviations of white noise): no watch does better, and one that is to be silent for a week among so many tags needs
about six. ``largest`` is the farthest single mean. A tag that wanders by itself changes little from one mean
to the next: for such a tag both are bounds from above, far from what can be had.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from rich.progress import track

from benchmarks.isolation_cases import SPANS, Case, cases
from benchmarks.tool import Result, asked
from controller.cycle import Cycle
from hil.library import find, open_scenario
from hil.rig.play import in_memory
from hil.scenario import Asked
from plant_io import Quality
from plant_io.signals import Floats
from policies import Monitor, Policy

FAULTS, SEED = ("F01", "F08", "F11", "N03"), 303
_LOOK = 10
_SETTLED = 120
"""Means at the beginning of a run that are no measure of noise [1]."""
_NAMED = 3
_LEAST = 1e-9


@dataclass(slots=True)
class Seen:
    """Keeps the tags the monitors of a line judge; a sink of the loop."""

    tags: tuple[str, ...]
    """The tags."""
    rows: list[list[float]] = field(default_factory=list[list[float]])
    """Good values of each cycle, in the units of the tags; not a number where there is none."""

    def __call__(self, cycle: Cycle) -> None:
        """Take in a finished cycle."""
        soft = cycle.decision.soft
        self.rows.append([_good(soft[tag]) if tag in soft else _read(cycle, tag) for tag in self.tags])

    def means(self) -> Floats:
        """Return means of ten cycles each, shape ``(means, tags)``, in the units of the tags."""
        whole = len(self.rows) // _LOOK * _LOOK
        rows = np.ma.masked_invalid(np.array(self.rows[:whole]).reshape(-1, _LOOK, len(self.tags)))
        return np.asarray(rows.mean(axis=1).filled(np.nan))


def _good(said: tuple[float, float, int]) -> float:
    value, _, quality = said
    return value if quality == Quality.GOOD else np.nan


def _read(cycle: Cycle, tag: str) -> float:
    value = cycle.snapshot.good(tag)
    return np.nan if value is None else value


def judged(policy: Policy) -> tuple[str, ...]:
    """Return the tags that the monitors of a policy judge, without what loops believe."""
    monitors = [one for one in policy.watches.values() if isinstance(one, Monitor)]
    names = dict.fromkeys(tag for one in monitors for tag in one.tags)
    return tuple(tag for tag in names if tag in policy.units())


def played(case: Case) -> tuple[tuple[str, ...], Floats]:
    """Return the tags of a run, and their means, shape ``(means, tags)``, in the units of the tags."""
    span = SPANS[case.line]
    scenario, policy = open_scenario(find(span.scenario))
    seen = Seen(judged(policy))
    auto = (Asked.model_validate({"after": "3m", "mode": "auto"}),) if policy.loops else ()
    bare: dict[str, object] = {"assertions": {}, "stimuli": (), "stations": (), "seeds": None}
    whole = {**bare, "for_s": span.onset_s + span.after_s, "faults": case.faults, "orders": auto}
    in_memory(scenario.model_copy(update=whole), policy, case.seed, sinks=(seen,))
    return seen.tags, seen.means()


def shown(tags: Sequence[str], calm: Floats, struck: Floats, begins: int) -> Mapping[str, Mapping[str, float]]:
    """Return how far the tags that show a fault most are from what they would have been, the farthest first.

    Parameters
    ----------
    tags
        The tags.
    calm
        Means of the run without the fault, shape ``(means, tags)``, in the units of the tags.
    struck
        Means of the run with it, of the same shape and units.
    begins
        Number of means before the fault [1].
    """
    noise = np.nanstd(np.diff(calm[_SETTLED:], axis=0), axis=0) / np.sqrt(2.0)
    apart = np.nan_to_num((struck - calm)[begins:] / np.maximum(noise, _LEAST))
    ideal, largest = np.sqrt((apart**2).sum(axis=0)), np.abs(apart).max(axis=0)
    most: list[int] = np.argsort(-ideal, kind="stable").tolist()
    return {
        tags[i]: {"ideal": round(float(ideal[i]), 1), "largest": round(float(largest[i]), 2)} for i in most[:_NAMED]
    }


def run(given: Namespace) -> Result:
    """Play a line with and without faults, and say how much each shows.

    Parameters
    ----------
    given
        The command line.
    """
    wanted = [one for one in cases(given.line, (given.seed,)) if one.id in given.faults][: 1 if given.quick else None]
    tags, calm = played(Case(given.line, "", "", given.seed))
    begins = int(SPANS[given.line].onset_s) // _LOOK
    result = Result("observable", seeds=[given.seed])
    for case in track(wanted, description="runs"):
        _, struck = played(case)
        result.figures[f"{case.id} {case.target}"] = shown(tags, calm, struck, begins)
    result.config |= {"line": given.line, "magnitudes": "those of the catalogue"}
    return result


def _start() -> None:
    parser = ArgumentParser(description=run.__doc__)
    parser.add_argument("--line", default="a", help="line to play")
    parser.add_argument("--faults", nargs="+", default=FAULTS, metavar="ID", help="faults, by their names")
    parser.add_argument("--seed", type=int, default=SEED, help="seed of the runs")
    asked(run, parser)


if __name__ == "__main__":
    _start()
