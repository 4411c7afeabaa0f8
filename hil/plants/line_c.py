"""Line C, flow synthesis in two steps: three pumps, coil with FTIR behind it, packed bed with UHPLC behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite
from types import MappingProxyType

import numpy as np
from numpy.random import SeedSequence, default_rng

from hil.plants import hydrogenation, synthesis
from hil.plants.faults import Fault, check, severities
from hil.plants.ftir import Ftir
from hil.plants.grip import Grip
from hil.plants.hydrogenation import AMINES, RINGS, Bed, BedRun, BedSkew, from_coil
from hil.plants.laboratory import LINE_C as METHODS
from hil.plants.laboratory import Laboratory
from hil.plants.noise import Mismatch, Noise, Skew
from hil.plants.ops import SINGLE, Floats
from hil.plants.skid import PUMPS, Pumps, Thermostat
from hil.plants.synthesis import VOLUME_M3, Coil, CoilRun
from hil.plants.uhplc import METHOD, SLOTS, Result, Uhplc, profile

NOMINAL: Mapping[str, float] = MappingProxyType(
    {
        "P1.F_SP": 30.0,
        "P2.F_SP": 12.0,
        "P3.F_SP": 18.0,
        "EQ_SP": 1.40,
        "Q_SP": 1.0,
        "R1.T_SP": 60.0,
        "R2.T_SP": 60.0,
        "R2.PH2_SP": 12.0,
    }
)
"""Nominal setpoints: flows [mL/min], pyrrolidine per starting material [1], throughput [1], temperatures [degC],
hydrogen [bar]."""

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "P1": "reagent pump",
        "P2": "reagent pump",
        "P3": "reagent pump",
        "R1": "coil",
        "R2": "bed",
        "FTIR": "ftir",
        "UHPLC": "uhplc",
    }
)
"""Kind of unit operation by name of the unit."""

_LONGEST_STEP_S = 1.0
_COIL_SKEW, _BED_SKEW, _DECAY_SKEW = 0.10, 0.25, 0.5
_COIL_TAU_S, _BED_TAU_S = 60.0, 120.0
_ML_MIN = 6e7
_BACK_BAR, _FRICTION_BAR, _FLOW_REF = 22.0, 1.5, 1e-6
_PRESSURE_SD_BAR, _BIAS = 0.05, 0.3
_HYDROGEN_BAR = 20.0
_SPOILT_ABOVE_C, _SPOILT_S = 70.0, 69.0
_CHROMATOGRAM = tuple(f"UHPLC.{tag}" for tag in ("SEQ", "T_INJ", "T_RES", "METHOD", "VERSION", "N_PEAK", "RRT", "AREA"))
_SOUND: Mapping[str, float] = MappingProxyType({})


def differences(skew: Noise) -> tuple[list[float], BedSkew[float]]:
    """Return by what the rate constants of coil and bed of a line differ from the nominal ones [1]."""
    coil = [exp(_COIL_SKEW * skew()) for _ in synthesis.KINETICS]
    return coil, BedSkew([exp(_BED_SKEW * skew()) for _ in hydrogenation.KINETICS], exp(_DECAY_SKEW * skew()))


class LineC:
    """The line with its liquid and fresh catalyst, running at the nominal setpoints.

    Equal seeds and equal setpoints give equal runs, bit for bit. The disturbances do not depend on the setpoints, so
    that two ways to run the line can be compared on the same day.

    Parameters
    ----------
    seed
        Decides noise, disturbances, and how the line differs from the nominal one.
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
        "_bed", "_bias", "_coil", "_deposit", "_entered", "_faults", "_ftir", "_hydrogen", "_laboratory", "_left",
        "_listed", "_noise", "_pumps", "_start", "_t1", "_t2", "_uhplc", "quality", "tags", "taken", "time",
    )  # fmt: skip

    def __init__(
        self, seed: int, *, mismatch: Mismatch = 1.0, faults: Sequence[Fault] = (), noise: float = 1.0
    ) -> None:
        check(faults, TARGETS)
        skewed, run, chromatograms, method = (default_rng(child) for child in SeedSequence(seed).spawn(4))
        skew, draw = Skew(skewed, mismatch), Noise(run, noise)
        self._faults, self._noise = tuple(faults), draw
        coil, bed = differences(skew)
        self._pumps = Pumps(draw, skew, NOMINAL)
        self._t1 = Thermostat("R1", _COIL_TAU_S, draw, skew, NOMINAL["R1.T_SP"])
        self._t2 = Thermostat("R2", _BED_TAU_S, draw, skew, NOMINAL["R2.T_SP"])
        self._bias = (_BIAS * skew(), _BIAS * skew())
        self._hydrogen, self._deposit = NOMINAL["R2.PH2_SP"], 0.0
        self._coil = Coil(SINGLE, coil, self._pumps.fed, self._coil_run({}))
        end = self._coil.x[-synthesis.SPECIES :]
        self._bed = Bed(SINGLE, bed, from_coil(end), self._bed_run({}))
        self._ftir = Ftir(draw, skew, end[synthesis.SM], end[synthesis.NITRO])
        self._uhplc = Uhplc(chromatograms, noise, profile(self._end))
        self._entered = [0.0] * hydrogenation.SPECIES
        self._left = [0.0] * hydrogenation.SPECIES
        self._start = self._held()
        self._listed: tuple[Result, dict[str, float | Floats]] | None = None
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, float | Floats] = {}
        """What the PLC shows, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]; what is not named is as new as the plant time."""
        self.quality: dict[str, str] = {}
        """Tags that are not good, and what they are."""
        self._laboratory = Laboratory(method, noise, METHODS, self.truth())
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
            If the step is no time, or too long for the reactions.
        FloatingPointError
            If a state of a unit operation is no longer finite.
        """
        if not 0.0 < dt <= _LONGEST_STEP_S:
            raise ValueError(f"step of {dt} s, expected more than 0 and at most {_LONGEST_STEP_S:g} s")
        hits = severities(self._faults, self.time) if self._faults else {}
        self._pumps.step(dt, setpoints, hits)
        self._t1.step(dt, setpoints["R1.T_SP"])
        self._t2.step(dt, setpoints["R2.T_SP"])
        self._hydrogen = min(max(setpoints["R2.PH2_SP"], 0.0), hits.get("R2", _SOUND).get("F63", _HYDROGEN_BAR))
        self._foul(dt, hits.get("R1", _SOUND))
        self._react(dt, hits)
        self.time = round(self.time + dt, 9)
        self._sense(hits)

    @property
    def loops(self) -> Mapping[str, Grip]:
        """Return the loops that a PLC runs in this line, by setpoint."""
        return self._pumps.loops

    @property
    def result(self) -> Result:
        """Return the last result of the UHPLC, with the names its method gives to peaks; no tag carries these."""
        return self._uhplc.result.shown.value

    def truth(self) -> dict[str, float]:
        """Return what no PLC knows, for scores only.

        Species and `conversion` are in area-% behind the bed, `sm_coil` and `nitro_coil` in mmol/L behind the coil,
        `flow` in mL/min, `eq` in mol/mol, temperatures in degC, pressure in bar, activities as a share of fresh
        catalyst.
        """
        areas = {name.lower(): area for name, area in profile(self._end).items()}
        activity = self._bed.activity
        return areas | {
            "conversion": 100.0 - areas["sm"],
            "sm_coil": self._coil.x[synthesis.SM - synthesis.SPECIES],
            "nitro_coil": self._coil.x[synthesis.NITRO - synthesis.SPECIES],
            "flow": self._pumps.flow * _ML_MIN,
            "eq": self._pumps.ratio,
            "t1": self._t1.temperature,
            "t2": self._t2.temperature,
            "ph2": self._hydrogen,
            "activity_front": activity[0],
            "activity": sum(activity) / len(activity),
            "made_mol": self._left[hydrogenation.API],
        }

    def missing(self) -> dict[str, float]:
        """Return what the balances miss of aryl rings, pyrrolidine and aldehyde, zero but for rounding [mol]."""
        parts = zip(self._start, self._entered, self._left, self._held(), strict=True)
        gone = [was + entered - left - now for was, entered, left, now in parts]
        return {
            "ARYL": sum(rings * mol for rings, mol in zip(RINGS, gone, strict=True)),
            "AMINE": sum(amines * mol for amines, mol in zip(AMINES, gone, strict=True)),
            "ALDEHYDE": gone[hydrogenation.ALD] + gone[hydrogenation.UNKNOWN],
        }

    @property
    def _end(self) -> list[float]:
        return self._bed.x[-hydrogenation.SPECIES :]

    def _held(self) -> list[float]:
        coil = from_coil([a + b for a, b in zip(self._coil.held(), self._coil.displaced, strict=True)])
        return [a + b for a, b in zip(coil, self._bed.held(), strict=True)]

    def _foul(self, dt: float, hit: Mapping[str, float]) -> None:
        if "F66" not in hit:
            self._deposit = 0.0
        elif self._t1.temperature > _SPOILT_ABOVE_C:
            self._deposit += hit["F66"] * dt / 3600.0

    def _coil_run(self, hit: Mapping[str, float]) -> CoilRun[float]:
        volume = VOLUME_M3 * (1.0 - hit.get("F61", 0.0))
        spoiling = self._deposit / 100.0 / _SPOILT_S
        return CoilRun(self._pumps.flow, self._t1.temperature, volume, spoiling)

    def _bed_run(self, hit: Mapping[str, float]) -> BedRun[float]:
        temperature = self._t2.temperature + hit.get("F64", 0.0)
        return BedRun(self._pumps.flow, temperature, self._hydrogen, hit.get("F62", 0.0), hit.get("C06", 1.0))

    def _react(self, dt: float, hits: Mapping[str, Mapping[str, float]]) -> None:
        fed, volume = self._pumps.fed, self._pumps.flow * dt
        middle = from_coil(self._coil.step(dt, fed, self._coil_run(hits.get("R1", _SOUND))))
        if not isfinite(sum(middle)):
            raise FloatingPointError(f"R1: {middle} mol/m3 at {self._t1.temperature} degC")
        left = self._bed.step(dt, middle, self._bed_run(hits.get("R2", _SOUND)))
        if not isfinite(sum(left)):
            raise FloatingPointError(f"R2: {left} mol/m3 at {self._t2.temperature} degC and {self._hydrogen} bar")
        self._entered = [a + volume * b for a, b in zip(self._entered, from_coil(fed), strict=True)]
        self._left = [a + volume * b for a, b in zip(self._left, left, strict=True)]

    def _sense(self, hits: Mapping[str, Mapping[str, float]]) -> None:
        self._pumps.sense()
        coil = self._coil.x[-synthesis.SPECIES :]
        self._ftir.look(self.time, coil[synthesis.SM], coil[synthesis.NITRO], hits.get("FTIR", _SOUND))
        self._uhplc.look(self.time, profile(self._end), hits.get("UHPLC", _SOUND))
        infrared, chromatogram = self._ftir.shown.shown, self._uhplc.result.shown
        narrowed = self._pumps.flow / _FLOW_REF * (VOLUME_M3 / self._coil.volume) ** 2
        pressure = _BACK_BAR + _FRICTION_BAR * narrowed
        self.tags = {
            "R1.T_PV": self._t1.shown,
            "R1.P": pressure + _PRESSURE_SD_BAR * (self._bias[0] + self._noise()),
            "R2.T_PV": self._t2.shown,
            "R2.PH2_PV": self._hydrogen + _PRESSURE_SD_BAR * (self._bias[1] + self._noise()),
            "FTIR.SM": infrared.value[0],
            "FTIR.P": infrared.value[1],
        }
        self.tags |= {f"{name}.F_PV": flow * _ML_MIN for name, flow in zip(PUMPS, self._pumps.shown, strict=True)}
        self.tags |= self._chromatogram(chromatogram.value)
        self.taken = dict.fromkeys(("FTIR.SM", "FTIR.P"), infrared.taken_s)
        self.taken |= dict.fromkeys(_CHROMATOGRAM, chromatogram.taken_s)
        self._laboratory.look(self.time, self.truth)
        self._laboratory.show(self.tags, self.taken)
        bad = chromatogram.quality != "good"
        self.quality = dict.fromkeys(_CHROMATOGRAM, chromatogram.quality) if bad else {}

    def _chromatogram(self, result: Result) -> dict[str, float | Floats]:
        if self._listed is None or self._listed[0] is not result:
            table = np.zeros((2, SLOTS))
            for i, peak in enumerate(result.peaks):
                table[:, i] = peak.rrt, peak.area
            count = float(len(result.peaks))
            head = float(result.sequence), result.injected_s, result.ready_s, METHOD, result.version
            shown = (*head, count, table[0], table[1])
            self._listed = result, dict(zip(_CHROMATOGRAM, shown, strict=True))
        return self._listed[1]
