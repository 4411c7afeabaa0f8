"""What one run of a scenario came to, small enough to be sent between processes and kept by the thousand."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from hil.panels import Mark, Panel, marks, panels
from hil.rig.labels import Label, labels
from hil.rig.play import Played
from hil.rig.verdict import Finding, judge
from plant_io.signals import Floats

EDGES_S = np.logspace(-5.0, 1.0, 61)
"""Bounds of the classes of wall times, ten per decade, shape ``(61,)`` [s]; the outermost take what lies beyond."""

Counts = tuple[int, ...]
"""How many wall times fell into each class of `EDGES_S`; empty where none was taken."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run came to."""

    scenario: str
    """Name or file of the scenario, as it was given."""
    title: str
    """What it shows, in one sentence."""
    seed: int
    """Seed of the plant [1]."""
    clock: str
    """How time went by."""
    findings: tuple[Finding, ...] = ()
    """Every assertion, judged."""
    figures: Mapping[str, object] = field(default_factory=dict[str, object])
    """What else JSON tells: times, digest, figures of merit, alerts."""
    wall_s: float = 0.0
    """Wall time it took [s]."""
    latency: Counts = ()
    """Wall times of the cycles."""
    jitter: Counts = ()
    """Wall times by which cycles missed their beginning, where they follow the wall."""
    panels: tuple[Panel, ...] = ()
    """What to plot."""
    crashed: str = ""
    """Why there is no result; empty where there is one."""
    labels: tuple[Label, ...] = ()
    """What really went wrong, and how soon it was told."""
    marks: tuple[Mark, ...] = ()
    """What is marked in the plots."""
    began: float = 0.0
    """First instant of the run, POSIX time [s]."""
    unreachable: bool = False
    """Whether there is no result because the controller could not connect to the plant."""
    option: str = ""
    """Option that leaves out what is not to be played; empty for none."""

    @property
    def passed(self) -> bool:
        """Whether it came to its end and every assertion holds."""
        return not self.crashed and all(f.passed for f in self.findings)

    @property
    def repeat(self) -> str:
        """The command that plays it again."""
        how = f"--seed {self.seed} --clock {self.clock} {self.option}".rstrip()
        return f"steadyline hil run {shlex.quote(self.scenario)} {how}"


def outcome_of(name: str, played: Played) -> Outcome:
    """Return what a played scenario came to, under the name it was given by."""
    tally = played.ran.tally
    summary = played.ran.summary()
    return Outcome(
        scenario=name,
        title=played.scenario.title,
        seed=played.seed,
        clock=played.clock,
        findings=judge(played),
        figures={
            "simulated_s": tally.simulated_s,
            "wall_s": played.wall_s,
            "digest": summary["digest"],
            "kpis": dict(played.kpis) | {key: summary[key] for key in ("cycle", "solve")},
            "alerts": summary["alerts"],
            "incidents": summary["incidents"],
            "missed": played.missed,
            "overruns": tally.overruns,
            "links": summary["links"],
        },
        wall_s=played.wall_s,
        latency=_counted(tally.busy_s),
        jitter=_counted(np.abs(played.jitter_s)),
        panels=tuple(panels(played)),
        labels=_labels(played),
        marks=marks(played),
        began=played.began,
    )


def _labels(played: Played) -> tuple[Label, ...]:
    tally, scenario = played.ran.tally, played.scenario
    return labels(scenario.struck(played.seed), tally.alerts, played.began, scenario.for_s, tally.incidents)


def plain(outcome: Outcome) -> dict[str, object]:
    """Return one run as plain values."""
    nothing = dict.fromkeys(
        ("simulated_s", "wall_s", "digest", "kpis", "alerts", "incidents", "missed", "overruns", "links")
    )
    return {
        "scenario": outcome.scenario,
        "seed": outcome.seed,
        "clock": outcome.clock,
        "passed": outcome.passed,
        "crashed": outcome.crashed or None,
        "repeat": outcome.repeat,
        **(nothing | dict(outcome.figures)),
        "assertions": [
            {
                "id": f.id,
                "requirement_id": f.requirement_id or None,
                "requirement": f.requirement,
                "passed": f.passed,
                "found": f.found,
                "wanted": f.wanted,
            }
            for f in outcome.findings
        ],
        "faults": [one.plain() for one in outcome.labels],
    }


def _counted(times_s: Sequence[float] | Floats) -> Counts:
    if not len(times_s):
        return ()
    inside = np.clip(times_s, EDGES_S[0], EDGES_S[-1])
    return tuple(int(count) for count in np.histogram(inside, EDGES_S)[0])
