"""Mechanistic cores of hybrid soft sensors: what is known of a quantity before anything is learnt, by name.

A core is a formula at rest with a few parameters that have a meaning. They are identified from labelled data, starting
at what a handbook would say; never taken from a plant's own model. Beside its value a core may give clues: how far a
reading it can predict lies from what it predicts, which says something of what it leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from controller.models.rest_b import Cells, Dryer, Fed, batch, moistures
from controller.models.rest_c import Coil, Left, activity, effort, left_over, reduced
from controller.soft.kernels import exponentials
from controller.soft.logarithms import logarithms
from plant_io.signals import Floats

Values = Mapping[str, Floats]
"""Quantities by name, each of shape ``(n,)``."""

_RATIO, _SPEED = 0.25, 700.0
_WETTER = 0.25
_WATER_SHARE = 100.0
_AIR_K_KG_M3, _KELVIN = 353.1, 273.15
_WET_UM, _DAMP, _WETTEST = 500.0, 2.0, 8.0
_TABLET_MG, _GAP_MM, _LUBRICANT, _MOST_SOLID = 200.0, 3.0, 1.0, 0.995


@dataclass(frozen=True, slots=True)
class Quantity:
    """An input of a core."""

    unit: str
    """UCUM unit."""
    low: float
    """Lowest value that can be meant, in `unit`."""
    high: float
    """Highest value that can be meant, in `unit`."""
    what: str
    """What it is."""
    path: float = 1.0
    """Share of the residence time that lies between where it acts and the sensor [1]."""
    needed: bool = True
    """Whether the core gives nothing without it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A parameter of a core."""

    unit: str
    """UCUM unit."""
    guess: float
    """Where identification starts, in `unit`."""
    spread: float
    """Standard deviation of the logarithm of the parameter before any data [1]."""
    what: str
    """What it means."""


@dataclass(frozen=True, slots=True)
class Core:
    """A mechanistic core."""

    what: str
    """What it gives, and by which law."""
    unit: str
    """UCUM unit of its value."""
    inputs: Mapping[str, Quantity]
    """Its inputs by name."""
    unknowns: Mapping[str, Unknown]
    """Its parameters by name."""
    law: Callable[[Mapping[str, Floats | float], Values], Mapping[str, Floats]]
    """Gives ``value`` in `unit` and clues from parameters and inputs, every array of shape ``(n,)``."""
    rough: float
    """How far its value may lie from a label, by which labels weigh against guesses, in `unit` or relative [1]."""
    logarithm: bool = False
    """Whether errors of its value are relative."""
    growth: float = 0.0
    """Share of the variance of errors, at a usual value, that grows with the square of the value [1]."""

    def __call__(self, parameters: Mapping[str, Floats | float], inputs: Values) -> Mapping[str, Floats]:
        """Return value and clues, each of shape ``(n,)``.

        Parameters
        ----------
        parameters
            Parameters by name, in their units; numbers, or arrays of shape ``(n,)``.
        inputs
            Inputs by name, in their units, shape ``(n,)``; those not needed may be absent.
        """
        return self.law(parameters, inputs)


def _two_zone(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    powder = z["api_flow"] + z["exc_flow"]
    fed = Fed(z["liquid_flow"] / powder, powder, z["inlet"], z["air"], z["humidity"])
    x, warm = moistures(Dryer(p["air"], p["critical"], p["equilibrium"]), fed)
    found = {"value": _WATER_SHARE * x / (1.0 + x)}
    if "bed" in z:
        found["bed_off"] = z["bed"] - warm
    if "outlet_humidity" in z:
        gas = z["air"] * _AIR_K_KG_M3 / (z["inlet"] + _KELVIN) / (1.0 + z["humidity"])
        found["water_off"] = gas * (z["outlet_humidity"] - z["humidity"]) / powder - (fed.liquid - x)
    return found


def _per_cell(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    powder = z["api_flow"] + z["exc_flow"]
    fed = Fed(z["liquid_flow"] / powder, powder, z["inlet"], z["air"], z["humidity"])
    x, warm = batch(Cells(Dryer(p["air"], p["critical"], p["equilibrium"]), z["fill"]), fed)
    found = {"value": _WATER_SHARE * x / (1.0 + x)}
    return found | ({"bed_off": z["bed"] - warm} if "bed" in z else {})


def _power_law(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    ratio = z["liquid_flow"] / (z["api_flow"] + z["exc_flow"])
    grown = p["by_liquid"] * logarithms(ratio / _RATIO) - p["by_speed"] * logarithms(z["speed"] / _SPEED)
    found = {"value": p["size"] * exponentials(grown)}
    if "wet" in z:
        found["wet_off"] = logarithms(z["wet"] / found["value"])
    return found


def _milled(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    usual = {name: one.guess for name, one in _DRYING.items()}
    damp = np.minimum(_two_zone(usual, {name: z[name] for name in (*_POWDER, *_AIR)})["value"], _WETTEST)
    grown = p["by_wet"] * logarithms(z["wet"] / _WET_UM) + p["tougher"] * (damp - _DAMP)
    return {"value": p["size"] * exponentials(grown)}


def _feeders(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    api = p["feed"] * z["api_flow"]
    return {"value": _WATER_SHARE * api / (api + z["exc_flow"])}


def _behind_coil(p: Mapping[str, Floats | float], z: Values) -> tuple[Floats, Left]:
    """Return the starting material that is fed [mmol/L], and what leaves the coil."""
    total = z["flow_sm"] + z["flow_amine"] + z["flow_ethanol"]
    fed = (800.0 * z["flow_sm"] / total, 2800.0 * z["flow_amine"] / total)
    return fed[0], left_over(Coil(p["volume"], p["wanted"], p["by_heat"], p["again"]), fed, total, z["coil"])


def _coil(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    fed, left = _behind_coil(p, z)
    found = {"value": 100.0 * (1.0 - left.sm / fed)}
    if "ftir_sm" in z:
        found["ftir_off"] = 100.0 * (1.0 - z["ftir_sm"] / fed) - found["value"]
    return found


def _isomer(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    fed, left = _behind_coil(p, z)
    return {"value": 100.0 * p["isomer"] / (1.0 + p["isomer"]) * (fed - left.sm - left.bis) / fed}


def _bis(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    fed, left = _behind_coil(p, z)
    found = {"value": 100.0 * left.bis / fed}
    if "ftir_sm" in z:
        found["ftir_off"] = (z["ftir_sm"] - left.sm) / fed
    return found


def _bed(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    law = (p["level"], p["by_effort"], p["by_heat"], p["order"])
    return {"value": activity(law, z["nitro"], z["bed"], _run(z))}


def _reduced(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    law = (p["level"], p["by_effort"], p["by_heat"])
    return {"value": reduced(law, effort(p["order"], z["activity"], _run(z)), z["bed"])}


def _stripped(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    law = (p["level"], 0.0, -p["by_heat"])
    stay = z["activity"] / _swift(z)
    return {"value": stay * reduced(law, stay, z["bed"])}


def _run(z: Values) -> tuple[Floats, Floats]:
    return z["hydrogen"], _swift(z)


def _swift(z: Values) -> Floats:
    return (z["flow_sm"] + z["flow_amine"] + z["flow_ethanol"]) / 60.0


def _compaction(p: Mapping[str, Floats | float], z: Values) -> dict[str, Floats]:
    solid = np.minimum(p["dense"] * (z["mass"] / _TABLET_MG) * (_GAP_MM / z["gap"]), _MOST_SOLID)
    beyond = np.maximum(solid - p["critical"], 0.0)
    bonded = 1.0 - exponentials(beyond) * (1.0 - p["critical"] - beyond) / (1.0 - p["critical"])
    excess = _WATER_SHARE * z["lubricant"] / z["total"] - _LUBRICANT
    return {"value": p["strength"] * bonded * exponentials(-p["softening"] * excess)}


_POWDER = {
    "liquid_flow": Quantity("kg/h", 0.5, 12.0, "flow of granulation liquid"),
    "api_flow": Quantity("kg/h", 0.1, 20.0, "flow of the API feeder"),
    "exc_flow": Quantity("kg/h", 0.1, 60.0, "flow of the excipient feeder"),
}
_AIR = {
    "inlet": Quantity("Cel", 20.0, 110.0, "temperature of the inlet air", 0.5),
    "air": Quantity("m3/h", 50.0, 3000.0, "flow of the inlet air", 0.5),
    "humidity": Quantity("kg/kg", 0.0, 0.04, "water per dry air at the inlet", 0.5),
}
_BED = {"bed": Quantity("Cel", 10.0, 100.0, "temperature of the granules at discharge", 0.0, needed=False)}
_DRYING = {
    "air": Unknown("1", 1.0, 0.05, "true over indicated flow of air"),
    "critical": Unknown("kg/kg", 0.10, 0.25, "moisture below which drying slows down"),
    "equilibrium": Unknown("kg/kg", 0.010, 0.3, "moisture at which drying ends"),
}
_PUMPS = {
    name: Quantity("mL/min", 0.5, 200.0, what, 1.0)
    for name, what in (
        ("flow_sm", "flow of the stock of starting material"),
        ("flow_amine", "flow of the stock of pyrrolidine"),
        ("flow_ethanol", "flow of ethanol"),
    )
}

_COIL = {
    "coil": Quantity("Cel", 5.0, 140.0, "temperature of the coil", 1.0),
    "ftir_sm": Quantity("mmol/L", -50.0, 800.0, "starting material behind the coil", 0.5, needed=False),
}
_SUBSTITUTION = {
    "volume": Unknown("mL", 90.0, 0.1, "volume of the coil"),
    "wanted": Unknown("L/(mol.s)", 0.22, 0.3, "rate constant of the wanted reaction at 60 degC"),
    "by_heat": Unknown("1", 12.0, 0.15, "its exponent of the absolute temperature"),
    "again": Unknown("L/(mol.s)", 0.003, 0.5, "rate constant of the second substitution at 60 degC"),
}
_CATALYSED = {
    "bed": Quantity("Cel", 5.0, 140.0, "temperature of the bed", 0.5),
    "hydrogen": Quantity("bar", 0.5, 60.0, "pressure of hydrogen", 0.5),
}
_ACTIVE = {"activity": Quantity("1", 0.0, 6.0, "activity of the catalyst", 0.0)}
_REDUCTION = {
    "by_effort": Unknown("1", 2.5, 0.3, "exponent of activity times hydrogen over flow, downwards"),
    "by_heat": Unknown("1", 30.0, 0.3, "exponent of the absolute temperature, downwards"),
    "order": Unknown("1", 0.7, 0.2, "order in hydrogen"),
}

CORES: Mapping[str, Core] = MappingProxyType(
    {
        "two_zone": Core(
            "loss on drying behind a continuous dryer, from the water and heat balances of two mixed zones",
            "%",
            _POWDER
            | _AIR
            | _BED
            | {"outlet_humidity": Quantity("kg/kg", 0.0, 0.1, "water per dry air at the outlet", 0.0, needed=False)},
            _DRYING,
            _two_zone,
            0.3,
            growth=_WETTER,
        ),
        "per_cell": Core(
            "loss on drying of a batch that leaves a six-cell dryer, from the water and heat balance of its cell",
            "%",
            _POWDER | _AIR | {"fill": Quantity("s", 30.0, 900.0, "time to fill a cell", 0.0)} | _BED,
            _DRYING,
            _per_cell,
            0.4,
            growth=_WETTER,
        ),
        "power_law": Core(
            "size of granules, a power of liquid to solids and of the screw speed",
            "um",
            _POWDER
            | {
                "speed": Quantity("/min", 50.0, 2000.0, "screw speed"),
                "wet": Quantity("um", 20.0, 4000.0, "size of the wet granules of the same kind", 1.0, needed=False),
            },
            {
                "size": Unknown("um", 400.0, 1.0, "size at a liquid to solids of 0.25 and 700 rpm"),
                "by_liquid": Unknown("1", 1.0, 0.3, "exponent of liquid to solids"),
                "by_speed": Unknown("1", 0.12, 0.5, "exponent of the screw speed, downwards"),
            },
            _power_law,
            0.06,
            logarithm=True,
        ),
        "milled": Core(
            "size of milled granules, a power of that of the wet ones; damp granules are tougher, as the strength of "
            "granules decides how far they are broken (Verheezen et al., Int. J. Pharm. 278, 2004)",
            "um",
            _POWDER | _AIR | {"wet": Quantity("um", 20.0, 4000.0, "size of the wet granules of the same kind", 1.0)},
            {
                "size": Unknown("um", 400.0, 1.0, "size from wet granules of 500 um at a loss on drying of 2 %"),
                "by_wet": Unknown("1", 0.6, 0.4, "exponent of the size of the wet granules"),
                "tougher": Unknown("1/%", 0.02, 0.7, "logarithm of the size gained with each % of loss on drying"),
            },
            _milled,
            0.04,
            logarithm=True,
        ),
        "feeders": Core(
            "API in the dry mass, from the flows of the feeders",
            "%",
            {name: _POWDER[name] for name in ("api_flow", "exc_flow")},
            {"feed": Unknown("1", 1.0, 0.02, "true over indicated flow of the API feeder")},
            _feeders,
            0.15,
        ),
        "coil": Core(
            "conversion of starting material in a coil of three mixed cells, of second order",
            "%",
            _PUMPS | _COIL,
            _SUBSTITUTION,
            _coil,
            0.6,
        ),
        "bed": Core(
            "activity of the catalyst, from the nitro compound it leaves, the inverse of a power law",
            "1",
            _PUMPS | {"nitro": Quantity("%", 0.0, 100.0, "nitro compound behind the bed", 0.0)} | _CATALYSED,
            {"level": Unknown("%", 0.05, 1.5, "nitro compound left at usual settings with a fresh catalyst")}
            | _REDUCTION,
            _bed,
            0.08,
            logarithm=True,
        ),
        "isomer": Core(
            "para isomer from a coil of three mixed cells, a share of what has reacted once",
            "%",
            _PUMPS | _COIL,
            _SUBSTITUTION | {"isomer": Unknown("1", 0.04, 0.3, "para isomer per wanted product")},
            _isomer,
            0.05,
            logarithm=True,
        ),
        "bis": Core(
            "bis adduct from a coil of three mixed cells, of second order",
            "%",
            _PUMPS | _COIL,
            _SUBSTITUTION,
            _bis,
            0.08,
            logarithm=True,
        ),
        "reduced": Core(
            "what a bed leaves of a compound it hydrogenates, a power law",
            "%",
            _PUMPS | _CATALYSED | _ACTIVE,
            {"level": Unknown("%", 0.06, 1.0, "what is left at usual settings with a fresh catalyst")} | _REDUCTION,
            _reduced,
            0.15,
            logarithm=True,
        ),
        "stripped": Core(
            "what a bed makes of its product, in proportion to activity and stay",
            "%",
            _PUMPS | {"bed": _CATALYSED["bed"]} | _ACTIVE | {"hydrogen": replace(_CATALYSED["hydrogen"], needed=False)},
            {
                "level": Unknown("%", 0.15, 0.5, "what is made at usual settings with a fresh catalyst"),
                "by_heat": _REDUCTION["by_heat"],
            },
            _stripped,
            0.1,
            logarithm=True,
        ),
        "compaction": Core(
            "breaking force of tablets, from their solid share beyond percolation (Kuentz and Leuenberger, 2000, "
            "doi:10.1016/S0032-5910(00)00250-3) and their lubricant",
            "N",
            {
                "mass": Quantity("mg", 20.0, 2000.0, "mass of a tablet", 0.0),
                "gap": Quantity("mm", 0.5, 10.0, "gap between the punches at main compression", 0.0),
                "lubricant": Quantity("kg/h", 0.0, 5.0, "flow of lubricant", 1.0),
                "total": Quantity("kg/h", 0.5, 200.0, "flow of the whole blend", 1.0),
            },
            {
                "strength": Unknown("N", 200.0, 0.5, "breaking force without pores, at 1 % of lubricant"),
                "dense": Unknown("1", 0.85, 0.08, "solid share of a tablet of 200 mg at a gap of 3 mm"),
                "critical": Unknown("1", 0.5, 0.15, "solid share from which a tablet holds together"),
                "softening": Unknown("1", 0.1, 0.4, "logarithm of the strength lost with each % of lubricant"),
            },
            _compaction,
            4.0,
        ),
    }
)
"""All cores by name."""
