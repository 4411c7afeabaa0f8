"""Line B2: line B with the six-cell dryer behind the same two PLCs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hil.plants.line_b import LineB, targets
from hil.plc.blueprint import Attribute
from hil.plc.line_b import LINE as LINE_B

LINE = replace(
    LINE_B,
    name="B2",
    make=partial(LineB, dryer="six_cell"),
    targets=targets("six_cell"),
    attributes={
        "lod": Attribute(("dryer_lod_pct",), "%", 2.0, (1.0, 3.0)),
        "api": LINE_B.attributes["api"],
        "d50": Attribute(("milled_d50",), "um", 300.0, (250.0, 350.0)),
    },
    measures={**LINE_B.measures, "NIR_LOD": ("dryer_lod_pct",)},
    specification={"lod_pct": (0.5, 3.0), "api_pct": (19.0, 21.0)},
)
"""Twin-screw granulation, six-cell dryer, mill; the mill empties between two cells and mills finer than on line B."""
