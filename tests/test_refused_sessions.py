"""A server that lets nobody in: no session left, certificates and passwords it does not take."""

from __future__ import annotations

import pytest
from fakes import HOLDER
from short_runs import short

from controller.cycle import Cycle
from hil.faults.opcua import REFUSALS
from hil.rig.play import EPOCH
from hil.rig.virtual import Run, in_virtual_time
from plant_io import Quality

RESET = {"id": "link_reset", "target": "line", "after": "15s", "for": "1s"}


def away(*faults: str) -> list[float]:
    """Times at which the line PLC is not seen, its connection being reset at 15 s [s]."""
    cycles: list[Cycle] = []
    wrong = [{"id": fault, "target": "line", "after": "10s", "for": "20s"} for fault in faults]
    scenario, policy = short(RESET, *wrong, for_s=40.0)
    in_virtual_time(Run(scenario, policy, 1, build=HOLDER, sinks=(cycles.append,)))
    return [c.snapshot.at - EPOCH for c in cycles if c.snapshot["HOP.M"].quality is Quality.BAD]


def test_where_nobody_is_refused_a_reset_costs_a_moment() -> None:
    assert len(away()) <= 3


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_session_that_stands_goes_on_and_a_new_one_is_refused_until_the_fault_is_over(fault: str) -> None:
    times = away(fault)
    assert 15.0 <= times[0] <= 17.0
    assert set(range(17, 30)) <= {round(at) for at in times}
    assert times[-1] <= 36.0
