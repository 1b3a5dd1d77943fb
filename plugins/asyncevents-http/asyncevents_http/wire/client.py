"""The wire: requests in, answers out."""

from __future__ import annotations

import asyncio

from attrs import define, field, frozen

from asyncevents_http.resolving import GuardedResolver
from asyncevents_http.trust import TlsContexts
from asyncevents_http.wire.deadlines import Deadlines
from asyncevents_http.wire.dialing import Dialer
from asyncevents_http.wire.errors import NoAnswer
from asyncevents_http.wire.exchange import Answer, Exchange, Origin, Request
from asyncevents_http.wire.files import open_files
from asyncevents_http.wire.pool import Bounds, Pool
from asyncevents_http.wire.tunnels import Tunnels


def usual_bounds() -> Bounds:
    """Return bounds for the files that this process may open.

    Half of them are for requests under way, of which one origin has a quarter, and a quarter of
    the files for connections that are kept; the rest is for databases, brokers and the like.
    """
    files = open_files()
    in_use = max(1, files // 2)
    return Bounds(in_use=in_use, in_use_per_origin=max(1, in_use // 4), kept=max(1, files // 4))


@frozen
class _Running:
    """What belongs to the loop."""

    loop: asyncio.AbstractEventLoop
    deadlines: Deadlines
    pool: Pool


@define
class Wire:
    """Sends requests of HTTP/1.1, and follows nothing. Used on one loop, that of the first request.

    Times are seconds: `connect_timeout` for a connection with its TLS, `look_up_timeout` for a
    name. With `tunnels` connections go through a proxy. Without `bounds` they are those of
    `usual_bounds`.
    """

    resolver: GuardedResolver
    tls: TlsContexts
    connect_timeout: float = field(kw_only=True)
    look_up_timeout: float = field(kw_only=True)
    tunnels: Tunnels | None = field(default=None, kw_only=True)
    bounds: Bounds | None = field(default=None, kw_only=True)
    _running: _Running | None = field(default=None, init=False)
    _closed: bool = field(default=False, init=False)

    async def ask(self, origin: Origin, request: Request, *, deadline: float) -> Answer:
        """Send a request and return its answer, within `deadline` seconds in all.

        Raises `WireError` where there is no status, and `AddressRefused` where the guard lets no
        address of the host pass. Cancelled, it closes the connection of the request.
        """
        running = self._running or self._start()
        exchange = Exchange(request, deadline, running.loop)
        running.deadlines.add(exchange, running.loop.time() + deadline)
        try:
            running.pool.submit(exchange, origin)
            return await exchange.answer()
        finally:
            running.deadlines.remove(exchange)
            exchange.abandon()

    async def close(self) -> None:
        """Close all connections; requests under way fail. Idempotent. The resolver stays open."""
        self._closed = True
        if self.tunnels is not None:
            await self.tunnels.resolver.close()
        running, self._running = self._running, None
        if running is not None:
            await running.pool.close()
            running.deadlines.close()

    def _start(self) -> _Running:
        if self._closed:
            raise NoAnswer("the sink was closed")
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        dialer = Dialer(
            resolver=self.resolver,
            tls=self.tls,
            look_up_timeout=self.look_up_timeout,
            connect_timeout=self.connect_timeout,
            tunnels=self.tunnels,
        )
        pool = Pool(dialer, self.bounds or usual_bounds(), deadlines, loop)
        self._running = _Running(loop, deadlines, pool)
        return self._running
