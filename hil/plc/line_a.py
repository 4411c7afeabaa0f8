"""Line A as its two PLCs show it: the feeder PLC, and the PLC of blender, press and analysers."""

from __future__ import annotations

from hil.plants.line_a import NOMINAL, TARGETS, LineA
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Limits, Rules

_REMOTE = {
    "FDR_API.F_SP": Limits(low=1.0, high=3.0, rate=0.05, start=NOMINAL["FDR_API.F_SP"]),
    "FDR_EXC.F_SP": Limits(low=10.0, high=26.0, rate=0.3, start=NOMINAL["FDR_EXC.F_SP"]),
}

LINE = Blueprint(
    name="A",
    make=LineA,
    rules={"feeders": Rules(limits=_REMOTE), "line": Rules()},  # kg/h: wider and faster than any policy should be
    local={tag: value for tag, value in NOMINAL.items() if tag not in _REMOTE},
    shown={"FDR_LUB.F_ACT": "FDR_LUB.F_SP"},
    targets=TARGETS,
    measures={"SOFT.API": ("api_frame",), "LINE.TOTAL_PV": ("flow_api", "flow_exc", "flow_lub")},
    attributes={"api": Attribute(("api_frame",), "%", 10.0, (9.5, 10.5))},
    specification={"api_frame": (9.5, 10.5), "lc_pct": (95.0, 105.0)},
)
"""Continuous direct compression."""
