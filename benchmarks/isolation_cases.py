"""What is laid on the simulated lines to see whether and by which tags it is told: written down before it is played."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType
from typing import cast

from hil.listing import listed
from hil.plants.faults import CATALOGUE
from hil.scenario.timeline import Wrong

LINES = ("a", "b", "b2", "c", "d", "e")


@dataclass(frozen=True, slots=True)
class Span:
    """How long a line is played."""

    scenario: str
    """Shipped scenario whose start-up is taken."""
    onset_s: float
    """When the fault begins, time since the start [s]."""
    after_s: float
    """Time from its onset to the end [s]."""
    quiet_s: float
    """Length of a run without faults [s]."""


SPANS: Mapping[str, Span] = MappingProxyType(
    {
        "a": Span("a_quiet", 2700.0, 5400.0, 14_400.0),
        "b": Span("b_quiet", 2700.0, 5400.0, 14_400.0),
        "b2": Span("b2_control", 3600.0, 5400.0, 14_400.0),
        "c": Span("c_quiet", 5400.0, 10_800.0, 21_600.0),
        "d": Span("d_quiet", 14_400.0, 43_200.0, 86_400.0),
        "e": Span("e_quiet", 2700.0, 5400.0, 14_400.0),
    }
)
"""Of each line."""

_HOUR: tuple[str, ...] = ("F04", "F11", "F23", "F32", "F32M", "F50", "F51", "F62", "C06", "D03", "D06")
_HALF_HOUR: tuple[str, ...] = ("N01", "N02")
_SLOW: Mapping[str, float] = MappingProxyType({**dict.fromkeys(_HOUR, 3600.0), **dict.fromkeys(_HALF_HOUR, 1800.0)})
"""Time over which faults grow that come slowly [s]; all others come at once."""

_ROOTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "NIR": ("NIR", "SOFT.API"),
        "HX": ("LOOP.T_SUP", "LOOP.T_RET"),
        "PUMP": ("LOOP.F_PV",),
        "STILL": ("LOOP.TOC", "LOOP.COND"),
        "R2": ("R2.", "PEAK.", "SOFT.ACTIVITY"),
        "R1": ("R1.", "FTIR."),
        "UHPLC": ("UHPLC.", "PEAK"),
        "COLUMN": ("UHPLC.", "PEAK"),
        **dict.fromkeys((f"CELL_{i}" for i in range(1, 7)), ("DRY.", "NIR_LOD", "SOFT.API.LOD")),
        "N01": ("FDR_API.", "SOFT.API"),
        "N02": ("FDR_EXC.", "SOFT.API", "NIR_"),
        "F20": ("TSG.", "CAM_W."),
        "C01": ("P1.", "FTIR."),
        "C02": ("P2.", "FTIR."),
        "F65": ("P3.", "PEAK", "UHPLC."),
        "F66": ("R1.", "PEAK", "UHPLC."),
    }
)
"""How the names of the tags at the root of a fault begin, by target or, first, by fault; the target's own if absent."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault on one line."""

    line: str
    """Line it is laid on."""
    id: str
    """Name in the catalogue; empty for a run without faults."""
    target: str
    """What it strikes."""
    seed: int
    """Seed of the run [1]."""

    @property
    def faults(self) -> tuple[Wrong, ...]:
        """The fault as a scenario says it, with the magnitude of the catalogue."""
        if not self.id:
            return ()
        said: dict[str, object] = {"id": self.id, "target": self.target, "after": f"{SPANS[self.line].onset_s:g}s"}
        if self.id in _SLOW:
            said |= {"shape": "ramp", "ramp": f"{_SLOW[self.id]:g}s"}
        elif isfinite(CATALOGUE[self.id].lasts_s):
            said |= {"shape": "pulse"}
        return (Wrong.model_validate(said),)

    @property
    def roots(self) -> tuple[str, ...]:
        """How the names of the tags at its root begin."""
        return _ROOTS.get(self.id) or _ROOTS.get(self.target) or (f"{self.target}.",)


def cases(line: str, seeds: tuple[int, ...]) -> Iterator[Case]:
    """Yield every fault of the plant catalogue that can fall on a line, on each of its targets, with each seed.

    Line E is the drives of line B: only their own faults are laid on it.

    Parameters
    ----------
    line
        The line.
    seeds
        Seeds of the runs [1].
    """
    for row in listed(line):
        name, targets = str(row["id"]), cast("Sequence[str]", row["targets"])
        if not (name[0].isupper() and name[1:3].isdigit()) or (line == "e" and name[0] != "E"):
            continue
        for target in targets:
            yield from (Case(line, name, target, seed) for seed in seeds)
