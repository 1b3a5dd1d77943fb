"""TLS to the broker: nobody else's certificate is taken, with RabbitMQ and Redis."""

from __future__ import annotations

import pytest

from asyncevents_core.adapters.kombu.broker import KombuBroker
from asyncevents_core.domain.instant import uuid7
from asyncevents_core.errors import BrokerUnavailable, SettingsError
from asyncevents_core.ports.broker import BrokerConfig, BrokerOptions
from asyncevents_core.settings.configs import broker_options
from asyncevents_core.settings.schema import Settings
from tests.services import over_tls
from tests.services.ports import free_port

URLS = {"RabbitMq": "amqps://guest:guest@{host}:{port}//", "Redis": "rediss://{host}:{port}/0"}


@pytest.fixture(params=sorted(URLS))
def server(request, start_server):
    made = start_server(request.param)
    made.clear()
    return made


@pytest.fixture
def certificate(tmp_path):
    return over_tls.make_certificate(tmp_path / "broker", "localhost", "127.0.0.1")


@pytest.fixture
def port(server, certificate):
    with over_tls.before(server.port, certificate) as port:
        yield port


def url(server, port, host="localhost", query=""):
    return URLS[type(server).__name__].format(host=host, port=port) + query


def broker(address, **options):
    return KombuBroker(BrokerConfig(url=address, options=BrokerOptions(**options)))


def sends(made):
    made.check()
    producer = made.producer()
    producer.send([uuid7()])
    producer.close()


def refused(made):
    with pytest.raises(BrokerUnavailable) as caught:
        made.check()
    assert "certificate verify failed" in str(caught.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_that_is_trusted_and_the_hosts(server, port, certificate, host, caplog):
    sends(broker(url(server, port, host), ca_certs=str(certificate.certificate)))
    assert "insecure" not in caplog.text


def test_nobody_elses_is_taken(server, port):
    refused(broker(url(server, port)))


def test_one_for_another_host_is_not_taken(server, tmp_path):
    other = over_tls.make_certificate(tmp_path, "elsewhere.example")
    with over_tls.before(server.port, other) as port:
        refused(broker(url(server, port), ca_certs=str(other.certificate)))


def test_whoever_wants_none_checked_says_so(server, port):
    sends(broker(url(server, port), verify_certificates=False))
    sends(broker(url(server, port, query="?ssl_cert_reqs=none")))


def test_an_address_says_what_to_trust(server, port, certificate):
    sends(broker(url(server, port, query=f"?ssl_ca_certs={certificate.certificate}")))


def test_a_certificate_of_the_client(server, certificate, tmp_path):
    ours = over_tls.make_certificate(tmp_path / "ours", "worker.example")
    trust = str(certificate.certificate)
    with over_tls.before(server.port, certificate, clients=ours) as port:
        sends(
            broker(
                url(server, port),
                ca_certs=trust,
                client_cert=str(ours.certificate),
                client_key=str(ours.key),
            )
        )
        with pytest.raises(BrokerUnavailable):
            broker(url(server, port), ca_certs=trust).check()


def test_each_of_several_addresses_has_its_own_host(server, tmp_path):
    first = over_tls.make_certificate(tmp_path, "127.0.0.1")
    nobody = url(server, free_port(), "localhost")
    with over_tls.before(server.port, first) as port:
        there = url(server, port, "127.0.0.1")
        sends(broker(f"{nobody};{there}", ca_certs=str(first.certificate)))
        # The one that is away has the name that the certificate lacks.
        elsewhere = url(server, port, "localhost")
        with pytest.raises(BrokerUnavailable):
            broker(f"{nobody};{elsewhere}", ca_certs=str(first.certificate)).check()


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
@pytest.mark.parametrize("missing", ["ca_certs", "client_cert", "client_key"])
def test_a_file_that_is_not_there_is_named_before_anything_is_sent(
    scheme, missing, certificate, tmp_path
):
    """Nobody listens: only what is looked for before it connects can be told."""
    files = {
        "ca_certs": str(certificate.certificate),
        "client_cert": str(certificate.certificate),
        "client_key": str(certificate.key),
        missing: str(tmp_path / "nowhere.pem"),
    }
    made = broker(f"{scheme}://127.0.0.1:{free_port()}", **files)
    for work in (made.check, lambda: made.producer().send([uuid7()]), made.try_out):
        with pytest.raises(
            BrokerUnavailable, match=r"^BROKER_OPTIONS or BROKER_URL: one of .*nowhere\.pem.* can"
        ):
            work()


@pytest.mark.parametrize("scheme", ["amqps", "rediss"])
def test_a_file_with_something_else_in_it_is_named(scheme, tmp_path):
    other = tmp_path / "other.pem"
    other.write_text("no certificate")
    for address, options in (
        (f"{scheme}://127.0.0.1:{free_port()}", {"ca_certs": str(other)}),
        (f"{scheme}://127.0.0.1:{free_port()}?ssl_ca_certs={other}", {}),
    ):
        with pytest.raises(BrokerUnavailable, match=r"one of .*other\.pem cannot be used"):
            broker(address, **options).check()


@pytest.mark.parametrize(
    ("address", "options", "text"),
    [
        ("amqp://localhost//", {"ca_certs": "/ca.pem"}, "of use with amqps://"),
        ("redis://localhost", {"verify_certificates": False}, "of use with amqps://"),
        ("amqps://localhost//", {"client_key": "/key.pem"}, "client_key belongs to a client_cert"),
    ],
)
def test_options_that_are_of_no_use_are_said(address, options, text):
    settings = Settings.from_mapping({"BROKER_URL": address, "BROKER_OPTIONS": options})
    with pytest.raises(SettingsError, match=text):
        broker_options(settings)
