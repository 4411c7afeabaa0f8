"""Whether faults of the shipped lines are told, how soon, as how many incidents, and whether what tells them is named.

Every fault of the catalogue that can fall on a unit of a line is laid on it under its shipped policy and loop, with the
magnitude of the catalogue; runs without faults on other seeds count false alarms against the budgets: an incident
counts once for each class that it calls. Seeds are none of those the shipped watches were fitted or limited with.

``python -m benchmarks.isolation --lines b --seeds 902 --quiet 951 952 --kept FOLDER`` plays a part of it; what stands
in the folder already, of the same policy, is not played again.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import numpy as np
from scipy.stats import chi2

from anomaly.incident import MOST, MOST_IN_S, Incident
from benchmarks import kept
from benchmarks.isolation_cases import LINES, SPANS, Case, cases
from benchmarks.kept import Runs
from benchmarks.tool import Result, asked
from controller.cycle import Cycle
from hil.crew import cores
from hil.library import find, open_scenario
from hil.rig.play import EPOCH, in_memory
from hil.scenario import Asked
from policies import Policy

SEEDS, QUIET = (901, 902), tuple(range(1401, 1429))
QUICK_SEEDS, QUICK_QUIET, QUICK_LINES = (901,), (1401,), ("e",)
_LEVEL = 0.95
_NAMED = 3


@dataclass(slots=True)
class Told:
    """Keeps every change of every incident; a sink of the loop."""

    changes: list[Incident] = field(default_factory=list["Incident"])
    """Changes, oldest first."""

    def __call__(self, cycle: Cycle) -> None:
        """Take in a finished cycle."""
        self.changes.extend(cycle.decision.incidents)


@dataclass(frozen=True, slots=True)
class Found:
    """What became of a case."""

    hours: float
    """Length of the run [h]."""
    before: int
    """Incidents that opened before the fault, or in a run without one [1]."""
    routes: tuple[str, ...]
    """Every class that was told of each of these."""
    opened: int
    """Incidents that opened while it was there [1]."""
    delay_s: float | None
    """Time from its onset to the first of them [s]; None if there was none."""
    named: bool
    """Whether one of the first three tags, when it was last looked at, is at the root of the fault."""
    said: str
    """Unit, reading and tags of the first of them."""
    flooded: int
    """Windows of ten minutes with more than ten calls [1]."""


def play(case: Case) -> Found:
    """Play a case in memory and return what became of it."""
    span = SPANS[case.line]
    scenario, policy = open_scenario(find(span.scenario))
    auto = (Asked.model_validate({"after": "3m", "mode": "auto"}),) if policy.loops else ()
    length_s = span.onset_s + span.after_s if case.id else span.quiet_s
    bare: dict[str, object] = {"assertions": {}, "stimuli": (), "stations": (), "seeds": None}
    told = Told()
    played = scenario.model_copy(update={**bare, "for_s": length_s, "faults": case.faults, "orders": auto})
    in_memory(played, policy, case.seed, sinks=(told,))
    onset = EPOCH + (span.onset_s if case.id else length_s)
    last = {one.id: one for one in told.changes}
    early = [one for one in last.values() if one.opened < onset]
    late = [one for one in last.values() if one.opened >= onset]
    return Found(
        hours=length_s / 3600.0,
        before=len(early),
        routes=tuple(str(route) for one in early for route in one.routes),
        opened=len(late),
        delay_s=late[0].opened - onset if late else None,
        named=bool(late) and any(_of_tag(sign.tag, policy).startswith(case.roots) for sign in late[0].signs[:_NAMED]),
        said=_words(late[0]) if late else "",
        flooded=_floods([one.at for one in told.changes if one.annunciated]),
    )


def _of_tag(name: str, policy: Policy) -> str:
    """Return a tag itself, or the tag that is measured where a loop believes something of a measurement."""
    loop, _, believed = name.partition(".")
    measured = policy.loops[loop].measured if loop in policy.loops else {}
    found = measured.get(believed.partition(".")[2])
    return name if found is None else found.tag


def _words(one: Incident) -> str:
    signs = ", ".join(f"{sign.tag}{'+' if sign.z > 0.0 else '-'}" for sign in one.signs[:_NAMED])
    return f"{one.unit or 'no unit'}; {one.reading or 'no reading'}; {signs}"


def _floods(calls: Sequence[float]) -> int:
    return sum(last - first < MOST_IN_S for first, last in zip(calls, calls[MOST:], strict=False))


def run(quick: bool = False) -> Result:  # noqa: FBT001, FBT002  # every benchmark is called so
    """Lay the catalogue on the lines, and count."""
    return asked_for(Namespace(quick=quick, kept=None, jobs=cores()))


def asked_for(given: Namespace) -> Result:
    """Lay the catalogue on the lines that were asked for, and count.

    Parameters
    ----------
    given
        The command line.
    """
    lines = kept.wanted(given, "lines", QUICK_LINES if given.quick else LINES)
    seeds = kept.numbers(given, "seeds", QUICK_SEEDS if given.quick else SEEDS)
    quiet = kept.numbers(given, "quiet", QUICK_QUIET if given.quick else QUIET)
    only = kept.wanted(given, "faults", ())
    laid = [case for line in lines for case in cases(line, seeds) if not only or case.id in only]
    faults = laid[:: 3 if given.quick else 1]
    every = [*faults, *(Case(line, "", "", seed) for line in lines for seed in quiet)]
    found = Runs(play, Found, _under, given.kept, given.jobs).play(every)
    return counted(lines, every, found)


def counted(lines: Sequence[str], every: Sequence[Case], found: Mapping[Case, Found]) -> Result:
    """Return the figures of some runs.

    Parameters
    ----------
    lines
        Lines played.
    every
        What was to be played.
    found
        What became of each that ended.
    """
    struck = {case: one for case, one in found.items() if case.id}
    without = {case: one for case, one in found.items() if not case.id}
    result = Result("isolation", seeds=sorted({case.seed for case in every}))
    result.figures |= {"runs": len(every), "runs_that_died": len(every) - len(found)} | _detection(struck)
    if without:
        result.figures["false_alarms"] = {line: _false((line,), without) for line in lines}
        result.figures["false_alarms_everywhere"] = _false(lines, without)
    result.figures["per_line"] = {line: _detection(_of(line, struck)) for line in lines}
    result.figures["missed"] = dict(Counter(f"{c.line} {c.id} {c.target}" for c, f in struck.items() if not f.opened))
    result.figures["misnamed"] = {
        f"{case.line} {case.id} {case.target} {case.seed}": one.said
        for case, one in struck.items()
        if one.opened and not one.named
    }
    result.baselines["always_alarm"] = {"missed": 0.0, "top3": 0.0, "false_alarms_vs_budget": "without end"}
    result.config |= {"onset_s": {line: SPANS[line].onset_s for line in lines}, "magnitudes": "those of the catalogue"}
    return result


def _under(case: Case) -> str:
    return _policy(case.line).fingerprint[:12]


@cache
def _policy(line: str) -> Policy:
    return open_scenario(find(SPANS[line].scenario))[1]


def _of(line: str, struck: Mapping[Case, Found]) -> Mapping[Case, Found]:
    return {case: one for case, one in struck.items() if case.line == line}


def _detection(struck: Mapping[Case, Found]) -> dict[str, object]:
    told = [one for one in struck.values() if one.opened]
    delays = [one.delay_s or 0.0 for one in told]
    return {
        "faults": len(struck),
        "missed_fraction": round(1.0 - len(told) / max(len(struck), 1), 3),
        "top3": round(sum(one.named for one in told) / max(len(told), 1), 3),
        "incidents_per_fault": round(sum(one.opened for one in told) / max(len(told), 1), 2),
        "delay_median_s": float(np.quantile(delays, 0.5)) if told else None,
        "delay_p90_s": float(np.quantile(delays, 0.9)) if told else None,
        "floods": sum(one.flooded for one in struck.values()),
    }


def _false(lines: Sequence[str], quiet: Mapping[Case, Found]) -> dict[str, object]:
    """Return the calls of quiet runs by class, beside what was promised in these hours, with an upper limit."""
    promised, told, hours = dict[str, float](), Counter[str](), 0.0
    for line in lines:
        mine = list(_of(line, quiet).values())
        lasted = sum(one.hours for one in mine)
        hours += lasted
        told.update(route for one in mine for route in one.routes)
        for route, rate in _policy(line).budgets.declared.items():
            promised[str(route)] = promised.get(str(route), 0.0) + rate * lasted * 3600.0
    rows: dict[str, object] = {route: _rate(told[route], often) for route, often in promised.items()}
    rows["all"] = _rate(told.total(), sum(promised.values()))
    rows["told_on"] = {f"{one.line} {one.seed}": f.routes for one, f in quiet.items() if one.line in lines and f.routes}
    return {"hours": round(hours, 1), **rows}


def _rate(told: int, promised: float) -> dict[str, object]:
    upper = float(chi2.ppf(_LEVEL, 2 * told + 2)) / 2.0
    shares = (round(told / promised, 3), round(upper / promised, 3)) if promised else (None, None)
    return {"promised": round(promised, 2), "false": told, "realised_vs_promised": shares[0], "upper_95": shares[1]}


def _start() -> None:
    parser = ArgumentParser(description=run.__doc__)
    kept.options(parser, quiet=True)
    parser.add_argument("--faults", nargs="+", metavar="ID", help="faults to lay on the lines; all")
    asked(asked_for, parser)


if __name__ == "__main__":
    _start()
