"""What a set of played scenarios looks like: JSON, JUnit, and one page of HTML with its plots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast
from xml.etree import ElementTree as ET

import numpy as np
from jinja2 import Environment

from hil.rig.play import Played
from hil.rig.score import TRUE_OF
from hil.rig.verdict import Finding, judge
from plant_io.signals import Floats

Judged = tuple[str, Played, tuple[Finding, ...]]
"""Name of a scenario, how it went, and what that proves."""

_PAGE = Path(__file__).with_name("report.html.j2")


def judged(name: str, played: Played) -> Judged:
    """Return a played scenario with its verdict."""
    return name, played, judge(played)


def plain(run: Judged) -> dict[str, object]:
    """Return one run as plain values."""
    name, played, findings = run
    summary = dict(played.ran.summary())
    return {
        "scenario": name,
        "seed": played.seed,
        "clock": played.clock,
        "passed": all(f.passed for f in findings),
        "simulated_s": played.ran.tally.simulated_s,
        "wall_s": played.wall_s,
        "digest": summary["digest"],
        "kpis": dict(played.kpis) | {key: summary[key] for key in ("cycle", "solve")},
        "assertions": [
            {"id": f.id, "requirement": f.requirement, "passed": f.passed, "found": f.found, "wanted": f.wanted}
            for f in findings
        ],
        "alerts": summary["alerts"],
    }


def write_junit(path: Path, runs: Sequence[Judged]) -> None:
    """Write the runs as JUnit XML, one test case per assertion."""
    root = ET.Element("testsuites")
    for name, played, findings in runs:
        failures = str(sum(not f.passed for f in findings))
        attributes = {"name": name, "tests": str(len(findings)), "failures": failures, "time": f"{played.wall_s:.3f}"}
        suite = ET.SubElement(root, "testsuite", attributes)
        for f in findings:
            case = ET.SubElement(suite, "testcase", {"classname": f"{name}.seed{played.seed}", "name": f.id})
            if not f.passed:
                failure = ET.SubElement(case, "failure", {"message": f.requirement})
                failure.text = f"wanted {f.wanted}, found {f.found}"
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def write_html(path: Path, runs: Sequence[Judged]) -> None:
    """Write the runs as one self-contained page."""
    rows = [(*run, plot(run[1], first=i == 0)) for i, run in enumerate(runs)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        Environment(autoescape=True).from_string(_PAGE.read_text(encoding="utf-8")).render(runs=rows), encoding="utf-8"
    )


def plot(played: Played, *, first: bool) -> str:
    """Return the true controlled variables and the setpoints over time as HTML; `first` carries the script."""
    import plotly.io  # noqa: PLC0415  # heavy

    to_html = cast("_ToHtml", plotly.io.to_html)
    minutes = [round(t / 60.0, 3) for t in played.truth["time"].tolist()]
    panels = list(_panels(played))
    traces = [
        {"type": "scatter", "x": minutes, "y": values.tolist(), "xaxis": "x", "yaxis": f"y{i}", "name": title}
        for i, (title, values) in enumerate(panels, start=1)
    ]
    height = 1.0 / len(panels)
    layout: dict[str, object] = {
        "height": 190 * len(panels) + 60,
        "showlegend": False,
        "margin": {"t": 30},
        "xaxis": {"title": {"text": "line time [min]"}, "anchor": f"y{len(panels)}"},
    }
    for i, (title, _) in enumerate(panels):
        top = 1.0 - i * height
        layout[f"yaxis{i + 1}"] = {"domain": [top - 0.8 * height, top], "title": {"text": title}}
    return to_html({"data": traces, "layout": layout}, full_html=False, include_plotlyjs=first, validate=False)


class _ToHtml(Protocol):
    def __call__(
        self, figure: Mapping[str, object], *, full_html: bool, include_plotlyjs: bool, validate: bool
    ) -> str: ...


def _panels(played: Played) -> Iterator[tuple[str, Floats]]:
    for loop in played.policy.loops.values():
        for name, controlled in loop.controlled.items():
            columns = [played.truth[column] for column in TRUE_OF[controlled.tag]]
            yield f"true {name} [{controlled.unit}]", np.sum(columns, axis=0)
        for moved in loop.moved.values():
            yield f"{moved.tag} [{moved.unit}]", played.truth[moved.tag]
