"""Service Bus as it is spoken to on Azure: by the name of its host, over TLS."""

from __future__ import annotations

import datetime
import socket
import ssl

import certifi
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import azure_bus
from asyncevents_azure.servicebus import ServiceBusSink
from asyncevents_core.plugin import OutcomeKind
from azure_requests import bus_config, bus_request, queue_target

HOST = "shop.servicebus.windows.net"


def certificate(host):
    """Make a certificate that signs itself; returns it with its key, as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return made.public_bytes(serialization.Encoding.PEM), private


@pytest.fixture
def outcome_with(tmp_path, monkeypatch):
    """Deliver over TLS; takes the name in the server's certificate, and whether it is trusted."""

    def deliver(name, *, trusted):
        public, private = certificate(name)
        (tmp_path / "server.pem").write_bytes(public + private)
        (tmp_path / "root.pem").write_bytes(public if trusted else certificate(name)[0])
        monkeypatch.setattr(certifi, "where", lambda: str(tmp_path / "root.pem"))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem")
        with azure_bus.running(context) as bus:
            asked = []

            def resolve(host, port, *arguments, **options):
                asked.append((host, port))
                address = ("127.0.0.1", bus.port)
                return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", address)]

            monkeypatch.setattr(socket, "getaddrinfo", resolve)
            queue = bus.queue("orders")
            config = bus_config(bus, emulator=None)
            sink = ServiceBusSink(config)
            try:
                outcome = sink.deliver(bus_request(config, target=queue_target("orders")), 30.0)
            finally:
                sink.close()
            assert asked[0] == (HOST, 5671)
            return outcome, len(queue.messages)

    return deliver


def test_a_namespace_with_a_certificate_of_its_name(outcome_with):
    outcome, arrived = outcome_with(HOST, trusted=True)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert arrived == 1


@pytest.mark.parametrize(
    ("name", "trusted"), [(HOST, False), ("shop.servicebus.windows.net.evil.example", True)]
)
def test_a_server_that_is_not_the_namespace_gets_nothing(outcome_with, name, trusted):
    outcome, arrived = outcome_with(name, trusted=trusted)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: ")
    assert "certificate verify failed" in outcome.detail
    assert arrived == 0
