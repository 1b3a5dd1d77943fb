"""New connections: to addresses that the guard lets pass, within a time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import Any, Final

import aiohappyeyeballs
from attrs import frozen

from asyncevents_core.errors import SettingsError
from asyncevents_http.guard import AddressRefused
from asyncevents_http.identities import IdentityMalformed
from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.trust import TlsContexts
from asyncevents_http.wire.connection import Connection, Keeper
from asyncevents_http.wire.deadlines import Deadlines, Timed
from asyncevents_http.wire.errors import (
    CannotConnect,
    CannotResolve,
    IdentityUnusable,
    TlsFailed,
    TooSlow,
    WireError,
    in_words,
)
from asyncevents_http.wire.exchange import Origin
from asyncevents_http.wire.tunnels import Tunnels

_NEXT_ADDRESS: Final = 0.25
"""Seconds after which the next address is tried beside the first (RFC 8305, section 8)."""
_FAREWELL: Final = 1.0
"""Seconds that the other side has to end TLS in an orderly way."""

_Address = tuple[int, int, int, str, tuple[Any, ...]]


class _Limit(Timed):
    """Cancels a task when its time is over."""

    __slots__ = ("_task", "expired")

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self.due = None
        self.expired = False
        self._task = task

    def expire(self) -> None:
        """See `Timed`."""
        self.expired = True
        self._task.cancel()


@frozen(kw_only=True)
class Dialer:
    """Opens connections. Times are seconds: to look up a name, and then to connect with TLS."""

    resolver: GuardedResolver
    tls: TlsContexts
    look_up_timeout: float
    connect_timeout: float
    tunnels: Tunnels | None

    async def open(self, keeper: Keeper, origin: Origin, deadlines: Deadlines) -> Connection:
        """Return a connection that can be used.

        Raises `WireError`, or `AddressRefused` where no address of the host may be reached. Called
        in a task of its own.
        """
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101
        limit = _Limit(task)
        deadlines.add(limit, loop.time() + self.look_up_timeout)
        doing = f"look-up of {origin.host} within {self.look_up_timeout:g} s"
        try:
            tls = self._tls(origin)
            tunnels = self.tunnels
            if tunnels is None or not tunnels.looks_up:
                addresses = await self._addresses(origin)
            else:
                addresses = []
            deadlines.remove(limit)
            deadlines.add(limit, loop.time() + self.connect_timeout)
            doing = f"connection to {origin} within {self.connect_timeout:g} s"
            if tunnels is None:
                sock = await self._socket(origin, addresses)
            else:
                doing += f", through the proxy {tunnels.proxy}"
                sock = await tunnels.open(origin, [one[4][0] for one in addresses])
            return await self._connect(loop, keeper, origin, sock, tls)
        except asyncio.CancelledError:
            if not limit.expired or task.uncancel() > 0:
                raise
            raise TooSlow(f"no {doing}") from None
        finally:
            deadlines.remove(limit)

    async def _addresses(self, origin: Origin) -> list[_Address]:
        try:
            found = await self.resolver.resolve(origin.host)
            return [
                one
                for family, address in found
                # No look-up: it reads the zone of a link-local address.
                for one in socket.getaddrinfo(
                    address,
                    origin.port,
                    family=family,
                    type=socket.SOCK_STREAM,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            ]
        except AddressRefused:
            raise
        except OSError as error:
            raise CannotResolve(f"cannot resolve {origin.host}: {error}") from error
        except ValueError as error:
            # What the codec of names cannot encode.
            raise CannotResolve(f"{type(error).__name__}: {error}") from error

    def _tls(self, origin: Origin) -> ssl.SSLContext | None:
        if not origin.tls:
            return None
        try:
            return self.tls.of(origin.identity)
        except (IdentityMalformed, SettingsError) as error:
            raise IdentityUnusable(str(error)) from error

    async def _socket(self, origin: Origin, addresses: list[_Address]) -> socket.socket:
        try:
            return await aiohappyeyeballs.start_connection(
                addresses, happy_eyeballs_delay=_NEXT_ADDRESS, interleave=1
            )
        except (OSError, RuntimeError) as error:
            raise CannotConnect(f"cannot connect to {origin}: {in_words(error)}") from error

    async def _connect(
        self,
        loop: asyncio.AbstractEventLoop,
        keeper: Keeper,
        origin: Origin,
        sock: socket.socket,
        tls: ssl.SSLContext | None,
    ) -> Connection:
        try:
            if tls is None:
                _, made = await loop.create_connection(
                    lambda: Connection(keeper, origin), sock=sock
                )
                return made
            _, made = await loop.create_connection(
                lambda: Connection(keeper, origin),
                sock=sock,
                ssl=tls,
                server_hostname=origin.host.rstrip("."),
                # Later than the limit of the whole, whose words are better.
                ssl_handshake_timeout=self.connect_timeout + _FAREWELL,
                ssl_shutdown_timeout=_FAREWELL,
            )
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError | ValueError):
                raise _failure(error, origin) from error
            raise
        return made


def _failure(error: Exception, origin: Origin) -> WireError:
    if isinstance(error, ssl.SSLError):
        return TlsFailed(f"TLS: {error}")
    return CannotConnect(f"cannot connect to {origin}: {in_words(error)}")
