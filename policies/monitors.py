"""What a policy says of a monitor: all tags of a line watched together, against a frozen and approved model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from policies.told import Lane, Told
from policies.words import Declared, Duration, Name, Number, Positive, Word


class When(Declared):
    """A state the line can be in, shown by a tag or by the phase of a loop."""

    tag: Name | None = None
    """Tag that shows it."""
    at_least: Number | None = None
    """Lowest value at which it stands, in the unit of the tag."""
    at_most: Number | None = None
    """Highest value at which it stands, in the unit of the tag."""
    changes: bool = False
    """Whether each change of the value is meant, as of a lot or a grade."""
    loop: Word | None = None
    """Loop that shows it."""
    phases: tuple[Literal["off", "ready", "request", "init", "active", "hold", "shed"], ...] = ()
    """Phases of the loop at which it stands."""
    settle_s: Duration = Field(default=0.0, alias="settle")
    """Time for which it goes on to count after its end [s]."""

    @model_validator(mode="after")
    def _one(self) -> When:
        shown = (self.at_least is not None or self.at_most is not None, self.changes, bool(self.phases))
        if (self.tag is None) == (self.loop is None):
            raise ValueError("found both or neither of tag and loop, expected one of them")
        if sum(shown) != 1 or (self.loop is not None) != bool(self.phases):
            raise ValueError("expected at_least or at_most, or changes, beside a tag, or phases beside a loop")
        return self


class Running(Declared):
    """What shows that the line runs."""

    tag: Name
    """Tag that shows it."""
    at_least: Number
    """Lowest value at which the line runs, in the unit of the tag."""
    settle_s: Duration = Field(default=0.0, alias="settle")
    """Time of silence after the line began to run [s]."""


class Monitor(Told):
    """All tags of a line, watched together against a frozen model."""

    kind: Literal["monitor"]
    """Form of the watch."""
    lane: Literal[Lane.LOCKED] = Lane.LOCKED
    """Always locked: the model is approved as a file; its twin that learns only advises."""
    model: str
    """Model file, beside the policy."""
    tags: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Tags judged, or what a loop believes, such as ``blend.bias.api_flow``; in the order of the model."""
    inputs: tuple[Name, ...] = ()
    """What helps to predict them and is not judged; in the order of the model."""
    every_s: Duration = Field(default=10.0, alias="every")
    """Time between two looks, that of the model [s]."""
    baseline_s: Duration | None = Field(default=None, alias="baseline")
    """Time of steady running of each run from whose means tags are judged as departures [s]; none where absent."""
    absolute: tuple[Name, ...] = ()
    """Tags that are judged as they are, whatever the run began with."""
    moved: tuple[Name, ...] = ()
    """Inputs that count as departures too, as setpoints do that a loop moves; the others count as they are."""
    log: tuple[Name, ...] = ()
    """Tags and inputs of which the natural logarithm is taken; no value where they are not above 0."""
    runs: Running | None = None
    """What shows that the line runs; always where absent."""
    suppressed: tuple[When, ...] = ()
    """States in which nothing is judged: start-up, shutdown, another lot, another grade."""
    limit: Positive | None = None
    """Score from which a sample is an anomaly [1]; that of the model where absent."""
    clear: Annotated[float, Field(gt=0, le=1)] | None = None
    """Share of the limit below which an alarm ends [1]; that of the model where absent."""
    on_delay: Annotated[int, Field(ge=1)] | None = None
    """Looks in a row an alarm takes to begin [1]; those of the model where absent."""
    rebaseline_s: Duration = Field(default=7200.0, alias="rebaseline")
    """Time for which the twin finds normal what the model does not before a new model is advised [s]."""
    approved_by: tuple[str, ...] = ()
    """Fingerprints of the public keys of which one must have signed the model; none is asked for where empty."""

    @model_validator(mode="after")
    def _known(self) -> Monitor:
        for key, names, among in (
            ("absolute", self.absolute, self.tags),
            ("moved", self.moved, self.inputs),
            ("log", self.log, (*self.tags, *self.inputs)),
        ):
            if odd := [name for name in names if name not in among]:
                expected = {"absolute": "tags", "moved": "inputs"}.get(key, "tags or inputs")
                raise ValueError(f"{key}: found {odd[0]}, expected one of the {expected}")
        return self
