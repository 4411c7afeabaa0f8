"""Line B behind its feeders: pump, granulator, dryer, mill and their instruments, for one line or many at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, Literal

from hil.plants.air import Supply, Wanted
from hil.plants.bed import FEED_C
from hil.plants.dryer import ContinuousDryer, Dryer, Hits
from hil.plants.gauges import Sources
from hil.plants.granulator import Granulator
from hil.plants.granules import LEAST_KG, Granules, Powder, drawn, drying_loss
from hil.plants.mill import Mill
from hil.plants.ops import Ops, Value
from hil.plants.panel_b import Panel, View, Window, percentiles
from hil.plants.pump import PULSATION, Pump
from hil.plants.six_cell import SixCellDryer

DryerKind = Literal["continuous", "six_cell"]
"""Which dryer the line has."""

_MILL_SETTLES = 100


class Granulation(Generic[Value]):
    """Everything between feeders and product, warmed up and at rest.

    Parameters
    ----------
    sources
        Operations and randomness.
    kind
        Which dryer it has.
    powder
        What the feeders bring in a second at the start.
    setpoints
        Setpoints at the start, named and in the units of the line's.
    noise
        Multiplier of the pulsation of the pump [1].
    """

    __slots__ = (
        "_dryer", "_entered", "_granulator", "_left", "_mill", "_ops", "_panel", "_pump", "_start", "_supply", "tags",
        "taken",
    )  # fmt: skip

    _ops: Ops[Value]
    _pump: Pump[Value]
    _granulator: Granulator[Value]
    _supply: Supply[Value]
    _dryer: Dryer[Value]
    _mill: Mill[Value]
    _panel: Panel[Value]
    _entered: Powder[Value]
    _left: Powder[Value]
    _start: dict[str, Value]
    tags: dict[str, Value]
    """What the PLC shows, in the units of the tags; a new mapping every step."""
    taken: dict[str, float]
    """When each tag was sampled, plant time [s]."""

    def __init__(
        self,
        sources: Sources[Value],
        kind: DryerKind,
        powder: Powder[Value],
        setpoints: Mapping[str, Value],
        noise: float,
    ) -> None:
        ops, draw, skew = sources
        traits, liquid = drawn(ops, skew), powder.dry * setpoints["PMP.LS_SP"]
        fed = Powder(powder.dry, powder.water + liquid, powder.api)
        self._ops = ops
        self._pump = Pump(ops, liquid, PULSATION * noise)
        self._granulator = Granulator(ops, draw, traits, fed, setpoints["TSG.N_SP"])
        self._supply = Supply(ops, draw, traits, _wanted(setpoints))
        wet = Granules(fed.dry, fed.water, fed.api, self._granulator.zones[-1].sizes)
        build = SixCellDryer[Value] if kind == "six_cell" else ContinuousDryer[Value]
        self._dryer = build(ops, self._supply, traits, wet)
        self._mill = Mill(ops, wet, setpoints["MIL.N_SP"])
        self._settle(wet, setpoints)
        nothing = 0.0 * fed.dry
        self._entered = self._left = Powder(nothing, nothing, nothing)
        self._start = self._balance()
        self._panel = Panel(sources, self.view())
        self._panel.look(0.0, 0.0, self.view(), {})
        self._show(0.0)

    def step(
        self, dt: float, t: float, fed: tuple[Powder[Value], Value], setpoints: Mapping[str, Value], hits: Hits[Value]
    ) -> None:
        """Run for one step.

        Parameters
        ----------
        dt
            Step [s].
        t
            Plant time at its end [s].
        fed
            What the feeders bring during the step, and the flow their PLC sees [kg/s].
        setpoints
            Accepted setpoints, named and in the units of the line's.
        hits
            Severity by target and fault in force, in the units of the catalogue.

        Raises
        ------
        FloatingPointError
            If a state of a unit operation is no longer finite.
        """
        powder, seen = fed
        wanted = _wanted(setpoints)
        liquid = self._pump.step(dt, setpoints["PMP.LS_SP"], seen, hits.get("PMP", {}))
        damp = Powder(powder.dry, powder.water + liquid, powder.api)
        wet = self._granulator.step(dt, damp, setpoints["TSG.N_SP"], hits.get("TSG", {}))
        self._supply.step(dt, wanted, hits.get("DRY", {}))
        dried = self._dryer.step(dt, wet, wanted, hits)
        made = self._mill.step(dt, dried, setpoints["MIL.N_SP"], hits.get("MIL", {}))
        self._entered = _plus(self._entered, damp)
        self._left = _plus(self._left, Powder(made.dry, made.water, made.api))
        self._panel.look(dt, t, self.view(), hits)
        self._show(t)

    def look_through(self, window: Window[Value]) -> None:
        """Let the NIR instrument look through `window` from now on."""
        self._panel.window = window

    def view(self) -> View[Value]:
        """Return what the instruments look at."""
        supply, bed, product = self._supply, self._dryer.bed, self._mill.product
        quick = {
            "TSG.N_PV": self._granulator.speed,
            "TSG.TORQUE": self._granulator.torque,
            "TSG.T_BARREL": 0.0 * self._granulator.speed + FEED_C,
            "PMP.F_PV": 3600.0 * self._pump.shown,
            "MIL.N_PV": self._mill.speed,
            "MIL.POWER": self._mill.power,
            "DRY.TIN_PV": supply.temperature,
            "DRY.AIR_PV": supply.volume,
            "DRY.T_OUT": bed.temperature,
            "DRY.T_BED": self._dryer.temperature,
        }
        wet = self._granulator.zones[-1].sizes
        return View(quick, (supply.humidity, bed.humidity), wet, product.sizes, (product.water, product.api))

    @property
    def work(self) -> dict[str, Value]:
        """Return what the drives do: speeds [rpm], torque [Nm], power [W], air [m3/h] and liquid [kg/s] moved."""
        return {
            "screw_rpm": self._granulator.speed,
            "torque_nm": self._granulator.torque,
            "mill_rpm": self._mill.speed,
            "mill_w": self._mill.power,
            "air_m3_h": self._supply.volume,
            "liquid_kg_s": self._pump.flow,
        }

    def truth(self) -> dict[str, Value]:
        """Return what no PLC knows, for scores only; the line says what it is."""
        ops, bed, discharged = self._ops, self._dryer.bed, self._dryer.discharged
        _, water, api, milled = self._mill.product
        found = {
            "lod_pct": drying_loss(water),
            "api_pct": 100.0 * api,
            "torque_nm": self._granulator.torque,
            "screw_rpm": self._granulator.speed,
            "wettability": self._granulator.wettability,
            "liquid_kg_h": 3600.0 * self._pump.delivered,
            "dryer_lod_pct": drying_loss(discharged[0]),
            "dryer_c": discharged[1],
            "inlet_c": self._supply.temperature,
            "inlet_kg_kg": self._supply.humidity,
            "room_c": self._supply.room,
            "air_m3_h": self._supply.true_volume,
            "outlet_c": bed.temperature,
            "outlet_kg_kg": bed.humidity,
            "evaporated_kg": bed.evaporated - self._start["evaporated"],
            "mill_kg": self._mill.dry,
            "produced_kg": self._left.dry,
        }
        for place, cell in enumerate(bed.cells, 1):
            found[f"cell_{place}_kg"] = cell.dry
            found[f"cell_{place}_x"] = cell.water / ops.maximum(cell.dry, LEAST_KG)
            found[f"cell_{place}_c"] = cell.temperature
        for stage, sizes in (("wet", self._granulator.zones[-1].sizes), ("milled", milled)):
            found |= {f"{stage}_{name.lower()}": size for name, size in percentiles(ops, sizes).items()}
        return found

    def missing(self) -> dict[str, Value]:
        """Return what the balances miss, zero but for rounding: of solids, water and API [kg], of enthalpy [J]."""
        start, now = self._start, self._balance()
        vapour = now["evaporated"] - start["evaporated"]
        return {
            "SOLID": start["dry"] + self._entered.dry - self._left.dry - now["dry"],
            "WATER": start["water"] + self._entered.water - self._left.water - vapour - now["water"],
            "API": start["api"] + self._entered.api - self._left.api - now["api"],
            "HEAT": start["heat"] - now["heat"],
        }

    def _balance(self) -> dict[str, Value]:
        """Return what the line holds, and what has passed the dryer's bounds."""
        bed, mill = self._dryer.bed, self._mill
        held = Powder(mill.dry, mill.water, mill.api)
        for zone in self._granulator.zones:
            held = _plus(held, Powder(zone.dry, zone.water, zone.api))
        for cell in bed.cells:
            held = _plus(held, Powder(cell.dry, cell.water, cell.api))
        heat = bed.heat() - bed.received + bed.given
        return {"dry": held.dry, "water": held.water, "api": held.api, "evaporated": bed.evaporated, "heat": heat}

    def _settle(self, wet: Granules[Value], setpoints: Mapping[str, Value]) -> None:
        """Run dryer and mill at a constant feed until they are at rest."""
        steps, dt = self._dryer.settling
        part = Granules(wet.dry * dt, wet.water * dt, wet.api * dt, wet.sizes)
        for done in range(steps):
            dried = self._dryer.step(dt, part, _wanted(setpoints), {})
            if done >= steps - _MILL_SETTLES:
                self._mill.step(dt, dried, setpoints["MIL.N_SP"], {})

    def _show(self, t: float) -> None:
        tags, self.taken = self._panel.show(t)
        self.tags = tags | {"DRY.CELL_ID": self._dryer.cell}


def _wanted(setpoints: Mapping[str, Value]) -> Wanted[Value]:
    return Wanted(setpoints["DRY.TIN_SP"], setpoints["DRY.AIR_SP"], setpoints["DRY.TFILL_SP"])


def _plus(a: Powder[Value], b: Powder[Value]) -> Powder[Value]:
    return Powder(a.dry + b.dry, a.water + b.water, a.api + b.api)
