"""A policy as a whole: everything declared about one line.

Nothing here computes, reads or waits. A policy in force is never edited, only superseded by another one with
another fingerprint.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Annotated, Literal, cast

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationInfo, WithJsonSchema, field_validator

from policies.alarms import Alarms
from policies.budgets import Budgets
from policies.cases import Cases
from policies.incidents import Incidents
from policies.loops import Loop, TransferFunction
from policies.material import Material
from policies.notices import Notices
from policies.people import People
from policies.records import Records
from policies.scans import CONTROL, ScanClass, Scans
from policies.served import Served
from policies.soft import SoftSensor
from policies.tags import Connection, Tag
from policies.watches import Watch
from policies.words import Declared, Duration, Name, Word, named, written


class Lockstep(Declared):
    """Tags by which a simulated plant waits for the controller; never present on a real line."""

    request: Name
    """Written k to ask for the k-th period."""
    done: Name
    """Shows k when the k-th period has gone by."""
    patience_s: Duration = Field(default=5.0, alias="patience")
    """Wall time waited for one period before the cycle goes on without it [s]."""
    every_s: Duration | None = Field(default=None, alias="every")
    """Plant time that goes by in one of its periods, whole cycles [s]; one cycle where absent."""


def _speed(written: object) -> object:
    number = isinstance(written, int | float) and not isinstance(written, bool) and 0.0 < written < inf
    if not number and not (isinstance(written, str) and named(written)):
        raise ValueError("expected a number above 0, or the name of the tag that shows it")
    return written


Speed = Annotated[
    float | str,
    BeforeValidator(_speed),
    WithJsonSchema({"type": ["number", "string"], "examples": [60.0, "SYS.Speed"]}),
]
"""Plant seconds per wall second, or the name of the tag that shows it."""


class PlantTime(Declared):
    """How the time of a simulated plant goes by where it is not that of the wall; never present on a real line."""

    speed: Speed = 1.0
    """Plant seconds per wall second, or the tag that shows it [1]."""
    waits: bool = False
    """Whether the plant waits for the controller, which leads it by the tags of `lockstep`."""
    running: Name | None = None
    """Tag that shows 0 once the plant has ended, and the run ends with it; the run goes on where absent."""


def _cyclic(period_s: float) -> ScanClass:
    return ScanClass.model_validate({"every": written(period_s)})


class Policy(Declared):
    """Everything the controller is told about one line."""

    policy: Literal[1]
    """Version of this format."""
    line: str
    """Name of the line."""
    revision: str
    """Revision under change control."""
    period_s: Duration = Field(alias="period")
    """Length of one control cycle [s]."""
    connections: Annotated[dict[Word, Connection], Field(min_length=1)]
    """Ways to reach the plant."""
    scans: Scans = Field(default_factory=dict[str, ScanClass])
    """Scan classes beside ``control``, which is read in every cycle, by name."""
    tags: Annotated[dict[Name, Tag], Field(min_length=1)]
    """Every signal read or written, by name; those of `tag_table` are among them."""
    tag_table: str | None = None
    """CSV file beside the policy with more tags, one to a row."""
    soft_sensors: dict[Name, SoftSensor] = Field(default_factory=dict)
    """Virtual tags inferred from others, by name."""
    loops: dict[Word, Loop] = Field(default_factory=dict)
    """What is held on target, by name."""
    watches: dict[Word, Watch] = Field(default_factory=dict)
    """What is watched, by name."""
    budgets: Budgets = Budgets()
    """False alarms each class of people is to bear at most."""
    incidents: Incidents | None = None
    """How alerts are folded into incidents; alerts stay alone where absent."""
    alarms: Alarms = Alarms()
    """How alarms are told, and which are raised besides what watches, loops and incidents say."""
    cases: Cases | None = None
    """How QA follows up what is out of trend; no case is opened where absent."""
    notices: Notices | None = None
    """Who is told of alarms beyond the screen; nobody where absent."""
    records: Records = Records()
    """How a run is recorded."""
    material: Material | None = None
    """How material is followed and diverted; not at all where absent."""
    served: Served = Served()
    """What other systems are shown of a run."""
    people: People = People()
    """What is demanded of the people who run it."""
    lockstep: Lockstep | None = None
    """Tags of a simulated plant that waits for the controller."""
    plant_time: PlantTime | None = None
    """How the time of a simulated plant goes by; as that of the wall where absent."""

    @field_validator("tags")
    @classmethod
    def _aged(cls, tags: dict[str, Tag], info: ValidationInfo) -> dict[str, Tag]:
        """Let values of slow classes stand until their next scans."""
        scans = cast("Mapping[str, ScanClass]", info.data.get("scans", {}))
        if "period_s" in info.data:
            scans = {CONTROL: _cyclic(info.data["period_s"])} | dict(scans)
        return {
            name: tag
            if tag.scan not in scans or "stale_after_s" in tag.model_fields_set
            else tag.model_copy(update={"stale_after_s": scans[tag.scan].kept_s})
            for name, tag in tags.items()
        }

    @field_validator("loops")
    @classmethod
    def _turned(cls, loops: dict[str, Loop], info: ValidationInfo) -> dict[str, Loop]:
        """Tell loops that step with the cycle how long one is."""
        period_s = cast("float", info.data.get("period_s", 0.0))
        return {n: each.every(period_s) if isinstance(each, TransferFunction) else each for n, each in loops.items()}

    _fingerprint: str = PrivateAttr(default="")
    _files: Mapping[str, bytes] = PrivateAttr(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the policy file and every file it names, hexadecimal."""
        return self._fingerprint

    @property
    def files(self) -> Mapping[str, bytes]:
        """Bytes of the policy (under the empty name) and of every file it names."""
        return self._files

    def sealed(self, fingerprint: str, files: Mapping[str, bytes]) -> Policy:
        """Return this policy with the fingerprint and the bytes it was read from."""
        copy = self.model_copy()
        copy._fingerprint, copy._files = fingerprint, files  # noqa: SLF001  # its own class
        return copy

    @property
    def classes(self) -> dict[str, ScanClass]:
        """Every scan class by name, ``control`` the first."""
        return {CONTROL: _cyclic(self.period_s)} | self.scans

    def units(self) -> dict[str, str]:
        """Return the UCUM unit of every tag, virtual ones included."""
        virtual = {n: unit for name, s in self.soft_sensors.items() for n, (unit, _) in s.outputs(name).items()}
        return {name: tag.unit for name, tag in self.tags.items()} | virtual
