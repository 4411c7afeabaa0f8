"""Passwords: from a credential of the service manager, or from a file that nobody else may read."""

from __future__ import annotations

import os
from pathlib import Path

from plant_io.ports import Refusal
from plant_io.security.store import OWN, private

_CREDENTIALS = "CREDENTIALS_DIRECTORY"


def password(name: str, folder: Path) -> str:
    """Return the password kept under a name.

    Parameters
    ----------
    name
        Name of a credential of systemd (``LoadCredential=``), or of a file under ``own``.
    folder
        Folder of the certificates.

    Raises
    ------
    Refusal
        If there is none, or others may read it.
    """
    given = Path(os.environ.get(_CREDENTIALS, os.devnull)) / name
    file = folder / OWN / name
    try:
        found = given.read_bytes() if given.is_file() else private(file)
        secret = found.decode("utf-8").removesuffix("\n").removesuffix("\r")
    except FileNotFoundError as error:
        raise Refusal(f"{file}: there is no such file, expected one that holds the password") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"{file}: found bytes that are no text in UTF-8, expected the password") from error
    except OSError as error:
        raise Refusal(str(error)) from error
    if not secret:
        raise Refusal(f"{file}: it is empty, expected the password")
    return secret
