"""What a policy says of connections and tags."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from policies.words import Declared, Duration, Name, Number, Span, Word

ByteOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
"""Order of the bytes of one 32-bit value on the wire; 64-bit values follow the same rule."""

WireType = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
"""How a value is held by the device."""


class Access(StrEnum):
    """What the controller may do with a tag."""

    READ = "read"
    WRITE = "write"


class Handshake(Declared):
    """Tags by which the controller and one PLC tell each other that they are alive and willing."""

    heartbeat: Name
    """Counter the controller writes last in every cycle in which it may move the plant."""
    arm: Name
    """Written 1 to ask for remote setpoints, 0 to hand them back."""
    state: Name
    """PLC's own word: 0 local, 1 remote, 2 fallback after a lost heartbeat, 3 starting."""
    scan: Name
    """PLC's own scan counter; a step back means the PLC was restarted."""


class OpcUa(Declared):
    """A connection to an OPC UA server."""

    protocol: Literal["opcua"]
    """Kind of connection."""
    endpoint: Annotated[str, Field(pattern=r"^opc\.tcp://[^/\s]+")]
    """Address of the server, for example ``opc.tcp://10.0.0.5:4840``."""
    namespace: str
    """URI of the namespace the node identifiers live in."""
    security: Literal["None"]
    """Security policy; None must be asked for by name. Encrypted policies are not supported yet."""
    timeout_s: Duration = Field(default=0.5, alias="timeout")
    """Longest wait for one answer [s]."""
    session_timeout_s: Duration = Field(default=15.0, alias="session_timeout")
    """Time after which the server may forget a silent session [s]."""
    chunk: Annotated[int, Field(ge=1, le=500)] = 500
    """Most nodes in one read [1]."""
    handshake: Handshake | None = None
    """Tags of the handshake; without them nothing can be written through this connection."""


class Modbus(Declared):
    """A connection to a Modbus TCP device."""

    protocol: Literal["modbus"]
    """Kind of connection."""
    host: str
    """Host name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    """TCP port [1]."""
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    """Unit identifier [1]."""
    byte_order: ByteOrder = "ABCD"
    """Order of bytes where a tag does not say otherwise."""
    timeout_s: Duration = Field(default=0.5, alias="timeout")
    """Longest wait for one answer [s]."""
    max_gap: Annotated[int, Field(ge=0, le=124)] = 16
    """Most unused registers read to join two blocks [1]."""
    handshake: Handshake | None = None
    """Tags of the handshake; without them nothing can be written through this connection."""


Connection = Annotated[OpcUa | Modbus, Field(discriminator="protocol")]
"""One way to reach the plant."""


class Tag(Declared):
    """One signal of the line, as the plant knows it."""

    unit: str
    """UCUM code of the engineering unit, for example ``kg/h``; ``1`` for a pure number."""
    range: Span
    """Lowest and highest value the signal can mean, in `unit`."""
    connection: Word
    """Name of the connection it comes through."""
    address: str
    """OPC UA identifier such as ``s=NIR.SPECTRUM``, or Modbus table and offset such as ``input:10``."""
    type: WireType = "float64"
    """How the device holds it."""
    length: Annotated[int, Field(ge=1, le=4096)] = 1
    """Number of values; more than one for a spectrum [1]."""
    byte_order: ByteOrder | None = None
    """Order of bytes, where it differs from the connection's (Modbus only)."""
    scale: Number = 1.0
    """Engineering value per raw count, unit of the tag."""
    offset: Number = 0.0
    """Engineering value at raw zero, unit of the tag."""
    access: Access = Access.READ
    """Whether it may be written."""
    read_back: Name | None = None
    """Tag that shows what the plant made of a write; needed where `access` is write."""
    stale_after_s: Duration = Field(default=3.0, alias="stale_after")
    """Age at which a value stops being evidence [s]."""
    age_from: Literal["arrival", "source"] = "arrival"
    """Whether age counts from arrival here, or from the time the source gave (analysers)."""
    description: str = ""
    """What it is, in the words of the line."""
