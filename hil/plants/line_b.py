"""Line B, wet granulation: two feeders, binder pump, twin-screw granulator, dryer, mill, cameras and NIR."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hil.plants.faults import Fault, check, severities
from hil.plants.feeder import WeightLoop
from hil.plants.gauges import Sources
from hil.plants.granulation import DryerKind, Granulation
from hil.plants.granules import Powder
from hil.plants.hoppers_b import DESIGNS, NOMINAL, seeded
from hil.plants.laboratory import LINE_B, LINE_B2, Laboratory
from hil.plants.noise import Mismatch
from hil.plants.ops import SINGLE, Floats
from hil.plants.probe_b import Probe
from hil.plants.six_cell import CELLS

__all__ = ["LONGEST_STEP_S", "NOMINAL", "TARGETS", "LineB", "targets"]

TARGETS: Mapping[str, str] = MappingProxyType(
    {
        "FDR_API": "feeder",
        "FDR_EXC": "feeder",
        "PMP": "binder pump",
        "TSG": "granulator",
        "DRY": "dryer",
        "MIL": "mill",
        "CAM_W": "camera",
        "CAM_M": "camera",
        "NIR": "nir",
    }
)
"""Kind of unit operation by name of the unit, for the line with the continuous dryer."""

Strain = Mapping[str, Mapping[str, float]]
"""What worn drives do, by unit: `DRAG` [Nm] and `BITE` [1] of `hil.plants.drive`."""

_NIR = ("NIR.SPECTRUM", "NIR_LOD", "NIR_API")
"""Tags of the instrument behind the mill."""

_UNSTRAINED: Strain = MappingProxyType({})

LONGEST_STEP_S = 1.0
"""Longest step of the line [s]."""


def targets(dryer: DryerKind) -> Mapping[str, str]:
    """Return the kind of unit operation by name of the unit.

    Parameters
    ----------
    dryer
        Which dryer the line has.

    Examples
    --------
    >>> targets("six_cell")["CELL_6"]
    'drying cell'
    """
    cells = CELLS if dryer == "six_cell" else 0
    return {**TARGETS} | {f"CELL_{place}": "drying cell" for place in range(1, cells + 1)}


class LineB:
    """The line with its granules, warmed up and running at the nominal setpoints.

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
    dryer
        Three zones that are fed all the time, or six cells that take turns.

    Raises
    ------
    ValueError
        If a fault is not in the catalogue or its target does not suit it.
    """

    __slots__ = ("_behind", "_faults", "_hoppers", "_laboratory", "_probe", "quality", "tags", "taken", "time")

    def __init__(
        self,
        seed: int,
        *,
        mismatch: Mismatch = 1.0,
        faults: Sequence[Fault] = (),
        noise: float = 1.0,
        dryer: DryerKind = "continuous",
    ) -> None:
        check(faults, targets(dryer))
        self._faults = tuple(faults)
        self._hoppers, draw, skew, spectra, laboratory = seeded(seed, mismatch, noise)
        api, exc = self._hoppers.flows
        self._behind = Granulation(Sources(SINGLE, draw, skew), dryer, Powder(api + exc, 0.0, api), NOMINAL, noise)
        self._probe = Probe(spectra, noise, mismatch, self._behind.view())
        self._behind.look_through(self._probe)
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, float | Floats] = {}
        """What the PLC shows, in the units of the tags; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]; what is not named is as new as the plant time."""
        self.quality: dict[str, str] = {}
        """Tags that are not good, and what they are."""
        methods = LINE_B if dryer == "continuous" else LINE_B2
        self._laboratory = Laboratory(laboratory, noise, methods, self.truth())
        self._show()

    def step(self, dt: float, setpoints: Mapping[str, float], strain: Strain = _UNSTRAINED) -> None:
        """Run the line for one step.

        Parameters
        ----------
        dt
            Step [s], at most 1.
        setpoints
            Accepted setpoints, named and in the units of `NOMINAL`; all of them.
        strain
            What worn drives do to units, see `hil.plants.drive`.

        Raises
        ------
        ValueError
            If the step is no time, or too long for the loops of the PLC.
        FloatingPointError
            If a state of a unit operation is no longer finite.
        """
        if not 0.0 < dt <= LONGEST_STEP_S:
            raise ValueError(f"step of {dt} s, expected more than 0 and at most {LONGEST_STEP_S:g} s")
        hits = severities(self._faults, self.time) if self._faults else {}
        for unit, worn in strain.items():
            hits[unit] = {**hits.get(unit, {}), **worn}
        powder = self._hoppers.step(dt, (setpoints["FDR_API.F_SP"], setpoints["FDR_EXC.F_SP"]), hits)
        self.time = round(self.time + dt, 9)
        self._behind.step(dt, self.time, (powder, self._hoppers.seen), setpoints, hits)
        self._show()

    @property
    def work(self) -> Mapping[str, float]:
        """Return what the drives do: speeds [rpm], torque [Nm], power [W], air [m3/h] and liquid [kg/s] moved."""
        return self._behind.work

    @property
    def loops(self) -> Mapping[str, WeightLoop]:
        """Return the loops that a PLC runs in this line, by unit."""
        return {design.name: one.loop for design, one in zip(DESIGNS, self._hoppers.feeders, strict=True)}

    def truth(self) -> dict[str, float]:
        """Return what no PLC knows, for scores only.

        Of the product behind the mill ``lod_pct`` in % of the wet mass and ``api_pct`` in %w/w of the dry mass, and of
        the granules let out of the dryer last ``dryer_lod_pct`` and ``dryer_c``; sizes behind granulator (``wet``) and
        mill (``milled``) in um; ``flow_*`` in kg/h, ``*_rpm`` in rpm, ``*_x`` and ``*_kg_kg`` in kg of water per kg of
        dry solids or air, ``*_c`` in degC, ``wettability`` in 1, the rest in the unit of its name.
        """
        api, exc = self._hoppers.flows
        return {"flow_api": 3600.0 * api, "flow_exc": 3600.0 * exc} | self._behind.truth()

    def missing(self) -> dict[str, float]:
        """Return what the balances miss, zero but for rounding: by feeder and component [kg], ``HEAT`` of dryer [J]."""
        return self._hoppers.missing() | self._behind.missing()

    def _show(self) -> None:
        spectrum = self._probe.show(self.time)
        self.tags = {**self._hoppers.tags(), **self._behind.tags, "NIR.SPECTRUM": spectrum.value}
        self.taken = {**self._behind.taken, "NIR.SPECTRUM": spectrum.taken_s}
        self._laboratory.look(self.time, self.truth)
        self._laboratory.show(self.tags, self.taken)
        self.quality = {} if spectrum.quality == "good" else dict.fromkeys(_NIR, spectrum.quality)
