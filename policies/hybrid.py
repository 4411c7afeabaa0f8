"""What a policy says of a hybrid soft sensor: physics with identified parameters, and what was learnt beside it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policies.sampled import Sampled
from policies.words import Declared, Duration, Name, Positive, Span, Word

Form = Literal["parallel", "serial_features", "serial_parameter", "learner_only", "mechanistic_only"]
"""How physics and learner are put together; the last two are the yardsticks."""


class Laboratory(Sampled):
    """Results that come late and move the bias of a soft sensor, at the time their samples were taken."""

    tag: Name
    """Tag of the newest result, in the unit of the soft sensor."""
    sd: Positive
    """Standard deviation of one result, in the unit of the tag."""
    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.3
    """Share of a new difference in the bias, an exponentially weighted mean [1]."""


class Challenge(Declared):
    """A model that runs beside the one in service, where no loop reads it, and when it is called better."""

    model: str
    """File of the fitted model, beside the policy; of the same inputs and unit."""
    results: Annotated[int, Field(ge=6, le=200)] = 12
    """Fewest late results of which both had said something [1]."""
    newest: Annotated[int, Field(ge=6, le=200)] = 40
    """Newest of them that count [1]."""
    better: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.1
    """Share by which its error (rms) must be the smaller one [1]."""
    risk: Annotated[float, Field(gt=0, lt=0.5, allow_inf_nan=False)] = 0.05
    """Probability with which luck may have made it come nearer so often, or cover so few [1]."""


class Hybrid(Declared):
    """A quantity from a mechanistic core and a learner, with an interval that keeps its word.

    Its own name is the value. ``.MECH`` is what the core alone says, ``.ML`` what the learner adds, ``.LOW`` and
    ``.HIGH`` bound the interval its model states, ``.T2`` says how far the inputs lie from those it was fitted to, and
    ``.BIAS`` and ``.RES`` are what laboratory results have moved, and the newest of them less what was said of its
    sample. Outside what the model was fitted to the value is doubted, falls back to the core, or is withheld. A
    challenger gives the same tags behind ``.CHALLENGER``, and ``.BETTER`` is 1 where it is better by the rule.
    """

    kind: Literal["hybrid"]
    """Form of the soft sensor."""
    form: Form
    """How core and learner are put together, as in the model: the learner adds to the core, takes its results as
    features, or gives one of its parameters."""
    unit: str
    """UCUM code of the result."""
    range: Span
    """Lowest and highest result that can be meant, in `unit`."""
    model: str
    """File of the fitted model, beside the policy."""
    reads: Annotated[dict[Word, Name], Field(min_length=1)]
    """Tag of each input of the model, by its name there."""
    outside: Literal["mechanistic", "uncertain", "none"] = "mechanistic"
    """What is given where the inputs lie outside the model: the core alone, the value in doubt, or nothing."""
    lab: Laboratory | None = None
    """Laboratory results that correct it; none if absent."""
    challenger: Challenge | None = None
    """A model beside the one in service, compared on the same late results; none if absent."""
    every_s: Duration = Field(default=10.0, alias="every")
    """Time from one look to the next; between them the last value stands [s]."""
    stale_after_s: Duration = Field(default=15.0, alias="stale_after")
    """Time without an input after which the value is doubted [s]."""
    lost_after_s: Duration = Field(default=60.0, alias="lost_after")
    """Time without an input after which nothing is concluded from it [s]."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Return the tags it is made from."""
        late = [] if self.lab is None else [self.lab.tag, self.lab.clock, self.lab.taken]
        return tuple(dict.fromkeys([*self.reads.values(), *(tag for tag in late if tag and tag != "source")]))

    def outputs(self, name: str) -> dict[str, tuple[str, tuple[float, float]]]:
        """Return unit and range of every tag this sensor named `name` gives."""
        return inferred(name, self.unit, self.range, challenged=self.challenger is not None)


def rival(name: str) -> str:
    """Return the name of the tag that is the value of the challenger of a sensor."""
    return f"{name}.CHALLENGER"


def inferred(
    name: str, unit: str, span: tuple[float, float], *, challenged: bool = False
) -> dict[str, tuple[str, tuple[float, float]]]:
    """Return unit and range of every tag a hybrid soft sensor gives.

    Parameters
    ----------
    name
        Name of the sensor.
    unit
        UCUM code of its result.
    span
        Lowest and highest result, in `unit`.
    challenged
        Whether a challenger runs beside it.
    """
    width = span[1] - span[0]
    found = dict.fromkeys((name, f"{name}.MECH", f"{name}.LOW", f"{name}.HIGH"), (unit, span))
    apart = dict.fromkeys((f"{name}.ML", f"{name}.BIAS", f"{name}.RES"), (unit, (-width, width)))
    own = found | apart | {f"{name}.T2": ("1", (0.0, 1e9))}
    beside = inferred(rival(name), unit, span) | {f"{name}.BETTER": ("1", (0.0, 1.0))} if challenged else {}
    return own | beside
