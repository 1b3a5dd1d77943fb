"""Connections through a proxy, up to where TLS begins."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Final

import aiohappyeyeballs
from attrs import frozen

from asyncevents_http.proxy import Proxy
from asyncevents_http.resolving import Addresses, GuardedResolver
from asyncevents_http.wire.errors import (
    CannotConnect,
    CannotResolve,
    ProxyDenied,
    ProxyWantsCredentials,
    in_words,
)
from asyncevents_http.wire.exchange import Origin

_AT_ONCE: Final = 4096


@frozen
class Tunnels:
    """Opens tunnels. `resolver` looks up the proxy itself, which the settings allow."""

    proxy: Proxy
    resolver: GuardedResolver

    @property
    def looks_up(self) -> bool:
        """Whether the proxy gets names, and not the addresses that were checked here."""
        return self.proxy.looks_up

    async def open(self, origin: Origin, addresses: Sequence[str]) -> socket.socket:
        """Return a socket that leads to an origin: to its name, or the first address that answers.

        Raises `WireError`.
        """
        failed: CannotConnect | None = None
        for host in self.hosts(origin, addresses):
            try:
                return await self._open(origin, host)
            except (ProxyDenied, ProxyWantsCredentials):
                raise
            except CannotConnect as error:
                failed = error
        raise failed or CannotResolve(f"{origin.host} has no address")

    def hosts(self, origin: Origin, addresses: Sequence[str]) -> list[str]:
        """Return what the proxy is asked for, one after the other."""
        if self.looks_up:
            return [origin.host]
        # A zone means nothing elsewhere.
        return list(dict.fromkeys(one.partition("%")[0] for one in addresses))

    async def addresses(self) -> Addresses:
        """Look the proxy up. Raises `CannotResolve`."""
        try:
            return await self.resolver.resolve(self.proxy.host)
        except (OSError, ValueError) as error:
            raise CannotResolve(f"cannot resolve the proxy {self.proxy.host}: {error}") from error

    async def _open(self, origin: Origin, host: str) -> socket.socket:
        loop = asyncio.get_running_loop()
        sock = await self._connect()
        try:
            await loop.sock_sendall(sock, self.proxy.request(host, origin.port))
            answer = b""
            while not self.proxy.has_answered(answer):
                part = await loop.sock_recv(sock, _AT_ONCE)
                if not part:
                    raise CannotConnect(f"the proxy {self.proxy} closed the connection")
                answer += part
            self.proxy.check(answer, str(origin))
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise CannotConnect(f"the proxy {self.proxy}: {in_words(error)}") from error
            raise
        return sock

    async def _connect(self) -> socket.socket:
        proxy = self.proxy
        found = await self.addresses()
        try:
            return await aiohappyeyeballs.start_connection(
                [
                    one
                    for family, address in found
                    for one in socket.getaddrinfo(
                        address,
                        proxy.port,
                        family=family,
                        type=socket.SOCK_STREAM,
                        proto=socket.IPPROTO_TCP,
                        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                    )
                ],
                interleave=1,
            )
        except (OSError, RuntimeError) as error:
            raise CannotConnect(
                f"cannot connect to the proxy {proxy}: {in_words(error)}"
            ) from error
