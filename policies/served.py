"""What of a run other systems are shown: an OPC UA server, metrics for Prometheus, and MQTT (Sparkplug B).

Whoever is shown something may change nothing by it; the only way in is an order of a user of the station, over OPC UA.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from policies.tags import FileName, PasswordUser, Security
from policies.words import Declared, Duration

_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.\-]+):(\d{1,5})")
_TOPIC = r"^[^/+#\s][^/+#]*$"
_HIGHEST_PORT = 65535


def address(listen: str) -> tuple[str, int]:
    """Return host and TCP port of an address as it is written in a policy.

    Parameters
    ----------
    listen
        Host and port.

    Raises
    ------
    ValueError
        If it is anything else.

    Examples
    --------
    >>> address("127.0.0.1:9464")
    ('127.0.0.1', 9464)
    """
    match = _LISTEN.fullmatch(listen)
    if match is None or int(match[2]) > _HIGHEST_PORT:
        raise ValueError("expected a host and a TCP port such as 127.0.0.1:9464")
    return match[1].strip("[]"), int(match[2])


def local(host: str) -> bool:
    """Return whether a host can be reached from this machine alone.

    Examples
    --------
    >>> local("127.0.0.1"), local("localhost"), local("10.0.0.5")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _listen(written: str) -> str:
    address(written)
    return written


Listen = Annotated[
    str, AfterValidator(_listen), WithJsonSchema({"type": "string", "examples": ["127.0.0.1:9464", "10.0.0.5:4841"]})
]
"""Host and TCP port to listen at; port 0 for any free one."""
Topic = Annotated[str, Field(pattern=_TOPIC)]
"""One level of an MQTT topic."""


class ServedOpcUa(Declared):
    """Our own OPC UA server: values, alarms and audit entries to read; nothing to write, and orders to call."""

    listen: Listen = "127.0.0.1:4841"
    """Where it listens."""
    security: Security = "Basic256Sha256"
    """Security policy, messages always signed and encrypted; None must be asked for by name, on loopback only."""
    orders: bool = False
    """Whether users of the station may place orders over it."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if self.security == "None" and not local(address(self.listen)[0]):
            raise ValueError(f"found security: None at {self.listen}, expected it on loopback only")
        if self.security == "None" and self.orders:
            raise ValueError("found orders: true with security: None, which would send passwords in the open")
        return self


class MutualTls(Declared):
    """Certificates by which both ends know each other; files under ``own`` in the PKI folder."""

    certificate: FileName
    """Our certificate, PEM."""
    key: FileName
    """Its key, PEM, for nobody else to read."""
    clients: FileName
    """Certificates of the authorities that vouch for clients, PEM."""


class ServedMetrics(Declared):
    """Figures of the run for Prometheus."""

    listen: Listen = "127.0.0.1:9464"
    """Where they are served, under ``/metrics``."""
    tls: MutualTls | None = None
    """How both ends know each other; only on loopback may it be absent."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if self.tls is None and not local(address(self.listen)[0]):
            raise ValueError(f"found {self.listen} without tls, expected tls anywhere but on loopback")
        return self


class ServedMqtt(Declared):
    """Values published over MQTT as an edge node of Sparkplug B; nothing but the wish for a rebirth is taken."""

    broker: Listen
    """Host and TCP port of the broker."""
    tls: bool = True
    """Whether the broker is known by its certificate and all is encrypted; false on loopback only."""
    authorities: FileName | None = None
    """File under ``trusted`` in the PKI folder with the authorities that vouch for it, PEM; the system's if absent."""
    user: PasswordUser | None = None
    """Who we are to the broker; anonymous where absent."""
    group: Topic
    """Group of Sparkplug B, such as the site."""
    node: Topic
    """Edge node, such as the line."""
    primary_host: Topic | None = None
    """Host application without which nothing is published (STATE); published always where absent."""
    every_s: Duration = Field(default=1.0, alias="every")
    """Shortest time from one message to the next [s]."""

    @model_validator(mode="after")
    def _closed(self) -> Self:
        if not self.tls and not local(address(self.broker)[0]):
            raise ValueError(f"found tls: false for {self.broker}, expected it on loopback only")
        return self


class Served(Declared):
    """What other systems are shown."""

    opcua: ServedOpcUa | None = None
    """Our own OPC UA server; none where absent."""
    metrics: ServedMetrics | None = None
    """Figures for Prometheus; none where absent."""
    mqtt: ServedMqtt | None = None
    """Publisher for MQTT; none where absent."""
    pki: Annotated[str, Field(min_length=1)] = "pki"
    """Folder of certificates and keys, seen from where the controller is started; a site may bind another one."""
