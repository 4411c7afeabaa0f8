"""Line B as its two PLCs show it: one for feeders, pump and granulator, one for dryer, mill and analysers."""

from __future__ import annotations

from hil.plants.line_b import NOMINAL, TARGETS, LineB
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Limits, Rules
from hil.plc.stations import Station

_WET = {
    "FDR_API.F_SP": Limits(low=1.5, high=4.5, rate=0.05, start=NOMINAL["FDR_API.F_SP"]),
    "FDR_EXC.F_SP": Limits(low=8.0, high=18.0, rate=0.3, start=NOMINAL["FDR_EXC.F_SP"]),
    "PMP.LS_SP": Limits(low=0.10, high=0.40, rate=0.005, start=NOMINAL["PMP.LS_SP"]),
    "TSG.N_SP": Limits(low=300.0, high=1000.0, rate=20.0, start=NOMINAL["TSG.N_SP"]),
}
_DRY = {
    "DRY.TIN_SP": Limits(low=35.0, high=75.0, rate=0.5, start=NOMINAL["DRY.TIN_SP"]),
    "DRY.AIR_SP": Limits(low=200.0, high=450.0, rate=10.0, start=NOMINAL["DRY.AIR_SP"]),
    "DRY.TFILL_SP": Limits(low=100.0, high=300.0, rate=10.0, start=NOMINAL["DRY.TFILL_SP"]),
    "MIL.N_SP": Limits(low=300.0, high=1300.0, rate=20.0, start=NOMINAL["MIL.N_SP"]),
}

STATIONS = {
    "FDR_API.F_SP": Station("FDR_API.F_PV", "FDR_API.N"),
    "FDR_EXC.F_SP": Station("FDR_EXC.F_PV", "FDR_EXC.N"),
    "PMP.LS_SP": Station("PMP.F_PV", per=("FDR_API.F_PV", "FDR_EXC.F_PV")),
    "TSG.N_SP": Station("TSG.N_PV"),
    "DRY.TIN_SP": Station("DRY.TIN_PV"),
    "DRY.AIR_SP": Station("DRY.AIR_PV"),
    "MIL.N_SP": Station("MIL.N_PV"),
}
"""Loops that operators can take, by setpoint; the time to fill a cell is no loop."""

LINE = Blueprint(
    name="B",
    make=LineB,
    rules={"granulator": Rules(limits=_WET), "dryer": Rules(limits=_DRY)},
    local={"OP.LOD": 2.0, "OP.D50": 400.0},
    shown={"OP.LOD": "OP.LOD", "OP.D50": "OP.D50"},
    targets=TARGETS,
    measures={
        "NIR_LOD": ("lod_pct",),
        "NIR_API": ("api_pct",),
        "CAM_M.D10": ("milled_d10",),
        "CAM_M.D50": ("milled_d50",),
        "CAM_M.D90": ("milled_d90",),
        "CAM_W.D50": ("wet_d50",),
    },
    attributes={
        "lod": Attribute(("lod_pct",), "%", 2.0, (1.0, 3.0)),
        "api": Attribute(("api_pct",), "%", 20.0, (19.0, 21.0)),
        "d10": Attribute(("milled_d10",), "um", 157.0, (100.0, float("inf"))),
        "d50": Attribute(("milled_d50",), "um", 400.0, (350.0, 450.0)),
        "d90": Attribute(("milled_d90",), "um", 823.0, (0.0, 1000.0)),
    },
    specification={
        "lod_pct": (1.0, 3.0),
        "api_pct": (19.0, 21.0),
        "milled_d50": (350.0, 450.0),
        "milled_d10": (100.0, float("inf")),
        "milled_d90": (0.0, 1000.0),
    },
    stations=STATIONS,
)
"""Twin-screw granulation, continuous dryer, mill."""
