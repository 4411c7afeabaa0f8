"""Faults of line C, of line D and of rotating equipment, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from hil.plants.kinds import Kind

CATALOGUE_C: Mapping[str, Kind] = MappingProxyType(
    {
        "F60": Kind("reagent pump", "pump delivers less", 0.08, 0.0, (0.0, 1.0), "loss of delivery [1]"),
        "F61": Kind("coil", "coil fouled", 0.15, 0.0, (0.0, 0.6), "loss of volume [1]"),
        "F62": Kind("bed", "catalyst poisoned", 0.02, 0.0, (0.0, 0.2), "poison in the feed [mmol/L]"),
        "F63": Kind("bed", "hydrogen runs short", 8.0, 20.0, (0.0, 20.0), "highest pressure of hydrogen [bar]"),
        "F64": Kind("bed", "hot spot beside the sensor", 5.0, 0.0, (-20.0, 20.0), "excess temperature [K]"),
        "F65": Kind(
            "reagent pump",
            "ethanol with an aldehyde",
            2.0,
            0.0,
            (0.0, 50.0),
            "aldehyde in the mixed feed [mmol/L]",
            only=("P3",),
        ),
        "F66": Kind(
            "coil",
            "deposit spoils the product above 70 degC",
            0.005,
            0.0,
            (0.0, 10.0),
            "growth of the second unknown [area-% per h]",
        ),
        "F67": Kind("uhplc", "column aged", 0.05, 0.0, (-0.2, 0.2), "stretch of retention times about the API [1]"),
        "C01": Kind("reagent pump", "weak stock", 0.05, 0.0, (0.0, 1.0), "loss of strength [1]", only=("P1",)),
        "C02": Kind("reagent pump", "weak stock", 0.08, 0.0, (0.0, 1.0), "loss of strength [1]", only=("P2",)),
        "C03": Kind("uhplc", "sample carried over", 0.05, 0.003, (0.0, 1.0), "share of the sample before [1]"),
        "C04": Kind("uhplc", "impurities answer less than the API", 0.1, 0.0, (0.0, 1.0), "loss of response [1]"),
        "C05": Kind("uhplc", "injections missed", 0.5, 0.0, (0.0, 1.0), "share of injections missed [1]"),
        "C06": Kind("bed", "catalyst decays faster", 30.0, 1.0, (0.0, 1000.0), "times the usual decay [1]"),
        "C07": Kind("ftir", "calibration lost", 0.1, 0.0, (-0.5, 0.5), "excess reading [1]"),
        "C08": Kind("uhplc", "another version of the method loaded", 4.0, 3.0, (0.0, 100.0), "version [1]"),
        "D01": Kind("branch", "valve stuck", 0.004, 1.0, (0.0, 1.0), "share of the flow that is left [1]"),
        "D02": Kind("loop pump", "pump worn", 0.5, 0.0, (0.0, 1.0), "loss of flow [1]"),
        "D03": Kind("heat exchanger", "heat exchanger fouled", 0.95, 0.0, (0.0, 1.0), "loss of power [1]"),
        "D04": Kind("branch", "dead leg", 0.6, 0.0, (0.0, 1.0), "share of warmth the leg lacks [1]"),
        "D05": Kind("still", "organic carbon breaks through", 300.0, 0.0, (0.0, 5000.0), "carbon in the feed [ppb]"),
        "D06": Kind("branch", "temperature sensor drifts", 5.0, 0.0, (-30.0, 30.0), "excess reading [K]"),
        "E01": Kind("drive", "bearing damaged", 1000.0, 1.0, (0.0, 1e6), "times the usual wear [1]"),
        "E02": Kind("drive", "rotor out of balance", 1.5, 1.0, (1.0, 10.0), "times the vibration [1]"),
        "E03": Kind("drive", "foot loose", 1.3, 1.0, (1.0, 10.0), "times the vibration, unsteadily [1]"),
        "E04": Kind("drive", "vibration sensor loose", 1.0, 0.0, (0.0, 1.0), "how loose, 1 fully [1]"),
    }
)
"""Faults of the flow synthesis, the hot loop and of drives, by name."""
