"""Client certificates of subscriptions."""

from __future__ import annotations

import asyncio
import os
import tempfile

import pytest
from aiohttp import web
from authorities import DAY, Welcoming, issue, wants_clients, written
from certificates import LOOPBACK, make
from cryptography.hazmat.primitives import serialization
from http2_server import serving_http2

from asyncevents_core.errors import InvalidOptions
from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing.driver import reason_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.identities import IdentityMalformed, read_identity
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.options import HttpOptions
from sending import send, usual_sink

ANN, BEN = issue("ann"), issue("ben")


def presenting(issued, **more):
    return {"client_certificate": issued.certificate, "client_key": issued.key, **more}


@pytest.fixture
def server(tmp_path):
    return make(tmp_path, "The server", LOOPBACK)


@pytest.fixture
def config(server):
    return {"ca_certs": str(server[0])}


@pytest.fixture
async def welcoming(server):
    """A server that wants to know its clients."""
    made = Welcoming()
    app = web.Application()
    app.router.add_post("/", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    tls = wants_clients(server, ANN, BEN)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}/"
    yield made
    await runner.cleanup()


async def test_a_certificate_is_presented(welcoming, config):
    outcome = await send(welcoming.url, config=config, **presenting(ANN))
    assert (outcome.kind, outcome.response) == (OutcomeKind.DELIVERED, "hello ann")


async def test_without_one_there_is_no_connection(welcoming, config):
    outcome = await send(welcoming.url, config=config)
    assert reason_of(outcome) is Failure.NETWORK
    assert welcoming.names == []


async def test_one_that_the_server_does_not_know(welcoming, config):
    outcome = await send(welcoming.url, config=config, **presenting(issue("eve")))
    assert reason_of(outcome) is Failure.NETWORK
    assert welcoming.names == []


async def test_identities_are_not_mixed(welcoming, config):
    async with usual_sink(**config) as (sink, new):
        requests = [new(welcoming.url, **presenting(one)) for _ in range(20) for one in (ANN, BEN)]
        outcomes = [await sink.deliver(one, 5.0) for one in requests]
        assert [one.response for one in outcomes] == ["hello ann", "hello ben"] * 20
        # Each has a connection, which its requests share.
        assert len(welcoming.connections) == 2
        outcomes = await asyncio.gather(*(sink.deliver(one, 15.0) for one in requests))
        assert [one.response for one in outcomes] == ["hello ann", "hello ben"] * 20
        none = await sink.deliver(new(welcoming.url), 5.0)
        assert reason_of(none) is Failure.NETWORK


async def test_over_http2(server, config):
    came = []

    async def answer(path, headers, body):
        return 200, [], b"hello"

    tls = wants_clients(server, ANN, BEN)
    tls.set_alpn_protocols(["h2"])
    async with (
        serving_http2(answer, server, tls=tls) as (port, opened),
        usual_sink(http2=True, **config) as (sink, new),
    ):
        target = f"https://127.0.0.1:{port}/"
        for one in (ANN, BEN, ANN, BEN):
            outcome = await sink.deliver(new(target, **presenting(one)), 5.0)
            assert outcome.kind is OutcomeKind.DELIVERED, outcome
        for connection in opened:
            certificate = connection.transport.get_extra_info("peercert")
            (((_, name),),) = certificate["subject"]
            came.append(name)
        outcome = await sink.deliver(new(target), 5.0)
        assert reason_of(outcome) is Failure.NETWORK
    assert sorted(came) == ["ann", "ben"]


@pytest.mark.parametrize("passphrase", [None, "a passphrase"], ids=["plain", "encrypted"])
@pytest.mark.parametrize(
    "form",
    [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL],
    ids=["pkcs8", "traditional"],
)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", " "),
        lambda text: text.replace("\n", "\\n"),
        lambda text: "\n   " + text.strip(),
    ],
    ids=["as it is", "of Windows", "in one line", "escaped", "indented"],
)
async def test_keys_of_every_form(welcoming, config, passphrase, form, spoil):
    key = written(ANN.private, passphrase, form)
    options = {"client_certificate": spoil(ANN.certificate), "client_key": spoil(key)}
    if passphrase is not None:
        options["client_key_passphrase"] = passphrase
    if "DEK-Info" in key and spoil("\n") == " ":
        # Headers of such a key need lines of their own: that is told, and not guessed.
        with pytest.raises(InvalidOptions, match="cannot be read"):
            checked(**options)
        return
    outcome = await send(welcoming.url, config=config, **options)
    assert outcome.response == "hello ann"


def checked(target="https://shop.example/", **options):
    HttpSinkType().validate_options(HttpOptions(**options), target, HttpConfig())


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({**presenting(ANN), "client_key": BEN.key}, "does not fit"),
        (presenting(issue("old", starts=-3 * DAY, ends=-DAY)), "has expired on"),
        (presenting(issue("new", starts=DAY, ends=2 * DAY)), "is not valid before"),
        ({**presenting(ANN), "client_key": ANN.certificate}, "BEGIN PRIVATE KEY"),
        ({**presenting(ANN), "client_certificate": ANN.key}, "BEGIN CERTIFICATE"),
        ({**presenting(ANN), "client_key": ANN.key.replace("M", "N")}, "cannot be read"),
        (
            {**presenting(ANN), "client_certificate": ANN.certificate.replace("M", "N")},
            "cannot be read",
        ),
        ({**presenting(ANN), "client_key": written(ANN.private, "x")}, "is encrypted"),
        (presenting(ANN, client_key_passphrase="x"), "is not encrypted"),
        (
            {
                **presenting(ANN, client_key_passphrase="y"),
                "client_key": written(ANN.private, "x"),
            },
            "not its passphrase",
        ),
    ],
)
def test_what_does_not_fit_is_refused_when_subscribing(options, why):
    with pytest.raises(InvalidOptions) as refused:
        checked(**options)
    assert why in str(refused.value)
    assert ANN.key.splitlines()[1] not in str(refused.value)


def test_there_is_no_tls_to_present_it_in():
    with pytest.raises(InvalidOptions, match="https://"):
        checked("http://shop.example/", **presenting(ANN))


async def test_one_that_has_expired_since_is_ours_to_mend(welcoming, config):
    old = issue("old", starts=-3 * DAY, ends=-DAY)
    outcome = await send(welcoming.url, config=config, **presenting(old))
    assert reason_of(outcome) is Failure.CREDENTIALS
    assert "has expired on" in outcome.detail
    assert outcome.kind is OutcomeKind.RETRYABLE


async def test_nothing_is_left_on_disk(welcoming, config, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = set(os.listdir(tmp_path))
    await send(welcoming.url, config=config, **presenting(ANN))
    assert set(os.listdir(tmp_path)) == before


def test_what_lies_on_disk_meanwhile_is_encrypted():
    identity = read_identity(ANN.certificate, ANN.key, None)
    assert b"ENCRYPTED PRIVATE KEY" in identity.key
    assert ANN.key.splitlines()[1] not in repr(identity)


def test_the_same_certificate_is_the_same_identity():
    one, other = (read_identity(ANN.certificate, ANN.key, None) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != read_identity(BEN.certificate, BEN.key, None)


def test_a_chain_begins_with_the_certificate_of_the_client():
    assert read_identity(ANN.certificate + BEN.certificate, ANN.key, None)
    with pytest.raises(IdentityMalformed, match="comes first"):
        read_identity(BEN.certificate + ANN.certificate, ANN.key, None)
