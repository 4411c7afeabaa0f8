"""Which clock can carry which fault, and what a fault can fall on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from hil.faults.tables import (
    BREAKS,
    CONTROLLER,
    LINK,
    LINKS,
    LOOP,
    MODBUS,
    MODBUS_FAULTS,
    OPCUA,
    OPCUA_FAULTS,
    PLC,
    REGISTER,
    REPORTING,
    SELF,
    SETPOINT,
    SOLVERS,
    STAMPED,
    TAG,
)
from hil.plants.faults import CATALOGUE, Fault, of_plant, targets_of
from hil.plants.kinds import Kind
from hil.plc.blueprint import Blueprint
from policies import Modbus, OpcUa, Policy
from policies.scans import SUBSCRIBE

Clock = Literal["memory", "virtual", "lockstep", "wall"]
"""How time goes by."""


def cannot(fault_id: str, clock: str) -> str:
    """Return why a clock cannot carry a fault; empty if it can.

    Examples
    --------
    >>> cannot("F04", "memory")
    ''
    """
    if fault_id in LINKS and clock == "memory":
        return f"{fault_id} is one of a link, and in memory there is none: wanted clock virtual, lockstep or wall"
    if (fault_id in OPCUA_FAULTS or fault_id in MODBUS_FAULTS) and clock == "memory":
        return f"{fault_id} is one of a server, and in memory there is none: wanted clock virtual, lockstep or wall"
    if fault_id in LINKS and fault_id not in BREAKS and clock == "lockstep":
        return f"{fault_id} is noticed by waiting, and in lock-step time waits too: wanted clock virtual or wall"
    if fault_id in SOLVERS and clock == "wall":
        return f"{fault_id} needs solvers that can be told to: wanted clock memory, virtual or lockstep"
    return ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where faults fall: a line and the policy it runs under."""

    line: Blueprint
    """The simulated line."""
    policy: Policy
    """The policy."""

    def targets(self, fault_id: str) -> list[str]:
        """Return what a fault of the catalogue can fall on."""
        kind = CATALOGUE[fault_id]
        return targets_of(fault_id, self.line.targets) if of_plant(fault_id) else self._others(kind)

    def possible(self, fault_id: str) -> tuple[list[str], str]:
        """Return what a fault can fall on under any policy of the line, and what this policy lacks for it."""
        found = self.targets(fault_id)
        if found or CATALOGUE[fault_id].unit != REPORTING:
            return found, ""
        links = self.policy.connections
        return [name for name, link in links.items() if isinstance(link, OpcUa)], f"a tag with scan: {SUBSCRIBE}"

    def _others(self, kind: Kind) -> list[str]:
        tags, links = self.policy.tags, self.policy.connections
        found: Mapping[str, list[str]] = {
            TAG: list(tags),
            STAMPED: [name for name, tag in tags.items() if isinstance(links[tag.connection], OpcUa)],
            REGISTER: [name for name, tag in tags.items() if _framed(links[tag.connection])],
            SETPOINT: [name for rules in self.line.rules.values() for name in rules.limits],
            PLC: list(self.line.rules),
            LINK: list(links),
            OPCUA: [name for name, link in links.items() if isinstance(link, OpcUa)],
            REPORTING: sorted({tag.connection for tag in tags.values() if tag.scan == SUBSCRIBE}),
            MODBUS: [name for name, link in links.items() if _framed(link)],
            LOOP: list(self.policy.loops),
            SELF: [CONTROLLER],
        }
        return found[kind.unit]

    def span(self, fault: Fault) -> tuple[float, float]:
        """Return least and greatest magnitude that make sense, in the unit of the catalogue or of the tag."""
        kind = CATALOGUE[fault.id]
        low, high = kind.span
        tag = self.policy.tags.get(fault.target)
        if not kind.of_range or tag is None:
            return low, high
        least, greatest = tag.range
        width = greatest - least
        offset = least if fault.id == "saturated" else 0.0
        return offset + low * width, offset + high * width

    def measure(self, fault: Fault) -> str:
        """Return what the magnitude of a fault counts, with its unit."""
        kind = CATALOGUE[fault.id]
        tag = self.policy.tags.get(fault.target)
        return kind.measure if tag is None else kind.measure.replace("unit of the tag", tag.unit)


def _framed(link: object) -> bool:
    """Return whether a connection speaks Modbus in frames that can be spoilt."""
    return isinstance(link, Modbus) and link.framing == "tcp"
