"""Many lines B side by side, for campaigns and for data to learn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from hil.plants.faults import CATALOGUE, Fault, check, severities
from hil.plants.gauges import Sources
from hil.plants.granulation import DryerKind, Granulation
from hil.plants.granules import Powder
from hil.plants.hoppers_b import NOMINAL, seeded
from hil.plants.line_b import LONGEST_STEP_S, targets
from hil.plants.noise import Mismatch, Noise
from hil.plants.ops import BATCHED, Floats


class BatchB:
    """Lines of many seeds in one go; each does what `LineB` of its seed does, to rounding.

    The feeders are those of the single line; everything behind them runs on arrays. The NIR instrument shows no spectra
    here, and its window is clean.

    Parameters
    ----------
    seeds
        One for each line.
    mismatch
        Multiplier of how the lines differ from the nominal one [1]; 0 gives the nominal line.
    faults
        What goes wrong, line by line; nothing if empty.
    noise
        Multiplier of all noise and disturbances [1]; 0 gives quiet lines.
    dryer
        Three zones that are fed all the time, or six cells that take turns.

    Raises
    ------
    ValueError
        If there are no seeds, if there are faults for another number of lines, or if a fault is not in the catalogue or
        its target does not suit it.
    """

    __slots__ = ("_behind", "_faults", "_hoppers", "tags", "taken", "time")

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        mismatch: Mismatch = 1.0,
        faults: Sequence[Sequence[Fault]] = (),
        noise: float = 1.0,
        dryer: DryerKind = "continuous",
    ) -> None:
        if not seeds or len(faults) not in {0, len(seeds)}:
            raise ValueError(f"{len(seeds)} seeds and faults for {len(faults)} lines, expected as many, or no faults")
        for each in faults:
            check(each, {name: kind for name, kind in targets(dryer).items() if kind != "nir"})
        chances = [seeded(seed, mismatch, noise) for seed in seeds]
        self._faults = tuple(tuple(each) for each in faults)
        self._hoppers = tuple(chance.hoppers for chance in chances)
        sources = Sources(BATCHED, _side_by_side([c.draw for c in chances]), _side_by_side([c.skew for c in chances]))
        api, exc = np.array([hoppers.flows for hoppers in self._hoppers]).T
        start = {name: np.full(len(seeds), value) for name, value in NOMINAL.items()}
        self._behind = Granulation(sources, dryer, Powder(api + exc, 0.0 * api, api), start, noise)
        self.time = 0.0
        """Plant time [s]."""
        self.tags: dict[str, Floats] = {}
        """What the PLCs show, in the units of the tags, shape ``(lines,)``; a new mapping every step."""
        self.taken: dict[str, float] = {}
        """When sampled tags were sampled, plant time [s]; what is not named is as new as the plant time."""
        self._show()

    def step(self, dt: float, setpoints: Mapping[str, float | Floats]) -> None:
        """Run all lines for one step.

        Parameters
        ----------
        dt
            Step [s], at most 1.
        setpoints
            Accepted setpoints, named and in the units of `NOMINAL`; all of them, each of shape ``()`` or ``(lines,)``.

        Raises
        ------
        ValueError
            If the step is no time, or too long for the loops of the PLC.
        FloatingPointError
            If a state of a unit operation is no longer finite in any line.
        """
        if not 0.0 < dt <= LONGEST_STEP_S:
            raise ValueError(f"step of {dt} s, expected more than 0 and at most {LONGEST_STEP_S:g} s")
        each = [severities(faults, self.time) for faults in self._faults]
        sound: dict[str, dict[str, float]] = {}
        shape = (len(self._hoppers),)
        wanted = {name: np.broadcast_to(np.asarray(value, float), shape) for name, value in setpoints.items()}
        fed = zip(wanted["FDR_API.F_SP"].tolist(), wanted["FDR_EXC.F_SP"].tolist(), strict=True)
        rows = [
            one.step(dt, pair, hits)
            for one, pair, hits in zip(self._hoppers, fed, each or [sound] * len(self._hoppers), strict=True)
        ]
        seen = np.array([one.seen for one in self._hoppers])
        self.time = round(self.time + dt, 9)
        self._behind.step(dt, self.time, (Powder(*np.array(rows).T), seen), wanted, _aside(each))
        self._show()

    def truth(self) -> dict[str, Floats]:
        """Return what no PLC knows, as `LineB` does, each of shape ``(lines,)``, in the same units."""
        api, exc = 3600.0 * np.array([hoppers.flows for hoppers in self._hoppers]).T
        return {"flow_api": api, "flow_exc": exc} | self._behind.truth()

    def missing(self) -> dict[str, Floats]:
        """Return what the balances miss, as `LineB` does, each of shape ``(lines,)``, in the same units."""
        return _stacked([one.missing() for one in self._hoppers]) | self._behind.missing()

    def _show(self) -> None:
        self.tags = _stacked([one.tags() for one in self._hoppers]) | self._behind.tags
        self.taken = self._behind.taken


def _side_by_side(sources: Sequence[Noise]) -> Callable[[], Floats]:
    return lambda: np.array([source() for source in sources])


def _stacked(rows: Sequence[Mapping[str, float]]) -> dict[str, Floats]:
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def _aside(each: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, Floats]]:
    """Return the severities of all lines by target and fault; where a fault is not in force, its neutral severity."""
    found: dict[str, dict[str, Floats]] = {}
    for target, id_ in {(target, id_) for hits in each for target, hit in hits.items() for id_ in hit}:
        neutral = CATALOGUE[id_].neutral
        found.setdefault(target, {})[id_] = np.array([hits.get(target, {}).get(id_, neutral) for hits in each])
    return found
