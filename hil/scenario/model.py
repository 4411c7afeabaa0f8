"""What a scenario file says: a line, a seed, what happens on it, and what must be true in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from controller.cycle import DirectLine, HandleAlarm, Order, SetMode, SetTarget
from controller.desk import Timed
from hil.faults.course import Course
from hil.plants.faults import Fault
from hil.scenario.assertions import Assertion
from hil.scenario.followed import Followed
from hil.scenario.timeline import Acted, Asked, PlcSetup, Refusing, Seed, Turned, Wrong
from policies import Policy
from policies.words import Declared, Duration, Word

SCENARIOS = Path(__file__).parents[1] / "scenarios"
"""Where the shipped scenarios are."""
SUFFIX = ".scenario.yaml"
"""End of the name of every scenario file."""

RequirementId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
"""Id of a requirement, without spaces, for example URS-031."""

_PRIME = 1_000_003


class Scenario(Declared):
    """One protocol of a simulated run."""

    scenario: Literal[1]
    """Version of this format."""
    title: str
    """What it shows, in one sentence."""
    line: str
    """Simulated line it is played on."""
    policy: str | None = None
    """Policy it is played under: a file beside the scenario; the shipped one of the line if absent."""
    changes: dict[str, object] = Field(default_factory=dict)
    """What that policy, or another it is played under, says otherwise by section; what is not named stands as it is."""
    clock: Literal["memory", "virtual", "lockstep", "wall"] | None = None
    """How time goes by where nothing else is asked for; virtual if absent."""
    for_s: Duration = Field(alias="for")
    """How long it runs [s]."""
    seed: Seed = 1
    """Seed of the plant [1]."""
    seeds: Annotated[tuple[Seed, ...], Field(min_length=1)] | None = None
    """Seeds it is played with, one run each, instead of `seed`."""
    mismatch: Annotated[float, Field(ge=0)] | Literal["hard"] = 1.0
    """Spread of the plant's true parameters, 1 as specified; or hard: each two standard deviations off [1]."""
    compute_s: Duration = Field(default=0.0, alias="compute")
    """How long a solution is made to take where solvers run inline, that is in virtual time and in memory [s]."""
    plc: dict[Word, PlcSetup] = Field(default_factory=dict)
    """How PLCs are set up, by connection, where that differs from the line's own."""
    orders: tuple[Asked, ...] = ()
    """Orders placed by themselves."""
    cases: tuple[Followed, ...] = ()
    """What people do to cases."""
    stimuli: tuple[Turned, ...] = ()
    """What people at the plant turn."""
    stations: tuple[Acted, ...] = ()
    """What operators do at the stations of PLC loops."""
    faults: tuple[Wrong, ...] = ()
    """What goes wrong."""
    receivers: dict[Word, tuple[Refusing, ...]] = Field(default_factory=dict)
    """When receivers of notices take nothing, by name; in a simulated run no notice leaves the program."""
    requirements: dict[RequirementId, str] = Field(default_factory=dict)
    """Requirements by id, each in one sentence, for the assertions that name them."""
    assertions: dict[Word, Assertion] = Field(default_factory=dict)
    """What must be true in the end, by name."""

    def timed(self, policy: Policy) -> tuple[Timed, ...]:
        """Return the orders that stand beforehand, for loops of `policy`, alarms and the line, in their order."""
        orders = [
            Timed(asked.after_s, Order(asked.who, asked.why, SetMode(name, asked.mode)))
            for asked in self.orders
            if asked.mode is not None
            for name in policy.loops
            if asked.loop in {None, name}
        ]
        orders += [
            Timed(asked.after_s, Order(asked.who, asked.why, HandleAlarm(asked.alarm, asked.alarms, asked.for_s)))
            for asked in self.orders
            if asked.alarms is not None and asked.alarm is not None
        ]
        orders += [
            Timed(asked.after_s, Order(asked.who, asked.why, DirectLine(asked.line)))
            for asked in self.orders
            if asked.line is not None
        ]
        orders += [
            Timed(asked.after_s, Order(asked.who, asked.why, SetTarget(asked.loop, asked.name, asked.wanted)))
            for asked in self.orders
            if asked.loop is not None and asked.name is not None
        ]
        return tuple(sorted(orders, key=lambda timed: timed.after_s))

    def struck(self, seed: int) -> tuple[Fault, ...]:
        """Return what goes wrong in a run with a `seed`."""
        return tuple(wrong.fault(_PRIME * seed + i) for i, wrong in enumerate(self.faults))

    def course(self, seed: int) -> Course:
        """Return everything that happens in a run with a `seed`."""
        return Course(
            faults=self.struck(seed),
            turns=tuple(turned.turn(_PRIME * seed + i) for i, turned in enumerate(self.stimuli)),
            setups={name: given.setup() for name, given in self.plc.items()},
            handled=tuple(acted.handled() for acted in self.stations),
        )

    def requirement(self, named: str) -> tuple[str, str]:
        """Return id and sentence of what an assertion shows; it has no id where the sentence stands there itself."""
        return (named, self.requirements[named]) if named in self.requirements else ("", named)
