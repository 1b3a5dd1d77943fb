"""httpx's client over the wire: the same door, the same guard."""

from __future__ import annotations

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager

import httpx
import pytest
from aiohttp import web
from strange import HELLO, OK
from wires import Script

from asyncevents_core.errors import SettingsError
from asyncevents_http.config import HttpConfig
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.transport import WireTransport
from tests.streams import serving


@asynccontextmanager
async def client_with(*, follow_redirects=False, largest_body=1_000_000, **options):
    config = HttpConfig(**{"allow": ("127.0.0.0/8",), **options})
    transport = WireTransport(config, largest_body=largest_body)
    async with httpx.AsyncClient(transport=transport, follow_redirects=follow_redirects) as client:
        yield client


@pytest.fixture
async def echo(serve):
    async def answer(request):
        return web.json_response(
            {
                "method": request.method,
                "target": request.raw_path,
                "headers": {name.lower(): value for name, value in request.headers.items()},
                "body": (await request.read()).decode(),
            },
            headers={"X-Answer": "yes"},
        )

    return await serve(answer)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_requests_of_every_method(echo, method):
    async with client_with() as client:
        response = await client.request(method, echo + "a b?c=%3A&d", headers={"X-Own": "1"})
    came = response.json()
    assert (response.status_code, response.http_version) == (200, "HTTP/1.1")
    assert response.headers["x-answer"] == "yes"
    assert (came["method"], came["target"]) == (method, "/a%20b?c=%3A&d")
    assert came["headers"]["x-own"] == "1"


async def test_head_has_no_body(serve):
    async def answer(_):
        return web.Response(text="hello")

    url = await serve(answer)
    async with client_with() as client:
        for _ in range(2):
            response = await client.head(url)
            assert (response.status_code, response.content) == (200, b"")
            assert response.headers["content-length"] == "5"


async def test_bodies_whole_and_streamed(echo):
    async def parts():
        yield b"one "
        yield b"two"

    async with client_with() as client:
        for content in (b"one two", parts()):
            came = (await client.post(echo, content=content)).json()
            assert came["body"] == "one two"
            assert came["headers"]["content-length"] == "7"
            assert "transfer-encoding" not in came["headers"]


async def test_what_is_compressed_is_unpacked():
    body = gzip.compress(b"hello" * 100, mtime=0)
    head = OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with client_with() as client, serving(Script(head + body).handle) as port:
        assert (await client.get(f"http://127.0.0.1:{port}/")).content == b"hello" * 100


async def test_connections_are_kept():
    script = Script(*[HELLO] * 3, closes=False)
    async with client_with() as client, serving(script.handle) as port:
        for _ in range(3):
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "hello"
    assert script.connections == 1


@pytest.mark.parametrize(
    ("options", "url", "words"),
    [
        ({"allow": ()}, "http://127.0.0.1:1/", "not public"),
        ({"allow": ()}, "http://[::ffff:127.0.0.1]/", "not public"),
        ({}, "http://2130706433/", "four decimal numbers"),
        ({}, "http://a..b/", "no host name"),
        ({"https_only": True}, "http://127.0.0.1/", "https_only"),
        ({"ports": (443,)}, "http://127.0.0.1:80/", "port 80"),
        ({"deny": ("*.evil.example",)}, "https://a.evil.example/", "denied"),
        ({}, "http://127.0.0.1:1/", "cannot connect to 127.0.0.1:1: Connection refused"),
        ({}, "http://no-such-host.invalid/", "cannot resolve"),
    ],
)
async def test_the_guard_refuses(options, url, words):
    async with client_with(**options) as client:
        with pytest.raises(httpx.ConnectError, match=words):
            await client.get(url)


async def test_a_name_is_checked_by_what_it_resolves_to(echo, monkeypatch):
    port = echo.rsplit(":", 1)[1]
    found = [(socket.AF_INET, "127.0.0.1")]
    monkeypatch.setattr(GuardedResolver, "_look_up", staticmethod(lambda _: found))
    async with client_with(allow=()) as client:
        with pytest.raises(httpx.ConnectError, match=r"shop\.example is 127\.0\.0\.1"):
            await client.get(f"http://shop.example:{port}")


async def test_a_redirect_leads_through_the_guard_too(serve):
    async def answer(request):
        return web.Response(status=302, headers={"Location": "http://169.254.169.254/latest"})

    url = await serve(answer)
    async with client_with(follow_redirects=True) as client:
        with pytest.raises(httpx.ConnectError, match="not public"):
            await client.get(url)


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b"", httpx.RemoteProtocolError),
        (b"SSH-2.0\r\n", httpx.RemoteProtocolError),
        (OK + b"Content-Length: 9\r\n\r\nhello", httpx.RemoteProtocolError),
        (OK + b"no colon\r\n\r\n", httpx.RemoteProtocolError),
        (OK + b"Content-Length: 2000\r\n\r\n" + b"x" * 2000, httpx.ReadError),
        (OK + b"\r\n" + b"x" * 2000, httpx.ReadError),
    ],
)
async def test_half_an_answer_is_an_error(raw, error):
    async with client_with(largest_body=1000) as client, serving(Script(raw).handle) as port:
        with pytest.raises(error):
            await client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("timeout", "limit"), [(httpx.Timeout(0.1), 15.0), (httpx.Timeout(None), 0.1), (9.0, 0.1)]
)
async def test_time(timeout, limit):
    async def handle(reader, writer):
        await reader.read()

    async with client_with(timeout=limit) as client, serving(handle) as port:
        with pytest.raises(httpx.ReadTimeout, match=r"within 0\.1 s"):
            await client.get(f"http://127.0.0.1:{port}/", timeout=timeout)


@pytest.mark.parametrize(("method", "repeated"), [("GET", True), ("PUT", True), ("POST", False)])
async def test_what_is_idempotent_is_repeated(method, repeated):
    requests = 0

    async def handle(reader, writer):
        nonlocal requests
        for text in (HELLO, b""):
            await reader.readuntil(b"\r\n\r\n")
            requests += 1
            writer.write(text)
        writer.close()

    async with client_with() as client, serving(handle) as port:
        url = f"http://127.0.0.1:{port}/"
        await client.request(method, url)
        if repeated:
            assert (await client.request(method, url)).text == "hello"
        else:
            with pytest.raises(httpx.RemoteProtocolError):
                await client.request(method, url)
    assert requests == (3 if repeated else 2)


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "b\r\nX-Injected: 1"}, {"X-A": "b\nc"}, {"X-A\r\nX-B": "c"}, {"X A": "b"},
     {"X-A": "b\0c"}, {"": "b"}],
)  # fmt: skip
async def test_a_header_is_one_header(headers):
    script = Script(HELLO)
    async with client_with() as client, serving(script.handle) as port:
        with pytest.raises(httpx.LocalProtocolError):
            await client.get(f"http://127.0.0.1:{port}/", headers=headers)
        with pytest.raises(httpx.LocalProtocolError):
            await client.request("GET /x HTTP/1.1\r\nX:", f"http://127.0.0.1:{port}/")
    assert script.requests == []


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "ws://127.0.0.1/"])
async def test_other_schemes(url):
    async with client_with() as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get(url)


async def test_many_at_once(echo):
    async with client_with() as client:
        came = await asyncio.gather(*(client.get(echo) for _ in range(100)))
    assert {one.status_code for one in came} == {200}


def test_certificates_that_cannot_be_read(tmp_path):
    with pytest.raises(SettingsError, match="ca_certs"):
        WireTransport(HttpConfig(ca_certs=str(tmp_path / "none.pem")))
