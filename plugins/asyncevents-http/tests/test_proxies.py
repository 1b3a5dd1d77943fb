"""A proxy between the worker and the internet."""

from __future__ import annotations

import asyncio
import base64
import socket

import httpx
import pytest
from aiohttp import web
from certificates import LOOPBACK, make
from cryptography import x509
from http2_server import serving_http2
from proxies import tunnelling
from strange import HELLO
from wires import Script

from asyncevents_core.plugin import Failure, OutcomeKind
from asyncevents_core.testing.driver import reason_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.transport import WireTransport
from sending import send, usual_sink
from tests.streams import serving

DENIED = b"HTTP/1.1 403 Not in the list\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def certificate(tmp_path):
    return make(tmp_path, "Ours", LOOPBACK, x509.DNSName("shop.example"))


@pytest.fixture
def looked_up(monkeypatch):
    """Names resolve to a public address; returns which were looked up."""
    names = []

    def look_up(name):
        names.append(name)
        return [(socket.AF_INET, "93.184.215.14")]

    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(look_up))
    return names


async def test_http_goes_through_a_tunnel_to_the_address_that_was_checked(looked_up):
    script = Script(HELLO)
    async with serving(script.handle) as port, tunnelling() as (proxy, url):
        outcome = await send(f"http://shop.example:{port}/hook", config={"proxy": url})
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert proxy.authorities == [f"93.184.215.14:{port}"]
    assert looked_up == ["shop.example"]
    (request,) = script.requests
    assert request.startswith(b"POST /hook HTTP/1.1\r\nhost: shop.example:%d\r\n" % port)
    assert b"proxy-" not in request.lower()


@pytest.mark.parametrize("http2", [False, True], ids=["wire", "http2"])
async def test_https_names_the_host_to_the_recipient(certificate, looked_up, http2):
    names = []

    async def answer(path, headers, body):
        names.append(headers[":authority"])
        return 200, [], b"hello"

    async def plain(request):
        names.append(request.headers["host"])
        return web.Response()

    config = {"ca_certs": str(certificate[0]), "http2": http2}
    async with tunnelling() as (proxy, url):
        if http2:
            async with serving_http2(answer, certificate) as (port, _):
                target = f"https://shop.example:{port}/"
                outcome = await send(target, config={"proxy": url, **config})
        else:
            import ssl

            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            script = Script(HELLO)
            async with serving(script.handle, tls=tls) as port:
                target = f"https://shop.example:{port}/"
                outcome = await send(target, config={"proxy": url, **config})
            names.append(f"shop.example:{port}")
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert proxy.authorities == [f"93.184.215.14:{port}"]
    assert names == [f"shop.example:{port}"]


@pytest.mark.parametrize("http2", [False, True], ids=["wire", "http2"])
async def test_a_proxy_that_checks_addresses_gets_the_name(looked_up, http2):
    script = Script(HELLO)
    async with serving(script.handle) as port, tunnelling() as (proxy, url):
        config = {"proxy": url, "proxy_checks_addresses": True, "http2": http2}
        outcome = await send(f"http://shop.example:{port}/", config=config)
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert proxy.authorities == [f"shop.example:{port}"]
    assert looked_up == []


async def test_connections_are_used_again(looked_up):
    script = Script(HELLO, HELLO, closes=False)
    async with (
        serving(script.handle) as port,
        tunnelling() as (proxy, url),
        usual_sink(proxy=url) as (sink, new),
    ):
        for _ in range(2):
            outcome = await sink.deliver(new(f"http://shop.example:{port}/"), 5.0)
            assert outcome.kind is OutcomeKind.DELIVERED
    assert len(proxy.asked) == 1


async def test_its_credentials(looked_up):
    async with tunnelling(DENIED) as (proxy, url):
        url = url.replace("//", "//us%40er:pass%3Aword@")
        outcome = await send("http://shop.example/", config={"proxy": url})
    written = base64.b64encode(b"us@er:pass:word").decode()
    assert f"\r\nproxy-authorization: Basic {written}\r\n" in proxy.asked[0]
    assert "pass" not in outcome.detail
    assert "pass" not in repr(HttpConfig(proxy=url))


@pytest.mark.parametrize("http2", [False, True], ids=["wire", "http2"])
@pytest.mark.parametrize(
    ("says", "failure"),
    [
        (DENIED, Failure.DENIED),
        (b"HTTP/1.1 400 Bad\r\n\r\n", Failure.DENIED),
        (
            b'HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm="x"\r\n\r\n',
            Failure.CREDENTIALS,
        ),
        # It wants no credentials: some deny so.
        (b"HTTP/1.1 407 Denied\r\n\r\n", Failure.DENIED),
        (b"HTTP/1.1 429 Later\r\n\r\n", Failure.NETWORK),
        (b"HTTP/1.1 500 Bad\r\n\r\n", Failure.NETWORK),
        (b"HTTP/1.1 502 Bad gateway\r\n\r\n", Failure.NETWORK),
        (b"HTTP/1.1 504 Slow\r\n\r\n", Failure.NETWORK),
        (b"220 mail.example ESMTP\r\n\r\n", Failure.NETWORK),
        (b"HTTP/1.1 200 OK\r\n\r\nand more", Failure.NETWORK),
        (b"x" * 70_000, Failure.NETWORK),
        (b"HTTP/1.1 200", Failure.NETWORK),
        (b"", Failure.NETWORK),
    ],
)
async def test_what_a_proxy_says(looked_up, says, failure, http2):
    async with tunnelling(says) as (_, url):
        config = {"proxy": url, "http2": http2}
        outcome = await send("http://shop.example:1/", config=config)
    assert reason_of(outcome) is failure, outcome
    assert "the proxy 127.0.0.1:" in outcome.detail
    if b" 403 " in says:
        assert "HTTP 403 Not in the list for shop.example:1" in outcome.detail


@pytest.mark.parametrize("http2", [False, True], ids=["wire", "http2"])
async def test_a_proxy_that_is_not_there(looked_up, http2):
    config = {"proxy": "http://127.0.0.1:1", "http2": http2}
    outcome = await send("http://shop.example/", config=config)
    assert reason_of(outcome) is Failure.NETWORK
    assert "cannot connect to the proxy 127.0.0.1:1" in outcome.detail


async def test_a_proxy_that_says_nothing(looked_up):
    async with tunnelling(lambda _: None) as (_, url):
        config = {"proxy": url, "connect_timeout": 0.2}
        outcome = await send("http://shop.example/", config=config)
    assert reason_of(outcome) is Failure.TIMED_OUT
    assert "through the proxy" in outcome.detail


async def test_the_next_address_is_tried(monkeypatch):
    found = [(socket.AF_INET, "93.184.215.14"), (socket.AF_INET, "93.184.215.15")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda *_: found))

    def says(head):
        if b".14:" in head:
            return b"HTTP/1.1 502 Bad gateway\r\n\r\n"
        return b"HTTP/1.1 200 OK\r\n\r\n"

    script = Script(HELLO)
    async with serving(script.handle) as port, tunnelling(says) as (proxy, url):
        outcome = await send(f"http://shop.example:{port}/", config={"proxy": url})
    assert outcome.kind is OutcomeKind.DELIVERED
    assert proxy.authorities == [f"93.184.215.14:{port}", f"93.184.215.15:{port}"]


async def test_what_is_not_public_does_not_get_to_the_proxy(monkeypatch):
    found = [(socket.AF_INET, "10.0.0.1")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda *_: found))
    async with tunnelling() as (proxy, url):
        outcome = await send("http://shop.example/", config={"proxy": url})
    assert reason_of(outcome) is Failure.DENIED
    assert proxy.asked == []


@pytest.mark.parametrize("target", ["http://10.0.0.1/", "http://evil.example/"])
async def test_what_is_written_is_checked_even_where_the_proxy_decides(target):
    async with tunnelling() as (proxy, url):
        config = {"proxy": url, "proxy_checks_addresses": True, "deny": ("evil.example",)}
        outcome = await send(target, config=config)
    assert outcome.kind is OutcomeKind.PERMANENT
    assert proxy.asked == []


async def test_tokens_are_fetched_through_it(looked_up):
    async def issue(request):
        if request.path == "/token":
            return web.json_response({"access_token": "abc"})
        assert request.headers["authorization"] == "Bearer abc"
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", issue)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with tunnelling() as (proxy, url):
        outcome = await send(
            f"http://shop.example:{port}/",
            config={"proxy": url, "proxy_checks_addresses": True},
            token_url=f"http://login.example:{port}/token",
            client_id="a",
            client_secret="b",
        )
    await runner.cleanup()
    assert outcome.kind is OutcomeKind.DELIVERED, outcome
    assert proxy.authorities == [f"login.example:{port}", f"shop.example:{port}"]


async def test_requests_of_ones_own_go_through_it(looked_up):
    script = Script(HELLO)
    async with serving(script.handle) as port, tunnelling() as (proxy, url):
        transport = WireTransport(HttpConfig(proxy=url))
        async with httpx.AsyncClient(transport=transport) as client:
            response = await client.get(f"http://shop.example:{port}/")
    assert response.status_code == 200
    assert len(proxy.asked) == 1


@pytest.mark.parametrize(
    ("proxy", "why"),
    [
        ("proxy:3128", "http"),
        ("https://proxy:3128", "https"),
        ("socks5://proxy", "socks5"),
        ("http://", "a host"),
        ("http://proxy/path", "no path"),
        ("http://proxy:99999", "URL"),
        ("http://127.1", "network"),
        ("http://pro$xy", "host"),
    ],
)
def test_what_is_no_proxy(proxy, why):
    with pytest.raises(ValueError, match=why):
        HttpConfig(proxy=proxy)


def test_a_wrong_one_does_not_show_its_password():
    with pytest.raises(ValueError) as refused:
        HttpConfig(proxy="https://me:hunter2@proxy")
    assert "hunter2" not in str(refused.value)


def test_who_checks_without_a_proxy():
    with pytest.raises(ValueError, match="without proxy"):
        HttpConfig(proxy_checks_addresses=True)


async def test_closing_ends_what_waits_for_a_proxy(looked_up):
    async with tunnelling(lambda _: None) as (proxy, url):
        async with usual_sink(proxy=url) as (sink, new):
            attempt = asyncio.ensure_future(sink.deliver(new("http://shop.example/"), 15.0))
            while not proxy.asked:
                await asyncio.sleep(0.01)
        assert (await attempt).kind is OutcomeKind.RETRYABLE
