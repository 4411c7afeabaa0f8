"""What a policy says of incidents: how alerts are folded, which tags are of which unit, and what they mean together."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from policies.words import Declared, Duration, Name, Number, Phrase

Share = Annotated[float, Field(gt=0.0, le=1.0, allow_inf_nan=False, strict=True)]
"""Share of a whole, above 0 to 1."""


class Unit(Declared):
    """A part of the line that people go to."""

    tags: Annotated[tuple[Name, ...], Field(min_length=1)]
    """Tags that are of it, virtual ones and what loops believe included."""
    watches: tuple[str, ...] = ()
    """Watches that are about it though they name none of its tags, alerts of loops included."""
    from_: tuple[str, ...] | None = Field(default=None, alias="from")
    """Units its material comes from, each declared above it; the one before it where absent, none where empty."""
    instrument: bool = False
    """Whether it only measures, so that what is wrong with it is wrong with a sensor."""
    sop: str = ""
    """Procedure and step for whoever goes there."""


class Reading(Declared):
    """What some tags mean when they move together."""

    unit: str
    """Unit it is about."""
    kind: Literal["sensor", "process"]
    """Whether what measures is wrong, or what is measured."""
    moves: Annotated[dict[Name, Number], Field(min_length=1)]
    """Side to which each tag moves: 1 up, -1 down, less for a tag that moves less [1]."""
    sop: str = ""
    """Procedure and step; those of the unit where empty."""

    @field_validator("moves")
    @classmethod
    def _moved(cls, moves: dict[str, float]) -> dict[str, float]:
        for name, side in moves.items():
            if not 0.0 < abs(side) <= 1.0:
                raise ValueError(f"{name}: found {side:g}, expected a number from -1 to 1 that is not 0")
        return moves


class Incidents(Declared):
    """How alerts of all watches and loops become incidents."""

    merge_s: Duration = Field(default=1800.0, alias="merge")
    """Time after the last condition of an incident in which another one joins it [s]."""
    clear_s: Duration = Field(default=600.0, alias="clear")
    """Time without any condition after which an incident is closed [s]."""
    together_s: Duration = Field(default=60.0, alias="together")
    """Time in which conditions of units that hang together in any way are taken for one incident [s]."""
    advice: Literal["joins", "opens"] = "joins"
    """Whether a watch of the learning lane opens an incident, or only joins those that the locked lane opens."""
    share: Share = 0.6
    """Likeness of the signs to a reading from which it is named, 1 where they agree in full [1]."""
    units: dict[Phrase, Unit] = Field(default_factory=dict)
    """Parts of the line by name, in the order of the material."""
    readings: dict[Phrase, Reading] = Field(default_factory=dict)
    """What signs mean together, by name."""
