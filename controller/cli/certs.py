"""The verb cert: make the controller's own certificate, look at certificates, trust and reject them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from controller.cli.ends import Refused, reading
from controller.cli.show import give, people

if TYPE_CHECKING:
    from plant_io.security.certificates import Certificate

Json = Annotated[str | None, typer.Option("--json", metavar="FILE", help="Result as one JSON object; - for stdout.")]
Pki = Annotated[Path, typer.Option("--pki", metavar="DIR", help="Folder of certificates and keys.")]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="Certificate in DER or PEM.")]
_PKI = Path("pki")


def add(app: typer.Typer) -> None:
    """Add the verb to the application."""
    cert = typer.Typer(help="Certificates of OPC UA: make our own, show, trust and reject them.", no_args_is_help=True)
    for verb in (create, show, trust, reject):
        cert.command()(verb)
    app.add_typer(cert, name="cert")


def create(
    *,
    pki: Pki = _PKI,
    uri: Annotated[str | None, typer.Option(help="Application URI; urn:HOST:steadyline if absent.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="Name or address of this machine; may be repeated.")] = None,
    days: Annotated[float, typer.Option(min=1.0, max=36500.0, help="How long it is valid, in days.")] = 1095.0,
    bits: Annotated[int, typer.Option(help="Length of the RSA key: 2048, 3072 or 4096.")] = 2048,
    renew: Annotated[bool, typer.Option("--renew", help="Replace the one that is there.")] = False,
    json: Json = None,
) -> int:
    """Make the certificate by which OPC UA servers know this controller, and its key."""
    import socket  # noqa: PLC0415  # only here

    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy
    from plant_io.security.certificates import Wanted, load  # noqa: PLC0415  # heavy
    from plant_io.security.store import Store  # noqa: PLC0415  # heavy

    store, name = Store(pki), socket.gethostname()
    with reading():
        old = load(store.certificate) if renew and store.certificate.exists() else None
        uris = (old.uris if old else ()) or (f"urn:{name}:steadyline",)
        wanted = Wanted(uri or uris[0], tuple(host or (old.hosts if old else (name,))), days=days, bits=bits)
        made = store.make(wanted, WallClock().now(), renew=renew)
    people.print(
        f"{store.certificate}: made for {wanted.uri}, thumbprint {made.thumbprint}\n"
        "Put this file on the trust list of each OPC UA server; its key stays here.",
        markup=False,
    )
    give(_plain(store.certificate, "own", made), json)
    return 0


def show(
    files: Annotated[list[Path] | None, typer.Argument(metavar="FILE...", help="Certificates; all if absent.")] = None,
    *,
    pki: Pki = _PKI,
    json: Json = None,
) -> int:
    """Show what certificates say and how long they last; status 1 if one that is relied on has ended."""
    from plant_io.security.certificates import load  # noqa: PLC0415  # heavy
    from plant_io.security.store import OWN, REJECTED, TRUSTED, Store  # noqa: PLC0415  # heavy

    store = Store(pki)
    with reading():
        found = [("", file, load(file)) for file in files or ()]
        if not files:
            found = [(name, *entry) for name in (OWN, TRUSTED, REJECTED) for entry in store.listed(name)]
    if not found:
        raise Refused(f"{pki}: found no certificates; run: steadyline cert create --pki {pki}")
    for where, file, certificate in found:
        people.print(_spoken(where, file, certificate), markup=False)
    shown = [_plain(file, where, certificate) for where, file, certificate in found]
    give({"certificates": shown}, json)
    return 1 if any(each["expired"] and each["list"] != REJECTED for each in shown) else 0


def trust(file: FileArgument, *, pki: Pki = _PKI, json: Json = None) -> int:
    """Trust the server, or the authority, a certificate belongs to."""
    return _moved(file, pki, json, trusted=True)


def reject(file: FileArgument, *, pki: Pki = _PKI, json: Json = None) -> int:
    """Trust the server a certificate belongs to no longer."""
    return _moved(file, pki, json, trusted=False)


def _moved(file: Path, pki: Path, json: str | None, *, trusted: bool) -> int:
    from plant_io.security.certificates import load  # noqa: PLC0415  # heavy
    from plant_io.security.store import REJECTED, TRUSTED, Store  # noqa: PLC0415  # heavy

    store = Store(pki)
    with reading():
        kept = (store.trust if trusted else store.reject)(file)
        certificate = load(kept)
    people.print(f"{kept}: {certificate.name} is {'trusted' if trusted else 'rejected'} from now on", markup=False)
    give(_plain(kept, TRUSTED if trusted else REJECTED, certificate), json)
    return 0


def _spoken(where: str, file: Path, certificate: Certificate) -> str:
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy
    from plant_io.security.expiry import remaining, stage  # noqa: PLC0415  # heavy

    now = WallClock().now()
    mark = ("", "NOTE ", "SOON ", "NOW ", "ENDED ")[stage(certificate.ends, now)]
    return (
        f"{mark}{file}{f' ({where})' if where else ''}\n"
        f"  {certificate.name}, {', '.join(certificate.uris) or 'no application URI'}, "
        f"{', '.join(certificate.hosts) or 'no host'}\n"
        f"  {certificate.bits} bits, {remaining(certificate.ends, now)}\n"
        f"  thumbprint {certificate.thumbprint}\n"
        f"  SHA-256 {certificate.fingerprint}"
    )


def _plain(file: Path, where: str, certificate: Certificate) -> dict[str, object]:
    from plant_io.clocks import WallClock  # noqa: PLC0415  # heavy
    from plant_io.security.expiry import DAY_S  # noqa: PLC0415  # heavy

    left_s = certificate.ends - WallClock().now()
    return {
        "file": str(file),
        "list": where,
        "name": certificate.name,
        "uris": list(certificate.uris),
        "hosts": list(certificate.hosts),
        "bits": certificate.bits,
        "begins": certificate.begins,
        "ends": certificate.ends,
        "days_left": left_s / DAY_S,
        "expired": left_s <= 0.0,
        "thumbprint": certificate.thumbprint,
        "sha256": certificate.fingerprint,
    }
