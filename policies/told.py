"""What every watch says to people: how soon, to whom, what to do, and in which lane."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from policies.words import Declared

Priority = Literal["high", "medium", "low"]
"""How soon a person must act (ISA-18.2)."""

Route = Literal["operator", "qa", "maintenance", "lab"]
"""Who is told."""


class Lane(StrEnum):
    """Whether a model may act (draft EU GMP Annex 22, July 2025)."""

    LOCKED = "locked"
    """Deterministic, frozen, approved."""
    LEARNING = "learning"
    """Learns on line; advises people only."""


class Told(Declared):
    """What every kind of watch declares."""

    priority: Priority = "medium"
    """How soon a person must act."""
    route: Route = "operator"
    """Who is told."""
    response: str
    """What the person told should do."""
