"""A scenario about a fault proves something only if it does not pass without it."""

from __future__ import annotations

import pytest

from hil.library import find, open_scenario, shipped_ones
from hil.rig.play import in_memory
from hil.rig.verdict import judge

UNFELT = {
    "a_hard",
    "a_mb_twice",
    "a_ne107_maintenance",
    "a_overrun",
    "a_rival",
    "a_robust",
    "a_solver_slow",
    "a_ua_forgets",
    "a_ua_overflow",
    "a_ua_shutdown",
    "b2_hard",
    "b2_robust",
    "b_hard",
    "b_registers",
    "b_robust",
    "c_hard",
    "c_robust",
}
"""Those that claim that nothing at all comes of their fault; that it is there, other tests show."""
FAULTY = [name for name, scenario in shipped_ones() if scenario.faults and name not in UNFELT]


@pytest.mark.slow
@pytest.mark.parametrize("name", FAULTY)
def test_without_its_fault_a_scenario_does_not_hold(name: str) -> None:
    scenario, policy = open_scenario(find(name))
    sound = scenario.model_copy(update={"faults": ()})
    seed = scenario.seed if scenario.seeds is None else scenario.seeds[0]
    played = in_memory(sound, policy, seed)
    assert not all(finding.passed for finding in judge(played))
