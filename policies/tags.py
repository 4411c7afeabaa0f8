"""What a policy says of connections and tags."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Literal, cast

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, GetJsonSchemaHandler
from pydantic import Tag as Kind
from pydantic_core import CoreSchema

from policies.quality import Frozen, Ne43, Ne107, Substitute
from policies.scans import CONTROL, Coherence
from policies.words import Declared, Duration, Name, Number, Span, Word

ByteOrder = Literal["ABCD", "CDAB", "BADC", "DCBA"]
"""Order of the bytes of one 32-bit value on the wire; 64-bit values follow the same rule."""

WireType = Literal["bool", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"]
"""How a value is held by the device."""

_SHORTEST_WAIT_S, _LONGEST_WAIT_S = 0.3, 1.0


class Access(StrEnum):
    """What the controller may do with a tag."""

    READ = "read"
    WRITE = "write"


class Handshake(Declared):
    """Tags by which the controller and one PLC tell each other that they are alive and willing.

    One with a heartbeat alone, and perhaps a word for fallback, is a PLC that always takes remote setpoints.
    """

    heartbeat: Name
    """Counter the controller writes last in every cycle in which it may move the plant."""
    arm_tag: Name | None = Field(default=None, alias="arm")
    """Written 1 to ask for remote setpoints, 0 to hand them back."""
    state_tag: Name | None = Field(default=None, alias="state")
    """PLC's own word: 0 local, 1 remote, 2 fallback after a lost heartbeat, 3 starting."""
    scan_tag: Name | None = Field(default=None, alias="scan")
    """PLC's own scan counter; a step back means the PLC was restarted."""
    fallback: Name | None = None
    """Shows 1 while the PLC has fallen back after a lost heartbeat, where it has no `state` to tell it."""
    claim: Name | None = None
    """Number with which the controller claims the PLC for itself; written with all it says, and cleared by the PLC."""
    epoch: Name | None = None
    """Claim the PLC has granted last; while it is remote it takes nothing that comes with another."""

    @property
    def arm(self) -> str:
        """Tag of the arm word.

        Raises
        ------
        ValueError
            If there is none.
        """
        return _needed("arm", self.arm_tag)

    @property
    def state(self) -> str:
        """Tag of the state word.

        Raises
        ------
        ValueError
            If there is none.
        """
        return _needed("state", self.state_tag)

    @property
    def scan(self) -> str:
        """Tag of the scan counter.

        Raises
        ------
        ValueError
            If there is none.
        """
        return _needed("scan", self.scan_tag)


def _needed(role: str, tag: str | None) -> str:
    if tag is None:
        raise ValueError(f"found a handshake with a heartbeat alone, expected one with {role}")
    return tag


Security = Literal["Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss", "None"]
"""Security policies of OPC UA; None is neither signed nor encrypted, and must be asked for by name."""

Mode = Literal["SignAndEncrypt", "Sign"]
"""Whether messages are signed and encrypted, or only signed."""

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$")]
"""Name of one file, without a folder."""

_SHORTEST_SESSION_S, _LONGEST_SESSION_S = 10.0, 30.0


def _session(length: float) -> float:
    if not _SHORTEST_SESSION_S <= length <= _LONGEST_SESSION_S:
        raise ValueError("expected a duration from 10s to 30s, so that lost sessions do not fill the server")
    return length


class PasswordUser(Declared):
    """A user with a name and a password."""

    by: Literal["password"]
    """How the user is known."""
    name: Annotated[str, Field(min_length=1)]
    """Name of the user."""
    password_from: FileName
    """Name of the systemd credential, or of the file under own in the PKI folder, that holds the password."""


class CertificateUser(Declared):
    """A user with a certificate."""

    by: Literal["certificate"]
    """How the user is known."""
    certificate: FileName
    """Name of the file under own in the PKI folder that holds the certificate of the user."""
    key: FileName
    """Name of the file under own in the PKI folder that holds the key of the certificate."""


User = Annotated[PasswordUser | CertificateUser, Field(discriminator="by")]
"""Who the controller is to a server."""


class OpcUa(Declared):
    """A connection to an OPC UA server."""

    protocol: Literal["opcua"]
    """Kind of connection."""
    endpoint: Annotated[str, Field(pattern=r"^opc\.tcp://[^/@\s]+(/[^@\s]*)?$")]
    """Address of the server, for example ``opc.tcp://10.0.0.5:4840``."""
    namespace: str
    """URI of the namespace the node identifiers live in."""
    security: Security = "Basic256Sha256"
    """Security policy; None must be asked for by name."""
    mode: Mode = "SignAndEncrypt"
    """Whether messages are signed and encrypted, or only signed."""
    user: User | None = None
    """Who the controller is to the server; anonymous where absent."""
    pki: Annotated[str, Field(min_length=1)] = "pki"
    """Folder of certificates and keys, seen from where the controller is started; a site may bind another one."""
    timeout_s: Duration = Field(default=0.5, alias="timeout")
    """Longest wait for one answer [s]."""
    session_timeout_s: Annotated[Duration, AfterValidator(_session)] = Field(default=15.0, alias="session_timeout")
    """Time after which the server may forget a silent session [s]."""
    chunk: Annotated[int, Field(ge=1, le=500)] = 500
    """Most nodes in one request [1]."""
    handshake: Handshake | None = None
    """Tags of the handshake; without them nothing can be written through this connection."""
    coherence: Coherence | None = None
    """How it is seen that values come from one scan; by the scan counter of the handshake where absent."""


def _patient(wait_s: float) -> float:
    if not _SHORTEST_WAIT_S <= wait_s <= _LONGEST_WAIT_S:
        raise ValueError("expected a time from 300ms to 1s")
    return wait_s


class Text(Declared):
    """Text a device holds, such as a serial number; it is read at connect and shown, and never part of a decision."""

    address: str
    """Modbus table and offset of its first register, such as ``holding:100``."""
    length: Annotated[int, Field(ge=1, le=250)]
    """Number of characters, two to a register [1]."""
    expect: str | None = None
    """What the device must show; anything else is told at connect, for it may be the wrong device."""


class Modbus(Declared):
    """A connection to a Modbus device, over TCP."""

    protocol: Literal["modbus"]
    """Kind of connection."""
    host: str
    """Host name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    """TCP port [1]."""
    framing: Literal["tcp", "rtu"] = "tcp"
    """How messages are framed; rtu for a serial line behind a converter that passes its frames as they are."""
    unit_id: Annotated[int, Field(ge=0, le=255)] = 1
    """Unit identifier [1]."""
    byte_order: ByteOrder = "ABCD"
    """Order of bytes where a tag does not say otherwise."""
    timeout_s: Annotated[Duration, AfterValidator(_patient)] = Field(default=0.5, alias="timeout")
    """Longest wait for one answer, 300ms to 1s [s]."""
    max_gap: Annotated[int, Field(ge=0, le=124)] = 16
    """Most unused registers read to join two blocks [1]."""
    max_read: Annotated[int, Field(ge=4, le=125)] = 125
    """Most registers the device gives in one answer [1]."""
    forbidden: tuple[str, ...] = ()
    """Addresses never to be read, such as ``input:100-119``."""
    write_by: Literal["block", "single", "read_write"] = "block"
    """Functions the device is written by: 5, 15 and 16; only 5 and 6; or 23, which reads back in one round trip."""
    texts: dict[Name, Text] = Field(default_factory=dict)
    """Texts the device holds, by name."""
    handshake: Handshake | None = None
    """Tags of the handshake; without them nothing can be written through this connection."""
    coherence: Coherence | None = None
    """How it is seen that values come from one scan; by the scan counter of the handshake where absent."""


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise ValueError("expected text, a number, true or false")  # noqa: TRY004  # pydantic makes it a problem
    return value


Option = Annotated[bool | int | float | str, BeforeValidator(_scalar)]
"""One thing a plug-in needs to know."""


class PlugIn(Declared):
    """A connection whose driver is an installed plug-in (entry point group ``steadyline.drivers``)."""

    protocol: Word
    """Name of the driver."""
    options: dict[str, Option]
    """What the driver needs to know; ``address`` is what another address on the command line replaces."""
    timeout_s: Duration = Field(default=0.5, alias="timeout")
    """Longest wait for one answer [s]."""
    handshake: Handshake | None = None
    """Tags of the handshake; without them nothing can be written through this connection."""
    coherence: Coherence | None = None
    """How it is seen that values come from one scan; by the scan counter of the handshake where absent."""


class _ByProtocol:
    """Says in the JSON Schema what chooses among the connections (OpenAPI 3.2, discriminator object)."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, object]:
        schema = handler(core)
        opcua, modbus, other = (cast("dict[str, object]", option)["$ref"] for option in schema["oneOf"])
        mapping = {"modbus": modbus, "opcua": opcua}
        return schema | {"discriminator": {"propertyName": "protocol", "mapping": mapping, "defaultMapping": other}}


def _protocol(value: object) -> str | None:
    """Return which connection is meant; an unknown protocol is a plug-in only where options say that it is meant so."""
    if isinstance(value, PlugIn):
        return "plug-in"
    given = cast("Mapping[str, object]", value if isinstance(value, Mapping) else getattr(value, "__dict__", {}))
    name = given.get("protocol")
    known = name in {"opcua", "modbus"} or "options" not in given
    return (name if known else "plug-in") if isinstance(name, str) else None


Connection = Annotated[
    Annotated[OpcUa, Kind("opcua")] | Annotated[Modbus, Kind("modbus")] | Annotated[PlugIn, Kind("plug-in")],
    Discriminator(_protocol),
    _ByProtocol(),
]
"""One way to reach the plant."""


class Tag(Declared):
    """One signal of the line, as the plant knows it."""

    unit: str
    """UCUM code of the engineering unit, for example ``kg/h``; ``1`` for a pure number."""
    range: Span
    """Lowest and highest value the signal can mean, in `unit`; a value beyond is bad, or uncertain up to `fail`."""
    fail: Span | None = None
    """Values beyond which the signal has failed, in `unit`; between `range` and these it is uncertain."""
    connection: Word
    """Name of the connection it comes through."""
    address: str
    """OPC UA identifier such as ``s=NIR.SPECTRUM``, or Modbus table and offset such as ``input:10``, ``input:10.3``."""
    type: WireType = "float64"
    """How the device holds it."""
    length: Annotated[int, Field(ge=1, le=4096)] = 1
    """Number of values; more than one for a spectrum [1]."""
    wavelengths: Span | None = None
    """First and last wavelength of a spectrum whose channels are evenly spaced, as its device has them [nm]."""
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
    scan: Word = CONTROL
    """Scan class it is read with, or ``subscribe`` where the server reports its changes (OPC UA, for slow tags)."""
    stale_after_s: Duration = Field(default=3.0, alias="stale_after")
    """Age at which a value stops being evidence [s]; where absent, three scans of its class and at least 3s."""
    age_from: Literal["arrival", "source"] = "arrival"
    """Whether age counts from arrival here, or from the time the source gave (analysers)."""
    ne43: Ne43 | None = None
    """How a channel of 4 to 20 mA tells a failed transmitter."""
    ne107: Ne107 | None = None
    """Which tag shows how well the device is."""
    frozen: Frozen | None = None
    """How long it may stand still and be believed; for ever where absent."""
    substitute: Substitute | None = None
    """What stands in for a bad value; nothing where absent."""
    description: str = ""
    """What it is, in the words of the line."""
