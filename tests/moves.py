"""What a loop of line A writes, apart from the gate behind the press, which is worked in every mode."""

from controller.cycle import Cycle
from plant_io import Setpoint

GATE = "LINE.DIVERT_SP"


def moves(cycle: Cycle) -> list[Setpoint]:
    """Return what one cycle writes to what a loop moves."""
    return [setpoint for setpoint in cycle.decision.setpoints if setpoint.tag != GATE]
