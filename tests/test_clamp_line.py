"""Line A while its PLC clamps the API setpoint and the load cell drifts: the other feeder does what is left to do."""

from __future__ import annotations

import numpy as np
import pytest

from hil.library import find, open_scenario
from hil.rig.play import in_memory
from plant_io.signals import Floats
from policies import Mpc, Policy

pytestmark = pytest.mark.slow

CLAMPED_FROM, CLAMPED_TO, WRONG_FROM, END = 120.0, 600.0, 180.0, 1200.0


def content(policy: Policy) -> tuple[Floats, Floats]:
    """Time since the start [s] and API content of what reaches the press [%]."""
    scenario, _ = open_scenario(find("a_sp_clamped"))
    played = in_memory(scenario.model_copy(update={"for_s": END, "assertions": {}}), policy, seed=1)
    return played.truth["time"], played.truth["api_frame"]


def error(time: Floats, api: Floats, begin: float, end: float) -> float:
    """Integral of the absolute error [% s]."""
    return float(np.abs(api[(time > begin) & (time <= end)] - 10.0).sum())


def test_what_the_plc_takes_is_reckoned_with_and_nothing_winds_up() -> None:
    _, policy = open_scenario(find("a_sp_clamped"))
    blend = policy.loops["blend"]
    assert isinstance(blend, Mpc)
    unaware = policy.model_copy(update={"loops": {"blend": blend.model_copy(update={"verify_s": 1e6})}})
    time, ours = content(policy)
    _, theirs = content(unaware)
    during = [error(time, api, WRONG_FROM, CLAMPED_TO) for api in (ours, theirs)]
    after = [error(time, api, CLAMPED_TO, END) for api in (ours, theirs)]
    assert during[0] < during[1]
    assert after[0] <= after[1]
    late = ours[time > CLAMPED_TO]
    assert 9.83 < late.min() < late.max() < 10.1
