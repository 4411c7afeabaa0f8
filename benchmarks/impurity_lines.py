"""The shipped libraries of lines B and C on lines that are off: which trend is named, which is rejected, what is false.

Each line differs from the nominal one by its seed, and runs at its nominal setpoints. A fault is laid on it; the
library names the trend, or, without the entry of that fault, ought to call it unknown. Signatures were written from
other seeds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from anomaly import trend, trending
from anomaly.alerts import Alert
from anomaly.match import Signatures
from anomaly.trending import BOTH, TrendKit
from controller import soft
from controller.soft import SoftKit
from controller.soft.fused import SensorKit
from controller.soft.peaks import PeaksKit
from hil.faults.shapes import Shape
from hil.plants import line_b, line_c
from hil.plants.faults import Fault
from hil.plants.line_b import LineB
from hil.plants.line_c import LineC
from plant_io import Quality, Snapshot, TagIndex
from plant_io.changes import replace
from policies import Policy, Trend, library, load, shipped

EPOCH = 1_800_000_000.0
_LATER_S = 1200.0


Line = LineB | LineC
"""A simulated line."""


@dataclass(frozen=True, slots=True)
class Case:
    """One fault, and the entry it belongs to."""

    entry: str
    """Entry of the library; empty where it has none for this fault."""
    fault: str
    """Name in the catalogue."""
    target: str
    """Unit it falls on."""
    ramp_s: float = 0.0
    """Time to full severity, at once where 0 [s]."""
    magnitude: float | None = None
    """Severity, in the unit of the catalogue; the catalogue's own if None."""

    def laid(self, on_s: float) -> Fault:
        """Return the fault, from a time on [s]."""
        shape: Shape = "ramp" if self.ramp_s else "step"
        return Fault(self.fault, self.target, on_s, shape=shape, magnitude=self.magnitude, ramp_s=self.ramp_s)


@dataclass(frozen=True, slots=True)
class Plan:
    """How one line is tried."""

    line: str
    """Name of the line."""
    look_s: float
    """Time between two looks [s]."""
    on_s: float
    """When faults begin [s]."""
    for_s: float
    """Length of a run with a fault [s]."""
    quiet_s: float
    """Length of a run with none [s]."""
    cases: tuple[Case, ...]
    """Faults."""
    pairs: tuple[tuple[Case, Case], ...]
    """Faults that come together, the second `_LATER_S` after the first."""


def _pairs(cases: Sequence[Case], *names: tuple[str, str]) -> tuple[tuple[Case, Case], ...]:
    there = {case.fault: case for case in cases}
    return tuple((there[first], there[second]) for first, second in names)


_C = (
    Case("catalyst", "C06", "R2"), Case("catalyst", "F62", "R2", magnitude=0.01),
    Case("hydrogen", "F63", "R2", 1800.0, 9.0), Case("hot_bed", "F64", "R2", 1800.0),
    Case("weak_amine", "C02", "P2", 1800.0), Case("weak_stock", "C01", "P1", 1800.0),
    Case("pump_2", "F60", "P2", 1800.0), Case("fouled_coil", "F61", "R1", 1800.0),
    Case("new_peak", "F65", "P3", magnitude=1.0), Case("aged_column", "F67", "UHPLC", 1800.0),
    Case("response", "C04", "UHPLC", 1800.0),
)  # fmt: skip
_C_PAIRS = _pairs(
    _C, ("C06", "F67"), ("C06", "F65"), ("F64", "F65"), ("C02", "C04"), ("C01", "F67"), ("F60", "F65"), ("F61", "F63"),
    ("F61", "C04"), ("C01", "F64"), ("F63", "F65"),
)  # fmt: skip
C = Plan("C", 30.0, 3600.0, 9000.0, 18_000.0, _C, _C_PAIRS)


_B = (
    Case("api_below_flows", "N01", "FDR_API", 1800.0),
    Case("api_below_flows", "F50", "NIR", 1800.0),
    Case("load_cell", "F04", "FDR_API", 900.0),
    Case("wavelength", "F51", "NIR", 1800.0),
    Case("fouled_barrel", "F23", "TSG", 1800.0),
    Case("heater", "F31", "DRY", 900.0),
    Case("filter", "F32", "DRY", 900.0),
    Case("camera", "F53", "CAM_M", 900.0),
    Case("", "F40", "MIL"),
    Case("", "F20", "TSG"),
    Case("", "F32M", "DRY", 900.0),
)
_B_PAIRS = _pairs(
    _B, ("F50", "F31"), ("F04", "F23"), ("F51", "F32"), ("F53", "F31"), ("F23", "F32"), ("F53", "F04"), ("F51", "F31")
)
B = Plan("B", 10.0, 2400.0, 6000.0, 10_800.0, _B, _B_PAIRS)


def made(plan: Plan, seed: int, faults: Sequence[Fault]) -> tuple[Line, Mapping[str, float]]:
    """Return a line, and its setpoints."""
    if plan.line == "C":
        return LineC(seed, faults=faults), line_c.NOMINAL
    return LineB(seed, faults=faults), line_b.NOMINAL


def ready(policy: Policy) -> tuple[SoftKit, TrendKit]:
    """Return what the library of a line needs: its soft sensors, and itself."""
    (name,) = (name for name, one in policy.watches.items() if isinstance(one, Trend))
    declared = policy.watches[name]
    if not isinstance(declared, Trend):
        raise TypeError(name)
    entries = library.read(policy.files[declared.library], declared.library)
    sensors = tuple(one for one in soft.prepare(policy).sensors if isinstance(one, (PeaksKit, SensorKit)))
    return SoftKit(sensors), trending.prepare(name, declared, entries, policy.units())


def shown(line: Line, policy: Policy, index: TagIndex) -> Snapshot:
    """Return what a controller would see of a line right now."""
    at = EPOCH + line.time
    seen = Snapshot.empty(at, index)
    for name, value in line.tags.items():
        if name not in policy.tags:
            continue
        i = index.position[name]
        seen.values[index.start[i] : index.start[i] + index.lengths[i]] = value
        seen.source[i], seen.arrival[i] = EPOCH + line.taken.get(name, line.time), at
        seen.quality[i] = Quality.BAD if name in line.quality else Quality.GOOD
    return seen


def played(
    plan: Plan, seed: int, faults: Sequence[Fault], policy: Policy, kits: Sequence[TrendKit]
) -> list[list[Alert]]:
    """Return what each library says of one run."""
    line, setpoints = made(plan, seed, faults)
    index, (sensors, _) = TagIndex.of(policy), ready(policy)
    memory, states = soft.start(sensors), [trend.start(kit) for kit in kits]
    told: list[list[Alert]] = [[] for _ in kits]
    for _ in range(round((plan.for_s if faults else plan.quiet_s) / plan.look_s)):
        for _ in range(round(plan.look_s)):
            line.step(1.0, setpoints)
        seen, memory = soft.enrich(shown(line, policy, index), memory, sensors)
        for k, kit in enumerate(kits):
            states[k], alerts = trend.look(seen, states[k], kit)
            told[k] += alerts
    return told


def without(kit: TrendKit, entry: str) -> TrendKit:
    """Return a library without one of its entries."""
    kept = [i for i, key in enumerate(kit.entries) if key != entry]
    low, high, may = (getattr(kit.signatures, part)[kept] for part in ("low", "high", "courses"))
    entries = {key: one for key, one in kit.entries.items() if key != entry}
    return replace(kit, entries=entries, signatures=Signatures(low, high, may))


def last(alerts: Sequence[Alert]) -> str | None:
    """Return what a trend is told as in the end, or was before it went."""
    begun = [alert.entry for alert in alerts if alert.active]
    return begun[-1] if begun else None


def both(plan: Plan, pair: tuple[Case, Case], seed: int, policy: Policy, kit: TrendKit) -> bool:
    """Return whether two trends are both named in the end, and nothing else is."""
    faults = [pair[0].laid(plan.on_s), pair[1].laid(plan.on_s + _LATER_S)]
    (told,) = played(plan, seed, faults, policy, [kit])
    return set((last(told) or "").split(BOTH)) == {case.entry for case in pair}


def figures(plan: Plan, seeds: Sequence[int], quiet: Sequence[int]) -> dict[str, float]:
    """Return how the library of a line does: shares [1], false alarms [1/week], delay [min]."""
    policy = load(shipped(plan.line))
    _, kit = ready(policy)
    named: list[bool] = []
    rejected: list[bool] = []
    late: list[float] = []
    for case, seed in ((case, seed) for case in plan.cases for seed in seeds):
        known, strange = played(plan, seed, [case.laid(plan.on_s)], policy, [kit, without(kit, case.entry)])
        if case.entry and last(known) is not None:
            late.append(next(alert.at for alert in known if alert.active) - EPOCH - plan.on_s)
        named += [last(known) == case.entry] if case.entry else []
        rejected += [] if last(strange) is None else [last(strange) == trending.UNKNOWN]
    two = [both(plan, pair, seed, policy, kit) for pair in plan.pairs for seed in seeds]
    false = sum(alert.active for seed in quiet for alert in played(plan, seed, [], policy, [kit])[0])
    weeks = len(quiet) * plan.quiet_s / 604_800.0
    return {
        "top1": float(np.mean(named)),
        "told": len(late) / len(named),
        "unknown_rejected": float(np.mean(rejected)),
        "both_of_two": float(np.mean(two)),
        "median_delay_min": median(late) / 60.0,
        "false_per_week": false / weeks if weeks else 0.0,
    }


def cases(plan: Plan, seed: int) -> Iterator[tuple[str, str | None, str | None]]:
    """Give the entry of each fault, what it is told as, and what it is told as where that entry is missing."""
    policy = load(shipped(plan.line))
    _, kit = ready(policy)
    for case in plan.cases:
        known, strange = played(plan, seed, [case.laid(plan.on_s)], policy, [kit, without(kit, case.entry)])
        yield case.entry, last(known), last(strange)
