"""What is observed and asked for: samples, snapshots, setpoints, and the ports they cross."""

from plant_io.ports import Batch, Clock, Driver, Identity, Plant
from plant_io.quality import Quality, Reason
from plant_io.signals import Outcome, Receipt, Sample, Setpoint, Snapshot, TagIndex

__all__ = [
    "Batch",
    "Clock",
    "Driver",
    "Identity",
    "Outcome",
    "Plant",
    "Quality",
    "Reason",
    "Receipt",
    "Sample",
    "Setpoint",
    "Snapshot",
    "TagIndex",
]
