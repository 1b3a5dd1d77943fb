"""TLS before a server that speaks none: certificates of one's own, and a proxy that ends TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.streams import serving

_A_WHILE = 30.0
"""Seconds for the proxy to start, and to stop."""


@frozen
class Certificate:
    """Two files: the certificate, which also is its own authority, and the key."""

    certificate: Path
    key: Path


def make_certificate(folder: Path, *names: str) -> Certificate:
    """Make a certificate for these hosts and addresses, valid for a day: longer than any run."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tests")])
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    signed = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(_alternatives(names)), critical=False)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    folder.mkdir(parents=True, exist_ok=True)
    made.certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return made


def _alternatives(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for one in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(one)))
        except ValueError:
            found.append(x509.DNSName(one))
    return found


@contextmanager
def before(
    port: int, certificate: Certificate, *, clients: Certificate | None = None
) -> Iterator[int]:
    """Yield a port with TLS that leads to `port`; with `clients` only for who shows that one."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate.certificate, certificate.key)
    if clients is not None:
        tls.load_verify_locations(clients.certificate)
        tls.verify_mode = ssl.CERT_REQUIRED
    ready: Future[tuple[int, Callable[[], object]]] = Future()

    async def lead() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        # Clients that refuse the certificate are what is tested.
        loop.set_exception_handler(lambda *_: None)
        async with serving(lambda *ends: _lead(port, *ends), tls=tls) as own:
            ready.set_result((own, lambda: loop.call_soon_threadsafe(over.set)))
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(lead(),), daemon=True)
    thread.start()
    own, stop = ready.result(_A_WHILE)
    try:
        yield own
    finally:
        stop()
        thread.join(_A_WHILE)
        assert not thread.is_alive()


async def _lead(port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    ends = [writer]
    try:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        ends.append(there_writer)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
    except OSError:
        # Who refuses the certificate is what is tested.
        return
    finally:
        for one in ends:
            one.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()
