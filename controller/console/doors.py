"""Where the console is served: this machine alone, or an address of its own under TLS, with users."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

PORT = 8020
"""Port of the console where none is asked for [1]."""
LOCAL = "127.0.0.1"
"""Address of this machine for itself."""


@dataclass(frozen=True, slots=True)
class Doors:
    """Where the console is served."""

    host: str = LOCAL
    """Address."""
    port: int | None = None
    """Port; 0 for a free one, None for the usual one or else a free one [1]."""
    certificate: Path | None = None
    """Certificate chain for TLS, PEM; none where absent."""
    key: Path | None = None
    """Its key, PEM."""

    @property
    def local(self) -> bool:
        """Return whether it can be reached from this machine alone."""
        if self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def secure(self) -> bool:
        """Return whether it is served under TLS."""
        return self.certificate is not None

    def refused(self, *, users: bool) -> str:
        """Return in one sentence why it may not be served so; empty where it may.

        Parameters
        ----------
        users
            Whether there are users who can log in.

        Examples
        --------
        >>> Doors().refused(users=False)
        ''
        """
        if (self.certificate is None) != (self.key is None):
            return "the console: found one of --console-cert and --console-key, wanted both or none"
        if self.local:
            return ""
        wants = [] if self.secure else ["TLS (--console-cert and --console-key)"]
        wants += [] if users else ["users (steadyline user add)"]
        if not wants:
            return ""
        return f"the console: {self.host} can be reached from other machines, which needs {' and '.join(wants)}"

    def context(self) -> ssl.SSLContext | None:
        """Return what TLS needs, None where it is served without.

        Raises
        ------
        OSError
            If certificate or key cannot be read or do not belong together.
        """
        if self.certificate is None or self.key is None:
            return None
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        found.minimum_version = ssl.TLSVersion.TLSv1_2
        found.load_cert_chain(self.certificate, self.key)
        return found
