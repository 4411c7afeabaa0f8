"""Where a site keeps copies of the records of its lines: a database, and how it is reached; never a password."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

from pydantic import Field

from policies.tags import FileName
from policies.words import Declared, Duration, written


class SiteCopy(Declared):
    """The PostgreSQL database to which the records of this line are copied."""

    host: Annotated[str, Field(min_length=1, examples=["historian.site.example"])]
    """Name or address of the server, or the folder of its Unix socket; off this machine TLS is demanded."""
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    """Port of the server [1]."""
    database: Annotated[str, Field(min_length=1)] = "steadyline"
    """Name of the database."""
    user: Annotated[str, Field(min_length=1)] = "steadyline"
    """Role as which the copy is written."""
    password_from: FileName | None = None
    """Name of the systemd credential, or of the file under own in the folder of keys, that holds the password.

    Where absent, the variables of libpq (PGPASSWORD, PGPASSFILE) are asked.
    """
    ca: str | None = None
    """File in PEM with the authorities that vouch for the server; those of this machine where absent."""
    every_s: Duration = Field(default=5.0, alias="every")
    """Time from one look for new records to the next [s]."""
    behind_s: Duration = Field(default=3600.0, alias="behind")
    """How far the copy may be behind before the doctor finds fault [s]."""

    @property
    def here(self) -> bool:
        """Return whether the server is on this machine: a Unix socket, or the loopback."""
        if self.host.startswith("/") or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def tls(self) -> str:
        """Return what is demanded of the encryption, in the words of libpq.

        Examples
        --------
        >>> SiteCopy(host="historian.site.example").tls, SiteCopy(host="127.0.0.1").tls
        ('verify-full', 'prefer')
        """
        return "prefer" if self.here and self.ca is None else "verify-full"

    def plain(self) -> dict[str, object]:
        """Return it as it stands in a policy."""
        lengths = {"every": written(self.every_s), "behind": written(self.behind_s)}
        return {**self.model_dump(mode="json", exclude={"every_s", "behind_s"}), **lengths}
