"""Makes certificates to test TLS with. README.md lists them."""

import argparse
import ipaddress
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
LOCAL = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]


class Issued:
    """A certificate, its key, and what signed it."""

    def __init__(self, name, signer=None, names=(), client=False, begins=-DAY, ends=30 * DAY):
        now = datetime.now(timezone.utc)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = signer or self
        builder = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(issuer.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins)
            .not_valid_after(now + ends)
            .add_extension(
                x509.BasicConstraints(ca=signer is None, path_length=None), critical=True
            )
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()),
                critical=False,
            )
        )
        if signer is not None:
            usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
            builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    def write(self, directory, stem):
        pem = serialization.Encoding.PEM
        (directory / f"{stem}.pem").write_bytes(self.certificate.public_bytes(pem))
        key = directory / f"{stem}-key.pem"
        key.write_bytes(
            self.key.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        key.chmod(0o600)


def make(directory):
    ca, other = Issued("tests' CA"), Issued("another CA")
    made = {
        "ca": ca,
        "other-ca": other,
        "server": Issued("localhost", ca, LOCAL),
        "client": Issued("client", ca, [x509.DNSName("client")], client=True),
        "expired": Issued("localhost", ca, LOCAL, begins=-2 * DAY, ends=-DAY),
        "elsewhere": Issued("elsewhere.invalid", ca, [x509.DNSName("elsewhere.invalid")]),
        "stranger": Issued("client", other, [x509.DNSName("client")], client=True),
    }
    directory.mkdir(parents=True, exist_ok=True)
    for stem, issued in made.items():
        issued.write(directory, stem)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    make(parser.parse_args().directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
