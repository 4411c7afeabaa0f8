"""Channel E as its condition monitor shows it; the setpoints of its host line are those of people at the plant."""

from __future__ import annotations

from hil.plants.line_e import DESIGNS, NOMINAL, TARGETS, LineE
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Rules
from hil.plc.line_b import STATIONS

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
    stations={name: STATIONS[name] for name in ("PMP.LS_SP", "TSG.N_SP", "DRY.AIR_SP", "MIL.N_SP")},
)
"""Rotating equipment of a granulation line."""
