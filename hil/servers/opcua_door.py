"""Who a simulated OPC UA server lets in: trusted applications, as known users (asyncua)."""

from __future__ import annotations

import hmac
from pathlib import Path

from asyncua import ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server

from plant_io.served.admission import Admission

USERS = "users"
"""Folder of the users: a file NAME holds the password of that user, a file NAME.der the certificate of another."""


class Door:
    """Certificate, trust list and users of one server, in a folder like that of the controller.

    Parameters
    ----------
    folder
        Folder of the certificates; one of the server's own is made if it has none.
    uri
        Application URI of the server.
    """

    def __init__(self, folder: Path, uri: str) -> None:
        self._admission = Admission(folder, uri, "Simulated PLC")
        self._users = folder / USERS

    async def fit(self, server: Server) -> None:
        """Give a server that has been initialised its certificate, and let it speak to trusted clients only.

        Raises
        ------
        OSError
            If the certificate can be neither read nor made.
        """
        known = [ua.UserNameIdentityToken, ua.X509IdentityToken]
        await self._admission.fit(server, known if self._closed else [ua.AnonymousIdentityToken])

    def get_user(
        self,
        iserver: object,  # noqa: ARG002  # the library's own words, as below
        username: str | None = None,
        password: str | None = None,
        certificate: bytes | None = None,
    ) -> User | None:
        """Return the user a client is, or None to refuse it; the library asks."""
        # Without a certificate the channel is plain, which the library lets pass although no such endpoint is offered.
        if not certificate or not self._known(username, password, certificate):
            return None
        return User(role=UserRole.User, name=username)

    def _known(self, username: str | None, password: str | None, certificate: bytes) -> bool:
        if not self._closed:
            return True
        if username is None:
            return any(file.read_bytes() == certificate for file in self._users.glob("*.der"))
        file = self._users / Path(username).name
        wanted = file.read_bytes().removesuffix(b"\n") if file.is_file() else b""
        return bool(wanted) and hmac.compare_digest(wanted, (password or "").encode())

    @property
    def _closed(self) -> bool:
        """Whether only known users are let in."""
        return self._users.is_dir() and any(self._users.iterdir())
