"""Faults of line B behind its feeders, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hil.plants.kinds import Kind

CATALOGUE_B: Mapping[str, Kind] = MappingProxyType(
    {
        "F20": Kind("granulator", "lot that wets otherwise", -0.1, 0.0, (-0.5, 0.5), "excess of effective liquid [1]"),
        "F21": Kind("binder pump", "pump delivers less", 0.1, 0.0, (-0.5, 1.0), "loss of delivery, metered [1]"),
        "F21M": Kind(
            "binder pump", "flowmeter reads high", 0.1, 0.0, (-0.5, 0.5), "excess of shown over true flow [1]"
        ),
        "F22": Kind("binder pump", "one cylinder fails", 0.13, 0.0, (0.0, 0.9), "excess amplitude of pulsation [1]"),
        "F23": Kind("granulator", "barrel fouled", 0.3, 0.0, (0.0, 2.0), "excess torque [1]"),
        "F30": Kind("dryer", "weather front", 0.004, 0.0, (-0.007, 0.015), "excess humidity [kg/kg]", 1800.0),
        "F31": Kind("dryer", "heater too weak", 8.0, 0.0, (-20.0, 30.0), "shortfall of inlet air [K]"),
        "F32": Kind("dryer", "filter clogged", 0.09, 0.0, (0.0, 0.9), "loss of air, metered [1]"),
        "F32M": Kind("dryer", "filter clogged, meter blind", 0.09, 0.0, (0.0, 0.9), "loss of air, not metered [1]"),
        "F33": Kind("dryer", "outlet humidity reads high", 0.03, 0.0, (-0.5, 0.5), "excess reading [1]"),
        "F34": Kind("drying cell", "cell leaks air", 0.3, 0.0, (0.0, 1.0), "loss of air [1]"),
        "F40": Kind("mill", "screen worn or torn", 1.8, 1.4, (0.5, 5.0), "opening of the screen [mm]"),
        "F41": Kind("mill", "wet granules blind the screen", 2.0, 1.0, (1.0, 10.0), "times the stay above 4 % LOD [1]"),
        "F53": Kind("camera", "window fouled", 0.15, 0.0, (0.0, 1.0), "excess of shown over true size [1]"),
        "F53L": Kind("camera", "light fades", 3.0, 1.0, (1.0, 20.0), "times the noise [1]"),
    }
)
"""Faults of granulation, drying and milling, by name; an ``M`` or ``L`` behind it is the second form of a fault."""
