"""Simulated PLCs: a truth plant behind the tags, limits and watchdogs its PLCs would have."""

from hil.plc.guard import Limits, Rules, Word
from hil.plc.line import Image, SimulatedLine
from hil.plc.truth_plant import TruthPlant

__all__ = ["Image", "Limits", "Rules", "SimulatedLine", "TruthPlant", "Word"]
