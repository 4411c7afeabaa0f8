"""Where a policy is run: what of it is no part of what was approved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controller.cli.access import Station
from controller.cli.copying import Copies
from controller.console.doors import Doors


@dataclass(frozen=True, slots=True)
class Site:
    """Where a policy is run: what of it is no part of what was approved."""

    connect: Mapping[str, str]
    """Other addresses by connection."""
    pki: str | None = None
    """Folder of certificates and keys; None for that of the policy."""
    speed: float | None = None
    """Plant seconds per wall second [1]; None for what the policy says."""
    waits: bool = False
    """Whether the plant waits for the controller, whatever the policy says."""
    station: Station = field(default_factory=Station)
    """Who is there."""
    log: Path | None = None
    """File to which everything that happened is appended for machines; None for nowhere."""
    copies: Copies = field(default_factory=Copies)
    """Copies records to the database of the site, where the policy names one."""
    after: Path | None = None
    """Record whose alarms the run goes on with; None for none."""
    doors: Doors | None = None
    """Where the operator console is served; nowhere where None."""
