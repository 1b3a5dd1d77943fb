"""The wire as a transport of httpx: requests of any kind, through the same guarded door."""

from __future__ import annotations

import re
from typing import Final, cast

import httpx

from asyncevents_http.clients import wire_of
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused, HostMalformed
from asyncevents_http.recipients import origin_of
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.wire.errors import (
    CannotConnect,
    CannotResolve,
    TlsFailed,
    TooSlow,
    WireError,
)
from asyncevents_http.wire.exchange import Answer, Headers, Request

LARGEST_BODY: Final = 64 * 1024 * 1024

_SCHEMES: Final = frozenset({"http", "https"})
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
"""What HTTP calls idempotent: RFC 9110, section 9.2.2."""
_TOKEN: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(rb"[^\r\n\0]*")
_REPLACED: Final = frozenset({b"content-length", b"transfer-encoding"})


class WireTransport(httpx.AsyncBaseTransport):
    """``httpx.AsyncClient(transport=WireTransport(HttpConfig()))``. Used on one loop.

    What `config` says of addresses, ports, certificates and times holds for each request, and for
    each that a redirect leads to. Bodies are sent and read as a whole; one of an answer that is
    larger than `largest_body` bytes is an httpx.ReadError. A request has the longest of httpx's
    time-outs for everything together, and never more than `config.timeout`. Always HTTP/1.1.

    Raises `SettingsError` where `config.ca_certs` cannot be read.
    """

    def __init__(self, config: HttpConfig, *, largest_body: int = LARGEST_BODY) -> None:
        self._config = config
        self._guard = config.guard
        self._largest_body = largest_body
        self._resolver = GuardedResolver(self._guard, threads=config.dns_threads)
        self._wire = wire_of(config, self._resolver)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request. Raises httpx.TransportError, also for what the guard refuses."""
        url = request.url
        if url.scheme not in _SCHEMES or request.method == "CONNECT":
            raise httpx.UnsupportedProtocol(f"{request.method} {url.scheme}: is not supported")
        body = b"".join([part async for part in cast("httpx.AsyncByteStream", request.stream)])
        sent = Request(
            head=_head(request, len(body)),
            body=body,
            body_cap=self._largest_body,
            repeatable=request.method in _REPEATABLE,
            bodiless=request.method == "HEAD",
        )
        try:
            self._guard.check_written(url.scheme, url.raw_host.decode("ascii"), url.port)
            answer = await self._wire.ask(origin_of(url), sent, deadline=self._deadline(request))
        except (AddressRefused, HostMalformed) as error:
            raise httpx.ConnectError(str(error), request=request) from error
        except WireError as error:
            raise _error_of(error, request) from error
        return self._response(answer, request)

    async def aclose(self) -> None:
        """Close all connections. Idempotent."""
        await self._wire.close()
        await self._resolver.close()

    def _deadline(self, request: httpx.Request) -> float:
        times: dict[str, float | None] = request.extensions.get("timeout", {})
        given = [one for one in times.values() if one is not None]
        if not given or len(given) < len(times):
            return self._config.timeout
        return min(self._config.timeout, max(given))

    def _response(self, answer: Answer, request: httpx.Request) -> httpx.Response:
        if answer.note:
            raise httpx.RemoteProtocolError(answer.note, request=request)
        if answer.cut:
            raise httpx.ReadError(
                f"the body is larger than {self._largest_body} bytes", request=request
            )
        return httpx.Response(
            answer.status,
            headers=answer.headers,
            stream=httpx.ByteStream(answer.body),
            extensions={"http_version": f"HTTP/{answer.version}".encode()},
        )


def _head(request: httpx.Request, size: int) -> bytes:
    """Return the head. Raises httpx.LocalProtocolError for what would be more than one."""
    method, headers = request.method.encode("latin-1"), _headers(request, size)
    names = [method, *(name for name, _ in headers)]
    if not all(_TOKEN.fullmatch(one) for one in names) or not all(
        _VALUE.fullmatch(value) for _, value in headers
    ):
        raise httpx.LocalProtocolError("a method or a header is malformed", request=request)
    lines = b"".join([b"%b: %b\r\n" % one for one in headers])
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (method, request.url.raw_path, lines)


def _headers(request: httpx.Request, size: int) -> Headers:
    """Return the headers; how the body comes is the wire's own affair."""
    given = request.headers.raw
    headers = [(name, value) for name, value in given if name.lower() not in _REPLACED]
    if size or any(name.lower() in _REPLACED for name, _ in given):
        headers.append((b"Content-Length", b"%d" % size))
    if "host" not in request.headers:
        headers.insert(0, (b"Host", request.url.netloc))
    return headers


def _error_of(error: WireError, request: httpx.Request) -> httpx.TransportError:
    if isinstance(error, TooSlow):
        return httpx.ReadTimeout(str(error), request=request)
    if isinstance(error, CannotResolve | CannotConnect | TlsFailed):
        return httpx.ConnectError(str(error), request=request)
    return httpx.RemoteProtocolError(str(error), request=request)
