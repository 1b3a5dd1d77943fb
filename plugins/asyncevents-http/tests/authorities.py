"""Certificates of clients, and a server that wants them."""

from __future__ import annotations

import datetime
import ssl

from aiohttp import web
from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

PEM = serialization.Encoding.PEM
DAY = datetime.timedelta(days=1)


@frozen
class Issued:
    """A certificate and its key, as texts."""

    certificate: str
    key: str
    private: ec.EllipticCurvePrivateKey


def issue(name, *, starts=-DAY, ends=DAY):
    """Issue a certificate of a client that stands for itself, valid for longer than any run."""
    private = ec.generate_private_key(ec.SECP256R1())
    named = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(named, named, private.public_key(), x509.random_serial_number())
        .not_valid_before(now + starts)
        .not_valid_after(now + ends)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    return Issued(signed.public_bytes(PEM).decode(), written(private), private)


def written(private, passphrase=None, form=serialization.PrivateFormat.PKCS8):
    """Write a key, encrypted where there is a passphrase."""
    if passphrase is None:
        encryption = serialization.NoEncryption()
    else:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return private.private_bytes(PEM, form, encryption).decode()


def wants_clients(server, *clients):
    """Return a context of a server that takes these clients only."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*server)
    tls.verify_mode = ssl.CERT_REQUIRED
    for one in clients:
        tls.load_verify_locations(cadata=one.certificate)
    return tls


class Welcoming:
    """Keeps who has come, by request, and how many connections there were."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.connections: set[object] = set()

    async def handle(self, request: web.Request) -> web.Response:
        self.connections.add(request.transport)
        (((_, name),),) = request.transport.get_extra_info("peercert")["subject"]
        self.names.append(name)
        return web.Response(text=f"hello {name}")
