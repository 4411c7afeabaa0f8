"""Line D, hot loop of water for injection: tank, heat exchanger, loop pump, four branches, and plate counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import exp, isfinite
from types import MappingProxyType

from numpy.random import Generator, SeedSequence, default_rng

from hil.plants.faults import Fault, check, severities
from hil.plants.noise import Mismatch, Noise, Skew, wandered
from hil.plants.ops import SINGLE
from hil.plants.sensors import Sampled
from hil.plants.wfi import BRANCHES, PIPE_M2, TANK_M3, Loop, LoopRun, LoopSkew

NOMINAL: Mapping[str, float] = MappingProxyType(
    {"LOOP.T_SP": 80.0, "LOOP.F_SP": 2.66, "BR1.F_SP": 0.5, "BR2.F_SP": 0.5, "BR3.F_SP": 0.5, "BR4.F_SP": 0.5}
)
"""Nominal setpoints: supply temperature [degC], flow of the loop and of each branch [L/s]."""

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "BR1": "branch",
        "BR2": "branch",
        "BR3": "branch",
        "BR4": "branch",
        "PUMP": "loop pump",
        "HX": "heat exchanger",
        "STILL": "still",
    }
)
"""Kind of unit operation by name of the unit."""

_LONGEST_STEP_S = 60.0
_L_S = 1e-3
_NAMES = tuple(f"BR{k + 1}" for k in range(BRANCHES))
_FASTEST, _COLDEST_C, _HOTTEST_C = 5e-3, 0.0, 121.0
_LOSS_SKEW, _KINETICS_SKEW = 0.3, 0.2
_AMBIENT_C, _AMBIENT_SD_K, _AMBIENT_TAU_S = 22.0, 1.5, 3600.0
_USE, _USE_SD, _USE_TAU_S = 0.05e-3, 0.02e-3, 1800.0
_CONDUCTIVITY, _CONDUCTIVITY_WANDER, _CONDUCTIVITY_TAU_S = 0.6, 0.03, 21600.0
_TEMPERATURE_SD_K, _FLOW_SD, _CONDUCTIVITY_SD, _TOC_SD_PPB, _BIAS = 0.1, 0.01, 0.02, 2.0, 0.3
_FIELD_S, _TOC_S, _DAY_S = 10.0, 360.0, 86400.0
_PLATE_ML = 100.0
_SOUND: Mapping[str, float] = MappingProxyType({})
_FIELD = (
    "TANK.T", "TANK.LEVEL", "LOOP.T_SUP", "LOOP.T_RET", "LOOP.F_PV", "LOOP.COND",
    *(f"{name}.T_PV" for name in _NAMES), *(f"{name}.F_PV" for name in _NAMES),
)  # fmt: skip


class LineD:
    """The loop with its water, clean, hot and running at the nominal setpoints.

    Equal seeds and equal setpoints give equal runs, bit for bit. The disturbances do not depend on the setpoints. The
    laboratory needs three to five days for a plate count, always the same in one run.

    Parameters
    ----------
    seed
        Decides noise, disturbances, and how the loop differs from the nominal one.
    mismatch
        Multiplier of that difference [1]; 0 gives the nominal loop.
    faults
        What goes wrong.
    noise
        Multiplier of all noise and disturbances [1]; 0 gives a quiet loop.

    Raises
    ------
    ValueError
        If a fault is not in the catalogue or its target does not suit it.
    """

    __slots__ = (
        "_ambient", "_bias", "_conductivity", "_faults", "_field", "_loop", "_noise", "_organics", "_plates", "_rng",
        "_start", "_use", "quality", "tags", "taken", "time",
    )  # fmt: skip

    def __init__(
        self, seed: int, *, mismatch: Mismatch = 1.0, faults: Sequence[Fault] = (), noise: float = 1.0
    ) -> None:
        check(faults, TARGETS)
        skewed, run, plates = (default_rng(child) for child in SeedSequence(seed).spawn(3))
        skew, draw = Skew(skewed, mismatch), Noise(run, noise)
        self._faults, self._noise, self._rng = tuple(faults), draw, plates
        self._ambient, self._conductivity, self._use = draw(), draw(), draw()
        losses = [exp(_LOSS_SKEW * skew()) for _ in range(BRANCHES + 1)]
        kinetics = exp(_KINETICS_SKEW * skew()), exp(_KINETICS_SKEW * skew())
        self._loop = Loop(SINGLE, LoopSkew(losses[0], losses[1:], *kinetics), self._run(NOMINAL, {}))
        self._start = self._loop.water
        self._bias = [_BIAS * skew() for _ in (*_FIELD, "LOOP.TOC")]
        self._field = Sampled(_FIELD_S, 0.0, self._read({}))
        self._organics = Sampled(_TOC_S, 0.0, self._loop.organics)
        self._plates = Sampled(_DAY_S, plates.uniform(3.0, 5.0) * _DAY_S, 0.0)
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, float] = {}
        """What the PLC shows, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]."""
        self.quality: dict[str, str] = {}
        """Tags that are not good, and what they are; here none ever."""
        self._sense({})

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Run the loop for one step.

        Parameters
        ----------
        dt
            Step [s], at most 60.
        setpoints
            Accepted setpoints, named and in the units of `NOMINAL`; all of them.

        Raises
        ------
        ValueError
            If the step is no time, or too long for the disturbances.
        FloatingPointError
            If a state of a unit operation is no longer finite.
        """
        if not 0.0 < dt <= _LONGEST_STEP_S:
            raise ValueError(f"step of {dt} s, expected more than 0 and at most {_LONGEST_STEP_S:g} s")
        hits = severities(self._faults, self.time) if self._faults else {}
        self._ambient = wandered(self._ambient, 1.0, _AMBIENT_TAU_S, dt, self._noise())
        self._use = wandered(self._use, 1.0, _USE_TAU_S, dt, self._noise())
        self._conductivity = wandered(self._conductivity, 1.0, _CONDUCTIVITY_TAU_S, dt, self._noise())
        self._loop.step(dt, self._run(setpoints, hits))
        self._check()
        self.time = round(self.time + dt, 9)
        self._sense(hits)

    def truth(self) -> dict[str, float]:
        """Return what no PLC knows, for scores only.

        Temperatures ``t_*`` in degC, flows ``f_*`` and `use` in L/s, `velocity` in m/s, `level` in %, biofilm
        ``film_*`` as log10, `germs` in CFU/mL, `toc` in ppb, `cond` in uS/cm at 25 degC.
        """
        loop = self._loop
        branches = zip(_NAMES, loop.branches, loop.branch_flows, loop.biofilm, strict=True)
        truth = {
            "t_tank": loop.tank,
            "t_supply": loop.supply,
            "t_return": loop.returned,
            "f_loop": loop.flow / _L_S,
            "velocity": loop.flow / PIPE_M2,
            "level": 100.0 * loop.water / TANK_M3,
            "use": self._drawn() / _L_S,
            "germs": loop.germs,
            "toc": loop.organics,
            "cond": self._salt(),
        }
        for name, warm, flow, film in branches:
            low = name.lower()
            truth |= {f"t_{low}": warm, f"f_{low}": flow / _L_S, f"film_{low}": film}
        return truth

    def missing(self) -> dict[str, float]:
        """Return what the water balance misses, zero but for rounding [m3]."""
        return {"WATER": self._start + self._loop.made - self._loop.used - self._loop.water}

    def _drawn(self) -> float:
        return max(_USE + _USE_SD * self._use, 0.0)

    def _salt(self) -> float:
        return _CONDUCTIVITY + _CONDUCTIVITY_WANDER * self._conductivity

    def _run(self, setpoints: Mapping[str, float], hits: Mapping[str, Mapping[str, float]]) -> LoopRun[float]:
        pumped = 1.0 - hits.get("PUMP", _SOUND).get("D02", 0.0)
        branch = [hits.get(name, _SOUND) for name in _NAMES]
        flows = [
            pumped * hit.get("D01", 1.0) * min(max(setpoints[f"{name}.F_SP"] * _L_S, 0.0), _FASTEST)
            for name, hit in zip(_NAMES, branch, strict=True)
        ]
        return LoopRun(
            supply=min(max(setpoints["LOOP.T_SP"], _COLDEST_C), _HOTTEST_C),
            flow=pumped * min(max(setpoints["LOOP.F_SP"] * _L_S, 0.0), _FASTEST),
            branches=flows,
            ambient=_AMBIENT_C + _AMBIENT_SD_K * self._ambient,
            use=self._drawn(),
            exchange=1.0 - hits.get("HX", _SOUND).get("D03", 0.0),
            chill=[hit.get("D04", 0.0) for hit in branch],
            organics=hits.get("STILL", _SOUND).get("D05", 0.0),
        )

    def _check(self) -> None:
        loop = self._loop
        for name, flow, warm, film in zip(_NAMES, loop.branch_flows, loop.branches, loop.biofilm, strict=True):
            if not isfinite(flow + warm + film):
                raise FloatingPointError(f"{name}: flow {flow} m3/s, temperature {warm} degC, biofilm {film}")
        if not isfinite(loop.flow + loop.supply + loop.returned + loop.tank + loop.germs + loop.carbon):
            found = f"flow {loop.flow} m3/s, supply {loop.supply} degC, return {loop.returned} degC"
            raise FloatingPointError(f"LOOP: {found}, tank {loop.tank} degC, germs {loop.germs} CFU/mL")

    def _read(self, hits: Mapping[str, Mapping[str, float]]) -> list[float]:
        loop = self._loop
        drift = [hits.get(name, _SOUND).get("D06", 0.0) for name in _NAMES]
        errors = [bias + self._noise() for bias in self._bias[: len(_FIELD)]]
        exact = [loop.tank, 100.0 * loop.water / TANK_M3, loop.supply, loop.returned, loop.flow / _L_S, self._salt()]
        exact += [warm + off for warm, off in zip(loop.branches, drift, strict=True)]
        exact += [flow / _L_S for flow in loop.branch_flows]
        sd = [_TEMPERATURE_SD_K, 0.1, _TEMPERATURE_SD_K, _TEMPERATURE_SD_K, _FLOW_SD * exact[4], _CONDUCTIVITY_SD]
        sd += [_TEMPERATURE_SD_K] * BRANCHES
        sd += [_FLOW_SD * flow for flow in exact[-BRANCHES:]]
        return [x + one * error for x, one, error in zip(exact, sd, errors, strict=True)]

    def _sense(self, hits: Mapping[str, Mapping[str, float]]) -> None:
        t = self.time
        if self._field.due(t):
            self._field.take(t, self._read(hits))
        if self._organics.due(t):
            self._organics.take(t, self._loop.organics + _TOC_SD_PPB * (self._bias[-1] + self._noise()))
        if self._plates.due(t):
            self._plates.take(t, _counted(self._rng, _PLATE_ML * self._loop.germs, self._noise.scale))
        field, organics, plates = self._field.show(t), self._organics.show(t), self._plates.show(t)
        self.tags = dict(zip(_FIELD, field.value, strict=True))
        self.tags |= {"LOOP.TOC": organics.value, "LAB.CFU": plates.value}
        self.taken = dict.fromkeys(_FIELD, field.taken_s)
        self.taken |= {"LOOP.TOC": organics.taken_s, "LAB.CFU": plates.taken_s}


def _counted(rng: Generator, expected: float, noise: float) -> float:
    drawn = float(rng.poisson(expected))
    return expected + noise * (drawn - expected)
