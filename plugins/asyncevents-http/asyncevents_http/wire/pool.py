"""Connections, by origin: those in use, those that wait to be used again, and who waits for one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from typing import Final

from attrs import field, frozen, validators

from asyncevents_http.wire.connection import Connection, Keeper
from asyncevents_http.wire.deadlines import Deadlines, Timed
from asyncevents_http.wire.dialing import Dialer
from asyncevents_http.wire.errors import NoAnswer
from asyncevents_http.wire.exchange import Answer, Exchange, Origin, Way

_SWEEP_EVERY: Final = 0.5
_LAST_CLOSES: Final = 2.0
"""Seconds that closing a pool waits for its connections to be closed."""


@frozen(kw_only=True)
class Bounds:
    """How many connections there may be.

    In use or being opened: in all, and for one origin; kept in all; attempts to connect that one
    origin has at the same time.
    """

    in_use: int = field(validator=validators.ge(1))
    in_use_per_origin: int = field(validator=validators.ge(1))
    kept: int = field(validator=validators.ge(0))
    attempts: int = field(default=16, validator=validators.ge(1))


class _Lane(Way):
    """What belongs to one origin."""

    def __init__(self, origin: Origin) -> None:
        self.origin: Final = origin
        self.kept: list[Connection] = []
        self.waiting: deque[Exchange] = deque()
        # Requests that a used connection has failed: they want one that is new.
        self.wanting_new: deque[Exchange] = deque()
        self.in_use = 0
        self.attempts = 0

    @property
    def wanting(self) -> int:
        return len(self.waiting) + len(self.wanting_new)

    @property
    def deserted(self) -> bool:
        return not (self.kept or self.in_use or self.attempts or self.wanting)

    def next(self) -> Exchange | None:
        """Return who gets a new connection."""
        if self.wanting_new:
            return self.wanting_new.popleft()
        return self.waiting.popleft() if self.waiting else None

    def leave(self, exchange: Exchange) -> None:
        """See `Way`."""
        # Those that give up have mostly waited longest, and stand in front.
        (self.wanting_new if exchange.replaced else self.waiting).remove(exchange)

    def so_far(self, exchange: Exchange) -> Answer | None:
        """See `Way`: nothing was sent."""
        return None


class Pool(Keeper, Timed):
    """Hands connections to requests, oldest request first. Used on one loop.

    Of several kept connections the one that was used last goes first, so that a lull closes what
    is not needed. A request for an origin at its bounds waits, and so does one at the bounds of
    the whole; there the origins take turns.
    """

    def __init__(
        self,
        dialer: Dialer,
        bounds: Bounds,
        deadlines: Deadlines,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.due = None
        self._dialer = dialer
        self._bounds = bounds
        self._deadlines = deadlines
        self._loop = loop
        self._lanes: dict[Origin, _Lane] = {}
        self._in_use = 0
        self._kept: OrderedDict[Connection, None] = OrderedDict()
        self._starved: OrderedDict[_Lane, None] = OrderedDict()
        self._open: set[Connection] = set()
        self._dials: set[asyncio.Task[None]] = set()
        self._last_closed: asyncio.Event | None = None

    def submit(self, exchange: Exchange, origin: Origin) -> None:
        """Send a request as soon as there is a connection for it."""
        lane = self._lane(origin)
        exchange.way = lane
        lane.waiting.append(exchange)
        self._serve(lane)

    async def close(self) -> None:
        """Close all connections; requests under way fail."""
        self._last_closed = asyncio.Event()
        self._deadlines.remove(self)
        for dial in self._dials:
            dial.cancel()
        if self._dials:
            await asyncio.wait(self._dials)
        for lane in list(self._lanes.values()):
            while (exchange := lane.next()) is not None:
                exchange.fail(_closed())
        for connection in list(self._open):
            connection.abort()
        if self._open:
            try:
                async with asyncio.timeout(_LAST_CLOSES):
                    await self._last_closed.wait()
            except TimeoutError:
                # They are aborted; the loop closes them when it gets to it.
                return

    # See `Keeper`.

    def free(self, connection: Connection) -> None:
        lane = self._lanes[connection.origin]
        if lane.waiting and not self._starved:
            connection.send(lane.waiting.popleft())
            return
        lane.in_use -= 1
        self._in_use -= 1
        self._keep(lane, connection)
        if self._starved:
            self._feed()
            self._serve(lane)

    def again(self, exchange: Exchange, origin: Origin) -> None:
        if self._last_closed is not None:
            exchange.fail(_closed())
            return
        lane = self._lane(origin)
        exchange.way = lane
        lane.wanting_new.append(exchange)
        self._serve(lane)

    def lost(self, connection: Connection) -> None:
        if connection not in self._open:
            # It was lost before it was ready: its attempt fails.
            return
        self._open.discard(connection)
        lane = self._lane(connection.origin)
        if connection in self._kept:
            del self._kept[connection]
            lane.kept.remove(connection)
        elif connection.idle_until == 0.0:
            lane.in_use -= 1
            self._in_use -= 1
        if self._last_closed is not None:
            if not self._open:
                self._last_closed.set()
            return
        self._feed()
        self._serve(lane)
        self._forget(lane)

    def expire(self) -> None:
        """See `Timed`: close what has waited too long."""
        now = self._loop.time()
        for connection in [one for one in self._kept if one.idle_until <= now]:
            self._discard(connection)
        if self._kept:
            self._deadlines.add(self, now + _SWEEP_EVERY)

    # Who gets what.

    def _serve(self, lane: _Lane) -> None:
        """Give a lane's requests connections, as far as the bounds let."""
        bounds = self._bounds
        while lane.wanting and self._last_closed is None:
            if lane.in_use + lane.attempts >= bounds.in_use_per_origin:
                return
            if self._in_use >= bounds.in_use:
                self._starved[lane] = None
                return
            connection = self._take(lane) if lane.waiting else None
            if connection is not None:
                lane.in_use += 1
                self._in_use += 1
                connection.send(lane.waiting.popleft())
            elif lane.attempts < min(bounds.attempts, lane.wanting):
                self._dial(lane)
            else:
                return

    def _feed(self) -> None:
        """Let origins that wait have what is free, each in its turn."""
        for _ in range(len(self._starved)):
            if self._in_use >= self._bounds.in_use:
                return
            lane, _none = self._starved.popitem(last=False)
            self._serve(lane)
            # Those who waited may have given up.
            self._forget(lane)

    def _keep(self, lane: _Lane, connection: Connection) -> None:
        now = self._loop.time()
        connection.idle_until = now + connection.idle_seconds
        self._kept[connection] = None
        lane.kept.append(connection)
        if len(self._kept) > self._bounds.kept:
            self._discard(next(iter(self._kept)))
        if self.due is None and self._last_closed is None:
            self._deadlines.add(self, now + _SWEEP_EVERY)

    def _take(self, lane: _Lane) -> Connection | None:
        now = self._loop.time()
        while lane.kept:
            connection = lane.kept[-1]
            if connection.usable and connection.idle_until > now:
                lane.kept.pop()
                del self._kept[connection]
                connection.idle_until = 0.0
                return connection
            self._discard(connection)
        return None

    def _discard(self, connection: Connection) -> None:
        """Close a connection that is kept. It is no longer counted."""
        del self._kept[connection]
        lane = self._lanes[connection.origin]
        lane.kept.remove(connection)
        connection.close()
        self._forget(lane)

    def _lane(self, origin: Origin) -> _Lane:
        lane = self._lanes.get(origin)
        if lane is None:
            lane = self._lanes[origin] = _Lane(origin)
        return lane

    def _forget(self, lane: _Lane) -> None:
        if lane.deserted:
            self._starved.pop(lane, None)
            self._lanes.pop(lane.origin, None)

    # New connections.

    def _dial(self, lane: _Lane) -> None:
        lane.attempts += 1
        self._in_use += 1
        task = self._loop.create_task(self._connect(lane))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _connect(self, lane: _Lane) -> None:
        """Open a connection, and give it to who waits."""
        try:
            connection = await self._dialer.open(self, lane.origin, self._deadlines)
        except Exception as error:
            # Each attempt answers for its part of those who wait.
            share = -(-lane.wanting // lane.attempts)
            self._ended(lane)
            for _ in range(share):
                exchange = lane.next()
                if exchange is not None:
                    exchange.fail(error)
        except BaseException:
            self._ended(lane)
            raise
        else:
            self._ended(lane)
            self._ready(lane, connection)
        self._feed()
        self._serve(lane)
        self._forget(lane)

    def _ended(self, lane: _Lane) -> None:
        lane.attempts -= 1
        self._in_use -= 1

    def _ready(self, lane: _Lane, connection: Connection) -> None:
        if not connection.usable:
            exchange = lane.next()
            if exchange is not None:
                exchange.fail(NoAnswer("the connection was closed without an answer"))
            return
        self._open.add(connection)
        exchange = lane.next()
        if exchange is None:
            self._keep(lane, connection)
            return
        lane.in_use += 1
        self._in_use += 1
        connection.send(exchange)


def _closed() -> NoAnswer:
    return NoAnswer("the sink was closed")
