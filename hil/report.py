"""What a set of played scenarios looks like: JSON, JUnit, and one page of HTML with its plots."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast
from xml.etree import ElementTree as ET

from jinja2 import Environment

from hil.rig.play import Played
from hil.rig.score import TRUE_OF
from hil.rig.verdict import Finding, judge

Judged = tuple[str, Played, tuple[Finding, ...]]
"""Name of a scenario, how it went, and what that proves."""

_PAGE = Path(__file__).with_name("report.html.j2")


def judged(name: str, played: Played) -> Judged:
    """Return a played scenario with its verdict."""
    return name, played, judge(played)


def plain(run: Judged) -> dict[str, object]:
    """Return one run as plain values."""
    name, played, findings = run
    summary = dict(played.ran.tally.summary(played.ran.solve_s))
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
    from plotly.graph_objects import Figure, Scatter  # noqa: PLC0415  # heavy
    from plotly.subplots import make_subplots  # noqa: PLC0415  # heavy

    loops = list(played.policy.loops.values())
    titles = [f"{name} [{c.unit}]" for loop in loops for name, c in loop.controlled.items()]
    titles += [f"{m.tag} [{m.unit}]" for loop in loops for m in loop.moved.values()]
    figure = cast("Figure", make_subplots(rows=len(titles), cols=1, shared_xaxes=True, subplot_titles=titles))
    minutes, row = played.truth["time"] / 60.0, 0
    for loop in loops:
        for controlled in loop.controlled.values():
            row += 1
            total = sum(played.truth[column] for column in TRUE_OF[controlled.tag])
            figure.add_trace(Scatter(x=minutes, y=total, name="true", line={"color": "#1f5a99"}), row=row, col=1)
            figure.add_hline(controlled.target, line_dash="dot", row=row, col=1)
        for moved in loop.moved.values():
            row += 1
            figure.add_trace(
                Scatter(x=minutes, y=played.truth[moved.tag], name="setpoint", line={"color": "#555"}), row=row, col=1
            )
    figure.update_xaxes(title_text="line time [min]", row=row, col=1)
    figure.update_layout(height=180 * row + 80, showlegend=False, template="simple_white")
    return str(figure.to_html(full_html=False, include_plotlyjs=first))
