"""Options that several verbs take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from controller.cli.ends import Refused
from controller.cli.show import given

Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Result as one JSON object; - for stdout.", callback=given),
]
Connect = Annotated[
    list[str] | None, typer.Option("--connect", metavar="NAME=ADDRESS", help="Another address for a connection.")
]
Pki = Annotated[str | None, typer.Option("--pki", metavar="DIR", help="Another folder of certificates and keys.")]


def pairs(texts: Sequence[str] | None) -> dict[str, str]:
    """Return addresses by connection.

    Raises
    ------
    Refused
        If one of `texts` is no pair.
    """
    found: dict[str, str] = {}
    for text in texts or ():
        name, sign, address = text.partition("=")
        if not (name and sign and address):
            raise Refused(f"--connect: found {text!r}, wanted NAME=ADDRESS such as feeders=127.0.0.1:5020")
        found[name] = address
    return found


NoConsole = Annotated[bool, typer.Option("--no-console", help="No operator console.")]
ConsoleHost = Annotated[
    str, typer.Option(metavar="ADDRESS", help="Address of the operator console; any but this machine's needs TLS.")
]
ConsolePort = Annotated[
    int | None,
    typer.Option(min=0, max=65535, metavar="N", help="Its port; 0 for a free one; 8020, or a free one, if absent."),
]
ConsoleCert = Annotated[Path | None, typer.Option(metavar="F", help="Certificate chain for TLS, PEM.")]
ConsoleKey = Annotated[Path | None, typer.Option(metavar="F", help="Key of the certificate, PEM.")]
