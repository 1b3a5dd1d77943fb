"""Over what a delivery goes: the wire, or HTTP/2."""

from __future__ import annotations

import importlib.util
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Final

from attrs import field, frozen

from asyncevents_core.errors import MissingExtra
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import Guard, Rules
from asyncevents_http.recipients import Message, Recipient
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.trust import TlsContexts
from asyncevents_http.wire.client import Wire
from asyncevents_http.wire.exchange import Answer, Headers, Origin, Request
from asyncevents_http.wire.tunnels import Tunnels

if TYPE_CHECKING:
    from asyncevents_http.http2 import Http2


@frozen(kw_only=True)
class Call:
    """A request beside deliveries. `headers` are all but Host and Content-Length."""

    method: str
    origin: Origin
    host: bytes
    target: bytes
    headers: Headers = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    body_cap: int = 64 * 1024

    @property
    def head(self) -> bytes:
        """The head of the request, with the empty line that ends it."""
        lines = b"".join([b"%b: %b\r\n" % one for one in self.headers])
        return b"%b %b HTTP/1.1\r\nhost: %b\r\n%bcontent-length: %d\r\n\r\n" % (
            self.method.encode(),
            self.target,
            self.host,
            lines,
            len(self.body),
        )


class Client(ABC):
    """Sends deliveries, and what they need. Used on one loop.

    Each method returns the answer, within `deadline` seconds. It raises `WireError` where there
    is no status, `AddressRefused` where the guard lets no address pass.
    """

    @abstractmethod
    async def send(self, recipient: Recipient, message: Message, deadline: float) -> Answer:
        """Send a message once."""

    @abstractmethod
    async def call(self, call: Call, deadline: float) -> Answer:
        """Make a call once."""

    @abstractmethod
    async def close(self) -> None:
        """Close connections. Idempotent."""


def client_of(config: HttpConfig, resolver: GuardedResolver) -> Client:
    """Return the client that the options ask for.

    Raises `MissingExtra` without the extra `http2` where it is needed, and `SettingsError` where
    `ca_certs` cannot be read.
    """
    if not config.http2:
        return WireClient(config, wire_of(config, resolver))
    if importlib.util.find_spec("h2") is None:
        raise MissingExtra("SINKS['http']['http2']", extra="http2", of="asyncevents-http")
    return Http2Client(config, resolver)


def wire_of(config: HttpConfig, resolver: GuardedResolver) -> Wire:
    """Return a wire with the times and certificates of the options. Raises `SettingsError`."""
    return Wire(
        resolver,
        TlsContexts(config.ca_certs, ["http/1.1"]),
        connect_timeout=config.connect_timeout,
        look_up_timeout=config.timeout,
        tunnels=tunnels_of(config),
    )


def tunnels_of(config: HttpConfig) -> Tunnels | None:
    """Return what opens connections through the proxy of the options; None without one."""
    proxy = config.tunnel
    if proxy is None:
        return None
    # Who configures a proxy may well have it in a network that is not public.
    guard = Guard(allow=Rules((proxy.host,)))
    return Tunnels(proxy, GuardedResolver(guard, threads=_PROXY_THREADS))


_PROXY_THREADS: Final = 2


class WireClient(Client):
    """HTTP/1.1."""

    def __init__(self, config: HttpConfig, wire: Wire) -> None:
        self._cap: Final = config.response_cap
        self._wire = wire

    async def send(self, recipient: Recipient, message: Message, deadline: float) -> Answer:
        """See `Client`."""
        sent = Request(head=recipient.head(message), body=message.body, body_cap=self._cap)
        return await self._wire.ask(recipient.origin, sent, deadline=deadline)

    async def call(self, call: Call, deadline: float) -> Answer:
        """See `Client`."""
        sent = Request(head=call.head, body=call.body, body_cap=call.body_cap)
        return await self._wire.ask(call.origin, sent, deadline=deadline)

    async def close(self) -> None:
        """See `Client`."""
        await self._wire.close()


class Http2Client(Client):
    """HTTP/2 where the recipient has it (by ALPN, over TLS), else HTTP/1.1."""

    def __init__(self, config: HttpConfig, resolver: GuardedResolver) -> None:
        self._config = config
        self._resolver = resolver
        self._tls = TlsContexts(config.ca_certs)
        self._http2: Http2 | None = None

    async def send(self, recipient: Recipient, message: Message, deadline: float) -> Answer:
        """See `Client`."""
        call = Call(
            method=recipient.method,
            origin=recipient.origin,
            host=recipient.host,
            target=recipient.target,
            headers=[*recipient.common, *message.headers],
            body=message.body,
            body_cap=self._config.response_cap,
        )
        return await self.call(call, deadline)

    async def call(self, call: Call, deadline: float) -> Answer:
        """See `Client`."""
        if self._http2 is None:
            self._http2 = self._open()
        headers = [
            (b"host", call.host),
            *call.headers,
            (b"content-length", b"%d" % len(call.body)),
        ]
        return await self._http2.send(
            call.method,
            call.origin,
            call.target,
            headers,
            call.body,
            body_cap=call.body_cap,
            deadline=deadline,
        )

    async def close(self) -> None:
        """See `Client`."""
        if self._http2 is not None:
            await self._http2.close()

    def _open(self) -> Http2:
        # Imported here: its client takes some MB, and few ask for it.
        from asyncevents_http.http2 import Http2

        return Http2(
            self._resolver,
            self._tls,
            connect_timeout=self._config.connect_timeout,
            tunnels=tunnels_of(self._config),
        )
