"""The dashboard and the rules beside the documentation ask for what a run really shows Prometheus."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import Bench
from test_served import alert, cycles

from controller.cycle import Mode, Order, SetMode
from controller.served.copied import copy_figures
from controller.served.metrics import Figures
from plant_io.clocks import WallClock
from policies.positions import read

GRAFANA = Path(__file__).parents[1] / "docs" / "grafana"
ENDS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "info": ("_info",)}
"""What the name of a figure ends in by its type, as Prometheus is shown it."""
EVERYWHERE = {"job", "instance", "le", "__name__"}
"""Labels that Prometheus gives by itself, or that buckets have."""


def shown_names() -> dict[str, set[str]]:
    """Return the labels of every name Prometheus is shown, as far as a cycle of a small line shows them."""
    bench, figures = Bench(), Figures(Bench().kit)
    for cycle in cycles(bench, 1, Order("olga", "steady", SetMode("hold", Mode.AUTO))):
        told = replace(cycle.decision, alerts=(alert(bench, active=True),))
        figures(replace(cycle, decision=told))
    copy_figures(figures.registry, Path("none"), WallClock())
    found = dict[str, set[str]]()
    for family in figures.registry.collect():
        labels = {label for sample in family.samples for label in sample.labels}
        found |= {family.name + end: labels for end in ENDS[family.type]}
    return found


def asked_of(name: str) -> list[tuple[str, str]]:
    """Return every expression of a dashboard or of rules, with what its legend shows."""
    data: Any = read((GRAFANA / name).read_bytes(), name).data
    groups = data["panels"] if "panels" in data else data["groups"]
    targets = [one for group in groups for one in group.get("targets", group.get("rules", ()))]
    return [(one["expr"], one.get("legendFormat", "")) for one in targets]


@pytest.mark.parametrize("name", ["steadyline.json", "rules.yaml"])
def test_every_expression_of_dashboard_and_rules_asks_for_figures_and_labels_there_are(name: str) -> None:
    served, asked = shown_names(), asked_of(name)
    assert asked
    for expression, legend in asked:
        names = re.findall(r"steadyline_\w+", expression)
        assert names, expression
        assert set(names) <= set(served), expression
        labels = set(re.findall(r"\{\{\s*(\w+)\s*\}\}", legend)) | set(
            re.findall(r"[{,]\s*(\w+)\s*(?:=|!)", expression)
        )
        labels |= {each.strip() for group in re.findall(r"\bby \(([^)]*)\)", expression) for each in group.split(",")}
        there = {label for one in names for label in served[one]}
        assert not there or labels <= there | EVERYWHERE, expression
