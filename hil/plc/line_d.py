"""Line D as its two PLCs show it: one for the four branches, one for tank, loop and analysers."""

from __future__ import annotations

from hil.plants.line_d import NOMINAL, TARGETS, LineD
from hil.plc.blueprint import Attribute, Blueprint
from hil.plc.guard import Limits, Rules
from hil.plc.stations import Station

_WATCHDOG_S = 30.0
_BRANCHES = {f"BR{k}.F_SP": Limits(low=0.0, high=1.0, rate=0.02, start=NOMINAL[f"BR{k}.F_SP"]) for k in range(1, 5)}
_LOOP = {
    "LOOP.T_SP": Limits(low=65.0, high=95.0, rate=0.05, start=NOMINAL["LOOP.T_SP"]),
    "LOOP.F_SP": Limits(low=1.2, high=3.2, rate=0.02, start=NOMINAL["LOOP.F_SP"]),
}

LINE = Blueprint(
    name="D",
    make=LineD,
    rules={
        "branches": Rules(limits=_BRANCHES, watchdog_s=_WATCHDOG_S),
        "loop": Rules(limits=_LOOP, watchdog_s=_WATCHDOG_S),
    },
    local={"OP.T_RET": 79.4},
    shown={"OP.T_RET": "OP.T_RET"},
    targets=TARGETS,
    measures={
        "LOOP.T_SUP": ("t_supply",),
        "LOOP.T_RET": ("t_return",),
        "LOOP.TOC": ("toc",),
        "LOOP.COND": ("cond",),
    },
    attributes={
        "toc": Attribute(("toc",), "[ppb]", 0.0, (float("-inf"), 500.0)),
        "conductivity": Attribute(("cond",), "uS/cm", 0.0, (float("-inf"), 1.3)),
        "germs": Attribute(("germs",), "[CFU]/mL", 0.0, (float("-inf"), 0.1)),
        "return_temperature": Attribute(("t_return",), "Cel", 80.0, (70.0, 95.0)),
        "velocity": Attribute(("velocity",), "m/s", 1.5, (0.9, float("inf"))),
    },
    specification={"toc": (0.0, 500.0), "cond": (0.0, 1.3), "germs": (0.0, 0.1)},
    stations={
        **{f"BR{k}.F_SP": Station(f"BR{k}.F_PV") for k in range(1, 5)},
        "LOOP.T_SP": Station("LOOP.T_SUP"),
        "LOOP.F_SP": Station("LOOP.F_PV"),
    },
)
"""Hot loop of water for injection with four branches."""
