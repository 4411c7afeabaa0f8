"""What a report of soft sensors says of challengers, as `promote` reads it."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel


class ReportedModel(BaseModel):
    """A model that was compared."""

    sha256: str
    """SHA-256 of its file, hexadecimal."""


class ReportedSensor(BaseModel):
    """A soft sensor."""

    challenger: ReportedModel | None = None
    """The model beside the one in service."""
    better: bool = False
    """Whether it is better by the rule of the policy."""
    verdict: str = ""
    """The same in words."""


class Report(BaseModel):
    """What `report soft` writes."""

    sensors: Mapping[str, ReportedSensor]
    """Every soft sensor with late results, by name."""
