"""Channel E as its condition monitor shows it; the setpoints of its host line are those of people at the plant."""

from __future__ import annotations

from hil.plants.line_e import DESIGNS, NOMINAL, TARGETS, LineE
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Rules

LINE = Blueprint(
    name="E",
    make=LineE,
    rules={"monitor": Rules()},
    local=NOMINAL,
    targets=TARGETS,
    attributes={
        f"{design.name.removeprefix('DRV_').lower()}_damage": Attribute(
            (f"{design.name}_damage",), "1", 0.0, (0.0, 0.5)
        )
        for design in DESIGNS
    },
)
"""Rotating equipment of a granulation line."""
