"""Whether a policy that reads well can also be run: its models, sensors and watches made ready, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from anomaly import engine
from controller import kit, soft
from policies import Policy, PolicyError, Problem, positions


def check(policy: Policy, path: Path) -> None:
    """Look for all that keeps a policy from being run, each with its place in the file.

    Parameters
    ----------
    policy
        A policy without mistakes of its own.
    path
        Its file, as it was given.

    Raises
    ------
    PolicyError
        If there is anything.
    """
    found = problems(policy, path)
    if found:
        raise PolicyError(found)


def problems(policy: Policy, path: Path) -> list[Problem]:
    """Return all that keeps a policy, or what is left of one with mistakes, from being run.

    Parameters
    ----------
    policy
        A policy, as far as it can be looked at.
    path
        Its file, as it was given.
    """
    document = positions.read(policy.files[""], str(path))
    found: list[Problem] = []
    for place, make in _parts(policy):
        try:
            make()
        except ValueError as error:
            found += [document.problem(*_placed(place, said)) for said in _each(place, str(error))]
        except LookupError:  # it names what has a mistake of its own, which has been said
            continue
    return found


def _parts(policy: Policy) -> Iterator[tuple[positions.Path, Callable[[], object]]]:
    for name, sensor in policy.soft_sensors.items():
        yield ("soft_sensors", name), partial(soft.sensor, name, sensor, policy)
    for name, watch in policy.watches.items():
        yield ("watches", name), partial(engine.prepare, policy.model_copy(update={"watches": {name: watch}}))
    for name, loop in policy.loops.items():
        yield ("loops", name), partial(kit.loop, name, loop, policy)


def _each(place: positions.Path, message: str) -> list[str]:
    """Return the mistakes a message tells, a line each where every line names a place."""
    lines, start = message.splitlines(), positions.dotted(place)
    return lines if all(line.startswith(start) for line in lines) else [message]


def _placed(place: positions.Path, message: str) -> tuple[positions.Path, str]:
    """Return the place a message names itself, and the message without it; `place` where it names none."""
    head, _, rest = message.partition(": ")
    start = positions.dotted(place)
    if head == start or head.startswith(f"{start}."):
        parts = head[len(start) :].split(".")[1:]
        return (*place, *(int(part) if part.isdecimal() else part for part in parts)), rest
    return place, message
