"""Faults that can be laid on a simulated line, and what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from types import MappingProxyType

from hil.faults.shapes import Shape, grown
from hil.faults.tables import BESIDE
from hil.plants.catalogue_b import CATALOGUE_B
from hil.plants.catalogue_c import CATALOGUE_C
from hil.plants.kinds import Kind


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one unit over one span of plant time."""

    id: str
    """Name in `CATALOGUE`, for example ``F04``."""
    target: str
    """Unit it falls on, for example ``FDR_API``."""
    on_s: float
    """When it begins, plant time [s]."""
    off_s: float = inf
    """When it ends, plant time [s]; a pulse without an end takes the catalogue's."""
    shape: Shape = "step"
    """How it comes; a pulse lasts for the catalogue's usual duration."""
    magnitude: float | None = None
    """Severity, in the catalogue's unit of magnitude; the catalogue's own if None."""
    ramp_s: float = 0.0
    """Time a ramp takes to full severity, time constant of the wandering, or time between the draws of chance [s]."""
    seed: int = 0
    """Seed of chance in it [1]."""
    other: str = ""
    """Second thing it needs, for example the tag shown instead."""


CATALOGUE: Mapping[str, Kind] = MappingProxyType(
    {
        "F01": Kind("feeder", "refill compacts the powder more", 2.0, 1.0, (0.0, 5.0), "times the densification [1]"),
        "F02": Kind("feeder", "powder bridges the screw", 0.4, 1.0, (0.0, 1.0), "share still discharged [1]", 120.0),
        "F03": Kind("feeder", "rat-hole until next refill", 0.8, 1.0, (0.0, 1.0), "share still discharged [1]", 600.0),
        "F04": Kind("feeder", "load-cell span error", 0.04, 0.0, (-0.5, 0.5), "shortfall of true to shown flow [1]"),
        "F05": Kind("feeder", "load cell touched", 20.0, 0.0, (-500.0, 500.0), "step of shown mass [g]", 60.0),
        "F06": Kind("feeder", "refill valve fails to open", 0.0, 1.0, (0.0, 1.0), "share of the refill rate [1]"),
        "F07": Kind("feeder", "worn screw or lighter lot", 0.1, 0.0, (-0.5, 0.9), "loss of feed factor [1]"),
        "F08": Kind("feeder", "aerated powder flushes", 0.2, 0.0, (0.0, 5.0), "excess discharge [1]", 5.0),
        "F10": Kind("blender", "paddles slow down", 0.6, 1.0, (0.0, 2.0), "times the speed [1]"),
        "F11": Kind("blender", "dead zone beside the paddles", 0.1, 0.0, (0.0, 0.3), "share of stagnant hold-up [1]"),
        "F12": Kind("press", "worn fill cam, starved feed frame", 0.03, 0.0, (0.0, 0.5), "loss of fill mass [1]"),
        "F13": Kind("press", "tablets stick and come out soft", 0.2, 0.0, (0.0, 1.0), "loss of hardness [1]"),
        "F50": Kind("nir", "window fouled", 0.3, 0.0, (0.0, 1.0), "share of light from the film [1]"),
        "F51": Kind("nir", "wavelength axis drifts", 3.0, 0.0, (-20.0, 20.0), "shift [nm]"),
        "F52": Kind("nir", "spectra lost, the last one repeated", 1.0, 0.0, (0.0, 1.0), "share of spectra lost [1]"),
        "N01": Kind(
            "feeder",
            "API hydrolyses to an unknown",
            0.5,
            0.0,
            (0.0, 10.0),
            "unknown in nominal blend [%w/w]",
            only=("FDR_API",),
        ),
        "N02": Kind(
            "feeder",
            "excipient takes up moisture",
            1.0,
            0.0,
            (0.0, 20.0),
            "water gained by the blend [%w/w]",
            only=("FDR_EXC",),
        ),
        "N03": Kind(
            "nir",
            "another grain or lot makes the blend look richer",
            0.01,
            0.0,
            (-0.5, 0.5),
            "excess of shown to true API content [1]",
            only=("NIR",),
        ),
        **CATALOGUE_B,
        **CATALOGUE_C,
        **BESIDE,
    }
)
"""Every fault that can be laid on a simulated line, or on what is around it."""


def of_plant(fault_id: str) -> bool:
    """Return whether a fault of the catalogue is one of the plant, which its unit operations suffer."""
    return fault_id not in BESIDE


def end(fault: Fault) -> float:
    """Return when a fault ends, plant time [s]; infinite if never."""
    if fault.shape == "pulse" and fault.off_s == inf:
        return fault.on_s + CATALOGUE[fault.id].lasts_s
    return fault.off_s


def intensity(fault: Fault, t: float) -> float:
    """Return how far a fault is developed [1], 0 absent and 1 full; a wandering one has standard deviation 1.

    Parameters
    ----------
    fault
        The fault.
    t
        Plant time [s].

    Examples
    --------
    >>> intensity(Fault("F50", "NIR", on_s=100.0, shape="ramp", ramp_s=200.0), 150.0)
    0.25
    >>> intensity(Fault("F08", "FDR_API", on_s=100.0, shape="pulse"), 105.0)
    0.0
    """
    if not fault.on_s <= t < end(fault):
        return 0.0
    return grown(fault.shape, t - fault.on_s, fault.ramp_s, fault.seed)


def severities(faults: Iterable[Fault], t: float) -> dict[str, dict[str, float]]:
    """Return the severity of every fault in force, by target and id, in the catalogue's units.

    Where two faults of one id meet on one target, the later one counts.

    Parameters
    ----------
    faults
        Faults of the run.
    t
        Plant time [s].
    """
    found: dict[str, dict[str, float]] = {}
    for fault in faults:
        developed = intensity(fault, t)
        if developed != 0.0:
            kind = CATALOGUE[fault.id]
            full = kind.magnitude if fault.magnitude is None else fault.magnitude
            low, high = kind.span
            severity = kind.neutral + developed * (full - kind.neutral)
            found.setdefault(fault.target, {})[fault.id] = min(max(severity, low), high)
    return found


def targets_of(fault_id: str, targets: Mapping[str, str]) -> list[str]:
    """Return the targets of a line that a fault of the catalogue can fall on.

    Parameters
    ----------
    fault_id
        Name in `CATALOGUE`.
    targets
        Kind of unit operation by target of the line.

    Examples
    --------
    >>> targets_of("N01", {"FDR_API": "feeder", "FDR_EXC": "feeder"})
    ['FDR_API']
    """
    struck = CATALOGUE[fault_id]
    return [name for name, kind in targets.items() if kind == struck.unit and name in (struck.only or {name})]


def check(faults: Iterable[Fault], targets: Mapping[str, str]) -> None:
    """Make sure that a line can suffer every fault.

    Parameters
    ----------
    faults
        Faults of the run.
    targets
        Kind of unit operation by target of the line.

    Raises
    ------
    ValueError
        If an id or a target is unknown, the two do not fit, or the magnitude makes no sense.
    """
    for fault in faults:
        kind = CATALOGUE.get(fault.id)
        if kind is None:
            raise ValueError(f"fault {fault.id!r} is not in the catalogue: {', '.join(CATALOGUE)}")
        fit = targets_of(fault.id, targets)
        if fault.target not in fit:
            raise ValueError(f"fault {fault.id} cannot fall on {fault.target!r}, expected one of: {', '.join(fit)}")
        low, high = kind.span
        if fault.magnitude is not None and not low <= fault.magnitude <= high:
            found = f"magnitude {fault.magnitude:g} of fault {fault.id}"
            raise ValueError(f"{found}, expected {low:g} to {high:g}: {kind.measure}")
