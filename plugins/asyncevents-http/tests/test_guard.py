"""Addresses that are not public are refused, however they are written or wrapped."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from address_tables import PUBLIC, REFUSED
from aiohttp import web

from asyncevents_core.errors import InvalidTarget
from asyncevents_core.plugin import OutcomeKind
from asyncevents_core.structuring import structure
from asyncevents_core.testing import make_request
from asyncevents_http.addresses import is_public
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.kind import HttpSinkType
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.sink import HttpSink
from sending import post, sink_with


def guard(*allow, **more):
    return HttpConfig(allow=allow, **more).guard


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address):
    assert not is_public(ipaddress.ip_address(address))
    with pytest.raises(AddressRefused, match="allow"):
        guard().check("host.example", [address])


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address):
    assert is_public(ipaddress.ip_address(address))
    assert guard().check("host.example", [address]) == [address]


def test_what_the_settings_allow():
    some = guard("10.0.0.0/8", "::1", "*.internal", "localhost", "::ffff:172.16.0.0/108")
    assert some.check("x.example", ["10.9.9.9"]) == ["10.9.9.9"]
    assert some.check("x.example", ["::ffff:10.9.9.9"]) == ["::ffff:10.9.9.9"]
    assert some.check("x.example", ["172.16.0.1"]) == ["172.16.0.1"]
    assert some.check("x.example", ["::1", "192.168.0.1"]) == ["::1"]
    assert some.check("db.internal", ["192.168.0.1"]) == ["192.168.0.1"]
    assert some.check("DB.Internal.", ["192.168.0.1"]) == ["192.168.0.1"]
    assert some.check("LOCALHOST.", ["127.0.0.1"]) == ["127.0.0.1"]
    for host, address in [
        ("internal", "192.168.0.1"),
        ("evil-internal", "192.168.0.1"),
        ("db.internal.evil.example", "192.168.0.1"),
        ("x.example", "192.168.0.1"),
    ]:
        with pytest.raises(AddressRefused):
            some.check(host, [address])


DELICATE = [
    "169.254.169.254", "169.254.170.2", "fe80::1", "fd00:ec2::254", "fd20:ce::254",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "::ffff:169.254.169.254",
]  # fmt: skip


@pytest.mark.parametrize("address", DELICATE)
@pytest.mark.parametrize(
    "allow",
    ["0.0.0.0/0", "::/0", "169.0.0.0/8", "fc00::/7", "fd00::/8", "100.64.0.0/10", "168.63.128.0/20",
     "192.0.0.0/24", "fe00::/7", "*.internal", "db.internal"],
)  # fmt: skip
def test_a_clouds_metadata_is_not_opened_by_what_means_something_else(address, allow):
    with pytest.raises(AddressRefused):
        guard(allow).check("db.internal", [address])


@pytest.mark.parametrize(
    ("allow", "address"),
    [
        ("169.254.0.0/16", "169.254.169.254"),
        ("169.254.169.254", "169.254.169.254"),
        ("169.254.169.254/32", "::ffff:169.254.169.254"),
        ("fe80::/10", "fe80::1"),
        ("fe80::/64", "fe80::1%eth0"),
        ("fd00:ec2::254", "fd00:ec2::254"),
        ("168.63.129.16", "168.63.129.16"),
        ("100.100.100.200", "100.100.100.200"),
    ],
)
def test_its_own_network_opens_it(allow, address):
    assert guard(allow).check("db.internal", [address]) == [address]


@pytest.mark.parametrize(
    "host", ["metadata.google.internal", "METADATA.google.internal.", "instance-data.ec2.internal"]
)
def test_a_wildcard_does_not_name_a_clouds_metadata(host):
    with pytest.raises(AddressRefused):
        guard("*.internal", "*.google.internal", host.rstrip(".").lower()).check(host, ["10.0.0.1"])


@pytest.mark.parametrize(
    ("allow", "address", "allowed"),
    [
        (("64:ff9b::/96",), "64:ff9b::808:808", True),
        (("64:ff9b::/96",), "64:ff9b::a00:1", False),
        (("64:ff9b::/96",), "64:ff9b::a9fe:a9fe", False),
        (("64:ff9b::/96", "10.0.0.0/8"), "64:ff9b::a00:1", True),
        (("64:ff9b:1::/48",), "64:ff9b:1::808:808", True),
        (("64:ff9b:1::/48",), "64:ff9b:1::7f00:1", False),
    ],
)
def test_behind_a_gateway_from_ipv6_is_what_the_ipv4_address_is(allow, address, allowed):
    if allowed:
        assert guard(*allow).check("x.example", [address]) == [address]
        return
    with pytest.raises(AddressRefused):
        guard(*allow).check("x.example", [address])


@pytest.mark.parametrize(
    "wrong",
    ["", "*", "*.", "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "10.0.0.0/", "300.1.1.1", "::1/129",
     "2130706433", "http://localhost", "localhost:8080", "[::1]", "a b", "internal.*", "*internal",
     "a..b", "db_1/8"],
)  # fmt: skip
@pytest.mark.parametrize("setting", ["allow", "deny"])
def test_what_is_neither_a_network_nor_a_host_is_a_mistake_in_the_settings(setting, wrong):
    problems = []
    assert structure(HttpConfig, {setting: ["localhost", wrong]}, "SINKS['http']", problems) is None
    (problem,) = problems
    assert problem.startswith(f"SINKS['http'].{setting}: ")
    assert repr(wrong) in problem


def test_what_is_denied_is_denied_though_it_is_public_or_allowed():
    some = guard("10.0.0.0/8", "db.internal", deny=("10.1.0.0/16", "8.8.8.8", "*.evil.example"))
    assert some.check("x.example", ["10.1.2.3", "10.2.0.1", "8.8.8.8"]) == ["10.2.0.1"]
    for host, address in [("x.example", "8.8.8.8"), ("db.internal", "10.1.2.3"),
                          ("x.example", "::ffff:8.8.8.8")]:  # fmt: skip
        with pytest.raises(AddressRefused, match="denied"):
            some.check(host, [address])
    for host in ("a.evil.example", "A.EVIL.example."):
        with pytest.raises(AddressRefused, match=r"SINKS\['http'\]\['deny'\]"):
            some.check_written("https", host, None)
    some.check_written("https", "evil.example", None)


@pytest.mark.parametrize(
    ("config", "target", "refusal"),
    [
        ({"https_only": True}, "https://a.example/", None),
        ({"https_only": True}, "http://a.example/", "https_only"),
        ({"ports": (443, 8443)}, "https://a.example/", None),
        ({"ports": (443, 8443)}, "https://a.example:8443/", None),
        ({"ports": (443, 8443)}, "http://a.example:443/", None),
        ({"ports": (443, 8443)}, "http://a.example/", "port 80 is not one of"),
        ({"ports": (443, 8443)}, "https://a.example:22/", "port 22 is not one of"),
        ({"deny": ("a.example",)}, "https://a.example/", "denied"),
        ({"deny": ("1.1.1.1",)}, "https://1.1.1.1/", "denied"),
        ({"allow": ("127.0.0.1",), "ports": (443,)}, "http://127.0.0.1:9/", "port 9 is not"),
    ],
)
async def test_ports_and_schemes(config, target, refusal, monkeypatch):
    if refusal is None:
        HttpSinkType().validate_target(target, HttpConfig(**config))
        return
    with pytest.raises(InvalidTarget, match=refusal):
        HttpSinkType().validate_target(target, HttpConfig(**config))
    # Of a subscription that is older than the rule.
    monkeypatch.setattr(
        GuardedResolver, "_look_up", staticmethod(lambda *_: pytest.fail("it was looked up"))
    )
    async with sink_with(**config) as sink:
        outcome = await sink.deliver(make_request(target=target), 5.0)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert outcome.detail.startswith("access denied: ")


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
    target, config = f"http://{host}/", HttpConfig(allow=("0.0.0.0/0",))
    with pytest.raises(HostMalformed, match="four decimal numbers"):
        config.guard.check_written("http", host, None)
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
    guard().check_written("https", host, None)


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
