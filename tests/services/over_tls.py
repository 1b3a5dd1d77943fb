"""TLS before a server that speaks none: certificates of one's own, and a proxy that ends TLS."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import ipaddress
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_A_MOMENT = 0.05


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
    loop = asyncio.new_event_loop()

    async def serve() -> asyncio.Server:
        # Clients that refuse the certificate are what is tested.
        loop.set_exception_handler(lambda *_: None)
        return await asyncio.start_server(
            lambda reader, writer: _lead(port, tls, reader, writer), "127.0.0.1", 0
        )

    server = loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _lead(
    port: int, tls: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    ends = [writer]
    try:
        # Within the task, so that it ends with it: a client may never shake hands.
        await writer.start_tls(tls)
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
        ends.append(there_writer)
        await asyncio.gather(_copy(reader, there_writer), _copy(there_reader, writer))
    except (OSError, ssl.SSLError):
        # Who refuses the certificate is what is tested.
        return
    finally:
        for one in ends:
            one.transport.abort()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, ssl.SSLError):
        while data := await source.read(65_536):
            target.write(data)
            await target.drain()
    target.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    # What was just accepted has to begin: nobody closes the socket of a task that never did.
    await asyncio.sleep(_A_MOMENT)
    others = [one for one in asyncio.all_tasks() if one is not asyncio.current_task()]
    for one in others:
        one.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    # Transports close a round later.
    await asyncio.sleep(_A_MOMENT)
