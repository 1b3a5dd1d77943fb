"""What each of several addresses of a broker says of TLS."""

from __future__ import annotations

import ssl

import pytest

from asyncevents_core.adapters.kombu.tls import SecureConnection
from asyncevents_core.ports.broker import BrokerOptions
from asyncevents_core.settings.configs import broker_options
from asyncevents_core.settings.schema import Settings

OPTIONS = BrokerOptions(ca_certs="/ca.pem")


def test_each_address_is_secured_as_it_asks_for():
    made = SecureConnection("amqp://a//;amqps://b//;amqps://c//", OPTIONS)
    assert not made.ssl
    for host in ("b", "c"):
        made.switch(f"amqps://{host}//")
        assert made.ssl["server_hostname"] == host
        assert made.ssl["cert_reqs"] == ssl.CERT_REQUIRED
        assert made.ssl["ca_certs"] == "/ca.pem"
    made.switch("amqp://a//")
    assert not made.ssl


@pytest.mark.parametrize("url", ["redis://a/0", "amqp://a//", "memory://", "sentinel://a:26379"])
def test_an_address_that_does_not_ask_is_not_secured(url):
    assert not SecureConnection(url, BrokerOptions()).ssl


def test_a_sentinel_is_secured_by_the_options():
    made = SecureConnection("sentinel://a:26379;sentinel://b:26379", OPTIONS)
    assert made.ssl["ssl_cert_reqs"] == "required"
    assert made.ssl["ssl_ca_certs"] == "/ca.pem"


@pytest.mark.parametrize(
    ("url", "checked"),
    [
        ("rediss://a/0", True),
        ("rediss://a/0?ssl_cert_reqs=required", True),
        ("rediss://a/0?ssl_cert_reqs=none", False),
        ("rediss://a/0?ssl_cert_reqs=CERT_NONE", False),
    ],
)
def test_what_an_address_says_goes_first(url, checked):
    made = SecureConnection(url, BrokerOptions())
    assert made.ssl["ssl_check_hostname"] is checked


@pytest.mark.parametrize("url", ["amqps://b//", "rediss://b/0?ssl_cert_reqs=none", "redis://b/0"])
def test_a_clone_is_secured_alike(url):
    made = SecureConnection(url, OPTIONS)
    again = made.clone()
    assert isinstance(again, SecureConnection)
    assert (again.ssl, again.hostname) == (made.ssl, made.hostname)


def test_options_are_of_use_for_any_of_several_addresses():
    values = {"BROKER_URL": "amqp://a//;amqps://b//", "BROKER_OPTIONS": {"ca_certs": "/ca.pem"}}
    assert broker_options(Settings.from_mapping(values)).ca_certs == "/ca.pem"
