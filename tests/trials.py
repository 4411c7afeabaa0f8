"""Trials in virtual time: one long run in which one link after the other fails, and what must hold in each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from fakes import MOVER
from moves import moves

from controller.cycle import Cycle, Mode, Phase
from controller.mpc.worker import Build
from hil.library import find, open_scenario
from hil.plc.guard import Word
from hil.rig.play import EPOCH, Played
from hil.rig.virtual import Run, in_virtual_time
from hil.scenario import Asked, Scenario
from hil.virtual.network import Network
from plant_io import Outcome, Quality
from policies import Policy

CONNECTIONS = ("feeders", "line")
FIRST_S, EVERY_S = 30.0, 45.0
PERIOD_S = 1.0
RECOVERY_S: Mapping[str, float] = {"silent": 4.0, "slow": 4.0}
"""Above 3 s where a call begun within the fault fails after it only, by the deadline of its opening, which is 1 s."""
TIMEOUT_S: Mapping[str, float] = {"feeders": 0.3, "line": 0.5}
SHOWN = {
    "feeders": ("SUP_F.SCAN", "SUP_F.STATE", "SUP_F.ECHO", "FDR_API.F_ACT", "FDR_EXC.F_ACT"),
    "line": ("SUP_L.SCAN", "SUP_L.STATE", "SUP_L.ECHO"),
}


@dataclass(frozen=True)
class Trial:
    """One link that fails once."""

    connection: str
    how: str
    from_s: float
    to_s: float


@dataclass(frozen=True)
class Trials:
    """What a run of trials came to."""

    trials: Sequence[Trial]
    cycles: Sequence[Cycle]
    played: Played


def drawn(count: int, hows: Sequence[str], seed: int) -> list[Trial]:
    """Trials of 1 to 15 s, drawn evenly, one after the other."""
    rng = np.random.default_rng(seed)
    begins = [FIRST_S + EVERY_S * i + rng.uniform(0.0, 2.0) for i in range(count)]
    return [
        Trial(str(rng.choice(CONNECTIONS)), str(rng.choice(hows)), begin, begin + rng.uniform(1.0, 15.0))
        for begin in begins
    ]


def strike(network: Network, port: int, trial: Trial) -> None:
    """Let a link fail."""
    span = (trial.from_s, trial.to_s)
    acts: Mapping[str, Callable[[], None]] = {
        "stall up": lambda: network.stall(port, "up", *span),
        "stall down": lambda: network.stall(port, "down", *span),
        "stall both": lambda: network.stall(port, "both", *span),
        "drop up": lambda: network.drop(port, "up", *span),
        "drop down": lambda: network.drop(port, "down", *span),
        "drop both": lambda: network.drop(port, "both", *span),
        "cut": lambda: network.cut(port, "both", *span),
        "slow": lambda: network.latency(port, "both", *span, delay_s=0.4, jitter_s=1.0),
        "refuse": lambda: network.refuse(port, *span),
        "silent": lambda: network.silence(port, *span),
        "reset": lambda: network.reset(port, trial.from_s),
    }
    if trial.how in ("refuse", "silent"):
        network.reset(port, trial.from_s)
    acts[trial.how]()


def play(trials: Sequence[Trial], seed: int = 1, build: Build = MOVER) -> Trials:
    """Run the whole controller against line A through all trials, asked for AUTO before each."""
    scenario, policy = asked(trials)
    cycles: list[Cycle] = []

    def disturb(network: Network, ports: Mapping[str, int]) -> None:
        for trial in trials:
            strike(network, ports[trial.connection], trial)

    played = in_virtual_time(Run(scenario, policy, seed, build=build, disturb=disturb, sinks=(cycles.append,)))
    return Trials(trials, cycles, played)


def asked(trials: Sequence[Trial]) -> tuple[Scenario, Policy]:
    scenario, policy = open_scenario(find("a_quiet"))
    policy = policy.model_copy(
        update={
            "loops": {n: p.model_copy(update={"settle": 3}) for n, p in policy.loops.items()},
            "watches": {},  # the solver of the trials walks away from the target, which a watch may rightly hold
        }
    )
    orders = [1.0, *(trial.from_s + 20.0 for trial in trials)]
    again = tuple(Asked.model_validate({"after": f"{at:.3f}s", "mode": "auto"}) for at in orders)
    return scenario.model_copy(update={"for_s": FIRST_S + EVERY_S * len(trials) + 5.0, "orders": again}), policy


def bad(cycle: Cycle, connection: str, policy: Policy) -> bool:
    tags = [name for name, tag in policy.tags.items() if tag.connection == connection]
    return any(cycle.snapshot.quality[cycle.snapshot.index.position[name]] != Quality.GOOD for name in tags)


def after(cycle: Cycle) -> float:
    return cycle.snapshot.at - EPOCH


def faults_of(found: Trials) -> list[str]:
    """Everything that did not hold, one sentence each."""
    policy = found.played.policy
    wrong = never_right(found)
    for i, trial in enumerate(found.trials):
        end = found.trials[i + 1].from_s if i + 1 < len(found.trials) else trial.from_s + EVERY_S - 2.0
        mine = [c for c in found.cycles if trial.from_s <= after(c) < end]
        struck = [after(c) for c in mine if bad(c, trial.connection, policy)]
        limit = trial.from_s + 2.0 * PERIOD_S + TIMEOUT_S[trial.connection]
        if not struck or struck[0] > limit:
            wrong.append(f"{trial}: noticed {struck[:1]}")
        if struck and struck[-1] + PERIOD_S > trial.to_s + RECOVERY_S.get(trial.how, 3.0):
            wrong.append(f"{trial}: bad until {struck[-1]}")
        other = next(name for name in CONNECTIONS if name != trial.connection)
        if any(bad(c, other, policy) for c in mine):
            wrong.append(f"{trial}: {other} suffered")
        phases = {c.decision.modes["blend"] for c in mine[-3:]}
        if phases != {(Mode.AUTO, Phase.ACTIVE)}:
            wrong.append(f"{trial}: {phases} in the end")
    return wrong


def never_right(found: Trials) -> list[str]:
    """What must not happen whatever the links do, one sentence each."""
    return [*_wrong_values(found), *_wrong_writes(found), *_taken_unasked(found)]


def _wrong_values(found: Trials) -> list[str]:
    """Good values that are not those the PLC showed at that instant."""
    truth, wrong = found.played.truth, []
    for cycle in found.cycles[1:]:
        row = round(after(cycle)) - 1
        for tag in (tag for tags in SHOWN.values() for tag in tags):
            value = cycle.snapshot.good(tag)
            if value is not None and not np.isclose(value, truth[tag][row], rtol=1e-6):
                wrong.append(f"{after(cycle)} s: {tag} is {value}, was {truth[tag][row]}")
    return wrong


def _wrong_writes(found: Trials) -> list[str]:
    wrong = []
    for cycle in found.cycles:
        phase = cycle.decision.modes["blend"][1]
        if moves(cycle) and phase is not Phase.ACTIVE:
            wrong.append(f"{after(cycle)} s: written in {phase}")
        taken = {r.setpoint.tag for r in cycle.receipts if r.outcome is Outcome.TAKEN}
        wrong += [
            f"{after(cycle)} s: {name} took a write though nothing was read from it"
            for name in CONNECTIONS
            if bad(cycle, name, found.played.policy)
            and any(found.played.policy.tags[tag].connection == name for tag in taken)
        ]
    return wrong


def _taken_unasked(found: Trials) -> list[str]:
    """Setpoints a PLC has taken while it was not remote, for example late ones out of a stalled link."""
    truth = found.played.truth
    local = (truth["SUP_F.STATE"][1:] != Word.REMOTE) & (truth["SUP_F.STATE"][:-1] != Word.REMOTE)
    return [
        f"{at} s: {tag} changed though the PLC was not remote"
        for tag in ("FDR_API.F_ACT", "FDR_EXC.F_ACT")
        for at in truth["time"][1:][local & (np.diff(truth[tag]) != 0.0)]
    ]
