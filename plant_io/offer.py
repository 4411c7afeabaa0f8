"""What a server offers: its variables, and the tag table they make."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

from plant_io.claims import Claim, unit_of
from plant_io.decode import bounds
from policies import OpcUa
from policies.tags import WireType

_KINDS: frozenset[str] = frozenset(get_args(WireType))
_UNFIT = re.compile(r"[^A-Za-z0-9_]+")
_FAR = 1e9


@dataclass(frozen=True, slots=True)
class Node:
    """One variable of a server."""

    path: tuple[str, ...]
    """Names from the top of the server's tree down to its own."""
    namespace: str
    """URI of the namespace of its identifier."""
    identifier: str
    """Identifier without its namespace, such as ``s=NIR.SPECTRUM``."""
    type: str
    """How the server holds it, in the words of a policy where a policy can say it."""
    length: int = 1
    """Number of values [1]."""
    writable: bool = False
    """Whether the server lets this user write it."""
    claim: Claim = field(default_factory=Claim)
    """Unit and range, where the server tells them."""
    description: str = ""
    """What the server says it is."""

    @property
    def usable(self) -> bool:
        """Whether a policy can declare it."""
        return self.type in _KINDS

    @property
    def unit(self) -> str | None:
        """UCUM code of its unit, or None if the server tells none that is known."""
        return unit_of(self.claim)

    @property
    def span(self) -> tuple[float, float] | None:
        """Lowest and highest value, in the server's unit, or None if the server tells none that can be one."""
        span = self.claim.span
        return span if span is not None and span[0] < span[1] else None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offers."""

    namespaces: tuple[str, ...]
    """URIs of its namespaces."""
    nodes: tuple[Node, ...]
    """Its variables, those of the standard itself left out."""
    complete: bool = True
    """Whether it was looked through to the end."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a server stands to a policy, beside the values it gives."""

    ahead_s: float | None = None
    """How far its clock is ahead of ours [s]; None where it does not tell the time."""
    writable: Mapping[str, bool] = field(default_factory=dict[str, bool])
    """Whether this user may write a node, by its identifier."""


def policy_part(server: OpcUa, offer: Offer) -> str:
    """Return connections and tags for all that a policy can declare, as YAML to be pasted.

    A policy knows one namespace in each connection, so each namespace gets one. What a server does not tell is marked.

    Parameters
    ----------
    server
        How it was reached.
    offer
        What it offers.
    """
    usable = [node for node in offer.nodes if node.usable]
    spaces = list(dict.fromkeys(node.namespace for node in usable))
    links = {space: "plc" if len(spaces) == 1 else f"plc{i + 1}" for i, space in enumerate(spaces)}
    lines = ["connections:"]
    for space, link in links.items():
        where = f"protocol: opcua, endpoint: {_text(server.endpoint)}, namespace: {_text(space)}"
        lines.append(f"  {link}: {{{where}, security: {_text(server.security)}}}")
    lines.append("tags:")
    lines += [
        f"  {name}: {_tag(node, links[node.namespace])}" for name, node in zip(names(usable), usable, strict=True)
    ]
    return "\n".join(lines) + "\n"


def names(nodes: Sequence[Node]) -> list[str]:
    """Return a name for each node that a policy accepts: its own if no other has it, or with what it stands under."""
    found = [_name(node.path[-1:]) for node in nodes]
    depth = 1
    while (twice := {name for name, count in Counter(found).items() if count > 1}) and depth < max(
        len(node.path) for node in nodes
    ):
        depth += 1
        found = [_name(node.path[-depth:]) if name in twice else name for name, node in zip(found, nodes, strict=True)]
    return list(_numbered(found))


def _numbered(found: Iterable[str]) -> Iterator[str]:
    """Tell apart what has the same name even with everything above it."""
    seen: Counter[str] = Counter()
    for name in found:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}_{seen[name]}"


def _name(path: Sequence[str]) -> str:
    parts = [part for step in path for part in step.split(".")]
    clean = [_UNFIT.sub("_", part).strip("_") for part in parts]
    name = ".".join(part for part in clean if part) or "T"
    return name if name[0].isascii() and name[0].isalpha() else f"T{name}"


def _tag(node: Node, link: str) -> str:
    span = node.span or bounds(node.type) or (-_FAR, _FAR)
    parts = [f"unit: {_text(node.unit or '1')}", f"range: [{span[0]:.12g}, {span[1]:.12g}]", f"connection: {link}"]
    parts += [f"address: {_text(node.identifier)}", f"type: {node.type}"]
    parts += [f"length: {node.length}"] if node.length > 1 else []
    said = node.description if node.description != node.path[-1] else ""
    parts += [f"description: {_text(said)}"] if said else []
    remarks = [] if node.unit else [f"the unit {node.claim.text!r} is not known" if node.claim.text else "no unit told"]
    remarks += [] if node.span else ["no range told"]
    remarks += ["it can be written"] if node.writable else []
    return f"{{{', '.join(parts)}}}" + (f"  # {'; '.join(remarks)}" if remarks else "")


def _text(text: str) -> str:
    """Return text as YAML reads it wherever it stands."""
    return json.dumps(text, ensure_ascii=False)
