"""The learning lane cannot stand in for the locked one: a type checker must refuse every line marked so."""

from anomaly import Advice, Locked
from anomaly.engine import WatchKit, WatchState, watch
from plant_io import Snapshot


def held(verdict: Locked) -> frozenset[str]:
    """Stand for everything between a verdict and a write."""
    return verdict.holds


def cycle(snapshot: Snapshot, state: WatchState, kit: WatchKit) -> None:
    """Use both verdicts of one cycle."""
    _, locked, advice = watch(snapshot, state, kit)
    held(locked)
    held(advice)  # refused: Advice is not Locked
    _ = advice.holds  # refused: Advice holds nothing


def promoted(advice: Advice) -> Locked:
    """Try to pass one off as the other."""
    return advice  # refused: Advice is not Locked
