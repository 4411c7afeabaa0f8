"""What a scenario file says: a line, a seed, what goes wrong, and what must be true in the end."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from controller.cycle import Mode, Order, SetMode
from controller.desk import Timed
from hil.plants.faults import Fault
from policies import Policy
from policies.words import Declared, Duration, Number, Word

SCENARIOS = Path(__file__).parent / "scenarios"
"""Where the shipped scenarios are."""
SUFFIX = ".scenario.yaml"
"""End of the name of every scenario file."""


class Asked(Declared):
    """An order placed by itself for every loop."""

    after_s: Duration = Field(alias="after")
    """Time since the start [s]."""
    mode: Mode
    """Mode asked for."""


class Wrong(Declared):
    """One fault of the catalogue."""

    id: Annotated[str, Field(pattern=r"^[A-Z]\d\d$")]
    """Name in the catalogue, for example F04."""
    target: str
    """Unit it strikes."""
    after_s: Duration = Field(alias="after")
    """Time since the start at which it begins [s]."""
    for_s: Duration | None = Field(default=None, alias="for")
    """How long it lasts; to the end if absent [s]."""
    shape: Literal["step", "ramp", "pulse"] = "step"
    """How it comes."""
    ramp_s: Duration | None = Field(default=None, alias="ramp")
    """How long a ramp takes to its full size [s]."""
    magnitude: Number | None = None
    """Size, in the unit of the catalogue; its default if absent."""

    def fault(self) -> Fault:
        """Return the fault for the truth plant."""
        return Fault(
            id=self.id,
            target=self.target,
            on_s=self.after_s,
            off_s=float("inf") if self.for_s is None else self.after_s + self.for_s,
            shape=self.shape,
            magnitude=self.magnitude,
            ramp_s=self.ramp_s or 0.0,
        )


class KpiIs(Declared):
    """A figure of the run lies within bounds."""

    kind: Literal["kpi"]
    """Kind of assertion."""
    requirement: str
    """What it shows, in one sentence."""
    kpi: str
    """Dotted name in the result, for example ``api.iae``."""
    at_least: Number | None = None
    """Lowest good value, in the unit of the figure."""
    at_most: Number | None = None
    """Highest good value, in the unit of the figure."""


class AlertComes(Declared):
    """A watch speaks within a time."""

    kind: Literal["alert"]
    """Kind of assertion."""
    requirement: str
    """What it shows, in one sentence."""
    watch: Word
    """Name of the watch in the policy."""
    after_s: Duration = Field(alias="after")
    """Time since the start before which it must be silent [s]."""
    within_s: Duration = Field(alias="within")
    """Time from then in which it must speak [s]."""
    says: str = ""
    """Words its sentence must hold."""


class PhaseComes(Declared):
    """A loop reaches a phase within a time."""

    kind: Literal["phase"]
    """Kind of assertion."""
    requirement: str
    """What it shows, in one sentence."""
    loop: Word
    """Name of the loop."""
    phase: str
    """Phase wanted."""
    after_s: Duration = Field(alias="after")
    """Time since the start from which it counts [s]."""
    within_s: Duration = Field(alias="within")
    """Time from then in which it must be reached [s]."""


class Quiet(Declared):
    """A watch never speaks."""

    kind: Literal["quiet"]
    """Kind of assertion."""
    requirement: str
    """What it shows, in one sentence."""
    watch: Word
    """Name of the watch in the policy."""


Assertion = Annotated[KpiIs | AlertComes | PhaseComes | Quiet, Field(discriminator="kind")]
"""Anything a scenario may claim."""


class Scenario(Declared):
    """One protocol of a simulated run."""

    scenario: Literal[1]
    """Version of this format."""
    title: str
    """What it shows, in one sentence."""
    line: str
    """Line of the shipped policy it runs under."""
    for_s: Duration = Field(alias="for")
    """How long it runs [s]."""
    seed: Annotated[int, Field(ge=0)] = 1
    """Seed of the plant [1]."""
    mismatch: Annotated[float, Field(ge=0)] = 1.0
    """Spread of the plant's true parameters, 1 as specified [1]."""
    compute_s: Duration = Field(default=0.0, alias="compute")
    """How long a solution is made to take where solvers run inline, that is in virtual time and in memory [s]."""
    orders: tuple[Asked, ...] = ()
    """Orders placed by themselves."""
    faults: tuple[Wrong, ...] = ()
    """What goes wrong."""
    assertions: dict[Word, Assertion] = Field(default_factory=dict)
    """What must be true in the end, by name."""

    def timed(self, policy: Policy) -> tuple[Timed, ...]:
        """Return the orders for every loop of `policy`."""
        return tuple(
            Timed(asked.after_s, Order("scenario", "as the scenario says", SetMode(name, asked.mode)))
            for asked in self.orders
            for name in policy.loops
        )
