"""What really went wrong in a run, and how soon it was told: the ground truth that detection is scored against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from anomaly import Alert
from anomaly.incident import Incident
from hil.plants.faults import CATALOGUE, Fault, end


@dataclass(frozen=True, slots=True)
class Told:
    """One alert that began while a fault was there."""

    watch: str
    """Watch that spoke."""
    after_s: float
    """Time from the onset of the fault [s]."""
    what: str
    """What it said."""


@dataclass(frozen=True, slots=True)
class Label:
    """One fault of a run, as it really was."""

    id: str
    """Name in the catalogue."""
    what: str
    """What happened, in a few words."""
    target: str
    """What it struck."""
    onset_s: float
    """When it began, time since the start [s]."""
    end_s: float | None
    """When it ended [s]; None if it was there at the end of the run."""
    shape: str
    """How it came."""
    magnitude: float | None
    """Severity when fully developed, in the unit of `measure`; None for the catalogue's share of the tag's range."""
    measure: str
    """What the magnitude counts, with its unit."""
    told: tuple[Told, ...] = ()
    """Alerts that began while it was there, the first of each watch, oldest first."""
    incidents: tuple[str, ...] = ()
    """Incidents that opened while it was there, oldest first."""

    @property
    def detected_s(self) -> float | None:
        """Time from its onset to the first alert [s]; None if there was none."""
        return self.told[0].after_s if self.told else None

    def plain(self) -> dict[str, object]:
        """Return it as plain values."""
        known: dict[str, object] = asdict(self)
        return known | {"detected_s": self.detected_s}


def label(fault: Fault, length_s: float) -> Label:
    """Return the label of a fault of a run.

    Parameters
    ----------
    fault
        The fault, its plant time that of the run.
    length_s
        Length of the run [s].
    """
    kind, over_s = CATALOGUE[fault.id], end(fault)
    usual = None if kind.of_range else kind.magnitude
    return Label(
        id=fault.id,
        what=kind.meaning,
        target=fault.target,
        onset_s=fault.on_s,
        end_s=over_s if over_s < length_s else None,
        shape=fault.shape,
        magnitude=usual if fault.magnitude is None else fault.magnitude,
        measure=kind.measure,
    )


def labels(
    faults: Sequence[Fault],
    alerts: Sequence[Alert],
    began: float,
    length_s: float,
    incidents: Sequence[Incident] = (),
) -> tuple[Label, ...]:
    """Return every fault of a run with the alerts that began while it was there.

    An alert that began before the fault was not about it. Where faults overlap, an alert is matched to each of them.

    Parameters
    ----------
    faults
        The faults.
    alerts
        Every alert of the run, begun or ended.
    began
        First instant of the run, POSIX time [s].
    length_s
        Length of the run [s].
    incidents
        What became of every incident of the run.
    """
    opened = {one.id: one.opened - began for one in incidents}
    begun = [(alert.at - began, alert) for alert in alerts if alert.active]
    found: list[Label] = []
    for fault in faults:
        told: dict[str, Told] = {}
        for at_s, alert in begun:
            if fault.on_s <= at_s < end(fault):
                told.setdefault(alert.watch, Told(alert.watch, at_s - fault.on_s, alert.what))
        its = tuple(name for name, at_s in opened.items() if fault.on_s <= at_s < end(fault))
        found.append(replace(label(fault, length_s), told=tuple(told.values()), incidents=its))
    return tuple(found)
