"""What goes out for a target: byte for byte what was given, and one head."""

from __future__ import annotations

import base64
import hashlib
import hmac

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strange import HELLO
from wires import Script

from asyncevents_core.plugin import OutcomeKind, symmetric_key
from asyncevents_core.testing import make_request
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import HostMalformed
from asyncevents_http.keys import Keys
from asyncevents_http.options import HttpOptions
from asyncevents_http.recipients import read_recipient, request_target
from asyncevents_http.signing import HmacSigner
from sending import sink_with
from tests.streams import serving

TARGETS = [
    ("", "/"),
    ("/", "/"),
    ("?a=b", "/?a=b"),
    ("#part", "/"),
    ("/a?b#c?d", "/a?b"),
    ("/a%20b", "/a%20b"),
    ("/hook?url=https%3A%2F%2Fa.example%2F&x=1", "/hook?url=https%3A%2F%2Fa.example%2F&x=1"),
    ("/hook?url=https://a.example/", "/hook?url=https://a.example/"),
    ("/%7Euser/~user", "/%7Euser/~user"),
    ("/a/../b/./c//d", "/a/../b/./c//d"),
    ("/a%2Fb%2f", "/a%2Fb%2f"),
    ("/a[1]{2}|3^4`5", "/a[1]{2}|3^4`5"),
    ("/a;b=c,d:e@f!$&'()*+", "/a;b=c,d:e@f!$&'()*+"),
    ("/?a=%zz%", "/?a=%zz%"),
    ("/ü?ß=é", "/%C3%BC?%C3%9F=%C3%A9"),
    ("/a b", "/a%20b"),
    ("/?", "/?"),
    ("/??a", "/??a"),
]


@pytest.mark.parametrize(("given_", "sent"), TARGETS)
def test_request_targets(given_, sent):
    assert request_target("https://host.example:8443" + given_) == sent.encode()


@pytest.mark.parametrize(("given_", "sent"), TARGETS)
async def test_they_arrive_so(given_, sent):
    script = Script(HELLO)
    async with serving(script.handle) as port, sink_with() as sink:
        target = f"http://127.0.0.1:{port}{given_}"
        outcome = await sink.deliver(make_request(target=target), 5.0)
    assert outcome.kind is OutcomeKind.DELIVERED
    assert script.requests[0].startswith(f"POST {sent} HTTP/1.1\r\n".encode())


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_a_request_line_is_one_line(rest):
    target = request_target("http://a.example/" + rest)
    assert target.startswith(b"/")
    assert all(0x21 <= one <= 0x7E for one in target)


@pytest.mark.parametrize(
    ("target", "host", "origin"),
    [
        ("http://a.example/", b"a.example", "a.example:80"),
        ("https://a.example/", b"a.example", "a.example:443"),
        ("https://a.example:443/", b"a.example", "a.example:443"),
        ("http://a.example:443/", b"a.example:443", "a.example:443"),
        ("https://A.Example:8443?x", b"a.example:8443", "a.example:8443"),
        ("https://bücher.example/", b"xn--bcher-kva.example", "xn--bcher-kva.example:443"),
        ("http://[::1]:8080/", b"[::1]:8080", "[::1]:8080"),
        ("http://[::1]/", b"[::1]", "[::1]:80"),
        ("http://127.0.0.1#x", b"127.0.0.1", "127.0.0.1:80"),
    ],
)
def test_hosts(target, host, origin):
    config = HttpConfig(allow=("127.0.0.1", "::1"))
    recipient = read_recipient(target, HttpOptions(), config)
    assert (recipient.host, str(recipient.origin)) == (host, origin)
    head = recipient.head(recipient.message(make_request(target=target), Keys(()), timestamp=1))
    assert head.count(b"\r\nhost: " + host + b"\r\n") == 1
    assert head.endswith(b"\r\n\r\n")
    assert head.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("http://a\r\n.example/", httpx.InvalidURL),
        ("http://a.example/\r\nX: y", httpx.InvalidURL),
        ("http://", HostMalformed),
        ("http:///path", HostMalformed),
    ],
)
def test_what_cannot_be_a_recipient(target, error):
    with pytest.raises(error):
        read_recipient(target, HttpOptions(), HttpConfig())


def test_a_recipient_that_may_not_be_reached_says_why():
    recipient = read_recipient("http://10.0.0.1/", HttpOptions(), HttpConfig())
    assert "10.0.0.1" in recipient.refusal
    assert not recipient.direct


@given(
    st.text(min_size=1, max_size=300).filter(lambda one: not one.startswith("whs")),
    st.text(max_size=40),
    st.integers(0, 2**40),
    st.binary(max_size=300),
)
def test_signatures_are_those_of_hmac(secret, message_id, timestamp, body):
    content = f"{message_id}.{timestamp}.".encode() + body
    wanted = hmac.new(symmetric_key(secret), content, hashlib.sha256).digest()
    signed = HmacSigner(secret).sign(message_id, timestamp, body)
    assert signed == "v1," + base64.b64encode(wanted).decode()
