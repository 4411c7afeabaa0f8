"""Channel E, rotating equipment: the drives of a granulation line, whose bearings wear as hard as they are worked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from numpy.random import SeedSequence, default_rng

from hil.plants import line_b
from hil.plants.drive import BITE, DRAG, Design, Drive
from hil.plants.faults import Fault, check, severities
from hil.plants.feeder import WeightLoop
from hil.plants.line_b import LineB
from hil.plants.noise import Mismatch, Noise, Skew
from plant_io.signals import Floats

NOMINAL = line_b.NOMINAL
"""Nominal setpoints of the host line, named and in the units of line B."""

DESIGNS = (
    Design("DRV_TSG", 700.0, 8.0),
    Design("DRV_MIL", 900.0, 2.5),
    Design("DRV_FAN", 2900.0, 6.0),
    Design("DRV_PMP", 60.0, 0.8),
)
"""Drives of screw, mill, fan and pump."""

TARGETS: Mapping[str, str] = MappingProxyType({**line_b.TARGETS} | {design.name: "drive" for design in DESIGNS})
"""Kind of unit operation by name of the unit."""

_TORQUE_NM, _MILL_W, _AIR_M3_H, _LIQUID_KG_S = 1.8, 172.0, 360.0, 3.75 / 3600.0
_AHEAD = 4096
_SOUND: Mapping[str, float] = MappingProxyType({})


class LineE:
    """The drives with their bearings, new and warm, on line B at its nominal steady state.

    Screw and mill feel their bearings: a worn one drags, makes the screws turn unevenly and takes bite from the mill.
    Equal seeds and equal setpoints give equal runs, bit for bit.

    Parameters
    ----------
    seed
        Decides the lives of the bearings, and of the host line what it decides of line B.
    mismatch
        Multiplier of what sets the equipment apart from the median one [1].
    faults
        What goes wrong, with drives and with the host line.
    noise
        Multiplier of all noise and disturbances [1]; 0 gives a quiet line.

    Raises
    ------
    ValueError
        If a fault is not in the catalogue or its target does not suit it.
    """

    __slots__ = ("_faults", "_host", "_uneven", "drives", "quality", "tags", "taken")

    def __init__(
        self, seed: int, *, mismatch: Mismatch = 1.0, faults: Sequence[Fault] = (), noise: float = 1.0
    ) -> None:
        check(faults, TARGETS)
        names = {design.name for design in DESIGNS}
        self._faults = tuple(fault for fault in faults if fault.target in names)
        others = [fault for fault in faults if fault.target not in names]
        self._host = LineB(seed, mismatch=mismatch, faults=others, noise=noise)
        skewed, *runs = (default_rng(child) for child in SeedSequence([seed, len(DESIGNS)]).spawn(2 + len(DESIGNS)))
        skew = Skew(skewed, mismatch, _AHEAD)
        self._uneven = Noise(runs.pop(), noise, _AHEAD)
        self.drives = [
            Drive(design, Noise(run, noise, _AHEAD), skew) for design, run in zip(DESIGNS, runs, strict=True)
        ]
        """Drives of screw, mill, fan and pump."""
        self.tags: dict[str, float | Floats] = {}
        """What the condition monitor and the host line show, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]."""
        self.quality: dict[str, str] = {}
        """Tags that are not good, and what they are."""
        self._show()

    @property
    def time(self) -> float:
        """Return plant time since the start [s]."""
        return self._host.time

    @property
    def loops(self) -> Mapping[str, WeightLoop]:
        """Return the loops that a PLC runs in the host line, by unit."""
        return self._host.loops

    def step(self, dt: float, setpoints: Mapping[str, float]) -> None:
        """Run host line and drives for one step.

        Parameters
        ----------
        dt
            Step [s], at most 1.
        setpoints
            Setpoints of the host line, named and in the units of `NOMINAL`; all of them.

        Raises
        ------
        ValueError
            If the step is no time, or too long for the loops of the PLC.
        FloatingPointError
            If a state is no longer finite.
        """
        hits = severities(self._faults, self.time) if self._faults else {}
        screw, mill = self.drives[0], self.drives[1]
        uneven = setpoints["TSG.N_SP"] * (1.0 + screw.ripple * self._uneven())
        strain = {"TSG": {DRAG: screw.drag}, "MIL": {BITE: mill.bite}}
        self._host.step(dt, {**setpoints, "TSG.N_SP": uneven}, strain)
        for one, turning in zip(self.drives, _turning(self._host.work), strict=True):
            one.step(dt, self.time, turning, hits.get(one.name, _SOUND))
        self._show()

    def truth(self) -> dict[str, float]:
        """Return what no PLC knows, for scores only.

        Of each drive the damage of its bearing [1] and the life of it at nominal load [h], as ``DRV_MIL_damage`` and
        ``DRV_MIL_life_h``; of the host line what line B tells.
        """
        drives = {f"{one.name}_{key}": value for one in self.drives for key, value in one.truth().items()}
        return drives | self._host.truth()

    def _show(self) -> None:
        self.tags, self.taken = dict(self._host.tags), dict(self._host.taken)
        self.quality = dict(self._host.quality)
        for one in self.drives:
            tags = one.tags()
            self.tags |= tags
            self.taken |= dict.fromkeys(tags, one.features.shown.taken_s)


def _turning(work: Mapping[str, float]) -> tuple[tuple[float, float], ...]:
    """Return speed [rpm], and load over nominal load [1], of each drive."""
    air, liquid = work["air_m3_h"] / _AIR_M3_H, work["liquid_kg_s"] / _LIQUID_KG_S
    fan, pump = DESIGNS[2].speed, DESIGNS[3].speed
    return (
        (work["screw_rpm"], work["torque_nm"] / _TORQUE_NM),
        (work["mill_rpm"], work["mill_w"] / _MILL_W),
        (fan * air, air * air),
        (pump * liquid, liquid),
    )
