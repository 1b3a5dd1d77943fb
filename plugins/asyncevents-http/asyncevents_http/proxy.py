"""A proxy between the worker and the internet: tunnels of HTTP's CONNECT (RFC 9110, 9.3.6)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote, urlsplit

from attrs import field, frozen

from asyncevents_http.basic import basic
from asyncevents_http.wire.errors import CannotConnect, ProxyDenied, ProxyWantsCredentials
from asyncevents_http.wire.heads import Head, is_interim, read_head

_LARGEST_ANSWER: Final = 64 * 1024
_END_OF_HEAD: Final = re.compile(rb"\r?\n\r?\n")
_USUAL_PORT: Final = 3128
_FORM: Final = "write http://[USER:PASSWORD@]HOST[:PORT]"
_LONGEST_REASON: Final = 200


@frozen(kw_only=True)
class Proxy:
    """A proxy. `looks_up` says that it gets names, and decides itself what may be reached."""

    host: str
    port: int
    credentials: bytes | None = field(repr=False)
    looks_up: bool

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def request(self, host: str, port: int) -> bytes:
        """Return the request for a tunnel to a host: a name, or an address without brackets."""
        authority = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
        own = b""
        if self.credentials is not None:
            own = b"proxy-authorization: %b\r\n" % self.credentials
        return b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n%b\r\n" % (authority, authority, own)

    def has_answered(self, answer: bytes) -> bool:
        """Tell whether a head has come to its end. Raises `CannotConnect` if it has none."""
        if len(answer) > _LARGEST_ANSWER:
            raise CannotConnect(f"the proxy {self} answered with what is no HTTP")
        return _END_OF_HEAD.search(answer) is not None

    def check(self, answer: bytes, host: str) -> None:
        """Check the head that the proxy has answered with; nothing may follow it.

        Raises `ProxyDenied`, `ProxyWantsCredentials`, or `CannotConnect` for other failures.
        """
        head = read_head(answer)
        if head is None or is_interim(head.status):
            raise CannotConnect(f"the proxy {self} answered with what is no HTTP")
        if 200 <= head.status < 300:
            if head.rest:
                raise CannotConnect(f"the proxy {self} said more than that there is a tunnel")
            return
        said = f"the proxy {self} answered HTTP {head.status}{_reason(answer)} for {host}"
        if head.status == 407 and _asks_for_credentials(head):
            raise ProxyWantsCredentials(
                f"{said}: give a name and password in SINKS['http']['proxy']"
            )
        if head.status < 500 and head.status != 408 and head.status != 429:
            raise ProxyDenied(said)
        raise CannotConnect(said)


def read_proxy(url: str, *, looks_up: bool) -> Proxy:
    """Read the URL of a proxy. Raises ValueError where it is none; its password is not shown."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(f"proxy is not a URL: {_FORM}") from None
    if parts.scheme != "http":
        raise ValueError(f"proxy has to be spoken to over http, not {parts.scheme!r}: {_FORM}")
    if not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError(f"proxy has a host and no path: {_FORM}")
    credentials = None
    if parts.username is not None:
        credentials = basic(unquote(parts.username), unquote(parts.password or ""))
    return Proxy(
        host=parts.hostname,
        port=_USUAL_PORT if port is None else port,
        credentials=credentials,
        looks_up=looks_up,
    )


def _asks_for_credentials(head: Head) -> bool:
    """Tell whether a 407 is what it says: some proxies deny with it (RFC 9110, 15.5.8)."""
    return any(name.lower() == b"proxy-authenticate" for name, _ in head.headers)


def _reason(answer: bytes) -> str:
    line = answer.split(b"\n", 1)[0].decode("latin-1").strip()
    words = line.split(" ", 2)[2:]
    text = "".join(one for one in "".join(words) if one.isprintable())[:_LONGEST_REASON]
    return f" {text}" if text else ""
