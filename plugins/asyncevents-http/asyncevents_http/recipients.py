"""What stays the same from one request to a recipient to the next."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import httpx
from attrs import field, frozen

from asyncevents_core.plugin import DeliveryRequest
from asyncevents_http.config import HttpConfig
from asyncevents_http.headers import Headers, common_headers, own_headers
from asyncevents_http.signing import Signer, signers
from asyncevents_http.wire.exchange import Origin

_PORTS: Final = {"http": 80, "https": 443}
_PRINTABLE: Final = "".join(chr(code) for code in range(0x21, 0x7F))
"""What goes out as it is: whoever wrote "%3A" or "[" wants just that to arrive."""


@frozen(kw_only=True)
class Recipient:
    """A target and its secrets, read. Immutable."""

    origin: Origin
    host: bytes
    target: bytes
    signers: tuple[Signer, ...] = field(repr=False)
    _config: HttpConfig = field(repr=False)
    _prefix: bytes = field(init=False, repr=False)

    @_prefix.default
    def _write_prefix(self) -> bytes:
        lines = [b"host: " + self.host, *(b"%b: %b" % one for one in common_headers(self._config))]
        return b"POST " + self.target + b" HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n"

    def headers(self, request: DeliveryRequest, *, timestamp: int) -> Headers:
        """Return all headers of an attempt but Host and those that say how the body comes."""
        own = own_headers(request, self.signers, self._config, timestamp=timestamp)
        return [*common_headers(self._config), *own]

    def head(self, request: DeliveryRequest, *, timestamp: int) -> bytes:
        """Return the head of an attempt, with the empty line that ends it."""
        own = own_headers(request, self.signers, self._config, timestamp=timestamp)
        lines = b"".join([b"%b: %b\r\n" % one for one in own])
        return self._prefix + lines + b"content-length: %d\r\n\r\n" % len(request.body)


def read_recipient(target: str, secrets: tuple[str, ...], config: HttpConfig) -> Recipient:
    """Read a target. Pure.

    Raises `AddressRefused` where it is an address that may not be reached, `HostMalformed`,
    httpx.InvalidURL or `InvalidSecret` for what is malformed.
    """
    url = httpx.URL(target)
    host = url.raw_host.decode("ascii")
    config.guard.check_written(url.scheme, host, url.port)
    return Recipient(
        origin=origin_of(url),
        host=url.netloc,
        target=request_target(target),
        signers=signers(secrets),
        config=config,
    )


def origin_of(url: httpx.URL) -> Origin:
    """Return where the requests of a URL go."""
    host = url.raw_host.decode("ascii").strip("[]")
    return Origin(
        tls=url.scheme == "https",
        host=host,
        port=_PORTS.get(url.scheme, 80) if url.port is None else url.port,
    )


def request_target(url: str) -> bytes:
    """Return what of a URL follows its host, as it is given.

    Only what a request line cannot hold is percent-encoded: spaces, control characters, and what
    is not ASCII. A fragment is not sent.
    """
    rest = url.partition("://")[2].partition("#")[0]
    start = min((at for one in "/?" if (at := rest.find(one)) >= 0), default=len(rest))
    rest = rest[start:]
    return quote(rest if rest.startswith("/") else "/" + rest, safe=_PRINTABLE).encode("ascii")
