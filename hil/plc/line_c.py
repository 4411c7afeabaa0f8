"""Line C as its two PLCs show it: one for the pumps, one for coil, bed and analysers."""

from __future__ import annotations

from hil.plants.line_c import NOMINAL, TARGETS, LineC
from hil.plants.skid import M3_S, STOCKS
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Limits, Rules
from hil.plc.stations import Station

_PUMPS = {
    "P1.F_SP": Limits(low=5.0, high=45.0, rate=1.0, start=NOMINAL["P1.F_SP"]),
    "P2.F_SP": Limits(low=2.0, high=25.0, rate=0.5, start=NOMINAL["P2.F_SP"]),
    "P3.F_SP": Limits(low=2.0, high=40.0, rate=1.0, start=NOMINAL["P3.F_SP"]),
    "EQ_SP": Limits(low=1.0, high=2.1, rate=0.01, start=NOMINAL["EQ_SP"]),
    "Q_SP": Limits(low=0.5, high=1.4, rate=0.01, start=NOMINAL["Q_SP"]),
}
_REACTORS = {
    "R1.T_SP": Limits(low=40.0, high=85.0, rate=0.2, start=NOMINAL["R1.T_SP"]),
    "R2.T_SP": Limits(low=40.0, high=85.0, rate=0.2, start=NOMINAL["R2.T_SP"]),
    "R2.PH2_SP": Limits(low=4.0, high=20.0, rate=0.1, start=NOMINAL["R2.PH2_SP"]),
}
_STATIONS = {
    "P1.F_SP": Station("P1.F_PV", "P1.F_PV", si=M3_S),
    "EQ_SP": Station("P2.F_PV", "P2.F_PV", per=("P1.F_PV",), times=STOCKS[1] / STOCKS[0], si=M3_S),
    "R1.T_SP": Station("R1.T_PV"),
    "R2.T_SP": Station("R2.T_PV"),
    "R2.PH2_SP": Station("R2.PH2_PV"),
}
_ALERT = {"sm": 5.0, "imp_a": 4.2, "imp_b": 4.6, "nitro": 0.20, "imp_h": 0.10, "imp_c": 0.15, "imp_d": 0.20, "u": 0.05}
"""In-process alert limits of the peaks [area-%]."""

LINE = Blueprint(
    name="C",
    make=LineC,
    rules={"pumps": Rules(limits=_PUMPS), "reactors": Rules(limits=_REACTORS)},
    local={},
    targets=TARGETS,
    measures={"FTIR.SM": ("sm_coil",), "FTIR.P": ("nitro_coil",), "R1.T_PV": ("t1",), "R2.T_PV": ("t2",)},
    attributes={name: Attribute((name,), "%", 0.0, (float("-inf"), limit)) for name, limit in _ALERT.items()},
    specification={name: (float("-inf"), limit) for name, limit in _ALERT.items()},
    stations=_STATIONS,
)
"""Flow synthesis in two steps: substitution in a coil, hydrogenation in a packed bed."""
