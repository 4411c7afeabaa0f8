"""Every way in which time can go by in a scenario, by the name people give it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from controller.kit import Kit
from controller.loop import Sink
from controller.runtime import STOPPED, Door, Options, Ran, operate
from hil.rig.play import EPOCH, Played, in_memory
from hil.rig.sockets import over_sockets
from hil.scenario import Scenario
from policies import Policy


def on_clock(
    clock: str,
    scenario: Scenario,
    policy: Policy,
    seed: int,
    sinks: Sequence[Sink] = (),
    *,
    record: Path | None = None,
) -> Played:
    """Play a scenario.

    Parameters
    ----------
    clock
        ``memory``, ``virtual``, ``lockstep`` or ``wall``.
    scenario
        What to play.
    policy
        Policy to play it under.
    seed
        Seed of the plant.
    sinks
        More keepers and viewers of finished cycles.
    record
        Record directory, if one is to be kept.

    Raises
    ------
    KeyboardInterrupt
        If a person stopped the run.
    """
    played = _played(clock, (scenario, policy, seed), record, sinks)
    if played.ran.why == STOPPED:
        raise KeyboardInterrupt
    return played


def _played(clock: str, what: tuple[Scenario, Policy, int], record: Path | None, sinks: Sequence[Sink]) -> Played:
    scenario, policy, seed = what
    if clock == "memory":
        return in_memory(scenario, policy, seed, record, sinks=sinks)
    if clock == "virtual":
        from hil.rig.virtual import Run, in_virtual_time  # noqa: PLC0415  # brings both protocols

        return in_virtual_time(Run(scenario, policy, seed, record, sinks=sinks))

    def run(kit: Kit, options: Options, through: Door, seen: Sequence[Sink]) -> Ran:
        return asyncio.run(operate(kit, options, through, (*seen, *sinks)))

    begin = EPOCH if clock == "lockstep" else None
    options = Options(record=record, lockstep_from=begin, speed=None, unrecorded=record is None)
    return over_sockets(scenario, policy, seed, options, run)
