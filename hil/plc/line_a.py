"""Line A as its two PLCs show it: the feeder PLC, and the PLC of blender, press and analysers."""

from __future__ import annotations

from hil.plants.line_a import NOMINAL, TARGETS, LineA
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Limits, Rules
from hil.plc.stations import Station

_FED = {
    "FDR_API.F_SP": Limits(low=1.0, high=3.0, rate=0.05, start=NOMINAL["FDR_API.F_SP"]),
    "FDR_EXC.F_SP": Limits(low=10.0, high=26.0, rate=0.3, start=NOMINAL["FDR_EXC.F_SP"]),
}
_MADE = {
    "BLD.N_SP": Limits(low=100.0, high=450.0, rate=10.0, start=NOMINAL["BLD.N_SP"]),
    "PRS.MCF_SP": Limits(low=3.0, high=12.0, rate=0.2, start=NOMINAL["PRS.MCF_SP"]),
    "PRS.GAP_SP": Limits(low=2.5, high=3.6, rate=0.02, start=NOMINAL["PRS.GAP_SP"]),
    # The gate: let out at the start, when people are in charge, and reject by itself when the heartbeat is lost.
    "LINE.DIVERT_SP": Limits(low=0.0, high=1.0, rate=10.0, start=0.0, fallback=1.0),
}

LINE = Blueprint(
    name="A",
    make=LineA,
    rules={"feeders": Rules(limits=_FED), "line": Rules(limits=_MADE)},  # wider and faster than any policy should be
    local={"FDR_LUB.F_SP": NOMINAL["FDR_LUB.F_SP"], "OP.API": 10.0, "OP.TOTAL": 20.0},
    shown={"FDR_LUB.F_ACT": "FDR_LUB.F_SP", "OP.API": "OP.API", "OP.TOTAL": "OP.TOTAL"},
    targets=TARGETS,
    measures={"SOFT.API": ("api_frame",), "LINE.TOTAL_PV": ("flow_api", "flow_exc", "flow_lub")},
    attributes={"api": Attribute(("api_frame",), "%", 10.0, (9.5, 10.5))},
    specification={"api_frame": (9.5, 10.5), "lc_pct": (95.0, 105.0)},
    stations={
        **{f"{feeder}.F_SP": Station(f"{feeder}.F_PV", f"{feeder}.N") for feeder in ("FDR_API", "FDR_EXC", "FDR_LUB")},
        "BLD.N_SP": Station("BLD.N_PV"),
        "PRS.MCF_SP": Station("PRS.MCF", "PRS.FILL", si=1e-3),
        "PRS.GAP_SP": Station("PRS.GAP"),
    },
)
"""Continuous direct compression."""
