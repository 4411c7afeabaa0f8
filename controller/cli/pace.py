"""How the time of a plant goes by, asked of its policy and of the plant before a run begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from controller.cli.ends import Refused, Unreachable
from controller.runtime import PATIENCE_S
from plant_io.clocks import WallClock
from plant_io.line import Line
from policies import PlantTime, Policy


@dataclass(frozen=True, slots=True)
class Pace:
    """How the time of a plant goes by."""

    speed: float | None = None
    """Plant seconds per wall second [1]; None for those of the wall."""
    lockstep_from: float | None = None
    """Where the plant waits for the controller: its first instant, POSIX time [s]."""


def pace(policy: Policy, speed: float | None = None, *, waits: bool = False) -> Pace:
    """Return how the time of a plant goes by.

    Parameters
    ----------
    policy
        Says how, bound to the addresses of this site.
    speed
        Plant seconds per wall second in place of what the policy says [1]; None for that.
    waits
        Whether the plant waits for the controller, whatever the policy says.

    Raises
    ------
    Refused
        If the plant is to wait and the policy has no tags to lead it by, or shows no speed.
    Unreachable
        If the speed cannot be read.
    """
    declared = policy.plant_time or PlantTime()
    if waits or (declared.waits and speed is None):
        if policy.lockstep is None:
            raise Refused("--lockstep: found a policy without lockstep, expected its tags to lead the plant by")
        return Pace(lockstep_from=WallClock().now())
    found = speed if speed is not None else declared.speed
    value = _shown(policy, found) if isinstance(found, str) else found
    if not value > 0.0:
        raise Refused(f"--speed: found {value:g}, expected a number above 0")
    return Pace(speed=None if value == 1.0 else value)


def _shown(policy: Policy, tag: str) -> float:
    """Return the value of a tag, read once."""
    value = asyncio.run(_read(policy, tag))
    if value is None:
        raise Unreachable(f"{tag}: the speed of the plant cannot be read; is the plant up?")
    return value


async def _read(policy: Policy, tag: str) -> float | None:
    clock = WallClock()
    line = Line(policy, clock)
    await line.open()
    try:
        return (await line.read(clock.now())).good(tag) if await line.ready(PATIENCE_S) else None
    finally:
        await line.close()
