"""Five short scenarios whose every repetition must give the same digest; run as a program, it prints them."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping

from fakes import HOLDER

from controller.mpc.solver import solvers
from controller.mpc.worker import Build
from hil.library import find, open_scenario
from hil.rig.play import Played, in_memory
from hil.rig.virtual import Disturb, Run, in_virtual_time
from hil.scenario import Asked, Scenario, Wrong
from hil.virtual.network import Network
from policies import Policy


def short(*wrong: Mapping[str, object], for_s: float = 60.0, **more: object) -> tuple[Scenario, Policy]:
    """Line A for a minute, asked for AUTO after 5 s."""
    scenario, policy = open_scenario(find("a_quiet"))
    given = {
        "for_s": for_s,
        "assertions": {},
        "orders": (Asked.model_validate({"after": "5s", "mode": "auto"}),),
        "faults": tuple(Wrong.model_validate(each) for each in wrong),
    }
    return scenario.model_copy(update=given | more), policy


def stalled(network: Network, ports: Mapping[str, int]) -> None:
    """Let both links fail, one after the other."""
    network.stall(ports["line"], "down", 20.3, 24.9)
    network.latency(ports["feeders"], "both", 0.0, 60.0, delay_s=0.002, jitter_s=0.02)
    network.drop(ports["feeders"], "up", 35.1, 39.0)


def scenarios() -> dict[str, tuple[tuple[Scenario, Policy], Build, Disturb | None]]:
    """Return scenario and policy, solver and link faults of each, by name."""
    return {
        "quiet": (short(), HOLDER, None),
        "span": (short({"id": "F04", "target": "FDR_API", "after": "20s", "magnitude": 0.04}), HOLDER, None),
        "blind": (short({"id": "F52", "target": "NIR", "after": "30s"}, compute_s=1.5), HOLDER, None),
        "solved": (short(), solvers, None),
        "links": (short(), HOLDER, stalled),
    }


def virtually(name: str, seed: int = 1) -> Played:
    """Play one of them in virtual time."""
    (scenario, policy), build, disturb = scenarios()[name]
    return in_virtual_time(Run(scenario, policy, seed, build=build, disturb=disturb))


def remembered(name: str, seed: int = 1) -> Played:
    """Play one of them in memory; without link faults."""
    (scenario, policy), build, _ = scenarios()[name]
    return in_memory(scenario, policy, seed, build=build)


def digests(play: Callable[[str], Played] = virtually) -> dict[str, str]:
    """Return the digest of each, by name."""
    return {name: play(name).ran.tally.digest() for name in scenarios()}


if __name__ == "__main__":
    print(json.dumps([digests() for _ in range(int(sys.argv[1]))]))
