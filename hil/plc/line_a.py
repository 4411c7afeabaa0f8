"""Line A as its two PLCs show it: the feeder PLC, and the PLC of blender, press and analysers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from hil.plants.faults import Fault
from hil.plants.line_a import NOMINAL, LineA
from hil.plc.guard import Limits, Rules
from hil.plc.line import SimulatedLine
from policies import Policy

RULES: Mapping[str, Rules] = MappingProxyType(
    {
        "feeders": Rules(
            limits=MappingProxyType(
                {
                    "FDR_API.F_SP": Limits(low=1.0, high=3.0, rate=0.05, start=NOMINAL["FDR_API.F_SP"]),
                    "FDR_EXC.F_SP": Limits(low=10.0, high=26.0, rate=0.3, start=NOMINAL["FDR_EXC.F_SP"]),
                }
            )
        ),
        "line": Rules(),
    }
)
"""What the program of each PLC fixes [kg/h]: wider and faster than any policy should be."""


def simulate(
    policy: Policy, seed: int, faults: Sequence[Fault] = (), mismatch: float = 1.0, noise: float = 1.0
) -> SimulatedLine:
    """Return line A at its nominal steady state, its PLCs just started.

    Parameters
    ----------
    policy
        The policy that names the tags.
    seed
        Seed of noise, disturbances and of the true parameters.
    faults
        What goes wrong, and when.
    mismatch
        Spread of the true parameters around their defaults, 1 as specified [1].
    noise
        Multiplier of all noise, 0 for none [1].
    """
    remote = RULES["feeders"].limits
    local = {tag: value for tag, value in NOMINAL.items() if tag not in remote}
    plant = LineA(seed, mismatch=mismatch, faults=tuple(faults), noise=noise)
    return SimulatedLine(policy, plant, RULES, local, {"FDR_LUB.F_ACT": "FDR_LUB.F_SP"})
