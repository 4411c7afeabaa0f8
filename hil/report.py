"""What a set of played scenarios looks like to others: JUnit, and one page of HTML with its plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast
from xml.etree import ElementTree as ET

from jinja2 import Environment

from hil.outcome import Outcome
from hil.plots import histogram, over_time, script
from hil.summary import summed

Cell = tuple[str, str]
_PAGE = Path(__file__).with_name("report.html.j2")
_SHOWN = 10


def write_junit(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the runs as JUnit XML: one suite for each run, one test case for each assertion."""
    root = ET.Element("testsuites")
    for run in outcomes:
        counts = {"failures": sum(not f.passed for f in run.findings), "errors": int(bool(run.crashed))}
        about = {"name": run.scenario, "tests": str(len(run.findings) + counts["errors"]), "time": f"{run.wall_s:.3f}"}
        suite = ET.SubElement(root, "testsuite", about | {key: str(count) for key, count in counts.items()})
        unit = f"{run.scenario}.seed{run.seed}"
        if run.crashed:
            case = ET.SubElement(suite, "testcase", {"classname": unit, "name": "comes to its end"})
            ET.SubElement(case, "error", {"message": run.crashed}).text = f"repeat: {run.repeat}"
        for f in run.findings:
            case = ET.SubElement(suite, "testcase", {"classname": unit, "name": f.id})
            if not f.passed:
                failure = ET.SubElement(case, "failure", {"message": f.requirement})
                failure.text = f"wanted {f.wanted}, found {f.found}\nrepeat: {run.repeat}"
            if f.requirement_id:
                properties = ET.SubElement(case, "properties")
                ET.SubElement(properties, "property", {"name": "requirement", "value": f.requirement_id})
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_html(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write the runs as one self-contained page.

    Of each scenario it shows the first run and the first ten that did not pass; every run stands in the table.
    """
    scenarios = [(line, *_times(line.scenario, outcomes)) for line in summed(outcomes)]
    shown = [(run, over_time(run.panels, run.marks) if run.panels else "") for run in _worth_showing(outcomes)]
    page = Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8"))
    page.globals["kpis_of"] = kpis_of
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page.render(scenarios=scenarios, shown=shown, runs=outcomes, script=script()), encoding="utf-8")


def kpis_of(outcome: Outcome) -> list[Cell]:
    """Return name and value of each figure of a run, as they are shown."""
    figures = cast("Mapping[str, object]", outcome.figures.get("kpis") or {})
    cells: list[Cell] = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            section = cast("Mapping[str, object]", value)
            cells += [(f"{name}.{key}", _shown(each)) for key, each in section.items()]
        else:
            cells.append((name, _shown(value)))
    return cells


def _shown(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else "" if value is None else str(value)


def _times(scenario: str, outcomes: Sequence[Outcome]) -> tuple[str, str]:
    runs = [run for run in outcomes if run.scenario == scenario]
    latency = histogram("wall time of a cycle [ms]", [run.latency for run in runs])
    return latency, histogram("wall time by which a cycle missed its beginning [ms]", [run.jitter for run in runs])


def _worth_showing(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    met: set[str] = set()
    failed: dict[str, int] = {}
    for run in outcomes:
        failed[run.scenario] = failed.get(run.scenario, 0) + (not run.passed)
        if run.scenario not in met or (not run.passed and failed[run.scenario] <= _SHOWN):
            yield run
        met.add(run.scenario)
