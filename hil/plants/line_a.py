"""Line A, continuous direct compression: three feeders, blender, hopper, feed frame with NIR, rotary press."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp
from types import MappingProxyType

from numpy.random import SeedSequence, default_rng

from hil.plants.blender import TAU_S, Blender
from hil.plants.container import Container
from hil.plants.diverter import Diverter
from hil.plants.faults import Fault, check, severities
from hil.plants.feeder import DESIGNS, Feeder, WeightLoop
from hil.plants.laboratory import LINE_A, Laboratory
from hil.plants.noise import Mismatch, Noise, Skew
from hil.plants.powder import API, EMPTY, LUB, UNKNOWN, WATER, Masses, added
from hil.plants.press import TABLET_KG, Press, PressLoops
from hil.plants.probe import Probe
from plant_io.signals import Floats

NOMINAL: Mapping[str, float] = MappingProxyType(
    {
        "FDR_API.F_SP": 2.0,
        "FDR_EXC.F_SP": 17.8,
        "FDR_LUB.F_SP": 0.20,
        "BLD.N_SP": 250.0,
        "PRS.MCF_SP": 6.01,
        "PRS.GAP_SP": 3.08,
    }
)
"""Nominal setpoints: flows [kg/h], paddle speed [rpm], main compression force [kN], gap [mm]."""

TARGETS: Mapping[str, str] = MappingProxyType(
    {"FDR_API": "feeder", "FDR_EXC": "feeder", "FDR_LUB": "feeder", "BLD": "blender", "PRS": "press", "NIR": "nir"}
)
"""Kind of unit operation by name of the unit."""

_LONGEST_STEP_S = 1.0
_HALF = 0.5
_FACTOR_SKEW, _TAU_SKEW = 0.05, 0.12
_API_SHARE, _EXC_SHARE = 0.10, 0.89
_FEEDERS = tuple(design.name for design in DESIGNS)
_WEIGHED = _FEEDERS[:2]
_FEEDER_TAGS = tuple(tuple(f"{name}.{tag}" for tag in ("W", "F_PV", "N", "MODE", "REFILL")) for name in _FEEDERS)
_CHARGE_TAGS = tuple((f"{name}.CHARGE", f"{name}.CHARGES") for name in _WEIGHED)
_FLOW_KEYS = tuple(f"{name}.F_SP" for name in _FEEDERS)
_SOUND: Mapping[str, float] = {}


class LineA:
    """The line with its powder, warmed up and running at the nominal setpoints.

    Equal seeds and equal setpoints give equal runs, bit for bit. The disturbances do not depend on the setpoints, so
    that two ways to run the line can be compared on the same day.

    Parameters
    ----------
    seed
        Decides hopper levels, noise, disturbances, and how the line differs from the nominal one.
    mismatch
        Multiplier of that difference [1]; 0 gives the nominal line, ``hard`` one far off in everything.
    faults
        What goes wrong.
    noise
        Multiplier of all noise and disturbances [1]; 0 gives a quiet line.

    Raises
    ------
    ValueError
        If a fault is not in the catalogue or its target does not suit it.
    """

    __slots__ = (
        "_blender", "_containers", "_diverter", "_entered", "_faults", "_feeders", "_flows", "_laboratory", "_left",
        "_press", "_probe",
        "_rejected", "_start", "quality", "tags", "taken", "time",
    )  # fmt: skip

    def __init__(
        self, seed: int, *, mismatch: Mismatch = 1.0, faults: Sequence[Fault] = (), noise: float = 1.0
    ) -> None:
        check(faults, TARGETS)
        skewed, phase, run, spectra, scale, method = (default_rng(child) for child in SeedSequence(seed).spawn(6))
        skew, draw = Skew(skewed, mismatch), Noise(run, noise)
        flows = [NOMINAL[f"{design.name}.F_SP"] / 3600.0 for design in DESIGNS]
        fed = (flows[0], flows[1], flows[2], 0.0, 0.0)
        self._faults = tuple(faults)
        self._feeders = [
            Feeder(design, draw, flow, phase.uniform(design.low, design.high), exp(_FACTOR_SKEW * skew()))
            for design, flow in zip(DESIGNS, flows, strict=True)
        ]
        self._blender = Blender(TAU_S * exp(_TAU_SKEW * skew()), fed, NOMINAL["BLD.N_SP"])
        self._press = Press(draw, skew, fed, NOMINAL["PRS.GAP_SP"] * 1e-3)
        self._probe = Probe(spectra, draw, skew, self._press.tanks[-1])
        self._diverter = Diverter(100.0 * flows[0] / sum(flows))
        self._containers = [Container(scale, noise) for _ in _WEIGHED]
        self._entered = self._left = EMPTY
        self._rejected = 0.0
        self._flows = flows
        self._start = self._held()
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, float | Floats] = {}
        """What the PLC shows, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]; what is not named is as new as the plant time."""
        self.quality: dict[str, str] = {}
        """Tags that are not good, and what they are."""
        self._laboratory = Laboratory(method, noise, LINE_A, self.truth())
        self._sense({})

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Run the line for one step.

        Parameters
        ----------
        dt
            Step [s], at most 1.
        setpoints
            Accepted setpoints, named and in the units of `NOMINAL`; all of them.

        Raises
        ------
        ValueError
            If the step is no time, or too long for the loops of the PLC.
        FloatingPointError
            If a state of a unit operation is no longer finite.
        """
        if not 0.0 < dt <= _LONGEST_STEP_S:
            raise ValueError(f"step of {dt} s, expected more than 0 and at most {_LONGEST_STEP_S:g} s")
        hits = severities(self._faults, self.time) if self._faults else {}
        powder = self._feed(dt, setpoints, hits)
        mixed = self._blender.step(dt, powder, setpoints["BLD.N_SP"], hits.get("BLD", _SOUND))
        wanted = (setpoints["PRS.MCF_SP"], setpoints["PRS.GAP_SP"] * 1e-3)
        made = self._press.step(dt, mixed, wanted, hits.get("PRS", _SOUND))
        self._entered, self._left = added(self._entered, powder), added(self._left, made)
        self._rejected += sum(made) if self._diverter.open else 0.0
        self._divert(dt, wanted[0], setpoints.get("LINE.DIVERT_SP", 0.0))
        now = self.time + dt
        self.time = now if (2.0 * now).is_integer() else round(now, 9)  # to round takes a microsecond
        self._sense(hits)

    @property
    def loops(self) -> Mapping[str, WeightLoop | PressLoops]:
        """Return the loops that PLCs run in this line, by unit."""
        feeders = {design.name: one.loop for design, one in zip(DESIGNS, self._feeders, strict=True)}
        return feeders | {"PRS": self._press.loops}

    def truth(self) -> dict[str, float]:
        """Return what no PLC knows, for scores only.

        Shares of the blend (``api_*`` and ``*_frame``) are in %w/w, ``lc_pct`` in % of label claim, ``flow_*`` in kg/h,
        ``*_rpm`` in rpm, the rest in the unit of its name.
        """
        frame, exit_ = self._press.tanks[-1], self._blender.tanks[-1]
        share, tablet = 100.0 / sum(frame), self._press.tablet
        return {
            "api_blender": 100.0 * exit_[API] / sum(exit_),
            "api_frame": share * frame[API],
            "lub_frame": share * frame[LUB],
            "water_frame": share * frame[WATER] + self._probe.water,
            "unknown_frame": share * frame[UNKNOWN],
            "lc_pct": share * frame[API] / _API_SHARE * tablet.mass / TABLET_KG,
            "mass_mg": 1e6 * tablet.mass,
            "hardness_n": tablet.hardness,
            "mcf_kn": tablet.force,
            "flow_api": 3600.0 * self._flows[0],
            "flow_exc": 3600.0 * self._flows[1],
            "flow_lub": 3600.0 * self._flows[2],
            "hopper_kg": sum(self._press.tanks[0]),
            "blender_kg": sum(map(sum, (*self._blender.tanks, self._blender.dead))),
            "turret_rpm": self._press.speed,
            "produced_kg": sum(self._left),
            "rejected_kg": self._rejected,
        }

    def missing(self) -> dict[str, float]:
        """Return what the mass balances miss, by feeder and by component, zero but for rounding [kg]."""
        held = self._held()
        names = ("API", "EXC", "LUB", "WATER", "UNKNOWN")
        parts = zip(names, self._start, self._entered, self._left, held, strict=True)
        blend = {name: was + entered - left - now for name, was, entered, left, now in parts}
        return blend | {d.name: one.missing() for d, one in zip(DESIGNS, self._feeders, strict=True)}

    def _held(self) -> Masses:
        total = EMPTY
        for tank in (*self._blender.tanks, self._blender.dead, *self._press.tanks):
            total = added(total, tank)
        return total

    def _feed(self, dt: float, setpoints: Mapping[str, float], hits: Mapping[str, Mapping[str, float]]) -> Masses:
        fed = [
            one.step(dt, setpoints[key] / 3600.0, hits.get(unit, _SOUND))
            for one, key, unit in zip(self._feeders, _FLOW_KEYS, _FEEDERS, strict=True)
        ]
        self._flows = [mass / dt for mass in fed]
        spoiled = min(hits.get("FDR_API", _SOUND).get("N01", 0.0) / 100.0 / _API_SHARE, 1.0) * fed[0]
        damp = hits.get("FDR_EXC", _SOUND).get("N02", 0.0) / 100.0
        water = damp / (1.0 - damp) / _EXC_SHARE * fed[1]
        return (fed[0] - spoiled, fed[1], fed[2], water, spoiled)

    def _divert(self, dt: float, force_setpoint: float, asked: float) -> None:
        api, exc, lub = [one.loop.flow for one in self._feeders]
        force = self._press.force.shown.value
        self._diverter.step(dt, (api, api + exc + lub), (force, force_setpoint), asked=asked > _HALF)

    def _sense(self, hits: Mapping[str, Mapping[str, float]]) -> None:
        self._press.sense(self.time, hits.get("PRS", _SOUND))
        self._probe.look(self.time, self._press.tanks[-1], hits.get("NIR", _SOUND))
        self._laboratory.look(self.time, self.truth)
        spectrum, at_line, force = self._probe.spectrum.shown, self._press.at_line.shown, self._press.force.shown
        self.tags = self._feeder_tags()
        self.tags |= {
            "BLD.N_PV": self._blender.speed,
            "HOP.M": self._press.hopper_seen,
            "NIR.SPECTRUM": spectrum.value,
            "PRS.RPM": self._press.speed,
            "PRS.MCF": force.value,
            "PRS.FILL": 1e3 * self._press.depth,
            "PRS.GAP": 1e3 * self._press.gap,
            "PRS.M_TAB": 1e6 * at_line.value[0],
            "PRS.HARD": at_line.value[1],
            "LINE.DIVERT": 1.0 if self._diverter.open else 0.0,
        }
        self.taken = {
            "NIR.SPECTRUM": spectrum.taken_s,
            "PRS.MCF": force.taken_s,
            "PRS.M_TAB": at_line.taken_s,
            "PRS.HARD": at_line.taken_s,
        }
        self._laboratory.show(self.tags, self.taken)
        self.quality = {} if spectrum.quality == "good" else {"NIR.SPECTRUM": spectrum.quality}

    def _feeder_tags(self) -> dict[str, float | Floats]:
        tags: dict[str, float | Floats] = {}
        total = 0.0
        for (mass, flow, speed, mode, refill), one in zip(_FEEDER_TAGS, self._feeders, strict=True):
            loop = one.loop
            tags[mass] = one.indicated
            tags[flow] = 3600.0 * loop.flow
            tags[speed] = one.speed
            tags[mode] = loop.mode
            tags[refill] = 1.0 if loop.refilling else 0.0
            total += loop.flow
        tags["LINE.TOTAL_PV"] = 3600.0 * total
        for one, (charge, count), container in zip(self._feeders, _CHARGE_TAGS, self._containers, strict=False):
            container.look(one.refilled, refilling=one.loop.refilling)
            tags[charge], tags[count] = container.charge, container.count
        return tags
