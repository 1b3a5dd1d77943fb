"""Addresses that are not public are refused, however they are written or wrapped."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from aiohttp import web

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.testing import make_request
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, Guard, HostMalformed, is_public
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.sink import HttpSink
from sending import post, sink_with

REFUSED = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.1.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::10.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:0:7f00:1",
    "::ffff:168.63.129.16",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2001:db8::1",
    "2002:101:101::",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fec0::1",
    "ff02::1",
]
PUBLIC = ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::101:101"]


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address):
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused, match="allow"):
        Guard(()).check("host.example", [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address):
    assert is_public(ipaddress.ip_address(address))


def test_what_the_settings_allow():
    guard = Guard(("10.0.0.0/8", "::1", "*.internal", "localhost"))
    assert guard.check("x.example", ["10.9.9.9"]) == ["10.9.9.9"]
    assert guard.check("x.example", ["::1", "192.168.0.1"]) == ["::1"]
    assert guard.check("db.internal", ["192.168.0.1"]) == ["192.168.0.1"]
    assert guard.check("LOCALHOST.", ["127.0.0.1"]) == ["127.0.0.1"]
    with pytest.raises(AddressRefused):
        guard.check("internal", ["192.168.0.1"])
    with pytest.raises(AddressRefused):
        guard.check("evil-internal", ["192.168.0.1"])


@pytest.mark.parametrize(
    "host",
    [
        "0",
        "127.1",
        "127.0.0.1.",
        "1.2.3.4.5",
        "2130706433",
        "017700000001",
        "0x7f000001",
        "0X7F.1",
        "0x",
        "example.1",
    ],
)
async def test_what_some_take_for_an_address_is_refused_before_any_look_up(host, monkeypatch):
    monkeypatch.setattr(
        GuardedResolver, "_look_up", staticmethod(lambda *_: pytest.fail("it was looked up"))
    )
    target, config = f"http://{host}/", HttpConfig(allow=("0.0.0.0/0", host))
    with pytest.raises(HostMalformed, match="four decimal numbers"):
        Guard(config.allow).check_written(host)
    with pytest.raises(InvalidTarget, match="four decimal numbers"):
        HttpSinkType().validate_target(target, config)
    async with sink_with(allow=config.allow) as sink:
        outcome = await sink.deliver(make_request(target=target), 5.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert "four decimal numbers" in outcome.detail


@pytest.mark.parametrize(
    "host",
    [
        "a..b",
        ".example.com",
        "example.com..",
        "a" * 64 + ".example",
        "a." * 127 + "example",
        "%31%32%37.example",
        "ex!ample.com",
    ],
)
async def test_names_that_dns_cannot_have_are_refused(host):
    with pytest.raises(InvalidTarget, match="no host name"):
        HttpSinkType().validate_target(f"http://{host}/", HttpConfig())
    outcome = await post(f"http://{host}/")
    assert outcome.kind is OutcomeKind.PERMANENT
    assert "no host name" in outcome.detail


@pytest.mark.parametrize(
    "host",
    ["example.com", "example.com.", "xn--bcher-kva.example", "app_1", "3com.example", "1.2.3.4"],
)
def test_names_and_public_addresses_are_fine(host):
    HttpSinkType().validate_target(f"https://{host}/", HttpConfig())
    Guard(()).check_written(host)


@pytest.fixture
async def private(serve):
    """A server on this machine that nobody may reach."""
    seen = []

    async def answer(request):
        seen.append(request.path)
        return web.Response()

    url = await serve(answer)
    return url.rsplit(":", 1)[1].strip("/"), seen


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "017700000001",
        "[::ffff:127.0.0.1]",
        "localhost",
        "0",
        "[::1]",
    ],
)
async def test_no_way_of_writing_loopback_gets_through(private, host):
    port, seen = private
    sink = HttpSink(HttpConfig())
    outcome = await sink.deliver(make_request(target=f"http://{host}:{port}/"), 5.0)
    await sink.close()
    assert seen == []
    assert outcome.kind in {OutcomeKind.PERMANENT, OutcomeKind.RETRYABLE}


async def test_a_name_is_checked_by_what_it_resolves_to(private, monkeypatch):
    port, seen = private
    answers = [[(socket.AF_INET, "127.0.0.1")]]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda *_: answers[0]))
    sink = HttpSink(HttpConfig())
    outcome = await sink.deliver(make_request(target=f"http://shop.example:{port}/"), 5.0)
    await sink.close()
    assert (outcome.kind, seen) == (OutcomeKind.PERMANENT, [])
    assert outcome.detail.startswith("access denied: shop.example is 127.0.0.1")
    assert "SINKS['http']['allow']" in outcome.detail


async def test_the_connection_goes_to_the_address_that_was_checked(private, monkeypatch):
    port, seen = private
    look_ups = []

    def rebinding(*_):
        look_ups.append(1)
        return [(socket.AF_INET, "127.0.0.1")]

    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(rebinding))
    sink = HttpSink(HttpConfig(allow=("shop.example",)))
    outcome = await sink.deliver(make_request(target=f"http://shop.example:{port}/"), 5.0)
    await sink.close()
    assert outcome.kind is OutcomeKind.DELIVERED
    assert (len(look_ups), seen) == (1, ["/"])
