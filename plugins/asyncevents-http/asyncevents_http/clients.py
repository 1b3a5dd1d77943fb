"""Over what a delivery goes: the wire, or HTTP/2."""

from __future__ import annotations

import importlib.util
import time
from abc import ABC, abstractmethod
from typing import Final

from asyncevents_core.errors import MissingExtra
from asyncevents_core.plugin import DeliveryRequest
from asyncevents_http.config import HttpConfig
from asyncevents_http.http2 import Http2
from asyncevents_http.recipients import Recipient
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.trust import tls_context
from asyncevents_http.wire.client import Wire
from asyncevents_http.wire.exchange import Answer, Request


class Client(ABC):
    """Sends deliveries. Used on one loop."""

    @abstractmethod
    async def post(self, recipient: Recipient, request: DeliveryRequest, deadline: float) -> Answer:
        """Post once, and return the answer, within `deadline` seconds.

        Raises `WireError` where there is no status, `AddressRefused` where the guard lets no
        address pass.
        """

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
    tls = tls_context(config.ca_certs)
    tls.set_alpn_protocols(["http/1.1"])
    return Wire(
        resolver,
        tls,
        connect_timeout=config.connect_timeout,
        look_up_timeout=config.timeout,
    )


class WireClient(Client):
    """HTTP/1.1."""

    def __init__(self, config: HttpConfig, wire: Wire) -> None:
        self._cap: Final = config.response_cap
        self._wire = wire

    async def post(self, recipient: Recipient, request: DeliveryRequest, deadline: float) -> Answer:
        """See `Client`."""
        head = recipient.head(request, timestamp=int(time.time()))
        sent = Request(head=head, body=request.body, body_cap=self._cap)
        return await self._wire.ask(recipient.origin, sent, deadline=deadline)

    async def close(self) -> None:
        """See `Client`."""
        await self._wire.close()


class Http2Client(Client):
    """HTTP/2 where the recipient has it (by ALPN, over TLS), else HTTP/1.1."""

    def __init__(self, config: HttpConfig, resolver: GuardedResolver) -> None:
        self._config = config
        self._resolver = resolver
        self._tls = tls_context(config.ca_certs)
        self._http2: Http2 | None = None

    async def post(self, recipient: Recipient, request: DeliveryRequest, deadline: float) -> Answer:
        """See `Client`."""
        if self._http2 is None:
            self._http2 = Http2(
                self._resolver, self._tls, connect_timeout=self._config.connect_timeout
            )
        return await self._http2.post(
            recipient.origin,
            recipient.target,
            [
                (b"host", recipient.host),
                *recipient.headers(request, timestamp=int(time.time())),
                (b"content-length", b"%d" % len(request.body)),
            ],
            request.body,
            body_cap=self._config.response_cap,
            deadline=deadline,
        )

    async def close(self) -> None:
        """See `Client`."""
        if self._http2 is not None:
            await self._http2.close()
