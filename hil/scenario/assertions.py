"""What a scenario may claim."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from anomaly.case_table import Stage
from anomaly.cases import Disposition
from controller.cycle import Phase
from hil.scenario.claims import Claim, During, Within, bounded
from hil.scenario.told import AlarmIs, AlarmLoad, NoticeComes
from policies.words import Duration, Name, Number, Word

Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False, strict=True)]
"""Share of a whole, from 0 to 1."""


class Quantity(Claim):
    """Something measured: a tag as the controller saw it, or the plant's truth."""

    tag: Name | None = None
    """Tag of the policy or of a soft sensor; counts where it is good."""
    truth: str | None = None
    """Column of the plant's truth."""
    unit: str | None = None
    """Unit of the numbers below; that of the tag if absent."""
    after_s: Duration = Field(alias="after", default=0.0)
    """Time since the start from which it counts; from the start if absent [s]."""

    @model_validator(mode="after")
    def _one(self) -> Quantity:
        if (self.tag is None) == (self.truth is None):
            raise ValueError("found both or neither of tag and truth, wanted one of them")
        return self

    @property
    def name(self) -> str:
        """Its name."""
        return self.tag or self.truth or ""


class Spanned(Quantity):
    """Something measured over a span of the run; at least one good value must be seen."""

    until_s: Duration | None = Field(default=None, alias="until")
    """Time since the start until which it counts; to the end if absent [s]."""


class Always(Spanned):
    """A quantity never leaves its bounds."""

    kind: Literal["always"]
    """Kind of assertion."""
    at_least: Number | None = None
    """Lowest good value, in `unit`."""
    at_most: Number | None = None
    """Highest good value, in `unit`."""

    @model_validator(mode="after")
    def _bounds(self) -> Always:
        return bounded(self, "at_least", "at_most")


class Never(Spanned):
    """A quantity never goes beyond a bound."""

    kind: Literal["never"]
    """Kind of assertion."""
    above: Number | None = None
    """Value it must not exceed, in `unit`."""
    below: Number | None = None
    """Value it must not fall short of, in `unit`."""

    @model_validator(mode="after")
    def _bounds(self) -> Never:
        return bounded(self, "above", "below")


class Eventually(Quantity):
    """A quantity comes within its bounds in time, and stays for a while."""

    kind: Literal["eventually"]
    """Kind of assertion."""
    at_least: Number | None = None
    """Lowest good value, in `unit`."""
    at_most: Number | None = None
    """Highest good value, in `unit`."""
    within_s: Duration = Field(alias="within")
    """Time from then in which it must come [s]."""
    stays_s: Duration = Field(alias="stays", default=0.0)
    """How long it then stays there; one period if absent [s]."""

    @model_validator(mode="after")
    def _bounds(self) -> Eventually:
        return bounded(self, "at_least", "at_most")

    @property
    def end_s(self) -> float:
        """Time since the start until which it must have come [s]."""
        return self.after_s + self.within_s


class Band(Spanned):
    """A quantity is within a band for a share of the time."""

    kind: Literal["band"]
    """Kind of assertion."""
    low: Number
    """Lowest good value, in `unit`."""
    high: Number
    """Highest good value, in `unit`."""
    share: Share = 1.0
    """Least share of the good values that lie within [1]."""


class Integral(Spanned):
    """The integral of the absolute error of a quantity stays small."""

    kind: Literal["iae"]
    """Kind of assertion."""
    target: Number
    """Value wanted, in `unit`."""
    at_most: Number
    """Largest good integral, in `unit` times second."""


class Move(Spanned):
    """A quantity never changes by much from one period to the next."""

    kind: Literal["max_move"]
    """Kind of assertion."""
    at_most: Number
    """Largest good change in one period, in `unit`."""


class KpiIs(Claim):
    """A figure of the run lies within bounds."""

    kind: Literal["kpi"]
    """Kind of assertion."""
    kpi: str
    """Dotted name in the result, for example ``api.iae``."""
    at_least: Number | None = None
    """Lowest good value, in the unit of the figure."""
    at_most: Number | None = None
    """Highest good value, in the unit of the figure."""

    @model_validator(mode="after")
    def _bounds(self) -> KpiIs:
        return bounded(self, "at_least", "at_most")


class AlertComes(Within):
    """A watch speaks within a time, and not before."""

    kind: Literal["alert"]
    """Kind of assertion."""
    watch: Word
    """Name of the watch in the policy."""
    says: str = ""
    """Words its sentence must hold."""


class FirstOut(During):
    """A watch is the first to speak, of all or of some."""

    kind: Literal["first_out"]
    """Kind of assertion."""
    watch: Word
    """Name of the watch in the policy."""
    among: tuple[Word, ...] = ()
    """Watches it is compared with; all if empty."""


class PhaseComes(Within):
    """A loop reaches a phase within a time."""

    kind: Literal["phase"]
    """Kind of assertion."""
    loop: Word
    """Name of the loop."""
    phase: Phase
    """Phase wanted."""


class NeverPhase(During):
    """A loop is never in a phase."""

    kind: Literal["never_phase"]
    """Kind of assertion."""
    loop: Word
    """Name of the loop."""
    phase: Phase
    """Phase that must not be."""


class QualityComes(Within):
    """The quality of a tag becomes another one within a time."""

    kind: Literal["quality"]
    """Kind of assertion."""
    tag: Name
    """Tag of the policy or of a soft sensor."""
    quality: Literal["good", "uncertain", "bad"]
    """Quality wanted."""


class Said(Within):
    """The controller says something within a time."""

    kind: Literal["event"]
    """Kind of assertion."""
    says: Annotated[str, Field(min_length=1)]
    """Words the sentence must hold."""


class Quiet(During):
    """A watch never speaks."""

    kind: Literal["quiet"]
    """Kind of assertion."""
    watch: Word
    """Name of the watch in the policy."""


class Guarded(During):
    """Every setpoint written lies within its limits, and was written while its loop was active."""

    kind: Literal["guarded"]
    """Kind of assertion."""


class Agrees(During):
    """A tag, where it is good, agrees with the plant's truth: root mean square of the difference."""

    kind: Literal["agrees"]
    """Kind of assertion."""
    tag: Name
    """Tag of the policy or of a soft sensor."""
    with_: str = Field(alias="with")
    """Column of the plant's truth, in the unit of the tag."""
    at_most: Number
    """Largest good root mean square of the difference, in the unit of the tag."""
    share: Share = 0.0
    """Least share of the time in which the tag is good [1]."""


class Unwritten(During):
    """No setpoint is written."""

    kind: Literal["unwritten"]
    """Kind of assertion."""


class FaultTold(Claim):
    """An alert is matched to a fault within a time."""

    kind: Literal["detected"]
    """Kind of assertion."""
    fault: str
    """Name of the fault in the catalogue; the first of the list that bears it is meant."""
    within_s: Duration = Field(alias="within")
    """Time from its onset in which it must be told [s]."""


class IncidentComes(Within):
    """An incident opens within a time, and says where and what it is."""

    kind: Literal["incident"]
    """Kind of assertion."""
    fault: str | None = None
    """Fault from whose onset the time counts, the first of the list that bears the name; from `after` if absent."""
    unit: str | None = None
    """Unit of the line it must name; any if absent."""
    reading: str | None = None
    """Reading of the policy it must name; any if absent."""
    cause: Literal["sensor", "process"] | None = None
    """Whether it must take what measures, or what is measured, for the cause; either if absent."""
    at_most: Annotated[int, Field(ge=1)] | None = None
    """Most incidents that may open from then on [1]; any number if absent."""

    def spoken(self) -> str:
        """Return in words what must come."""
        what = self.reading or self.unit or ""
        few = "" if self.at_most is None else f", of at most {self.at_most},"
        return f"an incident{f' of {what}' if what else ''}{f' ({self.cause})' if self.cause else ''}{few}"

    @model_validator(mode="after")
    def _once(self) -> IncidentComes:
        if self.fault is not None and self.after_s:
            raise ValueError("found fault and after, wanted one of them")
        return self


class CaseComes(Within):
    """A case is at a stage within a time."""

    kind: Literal["case"]
    """Kind of assertion."""
    stage: Stage
    """Stage it must be at."""
    number: Annotated[int, Field(ge=1)] = Field(default=1, alias="case")
    """Which case of the run, from 1 [1]."""
    entry: str | None = None
    """Entry of the library it must be about, empty for an unknown trend; any if absent."""
    disposition: Disposition | None = None
    """What it must be judged to be; any if absent."""
    signatures: Annotated[int, Field(ge=0)] | None = None
    """Signatures it must have [1]; any number if absent."""
    late: Word | None = None
    """Step that must be late and told on; none if absent."""
    drafted: Word | None = None
    """Library entry that must be drafted from it; none if absent."""


Assertion = Annotated[
    Always | Never | Eventually | Band | Integral | Move | KpiIs | AlertComes | FirstOut | PhaseComes | NeverPhase
    | QualityComes | Agrees | AlarmIs | AlarmLoad | NoticeComes | Said | Quiet | Guarded | Unwritten | FaultTold
    | IncidentComes | CaseComes,
    Field(discriminator="kind"),
]  # fmt: skip
"""Anything a scenario may claim."""
