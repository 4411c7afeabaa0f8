"""An authority for a test, and a server it vouches for."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


def vouched(host: str, who: str = "site") -> tuple[bytes, bytes, bytes]:
    """Return an authority, and the certificate of a server with its key that the authority vouches for."""
    key, other = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begins = datetime.now(UTC) - timedelta(days=1)
    ends = begins + timedelta(days=9)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in (who, "server")]
    plain = x509.BasicConstraints(ca=True, path_length=None)

    def built(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(subject).issuer_name(names[0]).public_key(public)
        return made.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)

    authority = built(names[0], key.public_key()).add_extension(plain, critical=True).sign(key, hashes.SHA256())
    known = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host))])
    server = built(names[1], other.public_key()).add_extension(known, critical=False).sign(key, hashes.SHA256())
    secret = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return authority.public_bytes(Encoding.PEM), server.public_bytes(Encoding.PEM), secret
